/**
 * When a node answers the verdict that it has failed. The first time at once; then at growing intervals, because a node that is put out again
 * and again has a fault that its word does not mend, and each return and each verdict is news for the whole mesh. Suspicions are always
 * answered at once: there the answer saves it.
 *
 * Extension.
 */
export const APPEAL_INTERVAL_MIN_MS = 5_000
export const APPEAL_INTERVAL_MAX_MS = 120_000
/** Without a verdict for so long, the next one counts as the first. */
export const APPEAL_MEMORY_MS = 600_000

export class Appeals {
  #intervalMs = APPEAL_INTERVAL_MIN_MS
  #lastMs = -Infinity

  /** When the next verdict may be answered: now, or later. */
  nextMs(nowMs: number): number {
    return nowMs - this.#lastMs > APPEAL_MEMORY_MS ? nowMs : Math.max(nowMs, this.#lastMs + this.#intervalMs)
  }

  note(nowMs: number): void {
    const isFirst = nowMs - this.#lastMs > APPEAL_MEMORY_MS
    this.#intervalMs = isFirst ? APPEAL_INTERVAL_MIN_MS : Math.min(APPEAL_INTERVAL_MAX_MS, 2 * this.#intervalMs)
    this.#lastMs = nowMs
  }
}
