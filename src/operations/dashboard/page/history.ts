/** The last quarter of an hour of each member and of this node's queries, as the page saw it; one reading a second at most. */
import type { LiveStateView } from '../../../wire/operations-views.ts'
import { isUp } from './condition.ts'

export const HISTORY_SECONDS = 900
/** Up to so many members have a line each; more are told by their median and their tail. */
export const LINES_MAX = 5

export type Reading = 'latencyMs' | 'cpuPercent'

export interface Line {
  readonly label: string
  readonly values: ReadonlyArray<number | null>
}

export interface Lines {
  /** Unix seconds. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
}

interface MemberHistory {
  name: string
  isLocal: boolean
  readonly latencyMs: Float32Array
  readonly cpuPercent: Float32Array
}

/** `NaN`: nothing is known of that second. */
function empty(): Float32Array {
  return new Float32Array(HISTORY_SECONDS).fill(Number.NaN)
}

export class History {
  readonly #times: number[] = []
  /** Of the reading at `times[0]`; readings are kept at their number modulo the length. */
  #first = 0
  readonly #members = new Map<string, MemberHistory>()
  readonly #rates = { all: empty(), forwarded: empty(), failed: empty() }

  /** Of all members whose reading is drawn, told once as it comes: to sort them anew for each drawing was most of the page's work. */
  readonly #spread = { latencyMs: { median: empty(), tail: empty(), highest: empty() }, cpuPercent: { median: empty(), tail: empty(), highest: empty() } }

  /** A reading within half a second of the last one stands in for it. */
  add(live: LiveStateView): void {
    const atSeconds = live.atWallMs / 1000
    const last = this.#times.at(-1)
    // A clock that was set back starts anew.
    if (last !== undefined && atSeconds < last) this.#clear()
    if (last !== undefined && atSeconds >= last && atSeconds - last < 0.5) this.#times[this.#times.length - 1] = atSeconds
    else this.#times.push(atSeconds)
    if (this.#times.length > HISTORY_SECONDS) {
      this.#times.shift()
      this.#first += 1
    }
    const slot = (this.#first + this.#times.length - 1) % HISTORY_SECONDS
    for (const kept of this.#members.values()) kept.latencyMs[slot] = kept.cpuPercent[slot] = Number.NaN
    for (const { peerId, name, isLocal, state, latencyMs, cpuPercent } of live.members) {
      const kept = this.#members.get(peerId) ?? { name, isLocal, latencyMs: empty(), cpuPercent: empty() }
      this.#members.set(peerId, kept)
      kept.name = name
      kept.isLocal = isLocal
      // What was last known of one that failed is no reading.
      kept.latencyMs[slot] = isUp({ state }) ? latencyMs ?? Number.NaN : Number.NaN
      kept.cpuPercent[slot] = isUp({ state }) ? cpuPercent ?? Number.NaN : Number.NaN
    }
    const present = new Set(live.members.map(({ peerId }) => peerId))
    for (const peerId of [...this.#members.keys()]) if (!present.has(peerId)) this.#members.delete(peerId)
    this.#spreadAt('latencyMs', slot)
    this.#spreadAt('cpuPercent', slot)
    this.#rates.all[slot] = live.rates.queriesPerSecond
    this.#rates.forwarded[slot] = live.rates.forwardedPerSecond
    this.#rates.failed[slot] = live.rates.failedPerSecond
  }

  #spreadAt(reading: Reading, slot: number): void {
    const values = [...this.#members.values()].filter(({ isLocal }) => isDrawn(reading, isLocal)).map((kept) => kept[reading][slot] ?? Number.NaN).filter((value) => !Number.isNaN(value)).sort((one, other) => one - other)
    const { median, tail, highest } = this.#spread[reading]
    median[slot] = values[Math.floor((values.length - 1) / 2)] ?? Number.NaN
    tail[slot] = values[Math.ceil(values.length * 0.95) - 1] ?? Number.NaN
    highest[slot] = values.at(-1) ?? Number.NaN
  }

  #clear(): void {
    this.#times.length = 0
    this.#first = 0
    this.#members.clear()
    for (const rates of Object.values(this.#rates)) rates.fill(Number.NaN)
  }

  get seconds(): number {
    return (this.#times.at(-1) ?? 0) - (this.#times[0] ?? 0)
  }

  rates(): Lines {
    return { times: this.#times, lines: [
      { label: 'All', values: this.#inOrder(this.#rates.all) },
      { label: 'Forwarded', values: this.#inOrder(this.#rates.forwarded) },
      { label: 'Failed', values: this.#inOrder(this.#rates.failed) },
    ] }
  }

  /** A line for each of a few, for many the median, the 95th percentile and the highest; and one for who is selected. */
  members(reading: Reading, selected: string | null): Lines {
    const shown = [...this.#members].filter(([, { isLocal }]) => isDrawn(reading, isLocal))
    const chosen = selected === null ? undefined : shown.find(([peerId]) => peerId === selected)
    if (shown.length <= LINES_MAX) {
      return { times: this.#times, lines: shown.map(([, kept]) => ({ label: kept.name, values: this.#inOrder(kept[reading]) })) }
    }
    const { median, tail, highest } = this.#spread[reading]
    return { times: this.#times, lines: [
      { label: 'Median', values: this.#inOrder(median) }, { label: '95th percentile', values: this.#inOrder(tail) }, { label: 'Highest', values: this.#inOrder(highest) },
      ...(chosen === undefined ? [] : [{ label: chosen[1].name, values: this.#inOrder(chosen[1][reading]) }]),
    ] }
  }

  #inOrder(kept: Float32Array): Array<number | null> {
    return this.#times.map((_, index) => {
      const value = kept[(this.#first + index) % HISTORY_SECONDS] ?? Number.NaN
      return Number.isNaN(value) ? null : value
    })
  }
}

/** The way to itself is no round trip. */
function isDrawn(reading: Reading, isLocal: boolean): boolean {
  return reading === 'cpuPercent' || !isLocal
}
