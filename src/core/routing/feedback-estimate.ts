/**
 * The response time of one peer (after Finagle's PeakEwma): a slower answer is believed at once, a faster one by its share of the
 * time since the last, and without any answer the estimate falls towards zero, so that a peer that was slow is tried again.
 *
 * Finagle's load figure decays the stored value whenever it is read, so that reading changes what later answers do to it. Here reading
 * changes nothing: the decay to now is computed, and an answer is weighed against the value that the last one left.
 *
 * Only answers make a peer look faster. A failure is fast more often than not, and an average over it would draw every query to the
 * peer that fails at once.
 */
import type { FeedbackOptions } from './feedback-options.ts'

type EstimateOptions = Pick<FeedbackOptions, 'decayMs' | 'priorMs' | 'brokenPenaltyMs' | 'refusedFactor'>

export class ResponseTime {
  readonly #options: EstimateOptions
  /** With penalties; as the last outcome left it. */
  #estimateMs: number | null = null
  /** Of answers alone, so that penalties do not compound. */
  #answeredMs: number | null = null
  #atMs = -Infinity

  constructor(options: EstimateOptions) {
    this.#options = options
  }

  /** Decayed to `nowMs`; null before anything came back. */
  estimateMs(nowMs: number): number | null {
    return this.#estimateMs === null ? null : this.#estimateMs * this.#share(nowMs)
  }

  recordAnswer(nowMs: number, durationMs: number): void {
    const old = this.#share(nowMs)
    this.#answeredMs = peakAverage(this.#answeredMs, durationMs, old)
    this.#estimateMs = peakAverage(this.#estimateMs, durationMs, old)
    this.#atMs = Math.max(this.#atMs, nowMs)
  }

  recordBroken(nowMs: number, durationMs: number): void {
    this.#raise(nowMs, Math.max(durationMs, this.#options.brokenPenaltyMs))
  }

  /** It said no, and is well: as an answer that took a multiple of the time. */
  recordRefused(nowMs: number, durationMs: number): void {
    this.#raise(nowMs, Math.max(durationMs, this.#options.refusedFactor * (this.#answeredMs ?? this.#options.priorMs)))
  }

  /** It would have taken longer than this; how much longer nobody knows. A peer of which nothing is known stays so. */
  recordCancelled(nowMs: number, durationMs: number): void {
    const estimateMs = this.estimateMs(nowMs)
    if (estimateMs !== null && durationMs > estimateMs) this.#set(nowMs, durationMs)
  }

  /** To at least `levelMs`, and never below what the last outcome left: a failure gives back what had decayed. */
  #raise(nowMs: number, levelMs: number): void {
    this.#set(nowMs, Math.max(levelMs, this.#estimateMs ?? 0))
  }

  #set(nowMs: number, estimateMs: number): void {
    this.#estimateMs = estimateMs
    // The answers' own average is as old as before: bring it to the new time.
    if (this.#answeredMs !== null) this.#answeredMs *= this.#share(nowMs)
    this.#atMs = Math.max(this.#atMs, nowMs)
  }

  #share(nowMs: number): number {
    return Math.exp(-Math.max(0, nowMs - this.#atMs) / this.#options.decayMs)
  }
}

function peakAverage(heldMs: number | null, durationMs: number, oldShare: number): number {
  return heldMs === null || durationMs >= heldMs ? durationMs : heldMs * oldShare + durationMs * (1 - oldShare)
}
