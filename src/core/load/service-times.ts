/**
 * How long reads of one database take on this node, from the start in the engine to their first rows, without the time in which they wait for a place or
 * for their reader. Peers know no more of an answer than that, so it is what can be compared. What writes, and what is part of a transaction, may wait
 * for the locks of others, which no other copy would spare it: it is not counted. Two things are wanted of it:
 *
 * - the **typical** time, told to the peers, so that whoever is slower than they are can know: the geometric mean of recent queries. Times
 *   of SQL span five orders of magnitude, and a report among a hundred look-ups must not make a node look slow, as it would an average;
 * - to notice a **slowdown** before its first victim has ended. A query is overdue when it has run for longer than nearly all do; when
 *   several more became overdue than ended in time, they all have become slow, and their ages so far are the least that the next one takes.
 *
 * What is usual is learnt as mean and deviation of logarithms: where times vary much anyway, much is needed to be overdue.
 *
 * Extension: no paper. Passive accrual as in Hayashibara et al., "The φ Accrual Failure Detector" (2004), applied to queries in place of heartbeats.
 */
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface ServiceTimeOptions {
  readonly memoryMs: number
  readonly samplesMin: number
  readonly usualMemoryMs: number
  readonly overdueRatio: number
  readonly overdueMarginMs: number
  readonly overdueMin: number
  readonly expireMs: number
}

export const SERVICE_TIME_OPTIONS: Readonly<Record<keyof ServiceTimeOptions, OptionRange>> = {
  memoryMs: {
    unit: 'ms', min: 100, max: 3_600_000, default: 10_000,
    description: 'Memory of the typical service time; 32 queries where they are fewer. Larger: steadier; a change is told later.',
  },
  samplesMin: {
    unit: 'count', min: 1, max: 10_000, default: 10,
    description: 'Queries that must have ended before a typical service time is known. Larger: fewer wrong comparisons; later ones after a start.',
  },
  usualMemoryMs: {
    unit: 'ms', min: 1_000, max: 24 * 3_600_000, default: 60_000,
    description: 'Memory of what is usual, against which a query is overdue; 512 queries where they are fewer. Larger: slow times are not taken for usual; a new mix of queries takes longer to be.',
  },
  overdueRatio: {
    unit: 'ratio', min: 1, max: 100, default: 2,
    description: 'A query is overdue no sooner than after this many times the usual, however little times vary. Larger: fewer false alarms; a slowdown costs more queries.',
  },
  overdueMarginMs: {
    unit: 'ms', min: 0, max: 60_000, default: 50,
    description: 'Nor sooner than so much after the usual. Larger: short pauses, as of a collection, are no slowdown; one of short queries is noticed later.',
  },
  overdueMin: {
    unit: 'count', min: 1, max: 1_000, default: 6,
    description: 'Overdue queries, less those that ended in time, at which all are taken to have become slow. Larger: fewer false alarms; a slowdown costs more queries.',
  },
  expireMs: {
    unit: 'ms', min: 1_000, max: 24 * 3_600_000, default: 300_000,
    description: 'Time without a query after which the typical service time is not known any more. Larger: idle copies are compared longer; by older figures.',
  },
}

/** The 99th percentile of a normal distribution, in standard deviations. */
const overdueDeviations = 2.326
/** Times vary by so much at least, in logarithms. */
const deviationMin = 0.1
const countMin = 32
const usualCountMin = 512
const usualSamplesMin = 20
const serviceMsMin = 0.01

/** A query that runs; whoever started it hands it back. */
export interface RunningQuery {
  startedMs: number
  /** `settled`: the engine has answered, and waits to be asked for rows. */
  state: 'young' | 'overdue' | 'settled' | 'ended'
}

