/**
 * The latest load of every peer, from two sources: snapshots (gossiped, with the databases that are ready) and digests (a few bytes on
 * datagrams and query answers, far more frequent). Both are numbered by one counter of the reporter, so either may outrun the other and
 * an older one never undoes a newer one.
 *
 * The counter starts again with the reporter, so it is compared within one **epoch** only (the record's `datagramEpoch`, unix ms of
 * that start on the reporter's clock). A snapshot that was made before the epoch began is a straggler of the previous life. Should
 * a reporter's clock or counter run backwards all the same, nothing is locked out for long: what has not been renewed for
 * `supersededAfterMs` gives way to whatever comes.
 *
 * Ages are those of the figures and not of the message: a snapshot that gossip delivered late is as old as it says. Two clocks cannot be compared,
 * but their difference can be bounded: of all snapshots of a reporter the one that came soonest after it was made (in two periods of
 * `offsetPeriodMs`, so that a clock that is set, or drifts, is forgiven) shows the difference, and each further one is late by what it
 * exceeds that. Sequence numbers would not do: they count changes, not time. A digest comes from the reporter itself and counts from receipt.
 */
import type { LoadDigest } from '../membership/types.ts'
import type { LoadSnapshot } from './types.ts'

export interface PeerLoad extends LoadDigest {
  readonly epoch: number
  /** Local monotonic ms at which these figures were reported, as far as is known; never after they came in. */
  readonly reportedAtMs: number
  /** Of copies that told how long a query takes; with `readyDatabases`. */
  readonly serviceTimesMs: Readonly<Record<string, number>>
  /** Null until a snapshot has named them. */
  readonly readyDatabases: readonly string[] | null
  /** Of the copies that told; with `readyDatabases`. */
  readonly lagsMs: Readonly<Record<string, number>>
}

export interface PeerLoadsCounters {
  accepted: number
  /** Not newer than what was known, or of an earlier life. */
  outdated: number
  /** For lack of room. */
  refused: number
}

/** Longer than any pause between two digests in a working mesh. */
const supersededAfterMs = 90_000
/** A clock that was set back makes its reporter's snapshots look old for twice that at most. */
const offsetPeriodMs = 300_000
const peersMaxDefault = 10_000

interface Entry {
  load: PeerLoad
  /** Sequence of the snapshot that named the ready databases; −1 before the first. */
  readySequence: number
  /** When anything of it came in. */
  receivedAtMs: number
  /** Least of receipt (local clock) less making (reporter's clock), in this period and in the one before. */
  offsetMs: number
  offsetBeforeMs: number
  offsetSinceMs: number
}

export class PeerLoads {
  readonly #entries = new Map<string, Entry>()
  readonly #peersMax: number
  readonly counters: PeerLoadsCounters = { accepted: 0, outdated: 0, refused: 0 }

  constructor({ peersMax = peersMaxDefault }: { readonly peersMax?: number } = {}) {
    this.#peersMax = peersMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(peerId: string): PeerLoad | null {
    return this.#entries.get(peerId)?.load ?? null
  }

  /** Since the latest figures were reported; null when none have come in. */
  ageMs(nowMs: number, peerId: string): number | null {
    const load = this.get(peerId)
    return load === null ? null : nowMs - load.reportedAtMs
  }

  /** `epoch`: of the reporter's record as known now. False: nothing in it was new. */
  handleSnapshot(nowMs: number, snapshot: LoadSnapshot, epoch = 0): boolean {
    // Both times are from the reporter's clock.
    if (snapshot.atWallMs < epoch) {
      this.counters.outdated++
      return false
    }
    const { peerId, readyDatabases, lagsMs, serviceTimesMs = {}, sequence } = snapshot
    const entry = this.#entryFor(nowMs, peerId, epoch)
    if (entry === null) return false
    const isNewFigures = this.#takeFigures(nowMs, entry, nowMs - latenessMs(nowMs, entry, snapshot.atWallMs), snapshot)
    const isNewReady = sequence > entry.readySequence
    if (isNewReady) {
      entry.readySequence = sequence
      entry.load = { ...entry.load, readyDatabases, lagsMs, serviceTimesMs }
    }
    return this.#count(isNewFigures || isNewReady)
  }

