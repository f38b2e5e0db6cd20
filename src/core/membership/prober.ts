/**
 * Probing (SWIM §3.1): ping a member; if it does not answer in time, ask k others to ping it; if the period ends without any ack,
 * it is unreachable. Helpers tell the two kinds of silence apart: a nack says "I am here, but it did not answer me either"
 * (Lifeguard §IV-A).
 *
 *   ping ──ack──▶ done                    (direct: also a round-trip sample)
 *     │ ack timeout
 *   ping-request × k ──ack──▶ answered    (indirect: reachable, but the direct ping counts as lost)
 *     │ end of the period
 *   unreachable
 *
 * A late direct ack still counts until the period ends: the timeout only decides when helpers are asked.
 * The same machinery serves the round robin and probes on evidence; only what starts them differs. Local health (Lifeguard §IV-A) scales
 * both durations, and learns from how the round ends.
 *
 * Extension: beside the helpers the member is pinged over its libp2p connection, which gets through where datagrams are lost or filtered.
 * Such an answer keeps it from being suspected; that its datagrams fail is remembered in the path book and shown.
 * Extension: with a known round trip a round ends earlier than the period, since nothing that was in time can still arrive.
 */
import type { Deadlines } from '../time/deadlines.ts'
import type { Random } from '../time/random.ts'
import type { MutableCounters } from './counters.ts'
import type { DeadlineName } from './deadline-names.ts'
import { isActive, type MemberEntry, type MemberTable } from './member-table.ts'
import type { MembershipOptions } from './options.ts'
import type { MembershipFeatures } from './features.ts'
import type { DirectLoss } from './direct-loss.ts'
import type { LocalHealth } from './local-health.ts'
import type { PathBook, PathChange } from './paths.ts'
import type { Coordinate } from '../coordinates/types.ts'
import type { Evidence, MembershipEffect, Probe } from './types.ts'

/** Pings on behalf of others under way at once; more are answered with a nack at once. */
export const RELAYS_MAX = 256
/** The share of one requester, so that none takes a helper away from all others. */
export const RELAYS_PER_REQUESTER_MAX = 16
/** An asked helper nacks after this share of its ack timeout, early enough to be heard in the same period (Lifeguard §IV-A). */
export const NACK_AT_SHARE = 0.8
/** Helpers and streams have this share of the longest ack timeout, when the round does not have to wait for the period's end. */
export const INDIRECT_SHARE = 0.8

export interface ProbeRound {
  readonly sequence: number
  readonly target: MemberEntry
  readonly startedMs: number
  readonly ackTimeoutMs: number
  readonly endsMs: number
  /** What made us probe out of turn; null in the round robin. */
  readonly evidence: Evidence | null
  phase: 'direct' | 'indirect' | 'answered'
  helpers: readonly string[]
  nacks: number
  isStreamPinged: boolean
}

interface Relay {
  readonly requester: string
  readonly requestedSequence: number
  readonly target: MemberEntry
  readonly startedMs: number
  nacked: boolean
}

export interface ProberSurroundings {
  readonly selfId: string
  readonly options: MembershipOptions
  readonly features: MembershipFeatures
  readonly random: Random
  readonly table: MemberTable
  readonly deadlines: Deadlines<DeadlineName>
  readonly counters: MutableCounters
  readonly health: LocalHealth
  readonly paths: PathBook
  readonly directLoss: DirectLoss
  readonly onPathChange: (nowMs: number, target: MemberEntry, change: PathChange | null) => void
  readonly send: (to: string, probe: Probe) => void
  readonly emit: (effect: MembershipEffect) => void
  readonly onUnreachable: (nowMs: number, round: ProbeRound) => void
}

