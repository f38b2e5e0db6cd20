import { createHash } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { COMPRESS_FROM_BYTES, syncEntryBytes, syncMessageBytes, SYNC_LINES_BYTES_MAX, SYNC_PRINTS_MAX, type SyncAnswer, type SyncRequest } from '../../../src/core/membership/push-pull.ts'
import type { SignedRecord, SyncEntry } from '../../../src/core/membership/types.ts'
import * as wire from '../../../src/wire/generated/membership.ts'
import { createRecordVerifier, type RecordSigner } from '../../../src/wire/membership-signatures.ts'
import { decodeSyncAnswer, decodeSyncRequest, encodeSyncAnswer, encodeSyncRequest, syncBytesMax } from '../../../src/wire/sync-codec.ts'
import { createTestRecord, createTestSigner } from '../../support/member-records.ts'

const verifier = createRecordVerifier()
let signers: RecordSigner[]
/** One of each state: alive, suspect, failed, left, removed. */
let entries: SyncEntry[]

beforeAll(async () => {
  signers = await Promise.all(Array.from({ length: 12 }, (_, index) => createTestSigner(index + 1)))
  entries = signers.slice(0, 5).map((signer, index): SyncEntry => {
    const signed = recordOf(signer)
    switch (index) {
      case 0: return { signed, state: 'alive', leave: null }
      case 1: return { signed, state: 'suspect', leave: null }
      case 2: return { signed, state: 'failed', leave: null, ageMs: 1234 }
      case 3: return { signed, state: 'left', leave: signer.signLeave(7), ageMs: 0 }
      default: return { signed, state: 'left', leave: null, ageMs: 43_200_000 }
    }
  })
})

/** Nothing shortens it. */
function noise(length: number, seed: string): Uint8Array {
  const parts = Array.from({ length: Math.ceil(length / 64) }, (_, index) => createHash('sha512').update(`${seed} ${index}`).digest())
  return new Uint8Array(Buffer.concat(parts).subarray(0, length))
}

/** With its own keys and addresses, as real ones have. */
function recordOf(signer: RecordSigner, name = 'db'): SignedRecord {
  const udpHost = `10.0.0.${signer.peerId.charCodeAt(20)}`
  return signer.signRecord(createTestRecord(signer.peerId, { name, udpHost, tcpMultiaddrs: [`/ip4/${udpHost}/tcp/7400`], datagramPublicKey: noise(32, signer.peerId) }))
}

const word = fc.oneof(fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }))
const anyEntries = fc.subarray([0, 1, 2, 3, 4]).map((indexes) => indexes.map((index) => entries[index] as SyncEntry))
const anyRequest: fc.Arbitrary<SyncRequest> = fc.oneof(
  fc.record({ kind: fc.constant('compare' as const), salt: word, digest: fc.record({ count: fc.nat(100_000), first: word, second: word }) }),
  fc.record({ kind: fc.constant('whole' as const), salt: word, entries: anyEntries }),
  fc.record({ kind: fc.constant('delta' as const), salt: word, bucketCount: fc.constant(128), buckets: fc.uniqueArray(fc.nat(127)), known: fc.array(word) }),
  fc.record({ kind: fc.constant('push' as const), entries: anyEntries }),
)
const anyAnswer: fc.Arbitrary<SyncAnswer> = fc.oneof(
  fc.constant({ kind: 'nothing' as const }),
  fc.nat(10).chain((exponent) => fc.uint16Array({ minLength: 2 ** exponent, maxLength: 2 ** exponent })).map((prints) => ({ kind: 'buckets' as const, prints })),
  fc.record({ kind: fc.constant('entries' as const), entries: anyEntries, wanted: fc.array(word), isPartial: fc.boolean() }),
)

