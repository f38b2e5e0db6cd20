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
import { createCounters, type MembershipCounters } from './counters.ts'
import type { DeadlineName } from './deadline-names.ts'
import {
  BroadcastQueue, LOAD_BYTES, PACKET_OVERHEAD_BYTES, PING_REQUEST_BYTES, PROBE_BYTES, retransmitLimit, updateBytes, updateSubject,
} from './dissemination.ts'
import { Beliefs } from './beliefs.ts'
import { isActive, MemberTable, type MemberEntry } from './member-table.ts'
import type { MembershipOptions } from './options.ts'
import { INCARNATION_MAX } from './precedence.ts'
import { ProbeRing } from './probe-ring.ts'
import { Prober } from './prober.ts'
import type {
  LoadDigest, Member, MemberRecord, MemberState, MembershipEffect, Packet, Probe, SignedLeave, SignedRecord, SyncEntry, Update,
} from './types.ts'

/** A datagram of 1,400 bytes holds fewer; the rest of a longer list is dropped and counted. */
export const PACKET_UPDATES_MAX = 64
/** The same for one gossipsub message. */
export const MESSAGE_UPDATES_MAX = 1024

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
}

export type RecordPatch = Partial<Omit<MemberRecord, 'peerId' | 'incarnation'>>

type Phase = 'created' | 'joining' | 'alive' | 'left' | 'stopped'

export class Membership {
  readonly #options: MembershipOptions
  readonly #random: Random
  readonly #signRecord: MembershipInit['signRecord']
  readonly #signLeave: MembershipInit['signLeave']
  readonly #packetBudgetBytes: number
  readonly #table = new MemberTable()
  readonly #ring = new ProbeRing()
  readonly #queue = new BroadcastQueue()
  readonly #deadlines = new Deadlines<DeadlineName>()
  readonly #counters = createCounters()
  readonly #prober: Prober
  readonly #beliefs: Beliefs
  #phase: Phase = 'created'
  #self: SignedRecord
  #leave: SignedLeave | null = null
  #load: LoadDigest | null = null
  #lastGossipMs = -Infinity
  /** The effects of the call under way. */
  #effects: MembershipEffect[] = []
  /** This call made us raise our incarnation: what we answer now carries the new record first. */
  #refutedNow = false
  #syncEntries: readonly SyncEntry[] | null = null

