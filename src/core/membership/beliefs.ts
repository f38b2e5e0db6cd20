/**
 * What this node believes of what others say: each statement that arrives is judged (precedence.ts); what is accepted changes the
 * member's standing (lifecycle.ts) and is passed on. What it finds itself is findings.ts's part.
 *
 * Signatures were verified by the shell, so a record or a leave is its subject's own word; suspect, failed and removed are hearsay.
 */
import type { Random } from '../time/random.ts'
import type { MutableCounters } from './counters.ts'
import { type Lifecycle, sinceProbe } from './lifecycle.ts'
import { isActive, type MemberEntry, type MemberTable } from './member-table.ts'
import type { HeldState } from './precedence.ts'
import { isIncarnation, judge } from './precedence.ts'
import type { ProbeRing } from './probe-ring.ts'
import type { Prober } from './prober.ts'
import { describeChanges } from './record-changes.ts'
import { confirmationsWanted, CONFIRMATIONS_MIN } from './suspicion.ts'
import type { Deadlines } from '../time/deadlines.ts'
import type { DeadlineName } from './deadline-names.ts'
import type { MembershipFeatures } from './features.ts'
import type { MembershipOptions } from './options.ts'
import { CONFIRMERS_TOLD_MAX, type Evidence, type FailedUpdate, type MembershipEffect, type SignedLeave, type SignedRecord, type SyncEntry, type Update } from './types.ts'
import type { Watches } from './watches.ts'

export interface BeliefsSurroundings {
  readonly selfId: string
  readonly options: MembershipOptions
  readonly features: MembershipFeatures
  readonly random: Random
  readonly table: MemberTable
  readonly ring: ProbeRing
  readonly prober: Prober
  readonly watches: Watches
  readonly lifecycle: Lifecycle
  readonly deadlines: Deadlines<DeadlineName>
  readonly counters: MutableCounters
  readonly selfIncarnation: () => number
  /** The datagram epoch of this start. */
  readonly selfEpoch: number
  /** False while joining: then hearsay is taken in, but nobody is accused and nothing passed on. */
  readonly isJudging: () => boolean
  /** Answers a statement about this node that it must outrank. */
  readonly refute: (claimedIncarnation: number) => void
  /** The same for a verdict: nothing is lost by answering it a little later. */
  readonly appeal: (nowMs: number, claimedIncarnation: number) => void
  readonly spread: (update: Update) => void
  /** Probes it a little later, unless it is out by then. */
  readonly probeLater: (nowMs: number, entry: MemberEntry, evidence: Evidence) => void
  readonly emit: (effect: MembershipEffect) => void
  readonly tellAll: (update: Update) => void
  readonly onChange: () => void
}

interface Claim {
  readonly peerId: string
  readonly incarnation: number
  readonly from: string
}

export class Beliefs {
  readonly #in: BeliefsSurroundings

  constructor(surroundings: BeliefsSurroundings) {
    this.#in = surroundings
  }

  applyAll(nowMs: number, via: string, updates: readonly Update[], bound: number): void {
    if (updates.length > bound) this.#in.counters.updatesMalformed += updates.length - bound
    for (const update of updates.slice(0, bound)) {
      switch (update.kind) {
        case 'record': this.#applyRecord(nowMs, update.signed, via); break
        case 'suspect': this.#applySuspect(nowMs, update, via); break
        case 'failed': this.#applyFailed(nowMs, update, via); break
        case 'left': this.#applyLeft(nowMs, update.leave); break
        case 'removed': this.#applyRemoved(nowMs, update); break
      }
    }
  }