describe('requests and answers', () => {
  it('come back as they were', () => {
    fc.assert(fc.property(anyRequest, (request) => {
      expect(decodeSyncRequest(encodeSyncRequest(request), verifier)).toEqual({ ok: true, value: request, unverified: 0, unknown: 0 })
    }), { numRuns: 200 })
    fc.assert(fc.property(anyAnswer, (answer) => {
      expect(decodeSyncAnswer(encodeSyncAnswer(answer), verifier)).toEqual({ ok: true, value: answer, unverified: 0, unknown: 0 })
    }), { numRuns: 200 })
  })

  it('take about the bytes that the core expects, and never more than a line is counted with', () => {
    const isPlain = (message: SyncRequest | SyncAnswer): boolean => !('entries' in message) || message.entries.length < 2
    fc.assert(fc.property(anyRequest.filter(isPlain), (request) => {
      const bytes = encodeSyncRequest(request).length
      expect(syncMessageBytes(request)).toBeGreaterThanOrEqual(bytes)
      expect(syncMessageBytes(request) - bytes).toBeLessThanOrEqual(20)
    }))
    fc.assert(fc.property(anyAnswer.filter(isPlain), (answer) => {
      const bytes = encodeSyncAnswer(answer).length
      expect(syncMessageBytes(answer)).toBeGreaterThanOrEqual(bytes)
      expect(syncMessageBytes(answer) - bytes).toBeLessThanOrEqual(20)
    }))
    for (const entry of entries) {
      const line = wire.SyncRequest.decode(encodeSyncRequest({ kind: 'push', entries: [entry] })).lines
      expect(line.length).toBeLessThanOrEqual(syncEntryBytes(entry))
    }
  })

  it('say of equal tables in less than 30 bytes that they are', () => {
    const question = encodeSyncRequest({ kind: 'compare', salt: 0xffffffff, digest: { count: 10_000, first: 0xffffffff, second: 0xffffffff } })
    expect(question.length + encodeSyncAnswer({ kind: 'nothing' }).length).toBeLessThan(30)
  })
})

describe('compression', () => {
  const alive = (count: number): SyncEntry[] => signers.slice(0, count).map((signer): SyncEntry => ({ signed: recordOf(signer), state: 'alive', leave: null }))

  it('is left where it does not pay', () => {
    const single = wire.SyncRequest.decode(encodeSyncRequest({ kind: 'push', entries: alive(1) }))
    expect([single.encoding, single.lines.length < COMPRESS_FROM_BYTES]).toEqual([0, true])
    const noisy: SyncEntry[] = alive(1).map((entry) => ({ ...entry, signed: { ...entry.signed, envelope: noise(2000, 'noise') } }))
    expect(wire.SyncRequest.decode(encodeSyncRequest({ kind: 'push', entries: noisy })).encoding).toBe(0)
  })

  it('saves a third of ten records with their keys and signatures, as the core expects', () => {
    const ten = alive(10)
    const bytes = encodeSyncAnswer({ kind: 'entries', entries: ten, wanted: [], isPartial: false }).length
    const plain = ten.reduce((sum, entry) => sum + syncEntryBytes(entry), 0)
    expect(bytes / plain).toBeLessThan(0.68)
    expect(Math.abs(syncMessageBytes({ kind: 'entries', entries: ten, wanted: [], isPartial: false }) / bytes - 1)).toBeLessThan(0.1)
  })

  it('expands to its bound and no further', () => {
    const bomb = deflateRawSync(new Uint8Array(SYNC_LINES_BYTES_MAX + 1))
    expect(bomb.length).toBeLessThan(2000)
    for (const [lines, reason] of [[bomb, 'the lines do not expand'], [Buffer.from('no deflate'), 'the lines do not expand']] as const) {
      expect(decodeSyncRequest(wire.SyncRequest.encode({ kind: 4, lines, encoding: 1 }), verifier)).toEqual({ ok: false, reason })
      expect(decodeSyncAnswer(wire.SyncAnswer.encode({ kind: 3, lines, encoding: 1 }), verifier)).toEqual({ ok: false, reason })
    }
    const whole = deflateRawSync(new Uint8Array(SYNC_LINES_BYTES_MAX))
    expect(decodeSyncRequest(wire.SyncRequest.encode({ kind: 4, lines: whole, encoding: 1 }), verifier)).not.toMatchObject({ reason: 'the lines do not expand' })
  })
})

