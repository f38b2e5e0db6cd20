/** Rates of the last minute from counters that are read now and then: between the reading now and one about a minute ago. */
import type { Rates } from './definition.ts'
import { messageCounters } from './communication.ts'
import { decisionCounters } from './routing.ts'

export const RATE_WINDOW_MS = 60_000
/** Closer readings are not kept: two readers, or one in a hurry, would otherwise shorten the window for everybody. */
const spacingMs = 5_000

interface Point {
  readonly atMs: number
  readonly messages: number
  readonly queries: number
  readonly forwarded: number
}

export class RateWindow {
  /** The oldest first; at most RATE_WINDOW_MS / spacingMs + 2. */
  readonly #points: Point[]

  constructor(startedMs: number) {
    this.#points = [{ atMs: startedMs, messages: 0, queries: 0, forwarded: 0 }]
  }

  /** Readings that are kept. */
  get size(): number {
    return this.#points.length
  }

  read(nowMs: number, counters: Readonly<Record<string, number>>): Rates {
    const total = (names: readonly string[]): number => names.reduce((sum, name) => sum + (counters[name] ?? 0), 0)
    const now = { atMs: nowMs, messages: total(messageCounters), queries: total(Object.values(decisionCounters)), forwarded: counters[decisionCounters.forward] ?? 0 }
    // The newest that is a whole window old, or else the oldest there is.
    while (this.#points.length > 1 && (this.#points[1] as Point).atMs <= nowMs - RATE_WINDOW_MS) this.#points.shift()
    const [since = now] = this.#points
    if (nowMs - (this.#points.at(-1) as Point).atMs >= spacingMs) this.#points.push(now)
    const seconds = (nowMs - since.atMs) / 1000
    const queries = now.queries - since.queries
    return {
      messagesPerSecond: seconds > 0 ? (now.messages - since.messages) / seconds : 0,
      queriesPerSecond: seconds > 0 ? queries / seconds : 0,
      forwardRatio: queries > 0 ? (now.forwarded - since.forwarded) / queries : null,
    }
  }
}