export class ServiceTimes {
  readonly options: ServiceTimeOptions
  /** In the order of their start. */
  readonly #young = new Set<RunningQuery>()
  #running = 0
  #startedAtMs = -Infinity
  #samples = 0
  #sampledAtMs = -Infinity
  #typicalLog = 0
  #usualLog = 0
  #usualVariance = 0
  #overdueRunning = 0
  /** Of the overdue ones that run; their mean age follows from it. */
  #overdueStartsMs = 0
  /** Overdue less in time, within 0 and somewhat above the alarm. */
  #excess = 0

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<ServiceTimeOptions>> = {}) {
    this.options = completeOptions('serviceTimes', SERVICE_TIME_OPTIONS, options)
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  /** Those that the engine has not answered yet. */
  get running(): number {
    return this.#running
  }

  /** When the last one was started; −Infinity before the first. */
  get startedAtMs(): number {
    return this.#startedAtMs
  }

  /** Whether queries have become slower than usual; as of the last input. */
  get isSlowed(): boolean {
    return this.#excess >= this.options.overdueMin
  }

  /** How long a query takes that starts now; null when not known. */
  expectedMs(nowMs: number): number | null {
    if (this.#samples < this.options.samplesMin) return null
    if (this.#running === 0 && nowMs - this.#sampledAtMs > this.options.expireMs) return null
    const typicalMs = Math.exp(this.#typicalLog)
    return this.isSlowed && this.#overdueRunning > 0 ? Math.max(typicalMs, nowMs - this.#overdueStartsMs / this.#overdueRunning) : typicalMs
  }

  /** The age from which on a running query is overdue; Infinity while nothing is usual yet. */
  get overdueMs(): number {
    if (this.#samples < usualSamplesMin) return Infinity
    const { overdueRatio, overdueMarginMs } = this.options
    const usualMs = Math.exp(this.#usualLog)
    const deviation = Math.max(deviationMin, Math.sqrt(this.#usualVariance))
    return Math.max(overdueRatio * usualMs, usualMs + overdueMarginMs, usualMs * Math.exp(overdueDeviations * deviation))
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  handleStart(nowMs: number): RunningQuery {
    const query: RunningQuery = { startedMs: nowMs, state: 'young' }
    this.#young.add(query)
    this.#running++
    this.#startedAtMs = nowMs
    this.handleTime(nowMs)
    return query
  }

  /** The engine has answered it: as long as nobody asks for its rows, it is not overdue. */
  handleAnswered(nowMs: number, query: RunningQuery): void {
    this.handleTime(nowMs)
    this.#settle(query)
  }

  /** Its reader asks for them, and an engine may begin only now. */
  handleAsked(nowMs: number, query: RunningQuery): void {
    if (query.state !== 'settled') return
    query.state = 'young'
    query.startedMs = nowMs
    this.#young.add(query)
    this.#running++
  }

  /**
   * Its first rows are there, or it has ended without. `serviceMs`: without the time in which it waited for its reader. Failed and cancelled ones
   * say nothing but that they ran so long.
   */
  handleEnd(nowMs: number, query: RunningQuery, outcome: 'completed' | 'failed' | 'cancelled', serviceMs: number): void {
    if (query.state === 'ended') return
    this.handleTime(nowMs)
    const wasOverdue = query.state === 'overdue'
    this.#settle(query)
    query.state = 'ended'
    if (outcome !== 'completed' || !(serviceMs >= 0 && serviceMs < Infinity)) return
    if (!wasOverdue && serviceMs < this.overdueMs) this.#excess = Math.max(0, this.#excess - 1)
    this.#learn(nowMs, Math.log(Math.max(serviceMsMin, serviceMs)))
  }

  /** Time has passed: whoever is overdue by now counts. For the owner to call before it looks. */
  handleTime(nowMs: number): void {
    const { overdueMs } = this
    for (const query of this.#young) {
      if (nowMs - query.startedMs < overdueMs) return
      this.#young.delete(query)
      query.state = 'overdue'
      this.#overdueRunning++
      this.#overdueStartsMs += query.startedMs
      // As many again must end in time before all is well.
      this.#excess = Math.min(2 * this.options.overdueMin, this.#excess + 1)
    }
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #settle(query: RunningQuery): void {
    if (query.state === 'young' || query.state === 'overdue') this.#running--
    if (query.state === 'young') this.#young.delete(query)
    if (query.state === 'overdue') {
      this.#overdueRunning--
      this.#overdueStartsMs -= query.startedMs
      // Sums of differences keep no rest.
      if (this.#overdueRunning === 0) this.#overdueStartsMs = 0
    }
    if (query.state !== 'ended') query.state = 'settled'
  }

  #learn(nowMs: number, log: number): void {
    const { memoryMs, usualMemoryMs } = this.options
    this.#samples++
    const elapsedMs = Math.max(0, nowMs - this.#sampledAtMs)
    // A plain mean at first; then by time, so that a busy second is not the whole memory, or by count where queries are few.
    const weight = Math.max(1 / Math.min(this.#samples, countMin), 1 - Math.exp(-elapsedMs / memoryMs))
    this.#typicalLog += weight * (log - this.#typicalLog)
    const usualWeight = Math.max(1 / Math.min(this.#samples, usualCountMin), Math.min(1 / countMin, 1 - Math.exp(-elapsedMs / usualMemoryMs)))
    const difference = log - this.#usualLog
    this.#usualLog += usualWeight * difference
    this.#usualVariance = (1 - usualWeight) * (this.#usualVariance + usualWeight * difference * difference)
    this.#sampledAtMs = nowMs
  }
}
