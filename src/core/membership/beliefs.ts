/**
 * What this node believes of the others, and why: each statement that arrives is judged (precedence.ts), what is accepted changes the
 * table, becomes an event for the owner, and is passed on. Suspicions start and end here.
 *
 * Signatures were verified by the shell, so a record or a leave is its subject's own word; suspect and failed are hearsay.
 */
import type { Deadlines } from '../time/deadlines.ts'
import type { Random } from '../time/random.ts'
import type { MutableCounters } from './counters.ts'
import type { DeadlineName } from './deadline-names.ts'
import { isActive, type MemberEntry, type MemberTable } from './member-table.ts'
import type { MembershipOptions } from './options.ts'
import { isIncarnation, judge } from './precedence.ts'
import type { ProbeRing } from './probe-ring.ts'
import type { Prober, ProbeRound } from './prober.ts'
import { describeChanges } from './record-changes.ts'
import { Suspicion, suspicionTimeoutMs } from './suspicion.ts'
import type { MemberEventType, MembershipEffect, SignedLeave, SignedRecord, SyncEntry, Update } from './types.ts'

export interface BeliefsSurroundings {
  readonly selfId: string
  readonly options: MembershipOptions
  readonly random: Random
  readonly table: MemberTable
  readonly ring: ProbeRing
  readonly prober: Prober
  readonly deadlines: Deadlines<DeadlineName>
  readonly counters: MutableCounters
  readonly selfIncarnation: () => number
  /** The datagram epoch of this start. */
  readonly selfEpoch: number
  /** False while joining: then hearsay is taken in, but nobody is accused and nothing passed on. */
  readonly isJudging: () => boolean
  /** Answers a statement about this node that it must outrank. */
  readonly refute: (claimedIncarnation: number) => void
  readonly spread: (update: Update) => void
  readonly emit: (effect: MembershipEffect) => void
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

  handleUnreachable(nowMs: number, round: ProbeRound): void {
    const { target } = round
    if (!isActive(target)) return
    const helpers = round.helpers.length
    const through = helpers === 0 ? 'and there was no helper to ask' : `nor through ${helpers} ${helpers === 1 ? 'helper' : 'helpers'} (${round.nacks} of them answered)`
    const waited = `no ack within ${Math.round(round.ackTimeoutMs)} ms, ${through}`
    const reason = round.evidence === null ? waited : `${round.evidence}; ${waited}`
    const self = this.#in.selfId
    if (target.suspicion !== null) {
      target.suspicion.probeStartedMs ??= round.startedMs
      if (target.suspicion.confirm(self)) target.view = null
      return
    }
    this.#in.counters.suspicionsRaised++
    this.#suspect(nowMs, target, { accuser: self, reason, probeStartedMs: round.startedMs })
    const update: Update = { kind: 'suspect', peerId: target.peerId, incarnation: target.incarnation, from: self }
    this.#in.spread(update)
    this.#in.emit({ kind: 'announce', updates: [update] })
  }

  // --- what is believed --------------------------------------------------------------------------------------------------

