/**
 * The probes that a choice may rest on (Prequal: Wydrowski et al., "Load is Not What You Should Balance", NSDI'24, §4): few, young, and each good for
 * few queries, because a figure that many queries follow is no longer true. A query that follows one adds itself to the probe's
 * requests in flight. With each query some are dropped, the worst and the oldest in turn: without that, a pool that is only drained
 * of its best ends up holding nothing but bad ones.
 *
 * Extension: one probe for each peer, the last, where Prequal keeps every one: a mesh is often smaller than the pool. For the same
 * reason the number of uses is an option; Prequal's formula for it has no finite value while the pool holds as many as there are peers.
 *
 * Every operation looks at the whole pool; it is small.
 */
import type { FeedbackOptions } from './feedback-options.ts'
import type { PeerFeedback } from './types.ts'

type ProbeOptions = Pick<FeedbackOptions, 'probesMax' | 'probeAgeMsMax' | 'probeUsesMax' | 'removalsPerQuery'>

/** Q_RIF: above this quantile of the recent probes' requests in flight, one is hot (§4, 2^-0.25). */
const hotQuantile = 0.84
const recentMax = 64

interface Probe {
  inFlight: number
  readonly latencyMs: number
  readonly atMs: number
  uses: number
}

export class ProbePool {
  readonly #options: ProbeOptions
  /** Oldest first. */
  readonly #probes = new Map<string, Probe>()
  /** Requests in flight of the latest probes, a ring. */
  readonly #recent: number[] = []
  #recentNext = 0
  /** The same, ascending: what is hot is asked with every query. */
  readonly #recentSorted: number[] = []
  #removalsDue = 0
  #isOldestNext = false

  constructor(options: ProbeOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#probes.size
  }

  /** Null when there is none young enough. */
  probe(nowMs: number, peerId: string): PeerFeedback['probe'] {
    const probe = this.#probes.get(peerId)
    if (probe === undefined || this.#isTooOld(nowMs, probe)) return null
    return { inFlight: probe.inFlight, latencyMs: probe.latencyMs, ageMs: Math.max(0, nowMs - probe.atMs) }
  }

  add(nowMs: number, peerId: string, { inFlight, latencyMs }: { readonly inFlight: number; readonly latencyMs: number }): void {
    this.#dropOld(nowMs)
    this.#probes.delete(peerId)
    if (this.#probes.size >= this.#options.probesMax) this.#removeOldest()
    this.#probes.set(peerId, { inFlight, latencyMs, atMs: nowMs, uses: 0 })
    this.#noteInFlight(inFlight)
  }

  /** A query goes to `peerId`, whatever it was chosen by. */
  recordQuery(nowMs: number, peerId: string): void {
    if (this.#probes.size === 0) return
    this.#dropOld(nowMs)
    const probe = this.#probes.get(peerId)
    if (probe !== undefined) {
      probe.inFlight++
      probe.uses++
      if (probe.uses >= this.#options.probeUsesMax) this.#probes.delete(peerId)
    }
    this.#removalsDue += this.#options.removalsPerQuery
    for (; this.#removalsDue >= 1; this.#removalsDue--) {
      // The last one stays: a poor figure is better than none.
      if (this.#probes.size > 1) {
        if (this.#isOldestNext) this.#removeOldest()
        else this.#removeWorst()
        this.#isOldestNext = !this.#isOldestNext
      }
    }
  }

  remove(peerId: string): void {
    this.#probes.delete(peerId)
  }

  #isTooOld(nowMs: number, probe: Probe): boolean {
    return nowMs - probe.atMs > this.#options.probeAgeMsMax
  }

  #dropOld(nowMs: number): void {
    for (const [peerId, probe] of this.#probes) {
      if (!this.#isTooOld(nowMs, probe)) return
      this.#probes.delete(peerId)
    }
  }

  #removeOldest(): void {
    for (const peerId of this.#probes.keys()) {
      this.#probes.delete(peerId)
      return
    }
  }

  /** The hot one with the most requests in flight, or, where all are cold, the slowest. */
  #removeWorst(): void {
    const hotAbove = this.#hotAbove()
    let worstId = ''
    let worst: Probe | null = null
    for (const [peerId, probe] of this.#probes) {
      if (worst !== null && !isWorse(probe, worst, hotAbove)) continue
      worstId = peerId
      worst = probe
    }
    this.#probes.delete(worstId)
  }

  #hotAbove(): number {
    return this.#recentSorted[Math.floor(this.#recentSorted.length * hotQuantile)] ?? Infinity
  }

  #noteInFlight(inFlight: number): void {
    const leaving = this.#recent[this.#recentNext]
    if (leaving !== undefined) this.#recentSorted.splice(this.#recentSorted.indexOf(leaving), 1)
    this.#recent[this.#recentNext] = inFlight
    this.#recentNext = (this.#recentNext + 1) % recentMax
    let place = this.#recentSorted.length
    while (place > 0 && (this.#recentSorted[place - 1] as number) > inFlight) place--
    this.#recentSorted.splice(place, 0, inFlight)
  }
}

function isWorse(probe: Probe, than: Probe, hotAbove: number): boolean {
  const isHot = probe.inFlight > hotAbove
  if (isHot !== than.inFlight > hotAbove) return isHot
  return isHot ? probe.inFlight > than.inFlight : probe.latencyMs > than.latencyMs
}
