/**
 * Whatever bytes arrive, the opener and the decoders answer; they never throw and never believe.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { createLocalKeys, type LocalKeys } from '../../src/adapters/udp/key-agreement.ts'
import { Sealing } from '../../src/adapters/udp/sealing.ts'
import type { SyncEntry, Update } from '../../src/core/membership/types.ts'
import { decodeAnnouncement, decodePacket, encodeAnnouncement, encodePacket } from '../../src/wire/membership-codec.ts'
import { decodeLoadSnapshot, encodeLoadSnapshot } from '../../src/wire/membership-load.ts'
import { decodeLeave, decodeRecord, encodeRecord } from '../../src/wire/membership-record.ts'
import { createRecordVerifier } from '../../src/wire/membership-signatures.ts'
import { decodeSyncAnswer, decodeSyncRequest, encodeSyncAnswer, encodeSyncRequest, syncBytesMax } from '../../src/wire/sync-codec.ts'
import { claimUpdate, createTestRecord, createTestSigner } from '../support/member-records.ts'
import { fuzz, fuzzRuns, mutate } from './mutate.ts'

const verifier = createRecordVerifier()
const opener: { sealing: Sealing; genuine: Buffer[] } = { sealing: null as never, genuine: [] }
let originals: Uint8Array[] = []
let updates: Update[] = []

const decoders: Array<[string, (bytes: Uint8Array) => { readonly ok: boolean }]> = [
  ['decodePacket', (bytes) => decodePacket(bytes, verifier)],
  ['decodeAnnouncement', (bytes) => decodeAnnouncement(bytes, verifier)],
  ['decodeSyncRequest', (bytes) => decodeSyncRequest(bytes, verifier)],
  ['decodeSyncAnswer', (bytes) => decodeSyncAnswer(bytes, verifier)],
  ['decodeLoadSnapshot', decodeLoadSnapshot],
  ['decodeRecord', decodeRecord],
  ['decodeLeave', decodeLeave],
]

beforeAll(async () => {
  const [one, two] = await Promise.all([createTestSigner(1), createTestSigner(2)])
  const signed = one.signRecord(createTestRecord(one.peerId))
  const leave = two.signLeave(4711)
  updates = [{ kind: 'record', signed }, ...(['suspect', 'failed', 'removed'] as const).map((kind) => claimUpdate(kind, two.peerId, 9, one.peerId)), { kind: 'left', leave }]
  const entries: SyncEntry[] = [{ signed, state: 'alive', leave: null }, { signed: two.signRecord(createTestRecord(two.peerId)), state: 'left', leave }]
  const load = { cpuPercent: 50, memoryPercent: 10, inFlight: 3, overloaded: false, drill: false, sequence: 8 }
  originals = [
    encodePacket({ probe: { kind: 'ping-request', sequence: 300, target: two.peerId }, updates, load, reports: [], coordinate: null }),
    encodePacket({
      probe: { kind: 'ack', sequence: 1 }, updates: [], load: null, coordinate: { vectorMs: [1, 2, 3, 4, 5, 6, 7, 8], error: 1.5, adjustmentMs: 0, heightMs: 0.01 },
      reports: [{ peerId: two.peerId, incarnation: 9, verdict: 'dead', evidence: 'probe' }],
    }),
    encodeAnnouncement({ updates, atWallMs: 1_800_000_000_000 }),
    encodeSyncRequest({ kind: 'compare', salt: 7, digest: { count: 2, first: 1, second: 2 } }),
    encodeSyncRequest({ kind: 'delta', salt: 7, bucketCount: 4, buckets: [0, 3], known: [1, 2, 3] }),
    encodeSyncRequest({ kind: 'push', entries }),
    encodeSyncAnswer({ kind: 'buckets', prints: Uint16Array.from([1, 2, 3, 4]) }),
    encodeSyncAnswer({ kind: 'entries', entries, wanted: [1, 2], isPartial: true }),
    encodeLoadSnapshot({
      ...load, peerId: one.peerId, atWallMs: 1_800_000_000_000, memoryBytes: 1e9, processCpuPercent: 1, eventLoopDelayMs: 0.5, readyDatabases: ['a', 'b'], lagsMs: { b: 7 },
    }),
    encodeRecord(createTestRecord(one.peerId)),
    leave.envelope,
  ]
  const [here, there] = [createLocalKeys({ peerId: one.peerId, epoch: 1 }), createLocalKeys({ peerId: two.peerId, epoch: 2 })]
  const clusterKeys = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)]
  const sender = new Sealing(here, { clusterKeys })
  opener.sealing = new Sealing(there, { clusterKeys })
  sender.setPeer(describeStart(there))
  opener.sealing.setPeer(describeStart(here))
  opener.genuine = [0, 1, 200, 1351].map((length) => sender.seal(two.peerId, Buffer.alloc(length)) ?? Buffer.alloc(0))
})

function describeStart({ peerId, publicKey, epoch }: LocalKeys): { peerId: string; publicKey: Uint8Array; epoch: number; host: string; port: number } {
  return { peerId, publicKey, epoch, host: '127.0.0.1', port: 7400 }
}

describe('the opener of datagrams', () => {
  it('opens nothing but what was sealed', () => {
    const known = (): Set<string> => new Set(opener.genuine.map((datagram) => datagram.toString('hex')))
    fuzz((random) => mutate(random, opener.genuine), (bytes) => {
      const datagram = Buffer.from(bytes)
      // The mutation may have changed nothing at all.
      if (known().has(datagram.toString('hex'))) return
      expect(opener.sealing.open(datagram).ok).toBe(false)
    })
    for (const datagram of opener.genuine) expect(opener.sealing.open(datagram).ok).toBe(true)
  })
})

describe('the decoders', () => {
  it('answer each with a value or a reason', () => {
    const accepted = new Map<string, number>()
    fuzz((random) => mutate(random, originals), (bytes) => {
      for (const [name, decode] of decoders) {
        const decoded = decode(bytes)
        if (decoded.ok) accepted.set(name, (accepted.get(name) ?? 0) + 1)
        else expect(decoded).toMatchObject({ reason: expect.any(String) as string })
      }
    })
    // Were everything refused, the test would show nothing of what lies behind the first check.
    if (fuzzRuns >= 1000) expect([...accepted.keys()]).toEqual(expect.arrayContaining(['decodePacket', 'decodeAnnouncement', 'decodeSyncRequest', 'decodeSyncAnswer']))
  })

  it('believe no record and no farewell that was not signed', () => {
    const signed = new Set(updates.flatMap((update) => (
      update.kind === 'record' ? [hexOf(update.signed.envelope)] : update.kind === 'left' ? [hexOf(update.leave.envelope)] : []
    )))
    fuzz((random) => mutate(random, originals.slice(0, 3)), (bytes) => {
      const decoded = decodePacket(bytes, verifier)
      if (!decoded.ok) return
      for (const update of decoded.value.updates) {
        if (update.kind === 'record') expect(signed).toContain(hexOf(update.signed.envelope))
        if (update.kind === 'left') expect(signed).toContain(hexOf(update.leave.envelope))
      }
    })
  })

  it.each<[string, () => Uint8Array]>([
    ['groups within groups', () => new Uint8Array(syncBytesMax).fill(0x0b)],
    ['groups that never end', () => new Uint8Array(syncBytesMax).fill(0x7b)],
    ['endless varints', () => new Uint8Array(syncBytesMax).fill(0xff)],
    ['empty entries', () => Uint8Array.from({ length: syncBytesMax }, (_, index) => (index % 2 === 0 ? 0x0a : 0))],
    ['a length beyond the end', () => Uint8Array.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3])],
    ['a field of number 0', () => new Uint8Array(100)],
  ])('come to an end with %s', (_what, make) => {
    const bytes = make()
    for (const length of [1400, 16 << 10, 64 << 10, syncBytesMax]) {
      for (const [, decode] of decoders) expect(() => decode(bytes.subarray(0, length))).not.toThrow()
    }
  })
})

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