/** max(floor, 3·(smoothed + 4·deviation)), at most `ackTimeoutMs`; that maximum while nothing is known. */
export function ackTimeoutMs(options: Pick<MembershipOptions, 'ackTimeoutMs' | 'ackTimeoutFloorMs'>, rtt: MemberEntry['rtt']): number {
  if (rtt === null) return options.ackTimeoutMs
  return Math.min(options.ackTimeoutMs, Math.max(options.ackTimeoutFloorMs, 3 * (rtt.smoothedMs + 4 * rtt.deviationMs)))
}

export class Prober {
  readonly #in: ProberSurroundings
  readonly #rounds = new Map<number, ProbeRound>()
  readonly #byTarget = new Map<string, ProbeRound>()
  readonly #relays = new Map<number, Relay>()
  /** Members to probe on evidence, first come first served; at most one entry a member. */
  readonly #waiting = new Map<string, Evidence>()
  #evidenceRounds = 0
  #sequence: number

  constructor(surroundings: ProberSurroundings) {
    this.#in = surroundings
    // A random start: an ack for an earlier life of this node must not match.
    this.#sequence = Math.floor(surroundings.random() * 2 ** 32)
  }

  isProbing(peerId: string): boolean {
    return this.#byTarget.has(peerId)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  start(nowMs: number, target: MemberEntry, evidence: Evidence | null): void {
    const { options, features, deadlines, health } = this.#in
    const directMs = ackTimeoutMs(options, target.rtt) * health.multiplier
    const periodMs = options.probeIntervalMs * health.multiplier
    // In a lossy network streams, which repeat what was lost, get the whole period.
    const isHasty = features.evidence && !this.#in.directLoss.isNetworkLossy(nowMs, target.peerId)
    const wholeMs = isHasty ? Math.min(periodMs, directMs + INDIRECT_SHARE * options.ackTimeoutMs * health.multiplier) : periodMs
    const round: ProbeRound = {
      sequence: this.nextSequence(), target, startedMs: nowMs, ackTimeoutMs: directMs, endsMs: nowMs + wholeMs, evidence, phase: 'direct',
      helpers: [], nacks: 0, isStreamPinged: false,
    }
    this.#rounds.set(round.sequence, round)
    this.#byTarget.set(target.peerId, round)
    if (evidence !== null) this.#evidenceRounds++
    deadlines.set(`probe:${round.sequence}`, nowMs + round.ackTimeoutMs)
    this.#in.counters.pingsSent++
    this.#in.send(target.peerId, { kind: 'ping', sequence: round.sequence })
  }

