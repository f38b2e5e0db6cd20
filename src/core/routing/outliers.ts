/**
 * Who is kept out for a while because of what its answers were like (after Envoy's outlier detection). Three signs:
 *
 * - **consecutive failures**: so many broken queries with no answer between them, judged at once;
 * - **success rate**, judged each interval: below the mean of all peers by 1.9 standard deviations (Envoy's success_rate_stdev_factor), among
 *   those with enough queries to tell;
 * - **latency**, judged each interval. Extension: several times as slow as the median of the other peers that answer for the same
 *   database, and by a margin that a long way alone does not explain. Each peer's figure is the geometric mean of its answers, which one
 *   very slow query among many moves little.
 *
 * A peer is out for 30 s times the ejections that it has had lately; each interval that it is in takes one of them back (Envoy).
 * Extension: only an interval in which nothing of it broke, or a sick peer that gets few queries would always be at its first ejection.
 * Refusals and cancelled queries are no sign of either kind: who says that it is overloaded is well.
 *
 * Ejecting is the lesser harm only while others can carry the load. So of each database's peers at most a share is out, at least
 * one may be, and never the only one. Extension: counted for each database and not for the mesh, or the two copies of a small database might
 * both be out while the large ones have plenty. A peer that is the only one for any database stays in.
 */
import { Deadlines } from '../time/deadlines.ts'
import type { QueryOutcome } from './feedback.ts'
import { parseOutlierOptions, type OutlierOptions } from './outlier-options.ts'

export type EjectionReason = 'consecutive-failures' | 'success-rate' | 'latency'
/** `time`: it has been out for long enough. `share`: too many of its database's peers are out, now that others have left. */
export type ReturnReason = 'time' | 'share'

export type OutlierEffect =
  /** `detail` is for people: "5 queries in a row broke". `ejections` counts this one. */
  | { readonly kind: 'ejected'; readonly peerId: string; readonly reason: EjectionReason; readonly detail: string; readonly forMs: number; readonly ejections: number }
  | { readonly kind: 'returned'; readonly peerId: string; readonly reason: ReturnReason }

export interface OutlierInput {
  readonly database: string
  readonly durationMs: number
  readonly outcome: QueryOutcome
}

export interface OutlierCounters {
  ejected: number
  returned: number
  /** Not ejected because too many of its database's peers would be out. */
  spared: number
  /** Of peers that serve nothing, or with a duration that is none. */
  ignored: number
  /** Answers not compared, for lack of room. */
  uncompared: number
}

/** Answers of one peer for one database in this interval. */
interface Answers {
  count: number
  /** Of ln(1 + ms). */
  logSum: number
}

interface Peer {
  databases: readonly string[]
  consecutiveFailures: number
  answered: number
  broken: number
  ejections: number
  /** Since it was last brought back; an interval that it spent out proves nothing. */
  inSinceMs: number
  /** Null while it is in. */
  ejectedUntilMs: number | null
}

type Deadline = 'sweep' | `return:${string}`
const returnPrefix = 'return:'
/** Pairs of a peer and a database whose answers are compared in one interval. */
const pairsMax = 20_000

