/**
 * One measure against its threshold, with hysteresis: in at `enterPercent`, out after a whole `dwellMs` at or below
 * `leavePercent`. Between the two levels it stays what it was, so that a load which hovers at the threshold flips nothing.
 *
 * The dwell is judged when a value arrives and not by a timer: silence from the sampler is no evidence that load has gone.
 */
export interface OverloadLimits {
  readonly enterPercent: number
  readonly leavePercent: number
  readonly dwellMs: number
}

export class OverloadWatch {
  readonly limits: OverloadLimits
  #lowSinceMs: number | null = null
  #overloaded = false

  constructor(limits: OverloadLimits) {
    this.limits = limits
  }

  get overloaded(): boolean {
    return this.#overloaded
  }

  /** True while the value is low enough and only the dwell is missing. */
  get isLeaving(): boolean {
    return this.#overloaded && this.#lowSinceMs !== null
  }

  handleValue(nowMs: number, percent: number): void {
    if (percent >= this.limits.enterPercent) this.#overloaded = true
    if (!this.#overloaded || percent > this.limits.leavePercent) {
      this.#lowSinceMs = null
      return
    }
    this.#lowSinceMs ??= nowMs
    if (nowMs - this.#lowSinceMs < this.limits.dwellMs) return
    this.#overloaded = false
    this.#lowSinceMs = null
  }
}
