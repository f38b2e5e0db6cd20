/** Joins what this node learns of its peers by its own queries: response times and slow start, outliers, and the sessions that stick to them. */
import { SessionAffinity } from '../core/routing/affinity.ts'
import { FeedbackBook } from '../core/routing/feedback.ts'
import { type OutlierEffect, Outliers } from '../core/routing/outliers.ts'
import type { PeerFeedback } from '../core/routing/types.ts'
import { WarmPlaces } from '../core/routing/warm-places.ts'
import type { Random } from '../core/time/random.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { RoutingEventView } from '../wire/control.ts'
import { formatDuration } from './duration-text.ts'
import type { AttemptOutcome } from './forwarding.ts'
import { MachineTimer } from './machine-timer.ts'
import type { RoutingMachineOptions } from './options-routing.ts'

export interface PeerExperienceParts {
  readonly nameOf: (peerId: string) => string
  readonly onEvent: (event: RoutingEventView) => void
  /** Queries in flight there, as it last told; null when it never has. */
  readonly inFlightAt: (peerId: string) => number | null
  /** As measured lately; null while it is not. */
  readonly roundTripMs: (peerId: string) => number | null
  /** One round trip. Rejects when there is no answer. */
  readonly ping: (peerId: string) => Promise<number>
  /** What is missing comes from the defaults. */
  readonly options?: Partial<Pick<RoutingMachineOptions, 'affinity' | 'feedback' | 'outliers'>>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export class PeerExperience {
  readonly affinity: SessionAffinity
  readonly warmPlaces = new WarmPlaces()
  readonly #parts: PeerExperienceParts
  readonly #feedback: FeedbackBook
  readonly #outliers: Outliers
  readonly #timer: MachineTimer
  readonly #probeTimer: MachineTimer

  constructor(parts: PeerExperienceParts) {
    this.#parts = parts
    const { affinity, feedback = {}, outliers } = parts.options ?? {}
    this.affinity = new SessionAffinity(affinity)
    this.#outliers = new Outliers(outliers)
    this.#feedback = new FeedbackBook(feedback, parts.random)
    this.#probeTimer = new MachineTimer(parts.clock, this.#feedback, (nowMs) => { this.#feedback.handleTimeout(nowMs) })
    this.#timer = new MachineTimer(parts.clock, this.#outliers, (nowMs) => { this.#perform(nowMs, this.#outliers.handleTimeout(nowMs)) })
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#feedback.counters, ...this.#outliers.counters, sessions: this.affinity.size }
  }

  feedback(peerId: string): PeerFeedback | null {
    return this.#feedback.feedback(this.#parts.clock.nowMs(), peerId)
  }

  /** A member that is up serves these databases now. */
  handleServing(peerId: string, databases: readonly string[], isNew: boolean): void {
    const nowMs = this.#parts.clock.nowMs()
    if (isNew) this.#feedback.handleAppeared(nowMs, peerId)
    this.#perform(nowMs, this.#outliers.setServed(nowMs, peerId, [...new Set(databases)]))
  }

  /** It failed, left, or is not dealt with any more. */
  handleGone(peerId: string): void {
    const nowMs = this.#parts.clock.nowMs()
    this.#feedback.remove(nowMs, peerId)
    this.affinity.handlePeerDown(nowMs, peerId)
    this.warmPlaces.handlePeerDown(nowMs, peerId)
    this.#perform(nowMs, this.#outliers.remove(nowMs, peerId))
  }

  /** For a strategy that rests on probes: a few of the candidates are asked how they are, beside the query and not before it. */
  requestProbes(candidates: ReadonlyArray<{ readonly peerId: string }>): void {
    for (const { peerId } of this.#feedback.requestProbes(this.#parts.clock.nowMs(), candidates)) void this.#probe(peerId)
    this.#probeTimer.rearm()
  }

  handleDispatch(peerId: string): void {
    this.#feedback.handleDispatch(this.#parts.clock.nowMs(), peerId)
  }

  handleOutcome(peerId: string, { database, outcome, firstRowMs: durationMs }: { readonly database: string; readonly outcome: AttemptOutcome; readonly firstRowMs: number }): void {
    const nowMs = this.#parts.clock.nowMs()
    this.#feedback.handleOutcome(nowMs, peerId, { outcome, durationMs })
    // An answer is as good as a probe: it has just told its load, and how long a query takes there. The way is not part of that.
    const inFlight = outcome === 'answered' ? this.#parts.inFlightAt(peerId) : null
    if (inFlight !== null) this.#feedback.handleProbe(nowMs, peerId, { inFlight, latencyMs: Math.max(0, durationMs - (this.#parts.roundTripMs(peerId) ?? 0)) })
    this.#perform(nowMs, this.#outliers.handleOutcome(nowMs, peerId, { database, outcome, durationMs }))
  }

  /** This node's own event loop, which delays every answer that it waits for. */
  handleLoopDelay(delayMs: number): void {
    this.#feedback.handleLoopDelay(this.#parts.clock.nowMs(), delayMs)
  }

  stop(): void {
    this.#timer.stop()
    this.#probeTimer.stop()
  }

  /** What it serves is not asked for: its load came with the last datagram, and an answer to the ping says that it still holds. */
  async #probe(peerId: string): Promise<void> {
    const { ping, inFlightAt, clock, log } = this.#parts
    try {
      const roundTripMs = await ping(peerId)
      const nowMs = clock.nowMs()
      const queryMs = this.#feedback.feedback(nowMs, peerId)?.peakEwmaMs ?? 0
      this.#feedback.handleProbe(nowMs, peerId, { inFlight: inFlightAt(peerId) ?? 0, latencyMs: Math.max(0, queryMs - roundTripMs) })
    } catch (error) {
      log.debug({ peerId, err: error }, 'a probe of a candidate was not answered')
      this.#feedback.handleProbeLost(clock.nowMs(), peerId)
    }
    this.#probeTimer.rearm()
  }

  #perform(nowMs: number, effects: readonly OutlierEffect[]): void {
    for (const effect of effects) {
      const name = this.#parts.nameOf(effect.peerId)
      if (effect.kind === 'ejected') {
        this.#feedback.handleEjected(nowMs, effect.peerId, effect.forMs)
        this.affinity.handlePeerDown(nowMs, effect.peerId)
        this.#tell('peer-ejected', effect.peerId, `${name} gets no queries from here for ${formatDuration(effect.forMs)}: ${effect.detail}`)
      } else {
        this.#feedback.handleReturned(nowMs, effect.peerId)
        this.#tell('peer-returned', effect.peerId, effect.reason === 'time' ? `${name} gets queries again, few at first` : `${name} gets queries again: too few others are left`)
      }
    }
    this.#timer.rearm()
  }

  #tell(type: 'peer-ejected' | 'peer-returned', peerId: string, reason: string): void {
    const event: RoutingEventView = { type, atWallMs: this.#parts.clock.wallMs(), reason, peerId, database: null, table: null }
    if (type === 'peer-ejected') this.#parts.log.warn({ event }, `${type} ${reason}`)
    else this.#parts.log.info({ event }, `${type} ${reason}`)
    this.#parts.onEvent(event)
  }
}
