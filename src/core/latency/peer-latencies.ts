/**
 * Whom to ping when, and what came of it.
 *
 * Each peer is pinged at once when it joins (spread over a quarter of a second), each second until it has answered a few times, and then each interval. A failed ping is repeated after
 * 1 s, 2 s, 4 s … up to the interval, so that three failures take seconds and not three intervals; a lost datagram brings the next ping
 * forward, since it is the cheapest first sign of trouble. At most `concurrentPingsMax` pings are under way; who comes due beyond
 * that waits in line.
 *
 * The shell bounds each ping and reports its end. Should it ever fail to, the machine counts a loss itself a second after the timeout:
 * late enough never to compete with the report.
 */
import { Deadlines } from '../time/deadlines.ts'
import type { Random } from '../time/random.ts'
import { LatencyWindow, type LatencySource } from './latency-window.ts'
import { type LatencyOptions, parseLatencyOptions } from './options.ts'
import type { LatencySummary } from './types.ts'

export { peerStatus, type PeerStatusInput, type PeerStatusVerdict, type StatusThresholds } from './peer-status.ts'

export type LatencyEffect = { readonly kind: 'ping'; readonly peerId: string }

const reportGraceMs = 1_000
const intervalJitter = 0.1

interface Peer {
  readonly window: LatencyWindow
  phase: 'resting' | 'in-line' | 'pinging'
  lastPingAtMs: number
}

export class PeerLatencies {
  #options: LatencyOptions
  readonly #random: Random
  readonly #peers = new Map<string, Peer>()
  /** One deadline a peer: the next ping while resting, the missing report while pinging. */
  readonly #deadlines = new Deadlines<string>()
  /** In order of coming due. */
  readonly #line = new Set<string>()
  #pinging = 0

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<LatencyOptions>>, random: Random) {
    this.#options = parseLatencyOptions(options)
    this.#random = random
  }

  // --- getters ------------------------------------------------------------------------------------------------------------

  get options(): LatencyOptions {
    return this.#options
  }

  get size(): number {
    return this.#peers.size
  }

  get pinging(): number {
    return this.#pinging
  }

  /** Null for a peer that is not measured, or not yet. Cached between samples. */
  summary(peerId: string): LatencySummary | null {
    return this.#peers.get(peerId)?.window.summary() ?? null
  }

  // --- inputs -------------------------------------------------------------------------------------------------------------

  /** Of an unknown peer, or no time at all: ignored. */
  handleRtt(nowMs: number, peerId: string, rttMs: number, source: LatencySource): LatencyEffect[] {
    const peer = this.#peers.get(peerId)
    if (peer === undefined || !(rttMs >= 0 && rttMs < Infinity)) return []
    peer.window.handleRtt(nowMs, rttMs, source)
    return source === 'ping' ? this.#pingEnded(nowMs, peerId, peer) : []
  }

  handleLost(nowMs: number, peerId: string, source: LatencySource = 'ping'): LatencyEffect[] {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return []
    peer.window.handleLost(nowMs, source)
    if (source === 'ping') return this.#pingEnded(nowMs, peerId, peer)
    // Only the first sign is news: while pings fail, their own schedule goes on.
    if (peer.phase === 'resting' && peer.window.failures('ping') === 0) this.#bringForward(peerId, Math.max(nowMs, peer.lastPingAtMs + this.options.retryPingMs))
    return this.#startDue(nowMs)
  }

  // --- commands -----------------------------------------------------------------------------------------------------------

  /** A first ping soon. For a known peer: its next ping soon; its window stays. */
  addPeer(nowMs: number, peerId: string): LatencyEffect[] {
    if (!this.#peers.has(peerId)) {
      if (this.#peers.size >= this.options.peersMax) return []
      this.#peers.set(peerId, { window: new LatencyWindow(), phase: 'resting', lastPingAtMs: -Infinity })
    }
    if (this.#peers.get(peerId)?.phase === 'resting') this.#bringForward(peerId, nowMs + this.#random() * this.options.firstPingDelayMsMax)
    return this.#startDue(nowMs)
  }

  removePeer(nowMs: number, peerId: string): LatencyEffect[] {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return []
    if (peer.phase === 'pinging') this.#pinging--
    this.#line.delete(peerId)
    this.#deadlines.delete(peerId)
    this.#peers.delete(peerId)
    return this.#startDue(nowMs)
  }

  /**
   * For all peers, from now on: who rests until its next regular ping is pinged that long after its last one, at once where that is over. Who has failed,
   * or has answered too seldom yet, keeps its own pace.
   * @throws MeshError ERR_OPTION_INVALID, with which nothing changes
   */
  setPingInterval(nowMs: number, pingIntervalMs: number): LatencyEffect[] {
    this.#options = parseLatencyOptions({ ...this.#options, pingIntervalMs })
    for (const [peerId, peer] of this.#peers) {
      if (peer.phase !== 'resting' || this.#isSoon(peer)) continue
      this.#deadlines.set(peerId, Math.max(nowMs, peer.lastPingAtMs + this.#jittered(pingIntervalMs)))
    }
    return this.#startDue(nowMs)
  }

  // --- time ---------------------------------------------------------------------------------------------------------------

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): LatencyEffect[] {
    return this.#startDue(nowMs)
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #bringForward(peerId: string, atMs: number): void {
    this.#deadlines.set(peerId, Math.min(atMs, this.#deadlines.atMs(peerId) ?? Infinity))
  }

  /** Schedules the next ping of a peer whose ping has ended; a report that was not asked for changes no schedule. */
  #rest(nowMs: number, peerId: string, peer: Peer): void {
    if (peer.phase !== 'pinging') return
    this.#pinging--
    peer.phase = 'resting'
    const { pingIntervalMs, retryPingMs } = this.#options
    const pauseMs = this.#isSoon(peer) ? Math.min(pingIntervalMs, retryPingMs * 2 ** Math.max(0, peer.window.failures('ping') - 1)) : pingIntervalMs
    this.#deadlines.set(peerId, nowMs + this.#jittered(pauseMs))
  }

  #isSoon({ window }: Peer): boolean {
    return window.failures('ping') > 0 || window.answers < this.#options.firstAnswers
  }

  #jittered(pauseMs: number): number {
    return pauseMs * (1 + intervalJitter * (2 * this.#random() - 1))
  }

  #pingEnded(nowMs: number, peerId: string, peer: Peer): LatencyEffect[] {
    this.#rest(nowMs, peerId, peer)
    return this.#startDue(nowMs)
  }

  #startDue(nowMs: number): LatencyEffect[] {
    for (let due = this.#deadlines.takeDue(nowMs); due !== null; due = this.#deadlines.takeDue(nowMs)) {
      const peer = this.#peers.get(due)
      if (peer === undefined) continue
      if (peer.phase === 'pinging') {
        peer.window.handleLost(nowMs, 'ping')
        this.#rest(nowMs, due, peer)
      } else {
        peer.phase = 'in-line'
        this.#line.add(due)
      }
    }
    const effects: LatencyEffect[] = []
    for (const peerId of this.#line) {
      if (this.#pinging >= this.options.concurrentPingsMax) break
      this.#line.delete(peerId)
      const peer = this.#peers.get(peerId) as Peer
      peer.phase = 'pinging'
      peer.lastPingAtMs = nowMs
      this.#pinging++
      this.#deadlines.set(peerId, nowMs + this.options.pingTimeoutMs + reportGraceMs)
      effects.push({ kind: 'ping', peerId })
    }
    return effects
  }
}
