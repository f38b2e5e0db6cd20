/**
 * This node's own load: what it reports, and whether it counts as overloaded.
 *
 * CPU readings are averages over about a second, so one collection or one compilation is enough to show 100 %. The reported CPU
 * is therefore the **median of the last three readings**: a peak of one second never shows, a load that lasts is seen with the second
 * reading that has it, at its full height. An exponential average was rejected: it nears a constant load without reaching it, so that
 * 80 % would never enter at a threshold of 80 %, and it drags a peak along for many readings. Memory is a level, not a rate, and is
 * taken as read. Against flapping around the threshold there is hysteresis (overload-watch.ts), not more smoothing.
 *
 * Overload by CPU is entered only once three readings are there: the start of the process itself is a peak.
 *
 * A fire drill pins what is *reported*; the measured load goes on being followed underneath, so that the drill's end restores at
 * once whatever the readings say.
 */
import { Deadlines } from '../time/deadlines.ts'
import type { LoadDigest } from '../membership/types.ts'
import { LoadJudge } from './load-judge.ts'
import { type LoadOptions, parseLoadOptions } from './options.ts'
import type { LoadSnapshot, LoadThresholds } from './types.ts'

const smoothingReadings = 3
/** The first snapshot is told soon after the start, once three readings are there, and not a whole interval later. */
const firstPublishMs = 2_500
/** A service time that has changed by this much is told at once, but not more often than that. */
const serviceRatioTold = 2
const serviceTellingMs = 5_000

/** The fields of ports/load-probe.ts that the machine needs. */
export interface LoadInput {
  readonly cpuPercent: number
  readonly memoryPercent: number
  readonly memoryBytes: number
  readonly processCpuPercent: number
  readonly eventLoopDelayMs: number
}

/** Null leaves a measure as measured. */
export interface DrillInput {
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
  readonly forMs: number
}

export type LoadEffect =
  /** Tell everyone: `snapshot()` has what. */
  | { readonly kind: 'publish' }
  /** `database`: by the thresholds of its own; null: by those of the node. */
  | { readonly kind: 'overload-entered' | 'overload-left'; readonly reason: string; readonly database: string | null }

export interface LoadMonitorInit {
  readonly peerId: string
  readonly intervalMs?: number
  readonly thresholds?: Readonly<Partial<LoadThresholds>>
  /** Of databases that are judged by their own; the node as a whole, which is what others are told, never is. */
  readonly thresholdsOf?: ReadonlyMap<string, Readonly<Partial<LoadThresholds>>>
}

/** The node's load by the thresholds that hold for one database. */
export interface DatabaseLoad {
  readonly overloaded: boolean
  /** As `overloadReason`. */
  readonly reason: string | null
  readonly thresholds: LoadThresholds
}

type Deadline = 'publish' | 'drill-end'

export class LoadMonitor {
  readonly options: LoadOptions
  readonly #peerId: string
  readonly #deadlines = new Deadlines<Deadline>()
  readonly #cpuReadings: number[] = []
  readonly #judge: LoadJudge
  /** By database; those without thresholds of their own go by `#judge`. */
  readonly #judgeOf: Map<string, LoadJudge>
  readonly #overloadedDatabases = new Set<string>()
  #measured: LoadInput = { cpuPercent: 0, memoryPercent: 0, memoryBytes: 0, processCpuPercent: 0, eventLoopDelayMs: 0 }
  #drill: DrillInput | null = null
  #inFlight = 0
  #readyDatabases: readonly string[] = []
  #lagsMs: Readonly<Record<string, number>> = {}
  #serviceTimesMs: Readonly<Record<string, number>> = {}
  /** As they last went out with a snapshot, and when. */
  #serviceTimesTold: Readonly<Record<string, number>> = {}
  #toldAtMs = -Infinity
  #sequence = 0
  #readingsRefused = 0

  // What the routing path reads: plain fields, kept up to date by every input.
  #cpuPercent = 0
  #memoryPercent = 0
  #overloaded = false