describe('what is refused', () => {
  const bytesOf = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length)

  it.each<[string, () => Partial<wire.SyncRequest>]>([
    ['no kind', () => ({})],
    ['a kind of a later version', () => ({ kind: 9 })],
    ['a digest of 7 bytes', () => ({ kind: 1, digest: bytesOf(7) })],
    ['a digest of 12 bytes', () => ({ kind: 1, digest: bytesOf(12) })],
    ['no number of buckets', () => ({ kind: 3 })],
    ['a number of buckets that is no power of two', () => ({ kind: 3, bucketCount: 3 })],
    ['too many buckets', () => ({ kind: 3, bucketCount: 16_384 })],
    ['a bucket out of range', () => ({ kind: 3, bucketCount: 2, buckets: Uint8Array.from([2, 0]) })],
    ['more buckets than there are', () => ({ kind: 3, bucketCount: 1, buckets: bytesOf(4) })],
    ['half a bucket', () => ({ kind: 3, bucketCount: 2, buckets: bytesOf(1) })],
    ['a part of a print', () => ({ kind: 3, bucketCount: 1, known: bytesOf(6) })],
    ['too many prints', () => ({ kind: 3, bucketCount: 1, known: bytesOf(4 * SYNC_PRINTS_MAX + 4) })],
    ['an unknown encoding', () => ({ kind: 4, encoding: 2 })],
    ['lines that are none', () => ({ kind: 4, lines: Uint8Array.from([0x0a, 5, 1]) })],
    ['plain lines of more than 1 MiB', () => ({ kind: 4, lines: bytesOf(SYNC_LINES_BYTES_MAX + 1) })],
    ['too many lines', () => ({ kind: 4, lines: wire.SyncLines.encode({ lines: Array.from({ length: 8193 }, () => ({ envelope: bytesOf(0), state: 9, leave: bytesOf(0), ageMs: 0 })) }) })],
  ])('a request with %s', (_what, make) => {
    expect(decodeSyncRequest(wire.SyncRequest.encode(make()), verifier).ok).toBe(false)
  })

  it.each<[string, () => Partial<wire.SyncAnswer>]>([
    ['no kind', () => ({})],
    ['a kind of a later version', () => ({ kind: 9 })],
    ['no bucket', () => ({ kind: 2 })],
    ['three buckets', () => ({ kind: 2, prints: bytesOf(6) })],
    ['half a bucket', () => ({ kind: 2, prints: bytesOf(3) })],
    ['a part of a wanted print', () => ({ kind: 3, wanted: bytesOf(3) })],
    ['too many wanted prints', () => ({ kind: 3, wanted: bytesOf(4 * SYNC_PRINTS_MAX + 4) })],
    ['an unknown encoding', () => ({ kind: 3, encoding: 7 })],
  ])('an answer with %s', (_what, make) => {
    expect(decodeSyncAnswer(wire.SyncAnswer.encode(make()), verifier).ok).toBe(false)
  })

  it('whatever is longer than any message', () => {
    expect(decodeSyncRequest(new Uint8Array(syncBytesMax + 1), verifier)).toEqual({ ok: false, reason: 'the sync request is too long' })
    expect(decodeSyncAnswer(new Uint8Array(syncBytesMax + 1), verifier)).toEqual({ ok: false, reason: 'the sync answer is too long' })
  })

  it('an age that is out of range', () => {
    const envelope = Uint8Array.from((entries[2] as SyncEntry).signed.envelope)
    const lines = wire.SyncLines.encode({ lines: [{ envelope, state: 3, leave: bytesOf(0), ageMs: 0 }] })
    expect(decodeSyncRequest(wire.SyncRequest.encode({ kind: 4, lines }), verifier).ok).toBe(true)
    const later = Uint8Array.from([0x0a, ...lengthOf(lines.length - 3 + 9), ...lines.subarray(3), 0x20, ...Array.from({ length: 7 }, () => 0xff), 0x7f])
    expect(decodeSyncRequest(wire.SyncRequest.encode({ kind: 4, lines: later }), verifier).ok).toBe(false)
  })

  function lengthOf(length: number): number[] {
    return [(length & 127) | 128, length >>> 7]
  }
})