  #applyRecord(nowMs: number, signed: SignedRecord, via: string): void {
    const { record } = signed
    if (!isIncarnation(record.incarnation)) {
      this.#in.counters.updatesMalformed++
      return
    }
    if (record.peerId === this.#in.selfId) {
      // Signed by our key but not by this life of ours: a clock that went back between two starts. Outrank it.
      if (record.incarnation > this.#in.selfIncarnation()) {
        if (record.datagramEpoch === this.#in.selfEpoch) this.#in.refute(record.incarnation)
        else {
          // Two that run at the same time would outrank each other for ever, as fast as the network carries it.
          this.#in.emit({ kind: 'twin', record })
          this.#in.appeal(nowMs, record.incarnation)
        }
      }
      return
    }
    const entry = this.#in.table.get(record.peerId)
    if (entry === undefined) {
      if (!this.#in.lifecycle.makeRoom(nowMs)) return
      const joined = this.#in.table.add(nowMs, signed, 'alive')
      this.#in.ring.insert(this.#in.random, joined)
      this.#accepted({ kind: 'record', signed })
      this.#in.lifecycle.event(nowMs, 'member-joined', joined, { from: via, reason: via === record.peerId ? 'said so itself' : 'learned from another member' })
      return
    }
    if (judge(entry, { kind: 'record', incarnation: record.incarnation }) !== 'accept' && !this.#isContradicted(entry, record.incarnation, via)) {
      this.#in.counters.updatesStale++
      return
    }
    this.#replaceRecord(nowMs, entry, signed, via)
  }

  /**
   * Extension: a newcomer whose first table is a liar's must not hold the living for dead until each of them refutes. Where a single table says
   * so, and no signed farewell, the same incarnation heard from the member itself or from a second member is enough.
   */
  #isContradicted({ peerId, incarnation, tombstoneOf, probationUntilMs }: MemberEntry, heard: number, via: string): boolean {
    if (tombstoneOf === null || heard !== incarnation || probationUntilMs !== null) return false
    return via === peerId || (via !== tombstoneOf && isActiveEntry(this.#in.table.get(via)))
  }

  #replaceRecord(nowMs: number, entry: MemberEntry, signed: SignedRecord, via: string): void {
    const { record } = signed
    const before = entry.signed.record
    const { state, suspicion } = entry
    const refuted = { sinceProbeMs: sinceProbe(nowMs, entry), suspectedBy: suspicion?.accusers[0] ?? null, confirmedBy: suspicion?.accusers.slice(1) ?? [], suspicionMs: suspicion === null ? null : nowMs - suspicion.startedMs }
    entry.signed = signed
    entry.incarnation = record.incarnation
    entry.leave = null
    entry.removedBy = null
    entry.suspicion = null
    entry.heardVerdict = null
    entry.tombstoneOf = null
    entry.silent = false
    entry.view = null
    this.#in.deadlines.delete(`suspect:${entry.peerId}`)
    this.#in.watches.handleRefutation(nowMs, entry.peerId)
    const isBack = (state === 'failed' || state === 'left') && this.#in.lifecycle.takeBack(nowMs, entry, record.datagramEpoch !== before.datagramEpoch)
    if (state === 'suspect') this.#in.table.setState(nowMs, entry, 'alive')
    if (state !== 'failed' || isBack) entry.accusers = []
    this.#accepted({ kind: 'record', signed })
    const changes = describeChanges(before, record)
    const after = changes === '' ? '' : `; ${changes}`
    const { lifecycle } = this.#in
    if (state === 'alive') lifecycle.event(nowMs, 'member-updated', entry, { from: via, reason: changes === '' ? 'raised its incarnation, nothing else changed' : changes })
    else if (state === 'suspect') {
      this.#in.counters.refutations++
      lifecycle.event(nowMs, 'member-refuted', entry, { from: via, reason: `refuted the suspicion with a higher incarnation${after}`, ...refuted })
    } else if (isBack) lifecycle.event(nowMs, 'member-joined', entry, { from: via, reason: `came back after it ${state === 'left' ? 'had left' : 'was declared failed'}${after}` })
  }

  #applySuspect(nowMs: number, claim: Claim & { readonly evidence: Evidence }, via: string): void {
    const entry = this.#claimedEntry(nowMs, claim, 'suspicion')
    if (entry === null) return
    const accuser = this.#in.table.get(claim.from)
    // Whoever is held for failed here may see the world through a broken path. A stranger's name, or this node's own, may be made up: it confirms nothing.
    if (accuser === undefined ? claim.from === this.#in.selfId || entry.state === 'suspect' : !isActive(accuser)) {
      this.#in.counters.updatesUnproven++
      return
    }
    const update: Update = { kind: 'suspect', peerId: claim.peerId, incarnation: claim.incarnation, from: claim.from, evidence: claim.evidence }
    switch (judge({ state: standing(entry), incarnation: entry.incarnation }, { kind: 'suspect', incarnation: claim.incarnation })) {
      case 'accept':
        if (entry.probationUntilMs !== null) {
          // It is watched already; who is not in yet needs no suspicion to be kept out.
          this.#in.counters.updatesStale++
          break
        }
        this.#in.lifecycle.suspect(nowMs, entry, { accuser: claim.from, evidence: claim.evidence, reason: via === claim.from ? 'suspected by the node that probed it' : 'suspected by another member, as gossip has it', probeStartedMs: null })
        this.#accepted(update)
        break
      case 'confirm':
        // The first confirmations are news to others too (Lifeguard §IV-B: they are gossiped as they come, up to k).
        if (this.#in.lifecycle.confirm(nowMs, entry, claim.from)) this.#accepted(update)
        else this.#in.counters.updatesStale++
        break
      case 'stale': this.#in.counters.updatesStale++; break
      case 'unproven': this.#in.counters.updatesUnproven++; break
    }
  }

  #applyFailed(nowMs: number, update: FailedUpdate, via: string): void {
    if (this.#isLone(update)) {
      this.#applySuspect(nowMs, update, via)
      return
    }
    const entry = this.#claimedEntry(nowMs, update, 'verdict')
    if (entry === null) return
    switch (judge({ state: standing(entry), incarnation: entry.incarnation }, { kind: 'failed', incarnation: update.incarnation })) {
      case 'accept':
        if (!this.#isVoice(via)) this.#in.counters.updatesUnproven++
        else if (this.#isSeconded(entry, via)) this.believe(nowMs, entry, update)
        else this.#awaitSecond(nowMs, entry, update, via)
        break
      case 'confirm':
      case 'stale': this.#in.counters.updatesStale++; break
      case 'unproven': this.#in.counters.updatesUnproven++; break
    }
  }

  /** A verdict of others. */
  believe(nowMs: number, entry: MemberEntry, update: FailedUpdate): void {
    this.#in.lifecycle.fail(nowMs, entry, update)
    this.#accepted(update)
  }

  /**
   * Extension: the names in a verdict are not signed, so a single member could make them all up. It counts when a second member, by its own
   * authenticated word, says the same (who passes a verdict on has believed it), or when this node has found it dead itself.
   */
  #isSeconded({ heardVerdict, suspicion }: MemberEntry, via: string): boolean {
    return !this.#in.features.observers || (heardVerdict !== null && heardVerdict.via !== via) || suspicion?.isFoundDead === true
  }

  /** Only who is in here may put others out. */
  #isVoice(via: string): boolean {
    const entry = this.#in.table.get(via)
    return !this.#in.features.observers || (entry !== undefined && isActive(entry))
  }

