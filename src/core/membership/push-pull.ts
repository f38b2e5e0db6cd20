/**
 * Push-pull repair: two nodes make their tables agree, and say little when they do already. One asks, the other answers, and keeps nothing in
 * between:
 *
 *   compare (digest of the whole table)          → nothing to say, or the prints of all buckets
 *   delta (prints of my lines where they differ) → the lines that you lack, and the prints of those that I lack
 *   push (those lines)                           → nothing to say
 *
 * Who holds nobody yet asks for the whole table at once. Lines are the asker's or the answerer's own view of a member (types.ts SyncEntry).
 *
 * Some differences are there to stay: a table is full, a peer is denied here. The lines that brought nothing new are remembered for a while,
 * and listed among the known ones; so they are not sent again in each exchange.
 */
import type { MemberEntry, MemberTable } from './member-table.ts'
import {
  BucketDigests, bucketCountFor, bucketOf, bucketShift, type Digest, isBucketCount, isSameDigest, linePrint, STATE_CLASSES, type StateClass, TableDigest,
} from './table-digest.ts'
import { hashPeerId } from './observers.ts'
import type { SignedLeave, SignedRecord, SyncEntry } from './types.ts'

/** Lines in one message, before compression. More of them go in the next exchange. */
export const SYNC_LINES_BYTES_MAX = 1 << 20
export const SYNC_LINES_MAX = 8192
/** Prints in one message. */
export const SYNC_PRINTS_MAX = 65_536
/** Two lines and more become shorter by a fifth and more when they are compressed; a single one by nothing. */
export const COMPRESS_FROM_BYTES = 512
/** How long a line that brought nothing new is not wanted again. */
export const FRUITLESS_MS = 300_000
/** Such lines remembered. */
export const FRUITLESS_MAX = 1024
/** Tags, lengths, state and age of a line without a farewell, and the farewell's tag and length. */
export const LINE_OVERHEAD_BYTES = 16
export const LINE_LEAVE_OVERHEAD_BYTES = 3

/** Between two exchanges of one node, in meshes of up to `SYNC_SCALE_FROM`. */
export const SYNC_INTERVAL_MS = 5_000
export const SYNC_SCALE_FROM = 32

/**
 * Once more for each doubling above 32 members (memberlist's pushPullScale): 5 s, at 1,000 members 30 s, at 5,000 45 s. Each exchange may cost a dial, since
 * in a large mesh a node is connected to few others.
 */
export function syncIntervalMs(members: number): number {
  return SYNC_INTERVAL_MS * (members <= SYNC_SCALE_FROM ? 1 : 1 + Math.ceil(Math.log2(members / SYNC_SCALE_FROM)))
}

/**
 * From one exchange to the next: twice as long as to the last one, up to the interval. Extension: what a newcomer has missed while a crowd joined with it, it
 * finds within seconds, and not when the stretched interval of a large mesh has passed.
 */
export function nextSyncMs(lastMs: number, members: number): number {
  return Math.min(2 * lastMs, syncIntervalMs(members))
}

export type SyncRequest =
  | { readonly kind: 'compare'; readonly salt: number; readonly digest: Digest }
  | { readonly kind: 'whole'; readonly salt: number; readonly entries: readonly SyncEntry[] }
  | {
    readonly kind: 'delta'
    readonly salt: number
    readonly bucketCount: number
    readonly buckets: readonly number[]
    readonly known: readonly number[]
  }
  | { readonly kind: 'push'; readonly entries: readonly SyncEntry[] }

export type SyncAnswer =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'buckets'; readonly prints: Uint16Array }
  | { readonly kind: 'entries'; readonly entries: readonly SyncEntry[]; readonly wanted: readonly number[]; readonly isPartial: boolean }

/** A row of the table, or this node itself. */
type Line = Pick<MemberEntry, 'peerId' | 'hash' | 'incarnation' | 'state' | 'stateSinceMs' | 'probationUntilMs' | 'silent' | 'signed' | 'leave'>

