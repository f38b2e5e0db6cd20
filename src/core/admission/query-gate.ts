/**
 * Who may run now, who waits and who is turned away. A node that runs everything at once runs everything slowly, so there are places, as
 * many as run well (concurrency-limit.ts), and a line for each priority.
 *
 * A free place goes to the oldest query of the highest class. **Ageing**: each `agingMs` of waiting raises a query by one class, up to the
 * second, so that low ones start in the end however many others come. The oldest of a line is also the most aged, so four heads are compared and nothing
 * is ever moved between lines.
 *
 * **Shedding**: the lines are bounded, each and together. When all are full, a newcomer takes the room of the youngest query of the lowest
 * class below its own, or is turned away. Its own class, not the aged one, is what counts here: otherwise long waits would make all
 * alike, and leave a critical newcomer nobody to displace. Whoever waits past its deadline is told so and never started.
 *
 * Not last in, first out under overload, as some do: it keeps the median low by giving up those who have waited, while their callers
 * still wait. Deadlines and bounds do that more honestly.
 */
import { Deadlines } from '../time/deadlines.ts'
import type { Priority } from '../routing/types.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'
import { parseAdmissionOptions, type AdmissionOptions } from './options.ts'
import { WaitingLine, WaitingQuery } from './waiting-line.ts'

/** Highest first. */
export const PRIORITIES = ['critical', 'high', 'normal', 'low'] as const satisfies readonly Priority[]

const ranks: Readonly<Record<Priority, number>> = { critical: 0, high: 1, normal: 2, low: 3 }

/** Places that critical queries take one after the other while others have aged. */
const CRITICAL_IN_A_ROW_MAX = 7

export type ShedReason =
  /** As many of its priority wait as may. */
  | 'class-full'
  /** As many wait as may, none of a lower priority. */
  | 'queue-full'
  /** A newcomer of a higher priority took its room. */
  | 'displaced'

export type GateEffect =
  | { readonly kind: 'start'; readonly id: string }
  | { readonly kind: 'shed'; readonly id: string; readonly code: 'ERR_OVERLOADED'; readonly reason: ShedReason }
  | { readonly kind: 'expired'; readonly id: string }

export interface Arrival {
  /** Of no query that waits or runs. */
  readonly id: string
  readonly priority: Priority
  /** When it is of no use any more, on the clock of `nowMs`. */
  readonly deadlineMs: number
}

export interface Finish {
  readonly id: string
  readonly outcome: 'completed' | 'failed' | 'cancelled'
  /** What the engine took, without the time in which it waited for its reader. */
  readonly serviceMs: number
  /** Queries of one kind take alike, as those of one statement; default: all are of one. */
  readonly kind?: string
}

/** Where one who came now would stand. */
export interface QueuePlace {
  readonly running: number
  readonly limit: number
  /** 0: it would start at once. Otherwise its place among those of its priority and above; others may overtake it by their age, as it may others. */
  readonly position: number
  /** Of its priority. */
  readonly waiting: number
  readonly waitingMax: number
  /** Why it would be turned away; null: it would not be. */
  readonly refusal: Exclude<ShedReason, 'displaced'> | null
}

export interface GateCounters {
  readonly started: number
  readonly shed: Readonly<Record<Priority, number>>
  /** Started before one that waited in a higher class, for their age. */
  readonly aged: number
  readonly expired: number
}

