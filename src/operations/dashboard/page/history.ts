/** The last quarter of an hour of each member and of this node's queries: as the page saw it, one reading a second at most, and where it saw nothing as the node remembers it. */
import type { LivePointView, LiveStateView } from '../../../wire/operations-views.ts'
import { isUp } from './condition.ts'
import type { Past, PastRoundTrip } from './past.ts'

export const HISTORY_SECONDS = 900
/** What the node remembers is left out where the page has a reading as near as this. */
const NEAR_SECONDS = 10
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
  /** Of the page's own first reading, where there is something from before it; null otherwise. */
  readonly seenSince: number | null
}

type Values = ReadonlyArray<number | null>

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
  #own: readonly LivePointView[] = []
  #roundTrips: ReadonlyMap<string, readonly PastRoundTrip[]> = new Map()

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
    while (this.#times.length > HISTORY_SECONDS || (this.#times[0] ?? atSeconds) < atSeconds - HISTORY_SECONDS) {
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
    const values = [...this.#members.values()].filter(({ isLocal }) => isDrawn(reading, isLocal)).map((kept) => kept[reading][slot] ?? Number.NaN).filter((value) => !Number.isNaN(value))
    const spread = spreadOf(values)
    const { median, tail, highest } = this.#spread[reading]
    median[slot] = spread.median ?? Number.NaN
    tail[slot] = spread.tail ?? Number.NaN
    highest[slot] = spread.highest ?? Number.NaN
  }

  #clear(): void {
    this.#times.length = 0
    this.#first = 0
    this.#members.clear()
    this.#own = []
    this.#roundTrips = new Map()
    for (const rates of Object.values(this.#rates)) rates.fill(Number.NaN)
  }

  /** Fills what the page did not see: before it was opened, and while it was not connected. */
  addPast({ own, roundTrips }: Past): void {
    const isUnseen = (atSeconds: number): boolean => !this.#times.some((seen) => Math.abs(seen - atSeconds) < NEAR_SECONDS)
    this.#own = own.filter(({ atWallMs }) => isUnseen(atWallMs / 1000))
    this.#roundTrips = new Map([...roundTrips].map(([peerId, points]) => [peerId, points.filter(({ atSeconds }) => isUnseen(atSeconds))]))
  }

  /** Of queries of this node's clients. */
  rates(): Lines {
    const past = this.#ownPast()
    return this.#lines(past.map(({ atWallMs }) => atWallMs / 1000), [
      { label: 'All', seen: this.#rates.all, before: past.map(({ rates }) => rates.queriesPerSecond) },
      { label: 'Forwarded', seen: this.#rates.forwarded, before: past.map(({ rates }) => rates.forwardedPerSecond) },
      { label: 'Failed', seen: this.#rates.failed, before: past.map(({ rates }) => rates.failedPerSecond) },
    ])
  }

  /** A line for each of a few, for many the median, the 95th percentile and the highest; and one for this node and for who is selected. */
  members(reading: Reading, selected: string | null): Lines {
    const shown = [...this.#members].filter(([, { isLocal }]) => isDrawn(reading, isLocal))
    const { times, valuesOf } = reading === 'cpuPercent' ? this.#pastLoad() : this.#pastRoundTrips(shown.map(([peerId]) => peerId))
    const ofMembers = (members: typeof shown): Drawn[] => members.map(([peerId, kept]) => ({ label: kept.name, seen: kept[reading], before: valuesOf(peerId, kept.isLocal) }))
    if (shown.length <= LINES_MAX) return this.#lines(times, ofMembers(shown))
    const { median, tail, highest } = this.#spread[reading]
    // Of a load that only this node's is known of, there is no median.
    const spreads = reading === 'cpuPercent' ? [] : spreadsOf(shown.map(([peerId, { isLocal }]) => valuesOf(peerId, isLocal)), times.length)
    return this.#lines(times, [
      { label: 'Median', seen: median, before: spreads.map((spread) => spread.median) }, { label: '95th percentile', seen: tail, before: spreads.map((spread) => spread.tail) },
      { label: 'Highest', seen: highest, before: spreads.map((spread) => spread.highest) },
      ...ofMembers(shown.filter(([peerId, { isLocal }]) => isLocal || peerId === selected)),
    ])
  }

  #ownPast(): readonly LivePointView[] {
    const from = this.#windowStart()
    return this.#own.filter(({ atWallMs }) => atWallMs / 1000 >= from)
  }

  #pastLoad(): PastOfMembers {
    const own = this.#ownPast()
    const values = own.map(({ cpuPercent }) => cpuPercent)
    return { times: own.map(({ atWallMs }) => atWallMs / 1000), valuesOf: (_peerId, isLocal) => (isLocal ? values : []) }
  }

  #pastRoundTrips(peerIds: readonly string[]): PastOfMembers {
    const from = this.#windowStart()
    const byPeer = new Map(peerIds.map((peerId) => [peerId, new Map((this.#roundTrips.get(peerId) ?? []).filter(({ atSeconds }) => atSeconds >= from).map(({ atSeconds, ms }) => [atSeconds, ms]))]))
    const times = [...new Set([...byPeer.values()].flatMap((points) => [...points.keys()]))].sort((one, other) => one - other)
    return { times, valuesOf: (peerId) => times.map((atSeconds) => byPeer.get(peerId)?.get(atSeconds) ?? null) }
  }

  #windowStart(): number {
    return (this.#times.at(-1) ?? 0) - HISTORY_SECONDS
  }

  /** Both in the order of time; nothing before the page's first reading. */
  #lines(past: readonly number[], drawn: readonly Drawn[]): Lines {
    if (this.#times.length === 0) return { times: [], lines: drawn.map(({ label }) => ({ label, values: [] })), seenSince: null }
    const times: number[] = []
    /** Where each is: in the past, or else in what was seen. */
    const places: Array<{ readonly isPast: boolean; readonly index: number }> = []
    let next = 0
    for (const [index, atSeconds] of this.#times.entries()) {
      for (; next < past.length && (past[next] ?? 0) < atSeconds; next++) {
        times.push(past[next] ?? 0)
        places.push({ isPast: true, index: next })
      }
      times.push(atSeconds)
      places.push({ isPast: false, index: (this.#first + index) % HISTORY_SECONDS })
    }
    return {
      times, seenSince: places[0]?.isPast === true ? this.#times[0] ?? null : null,
      lines: drawn.map(({ label, seen, before }) => ({ label, values: places.map(({ isPast, index }) => {
        const value = isPast ? before[index] : seen[index]
        return value === undefined || value === null || Number.isNaN(value) ? null : value
      }) })),
    }
  }
}

interface Drawn {
  readonly label: string
  readonly seen: Float32Array
  /** One for each time of the past; fewer where none is known. */
  readonly before: Values
}

interface PastOfMembers {
  readonly times: readonly number[]
  readonly valuesOf: (peerId: string, isLocal: boolean) => Values
}

interface Spread {
  readonly median: number | null
  readonly tail: number | null
  readonly highest: number | null
}

/** Of all members at each time. */
function spreadsOf(members: readonly Values[], times: number): Spread[] {
  return Array.from({ length: times }, (_, at) => spreadOf(members.flatMap((values) => values[at] ?? [])))
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other)
  return { median: sorted[Math.floor((sorted.length - 1) / 2)] ?? null, tail: sorted[Math.ceil(sorted.length * 0.95) - 1] ?? null, highest: sorted.at(-1) ?? null }
}

/** The way to itself is no round trip. */
function isDrawn(reading: Reading, isLocal: boolean): boolean {
  return reading === 'cpuPercent' || !isLocal
}
