/**
 * How long reads of each database take here, to their first rows, beside what the peers tell and what reads from here took there. It is fed by those that
 * run here, by answers of peers and by the load that they tell, and read with each decision and once a second for what this node tells itself.
 */
import { ServiceTimes, type RunningQuery } from '../core/load/service-times.ts'
import { type AwayChange, type ElsewhereInput, ServiceComparison } from '../core/routing/comparison.ts'
import { parseRoutingOptions, type RoutingOptions } from '../core/routing/options.ts'
import type { Comparison } from '../core/routing/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { AttemptEnd } from './forwarding.ts'

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
  readonly #log: Log | null
  #slowHereEntered = 0
  /** The one longest known first. */
  readonly #databases = new Map<string, Watched>()

  constructor(clock: Clock, options: RoutingOptions = parseRoutingOptions(), log: Log | null = null) {
    this.#clock = clock
    this.#options = options
    this.#log = log
  }

  /** `slowHere`: databases whose reads leave now. */
  get counters(): { readonly slowHereEntered: number; readonly slowHere: number } {
    let slowHere = 0
    for (const { comparison } of this.#databases.values()) if (comparison.isAway) slowHere++
    return { slowHereEntered: this.#slowHereEntered, slowHere }
  }

  /** A read begins here that is no part of a transaction. */
  start(database: string): ServiceRun {
    const watched = this.#watched(database)
    return new ServiceRun(watched, watched.times.handleStart(this.#clock.nowMs()), this.#clock)
  }

  /** A query goes to a peer. */
  handleDispatch({ database, access }: Pick<AttemptEnd, 'database' | 'access'>): void {
    if (access === 'read') this.#databases.get(database)?.comparison.handleDispatch(this.#clock.nowMs())
  }

  /** It has an answer from there, or none. What is compared are reads that had rows, there as here. */
  handleOutcome({ database, access, hasResult, firstRowMs }: AttemptEnd): void {
    if (access === 'read' && hasResult) this.#databases.get(database)?.comparison.handleAnswer(this.#clock.nowMs(), firstRowMs)
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
    const change = comparison.handleHere(nowMs, here)
    if (change !== null) this.#tell(database, change)
    return comparison.comparison(nowMs, here)
  }

  #tell(database: string, { kind, ...figures }: AwayChange): void {
    if (kind === 'begins') {
      this.#slowHereEntered++
      this.#log?.warn({ database, ...figures }, 'Reads take much longer here than elsewhere and are sent to other nodes.')
    } else this.#log?.info({ database, ...figures }, 'Reads stay here again.')
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

/** One read that runs here. */
export class ServiceRun {
  readonly #watched: Watched
  readonly #query: RunningQuery
  readonly #clock: Clock

  constructor(watched: Watched, query: RunningQuery, clock: Clock) {
    this.#watched = watched
    this.#query = query
    this.#clock = clock
  }

  /** The engine has answered; its rows wait for their reader. */
  answered(): void {
    this.#watched.times.handleAnswered(this.#clock.nowMs(), this.#query)
  }

  /** Somebody asks for them. */
  asked(): void {
    this.#watched.times.handleAsked(this.#clock.nowMs(), this.#query)
  }

  /** With its first rows, or without any. Once: what comes later says nothing new. */
  end(outcome: 'completed' | 'failed' | 'cancelled', serviceMs: number): void {
    if (this.#query.state === 'ended') return
    const nowMs = this.#clock.nowMs()
    this.#watched.times.handleEnd(nowMs, this.#query, outcome, serviceMs)
    if (outcome === 'completed') this.#watched.comparison.handleEnd(nowMs, serviceMs)
  }
}
