/**
 * A clock that jumps from event to event. The node's own code runs on it unchanged, promises and all: after each event everything that
 * it set in motion comes to rest before the next one is taken, so that a run depends on its seed alone.
 */
import type { Clock, Timer } from '../../../src/ports/clock.ts'
import { EventQueue } from '../../../test/simulation/event-queue.ts'

interface Event {
  callback: (() => void) | null
}

/** Some fixed day, for what shows Unix time. */
const WALL_OFFSET_MS = 1_750_000_000_000

export class VirtualTime implements Clock {
  readonly #queue = new EventQueue<Event>()
  #failure: unknown = null

  nowMs(): number {
    return this.#queue.nowMs
  }

  wallMs(): number {
    return WALL_OFFSET_MS + Math.round(this.#queue.nowMs)
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const event: Event = { callback }
    this.#queue.push(this.#queue.nowMs + Math.max(0, delayMs), 0, event)
    return { cancel: () => { event.callback = null } }
  }

  /** What broke in a promise that nobody waits for ends the run. */
  fail(error: unknown): void {
    this.#failure ??= error
  }

  async runUntil(untilMs: number): Promise<void> {
    for (let event = this.#queue.next(untilMs); event !== null; event = this.#queue.next(untilMs)) {
      if (event.callback === null) continue
      event.callback()
      await atRest()
      if (this.#failure !== null) throw this.#failure
    }
  }
}

/** After all promises that can settle without time passing. */
function atRest(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve) })
}
