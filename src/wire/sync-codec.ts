/**
 * The messages of push-pull repair as bytes. Lines of the table are compressed where it pays; what comes in is expanded to its bound and
 * no further. Decoders answer a refusal with its reason and never throw; a line that its subject did not sign is left out and counted, until
 * they are so many that the whole message is refused with the reason `signatures`.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { COMPRESS_FROM_BYTES, SYNC_LINES_BYTES_MAX, SYNC_LINES_MAX, SYNC_PRINTS_MAX, type SyncAnswer, type SyncRequest } from '../core/membership/push-pull.ts'
import { BUCKETS_MAX, isBucketCount } from '../core/membership/table-digest.ts'
import type { SyncEntry } from '../core/membership/types.ts'
import * as wire from './generated/membership.ts'
import { contain, type DecodedFromOthers, refuse } from './membership-decoding.ts'
import { MessageVerifier } from './membership-message-verifier.ts'
import { toWire } from './membership-record.ts'
import type { RecordVerifier } from './membership-signatures.ts'

/** Lines in full, uncompressed, and as many prints as a message may hold. */
export const syncBytesMax = SYNC_LINES_BYTES_MAX + 4 * SYNC_PRINTS_MAX + 2 * BUCKETS_MAX + 64
/** Higher levels take up to twice as long and gain 2 %: half of a line are keys and a signature, which nothing shortens. */
const deflateLevel = 1

const requestKinds = { compare: 1, whole: 2, delta: 3, push: 4 } as const
const answerKinds = { nothing: 1, buckets: 2, entries: 3 } as const
const encodings = { plain: 0, deflate: 1 } as const
const lineStates = { alive: 1, suspect: 2, failed: 3, left: 4, removed: 5 } as const
const lineStateNames = [null, 'alive', 'suspect', 'failed', 'left', 'removed'] as const

const noBytes = new Uint8Array(0)

export function encodeSyncRequest(request: SyncRequest): Uint8Array {
  const kind = requestKinds[request.kind]
  switch (request.kind) {
    case 'compare':
      return wire.SyncRequest.encode({ kind, salt: request.salt, count: request.digest.count, digest: words([request.digest.first, request.digest.second]) })
    case 'whole':
      return wire.SyncRequest.encode({ kind, salt: request.salt, ...packLines(request.entries) })
    case 'delta':
      return wire.SyncRequest.encode({ kind, salt: request.salt, bucketCount: request.bucketCount, buckets: halfWords(request.buckets), known: words(request.known) })
    case 'push':
      return wire.SyncRequest.encode({ kind, ...packLines(request.entries) })
  }
}

export function decodeSyncRequest(bytes: Uint8Array, verifier: RecordVerifier): DecodedFromOthers<SyncRequest> {
  if (bytes.length > syncBytesMax) return refuse('the sync request is too long')
  const message = contain(() => wire.SyncRequest.decode(bytes))
  if (!message.ok) return message
  const { kind, salt, count, digest, bucketCount, lines, encoding } = message.value
  switch (kind) {
    case requestKinds.compare: {
      const lanes = fromWords(digest)
      if (lanes === null || lanes.length !== 2) return refuse('the digest is not 8 bytes')
      return all({ kind: 'compare', salt, digest: { count, first: lanes[0] as number, second: lanes[1] as number } })
    }
    case requestKinds.whole:
    case requestKinds.push: {
      const read = unpackLines(lines, encoding, verifier)
      if (!read.ok) return read
      return { ...read, value: kind === requestKinds.push ? { kind: 'push', entries: read.value } : { kind: 'whole', salt, entries: read.value } }
    }
    case requestKinds.delta: {
      const buckets = fromHalfWords(message.value.buckets)
      const known = fromWords(message.value.known)
      if (!isBucketCount(bucketCount) || buckets === null || buckets.length > bucketCount || buckets.some((bucket) => bucket >= bucketCount)) return refuse('the buckets are out of range')
      if (known === null || known.length > SYNC_PRINTS_MAX) return refuse('the known lines are out of range')
      return all({ kind: 'delta', salt, bucketCount, buckets: [...buckets], known: [...known] })
    }
    default:
      return refuse('a sync request of no known kind')
  }
}

export function encodeSyncAnswer(answer: SyncAnswer): Uint8Array {
  const kind = answerKinds[answer.kind]
  switch (answer.kind) {
    case 'nothing':
      return wire.SyncAnswer.encode({ kind })
    case 'buckets':
      return wire.SyncAnswer.encode({ kind, prints: halfWords(answer.prints) })
    case 'entries':
      return wire.SyncAnswer.encode({ kind, ...packLines(answer.entries), wanted: words(answer.wanted), partial: answer.isPartial })
  }
}