  /** Until then it is an accusation, and a reason to look for oneself. */
  #awaitSecond(nowMs: number, entry: MemberEntry, update: FailedUpdate, via: string): void {
    const isFirst = entry.heardVerdict === null
    entry.heardVerdict = { update, via }
    this.#applySuspect(nowMs, update, via)
    if (isFirst && this.#in.isJudging()) this.#in.probeLater(nowMs, entry, update.evidence)
  }

  /**
   * Extension: a verdict on unanswered probes that nobody confirmed is its speaker's own affair; to others it is an accusation. A node whose
   * messages are held up suspects everybody, has no one to contradict it, and would have all its verdicts believed when it is heard again.
   */
  #isLone({ evidence, confirmedBy, peerId }: FailedUpdate): boolean {
    const { features, options, table, selfId } = this.#in
    if (!features.observers || evidence === 'refused' || peerId === selfId) return false
    // A verdict names no more than it has room for.
    return confirmedBy.length < Math.min(CONFIRMERS_TOLD_MAX, confirmationsWanted(options, table.active.size + 1, CONFIRMATIONS_MIN))
  }

  #applyRemoved(nowMs: number, claim: Claim): void {
    const entry = this.#claimedEntry(nowMs, claim, 'verdict')
    if (entry === null) return
    if (isActive(entry) || entry.probationUntilMs !== null) {
      // Operators remove who has failed; of anybody else it is no honest word, or it comes too early, and a sync will say it again.
      this.#in.counters.updatesUnproven++
      return
    }
    switch (judge(entry, { kind: 'removed', incarnation: claim.incarnation })) {
      case 'accept': this.remove(nowMs, entry, claim.from); break
      case 'confirm':
      case 'stale': this.#in.counters.updatesStale++; break
      case 'unproven': this.#in.counters.updatesUnproven++; break
    }
  }

  /** An operator's word, here or elsewhere. The living refute it. */
  remove(nowMs: number, entry: MemberEntry, by: string): void {
    entry.leave = null
    entry.removedBy = by
    this.#in.lifecycle.bury(nowMs, entry)
    this.#accepted({ kind: 'removed', peerId: entry.peerId, incarnation: entry.incarnation, from: by })
    this.#in.lifecycle.event(nowMs, 'member-left', entry, { from: by, reason: 'removed by an operator', evidence: 'operator' })
  }

  #applyLeft(nowMs: number, leave: SignedLeave): void {
    if (!isIncarnation(leave.incarnation)) {
      this.#in.counters.updatesMalformed++
      return
    }
    if (leave.peerId === this.#in.selfId) {
      if (leave.incarnation >= this.#in.selfIncarnation()) this.#in.refute(leave.incarnation)
      return
    }
    const entry = this.#in.table.get(leave.peerId)
    if (entry === undefined) {
      this.#in.counters.updatesUnproven++
    } else if (judge(entry, { kind: 'left', incarnation: leave.incarnation }) === 'accept') {
      const wasLeft = entry.state === 'left'
      entry.leave = leave
      entry.removedBy = null
      entry.tombstoneOf = null
      entry.incarnation = leave.incarnation
      this.#in.lifecycle.bury(nowMs, entry)
      this.#accepted({ kind: 'left', leave })
      if (!wasLeft) this.#in.lifecycle.event(nowMs, 'member-left', entry, { from: leave.peerId, reason: 'said farewell' })
    } else {
      this.#in.counters.updatesStale++
    }
  }

  applySyncEntry(nowMs: number, from: string, entry: SyncEntry): void {
    const { record } = entry.signed
    const isSelf = record.peerId === this.#in.selfId
    const isTombstone = entry.state === 'failed' || entry.state === 'left'
    if (!isSelf && isTombstone && this.#in.table.get(record.peerId) === undefined) {
      this.#addTombstone(nowMs, entry, from)
      return
    }
    const held = this.#in.table.get(record.peerId)
    // A second voice for its death, or the same one again, does not contradict the first.
    if (isTombstone && entry.leave === null && held !== undefined && held.tombstoneOf !== null && record.incarnation <= held.incarnation && from !== record.peerId) {
      this.#in.counters.updatesStale++
      return
    }
    const wasHere = isActiveEntry(held)
    this.#applyRecord(nowMs, entry.signed, from)
    // A newcomer's own announcement goes nowhere until gossipsub has told it who listens: whoever it joins through says it for it.
    if (from === record.peerId && !wasHere && isActiveEntry(this.#in.table.get(record.peerId)) && this.#in.isJudging()) this.#in.tellAll({ kind: 'record', signed: entry.signed })
    const claim = { peerId: record.peerId, incarnation: record.incarnation, from }
    if (entry.state === 'suspect') {
      this.#applySuspect(nowMs, { ...claim, evidence: 'table' }, from)
    } else if (entry.state === 'left') {
      if (entry.leave === null) this.#applyRemoved(nowMs, claim)
      else this.#applyLeft(nowMs, entry.leave)
    } else if (entry.state === 'failed' && isSelf) {
      this.#claimedEntry(nowMs, claim, 'verdict')
    } else if (entry.state === 'failed') {
      // As memberlist's merge: another table's verdict may come from the far side of a partition, so it is a suspicion here.
      // Extension: it is not gossiped, but probed at once. The ping carries the suspicion, and the living answer with a refutation,
      // so a heal costs one round trip a member instead of a storm of suspicions.
      const accused = this.#in.table.get(record.peerId)
      if (accused === undefined || accused.probationUntilMs !== null || judge(accused, { kind: 'suspect', incarnation: claim.incarnation }) !== 'accept') return
      this.#in.lifecycle.suspect(nowMs, accused, { accuser: from, evidence: 'table', reason: 'failed according to the table of another member', probeStartedMs: null })
      if (this.#in.isJudging()) this.#in.prober.startOnEvidence(nowMs, accused, 'table')
    }
  }

  /** Remembers a dead stranger, without an event, so that stale gossip does not bring it to life here. */
  #addTombstone(nowMs: number, { signed, state, leave, ageMs }: SyncEntry, from: string): void {
    const incarnation = Math.max(signed.record.incarnation, leave?.incarnation ?? 0)
    const isForeign = leave !== null && leave.peerId !== signed.record.peerId
    if (!isIncarnation(incarnation) || isForeign) {
      this.#in.counters.updatesMalformed++
      return
    }
    // No tombstone goes for another one: with full tables, each sync would bring back what the last one drove out.
    if (this.#in.table.size + 1 >= this.#in.options.membersMax) return
    // It is as old here as it is there, and offered no longer than there: otherwise tombstones would teach one another again for ever.
    const offeredMs = this.#in.options.tombstoneRetentionMs / 2
    const leftMs = ageMs === undefined ? 0 : Math.max(0, offeredMs - ageMs)
    const entry = this.#in.table.add(leftMs > 0 ? nowMs - offeredMs + leftMs : nowMs, signed, state === 'left' ? 'left' : 'failed')
    entry.leave = state === 'left' ? leave : null
    if (entry.leave === null) entry.tombstoneOf = from
    if (state === 'left') entry.incarnation = incarnation
    if (state === 'left' && leave === null) entry.removedBy = from
    entry.awaySinceMs = nowMs
    // It failed before this node came: whether it was unstable is not known here.
    entry.cutOff = true
    entry.silent = leftMs === 0
    this.#in.deadlines.set(`forget:${entry.peerId}`, nowMs + (entry.silent ? 2 * offeredMs : leftMs))
    this.#in.onChange()
  }

  /** The member that an unsigned claim is about, or null when it is about us (then we answer it), about a stranger, or nonsense. */
  #claimedEntry(nowMs: number, claim: Omit<Claim, 'from'>, kind: 'suspicion' | 'verdict'): MemberEntry | null {
    if (!isIncarnation(claim.incarnation)) {
      this.#in.counters.updatesMalformed++
      return null
    }
    if (claim.peerId === this.#in.selfId) {
      // Only we issue our incarnations, so a claim above ours is nobody's honest word, and outranking it would let a liar use them up. An
      // earlier life of ours with a clock ahead is told by its signed record, not by hearsay.
      if (claim.incarnation === this.#in.selfIncarnation()) {
        if (kind === 'verdict') this.#in.appeal(nowMs, claim.incarnation)
        else this.#in.refute(claim.incarnation)
      }
      else if (claim.incarnation > this.#in.selfIncarnation()) this.#in.counters.updatesUnproven++
      else this.#in.counters.updatesStale++
      return null
    }
    const entry = this.#in.table.get(claim.peerId)
    if (entry === undefined) this.#in.counters.updatesUnproven++
    return entry ?? null
  }

  /** Something new was believed: pass it on. A node that is still joining hears old news only. */
  #accepted(update: Update): void {
    this.#in.counters.updatesAccepted++
    this.#in.onChange()
    if (this.#in.isJudging()) this.#in.spread(update)
  }
}

/** What a claim about its incarnation meets: a member on probation has outranked the verdict, and is not in yet. */
function standing(entry: MemberEntry): HeldState {
  return entry.probationUntilMs === null ? entry.state : 'alive'
}

function isActiveEntry(entry: MemberEntry | undefined): boolean {
  return entry !== undefined && isActive(entry)
}
