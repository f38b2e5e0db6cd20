/**
 * What this node learns about its peers from its own queries and probes to them: nobody else's word is in it, so it is fresh,
 * and true for the way from here. Three things that each keep a herd from forming:
 *
 * - the **response time**, peak-sensitive; errors never make a peer look fast (feedback-estimate.ts). The time that answers waited for this
 *   node's own event loop is taken off, or a busy node would find all its peers slow and the nearest ones slowest of all;
 * - a few **probes**, asked for with each query and good for few (feedback-probes.ts);
 * - **warmth**: a newcomer, or one that is back, has an empty cache and no queue, looks best to everyone and must not get everything.
 *   Its share rises over half a minute (after Envoy's slow start, linear: aggression 1).
 *
 * A queue here that is not there is not seen by either: count requests in flight from the moment of dispatch.
 */
import { Deadlines } from '../time/deadlines.ts'
import { randomInteger, type Random } from '../time/random.ts'
import { ResponseTime } from './feedback-estimate.ts'
import { parseFeedbackOptions, type FeedbackOptions } from './feedback-options.ts'
import { ProbePool } from './feedback-probes.ts'
import type { PeerFeedback } from './types.ts'

/** `refused`: the peer said no and is well. `broken`: no answer, or half of one. `cancelled`: nobody waited for it any longer. */
export type QueryOutcome = 'answered' | 'refused' | 'broken' | 'cancelled'

export interface OutcomeInput {
  readonly durationMs: number
  readonly outcome: QueryOutcome
}

export interface ProbeInput {
  /** Requests in flight there. */
  readonly inFlight: number
  /** Time that it takes at present to answer a query. */
  readonly latencyMs: number
}

/** Ask the peer for its requests in flight and its latency, and report with `handleProbe` or `handleProbeLost`. */
export type FeedbackEffect = { readonly kind: 'probe'; readonly peerId: string }

export interface FeedbackCounters {
  /** Of a peer that nothing was dispatched to, or with a duration that is none. */
  outcomesIgnored: number
  probesIgnored: number
  probesLost: number
  /** Of which nothing is learnt for lack of room. */
  peersRefused: number
}

/** A reading of the event loop's delay says nothing about an answer this much later. */
const loopDelayMsMax = 5_000
/** Draws for one probe: where nearly all candidates are being probed, the rest is left out. */
const drawsMax = 4

interface Peer {
  inFlight: number
  responseTime: ResponseTime
  warmSinceMs: number
  ejectedUntilMs: number
  /** Removed with queries still under way: kept for its count alone. */
  isGone: boolean
}