export function decodeSyncAnswer(bytes: Uint8Array, verifier: RecordVerifier): DecodedFromOthers<SyncAnswer> {
  if (bytes.length > syncBytesMax) return refuse('the sync answer is too long')
  const message = contain(() => wire.SyncAnswer.decode(bytes))
  if (!message.ok) return message
  const { kind, lines, encoding, partial } = message.value
  switch (kind) {
    case answerKinds.nothing:
      return all({ kind: 'nothing' })
    case answerKinds.buckets: {
      const prints = fromHalfWords(message.value.prints)
      return prints === null || !isBucketCount(prints.length) ? refuse('the number of buckets is out of range') : all({ kind: 'buckets', prints })
    }
    case answerKinds.entries: {
      const wanted = fromWords(message.value.wanted)
      if (wanted === null || wanted.length > SYNC_PRINTS_MAX) return refuse('the wanted lines are out of range')
      const read = unpackLines(lines, encoding, verifier)
      return read.ok ? { ...read, value: { kind: 'entries', entries: read.value, wanted: [...wanted], isPartial: partial } } : read
    }
    default:
      return refuse('a sync answer of no known kind')
  }
}

function all<Value>(value: Value): DecodedFromOthers<Value> {
  return { ok: true, value, unverified: 0, unknown: 0 }
}

function packLines(entries: readonly SyncEntry[]): { readonly lines: Uint8Array<ArrayBuffer>; readonly encoding: number } {
  if (entries.length === 0) return { lines: noBytes, encoding: encodings.plain }
  const plain = wire.SyncLines.encode({ lines: entries.map(lineToWire) })
  if (plain.length < COMPRESS_FROM_BYTES) return { lines: plain, encoding: encodings.plain }
  const packed = deflateRawSync(plain, { level: deflateLevel })
  return packed.length < plain.length ? { lines: toWire(packed), encoding: encodings.deflate } : { lines: plain, encoding: encodings.plain }
}

function unpackLines(lines: Uint8Array, encoding: number, verifier: RecordVerifier): DecodedFromOthers<readonly SyncEntry[]> {
  if (encoding !== encodings.plain && encoding !== encodings.deflate) return refuse('the lines are of an unknown encoding')
  const plain = contain<Uint8Array>(() => (encoding === encodings.plain ? lines : inflateRawSync(lines, { maxOutputLength: SYNC_LINES_BYTES_MAX })))
  if (!plain.ok) return refuse('the lines do not expand')
  if (plain.value.length > SYNC_LINES_BYTES_MAX) return refuse('the lines are longer than 1 MiB')
  const message = contain(() => wire.SyncLines.decode(plain.value, { limits: { lines: SYNC_LINES_MAX } }))
  return message.ok ? linesFromWire(message.value.lines, verifier) : message
}

function lineToWire({ signed, state, leave, ageMs }: SyncEntry): wire.SyncLine {
  return {
    envelope: toWire(signed.envelope),
    state: state === 'left' && leave === null ? lineStates.removed : lineStates[state],
    leave: leave === null ? noBytes : toWire(leave.envelope),
    ageMs: ageMs === undefined ? 0 : Math.round(ageMs),
  }
}

function linesFromWire(lines: readonly wire.SyncLine[], verifier: RecordVerifier): DecodedFromOthers<readonly SyncEntry[]> {
  const entries: SyncEntry[] = []
  const messageVerifier = new MessageVerifier(verifier)
  let unverified = 0
  let unknown = 0
  for (const { envelope, state: stateNumber, leave: farewell, ageMs } of lines) {
    const state = lineStateNames[stateNumber]
    if (state === undefined || state === null) {
      unknown++
      continue
    }
    const signed = messageVerifier.verifyRecord(envelope)
    const leave = state === 'left' && signed !== null ? messageVerifier.verifyLeave(farewell) : null
    if (messageVerifier.isForged) return refuse('signatures')
    if (signed === null || (state === 'left' && leave?.peerId !== signed.record.peerId)) unverified++
    else if (state === 'alive' || state === 'suspect') entries.push({ signed, state, leave })
    else entries.push({ signed, state: state === 'removed' ? 'left' : state, leave, ageMs })
  }
  return { ok: true, value: entries, unverified, unknown }
}

function words(values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => { view.setUint32(4 * index, value, true) })
  return bytes
}

/** Null when it is no whole number of them. */
function fromWords(bytes: Uint8Array): Uint32Array | null {
  if (bytes.length % 4 !== 0) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index, true))
}

function halfWords(values: Uint16Array | readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => { view.setUint16(2 * index, value, true) })
  return bytes
}

/** Null when it is no whole number of them. */
function fromHalfWords(bytes: Uint8Array): Uint16Array | null {
  if (bytes.length % 2 !== 0) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Uint16Array.from({ length: bytes.length / 2 }, (_, index) => view.getUint16(2 * index, true))
}
