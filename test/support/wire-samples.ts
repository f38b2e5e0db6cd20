/**
 * One message of every kind that nodes exchange, each with its bytes and what they mean. `scripts/record-messages.ts` writes both down at a release;
 * test/unit/wire/recorded-messages.test.ts holds later versions to them.
 */
import type { Packet, Update } from '../../src/core/membership/types.ts'
import { MeshError } from '../../src/errors.ts'
import { decodeAnnouncement, decodePacket, encodeAnnouncement, encodePacket } from '../../src/wire/membership-codec.ts'
import { decodeLoadSnapshot, encodeLoadSnapshot } from '../../src/wire/membership-load.ts'
import { createRecordVerifier } from '../../src/wire/membership-signatures.ts'
import { decodeFailure, decodeFrame, decodeRequest, decodeTrailer, encodeBatch, encodeEnd, encodeFailure, encodeFrame, encodeRequest, encodeResponse, type WireRequest } from '../../src/wire/query-messages.ts'
import { decodeReachability, encodeReachability } from '../../src/wire/reachability-codec.ts'
import { decodeSyncAnswer, decodeSyncRequest, encodeSyncAnswer, encodeSyncRequest } from '../../src/wire/sync-codec.ts'
import { createTestRecord, createTestSigner } from './member-records.ts'

export interface WireSample {
  readonly name: string
  encode(): Uint8Array
  /** As JSON; null where it is refused. */
  decode(bytes: Uint8Array): unknown
}

const verifier = createRecordVerifier()

