import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import * as core from '../../../src/core/membership/dissemination.ts'
import type { Coordinate } from '../../../src/core/coordinates/types.ts'
import type { Evidence, LoadDigest, Packet, Probe, Report, SignedLeave, Update } from '../../../src/core/membership/types.ts'
import * as wire from '../../../src/wire/generated/membership.ts'
import {
  decodeAnnouncement, decodePacket, encodeAnnouncement, encodePacket, packetOverheadBytesMax, reportBytes, updateBytes,
} from '../../../src/wire/membership-codec.ts'
import { createRecordVerifier, type RecordSigner, type RecordVerifier } from '../../../src/wire/membership-signatures.ts'
import { claimUpdate, createTestRecord, createTestSigner } from '../../support/member-records.ts'

const verifier = createRecordVerifier()
const empty: Packet = { probe: null, updates: [], load: null, reports: [], coordinate: null }
let signers: RecordSigner[]
let peerIds: string[]

beforeAll(async () => {
  signers = await Promise.all([1, 2, 3].map(createTestSigner))
  peerIds = signers.map(({ peerId }) => peerId)
})

const counts = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER), fc.maxSafeNat())
const anyPeerId = fc.nat(2).map((index) => peerIds[index] as string)
const anySigner = fc.nat(2).map((index) => signers[index] as RecordSigner)

const anyProbe: fc.Arbitrary<Probe> = fc.oneof(
  fc.record({ kind: fc.constantFrom('ping' as const, 'ack' as const, 'nack' as const), sequence: counts }),
  fc.record({ kind: fc.constant('ping-request' as const), sequence: counts, target: anyPeerId }),
)
const anyLoad: fc.Arbitrary<LoadDigest> = fc.record({
  cpuPercent: fc.nat(1000).map((permille) => permille / 10),
  memoryPercent: fc.nat(1000).map((permille) => permille / 10),
  inFlight: fc.oneof(fc.constant(2 ** 32 - 1), fc.nat()),
  overloaded: fc.boolean(),
  drill: fc.boolean(),
  sequence: counts,
})
const anyEvidence = fc.constantFrom<Evidence>('probe', 'closed', 'refused', 'silent', 'lossy', 'table', 'operator')
const anyReport: fc.Arbitrary<Report> = fc.record({ peerId: anyPeerId, incarnation: counts, verdict: fc.constantFrom('dead' as const, 'lossy' as const, 'well' as const), evidence: anyEvidence })
const anyMs = fc.integer({ min: -60_000, max: 60_000 })
const anyCoordinate: fc.Arbitrary<Coordinate> = fc.record({
  vectorMs: fc.array(anyMs, { minLength: 8, maxLength: 8 }), heightMs: fc.integer({ min: 0, max: 60_000 }), adjustmentMs: anyMs, error: fc.constantFrom(0, 0.5, 1.5),
})
const anyUpdate: fc.Arbitrary<Update> = fc.oneof(
  fc.record({ kind: fc.constant('suspect' as const), peerId: anyPeerId, incarnation: counts, from: anyPeerId, evidence: anyEvidence }),
  fc.record({ kind: fc.constant('removed' as const), peerId: anyPeerId, incarnation: counts, from: anyPeerId }),
  fc.record({
    kind: fc.constant('failed' as const), peerId: anyPeerId, incarnation: counts, from: anyPeerId, evidence: anyEvidence, suspectedBy: anyPeerId,
    confirmedBy: fc.array(anyPeerId, { maxLength: 4 }), probeMs: fc.nat(), suspicionMs: fc.nat(),
  }),
  fc.tuple(anySigner, fc.integer({ min: 1, max: 63 })).map(([signer, length]): Update => (
    { kind: 'record', signed: signer.signRecord(createTestRecord(signer.peerId, { name: 'n'.repeat(length) })) }
  )),
  fc.tuple(anySigner, counts).map(([signer, incarnation]): Update => ({ kind: 'left', leave: signer.signLeave(incarnation) })),
)

