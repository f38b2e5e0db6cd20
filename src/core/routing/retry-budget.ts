/**
 * How many retries a node may send, shared by all its queries: a token bucket filled by 20 % of the requests and by 10 tokens a
 * second (after Finagle's RetryBudget, `percentCanRetry` and `minRetriesPerSec`). While one peer fails, every query may move on; while
 * everything fails, retries add at most a fifth to a load that is already too much.
 */
import { completeOptions, type OptionRange } from '../options/ranges.ts'

export interface RetryBudgetOptions {
  readonly requestRatio: number
  readonly perSecond: number
  readonly tokensMax: number
}

export const RETRY_BUDGET_OPTIONS: Readonly<Record<keyof RetryBudgetOptions, OptionRange>> = {
  requestRatio: {
    unit: 'ratio', min: 0, max: 1, default: 0.2,
    description: 'Retries earned by each request. Larger: more queries survive; more extra load while much fails.',
  },
  perSecond: {
    unit: 'per-second', min: 0, max: 1_000, default: 10,
    description: 'Retries earned by each second. Larger: as requestRatio, for nodes with little traffic.',
  },
  tokensMax: {
    unit: 'count', min: 1, max: 100_000, default: 100,
    description: 'Retries that can be saved up. Larger: a longer burst of failures is covered after a quiet time.',
  },
}

export class RetryBudget {
  readonly options: RetryBudgetOptions
  #tokens: number
  #filledAtMs: number | null = null

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<RetryBudgetOptions>> = {}) {
    this.options = completeOptions('retryBudget', RETRY_BUDGET_OPTIONS, options)
    // One second's worth, so that the first failure after a start can move on.
    this.#tokens = Math.min(this.options.tokensMax, this.options.perSecond)
  }

  get tokens(): number {
    return this.#tokens
  }

  recordRequest(nowMs: number): void {
    this.#fill(nowMs, this.options.requestRatio)
  }

  /** Takes a token; false when there is none, and then the retry must not be sent. */
  tryRetry(nowMs: number): boolean {
    this.#fill(nowMs, 0)
    // Fractions add up to just below a whole: 5 × 0.2 must be one retry.
    if (this.#tokens < 1 - 1e-9) return false
    this.#tokens = Math.max(0, this.#tokens - 1)
    return true
  }

  #fill(nowMs: number, earned: number): void {
    const elapsedMs = Math.max(0, nowMs - (this.#filledAtMs ?? nowMs))
    this.#filledAtMs = Math.max(nowMs, this.#filledAtMs ?? nowMs)
    this.#tokens = Math.min(this.options.tokensMax, this.#tokens + earned + (elapsedMs * this.options.perSecond) / 1000)
  }
}
