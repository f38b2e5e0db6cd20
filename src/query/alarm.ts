import type { Clock, Timer } from '../ports/clock.ts'

/**
 * One timer for many deadlines that mostly never come due. A query that ends cancels nothing; when the timer fires, the owner looks at
 * what is still there. A timer for each query would be a third of what this plane itself spends on a small one.
 */
export class Alarm {
  readonly #clock: Clock
  readonly #onDue: (nowMs: number) => number | null
  #timer: Timer | null = null
  #atMs = Infinity

  /** `onDue` handles what has come due and returns the next deadline, or null. */
  constructor(clock: Clock, onDue: (nowMs: number) => number | null) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Makes sure that `onDue` is called at `atMs` or before. */
  set(atMs: number): void {
    if (atMs >= this.#atMs) return
    this.#timer?.cancel()
    this.#atMs = atMs
    this.#timer = this.#clock.setTimer(atMs - this.#clock.nowMs(), () => {
      this.#timer = null
      this.#atMs = Infinity
      const nextMs = this.#onDue(this.#clock.nowMs())
      if (nextMs !== null) this.set(nextMs)
    })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#atMs = Infinity
  }
}