describe('lines', () => {
  const spoil = (envelope: Uint8Array): Uint8Array => envelope.with(-1, (envelope.at(-1) as number) ^ 1)
  const forged = (index: number): SyncEntry => {
    const [one, two] = signers as [RecordSigner, RecordSigner]
    const signed = recordOf(one, `forged-${index}`)
    if (index % 2 === 0) return { signed: { ...signed, envelope: spoil(signed.envelope) }, state: 'alive', leave: null }
    const leave = two.signLeave(index)
    return { signed: recordOf(two), state: 'left', leave: { ...leave, envelope: spoil(leave.envelope) }, ageMs: 0 }
  }
  const decode = (lines: readonly SyncEntry[], by = createRecordVerifier()): unknown => decodeSyncAnswer(encodeSyncAnswer({ kind: 'entries', entries: lines, wanted: [], isPartial: false }), by)

  it('of a later version’s state are passed over', () => {
    const envelope = Uint8Array.from((entries[0] as SyncEntry).signed.envelope)
    const lines = wire.SyncLines.encode({ lines: [{ envelope, state: 9, leave: new Uint8Array(0), ageMs: 0 }] })
    expect(decodeSyncRequest(wire.SyncRequest.encode({ kind: 4, lines }), verifier)).toEqual({ ok: true, value: { kind: 'push', entries: [] }, unverified: 0, unknown: 1 })
  })

  it('with a farewell that is missing or of another are left out and counted', () => {
    const [one, two] = signers as [RecordSigner, RecordSigner]
    const wireLine = (leave: Uint8Array): wire.SyncLine => ({ envelope: Uint8Array.from(recordOf(one).envelope), state: 4, leave: Uint8Array.from(leave), ageMs: 0 })
    const lines = wire.SyncLines.encode({ lines: [wireLine(new Uint8Array(0)), wireLine(two.signLeave(9).envelope)] })
    expect(decodeSyncRequest(wire.SyncRequest.encode({ kind: 4, lines }), verifier)).toMatchObject({ ok: true, value: { entries: [] }, unverified: 2 })
  })

  it('with a bad signature are left out up to three, and make the whole message refused from the fourth on', () => {
    expect(decode([forged(0), forged(1), forged(2), entries[0] as SyncEntry])).toMatchObject({ ok: true, unverified: 3, value: { entries: [entries[0]] } })
    const [four, ten] = [createRecordVerifier(), createRecordVerifier()]
    expect(decode([0, 1, 2, 3].map(forged), four)).toEqual({ ok: false, reason: 'signatures' })
    expect(decode(Array.from({ length: 10 }, (_, index) => forged(index)), ten)).toEqual({ ok: false, reason: 'signatures' })
    expect(ten.checked).toBe(four.checked)
  })

  it('cost four checks when all of 1 MiB are forged', () => {
    const fresh = createRecordVerifier()
    const line = forged(0)
    expect(decode(Array.from({ length: 3500 }, () => line), fresh)).toEqual({ ok: false, reason: 'signatures' })
    expect(fresh.checked).toBe(4)
  })

  it('out of bounds cost no check and are left out, however many', () => {
    const bad: SyncEntry = { signed: { ...recordOf(signers[0] as RecordSigner), envelope: new Uint8Array(3) }, state: 'alive', leave: null }
    expect(decode([...Array.from({ length: 100 }, () => bad), entries[0] as SyncEntry])).toMatchObject({ ok: true, unverified: 100, value: { entries: [entries[0]] } })
  })
})