export async function wireSamples(): Promise<WireSample[]> {
  const [one, two] = await Promise.all([createTestSigner(1), createTestSigner(2)])
  const signed = one.signRecord(createTestRecord(one.peerId))
  const gone = two.signRecord(createTestRecord(two.peerId, { name: 'db2', incarnation: 8 }))
  const updates: readonly Update[] = [
    { kind: 'record', signed }, { kind: 'suspect', peerId: two.peerId, incarnation: 7, from: one.peerId, evidence: 'probe' },
    { kind: 'failed', peerId: two.peerId, incarnation: 7, from: one.peerId, evidence: 'closed', suspectedBy: one.peerId, confirmedBy: [one.peerId], probeMs: 104, suspicionMs: 12 },
    { kind: 'left', leave: two.signLeave(8) }, { kind: 'removed', peerId: two.peerId, incarnation: 8, from: one.peerId },
  ]
  const load = { cpuPercent: 41.5, memoryPercent: 63.2, inFlight: 7, overloaded: true, drill: false, sequence: 99 }
  const packet: Packet = {
    probe: { kind: 'ping-request', sequence: 17, target: two.peerId }, updates, load, reports: [{ peerId: two.peerId, incarnation: 7, verdict: 'dead', evidence: 'refused' }],
    coordinate: { vectorMs: [1, -2, 3, 0, 0.5, 0, 0, 8], heightMs: 0.25, adjustmentMs: -0.5, error: 0.75 },
  }
  const request: WireRequest = {
    database: 'users_prod', sql: 'SELECT * FROM users WHERE id = ?', parameters: [null, true, 1.5, 12_345_678_901_234_567_890n, 'text', new Uint8Array([1, 2, 3]), new Date(1_800_000_000_000)],
    access: 'write', priority: 'high', timeoutMs: 30_000, visited: [one.peerId], explain: true, lastResort: true, finalPeerId: two.peerId, hints: 'zone=eu, session=s1', compressions: 3,
    transaction: { id: '0123456789abcdef'.repeat(2), step: 'statement' },
  }
  const trailer = { rows: 3, engineMs: 12.5, load }
  const response = {
    format: 'arrow', header: new Uint8Array([9, 8, 7]),
    route: {
      decision: 'forward', executedBy: { peerId: two.peerId, name: 'db2' }, latencyMs: 1.25, reason: 'Local CPU 95% exceeds threshold 80%', strategy: 'nearest',
      failedAttempts: [{ peerId: one.peerId, name: 'db1', code: 'ERR_OVERLOADED', message: 'busy' }], decisionUs: 42,
      candidates: [{ peerId: two.peerId, name: 'db2', latencyMs: 1.25, cpuPercent: 10, memoryPercent: null, inFlight: 2, score: 0.5, verdict: 'chosen' }],
    },
  } as const
  const snapshot = {
    peerId: one.peerId, atWallMs: 1_800_000_000_000, sequence: 12, cpuPercent: 41.5, memoryPercent: 63.2, memoryBytes: 1_000_000_000, processCpuPercent: 3.5, eventLoopDelayMs: 0.5, inFlight: 7,
    overloaded: false, drill: false, readyDatabases: ['orders', 'users_prod'], lagsMs: { users_prod: 1_500 },
  }
  const frame = (bytes: Uint8Array) => decodeFrame(bytes)
  const decodeRequestFrame = (bytes: Uint8Array): unknown => {
    const wire = frame(bytes)?.request
    return wire === undefined ? null : decodeRequest(wire)
  }
  return [
    { name: 'datagram packet', encode: () => encodePacket(packet), decode: (bytes) => decodePacket(bytes, verifier) },
    { name: 'announcement', encode: () => encodeAnnouncement({ updates, atWallMs: 1_800_000_000_000 }), decode: (bytes) => decodeAnnouncement(bytes, verifier) },
    { name: 'load snapshot', encode: () => encodeLoadSnapshot(snapshot, [{ peerId: two.peerId, rttMs: 2.5, lossRatio: 0 }]), decode: (bytes) => decodeLoadSnapshot(bytes) },
    { name: 'sync request', encode: () => encodeSyncRequest({ kind: 'compare', salt: 5, digest: { count: 3, first: 11, second: 12 } }), decode: (bytes) => decodeSyncRequest(bytes, verifier) },
    { name: 'sync of entries', encode: () => encodeSyncRequest({ kind: 'push', entries: [{ signed, state: 'alive', leave: null }, { signed: gone, state: 'left', leave: two.signLeave(8), ageMs: 5_000 }] }), decode: (bytes) => decodeSyncRequest(bytes, verifier) },
    { name: 'sync answer', encode: () => encodeSyncAnswer({ kind: 'buckets', prints: new Uint16Array([1, 65_535]) }), decode: (bytes) => decodeSyncAnswer(bytes, verifier) },
    { name: 'reachability', encode: () => encodeReachability([{ peerId: two.peerId, finding: 'stream-only', forMs: 1_200, lostInARow: 4 }]), decode: (bytes) => decodeReachability(bytes) },
    { name: 'query request', encode: () => encodeRequest(7, request, 29_000, 65_536), decode: decodeRequestFrame },
    { name: 'query request with a trace', encode: () => encodeRequest(8, { ...request, traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` } as WireRequest, 29_000, 65_536), decode: decodeRequestFrame },
    { name: 'query response', encode: () => encodeResponse(7, response as never, [{ bytes: new Uint8Array([1, 1]), rows: 3 }], encodeEnd(7, trailer, 5)), decode: frame },
    { name: 'query batch', encode: () => encodeBatch(7, 3, new Uint8Array([5, 6]), true), decode: frame },
    { name: 'query end', encode: () => encodeFrame({ end: encodeEnd(7, trailer, 5) }), decode: (bytes) => { const end = frame(bytes)?.end; return end === undefined ? null : decodeTrailer(end) } },
    {
      name: 'query failure', encode: () => encodeFailure(7, new MeshError('ERR_OVERLOADED', 'too much', { details: { started: 'no' } }), false),
      decode: (bytes) => { const failure = frame(bytes)?.failure; return failure === undefined ? null : { ...decodeFailure(failure), message: decodeFailure(failure).message } },
    },
  ]
}

/** What JSON has no form for, in one that it has. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner instanceof Uint8Array ? `bytes:${Buffer.from(inner).toString('hex')}` : inner)) ?? 'null') as unknown
}