  constructor(init: MembershipInit) {
    this.#options = init.options
    this.#random = init.random
    this.#signRecord = init.signRecord
    this.#signLeave = init.signLeave
    this.#packetBudgetBytes = init.packetBudgetBytes
    this.#self = init.signRecord(init.record)
    this.#prober = new Prober({
      selfId: init.record.peerId,
      options: init.options,
      random: init.random,
      table: this.#table,
      deadlines: this.#deadlines,
      counters: this.#counters,
      send: (to, probe) => { this.#send(to, probe) },
      emit: (effect) => { this.#effects.push(effect) },
      onUnreachable: (nowMs, round) => { this.#beliefs.handleUnreachable(nowMs, round) },
    })
    this.#beliefs = new Beliefs({
      selfId: init.record.peerId,
      options: init.options,
      random: init.random,
      table: this.#table,
      ring: this.#ring,
      prober: this.#prober,
      deadlines: this.#deadlines,
      counters: this.#counters,
      selfIncarnation: () => this.#self.record.incarnation,
      selfEpoch: init.record.datagramEpoch,
      isJudging: () => this.#phase === 'alive',
      refute: (claimedIncarnation) => { this.#refute(claimedIncarnation) },
      spread: (update) => { this.#enqueue(update) },
      emit: (effect) => { this.#effects.push(effect) },
      onChange: () => { this.#syncEntries = null },
    })
  }

  // --- getters -----------------------------------------------------------------------------------------------------------

  get self(): SignedRecord {
    return this.#self
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
      const entries: SyncEntry[] = [{ signed: this.#self, state: this.#leave === null ? 'alive' : 'left', leave: this.#leave }]
      for (const entry of this.#table.entries()) if (!entry.silent) entries.push(syncEntryOf(entry))
      this.#syncEntries = entries
    }
    const reader = to === undefined ? undefined : this.#table.get(to)
    return reader?.silent === true ? [...this.#syncEntries, syncEntryOf(reader)] : this.#syncEntries
  }

  /** True when the farewell has been sent as often as any update, or nobody is there to hear it. */
  get isLeaveTransmitted(): boolean {
    return this.#leave !== null && (this.#table.active.size === 0 || !this.#queue.has(this.#leave.peerId))
  }

  /** Updates still waiting to be spread. */
  get queuedUpdates(): number {
    return this.#queue.size
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
    this.#publishSelf()
    // A random phase: nodes started by one script must not probe in step for ever.
    this.#deadlines.set('period', nowMs + this.#random() * this.#options.probeIntervalMs)
    this.#deadlines.set('reconnect', nowMs + this.#random() * this.#options.reconnectIntervalMs)
    return this.#finish(nowMs)
  }

  /** Changes what this node says of itself, under a higher incarnation. */
  updateSelf(nowMs: number, patch: RecordPatch): MembershipEffect[] {
    if (this.#phase === 'left' || this.#phase === 'stopped') return []
    const { record } = this.#self
    this.#resign({ ...record, ...patch, peerId: record.peerId, incarnation: record.incarnation + 1 })
    return this.#finish(nowMs)
  }

  /** Says farewell. Keep driving the machine until `isLeaveTransmitted` or a bound of your own, then `stop`. */
  leave(nowMs: number): MembershipEffect[] {
    if (this.#phase === 'stopped' || this.#phase === 'left') return []
    this.#phase = 'left'
    this.#prober.clear()
    this.#deadlines.clear()
    // Only the farewell is spread from here on: the others carry the rest of the news.
    this.#queue.clear()
    this.#leave = this.#signLeave(this.#self.record.peerId, this.#self.record.incarnation)
    this.#syncEntries = null
    const update: Update = { kind: 'left', leave: this.#leave }
    this.#enqueue(update)
    this.#effects.push({ kind: 'announce', updates: [update] })
    return this.#finish(nowMs)
  }

  /** No effect and no deadline ever after. */
  stop(_nowMs: number): MembershipEffect[] {
    this.#phase = 'stopped'
    this.#prober.clear()
    this.#queue.clear()
    this.#deadlines.clear()
    return []
  }

  /** What the next packets say about this node's load. */
  setLoad(load: LoadDigest): MembershipEffect[] {
    this.#load = load
    return []
  }

  // --- inputs ------------------------------------------------------------------------------------------------------------

  /** A datagram from an authenticated sender. */
  handlePacket(nowMs: number, from: string, packet: Packet): MembershipEffect[] {
    if (!this.#isListening() || from === this.#self.record.peerId) return []
    // Updates first: an answer to a ping that carried a suspicion of us must carry our refutation.
    this.#learn(nowMs, from, packet.updates, PACKET_UPDATES_MAX)
    if (packet.load !== null && this.#table.get(from) !== undefined && this.#phase !== 'left') {
      this.#effects.push({ kind: 'load', peerId: from, load: packet.load })
    }
    if (packet.probe !== null) this.#handleProbe(nowMs, from, packet.probe)
    return this.#finish(nowMs)
  }

  /** Updates that came by gossipsub. */
  handleUpdates(nowMs: number, input: { readonly from: string; readonly updates: readonly Update[] }): MembershipEffect[] {
    if (!this.#isListening()) return []
    this.#learn(nowMs, input.from, input.updates, MESSAGE_UPDATES_MAX)
    return this.#finish(nowMs)
  }

  /** Another node's table, from a push-pull sync. The answering side should hand this in before it reads its own `syncEntries`. */
  handleSync(nowMs: number, input: { readonly from: string; readonly entries: readonly SyncEntry[] }): MembershipEffect[] {
    if (!this.#isListening() || this.#phase === 'left') return []
    // Whoever holds the cluster key may ask who is here, a client for one; what it says about others counts only if it is a member.
    const introducesItself = input.entries.some(({ signed }) => signed.record.peerId === input.from)
    if (!introducesItself && this.#table.get(input.from) === undefined) {
      this.#counters.updatesUnproven += input.entries.length
      return []
    }
    const bound = this.#options.membersMax
    if (input.entries.length > bound) this.#counters.updatesMalformed += input.entries.length - bound
    for (const entry of input.entries.slice(0, bound)) this.#beliefs.applySyncEntry(nowMs, input.from, entry)
    const sender = this.#table.get(input.from)
    const first = this.#urgentFor(sender)
    // It just spoke to us, so it lives: it must hear that we hold it for suspect or failed, or that we have just refuted.
    if (first.length > 0 && input.from !== this.#self.record.peerId) this.#send(input.from, null)
    return this.#finish(nowMs)
  }

  /**
   * Something hints that a member is gone (a connection closed without goodbye, a refused dial): it is probed now.
   * Bounded: one probe a member, `evidenceProbesMax` at once, the others wait in line.
   */
  handleEvidence(nowMs: number, peerId: string, reason: string): MembershipEffect[] {
    const entry = this.#table.get(peerId)
    if (this.#phase !== 'alive' || entry === undefined || !isActive(entry)) return []
    this.#prober.startOnEvidence(nowMs, entry, reason)
    return this.#finish(nowMs)
  }

  // --- time --------------------------------------------------------------------------------------------------------------

  handleTimeout(nowMs: number): MembershipEffect[] {
    const nextMs = this.#deadlines.nextMs()
    if (nextMs === null || nextMs > nowMs) return []
    if (nowMs - nextMs > this.#options.stallToleranceMs && this.#phase === 'alive') this.#recoverFromStall(nowMs)
    for (let name = this.#deadlines.takeDue(nowMs); name !== null; name = this.#deadlines.takeDue(nowMs)) this.#handleDeadline(nowMs, name)
    return this.#finish(nowMs)
  }

  #handleDeadline(nowMs: number, name: DeadlineName): void {
    if (name === 'period') {
      this.#deadlines.set('period', nowMs + this.#options.probeIntervalMs)
      const target = this.#ring.next(this.#random, this.#table.active.items, (entry) => this.#prober.isProbing(entry.peerId))
      if (target !== null) this.#prober.start(nowMs, target, null)
    } else if (name === 'gossip') {
      this.#lastGossipMs = nowMs
      for (const entry of this.#table.active.sample(this.#random, this.#options.gossipFanout)) {
        if (this.#queue.size === 0) break
        this.#counters.gossipPacketsSent++
        this.#send(entry.peerId, null)
      }
    } else if (name === 'reconnect') {
      this.#deadlines.set('reconnect', nowMs + this.#options.reconnectIntervalMs)
      this.#reconnect()
    } else {
      const colon = name.indexOf(':')
      const subject = name.slice(colon + 1)
      switch (name.slice(0, colon)) {
        case 'probe': this.#prober.handleTimeout(nowMs, Number(subject)); break
        case 'relay': this.#prober.handleRelayTimeout(nowMs, Number(subject)); break
        case 'suspect': this.#beliefs.expireSuspicion(nowMs, subject); break
        case 'forget': this.#beliefs.forget(nowMs, subject); break
      }
    }
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
    this.#prober.excuseAll(nowMs)
    const graceMs = nowMs + this.#options.probeIntervalMs
    for (const entry of this.#table.active.items) {
      if (entry.suspicion !== null && (this.#deadlines.atMs(`suspect:${entry.peerId}`) ?? Infinity) < graceMs) {
        this.#deadlines.set(`suspect:${entry.peerId}`, graceMs)
      }
    }
  }

  // --- probes ------------------------------------------------------------------------------------------------------------

  #handleProbe(nowMs: number, from: string, probe: Probe): void {
    switch (probe.kind) {
      case 'ping': this.#send(from, { kind: 'ack', sequence: probe.sequence }); break
      case 'ack': if (this.#phase !== 'left') this.#prober.handleAck(nowMs, from, probe.sequence); break
      case 'nack': if (this.#phase !== 'left') this.#prober.handleNack(from, probe.sequence); break
      case 'ping-request':
        if (this.#phase === 'alive') this.#prober.handlePingRequest(nowMs, from, probe.sequence, probe.target)
        else this.#send(from, { kind: 'nack', sequence: probe.sequence })
        break
    }
  }

  // --- this node itself, and what it says -----------------------------------------------------------------------------------

  #refute(claimedIncarnation: number): void {
    const incarnation = Math.max(this.#self.record.incarnation, claimedIncarnation) + 1
    if (this.#phase === 'left' || incarnation > INCARNATION_MAX) return
    this.#counters.selfRefutations++
    this.#refutedNow = true
    this.#resign({ ...this.#self.record, incarnation })
  }

  #resign(record: MemberRecord): void {
    this.#self = this.#signRecord(record)
    this.#syncEntries = null
    if (this.#phase === 'alive') this.#publishSelf()
  }

  #publishSelf(): void {
    const update: Update = { kind: 'record', signed: this.#self }
    this.#enqueue(update)
    this.#effects.push({ kind: 'announce', updates: [update] })
  }

  #learn(nowMs: number, via: string, updates: readonly Update[], bound: number): void {
    // After our farewell the table is nobody's business any more.
    if (this.#phase !== 'left') this.#beliefs.applyAll(nowMs, via, updates, bound)
  }

  #enqueue(update: Update): void {
    const room = this.#packetBudgetBytes - PACKET_OVERHEAD_BYTES - PING_REQUEST_BYTES - LOAD_BYTES
    if (updateBytes(update) > room) this.#counters.updatesOversized++
    else this.#queue.push(update)
  }

  /** What a member must hear before anything else: our doubts about it (Lifeguard's buddy system), and our own fresh refutation. */
  #urgentFor(entry: MemberEntry | undefined): Update[] {
    const urgent: Update[] = []
    if (this.#phase === 'left') return urgent
    if (entry?.state === 'suspect') {
      urgent.push({ kind: 'suspect', peerId: entry.peerId, incarnation: entry.incarnation, from: entry.suspicion?.accusers[0] ?? this.#self.record.peerId })
    } else if (entry?.state === 'failed') {
      urgent.push({ kind: 'failed', peerId: entry.peerId, incarnation: entry.incarnation, from: entry.accusers[0] ?? this.#self.record.peerId })
    }
    if (this.#refutedNow) urgent.push({ kind: 'record', signed: this.#self })
    return urgent
  }

  #send(to: string, probe: Probe | null): void {
    const entry = this.#table.get(to)
    const limit = retransmitLimit(this.#options.retransmitMultiplier, this.#table.active.size + 1)
    let room = this.#packetBudgetBytes - PACKET_OVERHEAD_BYTES
    if (probe !== null) room -= probe.kind === 'ping-request' ? PING_REQUEST_BYTES : PROBE_BYTES
    if (this.#load !== null) room -= LOAD_BYTES
    const updates: Update[] = []
    for (const update of this.#urgentFor(entry)) {
      if (updateBytes(update) > room) continue
      room -= updateBytes(update)
      updates.push(update)
    }
    const urgentSubjects = updates.map(updateSubject)
    for (const update of this.#queue.take(room, limit, urgentSubjects)) updates.push(update)
    for (const subject of urgentSubjects) this.#queue.markSent(subject, limit)
    this.#counters.updatesSent += updates.length
    this.#effects.push({ kind: 'send', to, packet: { probe, updates, load: this.#load } })
  }

  #isListening(): boolean {
    return this.#phase !== 'created' && this.#phase !== 'stopped'
  }

  /** Ends a call: arms the gossip tick when there is news and someone to tell, and hands the effects over. */
  #finish(nowMs: number): MembershipEffect[] {
    const gossips = this.#phase === 'alive' || this.#phase === 'left'
    if (gossips && this.#queue.size > 0 && this.#table.active.size > 0 && this.#deadlines.atMs('gossip') === undefined) {
      this.#deadlines.set('gossip', Math.max(nowMs, this.#lastGossipMs + this.#options.gossipIntervalMs))
    }
    const effects = this.#effects
    this.#effects = []
    this.#refutedNow = false
    return effects
  }
}

function syncEntryOf({ signed, state, leave }: MemberEntry): SyncEntry {
  return { signed, state, leave }
}