export class FeedbackBook {
  readonly options: FeedbackOptions
  readonly counters: FeedbackCounters = { outcomesIgnored: 0, probesIgnored: 0, probesLost: 0, peersRefused: 0 }
  readonly #random: Random
  readonly #peers = new Map<string, Peer>()
  readonly #probes: ProbePool
  /** One name for each peer that a probe is under way to. */
  readonly #deadlines = new Deadlines<string>()
  #probesDue = 0
  #loopDelayMs = 0
  #loopDelayAtMs = -Infinity

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<FeedbackOptions>>, random: Random) {
    this.options = parseFeedbackOptions(options)
    this.#probes = new ProbePool(this.options)
    this.#random = random
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  get size(): number {
    return this.#peers.size
  }

  get probesUnderWay(): number {
    return this.#deadlines.size
  }

  get probesHeld(): number {
    return this.#probes.size
  }

  /** Null for a peer that has neither appeared nor been sent a query. O(1). */
  feedback(nowMs: number, peerId: string): PeerFeedback | null {
    const peer = this.#peers.get(peerId)
    if (peer === undefined || peer.isGone) return null
    return {
      peakEwmaMs: peer.responseTime.estimateMs(nowMs),
      probe: this.#probes.probe(nowMs, peerId),
      ejectedForMs: Math.max(0, peer.ejectedUntilMs - nowMs),
      warmth: this.#warmth(nowMs, peer),
    }
  }

  /** Dispatched from here and not ended. */
  inFlight(peerId: string): number {
    return this.#peers.get(peerId)?.inFlight ?? 0
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  /** It serves, for the first time or again: slow start begins, and what was learnt before is forgotten but its queries under way. */
  handleAppeared(nowMs: number, peerId: string): void {
    this.#peers.set(peerId, { ...this.#newPeer(nowMs), inFlight: this.inFlight(peerId) })
    this.#probes.remove(peerId)
    this.#bound(peerId)
  }

  /** A query leaves for it. Each one must end in one `handleOutcome`. */
  handleDispatch(nowMs: number, peerId: string): void {
    this.#probes.recordQuery(nowMs, peerId)
    let peer = this.#peers.get(peerId)
    if (peer === undefined) {
      peer = this.#newPeer(nowMs)
      this.#peers.set(peerId, peer)
      if (!this.#bound(peerId)) return
    }
    peer.inFlight++
  }

  /** The duration is from dispatch to the end that `outcome` names: for an answer, its first row. */
  handleOutcome(nowMs: number, peerId: string, { durationMs, outcome }: OutcomeInput): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined || peer.inFlight === 0) {
      this.counters.outcomesIgnored++
      return
    }
    peer.inFlight--
    if (peer.isGone) {
      if (peer.inFlight === 0) this.#peers.delete(peerId)
      return
    }
    if (!(durationMs >= 0 && durationMs < Infinity)) {
      this.counters.outcomesIgnored++
      return
    }
    const { responseTime } = peer
    switch (outcome) {
      case 'answered':
        responseTime.recordAnswer(nowMs, Math.max(0, durationMs - this.#ownDelayMs(nowMs)))
        return
      case 'refused':
        responseTime.recordRefused(nowMs, durationMs)
        return
      case 'broken':
        responseTime.recordBroken(nowMs, durationMs)
        return
      case 'cancelled':
        responseTime.recordCancelled(nowMs, Math.max(0, durationMs - this.#ownDelayMs(nowMs)))
        return
    }
  }

  /** Also of figures that nobody asked for, such as those that ride on an answer. Of an unknown peer, or no figures at all: counted, ignored. */
  handleProbe(nowMs: number, peerId: string, { inFlight, latencyMs }: ProbeInput): void {
    this.#deadlines.delete(peerId)
    const peer = this.#peers.get(peerId)
    const isUsable = peer !== undefined && !peer.isGone && Number.isSafeInteger(inFlight) && inFlight >= 0 && latencyMs >= 0 && latencyMs < Infinity
    if (isUsable) this.#probes.add(nowMs, peerId, { inFlight, latencyMs })
    else this.counters.probesIgnored++
  }

  /** The probe failed. What the pool holds of it is older than that and goes. */
  handleProbeLost(_nowMs: number, peerId: string): void {
    if (this.#deadlines.atMs(peerId) === undefined) return
    this.#deadlines.delete(peerId)
    this.#probes.remove(peerId)
    this.counters.probesLost++
  }

  /** This node's own event-loop delay, as last measured; it holds for 5 s. */
  handleLoopDelay(nowMs: number, delayMs: number): void {
    if (!(delayMs >= 0 && delayMs < Infinity)) return
    this.#loopDelayMs = delayMs
    this.#loopDelayAtMs = nowMs
  }

  /** From `Outliers`. Its probe goes: it must not be chosen by it. */
  handleEjected(nowMs: number, peerId: string, forMs: number): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    peer.ejectedUntilMs = nowMs + forMs
    this.#probes.remove(peerId)
  }

  /** From `Outliers`: slow start begins; the response time stays as it is, penalties and all. */
  handleReturned(nowMs: number, peerId: string): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    peer.ejectedUntilMs = -Infinity
    peer.warmSinceMs = nowMs
  }

  // --- commands -----------------------------------------------------------------------------------------------------------

  /**
   * Probes for one query, to candidates picked at random, each at most once and none while one is under way to it. For the owner to call
   * where the strategy in use rests on probes, and nowhere else. O(probesPerQuery).
   */
  requestProbes(nowMs: number, candidates: ReadonlyArray<{ readonly peerId: string }>): FeedbackEffect[] {
    this.handleTimeout(nowMs)
    const { probesPerQuery, probesUnderWayMax, probeTimeoutMs } = this.options
    const effects: FeedbackEffect[] = []
    this.#probesDue += probesPerQuery
    let draws = candidates.length === 0 ? 0 : drawsMax * Math.ceil(probesPerQuery)
    for (; this.#probesDue >= 1; this.#probesDue--) {
      let peerId: string | null = null
      while (peerId === null && draws > 0 && this.#deadlines.size < probesUnderWayMax) {
        draws--
        const drawn = (candidates[randomInteger(this.#random, candidates.length)] as { readonly peerId: string }).peerId
        if (this.#deadlines.atMs(drawn) === undefined) peerId = drawn
      }
      if (peerId === null) continue
      this.#deadlines.set(peerId, nowMs + probeTimeoutMs)
      effects.push({ kind: 'probe', peerId })
    }
    return effects
  }

  /** It left, failed, or no longer serves. Outcomes of what is still under way there are counted off and teach nothing. */
  remove(_nowMs: number, peerId: string): void {
    this.#probes.remove(peerId)
    this.#deadlines.delete(peerId)
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    if (peer.inFlight > 0) peer.isGone = true
    else this.#peers.delete(peerId)
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  /** Gives up on probes that nobody has answered. */
  handleTimeout(nowMs: number): FeedbackEffect[] {
    for (let due = this.#deadlines.takeDue(nowMs); due !== null; due = this.#deadlines.takeDue(nowMs)) {
      this.#probes.remove(due)
      this.counters.probesLost++
    }
    return []
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #newPeer(nowMs: number): Peer {
    return { inFlight: 0, responseTime: new ResponseTime(this.options), warmSinceMs: nowMs, ejectedUntilMs: -Infinity, isGone: false }
  }

  /** False: there was no room for it. */
  #bound(peerId: string): boolean {
    if (this.#peers.size <= this.options.peersMax) return true
    this.#peers.delete(peerId)
    this.counters.peersRefused++
    return false
  }

  #warmth(nowMs: number, { warmSinceMs }: Peer): number {
    const { slowStartMs, warmthMin } = this.options
    if (nowMs - warmSinceMs >= slowStartMs) return 1
    return warmthMin + (1 - warmthMin) * (Math.max(0, nowMs - warmSinceMs) / slowStartMs)
  }

  #ownDelayMs(nowMs: number): number {
    return nowMs - this.#loopDelayAtMs <= loopDelayMsMax ? this.#loopDelayMs : 0
  }
}
