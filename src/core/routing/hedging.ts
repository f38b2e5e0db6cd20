/**
 * When a read that has not answered is asked of a second peer as well (Dean and Barroso, "The Tail at Scale", CACM 2013: hedged requests).
 *
 * A hedge is worth its cost only where nearly all answers have come by then: after the p99 of recent answers, or after a fixed time where
 * that is shorter. It is throttled by a budget of its own, a share of the requests, since hedges that multiply under load would make the load
 * worse; a node that is merely slow everywhere runs out of it.
 */
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface HedgingOptions {
  readonly afterMs: number
  readonly quantile: number
  readonly requestRatio: number
  readonly tokensMax: number
}

export const HEDGING_OPTIONS: Readonly<Record<keyof HedgingOptions, OptionRange>> = {
  afterMs: {
    unit: 'ms', min: 0, max: 600_000, default: 0,
    description: 'A read without its first row after this time, or after the p99 of recent ones if that is sooner, is asked of a second peer; 0 never. Larger: fewer extra queries; a longer tail.',
  },
  quantile: {
    unit: 'ratio', min: 0.5, max: 1, default: 0.99,
    description: 'The quantile of recent response times after which a read is hedged. Larger: fewer extra queries; a longer tail.',
  },
  requestRatio: {
    unit: 'ratio', min: 0, max: 1, default: 0.05,
    description: 'Hedges earned by each forwarded read. Larger: more of the tail is cut; more extra load.',
  },
  tokensMax: {
    unit: 'count', min: 1, max: 10_000, default: 20,
    description: 'Hedges that can be saved up. Larger: a longer burst of slow answers is covered; more extra load at once.',
  },
}

/** Response times that the quantile is taken of. */
const TIMES_MAX = 512
/** Below this many a quantile says little, and only `afterMs` counts. */
const TIMES_MIN = 64
/** The quantile is computed anew after so many answers. */
const RECOMPUTE_AFTER = 64

export class Hedging {
  readonly options: HedgingOptions
  readonly #timesMs = new Float64Array(TIMES_MAX)
  #count = 0
  #sinceComputed = 0
  #quantileMs = Infinity
  #tokens: number

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<HedgingOptions>> = {}) {
    this.options = completeOptions('hedging', HEDGING_OPTIONS, options)
    this.#tokens = Math.min(1, this.options.tokensMax)
  }

  get isOn(): boolean {
    return this.options.afterMs > 0
  }

  get tokens(): number {
    return this.#tokens
  }

  /** From the dispatch of a read to its hedge; null when there is to be none. */
  get delayMs(): number | null {
    return this.isOn ? Math.min(this.options.afterMs, this.#quantileMs) : null
  }

  /** A read is dispatched to a peer. */
  handleRequest(): void {
    this.#tokens = Math.min(this.options.tokensMax, this.#tokens + this.options.requestRatio)
  }

  /** A first row came after so long, counted from the dispatch of the first attempt. */
  handleAnswer(elapsedMs: number): void {
    if (!(elapsedMs >= 0 && elapsedMs < Infinity)) return
    this.#timesMs[this.#count % TIMES_MAX] = elapsedMs
    this.#count++
    if (this.#count < TIMES_MIN || ++this.#sinceComputed < RECOMPUTE_AFTER && this.#quantileMs !== Infinity) return
    this.#sinceComputed = 0
    const sorted = this.#timesMs.slice(0, Math.min(this.#count, TIMES_MAX)).sort()
    this.#quantileMs = sorted[Math.min(sorted.length - 1, Math.floor(this.options.quantile * sorted.length))] as number
  }

  /** Takes a token; false when there is none, and then the hedge must not be sent. */
  tryHedge(): boolean {
    // Fractions add up to just below a whole.
    if (!this.isOn || this.#tokens < 1 - 1e-9) return false
    this.#tokens = Math.max(0, this.#tokens - 1)
    return true
  }
}