  /** Probes out of turn, at once or as soon as fewer than `evidenceProbesMax` such probes run. Never two of one member. */
  startOnEvidence(nowMs: number, target: MemberEntry, evidence: Evidence): void {
    if (this.#byTarget.has(target.peerId)) return
    this.#waiting.set(target.peerId, evidence)
    this.#startWaiting(nowMs)
  }

  handleTimeout(nowMs: number, sequence: number): void {
    const round = this.#rounds.get(sequence)
    if (round === undefined) return
    if (round.phase !== 'direct') {
      this.#end(nowMs, round)
      return
    }
    round.phase = 'indirect'
    const { options, features, random, table, deadlines, counters } = this.#in
    const helpers = table.active.sample(random, options.indirectProbes, round.target)
    round.helpers = helpers.map((helper) => helper.peerId)
    for (const helper of round.helpers) {
      counters.pingRequestsSent++
      this.#in.send(helper, { kind: 'ping-request', sequence, target: round.target.peerId })
    }
    if (features.streamProbes) {
      round.isStreamPinged = true
      counters.streamPings++
      this.#in.emit({ kind: 'stream-ping', peerId: round.target.peerId, sequence, timeoutMs: round.endsMs - nowMs })
    }
    deadlines.set(`probe:${sequence}`, round.endsMs)
  }

  /** The answer to the effect `stream-ping`; late ones are nobody's any more. */
  handleStreamPing(nowMs: number, peerId: string, sequence: number): void {
    const round = this.#rounds.get(sequence)
    const target = this.#in.table.get(peerId)
    if (target !== undefined) this.#in.onPathChange(nowMs, target, this.#in.paths.noteStream(nowMs, peerId))
    if (round === undefined || round.target.peerId !== peerId || !round.isStreamPinged) return
    this.#in.counters.streamAcks++
    round.phase = 'answered'
  }

  handleRelayTimeout(nowMs: number, sequence: number): void {
    const relay = this.#relays.get(sequence)
    if (relay === undefined) return
    if (relay.nacked) {
      this.#relays.delete(sequence)
      return
    }
    // The relay stays a little: an ack that comes after the nack is still worth passing on.
    relay.nacked = true
    this.#in.deadlines.set(`relay:${sequence}`, relay.startedMs + this.#in.options.probeIntervalMs)
    if (this.#in.features.nacks) this.#in.send(relay.requester, { kind: 'nack', sequence: relay.requestedSequence })
  }

  handleAck(nowMs: number, from: string, sequence: number, coordinate: Coordinate | null): void {
    const { counters, deadlines } = this.#in
    counters.acksReceived++
    const relay = this.#relays.get(sequence)
    if (relay !== undefined && relay.target.peerId === from) {
      this.#relays.delete(sequence)
      deadlines.delete(`relay:${sequence}`)
      this.noteDirect(nowMs, relay.target, nowMs - relay.startedMs, coordinate)
      this.#in.send(relay.requester, { kind: 'ack', sequence: relay.requestedSequence })
      return
    }
    const round = this.#rounds.get(sequence)
    if (round !== undefined && round.target.peerId === from) {
      this.noteDirect(nowMs, round.target, nowMs - round.startedMs, coordinate)
      this.#in.health.add(-1)
      this.#remove(nowMs, round)
    } else if (round !== undefined && round.helpers.includes(from)) {
      if (round.phase === 'indirect') counters.indirectAcks++
      round.phase = 'answered'
      this.#in.onPathChange(nowMs, round.target, this.#in.paths.noteIndirect(nowMs, round.target.peerId))
    } else {
      counters.answersUnexpected++
    }
  }

  handleNack(from: string, sequence: number): void {
    const round = this.#rounds.get(sequence)
    if (round === undefined || !round.helpers.includes(from)) {
      this.#in.counters.answersUnexpected++
      return
    }
    this.#in.counters.nacksReceived++
    round.nacks = Math.min(round.nacks + 1, round.helpers.length)
  }

  handlePingRequest(nowMs: number, from: string, sequence: number, targetId: string): void {
    const target = this.#in.table.get(targetId)
    if (targetId === this.#in.selfId) {
      this.#in.send(from, { kind: 'ack', sequence })
    } else if (target === undefined || target.state === 'left' || !this.#hasRoomToRelay(from)) {
      this.#in.counters.relaysRefused++
      this.#in.send(from, { kind: 'nack', sequence })
    } else {
      const own = this.nextSequence()
      this.#relays.set(own, { requester: from, requestedSequence: sequence, target, startedMs: nowMs, nacked: false })
      // A helper that knows the round trip need not wait for the longest one.
      const timeoutMs = this.#in.features.evidence ? ackTimeoutMs(this.#in.options, target.rtt) : this.#in.options.ackTimeoutMs
      this.#in.deadlines.set(`relay:${own}`, nowMs + NACK_AT_SHARE * timeoutMs)
      this.#in.send(targetId, { kind: 'ping', sequence: own })
    }
  }

  #hasRoomToRelay(requester: string): boolean {
    if (this.#relays.size >= RELAYS_MAX) return false
    let own = 0
    for (const relay of this.#relays.values()) if (relay.requester === requester) own++
    return own < RELAYS_PER_REQUESTER_MAX
  }

  /** Forgets what runs about a member that is no longer probed. */
  drop(nowMs: number, target: MemberEntry): void {
    this.#waiting.delete(target.peerId)
    const round = this.#byTarget.get(target.peerId)
    if (round !== undefined) this.#remove(nowMs, round)
  }

  /** This node was stalled: acks may lie unread, so every running probe starts anew instead of ending in a verdict. */
  excuseAll(nowMs: number): void {
    const rounds = [...this.#rounds.values()]
    for (const round of rounds) this.#waiting.set(round.target.peerId, round.evidence ?? 'probe')
    for (const round of rounds) this.#remove(nowMs, round)
    this.#startWaiting(nowMs)
  }

  clear(): void {
    for (const sequence of this.#rounds.keys()) this.#in.deadlines.delete(`probe:${sequence}`)
    for (const sequence of this.#relays.keys()) this.#in.deadlines.delete(`relay:${sequence}`)
    this.#rounds.clear()
    this.#byTarget.clear()
    this.#relays.clear()
    this.#waiting.clear()
    this.#evidenceRounds = 0
  }

  #end(nowMs: number, round: ProbeRound): void {
    const { target } = round
    this.#in.counters.pingsLost++
    this.#in.emit({ kind: 'lost', peerId: target.peerId })
    this.noteLost(nowMs, target)
    this.#remove(nowMs, round)
    // Somebody reached it, so it was not us who were deaf. Otherwise a helper that said so (a nack) clears us, and a silent one does not.
    if (round.phase === 'answered') {
      this.#in.health.add(-1)
      // Alive, but not by the direct path: that is looked at now, not when its turn comes again. In a lossy network it says little.
      const isTelling = !this.#in.directLoss.isNetworkLossy(nowMs, target.peerId)
      if (this.#in.features.streamProbes && isTelling && this.#in.paths.isInDoubt(target.peerId)) this.startOnEvidence(nowMs, target, 'probe')
    } else if (this.#in.features.nacks && round.helpers.length > 0) this.#in.health.add(round.helpers.length - round.nacks)
    else this.#in.health.add(1)
    if (round.phase === 'indirect') this.#in.onUnreachable(nowMs, round)
  }

  #remove(nowMs: number, round: ProbeRound): void {
    this.#rounds.delete(round.sequence)
    this.#byTarget.delete(round.target.peerId)
    this.#in.deadlines.delete(`probe:${round.sequence}`)
    if (round.evidence === null) return
    this.#evidenceRounds--
    this.#startWaiting(nowMs)
  }

  #startWaiting(nowMs: number): void {
    for (const [peerId, evidence] of this.#waiting) {
      if (this.#evidenceRounds >= this.#in.options.evidenceProbesMax) return
      this.#waiting.delete(peerId)
      const target = this.#in.table.get(peerId)
      if (target !== undefined && isActive(target) && !this.#byTarget.has(peerId)) this.start(nowMs, target, evidence)
    }
  }

  /** A direct ping without an ack. */
  noteLost(nowMs: number, target: MemberEntry): void {
    const { directLoss, paths } = this.#in
    directLoss.note(nowMs, target.peerId, true)
    this.#in.onPathChange(nowMs, target, paths.noteLost(nowMs, target.peerId, directLoss.ratio(nowMs, target.peerId)))
  }

  /** A direct ack: a round-trip sample (RFC 6298 §2.3 with its gains of 1/8 and 1/4), and proof that the path works. */
  noteDirect(nowMs: number, target: MemberEntry, rttMs: number, coordinate: Coordinate | null): void {
    this.#in.directLoss.note(nowMs, target.peerId, false)
    this.#in.onPathChange(nowMs, target, this.#in.paths.noteAck(nowMs, target.peerId))
    const held = target.rtt
    target.rtt = held === null
      ? { smoothedMs: rttMs, deviationMs: rttMs / 2 }
      : {
          smoothedMs: held.smoothedMs + (rttMs - held.smoothedMs) / 8,
          deviationMs: held.deviationMs + (Math.abs(rttMs - held.smoothedMs) - held.deviationMs) / 4,
        }
    this.#in.emit({ kind: 'rtt', peerId: target.peerId, rttMs, coordinate })
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) % 2 ** 32
    return this.#sequence
  }
}