describe('packets', () => {
  it('come back as they were, and keep the sizes by which they are packed', () => {
    fc.assert(fc.property(
      fc.option(anyProbe), fc.array(anyUpdate, { maxLength: 4 }), fc.option(anyLoad), fc.array(anyReport, { maxLength: 3 }), fc.option(anyCoordinate),
      (probe, updates, load, reports, coordinate) => {
        const packet: Packet = { probe, updates, load, reports, coordinate }
        const bytes = encodePacket(packet)
        fc.pre(bytes.length <= 1400)
        expect(decodePacket(bytes, verifier)).toEqual({ ok: true, value: packet, unverified: 0, unknown: 0 })

        const rest = encodePacket({ ...packet, updates: [], reports: [] }).length
        expect(rest).toBeLessThanOrEqual(packetOverheadBytesMax)
        expect(bytes.length).toBe(rest + updates.reduce((sum, update) => sum + updateBytes(update), 0) + reports.reduce((sum, report) => sum + reportBytes(report), 0))
      },
    ), { numRuns: 150 })
  })

  it('never exceed a budget that the membership machine packs them to', () => {
    fc.assert(fc.property(anyProbe, fc.array(anyUpdate, { minLength: 1, maxLength: 4 }), anyLoad, (probe, updates, load) => {
      for (const update of updates) expect(updateBytes(update)).toBeLessThanOrEqual(core.updateBytes(update))
      const probeBytes = probe.kind === 'ping-request' ? core.PING_REQUEST_BYTES : core.PROBE_BYTES
      expect(encodePacket({ ...empty, probe }).length).toBeLessThanOrEqual(probeBytes)
      expect(encodePacket({ ...empty, load }).length).toBeLessThanOrEqual(core.LOAD_BYTES)
    }), { numRuns: 100 })
  })

  it('state the largest overhead exactly', () => {
    const largest = encodePacket({
      ...empty,
      probe: { kind: 'ping-request', sequence: Number.MAX_SAFE_INTEGER, target: peerIds[0] as string },
      coordinate: { vectorMs: [1, 2, 3, 4, 5, 6, 7, 8], heightMs: 1, adjustmentMs: -1, error: 1 },
      load: { cpuPercent: 100, memoryPercent: 100, inFlight: 2 ** 32 - 1, overloaded: true, drill: true, sequence: Number.MAX_SAFE_INTEGER },
    })
    expect(largest.length).toBe(packetOverheadBytesMax)
  })

  it('round a load to a tenth of a percent, and hold it to 0 and 100', () => {
    const decoded = decodePacket(encodePacket({
      ...empty, load: { cpuPercent: 33.333, memoryPercent: 100.4, inFlight: 0, overloaded: false, drill: false, sequence: 0 },
    }), verifier)
    expect(decoded).toMatchObject({ value: { load: { cpuPercent: 33.3, memoryPercent: 100 } } })
  })

  it('leave out and count what its subject did not sign', () => {
    const [one, two] = signers as [RecordSigner, RecordSigner]
    const genuine: Update = { kind: 'left', leave: two.signLeave(5) }
    const record = one.signRecord(createTestRecord(one.peerId))
    const forged = new Uint8Array(record.envelope)
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
    const bytes = encodePacket({ ...empty, updates: [{ kind: 'record', signed: { ...record, envelope: forged } }, genuine, { kind: 'left', leave: { ...two.signLeave(6), envelope: new Uint8Array(3) } }] })
    expect(decodePacket(bytes, verifier)).toEqual({ ok: true, value: { ...empty, updates: [genuine] }, unverified: 2, unknown: 0 })
  })

  it('take the record from the signed bytes, whatever stood beside them', () => {
    const [one] = signers as [RecordSigner]
    const signed = one.signRecord(createTestRecord(one.peerId, { name: 'true' }))
    const bytes = encodePacket({ ...empty, updates: [{ kind: 'record', signed: { record: createTestRecord(one.peerId, { name: 'false' }), envelope: signed.envelope } }] })
    expect(decodePacket(bytes, verifier)).toMatchObject({ value: { updates: [{ signed: { record: { name: 'true' } } }] } })
  })

  it('pass over kinds that a later version brings', () => {
    const later = wire.Packet.encode({ probe: { kind: 9, sequence: 1, target: none }, updates: [{ ...emptyUpdate, kind: 9 }] })
    expect(decodePacket(later, verifier)).toEqual({ ok: true, value: empty, unverified: 0, unknown: 1 })
  })

  it.each<[string, () => Partial<wire.Packet>]>([
    ['a probe without a kind', () => ({ probe: { kind: 0, sequence: 1, target: none } })],
    ['a ping-request without a target', () => ({ probe: { kind: 3, sequence: 1, target: none } })],
    ['an update without a kind', () => ({ updates: [emptyUpdate] })],
    ['an accusation of nobody', () => ({ updates: [{ ...emptyUpdate, kind: 2, from: new Uint8Array(32) }] })],
    ['an accusation by a key of 31 bytes', () => ({ updates: [{ ...emptyUpdate, kind: 3, subject: new Uint8Array(32), from: new Uint8Array(31) }] })],
    ['65 updates', () => ({ updates: Array.from({ length: 65 }, () => ({ ...emptyUpdate, kind: 1 })) })],
    ['a load above 100 %', () => ({ load: { cpuPermille: 1001, memoryPermille: 0, inFlight: 0, overloaded: false, drill: false, sequence: 0, serviceCode: 0 } })],
  ])('are refused with %s', (_what, make) => {
    expect(decodePacket(wire.Packet.encode(make()), verifier).ok).toBe(false)
  })

  it('are refused when they are longer than a datagram', () => {
    expect(decodePacket(new Uint8Array(1401), verifier)).toEqual({ ok: false, reason: 'the packet is longer than a datagram' })
  })

  it('are not made with a number that is none, which only a fault here could bring', () => {
    expect(() => encodePacket({ ...empty, probe: { kind: 'ping', sequence: 1.5 } })).toThrow(RangeError)
    expect(() => encodePacket({ ...empty, probe: { kind: 'ping', sequence: -1 } })).toThrow(RangeError)
  })
})