interface Fruitless {
  readonly hash: number
  readonly incarnation: number
  readonly state: StateClass
  readonly untilMs: number
}

export interface PushPullSurroundings {
  readonly table: MemberTable
  readonly self: () => { readonly signed: SignedRecord; readonly leave: SignedLeave | null }
}

export class PushPull {
  readonly #in: PushPullSurroundings
  readonly #selfHash: number
  /** Oldest first. */
  readonly #fruitless = new Map<string, Fruitless>()
  #digest: Digest | null = null

  constructor(surroundings: PushPullSurroundings) {
    this.#in = surroundings
    this.#selfHash = hashPeerId(surroundings.self().signed.record.peerId)
  }

  /** Silent tombstones do not count: nobody is taught them any more. O(N) after a change, otherwise O(1). */
  get digest(): Digest {
    if (this.#digest === null) {
      const sum = new TableDigest()
      this.#visit((line) => { if (!line.silent) sum.add(line.hash, line.incarnation, stateClass(line)) })
      this.#digest = sum.digest
    }
    return this.#digest
  }

  /** Something in the table changed. */
  handleChange(): void {
    this.#digest = null
  }

  /** The first question. `salt`: 32 random bits, new for each exchange. */
  request(nowMs: number, salt: number): SyncRequest {
    if (this.#in.table.active.size > 0) return { kind: 'compare', salt, digest: this.digest }
    return { kind: 'whole', salt, entries: this.#offered(nowMs, { salt, reader: null }).entries }
  }

  /** The entries that came with the request must have been handed to the machine before. */
  answer(nowMs: number, from: string, request: SyncRequest): SyncAnswer {
    switch (request.kind) {
      case 'compare':
        if (isSameDigest(request.digest, this.digest)) return { kind: 'nothing' }
        return { kind: 'buckets', prints: this.#prints(bucketCountFor(Math.max(request.digest.count, this.digest.count)), request.salt) }
      case 'whole':
        return { kind: 'entries', wanted: [], ...this.#offered(nowMs, { salt: request.salt, reader: from }) }
      case 'delta':
        return this.#delta(nowMs, from, request)
      case 'push':
        return { kind: 'nothing' }
    }
  }

  /** What to ask after an answer; null: the exchange is over. The entries that came with it must have been handed to the machine before. */
  next(nowMs: number, request: SyncRequest, answer: SyncAnswer): SyncRequest | null {
    if (request.kind === 'compare' && answer.kind === 'buckets') return this.#compareBuckets(nowMs, request.salt, answer.prints)
    if (request.kind !== 'delta' || answer.kind !== 'entries' || answer.wanted.length === 0) return null
    const wanted = new Set(answer.wanted)
    const isAsked = (line: Line): boolean => wanted.has(printOf(line, request.salt))
    const { entries } = this.#offered(nowMs, { salt: request.salt, reader: null, within: request, isAsked })
    return entries.length === 0 ? null : { kind: 'push', entries }
  }

  /** After entries were handed to the machine: those that left no trace in the table are not wanted again soon. */
  noteApplied(nowMs: number, entries: readonly SyncEntry[]): void {
    for (const [key, { untilMs }] of this.#fruitless) {
      if (untilMs > nowMs) break
      this.#fruitless.delete(key)
    }
    for (const entry of entries) {
      const { peerId } = entry.signed.record
      // What is said about this node itself it must always hear.
      if (peerId === this.#in.self().signed.record.peerId) continue
      const incarnation = Math.max(entry.signed.record.incarnation, entry.leave?.incarnation ?? 0)
      const state = classOf(entry.state)
      const held = this.#in.table.get(peerId)
      if (held !== undefined && held.incarnation === incarnation && stateClass(held) === state) continue
      const hash = hashPeerId(peerId)
      const key = `${hash} ${incarnation} ${state}`
      this.#fruitless.delete(key)
      this.#fruitless.set(key, { hash, incarnation, state, untilMs: nowMs + FRUITLESS_MS })
      if (this.#fruitless.size > FRUITLESS_MAX) for (const oldest of this.#fruitless.keys()) { this.#fruitless.delete(oldest); break }
    }
  }

  #prints(bucketCount: number, salt: number): Uint16Array {
    const buckets = new BucketDigests(bucketCount)
    this.#visit((line) => { if (!line.silent) buckets.add(line.hash, line.incarnation, stateClass(line)) })
    return buckets.prints(salt)
  }

  #compareBuckets(nowMs: number, salt: number, theirs: Uint16Array): SyncRequest | null {
    const bucketCount = theirs.length
    if (!isBucketCount(bucketCount)) return null
    const shift = bucketShift(bucketCount)
    const ours = this.#prints(bucketCount, salt)
    const counts = new Int32Array(bucketCount)
    this.#visit((line) => { const bucket = bucketOf(line.hash, shift); counts[bucket] = (counts[bucket] as number) + 1 })
    const buckets: number[] = []
    let lines = this.#fruitless.size
    // From a random place on, so that where all cannot be asked for at once, several exchanges do.
    for (let step = 0, bucket = salt & (bucketCount - 1); step < bucketCount; step++, bucket = (bucket + 1) & (bucketCount - 1)) {
      if (ours[bucket] === theirs[bucket]) continue
      lines += counts[bucket] as number
      if (lines > SYNC_PRINTS_MAX) break
      buckets.push(bucket)
    }
    if (buckets.length === 0) return null
    const isChosen = chooser(bucketCount, buckets)
    const known: number[] = []
    this.#visit((line) => { if (isChosen(line.hash)) known.push(printOf(line, salt)) })
    for (const { hash, incarnation, state, untilMs } of this.#fruitless.values()) {
      if (untilMs > nowMs && isChosen(hash)) known.push(linePrint(hash, incarnation, state, salt))
    }
    return { kind: 'delta', salt, bucketCount, buckets, known }
  }

  #delta(nowMs: number, from: string, request: Extract<SyncRequest, { kind: 'delta' }>): SyncAnswer {
    if (!isBucketCount(request.bucketCount)) return { kind: 'nothing' }
    const wanted = new Set(request.known)
    const known = new Set(request.known)
    const { entries, isPartial } = this.#offered(nowMs, { salt: request.salt, reader: from, within: request, isAsked: (line) => !known.has(printOf(line, request.salt)) })
    const isChosen = chooser(request.bucketCount, request.buckets)
    this.#visit((line) => { if (isChosen(line.hash)) wanted.delete(printOf(line, request.salt)) })
    for (const { hash, incarnation, state, untilMs } of this.#fruitless.values()) {
      if (untilMs > nowMs && wanted.size > 0) wanted.delete(linePrint(hash, incarnation, state, request.salt))
    }
    return entries.length === 0 && wanted.size === 0 ? { kind: 'nothing' } : { kind: 'entries', entries, wanted: [...wanted], isPartial }
  }

  /**
   * Up to the budget: first this node itself and the reader, who must hear what is said about it even if that is silent, then the others from a
   * random place on and around.
   */
  #offered(nowMs: number, { salt, reader, within, isAsked }: {
    readonly salt: number
    readonly reader: string | null
    readonly within?: { readonly bucketCount: number; readonly buckets: readonly number[] }
    readonly isAsked?: (line: Line) => boolean
  }): { readonly entries: readonly SyncEntry[]; readonly isPartial: boolean } {
    const self = this.#in.self().signed.record.peerId
    const isChosen = within === undefined ? null : chooser(within.bucketCount, within.buckets)
    const first: Line[] = []
    const others: Line[] = []
    this.#visit((line) => {
      if (isChosen?.(line.hash) === false || isAsked?.(line) === false) return
      if (line.peerId === self || line.peerId === reader) first.push(line)
      else if (!line.silent) others.push(line)
    })
    const entries: SyncEntry[] = []
    let bytes = 0
    const offer = (line: Line): boolean => {
      const entry = entryOf(nowMs, line)
      bytes += syncEntryBytes(entry)
      if (bytes > SYNC_LINES_BYTES_MAX || entries.length === SYNC_LINES_MAX) return false
      entries.push(entry)
      return true
    }
    first.forEach(offer)
    const start = others.length === 0 ? 0 : salt % others.length
    for (let step = 0; step < others.length; step++) if (!offer(others[(start + step) % others.length] as Line)) return { entries, isPartial: true }
    return { entries, isPartial: false }
  }

  #visit(visitor: (line: Line) => void): void {
    const { signed, leave } = this.#in.self()
    const { peerId, incarnation } = signed.record
    visitor({ peerId, hash: this.#selfHash, incarnation, state: leave === null ? 'alive' : 'left', stateSinceMs: Infinity, probationUntilMs: null, silent: false, signed, leave })
    for (const entry of this.#in.table.entries()) visitor(entry)
  }
}

/** The entries that a request or an answer brings, to be handed to the machine first. */
export function syncEntriesIn(message: SyncRequest | SyncAnswer): readonly SyncEntry[] {
  return 'entries' in message ? message.entries : []
}

/** At most what the line takes on the wire, uncompressed. */
export function syncEntryBytes({ signed, leave }: SyncEntry): number {
  return signed.envelope.length + LINE_OVERHEAD_BYTES + (leave === null ? 0 : leave.envelope.length + LINE_LEAVE_OVERHEAD_BYTES)
}

/**
 * About what the message takes on the wire, without encoding it: within a few bytes but for compressed lines, whose share is what lines of real
 * meshes come to (0.6 for many, since half of a line are keys and a signature; 0.5 more, shared among them, for what the first one teaches).
 */
export function syncMessageBytes(message: SyncRequest | SyncAnswer): number {
  switch (message.kind) {
    case 'compare': return 2 + 5 + 4 + 10
    case 'whole': return 7 + linesBytes(message.entries)
    case 'delta': return 2 + 5 + 3 + 3 + 2 * message.buckets.length + 3 + 4 * message.known.length
    case 'push': return 2 + linesBytes(message.entries)
    case 'nothing': return 2
    case 'buckets': return 2 + 3 + 2 * message.prints.length
    case 'entries': return 4 + linesBytes(message.entries) + (message.wanted.length === 0 ? 0 : 3 + 4 * message.wanted.length)
  }
}

function linesBytes(entries: readonly SyncEntry[]): number {
  if (entries.length === 0) return 0
  const plain = entries.reduce((sum, entry) => sum + syncEntryBytes(entry), 0)
  return plain < COMPRESS_FROM_BYTES ? 3 + plain : 6 + Math.ceil(plain * Math.min(1, 0.6 + 0.5 / entries.length))
}

/** A member on probation has outranked the verdict; who hears of it for the first time has no reason to keep it out. */
function stateClass(line: Pick<MemberEntry, 'state' | 'probationUntilMs'>): StateClass {
  return line.probationUntilMs === null ? classOf(line.state) : STATE_CLASSES.living
}

function classOf(state: SyncEntry['state']): StateClass {
  return state === 'failed' ? STATE_CLASSES.failed : state === 'left' ? STATE_CLASSES.left : STATE_CLASSES.living
}

function printOf(line: Line, salt: number): number {
  return linePrint(line.hash, line.incarnation, stateClass(line), salt)
}

function entryOf(nowMs: number, { signed, state, leave, probationUntilMs, stateSinceMs }: Line): SyncEntry {
  if (probationUntilMs !== null) return { signed, state: 'alive', leave }
  if (state === 'alive' || state === 'suspect') return { signed, state, leave }
  return { signed, state, leave, ageMs: Math.max(0, Math.round(nowMs - stateSinceMs)) }
}

/** Whether a member of this hash is in one of the buckets. */
function chooser(bucketCount: number, buckets: readonly number[]): (hash: number) => boolean {
  const shift = bucketShift(bucketCount)
  const chosen = new Uint8Array(bucketCount)
  for (const bucket of buckets) chosen[bucket] = 1
  return (hash) => chosen[bucketOf(hash, shift)] === 1
}
