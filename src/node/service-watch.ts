/**
 * How long queries of each database take here, beside what the peers tell and what queries from here took there. It is fed from the gate, from
 * answers of peers and from the load that they tell, and read with each decision and once a second for what this node tells itself.
 */
import { ServiceTimes, type RunningQuery } from '../core/load/service-times.ts'
import { type ElsewhereInput, ServiceComparison } from '../core/routing/comparison.ts'
import { parseRoutingOptions, type RoutingOptions } from '../core/routing/options.ts'
import type { Comparison } from '../core/routing/types.ts'
import type { Clock } from '../ports/clock.ts'

interface Watched {
  readonly times: ServiceTimes
  readonly comparison: ServiceComparison
}

/** Databases that are watched; queries may name what nobody serves. */
const DATABASES_MAX = 256
const TOLD_EVERY_MS = 1_000
const NOTHING: Comparison = Object.freeze({ hereMs: null, elsewhereMs: null, elsewhereName: null, forwardedRatio: 0 })

export class ServiceWatch {
  readonly #clock: Clock
  readonly #options: RoutingOptions
  /** The one longest known first. */
  readonly #databases = new Map<string, Watched>()

  constructor(clock: Clock, options: RoutingOptions = parseRoutingOptions()) {
    this.#clock = clock
    this.#options = options
  }

  start(database: string): ServiceRun {
    const watched = this.#watched(database)
    return new ServiceRun(watched, watched.times.handleStart(this.#clock.nowMs()), this.#clock)
  }

  /** A read was answered by a peer. */
  handleAnswer(database: string, durationMs: number): void {
    this.#databases.get(database)?.comparison.handleAnswer(this.#clock.nowMs(), durationMs)
  }

  /** What a query takes that comes now, by database. `queueRatio`: queries that wait for each that may run. */
  expected(queueRatio: number): Readonly<Record<string, number>> {
    const nowMs = this.#clock.nowMs()
    const expected: Record<string, number> = {}
    for (const [database, { times }] of this.#databases) {
      times.handleTime(nowMs)
      const ms = times.expectedMs(nowMs)
      if (ms !== null) expected[database] = ms * (1 + queueRatio)
    }
    return expected
  }

  /** `elsewhere` is asked for about once a second. */
  compare(database: string, queueRatio: number, elsewhere: () => readonly ElsewhereInput[]): Comparison {
    const nowMs = this.#clock.nowMs()
    const known = this.#databases.get(database)
    const told = known === undefined || nowMs - known.comparison.toldAtMs >= TOLD_EVERY_MS ? elsewhere() : null
    // Names that nobody serves leave no trace, or they would push out those that are.
    if (known === undefined && told?.length === 0) return NOTHING
    const { times, comparison } = known ?? this.#watched(database)
    if (told !== null) comparison.handleElsewhere(nowMs, told)
    times.handleTime(nowMs)
    const ms = times.expectedMs(nowMs)
    const here = { expectedMs: ms === null ? null : ms * (1 + queueRatio), isSlowed: times.isSlowed, running: times.running, startedAtMs: times.startedAtMs }
    comparison.handleHere(nowMs, here)
    return comparison.comparison(nowMs, here)
  }

  #watched(database: string): Watched {
    const known = this.#databases.get(database)
    if (known !== undefined) return known
    if (this.#databases.size >= DATABASES_MAX) {
      const oldest = this.#databases.keys().next()
      if (oldest.done !== true) this.#databases.delete(oldest.value)
    }
    const watched = { times: new ServiceTimes(), comparison: new ServiceComparison(this.#options) }
    this.#databases.set(database, watched)
    return watched
  }
}

/** One query that runs here. */
export class ServiceRun {
  readonly #watched: Watched
  readonly #query: RunningQuery
  readonly #clock: Clock

  constructor(watched: Watched, query: RunningQuery, clock: Clock) {
    this.#watched = watched
    this.#query = query
    this.#clock = clock
  }

  firstRows(): void {
    this.#watched.times.handleFirstRows(this.#clock.nowMs(), this.#query)
  }

  end(outcome: 'completed' | 'failed' | 'cancelled', serviceMs: number): void {
    const nowMs = this.#clock.nowMs()
    this.#watched.times.handleEnd(nowMs, this.#query, outcome, serviceMs)
    if (outcome === 'completed') this.#watched.comparison.handleEnd(nowMs, serviceMs)
  }
}
