/**
 * `/reedbase/keys/1.0`: one question and one answer, each a JSON object in a frame, on a stream that Noise has encrypted and authenticated.
 * A question without a ring only asks; one with a ring tells what the asker knows, gives the keys in `keys`, and asks for those in `wanted`.
 */
import type { RingKey, RingRefusal, RingSummary } from '../core/keyring/ring.ts'
import { clusterKeyBytes, keyFingerprint } from './cluster-key.ts'

export const KEYS_PROTOCOL = '/reedbase/keys/1.0'
export const KEYS_MESSAGE_BYTES_MAX = 8192
const keysMax = 4
const removedMax = 64

export interface KeysQuestion {
  readonly ring: RingSummary | null
  readonly keys: readonly RingKey[]
  readonly wanted: readonly string[]
}

/** `stranger`: the connection was made with a key that is not in the ring any more; `failed`: the keyring could not be written. */
export type KeysRefusal = RingRefusal | 'stranger' | 'failed' | 'busy'

export interface KeysAnswer {
  readonly ring: RingSummary
  readonly keys: readonly RingKey[]
  /** Why what was told is not kept; null when it is. */
  readonly refused: KeysRefusal | null
}

export type KeysDecoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string }

export function encodeKeysQuestion({ ring, keys, wanted }: KeysQuestion): Uint8Array {
  return encode({ ring, keys: keys.map(textOf), wanted })
}

export function encodeKeysAnswer({ ring, keys, refused }: KeysAnswer): Uint8Array {
  return encode({ ring, keys: keys.map(textOf), refused })
}

/** Never throws. */
export function decodeKeysQuestion(bytes: Uint8Array): KeysDecoded<KeysQuestion> {
  return decode(bytes, (message) => ({ ring: message.ring === null ? null : readSummary(message.ring), keys: readKeys(message.keys), wanted: readFingerprints(message.wanted, keysMax) }))
}

/** Never throws. */
export function decodeKeysAnswer(bytes: Uint8Array): KeysDecoded<KeysAnswer> {
  return decode(bytes, (message) => ({ ring: readSummary(message.ring), keys: readKeys(message.keys), refused: readRefusal(message.refused) }))
}

class Malformed extends Error {}

type Fields = Readonly<Record<string, unknown>>

function encode(message: object): Uint8Array {
  return Buffer.from(JSON.stringify(message))
}

function decode<T>(bytes: Uint8Array, read: (message: Fields) => T): KeysDecoded<T> {
  if (bytes.length > KEYS_MESSAGE_BYTES_MAX) return { ok: false, reason: 'too long' }
  try {
    return { ok: true, value: read(fieldsOf(JSON.parse(Buffer.from(bytes).toString('utf8')))) }
  } catch (error) {
    // JSON.parse and the readers below are what throws; both say what is wrong with these bytes.
    return { ok: false, reason: error instanceof Malformed ? error.message : 'not JSON' }
  }
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed('not an object')
  return value as Fields
}

function readSummary(value: unknown): RingSummary {
  const { fingerprints, removed, useVersion } = fieldsOf(value)
  if (!Number.isSafeInteger(useVersion) || (useVersion as number) < 0) throw new Malformed('useVersion is no count')
  return { fingerprints: readFingerprints(fingerprints, keysMax), removed: readFingerprints(removed, removedMax), useVersion: useVersion as number }
}

function readFingerprints(value: unknown, max: number): string[] {
  if (!Array.isArray(value) || value.length > max) throw new Malformed('no list of fingerprints')
  const list = value.filter((item): item is string => typeof item === 'string' && /^[0-9a-f]{16}$/.test(item))
  if (list.length !== value.length || new Set(list).size !== list.length) throw new Malformed('no list of fingerprints')
  return list
}

function readKeys(value: unknown): RingKey[] {
  if (!Array.isArray(value) || value.length > keysMax) throw new Malformed('no list of keys')
  return value.map((item: unknown) => {
    const key = typeof item === 'string' && /^[A-Za-z0-9_-]{43}$/.test(item) ? new Uint8Array(Buffer.from(item, 'base64url')) : null
    if (key?.length !== clusterKeyBytes) throw new Malformed('no list of keys')
    return { key, fingerprint: keyFingerprint(key) }
  })
}

function readRefusal(value: unknown): KeysRefusal | null {
  if (value === null) return null
  const refusals: readonly KeysRefusal[] = ['full', 'last', 'stranger', 'failed', 'busy']
  return refusals.find((refusal) => refusal === value) ?? 'failed'
}

function textOf({ key }: RingKey): string {
  return Buffer.from(key).toString('base64url')
}
