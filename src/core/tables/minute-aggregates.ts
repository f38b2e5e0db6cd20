/**
 * What a minute's samples come to, key by key: a peer, a figure of the host, a series of a metric. A minute ends with the first sample of a later
 * one, or when its owner asks after its end. A sample that is told late, or by a clock that was set back, counts for the minute under way: the
 * aggregates of a minute that were handed out are not handed out again.
 */

const MINUTE_MS = 60_000
/** Percentiles rest on the first so many samples of a minute; count, mean and extremes on all. */
const SAMPLES_KEPT_MAX = 1_024

export interface MinuteAggregate {
  readonly key: string
  /** The beginning of the minute. */
  readonly minuteWallMs: number
  /** Samples with a value. */
  readonly count: number
  /** Samples without one. */
  readonly lost: number
  /** Null where no sample had a value. */
  readonly figures: AggregateFigures | null
}

export interface AggregateFigures {
  readonly min: number
  readonly mean: number
  readonly max: number
  /** By nearest rank. */
  readonly p50: number
  readonly p99: number
}

interface Samples {
  readonly kept: number[]
  count: number
  lost: number
  sum: number
  min: number
  max: number
}

export class MinuteAggregates {
  readonly #keysMax: number
  readonly #samples = new Map<string, Samples>()
  #minute = Number.NEGATIVE_INFINITY
  #refused = 0

  /** Keys beyond `keysMax` in one minute are left out, and counted. */
  constructor({ keysMax }: { readonly keysMax: number }) {
    this.#keysMax = keysMax
  }

  /** Samples that were left out. */
  get refused(): number {
    return this.#refused
  }

  /** Answers the minute that it ended. `value` null: a loss. */
  handleSample(wallMs: number, key: string, value: number | null): MinuteAggregate[] {
    const ended = this.takeEnded(wallMs)
    this.#minute = Math.max(this.#minute, Math.floor(wallMs / MINUTE_MS))
    const samples = this.#samples.get(key) ?? this.#begin(key)
    if (samples === null) return ended
    if (value === null) {
      samples.lost++
      return ended
    }
    samples.count++
    samples.sum += value
    samples.min = Math.min(samples.min, value)
    samples.max = Math.max(samples.max, value)
    if (samples.kept.length < SAMPLES_KEPT_MAX) samples.kept.push(value)
    return ended
  }

  /** Those of the minute that is over; none while it goes on. */
  takeEnded(wallMs: number): MinuteAggregate[] {
    return Math.floor(wallMs / MINUTE_MS) > this.#minute ? this.takeAll() : []
  }

  /** Those of the minute under way, too. */
  takeAll(): MinuteAggregate[] {
    const minuteWallMs = this.#minute * MINUTE_MS
    const aggregates = [...this.#samples].map(([key, samples]) => ({ key, minuteWallMs, count: samples.count, lost: samples.lost, figures: figuresOf(samples) }))
    this.#samples.clear()
    return aggregates
  }

  #begin(key: string): Samples | null {
    if (this.#samples.size >= this.#keysMax) {
      this.#refused++
      return null
    }
    const samples = { kept: [], count: 0, lost: 0, sum: 0, min: Infinity, max: -Infinity }
    this.#samples.set(key, samples)
    return samples
  }
}

function figuresOf({ kept, count, sum, min, max }: Samples): AggregateFigures | null {
  if (count === 0) return null
  kept.sort((a, b) => a - b)
  const rank = (ratio: number): number => kept[Math.ceil(ratio * kept.length) - 1] as number
  return { min, mean: sum / count, max, p50: rank(0.5), p99: rank(0.99) }
}
