/**
 * What this node finds out about others itself, by its own probes and as one of their observers, and what it tells of that: it accuses, confirms,
 * and speaks the verdict when a suspicion has run out or the observers agree.
 */
import type { Deadlines } from '../time/deadlines.ts'
import type { MutableCounters } from './counters.ts'
import type { DeadlineName } from './deadline-names.ts'
import type { MembershipFeatures } from './features.ts'
import { evidenceText, type Lifecycle } from './lifecycle.ts'
import { isActive, type MemberEntry, type MemberTable } from './member-table.ts'
import type { MembershipOptions } from './options.ts'
import type { Prober, ProbeRound } from './prober.ts'
import { CONFIRMERS_TOLD_MAX, type Evidence, type FailedUpdate, type MembershipEffect, type Update } from './types.ts'
import type { Finding } from './watches.ts'

export interface FindingsSurroundings {
  readonly selfId: string
  readonly options: MembershipOptions
  readonly features: MembershipFeatures
  readonly table: MemberTable
  readonly prober: Prober
  readonly lifecycle: Lifecycle
  readonly deadlines: Deadlines<DeadlineName>
  readonly counters: MutableCounters
  /** False while joining: then nobody is accused. */
  readonly isJudging: () => boolean
  /** Nobody is heard: then it is this node that is cut off. */
  readonly isIsolated: (nowMs: number) => boolean
  /** Takes over a verdict of others that lacked this node's own finding. */
  readonly believe: (nowMs: number, entry: MemberEntry, update: FailedUpdate) => void
  readonly spread: (update: Update) => void
  /** By gossip and datagram, at once. */
  readonly tellAll: (update: Update) => void
  readonly emit: (effect: MembershipEffect) => void
}

export class Findings {
  readonly #in: FindingsSurroundings

  constructor(surroundings: FindingsSurroundings) {
    this.#in = surroundings
  }

  handleUnreachable(nowMs: number, round: ProbeRound): void {
    const helpers = round.helpers.length
    const through = helpers === 0 ? 'and there was no helper to ask' : `nor through ${helpers} ${helpers === 1 ? 'helper' : 'helpers'} (${round.nacks} of them said that they could not reach it either)`
    const waited = `no ack within ${Math.round(round.ackTimeoutMs)} ms, ${through}`
    const evidence = round.evidence ?? 'probe'
    this.#accuse(nowMs, round.target, {
      evidence, startedMs: round.startedMs, announces: true,
      reason: evidence === 'probe' ? waited : `${evidence === 'closed' ? 'its connection closed without a goodbye' : evidenceText(evidence)}; ${waited}`,
    })
  }

  /** This node, as one of its observers, finds it dead. */
  handleFound(nowMs: number, { subject, evidence, startedMs, announces }: Finding): void {
    this.#accuse(nowMs, subject, { evidence, startedMs, announces, reason: `${evidenceText(evidence)}, and it does not answer pings` })
    if (subject.suspicion === null) return
    subject.suspicion.isFoundDead = true
    if (subject.heardVerdict !== null) this.#in.believe(nowMs, subject, subject.heardVerdict.update)
  }

  /** Its host accepts connections, so it may be hung or just busy: no reason for haste, but for a probe with helpers, or one more witness. */
  handleHung(nowMs: number, subject: MemberEntry, startedMs: number, evidence: Evidence): void {
    if (subject.suspicion === null) this.#in.prober.startOnEvidence(nowMs, subject, evidence)
    else this.#accuse(nowMs, subject, { evidence: subject.suspicion.evidence, startedMs, announces: false, reason: '' })
  }

  /** The observers agree. */
  handleAgreed(nowMs: number, finding: Finding): void {
    const { subject, evidence, confirmedBy, announces } = finding
    if (!isActive(subject) && subject.probationUntilMs === null) return
    const self = this.#in.selfId
    const suspectedBy = subject.suspicion?.accusers[0] ?? self
    this.#declare(nowMs, subject, {
      evidence, suspectedBy, announces, confirmedBy: confirmedBy.filter((peerId) => peerId !== suspectedBy),
      probeStartedMs: subject.suspicion?.probeStartedMs ?? finding.startedMs,
    })
  }

  expireSuspicion(nowMs: number, peerId: string): void {
    const entry = this.#in.table.get(peerId)
    if (entry === undefined || entry.suspicion === null) return
    const isPatient = this.#in.features.stallGuard && this.#in.table.active.size > 1 && this.#in.isIsolated(nowMs) && nowMs < entry.suspicion.startedMs + 2 * entry.suspicion.maxMs
    if (!this.#in.isJudging() || isPatient) {
      // Who is still joining judges nobody: its own word to the others has not been heard yet. Who hears nobody waits, though not for ever.
      this.#in.deadlines.set(`suspect:${peerId}`, nowMs + this.#in.options.probeIntervalMs)
      return
    }
    const { accusers, evidence, probeStartedMs } = entry.suspicion
    const [suspectedBy = this.#in.selfId, ...confirmedBy] = accusers
    this.#in.counters.suspicionsExpired++
    // Everyone's fuse ends at about the same time: only those that probed it themselves announce, piggyback does the rest.
    this.#declare(nowMs, entry, { evidence, suspectedBy, confirmedBy, probeStartedMs, announces: accusers.includes(this.#in.selfId) })
  }

  #accuse(nowMs: number, target: MemberEntry, why: { readonly evidence: Evidence; readonly startedMs: number; readonly announces: boolean; readonly reason: string }): void {
    if (!isActive(target)) return
    const self = this.#in.selfId
    const update: Update = { kind: 'suspect', peerId: target.peerId, incarnation: target.incarnation, from: self, evidence: why.evidence }
    if (target.suspicion !== null) {
      target.suspicion.probeStartedMs ??= why.startedMs
      if (why.evidence !== 'probe') target.suspicion.evidence = why.evidence
      if (this.#in.lifecycle.confirm(nowMs, target, self)) this.#in.spread(update)
      return
    }
    this.#in.counters.suspicionsRaised++
    this.#in.lifecycle.suspect(nowMs, target, { accuser: self, evidence: why.evidence, reason: why.reason, probeStartedMs: why.startedMs })
    this.#in.spread(update)
    if (why.announces) this.#in.emit({ kind: 'announce', updates: [update] })
  }

  #declare(nowMs: number, entry: MemberEntry, why: {
    readonly evidence: Evidence
    readonly suspectedBy: string
    readonly confirmedBy: readonly string[]
    readonly probeStartedMs: number | null
    readonly announces: boolean
  }): void {
    const self = this.#in.selfId
    const suspectedMs = entry.suspicion?.startedMs ?? nowMs
    const update: FailedUpdate = {
      kind: 'failed', peerId: entry.peerId, incarnation: entry.incarnation, from: self, evidence: why.evidence, suspectedBy: why.suspectedBy,
      confirmedBy: why.confirmedBy.slice(0, CONFIRMERS_TOLD_MAX), probeMs: Math.max(0, suspectedMs - (why.probeStartedMs ?? suspectedMs)), suspicionMs: nowMs - suspectedMs,
    }
    this.#in.counters.failuresDeclared++
    this.#in.lifecycle.fail(nowMs, entry, update)
    this.#in.spread(update)
    if (why.announces) this.#in.tellAll(update)
  }
}