export class Outliers {
  readonly options: OutlierOptions
  readonly counters: OutlierCounters = { ejected: 0, returned: 0, spared: 0, ignored: 0, uncompared: 0 }
  readonly #peers = new Map<string, Peer>()
  /** Database → who serves it. */
  readonly #servers = new Map<string, Set<string>>()
  /** Database → peer → its answers. Emptied by each sweep. */
  #answers = new Map<string, Map<string, Answers>>()
  #pairs = 0
  readonly #deadlines = new Deadlines<Deadline>()

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<OutlierOptions>> = {}) {
    this.options = parseOutlierOptions(options)
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  get size(): number {
    return this.#peers.size
  }

  isEjected(peerId: string): boolean {
    return (this.#peers.get(peerId)?.ejectedUntilMs ?? null) !== null
  }

  /** Of one database's peers, how many are out. */
  ejectedOf(database: string): number {
    let ejected = 0
    for (const peerId of this.#servers.get(database) ?? []) if (this.isEjected(peerId)) ejected++
    return ejected
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  handleOutcome(nowMs: number, peerId: string, { database, durationMs, outcome }: OutlierInput): OutlierEffect[] {
    const peer = this.#peers.get(peerId)
    if (peer === undefined || !(durationMs >= 0 && durationMs < Infinity)) {
      this.counters.ignored++
      return []
    }
    switch (outcome) {
      case 'refused':
      case 'cancelled':
        return []
      case 'answered':
        peer.consecutiveFailures = 0
        peer.answered++
        this.#recordAnswer(database, peerId, durationMs)
        this.#scheduleSweep(nowMs)
        return []
      case 'broken':
        peer.broken++
        peer.consecutiveFailures++
        this.#scheduleSweep(nowMs)
        if (peer.consecutiveFailures < this.options.consecutiveFailures) return []
        return this.#eject(nowMs, peerId, 'consecutive-failures', `${peer.consecutiveFailures} queries in a row broke`)
    }
  }

  // --- commands -----------------------------------------------------------------------------------------------------------

  /** What a peer serves now, each name once; an empty list is as `remove`. */
  setServed(nowMs: number, peerId: string, databases: readonly string[]): OutlierEffect[] {
    const known = this.#peers.get(peerId)
    if (databases.length === 0) return this.remove(nowMs, peerId)
    if (known === undefined && this.#peers.size >= this.options.peersMax) {
      this.counters.ignored++
      return []
    }
    const before = known?.databases ?? []
    for (const database of before) this.#unserve(database, peerId)
    for (const database of databases) {
      const servers = this.#servers.get(database)
      if (servers === undefined) this.#servers.set(database, new Set([peerId]))
      else servers.add(peerId)
    }
    if (known === undefined) this.#peers.set(peerId, { databases: [...databases], consecutiveFailures: 0, answered: 0, broken: 0, ejections: 0, inSinceMs: nowMs, ejectedUntilMs: null })
    else known.databases = [...databases]
    return this.#returnBeyondShare(nowMs, [...before, ...databases])
  }

  /** It left, failed, or serves nothing. Its ejections are forgotten, and with it one that lasts. */
  remove(nowMs: number, peerId: string): OutlierEffect[] {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return []
    this.#peers.delete(peerId)
    this.#deadlines.delete(`return:${peerId}`)
    for (const database of peer.databases) this.#unserve(database, peerId)
    for (const byPeer of this.#answers.values()) if (byPeer.delete(peerId)) this.#pairs--
    return this.#returnBeyondShare(nowMs, peer.databases)
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): OutlierEffect[] {
    const effects: OutlierEffect[] = []
    for (let due = this.#deadlines.takeDue(nowMs); due !== null; due = this.#deadlines.takeDue(nowMs)) {
      if (due === 'sweep') effects.push(...this.#sweep(nowMs))
      else effects.push(...this.#return(nowMs, due.slice(returnPrefix.length), 'time'))
    }
    return effects
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #recordAnswer(database: string, peerId: string, durationMs: number): void {
    // Of a database that nobody said it serves there is nothing to compare, and a peer's word must not make room for itself.
    if (this.#servers.get(database)?.has(peerId) !== true) return
    let byPeer = this.#answers.get(database)
    if (byPeer === undefined) this.#answers.set(database, byPeer = new Map())
    let answers = byPeer.get(peerId)
    if (answers === undefined) {
      if (this.#pairs >= pairsMax) {
        this.counters.uncompared++
        return
      }
      this.#pairs++
      byPeer.set(peerId, answers = { count: 0, logSum: 0 })
    }
    answers.count++
    answers.logSum += Math.log1p(durationMs)
  }

  /** Runs only while there is something to judge or to take back, so that an idle node is not woken. */
  #scheduleSweep(nowMs: number): void {
    if (this.#deadlines.atMs('sweep') === undefined) this.#deadlines.set('sweep', nowMs + this.options.intervalMs)
  }

  #sweep(nowMs: number): OutlierEffect[] {
    // Taken back first: an ejection of this sweep counts in full.
    for (const peer of this.#peers.values()) {
      const wasIn = peer.ejectedUntilMs === null && nowMs - peer.inSinceMs >= this.options.intervalMs
      if (wasIn && peer.broken === 0 && peer.ejections > 0) peer.ejections--
    }
    const effects = [...this.#ejectBySuccessRate(nowMs), ...this.#ejectByLatency(nowMs)]
    this.#answers = new Map()
    this.#pairs = 0
    let hasEjections = false
    for (const peer of this.#peers.values()) {
      peer.answered = 0
      peer.broken = 0
      hasEjections ||= peer.ejections > 0
    }
    if (hasEjections) this.#scheduleSweep(nowMs)
    return effects
  }

  /** Worst first, as far as the share allows. */
  #ejectBySuccessRate(nowMs: number): OutlierEffect[] {
    const { successQueriesMin, successPeersMin, successDeviations } = this.options
    const rates: Array<{ readonly peerId: string; readonly rate: number }> = []
    for (const [peerId, { answered, broken, ejectedUntilMs }] of this.#peers) {
      if (ejectedUntilMs === null && answered + broken >= successQueriesMin) rates.push({ peerId, rate: answered / (answered + broken) })
    }
    if (rates.length < successPeersMin) return []
    const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length
    const deviation = Math.sqrt(rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length)
    const least = mean - successDeviations * deviation
    return rates.filter(({ rate }) => rate < least).sort((a, b) => a.rate - b.rate).flatMap(({ peerId, rate }) =>
      this.#eject(nowMs, peerId, 'success-rate', `${percent(rate)} of its queries were answered, and ${percent(mean)} on average elsewhere`))
  }

  /** Slowest first, as far as the share allows. */
  #ejectByLatency(nowMs: number): OutlierEffect[] {
    const { latencyFactor, latencyMarginMs, latencyQueriesMin, latencyPeersMin } = this.options
    const effects: OutlierEffect[] = []
    for (const [database, byPeer] of this.#answers) {
      const times: Array<{ readonly peerId: string; readonly ms: number }> = []
      for (const [peerId, { count, logSum }] of byPeer) {
        if (count >= latencyQueriesMin && !this.isEjected(peerId) && this.#servers.get(database)?.has(peerId) === true) times.push({ peerId, ms: Math.expm1(logSum / count) })
      }
      if (times.length < latencyPeersMin) continue
      times.sort((a, b) => b.ms - a.ms)
      for (let i = 0; i < times.length; i++) {
        const { peerId, ms } = times[i] as { readonly peerId: string; readonly ms: number }
        const usualMs = medianOfOthers(times, i)
        // The next ones are faster still.
        if (ms <= latencyFactor * usualMs || ms <= usualMs + latencyMarginMs) break
        effects.push(...this.#eject(nowMs, peerId, 'latency', `its answers for ${database} took ${Math.round(ms)} ms, and ${Math.round(usualMs)} ms elsewhere`))
      }
    }
    return effects
  }

  #eject(nowMs: number, peerId: string, reason: EjectionReason, detail: string): OutlierEffect[] {
    const peer = this.#peers.get(peerId)
    if (peer === undefined || peer.ejectedUntilMs !== null) return []
    if (!peer.databases.every((database) => this.ejectedOf(database) < this.#ejectedMax(database))) {
      this.counters.spared++
      return []
    }
    const { baseEjectionMs, ejectionMsMax } = this.options
    // Beyond the longest time more ejections say nothing new, and must not take longer to be forgotten.
    peer.ejections = Math.min(peer.ejections + 1, Math.ceil(ejectionMsMax / baseEjectionMs))
    peer.consecutiveFailures = 0
    const forMs = Math.min(ejectionMsMax, baseEjectionMs * peer.ejections)
    peer.ejectedUntilMs = nowMs + forMs
    this.#deadlines.set(`return:${peerId}`, nowMs + forMs)
    this.counters.ejected++
    return [{ kind: 'ejected', peerId, reason, detail, forMs, ejections: peer.ejections }]
  }

  #return(nowMs: number, peerId: string, reason: ReturnReason): OutlierEffect[] {
    const peer = this.#peers.get(peerId)
    if (peer === undefined || peer.ejectedUntilMs === null) return []
    peer.ejectedUntilMs = null
    peer.inSinceMs = nowMs
    peer.consecutiveFailures = 0
    this.#deadlines.delete(`return:${peerId}`)
    // Its ejections are taken back interval by interval, queries or not.
    this.#scheduleSweep(nowMs)
    this.counters.returned++
    return [{ kind: 'returned', peerId, reason }]
  }

  /** Of one database's peers, how many may be out. */
  #ejectedMax(database: string): number {
    const servers = this.#servers.get(database)?.size ?? 0
    return servers < 2 ? 0 : Math.max(1, Math.floor(servers * this.options.ejectedShareMax))
  }

  /** Brings back those whose time is over first. */
  #returnBeyondShare(nowMs: number, databases: readonly string[]): OutlierEffect[] {
    const effects: OutlierEffect[] = []
    for (const database of databases) {
      const allowed = this.#ejectedMax(database)
      while (this.ejectedOf(database) > allowed) {
        let next: string | null = null
        let nextAtMs = Infinity
        for (const peerId of this.#servers.get(database) ?? []) {
          const untilMs = this.#peers.get(peerId)?.ejectedUntilMs ?? null
          if (untilMs === null || untilMs >= nextAtMs) continue
          next = peerId
          nextAtMs = untilMs
        }
        if (next === null) break
        effects.push(...this.#return(nowMs, next, 'share'))
      }
    }
    return effects
  }

  #unserve(database: string, peerId: string): void {
    const servers = this.#servers.get(database)
    servers?.delete(peerId)
    if (servers?.size === 0) this.#servers.delete(database)
  }
}

/** Of times in descending order, without the one at `except`; there are at least two. */
function medianOfOthers(times: ReadonlyArray<{ readonly ms: number }>, except: number): number {
  const at = (place: number): number => times[place < except ? place : place + 1]?.ms ?? 0
  const others = times.length - 1
  const middle = others >> 1
  return others % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
