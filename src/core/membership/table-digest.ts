/**
 * A member table in a few bytes, so that two nodes can see whether they hold the same without sending it (the repair of Dynamo's replicas by
 * Merkle trees, DeCandia et al., SOSP 2007 §4.7, flattened to one level).
 *
 * A line is what two honest tables can agree on: who, at which incarnation, and whether it lives, failed or left. Suspicions are left out:
 * they are one node's passing doubt. Each line has two lanes of 32 bits; a table's digest is the sum of its lines' lanes, so that the
 * order does not matter and a line comes or goes by one addition. 64 bits make an accident negligible; malice they do not stop, but who is
 * let in can only keep two tables from being repaired by this way, not from hearing the same gossip.
 *
 * Where two digests differ, members are dealt into buckets by the hash of their PeerId. A bucket's print is salted by the exchange, so 16 bits
 * are enough: a difference that hides behind a chance of 1 in 65,536 shows in the next exchange.
 */

export const STATE_CLASSES = { living: 0, failed: 1, left: 2 } as const
export type StateClass = (typeof STATE_CLASSES)[keyof typeof STATE_CLASSES]

export interface Digest {
  /** Lines. */
  readonly count: number
  /** Unsigned 32-bit sums of both lanes. */
  readonly first: number
  readonly second: number
}

/** Members a bucket, on average: its prints take 4 bytes each, and finding the bucket takes 2. */
export const BUCKET_MEMBERS = 8
/** 16 KiB of prints. */
export const BUCKETS_MAX = 8192

const HIGH = 2 ** 32

export class TableDigest {
  #count = 0
  #first = 0
  #second = 0

  add(hash: number, incarnation: number, state: StateClass): void {
    this.#count++
    this.#first = (this.#first + firstLane(hash, incarnation, state)) | 0
    this.#second = (this.#second + secondLane(hash, incarnation, state)) | 0
  }

  delete(hash: number, incarnation: number, state: StateClass): void {
    this.#count--
    this.#first = (this.#first - firstLane(hash, incarnation, state)) | 0
    this.#second = (this.#second - secondLane(hash, incarnation, state)) | 0
  }

  get digest(): Digest {
    return { count: this.#count, first: this.#first >>> 0, second: this.#second >>> 0 }
  }
}

export class BucketDigests {
  readonly #first: Int32Array
  readonly #second: Int32Array
  readonly #shift: number

  /** `count`: a power of two up to `BUCKETS_MAX`. */
  constructor(count: number) {
    this.#first = new Int32Array(count)
    this.#second = new Int32Array(count)
    this.#shift = bucketShift(count)
  }

  add(hash: number, incarnation: number, state: StateClass): void {
    const bucket = bucketOf(hash, this.#shift)
    this.#first[bucket] = (this.#first[bucket] as number) + firstLane(hash, incarnation, state)
    this.#second[bucket] = (this.#second[bucket] as number) + secondLane(hash, incarnation, state)
  }

  /** 16 bits a bucket. */
  prints(salt: number): Uint16Array {
    return Uint16Array.from(this.#first, (first, bucket) => salted(first, this.#second[bucket] as number, salt) & 0xffff)
  }
}

export function isSameDigest(a: Digest, b: Digest): boolean {
  return a.count === b.count && a.first === b.first && a.second === b.second
}

/** A power of two, so that `BUCKET_MEMBERS` share one. */
export function bucketCountFor(members: number): number {
  let count = 1
  while (count * BUCKET_MEMBERS < members && count < BUCKETS_MAX) count *= 2
  return count
}

export function isBucketCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= BUCKETS_MAX && (count & (count - 1)) === 0
}

/** What `bucketOf` takes; 32 for a single bucket. */
export function bucketShift(count: number): number {
  return 32 - (31 - Math.clz32(count))
}

/** The upper bits of the PeerId's hash. */
export function bucketOf(hash: number, shift: number): number {
  // A shift by 32 is one by 0 in JavaScript.
  return shift === 32 ? 0 : hash >>> shift
}

/** A line in 32 bits, for one exchange. */
export function linePrint(hash: number, incarnation: number, state: StateClass, salt: number): number {
  return salted(firstLane(hash, incarnation, state), secondLane(hash, incarnation, state), salt)
}

function salted(first: number, second: number, salt: number): number {
  return mix(first ^ mix(second + salt)) >>> 0
}

function firstLane(hash: number, incarnation: number, state: StateClass): number {
  return mix(mix(mix(hash ^ 0x9e3779b9) + (incarnation | 0)) + upper(incarnation, state))
}

/** The same three parts in another order, so that what is equal in one lane by accident is not in the other. */
function secondLane(hash: number, incarnation: number, state: StateClass): number {
  return mix(mix(mix(upper(incarnation, state) ^ 0x243f6a88) + hash) ^ (incarnation | 0))
}

/** What of an incarnation lies above 32 bits (20 bits), and the state. */
function upper(incarnation: number, state: StateClass): number {
  return Math.floor(incarnation / HIGH) * 4 + state
}

/** MurmurHash3's 32-bit finalizer. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) | 0
}
