/**
 * How many queries run well at once, learnt from how long they take (after Netflix's concurrency-limits, Gradient2Limit, with its
 * windows, defaults and guard). Queries that take longer than they used to are queueing inside the engine: then the limit falls in
 * proportion. As long as they do not, it rises by the square root of itself, which is the queue that it allows itself.
 *
 *   gradient = max(0.5, min(1, tolerance × long-term / short-term))
 *   limit    = (1 − smoothing) × limit + smoothing × (limit × gradient + √limit)
 *
 * Where less than half of the limit was in use, service times tell nothing about it, and it stays as it is.
 *
 * Extension: long and short term are compared per kind of query, and the ratios of a window are joined by their geometric mean. Service
 * times of SQL span five orders of magnitude: with one mean for all, a window that happens to hold a report would look like overload. A
 * kind that is not known yet is held against all kinds together, so that a load without repetitions is judged too, if more roughly.
 *
 * Extension: what was cancelled after more than its long-term time counts, since it would have taken longer still; otherwise a node so slow
 * that every query meets its deadline would never learn of it. Other cancelled and failed queries tell nothing.
 */
import type { AdmissionOptions } from './options.ts'

export interface ServiceSample {
  readonly kind: string
  readonly outcome: 'completed' | 'failed' | 'cancelled'
  readonly serviceMs: number
  /** Running when it ended, itself included. */
  readonly inFlight: number
}

/** Long-term service times of one kind, as a mean of logarithms. */
interface Baseline {
  meanLog: number
  samples: number
  /** Of the first sample. */
  sinceMs: number
  sampledAtMs: number
}

const gradientMin = 0.5
/** Before that a kind's long-term time is a guess, and says nothing. */
const baselineSamplesMin = 3
/** A plain mean until both are over; ten windows are Gradient2's warm-up. */
const warmUpSamples = 10
const warmUpWindows = 10
/** As Gradient2: a long-term time far above the present one is left faster than its memory would have it. */
const outdatedLog = Math.log(2)
const outdatedStepLog = Math.log(0.95)
const serviceMsMin = 0.01

export class ConcurrencyLimit {
  readonly #options: AdmissionOptions
  /** Least recently seen first. */
  readonly #baselines = new Map<string, Baseline>()
  /** Of all kinds together. */
  readonly #common: Baseline = { meanLog: 0, samples: 0, sinceMs: 0, sampledAtMs: 0 }
  #estimate: number
  #windowSinceMs: number | null = null
  #windowSamples = 0
  #windowSumLog = 0
  #windowInFlightMax = 0

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#estimate = options.limitInitial
  }

  /** Whole queries. */
  get limit(): number {
    return Math.floor(this.#estimate)
  }

  get kinds(): number {
    return this.#baselines.size
  }

  handleSample(nowMs: number, { kind, outcome, serviceMs, inFlight }: ServiceSample): void {
    this.#windowSinceMs ??= nowMs
    this.#windowInFlightMax = Math.max(this.#windowInFlightMax, inFlight)
    if (outcome === 'failed' || !(serviceMs >= 0)) return
    const log = Math.log(Math.max(serviceMsMin, serviceMs))
    const known = this.#baselines.get(kind)
    const baseline = known !== undefined && known.samples >= baselineSamplesMin ? known : this.#common
    if (outcome === 'cancelled' && (baseline.samples === 0 || log <= baseline.meanLog)) return
    if (baseline.samples >= baselineSamplesMin) {
      this.#windowSamples++
      this.#windowSumLog += log - baseline.meanLog
    }
    this.#learn(nowMs, log, this.#common)
    this.#learn(nowMs, log, this.#baselineOf(kind))
    if (this.#windowSamples >= this.#options.windowSamplesMin && nowMs - this.#windowSinceMs >= this.#options.windowMs) this.#judge()
  }

  /** The kind's own, as the most recently seen; the one longest unseen gives way to it. */
  #baselineOf(kind: string): Baseline {
    const known = this.#baselines.get(kind)
    if (known !== undefined) this.#baselines.delete(kind)
    const baseline = known ?? { meanLog: 0, samples: 0, sinceMs: 0, sampledAtMs: 0 }
    this.#baselines.set(kind, baseline)
    if (this.#baselines.size > this.#options.kindsMax) {
      const oldest = this.#baselines.keys().next()
      if (oldest.done !== true) this.#baselines.delete(oldest.value)
    }
    return baseline
  }

  #learn(nowMs: number, log: number, baseline: Baseline): void {
    baseline.samples++
    if (baseline.samples === 1) baseline.sinceMs = nowMs
    // A plain mean at first, over time and not over the first few only, since the first to end are the shortest. Then weighted by time, not by
    // count, or a busy second would be the whole long term; a rare kind keeps most of what it knew all the same.
    const isWarmingUp = baseline.samples <= warmUpSamples || nowMs - baseline.sinceMs < warmUpWindows * this.#options.windowMs
    const aged = 1 - Math.exp(-Math.max(0, nowMs - baseline.sampledAtMs) / this.#options.longTermMs)
    const weight = isWarmingUp ? 1 / baseline.samples : Math.min(1 / warmUpSamples, aged)
    baseline.meanLog += weight * (log - baseline.meanLog)
    baseline.sampledAtMs = nowMs
  }

  #judge(): void {
    const { rttTolerance, smoothingRatio, limitMin, limitMax } = this.#options
    const ratioLog = this.#windowSumLog / this.#windowSamples
    const inUse = this.#windowInFlightMax
    this.#windowSinceMs = null
    this.#windowSamples = 0
    this.#windowSumLog = 0
    this.#windowInFlightMax = 0
    if (ratioLog < -outdatedLog) {
      this.#common.meanLog += outdatedStepLog
      for (const baseline of this.#baselines.values()) baseline.meanLog += outdatedStepLog
    }
    if (inUse < this.#estimate / 2) return
    const gradient = Math.max(gradientMin, Math.min(1, rttTolerance * Math.exp(-ratioLog)))
    const next = this.#estimate * gradient + Math.sqrt(this.#estimate)
    this.#estimate = Math.max(limitMin, Math.min(limitMax, (1 - smoothingRatio) * this.#estimate + smoothingRatio * next))
  }
}