  /** @throws MeshError ERR_OPTION_INVALID */
  constructor({ peerId, intervalMs, thresholds, thresholdsOf = new Map() }: LoadMonitorInit) {
    this.#peerId = peerId
    this.options = parseLoadOptions({ ...thresholds, ...(intervalMs === undefined ? {} : { intervalMs }) })
    this.#judge = new LoadJudge(this.options)
    this.#judgeOf = new Map(Array.from(thresholdsOf, ([database, own]) => [database, new LoadJudge(parseLoadOptions({ ...this.options, ...own }))]))
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  /** As reported: smoothed, or pinned by a drill. */
  get cpuPercent(): number {
    return this.#cpuPercent
  }

  get memoryPercent(): number {
    return this.#memoryPercent
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get overloaded(): boolean {
    return this.#overloaded
  }

  get drill(): boolean {
    return this.#drill !== null
  }

  /** Readings that were no load: not finite, or negative. The last good one stays. */
  get readingsRefused(): number {
    return this.#readingsRefused
  }

  /** For people: "CPU 85% exceeds threshold 80%"; null when not overloaded. */
  get overloadReason(): string | null {
    return this.#judge.reason(this, this.#drill)
  }

  /** O(1). */
  loadFor(database: string): DatabaseLoad {
    const judge = this.#judgeOf.get(database)
    if (judge === undefined) return { overloaded: this.#overloaded, reason: this.overloadReason, thresholds: this.options }
    return { overloaded: judge.isOverloaded(this.#drill), reason: judge.reason(this, this.#drill), thresholds: judge.thresholds }
  }

  /** `options` where the database has none of its own. O(1). */
  thresholdsFor(database: string): LoadThresholds {
    return this.#judgeOf.get(database)?.thresholds ?? this.options
  }

  /** What rides on datagrams and query answers. */
  digest(): LoadDigest {
    return {
      cpuPercent: this.#cpuPercent, memoryPercent: this.#memoryPercent, inFlight: this.#inFlight,
      overloaded: this.#overloaded, drill: this.#drill !== null, sequence: this.#sequence, serviceMs: this.#onlyServiceMs(),
    }
  }

  /** `wallMs` is unix milliseconds, for people who read the snapshot elsewhere. */
  snapshot(nowMs: number, wallMs: number): LoadSnapshot {
    this.#serviceTimesTold = this.#serviceTimesMs
    this.#toldAtMs = nowMs
    const { memoryBytes, processCpuPercent, eventLoopDelayMs } = this.#measured
    return { peerId: this.#peerId, atWallMs: wallMs, memoryBytes, processCpuPercent, eventLoopDelayMs, readyDatabases: this.#readyDatabases, lagsMs: this.#lagsMs, serviceTimesMs: this.#serviceTimesMs, ...this.digest() }
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  /** A reading that is no load is counted and changes nothing; percentages above 100 are measuring noise and become 100. */
  handleReading(nowMs: number, reading: LoadInput): LoadEffect[] {
    if (!isLoad(reading)) {
      this.#readingsRefused++
      return []
    }
    const { cpuPercent, memoryPercent, memoryBytes, processCpuPercent, eventLoopDelayMs } = reading
    this.#cpuReadings.push(Math.min(100, cpuPercent))
    if (this.#cpuReadings.length > smoothingReadings) this.#cpuReadings.shift()
    this.#measured = { cpuPercent: median(this.#cpuReadings), memoryPercent: Math.min(100, memoryPercent), memoryBytes, processCpuPercent, eventLoopDelayMs }
    const judged = this.#judged()
    this.#judge.handleMeasured(nowMs, judged)
    for (const judge of this.#judgeOf.values()) judge.handleMeasured(nowMs, judged)
    if (this.#deadlines.atMs('publish') === undefined) this.#deadlines.set('publish', nowMs + Math.min(firstPublishMs, this.options.intervalMs))
    return this.#settle(nowMs, false)
  }

  setInFlight(inFlight: number): void {
    if (inFlight === this.#inFlight) return
    this.#inFlight = Math.max(0, inFlight)
    this.#sequence++
  }

  incrementInFlight(): void {
    this.setInFlight(this.#inFlight + 1)
  }

  decrementInFlight(): void {
    this.setInFlight(this.#inFlight - 1)
  }

  /** Databases that are ready to answer here, and how far those that know are behind. Goes out with the next snapshot. */
  setReadyDatabases(names: readonly string[], lagsMs: Readonly<Record<string, number>> = {}): void {
    this.#readyDatabases = [...names]
    this.#lagsMs = lagsMs
    this.#sequence++
  }

  /** How long a query takes that comes now, by database. What has changed much is told at once. */
  handleServiceTimes(nowMs: number, serviceTimesMs: Readonly<Record<string, number>>): LoadEffect[] {
    this.#serviceTimesMs = serviceTimesMs
    if (nowMs - this.#toldAtMs < serviceTellingMs) return []
    const isNew = this.#readyDatabases.some((name) => isMuchChanged(serviceTimesMs[name], this.#serviceTimesTold[name]))
    return isNew ? [{ kind: 'publish' }] : []
  }

  // --- commands -----------------------------------------------------------------------------------------------------------

  /** Replaces a drill that is under way. Percentages are 0–100, `forMs` above 0: the owner has checked them. */
  startDrill(nowMs: number, { cpuPercent, memoryPercent, forMs }: DrillInput): LoadEffect[] {
    this.#drill = { cpuPercent, memoryPercent, forMs }
    this.#deadlines.set('drill-end', nowMs + forMs)
    return this.#settle(nowMs, true)
  }

  endDrill(nowMs: number): LoadEffect[] {
    if (this.#drill === null) return []
    this.#drill = null
    this.#deadlines.delete('drill-end')
    return this.#settle(nowMs, true)
  }

  /**
   * Those of one database from now on; what they leave out is the node's, and null leaves all to the node. The load as it was measured last is judged
   * anew at once: whoever lowers a threshold below it need not wait for the next reading, and whoever raises one owes no dwell.
   * @throws MeshError ERR_OPTION_INVALID, with which nothing changes
   */
  setThresholds(nowMs: number, { database, thresholds }: { readonly database: string; readonly thresholds: Readonly<Partial<LoadThresholds>> | null }): LoadEffect[] {
    if (thresholds === null || Object.keys(thresholds).length === 0) {
      if (!this.#judgeOf.delete(database) || !this.#overloadedDatabases.delete(database)) return []
      return [{ kind: 'overload-left', reason: 'it has no thresholds of its own any more', database }]
    }
    const judge = new LoadJudge(parseLoadOptions({ ...this.options, ...thresholds }))
    if (this.#cpuReadings.length > 0) judge.handleMeasured(nowMs, this.#judged())
    this.#judgeOf.set(database, judge)
    return this.#settle(nowMs, false)
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): LoadEffect[] {
    const effects: LoadEffect[] = []
    let isPublishDue = false
    for (let due = this.#deadlines.takeDue(nowMs); due !== null; due = this.#deadlines.takeDue(nowMs)) {
      switch (due) {
        case 'publish':
          isPublishDue = true
          break
        case 'drill-end':
          effects.push(...this.endDrill(nowMs))
          break
      }
    }
    if (isPublishDue) {
      this.#deadlines.set('publish', nowMs + this.options.intervalMs)
      if (!effects.some(({ kind }) => kind === 'publish')) effects.push({ kind: 'publish' })
    }
    return effects
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  /** Of the CPU nothing can be said before there are enough readings. */
  #judged(): { readonly cpuPercent: number | null; readonly memoryPercent: number } {
    const { cpuPercent, memoryPercent } = this.#measured
    return { cpuPercent: this.#cpuReadings.length === smoothingReadings ? cpuPercent : null, memoryPercent }
  }

  /** Of a node with one database; with several, whose times differ, one figure would mislead. */
  #onlyServiceMs(): number | null {
    const [name, ...others] = this.#readyDatabases
    return name === undefined || others.length > 0 ? null : (this.#serviceTimesMs[name] ?? null)
  }

  /** Brings what is reported in line with measurement and drill, and says what changed. */
  #settle(nowMs: number, isDrillChange: boolean): LoadEffect[] {
    const before = this.#overloaded
    this.#cpuPercent = this.#drill?.cpuPercent ?? this.#measured.cpuPercent
    this.#memoryPercent = this.#drill?.memoryPercent ?? this.#measured.memoryPercent
    this.#overloaded = this.#judge.isOverloaded(this.#drill)
    this.#sequence++
    const effects: LoadEffect[] = []
    if (this.#overloaded && !before) effects.push({ kind: 'overload-entered', reason: this.overloadReason ?? '', database: null })
    if (!this.#overloaded && before) effects.push({ kind: 'overload-left', reason: this.#describeRelief(this.options), database: null })
    if (effects.length > 0 || isDrillChange) {
      effects.push({ kind: 'publish' })
      // What was just told need not be told again before a whole interval has passed.
      this.#deadlines.set('publish', nowMs + this.options.intervalMs)
    }
    // Nothing to publish: what others are told of this node does not depend on it.
    for (const [database, judge] of this.#judgeOf) {
      const reason = judge.reason(this, this.#drill)
      if (reason !== null && !this.#overloadedDatabases.has(database)) {
        this.#overloadedDatabases.add(database)
        effects.push({ kind: 'overload-entered', reason, database })
      } else if (reason === null && this.#overloadedDatabases.delete(database)) effects.push({ kind: 'overload-left', reason: this.#describeRelief(judge.thresholds), database })
    }
    return effects
  }

  #describeRelief({ cpuPercent, memoryPercent }: LoadThresholds): string {
    return `CPU ${Math.round(this.#cpuPercent)}% is below threshold ${cpuPercent}%, memory ${Math.round(this.#memoryPercent)}% below ${memoryPercent}%`
  }
}

/** A time that becomes known, for the first time, is news as well. */
function isMuchChanged(ms: number | undefined, toldMs: number | undefined): boolean {
  if (ms === undefined) return false
  return toldMs === undefined || ms > serviceRatioTold * toldMs || toldMs > serviceRatioTold * ms
}

function isLoad(reading: LoadInput): boolean {
  const { cpuPercent, memoryPercent, memoryBytes, processCpuPercent, eventLoopDelayMs } = reading
  return [cpuPercent, memoryPercent, memoryBytes, processCpuPercent, eventLoopDelayMs].every((value) => Number.isFinite(value) && value >= 0)
}

/** Of one to three values; of two, their mean. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