  /** `epoch`: of the reporter's record as known now. False: not newer than what is known. */
  handleDigest(nowMs: number, peerId: string, digest: LoadDigest, epoch = 0): boolean {
    const entry = this.#entryFor(nowMs, peerId, epoch)
    return entry !== null && this.#count(this.#takeFigures(nowMs, entry, nowMs, digest))
  }

  /**
   * How far the clock here is ahead of that reporter's, as its soonest snapshot shows, which was under way for a little; negative: behind.
   * Null while none has come. `wallMs`: of the same moment as `nowMs`.
   */
  clockAheadMs(nowMs: number, wallMs: number, peerId: string): number | null {
    const entry = this.#entries.get(peerId)
    const offsetMs = entry === undefined ? Infinity : Math.min(entry.offsetMs, entry.offsetBeforeMs)
    return offsetMs === Infinity ? null : offsetMs + wallMs - nowMs
  }

  remove(peerId: string): void {
    this.#entries.delete(peerId)
  }

  /** The entry to update; a fresh one for a new life. Null, and counted, for an earlier life or when there is no room. */
  #entryFor(nowMs: number, peerId: string, epoch: number): Entry | null {
    const known = this.#entries.get(peerId)
    const isCurrent = known !== undefined && nowMs - known.receivedAtMs < supersededAfterMs
    if (isCurrent && epoch === known.load.epoch) return known
    if (isCurrent && epoch < known.load.epoch) {
      this.counters.outdated++
      return null
    }
    if (known === undefined && this.#entries.size >= this.#peersMax) {
      this.counters.refused++
      return null
    }
    const fresh: Entry = {
      // The clock of its host is the same one.
      readySequence: -1, receivedAtMs: nowMs, offsetMs: known?.offsetMs ?? Infinity, offsetBeforeMs: known?.offsetBeforeMs ?? Infinity, offsetSinceMs: known?.offsetSinceMs ?? nowMs,
      load: { epoch, reportedAtMs: nowMs, readyDatabases: epoch === known?.load.epoch ? known.load.readyDatabases : null, lagsMs: {}, serviceTimesMs: {}, cpuPercent: 0, memoryPercent: 0, inFlight: 0, overloaded: false, drill: false, sequence: -1 },
    }
    this.#entries.set(peerId, fresh)
    return fresh
  }

  #takeFigures(nowMs: number, entry: Entry, reportedAtMs: number, { cpuPercent, memoryPercent, inFlight, overloaded, drill, sequence, serviceMs = null }: LoadDigest): boolean {
    if (sequence <= entry.load.sequence) return false
    entry.receivedAtMs = nowMs
    entry.load = { ...entry.load, cpuPercent, memoryPercent, inFlight, overloaded, drill, sequence, serviceMs, reportedAtMs }
    return true
  }

  #count(isNew: boolean): boolean {
    if (isNew) this.counters.accepted++
    else this.counters.outdated++
    return isNew
  }
}

/** By how much longer it was under way than the soonest of this reporter's. */
function latenessMs(nowMs: number, entry: Entry, atWallMs: number): number {
  if (nowMs - entry.offsetSinceMs >= offsetPeriodMs) {
    entry.offsetBeforeMs = nowMs - entry.offsetSinceMs < 2 * offsetPeriodMs ? entry.offsetMs : Infinity
    entry.offsetMs = Infinity
    entry.offsetSinceMs = nowMs
  }
  const offsetMs = nowMs - atWallMs
  entry.offsetMs = Math.min(entry.offsetMs, offsetMs)
  return offsetMs - Math.min(entry.offsetMs, entry.offsetBeforeMs)
}

/** How long a query of `database` takes there; null when nobody told. */
export function serviceMsOf({ serviceMs = null, serviceTimesMs }: PeerLoad, database: string): number | null {
  return serviceMs ?? serviceTimesMs[database] ?? null
}
