/**
 * Who is in the mesh, and who still answers. SWIM (Das, Gupta, Motivala, DSN 2002): in each period every node probes one
 * other, so the load per node and the time to first detection do not grow with the mesh; what it learns rides on the probes
 * themselves. A member that does not answer is first suspected, and may refute that with a higher incarnation, before
 * it is declared failed.
 *
 * This is a pure machine: it is told the time, given its chance, and answers with effects. Whoever drives it
 *   1. performs the effects of a call in order, before the next call;
 *   2. calls `handleTimeout` when `nextDeadlineMs` has come;
 *   3. verifies signatures before it hands in records and leaves, and authenticates the sender of packets;
 *   4. after `stop`, forgets it.
 *
 *   created ─start─▶ joining ─becomeAlive─▶ alive ─leave─▶ left ─stop─▶ stopped
 *
 * While joining the node learns and answers but accuses nobody; after `leave` it answers pings and spreads its farewell, nothing else.
 */
import { Deadlines } from '../time/deadlines.ts'
import type { Random } from '../time/random.ts'
import { Beliefs } from './beliefs.ts'
import { createCounters, type MembershipCounters } from './counters.ts'
import type { Coordinate } from '../coordinates/types.ts'
import type { DeadlineName } from './deadline-names.ts'
import { DirectLoss } from './direct-loss.ts'
import { ALL_FEATURES, type MembershipFeatures } from './features.ts'
import { Findings } from './findings.ts'
import { FlapDamping } from './flap-damping.ts'
import { Hearing } from './hearing.ts'
import { LateProbes } from './late-probes.ts'
import { Lifecycle } from './lifecycle.ts'
import { LocalHealth } from './local-health.ts'
import { isActive, MemberTable, type MemberEntry } from './member-table.ts'
import type { MembershipOptions } from './options.ts'
import { Outbox } from './outbox.ts'
import { OwnRecord } from './own-record.ts'
import { PathBook, type PathChange, tellPathChange } from './paths.ts'
import { hashPeerId } from './observers.ts'
import { ProbeRing } from './probe-ring.ts'
import { ProbeSchedule } from './probe-schedule.ts'
import { Prober } from './prober.ts'
import { PushPull, type SyncAnswer, type SyncRequest } from './push-pull.ts'
import type { Digest } from './table-digest.ts'
import type {
  LoadDigest, Member, MemberRecord, MemberState, MembershipEffect, Packet, Path, Probe, Report, SignedLeave, SignedRecord, SyncEntry, Update,
} from './types.ts'
import { Watches } from './watches.ts'

/** A datagram of 1,400 bytes holds fewer; the rest of a longer list is dropped and counted. */
export const PACKET_UPDATES_MAX = 64
/** The same for one gossipsub message. */
export const MESSAGE_UPDATES_MAX = 1024
/** Reports taken from one packet. */
export const REPORTS_MAX = 16
/** How long an unanswered ping counts for this node's own loss. */
const LOSS_WINDOW_PERIODS = 10
/**
 * Extension: a verdict, a farewell, or a newcomer that this node is the first to meet, goes to so many members by datagram as well, at once. In a small mesh
 * that is everybody, one hop away, while gossipsub takes three.
 */
export const MEMBERS_TOLD_AT_ONCE_MAX = 32

export interface MembershipInit {
  /** The own record, unsigned; its incarnation is the unix milliseconds of this start. */
  readonly record: MemberRecord
  readonly options: MembershipOptions
  readonly random: Random
  /** Pure and synchronous: the machine signs anew whenever it raises its incarnation. */
  readonly signRecord: (record: MemberRecord) => SignedRecord
  readonly signLeave: (peerId: string, incarnation: number) => SignedLeave
  /** What one datagram carries beside header and seal. */
  readonly packetBudgetBytes: number
  /** Unix milliseconds at 0 of the clock that the machine is told: by it the members agree on who probes whom. 0 where that is the same clock for all. */
  readonly wallOffsetMs?: number
  /** All, unless an experiment takes some away. */
  readonly features?: Partial<MembershipFeatures>
}

export type RecordPatch = Partial<Omit<MemberRecord, 'peerId' | 'incarnation'>>

type Phase = 'created' | 'joining' | 'alive' | 'left' | 'stopped'

