/**
 * Whether the wall clock can be believed when something is to be deleted for its age. A clock that is set ten days ahead by mistake makes everything ten
 * days older at once, and setting it back brings nothing back. The monotonic clock cannot be set: as long as both have gone the same way, the wall clock
 * was not touched. After a step it is not believed for a day, in which somebody may set it right, which is a step again.
 *
 * A host that slept has made a step, too: it only keeps files for longer.
 */
import { DAY_MS, dayOf } from './retention.ts'

export const CLOCK_STEP_MS = 3_600_000
export const CLOCK_DOUBT_MS = DAY_MS
/** Between the newest file that an earlier process left and its own first day. */
const DAYS_AWAY_MAX = 2

export type ClockEffect = { readonly kind: 'clock-doubted'; readonly stepMs: number }

export class WallClockTrust {
  /** Wall less monotonic time, as of the last step. Measured from there, so that many small steps are one as well. */
  #offsetMs: number | null = null
  #doubtedUntilMs = -Infinity

  isTrusted(nowMs: number): boolean {
    return nowMs >= this.#doubtedUntilMs
  }

  handleWallTime(nowMs: number, wallMs: number): ClockEffect[] {
    const before = this.#offsetMs
    this.#offsetMs ??= wallMs - nowMs
    if (before === null || Math.abs(wallMs - nowMs - before) <= CLOCK_STEP_MS) return []
    this.#offsetMs = wallMs - nowMs
    return this.#doubt(nowMs, wallMs - nowMs - before)
  }

  /** What an earlier process left, at the start: nothing tells a clock that was set meanwhile from a node that was away for long. */
  handleFilesFound(nowMs: number, { wallMs, days }: { readonly wallMs: number; readonly days: readonly number[] }): ClockEffect[] {
    const today = dayOf(wallMs)
    const newest = days.reduce((newer, day) => (day <= today ? Math.max(newer, day) : newer), -Infinity)
    return newest === -Infinity || today - newest <= DAYS_AWAY_MAX ? [] : this.#doubt(nowMs, (today - newest) * DAY_MS)
  }

  #doubt(nowMs: number, stepMs: number): ClockEffect[] {
    this.#doubtedUntilMs = nowMs + CLOCK_DOUBT_MS
    return [{ kind: 'clock-doubted', stepMs }]
  }
}