  applyAll(nowMs: number, via: string, updates: readonly Update[], bound: number): void {
    if (updates.length > bound) this.#in.counters.updatesMalformed += updates.length - bound
    for (const update of updates.slice(0, bound)) {
      switch (update.kind) {
        case 'record': this.#applyRecord(nowMs, update.signed, via); break
        case 'suspect': this.#applySuspect(nowMs, update, update, via); break
        case 'failed': this.#applyFailed(nowMs, update, update); break
        case 'left': this.#applyLeft(nowMs, update.leave); break
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
        if (record.datagramEpoch !== this.#in.selfEpoch) this.#in.emit({ kind: 'twin', record })
        this.#in.refute(record.incarnation)
      }
      return
    }
    const entry = this.#in.table.get(record.peerId)
    if (entry === undefined) {
      if (!this.#makeRoom()) return
      const joined = this.#in.table.add(nowMs, signed, 'alive')
      this.#in.ring.insert(this.#in.random, joined)
      this.#accepted({ kind: 'record', signed })
      this.#event(nowMs, 'member-joined', joined, { from: via, reason: via === record.peerId ? 'said so itself' : 'learned from another member' })
      return
    }
    if (judge(entry, { kind: 'record', incarnation: record.incarnation }) !== 'accept') {
      this.#in.counters.updatesStale++
      return
    }
    const before = entry.signed.record
    const state = entry.state
    const sinceProbeMs = sinceProbe(nowMs, entry)
    entry.signed = signed
    entry.incarnation = record.incarnation
    entry.leave = null
    entry.accusers = []
    entry.suspicion = null
    entry.silent = false
    entry.view = null
    this.#in.deadlines.delete(`suspect:${entry.peerId}`)
    this.#in.deadlines.delete(`forget:${entry.peerId}`)
    if (state !== 'alive') this.#in.table.setState(nowMs, entry, 'alive')
    if (state === 'failed' || state === 'left') this.#in.ring.insert(this.#in.random, entry)
    this.#accepted({ kind: 'record', signed })
    const changes = describeChanges(before, record)
    const after = changes === '' ? '' : `; ${changes}`
    switch (state) {
      case 'alive': this.#event(nowMs, 'member-updated', entry, { from: via, reason: changes === '' ? 'raised its incarnation, nothing else changed' : changes }); break
      case 'suspect': this.#event(nowMs, 'member-refuted', entry, { from: via, reason: `refuted the suspicion with a higher incarnation${after}`, sinceProbeMs }); break
      case 'failed': this.#event(nowMs, 'member-joined', entry, { from: via, reason: `came back after it was declared failed${after}` }); break
      case 'left': this.#event(nowMs, 'member-joined', entry, { from: via, reason: `came back after it had left${after}` }); break
    }
  }

  #applySuspect(nowMs: number, claim: Claim, update: Update, via: string): void {
    const entry = this.#claimedEntry(claim)
    if (entry === null) return
    switch (judge(entry, { kind: 'suspect', incarnation: claim.incarnation })) {
      case 'accept':
        this.#suspect(nowMs, entry, { accuser: claim.from, reason: via === claim.from ? 'suspected by the node that probed it' : 'suspected by another member, as gossip has it', probeStartedMs: null })
        this.#accepted(update)
        break
      case 'confirm':
        // Counted, not passed on: Lifeguard's first k confirmations will be re-queued here.
        if (entry.suspicion?.confirm(claim.from) === true) entry.view = null
        this.#in.counters.updatesStale++
        break
      case 'stale': this.#in.counters.updatesStale++; break
      case 'unproven': this.#in.counters.updatesUnproven++; break
    }
  }

  #applyFailed(nowMs: number, claim: Claim, update: Update): void {
    const entry = this.#claimedEntry(claim)
    if (entry === null) return
    switch (judge(entry, { kind: 'failed', incarnation: claim.incarnation })) {
      case 'accept':
        entry.suspicion?.confirm(claim.from)
        this.#fail(nowMs, entry, { from: claim.from, accusers: entry.suspicion?.accusers ?? [claim.from], reason: 'declared failed by another member' })
        this.#accepted(update)
        break
      case 'confirm':
      case 'stale': this.#in.counters.updatesStale++; break
      case 'unproven': this.#in.counters.updatesUnproven++; break
    }
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
      entry.incarnation = leave.incarnation
      this.#bury(nowMs, entry, 'left')
      this.#accepted({ kind: 'left', leave })
      if (!wasLeft) this.#event(nowMs, 'member-left', entry, { from: leave.peerId, reason: 'said farewell' })
    } else {
      this.#in.counters.updatesStale++
    }
  }

  applySyncEntry(nowMs: number, from: string, entry: SyncEntry): void {
    const { record } = entry.signed
    const isSelf = record.peerId === this.#in.selfId
    const isTombstone = entry.state === 'failed' || entry.state === 'left'
    if (!isSelf && isTombstone && this.#in.table.get(record.peerId) === undefined) {
      this.#addTombstone(nowMs, entry)
      return
    }
    this.#applyRecord(nowMs, entry.signed, from)
    const claim = { peerId: record.peerId, incarnation: record.incarnation, from }
    if (entry.state === 'suspect') {
      this.#applySuspect(nowMs, claim, { kind: 'suspect', ...claim }, from)
    } else if (entry.state === 'left' && entry.leave !== null) {
      this.#applyLeft(nowMs, entry.leave)
    } else if (entry.state === 'failed' && isSelf) {
      this.#claimedEntry(claim)
    } else if (entry.state === 'failed') {
      // As memberlist's merge: another table's verdict may come from the far side of a partition, so it is a suspicion here.
      // Extension: it is not gossiped, but probed at once. The ping carries the suspicion, and the living answer with a refutation,
      // so a heal costs one round trip a member instead of a storm of suspicions.
      const held = this.#in.table.get(record.peerId)
      if (held === undefined || judge(held, { kind: 'suspect', incarnation: claim.incarnation }) !== 'accept') return
      this.#suspect(nowMs, held, { accuser: from, reason: 'failed according to the table of another member', probeStartedMs: null })
      if (this.#in.isJudging()) this.#in.prober.startOnEvidence(nowMs, held, 'failed according to the table of another member')
    }
  }

  /** Remembers a dead stranger, without an event, so that stale gossip does not bring it to life here. */
  #addTombstone(nowMs: number, { signed, state, leave }: SyncEntry): void {
    const incarnation = Math.max(signed.record.incarnation, leave?.incarnation ?? 0)
    const isForeign = leave !== null && leave.peerId !== signed.record.peerId
    if (!isIncarnation(incarnation) || isForeign || (state === 'left' && leave === null)) {
      this.#in.counters.updatesMalformed++
      return
    }
    if (!this.#makeRoom()) return
    const entry = this.#in.table.add(nowMs, signed, state === 'left' ? 'left' : 'failed')
    entry.leave = state === 'left' ? leave : null
    if (state === 'left') entry.incarnation = incarnation
    entry.silent = true
    this.#in.deadlines.set(`forget:${entry.peerId}`, nowMs + this.#in.options.tombstoneRetentionMs)
  }

  /** The member that an unsigned claim is about, or null when it is about us (then we answer it), about a stranger, or nonsense. */
  #claimedEntry(claim: Omit<Claim, 'from'>): MemberEntry | null {
    if (!isIncarnation(claim.incarnation)) {
      this.#in.counters.updatesMalformed++
      return null
    }
    if (claim.peerId === this.#in.selfId) {
      // Only we issue our incarnations, so a claim above ours is nobody's honest word, and outranking it would let a liar use them up. An
      // earlier life of ours with a clock ahead is told by its signed record, not by hearsay.
      if (claim.incarnation === this.#in.selfIncarnation()) this.#in.refute(claim.incarnation)
      else if (claim.incarnation > this.#in.selfIncarnation()) this.#in.counters.updatesUnproven++
      else this.#in.counters.updatesStale++
      return null
    }
    const entry = this.#in.table.get(claim.peerId)
    if (entry === undefined) this.#in.counters.updatesUnproven++
    return entry ?? null
  }

  // --- transitions of a member ------------------------------------------------------------------------------------------

  #suspect(nowMs: number, entry: MemberEntry, why: { readonly accuser: string; readonly reason: string; readonly probeStartedMs: number | null }): void {
    entry.suspicion = new Suspicion({ startedMs: nowMs, probeStartedMs: why.probeStartedMs, accuser: why.accuser })
    this.#in.table.setState(nowMs, entry, 'suspect')
    this.#in.onChange()
    this.#in.deadlines.set(`suspect:${entry.peerId}`, nowMs + suspicionTimeoutMs(this.#in.options, this.#in.table.active.size + 1))
    this.#event(nowMs, 'member-suspected', entry, { from: why.accuser, reason: why.reason, sinceProbeMs: sinceProbe(nowMs, entry) })
  }

  expireSuspicion(nowMs: number, peerId: string): void {
    const entry = this.#in.table.get(peerId)
    if (entry === undefined || entry.suspicion === null) return
    if (!this.#in.isJudging()) {
      // Who is still joining judges nobody: its own word to the others has not been heard yet.
      this.#in.deadlines.set(`suspect:${peerId}`, nowMs + this.#in.options.probeIntervalMs)
      return
    }
    const { accusers, startedMs } = entry.suspicion
    const self = this.#in.selfId
    this.#in.counters.failuresDeclared++
    this.#fail(nowMs, entry, { from: self, accusers, reason: `did not refute within ${((nowMs - startedMs) / 1000).toFixed(1)} s, suspected by ${accusers.length} ${accusers.length === 1 ? 'member' : 'members'}` })
    const update: Update = { kind: 'failed', peerId, incarnation: entry.incarnation, from: self }
    this.#in.spread(update)
    // Everyone's fuse ends at about the same time: only those that probed it themselves announce, piggyback does the rest.
    if (accusers.includes(self)) this.#in.emit({ kind: 'announce', updates: [update] })
  }

  #fail(nowMs: number, entry: MemberEntry, why: { readonly from: string; readonly accusers: readonly string[]; readonly reason: string }): void {
    const sinceProbeMs = sinceProbe(nowMs, entry)
    entry.accusers = [...why.accusers]
    this.#bury(nowMs, entry, 'failed')
    this.#event(nowMs, 'member-failed', entry, { from: why.from, reason: why.reason, sinceProbeMs })
  }

  #bury(nowMs: number, entry: MemberEntry, state: 'failed' | 'left'): void {
    entry.suspicion = null
    if (state === 'left') entry.accusers = []
    entry.silent = false
    this.#in.table.setState(nowMs, entry, state)
    this.#in.onChange()
    this.#in.deadlines.delete(`suspect:${entry.peerId}`)
    this.#in.prober.drop(nowMs, entry)
    this.#in.deadlines.set(`forget:${entry.peerId}`, nowMs + this.#in.options.tombstoneRetentionMs / 2)
  }

  /** Half the retention a tombstone is offered in syncs, the other half it is only kept, so that no two nodes renew it in turns. */
  forget(nowMs: number, peerId: string): void {
    const entry = this.#in.table.get(peerId)
    if (entry === undefined || isActive(entry)) return
    this.#in.onChange()
    if (entry.silent) {
      this.#in.table.remove(entry)
      return
    }
    entry.silent = true
    this.#in.deadlines.set(`forget:${peerId}`, nowMs + this.#in.options.tombstoneRetentionMs / 2)
  }

  #makeRoom(): boolean {
    if (this.#in.table.size + 1 < this.#in.options.membersMax) return true
    const oldest = this.#in.table.oldestTombstone()
    if (oldest === null) {
      this.#in.counters.membersRefused++
      return false
    }
    this.#in.counters.tombstonesEvicted++
    this.#in.table.remove(oldest)
    this.#in.deadlines.delete(`forget:${oldest.peerId}`)
    return true
  }

  #event(nowMs: number, type: MemberEventType, entry: MemberEntry, about: { readonly from: string; readonly reason: string; readonly sinceProbeMs?: number | null }): void {
    this.#in.emit({
      kind: 'event',
      event: { type, atMs: nowMs, record: entry.signed.record, from: about.from, reason: about.reason, sinceProbeMs: about.sinceProbeMs ?? null },
    })
  }

  /** Something new was believed: pass it on. A node that is still joining hears old news only. */
  #accepted(update: Update): void {
    this.#in.counters.updatesAccepted++
    this.#in.onChange()
    if (this.#in.isJudging()) this.#in.spread(update)
  }
}

function sinceProbe(nowMs: number, entry: MemberEntry): number | null {
  const startedMs = entry.suspicion?.probeStartedMs ?? null
  return startedMs === null ? null : nowMs - startedMs
}