export class Membership {
  readonly #options: MembershipOptions
  readonly #features: MembershipFeatures
  readonly #random: Random
  readonly #table = new MemberTable()
  readonly #ring: ProbeRing
  readonly #schedule: ProbeSchedule
  readonly #wallOffsetMs: number
  readonly #deadlines = new Deadlines<DeadlineName>()
  readonly #counters = createCounters()
  readonly #paths = new PathBook()
  readonly #directLoss: DirectLoss
  readonly #health: LocalHealth
  readonly #outbox: Outbox
  readonly #own: OwnRecord
  readonly #prober: Prober
  readonly #watches: Watches
  readonly #lifecycle: Lifecycle
  readonly #beliefs: Beliefs
  readonly #findings: Findings
  readonly #pushPull: PushPull
  readonly #lateProbes: LateProbes
  readonly #hearing: Hearing
  #phase: Phase = 'created'
  #lastGossipMs = -Infinity
  /** The effects of the call under way. */
  #effects: MembershipEffect[] = []
  #syncEntries: readonly SyncEntry[] | null = null

  constructor(init: MembershipInit) {
    const { options, random, record } = init
    this.#options = options
    this.#features = { ...ALL_FEATURES, ...init.features }
    this.#random = random
    this.#ring = new ProbeRing(!this.#features.schedule)
    this.#wallOffsetMs = init.wallOffsetMs ?? 0
    this.#schedule = new ProbeSchedule({ peerId: record.peerId, hash: hashPeerId(record.peerId) })
    this.#health = new LocalHealth({ scoreMax: this.#features.localHealth ? options.localHealthMax : 0, delayStepMs: options.ackTimeoutFloorMs })
    this.#hearing = new Hearing(options)
    this.#directLoss = new DirectLoss({ windowMs: LOSS_WINDOW_PERIODS * options.probeIntervalMs })
    const shared = {
      selfId: record.peerId, options, features: this.#features, random, table: this.#table, ring: this.#ring, deadlines: this.#deadlines, counters: this.#counters,
      emit: (effect: MembershipEffect) => { this.#effects.push(effect) },
      isJudging: () => this.#phase === 'alive',
      onChange: () => { this.#noteChange() },
      tellAll: (update: Update) => { this.#tellAll(update) },
    }
    this.#outbox = new Outbox({
      ...shared, retransmitMultiplier: options.retransmitMultiplier, packetBudgetBytes: init.packetBudgetBytes,
      activeCount: () => this.#table.active.size, urgentFor: (to) => this.#urgentFor(this.#table.get(to)),
    })
    this.#own = new OwnRecord({ ...shared, record, signRecord: init.signRecord, signLeave: init.signLeave, health: this.#health, outbox: this.#outbox, isPatient: this.#features.probation })
    this.#pushPull = new PushPull({ table: this.#table, self: () => ({ signed: this.#own.signed, leave: this.#own.leave }) })
    this.#prober = new Prober({
      ...shared, health: this.#health, paths: this.#paths, directLoss: this.#directLoss,
      send: (to, probe) => { this.#outbox.send(to, probe) },
      onPathChange: (nowMs, target, change) => { this.#tellPath(nowMs, target, change) },
      onUnreachable: (nowMs, round) => { this.#findings.handleUnreachable(nowMs, round) },
    })
    this.#watches = new Watches({
      ...shared,
      multiplier: () => this.#health.multiplier,
      directLoss: this.#directLoss,
      heardMs: () => this.#hearing.heardMs,
      nextSequence: () => this.#prober.nextSequence(),
      send: (to, probe, reports) => { this.#outbox.send(to, probe, reports) },
      onAnswered: (nowMs, subject, rttMs, coordinate) => { this.#prober.noteDirect(nowMs, subject, rttMs, coordinate) },
      onLost: (nowMs, subject) => { this.#prober.noteLost(nowMs, subject) },
      onFound: (nowMs, finding) => { this.#findings.handleFound(nowMs, finding) },
      onAgreed: (nowMs, finding) => { this.#findings.handleAgreed(nowMs, finding) },
      onHung: (nowMs, subject, startedMs, evidence) => { this.#findings.handleHung(nowMs, subject, startedMs, evidence) },
    })
    this.#lateProbes = new LateProbes({ ...shared, prober: this.#prober })
    this.#lifecycle = new Lifecycle({ ...shared, prober: this.#prober, watches: this.#watches, flaps: new FlapDamping(), onForgotten: (peerId) => {
      this.#paths.forget(peerId)
      this.#effects.push({ kind: 'forgotten', peerId })
    } })
    this.#beliefs = new Beliefs({
      ...shared, prober: this.#prober, watches: this.#watches, lifecycle: this.#lifecycle,
      selfIncarnation: () => this.#own.incarnation,
      selfEpoch: record.datagramEpoch,
      refute: (claimedIncarnation) => { this.#own.refute(claimedIncarnation) },
      appeal: (nowMs, claimedIncarnation) => { this.#own.appeal(nowMs, claimedIncarnation) },
      spread: (update) => { this.#outbox.enqueue(update) },
      probeLater: (nowMs, entry, evidence) => { this.#lateProbes.add(nowMs, entry, evidence) },
    })
    this.#findings = new Findings({
      ...shared, prober: this.#prober, lifecycle: this.#lifecycle,
      isIsolated: (nowMs) => this.isIsolated(nowMs),
      believe: (nowMs, entry, update) => { this.#beliefs.believe(nowMs, entry, update) },
      spread: (update) => { this.#outbox.enqueue(update) },
    })
  }

  // --- getters -----------------------------------------------------------------------------------------------------------

  get self(): SignedRecord {
    return this.#own.signed
  }

  get selfState(): MemberState {
    switch (this.#phase) {
      case 'created':
      case 'joining': return 'joining'
      case 'alive': return 'alive'
      case 'left':
      case 'stopped': return 'left'
    }
  }

  /** Known members other than this node, the failed and the left included. O(N). */
  members(): Member[] {
    return Array.from(this.#table.entries(), (entry) => this.#table.view(entry))
  }

  member(peerId: string): Member | undefined {
    const entry = this.#table.get(peerId)
    return entry === undefined ? undefined : this.#table.view(entry)
  }

  /** As `member`, without making its view. */
  stateOf(peerId: string): MemberState | undefined {
    return this.#table.get(peerId)?.state
  }

  get memberCount(): number {
    return this.#table.size
  }

  /** Of members other than this node. */
  countOf(state: Exclude<MemberState, 'joining'>): number {
    return this.#table.count(state)
  }

  get aliveCount(): number {
    return this.#table.count('alive')
  }

  /**
   * The whole table for a push-pull sync, this node first. Built anew only after a change. `to` always finds itself in it: who is held for
   * dead here, if only by hearsay, must hear so to refute it.
   */
  syncEntries(to?: string): readonly SyncEntry[] {
    if (this.#syncEntries === null) {
      const entries: SyncEntry[] = [{ signed: this.#own.signed, state: this.#own.leave === null ? 'alive' : 'left', leave: this.#own.leave }]
      for (const entry of this.#table.entries()) if (!entry.silent) entries.push(syncEntryOf(entry))
      this.#syncEntries = entries
    }
    const reader = to === undefined ? undefined : this.#table.get(to)
    return reader?.silent === true ? [...this.#syncEntries, syncEntryOf(reader)] : this.#syncEntries
  }

  /** Of what syncs offer, this node included. O(N) after a change, otherwise O(1). */
  get tableDigest(): Digest {
    return this.#pushPull.digest
  }

  /** The first question of a push-pull exchange; `salt` is 32 random bits, new for each. See push-pull.ts. */
  syncRequest(nowMs: number, salt: number): SyncRequest {
    return this.#pushPull.request(nowMs, salt)
  }

  /** To a question whose entries, none included, went through `handleSync` before. */
  syncAnswer(nowMs: number, from: string, request: SyncRequest): SyncAnswer {
    return this.#pushPull.answer(nowMs, from, request)
  }

  /** What to ask the same member next, once the answer's entries went through `handleSync`; null: the exchange is over. */
  syncNext(nowMs: number, request: SyncRequest, answer: SyncAnswer): SyncRequest | null {
    return this.#pushPull.next(nowMs, request, answer)
  }

  /** True when the farewell has been sent as often as any update, or nobody is there to hear it. */
  get isLeaveTransmitted(): boolean {
    return this.#own.leave !== null && (this.#table.active.size === 0 || !this.#outbox.queue.has(this.#own.leave.peerId))
  }

  /** Updates still waiting to be spread. */
  get queuedUpdates(): number {
    return this.#outbox.queue.size
  }

  /** Lifeguard's score: 0 is healthy, `localHealthMax` the worst. */
  get localHealth(): number {
    return this.#health.score
  }

  /** Nobody has been heard for a while, though several were pinged: it is this node that is cut off (hearing.ts). */
  isIsolated(nowMs: number): boolean {
    return this.#phase === 'alive' && this.#table.active.size > 0 && this.#hearing.isSilent(nowMs, this.#counters.pingsSent)
  }

  /** How each member is reached from here. */
  paths(): Path[] {
    return this.#paths.paths()
  }

  get counters(): MembershipCounters {
    return { ...this.#counters }
  }

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  // --- commands ----------------------------------------------------------------------------------------------------------

  /** From now on the node answers and learns; it does not probe yet. */
  start(nowMs: number): MembershipEffect[] {
    if (this.#phase !== 'created') throw new Error(`Membership.start in phase ${this.#phase}`)
    this.#phase = 'joining'
    return this.#finish(nowMs)
  }

  /** After the first sync, or alone when no seed answers: announces this node and begins to probe. */
  becomeAlive(nowMs: number): MembershipEffect[] {
    if (this.#phase === 'created') throw new Error('Membership.becomeAlive before start')
    if (this.#phase !== 'joining') return []
    this.#phase = 'alive'
    this.#hearing.note(nowMs, this.#counters.pingsSent)
    this.#own.publish()
    // A random phase: nodes started by one script must not probe in step for ever.
    this.#deadlines.set('period', nowMs + this.#random() * this.#options.probeIntervalMs)
    this.#deadlines.set('reconnect', nowMs + this.#random() * this.#options.reconnectIntervalMs)
    return this.#finish(nowMs)
  }

  /** Changes what this node says of itself, under a higher incarnation. */
  updateSelf(nowMs: number, patch: RecordPatch): MembershipEffect[] {
    if (this.#phase === 'left' || this.#phase === 'stopped') return []
    this.#own.change(patch)
    return this.#finish(nowMs)
  }

  /** Says farewell. Keep driving the machine until `isLeaveTransmitted` or a bound of your own, then `stop`. */
  leave(nowMs: number): MembershipEffect[] {
    if (this.#phase === 'stopped' || this.#phase === 'left') return []
    this.#phase = 'left'
    this.#quieten()
    // Only the farewell is spread from here on: the others carry the rest of the news.
    this.#outbox.queue.clear()
    this.#own.sayFarewell()
    return this.#finish(nowMs)
  }

  /** No effect and no deadline ever after. */
  stop(_nowMs: number): MembershipEffect[] {
    this.#phase = 'stopped'
    this.#quieten()
    this.#outbox.queue.clear()
    return []
  }

  /** What the next packets say about this node's load. */
  setLoad(load: LoadDigest): MembershipEffect[] {
    this.#outbox.load = load
    return []
  }

  /** What the next acks say about this node's place. */
  setCoordinate(coordinate: Coordinate): MembershipEffect[] {
    this.#outbox.coordinate = coordinate
    return []
  }

  /** How late this process's event loop runs, measured by the owner about once a second; part of the local health. */
  setLoopDelay(delayMs: number): MembershipEffect[] {
    this.#health.setLoopDelay(delayMs)
    return []
  }

  /** An operator says that this member is not expected back. A living one refutes it. No effect for one that is unknown or has left. */
  removeMember(nowMs: number, peerId: string): MembershipEffect[] {
    const entry = this.#table.get(peerId)
    if (this.#phase !== 'alive' || entry === undefined || entry.state === 'left') return []
    this.#beliefs.remove(nowMs, entry, this.#own.signed.record.peerId)
    this.#tellAll({ kind: 'removed', peerId, incarnation: entry.incarnation, from: this.#own.signed.record.peerId })
    return this.#finish(nowMs)
  }

  // --- inputs ------------------------------------------------------------------------------------------------------------

  /** A datagram from an authenticated sender. */
  handlePacket(nowMs: number, from: string, packet: Packet): MembershipEffect[] {
    if (!this.#isListening() || from === this.#own.signed.record.peerId) return []
    const sender = this.#table.get(from)
    if (sender !== undefined) this.#hearing.note(nowMs, this.#counters.pingsSent)
    if (sender !== undefined && this.#phase !== 'left') this.#paths.noteHeard(nowMs, from)
    // Updates first: an answer to a ping that carried a suspicion of us must carry our refutation.
    this.#learn(nowMs, from, packet.updates, PACKET_UPDATES_MAX)
    if (packet.load !== null && this.#table.get(from) !== undefined && this.#phase !== 'left') {
      this.#effects.push({ kind: 'load', peerId: from, load: packet.load })
    }
    if (packet.updates.length > 0 && packet.probe === null && packet.reports.length === 0) this.#counters.gossipPacketsReceived++
    if (this.#phase === 'alive' && this.#features.observers) for (const report of packet.reports.slice(0, REPORTS_MAX)) this.#handleReport(nowMs, from, report)
    if (packet.probe !== null) this.#handleProbe(nowMs, from, packet.probe, packet.coordinate)
    return this.#finish(nowMs)
  }

  /** Updates that came by gossipsub. */
  handleUpdates(nowMs: number, input: { readonly from: string; readonly updates: readonly Update[] }): MembershipEffect[] {
    if (!this.#isListening()) return []
    this.#hearing.note(nowMs, this.#counters.pingsSent)
    this.#learn(nowMs, input.from, input.updates, MESSAGE_UPDATES_MAX)
    return this.#finish(nowMs)
  }

  /** The entries of a push-pull message, also when there are none: who asks or answers is there. Handed in before an answer or the next question is made. */
  handleSync(nowMs: number, input: { readonly from: string; readonly entries: readonly SyncEntry[] }): MembershipEffect[] {
    if (!this.#isListening() || this.#phase === 'left') return []
    // Whoever holds the cluster key may ask who is here, a client for one; what it says about others counts only if it is a member.
    const introducesItself = input.entries.some(({ signed }) => signed.record.peerId === input.from)
    if (!introducesItself && this.#table.get(input.from) === undefined) {
      this.#counters.updatesUnproven += input.entries.length
      return []
    }
    this.#hearing.note(nowMs, this.#counters.pingsSent)
    const bound = this.#options.membersMax
    if (input.entries.length > bound) this.#counters.updatesMalformed += input.entries.length - bound
    for (const entry of input.entries.slice(0, bound)) this.#beliefs.applySyncEntry(nowMs, input.from, entry)
    this.#pushPull.noteApplied(nowMs, input.entries.slice(0, bound))
    const sender = this.#table.get(input.from)
    const first = this.#urgentFor(sender)
    // It just spoke to us, so it lives: it must hear that we hold it for suspect or failed, or that we have just refuted.
    if (first.length > 0 && input.from !== this.#own.signed.record.peerId) this.#outbox.send(input.from, null)
    return this.#finish(nowMs)
  }

  /**
   * Something hints that a member is gone: its connection closed without a goodbye, or a dial was refused. Its observers look at it now;
   * everybody else only if it is still held for alive a little later, so that a crash costs K pings, not N.
   */
  handleEvidence(nowMs: number, peerId: string, evidence: 'closed' | 'refused'): MembershipEffect[] {
    const entry = this.#table.get(peerId)
    if (this.#phase !== 'alive' || !this.#features.evidence || entry === undefined || !isActive(entry)) return []
    if (this.#features.observers && this.#watches.startAnew(nowMs, entry, evidence)) return this.#finish(nowMs)
    if (this.#features.observers) this.#lateProbes.add(nowMs, entry, evidence)
    else this.#prober.startOnEvidence(nowMs, entry, evidence)
    return this.#finish(nowMs)
  }

  /** The outcome of a `stream-ping` effect. */
  handleStreamPing(nowMs: number, input: { readonly peerId: string; readonly sequence: number; readonly answered: boolean }): MembershipEffect[] {
    if (this.#phase !== 'alive') return []
    if (input.answered) this.#hearing.note(nowMs, this.#counters.pingsSent)
    if (input.answered) this.#prober.handleStreamPing(nowMs, input.peerId, input.sequence)
    return this.#finish(nowMs)
  }

  /** The outcome of a `connect` effect: accepted, refused by its host, or nothing came back in time. */
  handleConnect(nowMs: number, input: { readonly peerId: string; readonly result: 'open' | 'refused' | 'silent' }): MembershipEffect[] {
    if (this.#phase !== 'alive') return []
    this.#watches.handleConnect(nowMs, input.peerId, input.result)
    return this.#finish(nowMs)
  }

  /** The owner's partition monitor: members that fail while it is open were cut off, and come back without probation. */
  handlePartition(nowMs: number, isOpen: boolean): MembershipEffect[] {
    this.#lifecycle.setPartition(nowMs, isOpen)
    return this.#finish(nowMs)
  }

  // --- time --------------------------------------------------------------------------------------------------------------

  handleTimeout(nowMs: number): MembershipEffect[] {
    const nextMs = this.#deadlines.nextMs()
    if (nextMs === null || nextMs > nowMs) return []
    if (this.#features.stallGuard && nowMs - nextMs > this.#options.stallToleranceMs && this.#phase === 'alive') this.#recoverFromStall(nowMs)
    for (let name = this.#deadlines.takeDue(nowMs); name !== null; name = this.#deadlines.takeDue(nowMs)) this.#handleDeadline(nowMs, name)
    return this.#finish(nowMs)
  }

  #handleDeadline(nowMs: number, name: DeadlineName): void {
    if (name === 'period') {
      this.#deadlines.set('period', nowMs + this.#options.probeIntervalMs * this.#health.intervalMultiplier)
      const target = this.#nextTarget(nowMs)
      if (target !== null && !this.#prober.isProbing(target.peerId)) this.#prober.start(nowMs, target, null)
    } else if (name === 'gossip') {
      this.#lastGossipMs = nowMs
      for (const entry of this.#table.active.sample(this.#random, this.#options.gossipFanout)) {
        if (this.#outbox.queue.size === 0) break
        this.#counters.gossipPacketsSent++
        this.#outbox.send(entry.peerId, null)
      }
    } else if (name === 'appeal') {
      this.#own.handleTimeout(nowMs)
    } else if (name === 'reconnect') {
      this.#deadlines.set('reconnect', nowMs + this.#options.reconnectIntervalMs)
      this.#reconnect()
    } else {
      const colon = name.indexOf(':')
      const subject = name.slice(colon + 1)
      switch (name.slice(0, colon)) {
        case 'probe': this.#prober.handleTimeout(nowMs, Number(subject)); break
        case 'relay': this.#prober.handleRelayTimeout(nowMs, Number(subject)); break
        case 'suspect': this.#findings.expireSuspicion(nowMs, subject); break
        case 'watch': this.#watches.handleTimeout(nowMs, subject); break
        case 'evidence': this.#lateProbes.handleTimeout(nowMs, subject); break
        case 'probation': this.#lifecycle.endProbation(nowMs, subject); break
        case 'settle': this.#lifecycle.settle(nowMs, subject); break
        case 'forget': this.#lifecycle.forget(nowMs, subject); break
      }
    }
  }

  #nextTarget(nowMs: number): MemberEntry | null {
    if (this.#features.schedule) return this.#schedule.target(Math.floor((nowMs + this.#wallOffsetMs) / this.#options.probeIntervalMs), this.#table.active)
    return this.#ring.next(this.#random, this.#table.active.items, (entry) => this.#prober.isProbing(entry.peerId))
  }

  /**
   * Serf's reconnect: each node retries one random failed member with probability failed/alive, so that the whole mesh together
   * makes about one attempt per failed member and interval, however large it is.
   */
  #reconnect(): void {
    const failed = this.#table.failed.size
    if (failed === 0 || this.#random() >= failed / (this.#table.active.size + 1)) return
    const [target] = this.#table.failed.sample(this.#random, 1)
    if (target !== undefined) this.#effects.push({ kind: 'sync', peerId: target.peerId })
  }

  /**
   * Extension: our timers ran late, so this process stood still, and acks and refutations may lie unread in its socket. Probes start
   * anew, and suspicions that ran out meanwhile get one more period.
   */
  #recoverFromStall(nowMs: number): void {
    this.#counters.stalls++
    this.#health.add(1)
    this.#prober.excuseAll(nowMs)
    this.#watches.excuseAll(nowMs)
    const graceMs = nowMs + this.#options.probeIntervalMs
    for (const entry of this.#table.active.items) {
      if (entry.suspicion !== null && (this.#deadlines.atMs(`suspect:${entry.peerId}`) ?? Infinity) < graceMs) {
        this.#deadlines.set(`suspect:${entry.peerId}`, graceMs)
      }
    }
  }

  // --- probes ------------------------------------------------------------------------------------------------------------

  #handleProbe(nowMs: number, from: string, probe: Probe, coordinate: Coordinate | null): void {
    switch (probe.kind) {
      case 'ping': this.#outbox.send(from, { kind: 'ack', sequence: probe.sequence }); break
      case 'ack':
        if (this.#phase === 'left' || this.#watches.handleAck(nowMs, from, probe.sequence, coordinate)) break
        this.#prober.handleAck(nowMs, from, probe.sequence, coordinate)
        break
      case 'nack': if (this.#phase !== 'left') this.#prober.handleNack(from, probe.sequence); break
      case 'ping-request':
        if (this.#phase === 'alive') this.#prober.handlePingRequest(nowMs, from, probe.sequence, probe.target)
        else if (this.#features.nacks) this.#outbox.send(from, { kind: 'nack', sequence: probe.sequence })
        break
    }
  }

  #handleReport(nowMs: number, from: string, report: Report): void {
    const sender = this.#table.get(from)
    if (report.peerId === this.#own.signed.record.peerId) {
      // Its sender is wrong about us, and its ping to come will tell it so.
      this.#counters.updatesUnproven++
    } else if (sender === undefined || !isActive(sender)) {
      this.#counters.updatesUnproven++
    } else {
      this.#counters.reportsReceived++
      this.#watches.handleReport(nowMs, from, report)
    }
  }

  #tellPath(nowMs: number, target: MemberEntry, change: PathChange | null): void {
    const told = change === null || !isActive(target) ? null : tellPathChange(change)
    if (told !== null) this.#lifecycle.event(nowMs, told.type, target, { from: this.#own.signed.record.peerId, reason: told.reason })
  }

  // --- this node itself, and what it says -----------------------------------------------------------------------------------

  #noteChange(): void {
    this.#syncEntries = null
    this.#pushPull.handleChange()
  }

  #tellAll(update: Update): void {
    this.#effects.push({ kind: 'announce', updates: [update] })
    if (this.#features.observers) this.#outbox.tell(this.#table.active.sample(this.#random, MEMBERS_TOLD_AT_ONCE_MAX).map(({ peerId }) => peerId), update)
  }

  #learn(nowMs: number, via: string, updates: readonly Update[], bound: number): void {
    // After our farewell the table is nobody's business any more.
    if (this.#phase !== 'left') this.#beliefs.applyAll(nowMs, via, updates, bound)
  }

  /** Ends whatever runs. */
  #quieten(): void {
    this.#prober.clear()
    this.#watches.clear()
    this.#lateProbes.clear()
    this.#deadlines.clear()
  }

  /** What a member must hear before anything else: our doubts about it (Lifeguard's buddy system), and our own fresh refutation. */
  #urgentFor(entry: MemberEntry | undefined): Update[] {
    const urgent: Update[] = []
    if (this.#phase === 'left') return urgent
    const self = this.#own.signed.record.peerId
    if (entry?.state === 'suspect' && this.#features.buddy) {
      urgent.push({ kind: 'suspect', peerId: entry.peerId, incarnation: entry.incarnation, from: entry.suspicion?.accusers[0] ?? self, evidence: entry.suspicion?.evidence ?? 'probe' })
    } else if (entry?.state === 'failed' && entry.probationUntilMs === null) {
      const suspectedBy = entry.accusers[0] ?? self
      urgent.push({ kind: 'failed', peerId: entry.peerId, incarnation: entry.incarnation, from: self, evidence: 'probe', suspectedBy, confirmedBy: [], probeMs: 0, suspicionMs: 0 })
    } else if (entry?.state === 'left' && entry.removedBy !== null) {
      urgent.push({ kind: 'removed', peerId: entry.peerId, incarnation: entry.incarnation, from: entry.removedBy })
    }
    if (this.#own.isFresh) urgent.push({ kind: 'record', signed: this.#own.signed })
    return urgent
  }

  #isListening(): boolean {
    return this.#phase !== 'created' && this.#phase !== 'stopped'
  }

  /** Ends a call: arms the gossip tick when there is news and someone to tell, and hands the effects over. */
  #finish(nowMs: number): MembershipEffect[] {
    const gossips = this.#phase === 'alive' || this.#phase === 'left'
    if (gossips && this.#outbox.queue.size > 0 && this.#table.active.size > 0 && this.#deadlines.atMs('gossip') === undefined) {
      this.#deadlines.set('gossip', Math.max(nowMs, this.#lastGossipMs + this.#options.gossipIntervalMs))
    }
    const effects = this.#effects
    this.#effects = []
    this.#own.isFresh = false
    return effects
  }
}

/** A member on probation has outranked the verdict; who hears of it for the first time has no reason to keep it out. */
function syncEntryOf({ signed, state, leave, probationUntilMs }: MemberEntry): SyncEntry {
  return { signed, state: probationUntilMs === null ? state : 'alive', leave }
}
