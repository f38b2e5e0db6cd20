/**
 * What members agree on about cluster keys, and how two opinions become one. Built so that the order in which members hear of a rotation
 * does not matter: keys are a set that grows, removals are a set that grows and wins over it, and the choice of the key in use is the one with
 * the most changes behind it. Merging is commutative, associative and idempotent, up to the bounds.
 * Extension: Serf spreads each step as a query that a member may miss; here any two members that meet repair each other, and a key
 * that was removed cannot come back with a member that slept through its removal.
 */

export interface RingKey {
  /** 16 hexadecimal digits. */
  readonly fingerprint: string
  readonly key: Uint8Array
}

/** Never empty. */
export interface Ring {
  /** The one in use first. */
  readonly keys: readonly RingKey[]
  /** Those of keys that were never held here first, since the first ones are given up first; the latest of the others last. */
  readonly removed: readonly string[]
  readonly useVersion: number
}

/** A ring without its secrets. */
export interface RingSummary {
  /** The one in use first. */
  readonly fingerprints: readonly string[]
  readonly removed: readonly string[]
  readonly useVersion: number
}

export interface RingBounds {
  readonly keysMax: number
  readonly removedMax: number
}

/** `full`: more keys than a ring may hold; `last`: no key would be left. */
export type RingRefusal = 'full' | 'last'

export type RingMerge =
  | { readonly ok: true; readonly ring: Ring; readonly changed: boolean }
  | { readonly ok: false; readonly refused: RingRefusal }

export function summarize({ keys, removed, useVersion }: Ring): RingSummary {
  return { fingerprints: keys.map(({ fingerprint }) => fingerprint), removed, useVersion }
}

/** Removals of keys that this ring never held, taken from one message. */
export const REMOVALS_HEARD_MAX = 8

/** Takes in another member's ring, of which `keys` are the secrets that came along. A choice of a key that is not here is left for later. */
export function mergeRing(ring: Ring, theirs: RingSummary, keys: readonly RingKey[], bounds: RingBounds): RingMerge {
  const isHeld = (fingerprint: string): boolean => ring.keys.some((key) => key.fingerprint === fingerprint)
  const news = theirs.removed.filter((fingerprint) => !ring.removed.includes(fingerprint))
  // Fingerprints are easily made up: they must not drive out the removal of a key that could come back.
  const heard = news.filter((fingerprint) => !isHeld(fingerprint)).slice(-REMOVALS_HEARD_MAX)
  const removed = [...heard, ...ring.removed, ...news.filter(isHeld)].slice(-bounds.removedMax)
  const held = new Map<string, RingKey>()
  for (const key of [...ring.keys, ...keys]) if (!removed.includes(key.fingerprint) && !held.has(key.fingerprint)) held.set(key.fingerprint, key)
  if (held.size === 0) return { ok: false, refused: 'last' }
  if (held.size > bounds.keysMax) return { ok: false, refused: 'full' }
  const choice = chooseInUse(ring, theirs, held)
  const inUse = held.get(choice.fingerprint)
  const first = inUse ?? held.values().next().value as RingKey
  const merged: Ring = { keys: [first, ...[...held.values()].filter((key) => key !== first)], removed, useVersion: choice.useVersion }
  return { ok: true, ring: merged, changed: !isSameRing(ring, merged) }
}

interface Choice {
  readonly fingerprint: string
  readonly useVersion: number
}

/** So far may a choice lie ahead of one's own: a count that leaps is no honest one, and its highest value could never be outdone. */
export const USE_VERSION_LEAP_MAX = 1_000_000

/** The later choice whose key is held; two choices of one version are settled alike everywhere, by the greater fingerprint. */
function chooseInUse(ring: Ring, theirs: RingSummary, held: ReadonlyMap<string, RingKey>): Choice {
  const own: Choice = { fingerprint: ring.keys[0]?.fingerprint ?? '', useVersion: ring.useVersion }
  const other: Choice = { fingerprint: theirs.fingerprints[0] ?? '', useVersion: theirs.useVersion }
  const later = other.useVersion > own.useVersion || (other.useVersion === own.useVersion && other.fingerprint > own.fingerprint) ? other : own
  if (other.useVersion - own.useVersion > USE_VERSION_LEAP_MAX) return own
  if (held.has(later.fingerprint)) return later
  return later === other ? own : other
}

/** Puts a held key in use, or returns null when it is not held. */
export function useKey(ring: Ring, fingerprint: string): Ring | null {
  const chosen = ring.keys.find((key) => key.fingerprint === fingerprint)
  if (chosen === undefined) return null
  if (chosen === ring.keys[0]) return ring
  return { ...ring, keys: [chosen, ...ring.keys.filter((key) => key !== chosen)], useVersion: ring.useVersion + 1 }
}

/** Takes a key out for good. Null when it is not held or is in use. */
export function removeKey(ring: Ring, fingerprint: string, bounds: RingBounds): Ring | null {
  if (ring.keys[0]?.fingerprint === fingerprint || !ring.keys.some((key) => key.fingerprint === fingerprint)) return null
  return { ...ring, keys: ring.keys.filter((key) => key.fingerprint !== fingerprint), removed: [...ring.removed, fingerprint].slice(-bounds.removedMax) }
}

function isSameRing(one: Ring, other: Ring): boolean {
  const text = (ring: Ring): string => [...ring.keys.map(({ fingerprint }) => fingerprint), '', ...ring.removed, ring.useVersion].join()
  return text(one) === text(other)
}
