/**
 * How far this node should trust itself (Lifeguard, arXiv 1707.00788 §IV-A, the Local Health Multiplier). A score that rises when this node
 * misses what it should have seen (acks, nacks, accusations of itself) and sinks with every success; whoever may be the slow one waits
 * longer before it says that others are.
 *
 * Extension: the event-loop delay counts at once. A process that was not scheduled knows so before its first probe has failed.
 */
export class LocalHealth {
  readonly #scoreMax: number
  readonly #delayStepMs: number
  #score = 0
  #delaySteps = 0

  /** `delayStepMs`: event-loop delay that weighs as much as one failed probe. */
  constructor(init: { readonly scoreMax: number; readonly delayStepMs: number }) {
    this.#scoreMax = init.scoreMax
    this.#delayStepMs = init.delayStepMs
  }

  /** 0 (healthy) to `scoreMax`. */
  get score(): number {
    return Math.min(this.#scoreMax, this.#score + this.#delaySteps)
  }

  /** What timeouts are multiplied with: 1 to scoreMax + 1. */
  get multiplier(): number {
    return 1 + this.score
  }

  /** What the probe interval is multiplied with. Being busy is a reason to wait longer for answers, not to look away. */
  get intervalMultiplier(): number {
    return 1 + this.#score
  }

  add(delta: number): void {
    this.#score = Math.min(this.#scoreMax, Math.max(0, this.#score + delta))
  }

  setLoopDelay(delayMs: number): void {
    this.#delaySteps = Math.floor(delayMs / this.#delayStepMs)
  }
}
