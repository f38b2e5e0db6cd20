/** How this node's load and its clients' queries were of late, for who opens a live view: without it, charts would begin when a page is opened. */
import { Ring } from '../../core/time/ring.ts'
import type { LiveHistoryView, LivePointView } from '../../wire/operations-views.ts'

export const HISTORY_STEP_MS = 10_000
/** A quarter of an hour. */
export const HISTORY_POINTS_MAX = 90

export class LiveHistory {
  readonly #points = new Ring<LivePointView>(HISTORY_POINTS_MAX)
  #nextAtMs = Number.NEGATIVE_INFINITY

  /** Called more often than it asks for a point. */
  handleTime(nowMs: number, point: () => LivePointView): void {
    if (nowMs < this.#nextAtMs) return
    this.#nextAtMs = nowMs + HISTORY_STEP_MS
    this.#points.push(point())
  }

  view(): LiveHistoryView {
    return { stepMs: HISTORY_STEP_MS, points: this.#points.list() }
  }
}