export class QueryGate {
  readonly options: AdmissionOptions
  readonly #limit: ConcurrencyLimit
  readonly #lines: readonly WaitingLine[] = PRIORITIES.map(() => new WaitingLine())
  readonly #waiting = new Map<string, WaitingQuery>()
  readonly #running = new Set<string>()
  /** Beside the places. */
  readonly #admitted = new Set<string>()
  readonly #deadlines = new Deadlines<string>()
  readonly #shed = { critical: 0, high: 0, normal: 0, low: 0 }
  #started = 0
  #aged = 0
  #expired = 0
  #sequence = 0
  #criticalInARow = 0

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<AdmissionOptions>> = {}) {
    this.options = parseAdmissionOptions(options)
    this.#limit = new ConcurrencyLimit(this.options)
  }

  /** Those that have a place. */
  get running(): number {
    return this.#running.size
  }

  /** Those that run beside the places; see `admit`. */
  get admitted(): number {
    return this.#admitted.size
  }

  get waitingTotal(): number {
    return this.#waiting.size
  }

  get waiting(): Readonly<Record<Priority, number>> {
    const [critical = 0, high = 0, normal = 0, low = 0] = this.#lines.map(({ length }) => length)
    return { critical, high, normal, low }
  }

  get limit(): number {
    return this.#limit.limit
  }

  /** Whether who arrives now starts at once. Nobody waits while a place is free. */
  get hasPlace(): boolean {
    return this.#running.size < this.#limit.limit
  }

  placeOf(priority: Priority): QueuePlace {
    const rank = ranks[priority]
    const { waitingMax, waitingPerClassMax } = this.options
    const waiting = this.#line(rank).length
    let ahead = 0
    for (let higher = 0; higher <= rank; higher++) ahead += this.#line(higher).length
    const isQueueFull = this.#waiting.size >= waitingMax && this.#youngestBelow(rank) === null
    const refusal = this.hasPlace ? null : waiting >= waitingPerClassMax ? 'class-full' : isQueueFull ? 'queue-full' : null
    return { running: this.running, limit: this.limit, position: this.hasPlace ? 0 : ahead + 1, waiting, waitingMax: Math.min(waitingPerClassMax, waitingMax), refusal }
  }

  get counters(): GateCounters {
    return { started: this.#started, shed: { ...this.#shed }, aged: this.#aged, expired: this.#expired }
  }

  arrive(nowMs: number, { id, priority, deadlineMs }: Arrival): GateEffect[] {
    this.#checkNew(id)
    if (deadlineMs <= nowMs) {
      this.#expired++
      return [{ kind: 'expired', id }]
    }
    if (this.hasPlace) return [this.#start(id)]
    // Who has expired makes room before anybody is turned away.
    const effects = this.#expire(nowMs)
    const rank = ranks[priority]
    const line = this.#line(rank)
    if (line.length >= this.options.waitingPerClassMax) return [...effects, this.#turnAway(id, priority, 'class-full')]
    if (this.#waiting.size >= this.options.waitingMax) {
      const displaced = this.#youngestBelow(rank)
      if (displaced === null) return [...effects, this.#turnAway(id, priority, 'queue-full')]
      this.#leaveLine(displaced)
      effects.push(this.#turnAway(displaced.id, displaced.priority, 'displaced'))
    }
    const query = new WaitingQuery({ id, priority, rank, arrivedMs: nowMs, sequence: this.#sequence++ })
    line.append(query)
    this.#waiting.set(id, query)
    if (deadlineMs < Infinity) this.#deadlines.set(id, deadlineMs)
    return effects
  }

  /**
   * Starts at once, also where no place is free: for who holds what those may be waiting for that have the places, as a statement of an open
   * transaction does. Its owner bounds how many there are. They take no place and nothing is learnt from their times, much of which is
   * waiting for one another's locks: whoever could send everything that way would otherwise keep all others out. The load that they are
   * shows in the times of those that have places.
   */
  admit(id: string): GateEffect[] {
    this.#checkNew(id)
    this.#admitted.add(id)
    this.#started++
    return [{ kind: 'start', id }]
  }

  /** A started query has ended. Nothing happens for one that is not running. */
  finish(nowMs: number, { id, outcome, serviceMs, kind = '' }: Finish): GateEffect[] {
    if (this.#admitted.delete(id)) return []
    const inFlight = this.#running.size
    if (!this.#running.delete(id)) return []
    this.#limit.handleSample(nowMs, { kind, outcome, serviceMs, inFlight })
    return this.#fill(nowMs)
  }

  /** Its caller is gone. One that runs keeps its place until `finish`: the engine has not stopped yet. */
  cancel(nowMs: number, id: string): GateEffect[] {
    const query = this.#waiting.get(id)
    if (query !== undefined) this.#leaveLine(query)
    return this.#expire(nowMs)
  }

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): GateEffect[] {
    return this.#expire(nowMs)
  }

  #fill(nowMs: number): GateEffect[] {
    const effects = this.#expire(nowMs)
    while (this.#waiting.size > 0 && this.hasPlace) {
      const query = this.#nextToStart(nowMs)
      this.#leaveLine(query)
      effects.push(this.#start(query.id))
    }
    return effects
  }

  /**
   * The highest class after ageing; within it whoever came first. Somebody waits. Nobody ages into the critical class, or lasting overload would
   * make all alike; so that it starves nobody either, one place in `CRITICAL_IN_A_ROW_MAX` + 1 goes to who has aged as far as can be.
   */
  #nextToStart(nowMs: number): WaitingQuery {
    let best: WaitingQuery | null = null
    let bestRank = Infinity
    let unaged: WaitingQuery | null = null
    const isCriticalsTurn = this.#criticalInARow < CRITICAL_IN_A_ROW_MAX
    for (const { oldest } of this.#lines) {
      if (oldest === null) continue
      unaged ??= oldest
      const aged = oldest.rank - Math.floor(Math.max(0, nowMs - oldest.arrivedMs) / this.options.agingMs)
      const rank = oldest.rank === 0 ? 0 : aged > 1 ? aged : !isCriticalsTurn && aged < oldest.rank ? -1 : 1
      if (best === null || rank < bestRank || (rank === bestRank && oldest.sequence < best.sequence)) {
        best = oldest
        bestRank = rank
      }
    }
    if (best === null) throw new Error('nobody waits')
    this.#criticalInARow = best.rank === 0 ? this.#criticalInARow + 1 : 0
    if (best !== unaged) this.#aged++
    return best
  }

  #checkNew(id: string): void {
    if (this.#running.has(id) || this.#admitted.has(id) || this.#waiting.has(id)) throw new Error(`the query ${id} is at the gate already`)
  }

  #start(id: string): GateEffect {
    this.#running.add(id)
    this.#started++
    return { kind: 'start', id }
  }

  #turnAway(id: string, priority: Priority, reason: ShedReason): GateEffect {
    this.#shed[priority]++
    return { kind: 'shed', id, code: 'ERR_OVERLOADED', reason }
  }

  #youngestBelow(rank: number): WaitingQuery | null {
    for (let lower = PRIORITIES.length - 1; lower > rank; lower--) {
      const { youngest } = this.#line(lower)
      if (youngest !== null) return youngest
    }
    return null
  }

  #expire(nowMs: number): GateEffect[] {
    const effects: GateEffect[] = []
    for (let id = this.#deadlines.takeDue(nowMs); id !== null; id = this.#deadlines.takeDue(nowMs)) {
      const query = this.#waiting.get(id)
      if (query === undefined) continue
      this.#leaveLine(query)
      this.#expired++
      effects.push({ kind: 'expired', id })
    }
    return effects
  }

  #leaveLine(query: WaitingQuery): void {
    this.#line(query.rank).remove(query)
    this.#waiting.delete(query.id)
    this.#deadlines.delete(query.id)
  }

  #line(rank: number): WaitingLine {
    return this.#lines[rank] as WaitingLine
  }
}
