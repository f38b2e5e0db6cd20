/**
 * The one timer of a machine: after each input the driver re-arms it at the machine's next deadline. A machine that was due while
 * the event loop was busy is called once, late, and catches up by itself.
 */
import type { Clock, Timer } from '../ports/clock.ts'

/** Node's timers overflow beyond 2^31 − 1 ms; a sleeping machine is simply asked again by then. */
const delayMsMax = 1 << 30

export class MachineTimer {
  readonly #clock: Clock
  readonly #nextDeadlineMs: () => number | null
  readonly #due: (nowMs: number) => void
  #timer: Timer | null = null
  #armedAtMs: number | null = null
  #stopped = false

  constructor(clock: Clock, machine: { nextDeadlineMs(): number | null }, due: (nowMs: number) => void) {
    this.#clock = clock
    this.#nextDeadlineMs = () => machine.nextDeadlineMs()
    this.#due = due
  }

  rearm(): void {
    if (this.#stopped) return
    const atMs = this.#nextDeadlineMs()
    if (atMs === this.#armedAtMs) return
    this.#timer?.cancel()
    this.#timer = null
    this.#armedAtMs = atMs
    if (atMs === null) return
    this.#timer = this.#clock.setTimer(Math.min(delayMsMax, atMs - this.#clock.nowMs()), () => {
      this.#timer = null
      this.#armedAtMs = null
      this.#due(this.#clock.nowMs())
      this.rearm()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = null
  }
}