describe('announcements', () => {
  it('come back with the time of sending', () => {
    const [one, two] = signers as [RecordSigner, RecordSigner]
    const announcement = {
      updates: [{ kind: 'record' as const, signed: one.signRecord(createTestRecord(one.peerId)) }, claimUpdate('failed', two.peerId, 7, one.peerId)],
      atWallMs: 1_800_000_000_123,
    }
    expect(decodeAnnouncement(encodeAnnouncement(announcement), verifier)).toEqual({ ok: true, value: announcement, unverified: 0, unknown: 0 })
  })

  it('keep their bounds on both sides', () => {
    const update = claimUpdate('suspect', peerIds[0] as string, 1, peerIds[1] as string)
    expect(() => encodeAnnouncement({ updates: Array.from({ length: 65 }, () => update), atWallMs: 1 })).toThrow(RangeError)
    expect(decodeAnnouncement(new Uint8Array((64 << 10) + 1), verifier).ok).toBe(false)
  })
})

describe('a message with bad signatures', () => {
  /** Well-formed, with a signature that is not genuine. */
  const forgeLeave = (incarnation: number): SignedLeave => {
    const leave = (signers[0] as RecordSigner).signLeave(incarnation)
    return { ...leave, envelope: spoil(leave.envelope) }
  }
  const spoil = (envelope: Uint8Array): Uint8Array => envelope.with(-1, (envelope.at(-1) as number) ^ 1)
  const genuineLeave = (): SignedLeave => (signers[1] as RecordSigner).signLeave(1)

  /** Farewells, because ten of them fit into a packet. */
  const forgeUpdates = (count: number): Update[] => Array.from({ length: count }, (_, index) => ({ kind: 'left', leave: forgeLeave(index) }))
  const kinds: Array<[string, (forgeries: number, by: RecordVerifier) => { readonly ok: boolean }]> = [
    ['packet', (forgeries, by) => decodePacket(encodePacket({ ...empty, updates: [...forgeUpdates(forgeries), { kind: 'left', leave: genuineLeave() }] }), by)],
    ['announcement', (forgeries, by) => decodeAnnouncement(encodeAnnouncement({ updates: [...forgeUpdates(forgeries), { kind: 'left', leave: genuineLeave() }], atWallMs: 1 }), by)],
  ]

  it.each(kinds)('loses only what they belong to, as a %s with three', (_what, decode) => {
    expect(decode(3, createRecordVerifier())).toMatchObject({ ok: true, unverified: 3 })
  })

  it.each(kinds)('is refused as a whole at the fourth, as a %s, and nothing after it is checked', (_what, decode) => {
    const [four, ten] = [createRecordVerifier(), createRecordVerifier()]
    expect(decode(4, four)).toEqual({ ok: false, reason: 'signatures' })
    expect(decode(10, ten)).toEqual({ ok: false, reason: 'signatures' })
    expect(ten.checked).toBe(four.checked)
  })
})

const none = new Uint8Array(0)
const emptyUpdate: wire.Update = { kind: 0, envelope: none, subject: none, incarnation: 0, from: none, evidence: 0, suspectedBy: none, confirmedBy: [], probeMs: 0, suspicionMs: 0 }
