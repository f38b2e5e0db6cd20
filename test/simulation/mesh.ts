/**
 * A whole mesh in one process and in virtual time: the real membership machine in every node, and around it what the real shells
 * do, in a few lines each: datagrams, gossipsub (optional), push-pull syncs over streams, joining by a seed, crashes, restarts, pauses.
 * Everything random comes from one seed, so a run is replayed exactly by its seed.
 */
import { Membership } from '../../src/core/membership/membership.ts'
import { parseMembershipOptions, type MembershipOptions } from '../../src/core/membership/options.ts'
import { updateSubject } from '../../src/core/membership/dissemination.ts'
import type { MemberEvent, MemberRecord, MemberState, MembershipEffect, Packet, SyncEntry, Update } from '../../src/core/membership/types.ts'
import { createRandom, randomInteger, shuffle, type Random } from '../../src/core/time/random.ts'
import { EventQueue } from './event-queue.ts'
import { Network, type NetworkConditions } from './network.ts'
import { packetBytes, Registry, SafetyChecker, SafetyViolation } from './safety.ts'
import { Transcript } from './transcript.ts'

export const PACKET_BUDGET_BYTES = 1300
const RECORD_ENVELOPE = new Uint8Array(330)
const LEAVE_ENVELOPE = new Uint8Array(150)
/** A paused process loses what its socket buffer cannot hold. */
const INBOX_PACKETS_MAX = 256
const EPOCH_MS = 1_700_000_000_000
const JOIN_RETRY_MS = 1000
/** Who joins in a crowd misses those that joined at the same moment elsewhere; one more sync soon after finds them. */
const SECOND_SYNC_MS = 2000

export interface SimulationInit {
  readonly nodes: number
  readonly seed: number
  readonly options?: Partial<MembershipOptions>
  readonly network?: Partial<NetworkConditions>
  /** Null: piggyback alone has to carry the news. */
  readonly gossipsub?: { readonly delayMs: number; readonly lossRatio: number } | null
  /** Push-pull with a random member; 0 for never. */
  readonly syncIntervalMs?: number
  /** That many live nodes notice a crash by their closed connection, at once. */
  readonly crashWitnesses?: number
  /** Checking costs memory of N² entries; off only for large experiments. */
  readonly safety?: boolean
}

export interface SimulatedEvent {
  readonly node: number
  readonly event: MemberEvent
}

type Happening =
  | { readonly kind: 'timer'; readonly node: number; readonly life: number; readonly atMs: number }
  | { readonly kind: 'packet'; readonly node: number; readonly from: number; readonly packet: Packet }
  | { readonly kind: 'updates'; readonly node: number; readonly from: number; readonly updates: readonly Update[] }
  | { readonly kind: 'sync-request'; readonly node: number; readonly from: number; readonly fromLife: number; readonly entries: readonly SyncEntry[] }
  | { readonly kind: 'sync-reply'; readonly node: number; readonly life: number; readonly from: number; readonly entries: readonly SyncEntry[] }
  | { readonly kind: 'sync-tick'; readonly node: number; readonly life: number }
  | { readonly kind: 'join'; readonly node: number; readonly life: number }
  | { readonly kind: 'evidence'; readonly node: number; readonly about: number }
  | { readonly kind: 'resume'; readonly node: number; readonly life: number }
  | { readonly kind: 'call'; readonly run: () => void }

interface SimulatedNode {
  readonly index: number
  readonly peerId: string
  machine: Membership
  checker: SafetyChecker | null
  /** Counts starts; what was scheduled for an earlier life is void. */
  life: number
  running: boolean
  /** `leave` was called: its tombstone says so, whatever becomes of the process. */
  hasLeft: boolean
  phase: 'joining' | 'alive' | 'left' | 'stopped'
  paused: boolean
  inbox: Happening[]
  armedMs: number | null
}

export class SimulatedMesh {
  readonly seed: number
  readonly network: Network
  readonly transcript = new Transcript()
  readonly events: SimulatedEvent[] = []
  readonly totals = { packets: 0, bytes: 0, announcements: 0, syncs: 0, steps: 0 }
  readonly #init: SimulationInit
  readonly #options: MembershipOptions
  readonly #random: Random
  readonly #queue = new EventQueue<Happening>()
  readonly #registry = new Registry()
  readonly #nodes: SimulatedNode[] = []
  readonly #indexes = new Map<string, number>()
  readonly #gossipsub: { readonly delayMs: number; readonly lossRatio: number } | null
  readonly #syncIntervalMs: number

  constructor(init: SimulationInit) {
    this.seed = init.seed
    this.#init = init
    this.#options = parseMembershipOptions(init.options ?? {})
    this.#random = createRandom(init.seed)
    this.network = new Network(createRandom(init.seed ^ 0x5eed), init.network ?? {})
    this.#gossipsub = init.gossipsub ?? null
    this.#syncIntervalMs = init.syncIntervalMs ?? 30_000
    for (let index = 0; index < init.nodes; index++) {
      const peerId = peerIdOf(index)
      this.#indexes.set(peerId, index)
      this.#nodes.push({
        index, peerId, machine: this.#createMachine(index, 0), checker: null, life: 0, running: false, hasLeft: false,
        phase: 'stopped', paused: false, inbox: [], armedMs: null,
      })
    }
  }

  get nowMs(): number {
    return this.#queue.nowMs
  }

  get size(): number {
    return this.#nodes.length
  }

  get options(): MembershipOptions {
    return this.#options
  }

  machine(index: number): Membership {
    return this.#node(index).machine
  }

  isRunning(index: number): boolean {
    return this.#node(index).running
  }

  /** What `of` thinks of `about`; undefined when it never heard of it. */
  stateOf(of: number, about: number): MemberState | undefined {
    return this.#node(of).machine.member(peerIdOf(about))?.state
  }

  running(): number[] {
    return this.#nodes.filter((node) => node.running).map((node) => node.index)
  }

  /** A random subset, for who crashes and who is cut off. */
  choose(count: number, except: readonly number[] = []): number[] {
    return shuffle(this.#random, this.running().filter((index) => !except.includes(index))).slice(0, count)
  }

  // --- what the experimenter does ------------------------------------------------------------------------------------------

  /** Starts all: the first alone, the others with it as their seed, spread over `withinMs`. */
  startAll(withinMs = 1000): void {
    this.start(0)
    for (let index = 1; index < this.#nodes.length; index++) this.at(this.#random() * withinMs, () => { this.start(index) })
  }

  at(delayMs: number, run: () => void): void {
    this.#queue.push(this.nowMs + delayMs, { kind: 'call', run })
  }

  /** Also restarts: the same identity, a new life with a higher incarnation and a new datagram key. */
  start(index: number): void {
    const node = this.#node(index)
    if (node.running) throw new Error(`node ${index} runs already`)
    node.life++
    node.machine = this.#createMachine(index, node.life)
    node.checker = this.#init.safety === false ? null : new SafetyChecker(node.peerId, this.#registry, PACKET_BUDGET_BYTES)
    node.running = true
    node.hasLeft = false
    node.paused = false
    node.inbox = []
    node.armedMs = null
    node.phase = 'joining'
    this.#log(node, 'start')
    this.#step(node, [], () => node.machine.start(this.nowMs))
    if (this.#nodes.some((other) => other.running && other.phase === 'alive')) this.#queue.push(this.nowMs, { kind: 'join', node: index, life: node.life })
    else this.#becomeAlive(node)
  }

  /** SIGKILL: nothing is said. */
  crash(index: number): void {
    const node = this.#node(index)
    node.running = false
    node.inbox = []
    this.#log(node, 'crash')
    for (const witness of this.choose(this.#init.crashWitnesses ?? 0)) {
      if (this.network.isOpen(index, witness)) this.#queue.push(this.nowMs + this.network.delayMs(), { kind: 'evidence', node: witness, about: index })
    }
  }

  leave(index: number): void {
    const node = this.#node(index)
    this.#log(node, 'leave')
    this.#step(node, [], () => node.machine.leave(this.nowMs))
    node.phase = 'left'
    node.hasLeft = true
  }

  /** The process stands still: packets wait in its socket buffer, timers are late. */
  pause(index: number, forMs: number): void {
    const node = this.#node(index)
    node.paused = true
    this.#log(node, 'pause')
    this.#queue.push(this.nowMs + forMs, { kind: 'resume', node: index, life: node.life })
  }

  update(index: number, patch: Parameters<Membership['updateSelf']>[1]): void {
    const node = this.#node(index)
    this.#step(node, [], () => node.machine.updateSelf(this.nowMs, patch))
  }

  runFor(durationMs: number): void {
    const untilMs = this.nowMs + durationMs
    for (let happening = this.#queue.next(untilMs); happening !== null; happening = this.#queue.next(untilMs)) this.#handle(happening)
  }

  /** Milliseconds until the condition held, looked at every `everyMs`; throws when it never did within `withinMs`. */
  runUntil(condition: () => boolean, { withinMs, everyMs = 100, what }: { readonly withinMs: number; readonly everyMs?: number; readonly what: string }): number {
    const startMs = this.nowMs
    while (!condition()) {
      if (this.nowMs - startMs >= withinMs) throw new Error(`${what}: not within ${withinMs} ms; ${this.describeDisagreement()}`)
      this.runFor(everyMs)
    }
    return this.nowMs - startMs
  }

  // --- what the experimenter asks ------------------------------------------------------------------------------------------

  /** Every running member holds every running one for alive, every crashed one for failed or forgotten, every left one likewise. */
  isConverged(): boolean {
    return this.#disagreements(1).length === 0
  }

  describeDisagreement(): string {
    const found = this.#disagreements(5)
    return found.length === 0 ? 'all agree' : found.join('; ')
  }

  countEvents(type: MemberEvent['type'], accept: (event: SimulatedEvent) => boolean = () => true): number {
    return this.events.filter((entry) => entry.event.type === type && accept(entry)).length
  }

  indexOf(peerId: string): number {
    return this.#indexes.get(peerId) ?? -1
  }

  #disagreements(atMost: number): string[] {
    const found: string[] = []
    for (const node of this.#nodes) {
      if (!node.running || node.hasLeft) continue
      for (const other of this.#nodes) {
        if (other === node || other.life === 0) continue
        const state = node.machine.member(other.peerId)?.state
        const agrees = other.hasLeft ? state === undefined || state === 'left'
          : other.running ? state === 'alive' : state === undefined || state === 'failed'
        if (agrees) continue
        found.push(`${node.peerId} holds ${other.peerId} for ${state ?? 'unknown'} at ${node.machine.member(other.peerId)?.signed.record.incarnation ?? '-'}, it is ${other.hasLeft ? 'left' : other.running ? `running at ${other.machine.self.record.incarnation}` : 'crashed'}`)
        if (found.length >= atMost) return found
      }
    }
    return found
  }

  // --- the shells ----------------------------------------------------------------------------------------------------------

  #handle(happening: Happening): void {
    if (happening.kind === 'call') {
      happening.run()
      return
    }
    const node = this.#node(happening.node)
    if (!node.running) {
      if (happening.kind === 'sync-request') this.#syncFailed(happening.from, happening.fromLife)
      return
    }
    if (node.paused && happening.kind !== 'resume') {
      // Only what arrives is kept; the timer is late and runs at the resume.
      if (happening.kind !== 'timer' && node.inbox.length < INBOX_PACKETS_MAX) node.inbox.push(happening)
      return
    }
    switch (happening.kind) {
      case 'timer':
        if (happening.life !== node.life || happening.atMs !== node.armedMs) return
        node.armedMs = null
        this.#log(node, 'timeout')
        this.#step(node, [], () => node.machine.handleTimeout(this.nowMs))
        if (node.phase === 'left' && node.machine.isLeaveTransmitted) this.#stop(node)
        break
      case 'packet':
        this.#log(node, `packet ${happening.from} ${happening.packet.probe?.kind ?? 'gossip'} ${happening.packet.updates.length}`)
        this.#step(node, happening.packet.updates.map(updateSubject), () => node.machine.handlePacket(this.nowMs, peerIdOf(happening.from), happening.packet))
        break
      case 'updates':
        this.#log(node, `updates ${happening.from} ${happening.updates.length}`)
        this.#step(node, happening.updates.map(updateSubject), () => node.machine.handleUpdates(this.nowMs, { from: peerIdOf(happening.from), updates: happening.updates }))
        break
      case 'sync-request': {
        this.#log(node, `sync-request ${happening.from}`)
        this.#sync(node, happening.from, happening.entries)
        const entries = node.machine.syncEntries(peerIdOf(happening.from))
        if (this.network.isOpenBothWays(node.index, happening.from)) {
          this.#queue.push(this.nowMs + this.network.delayMs(), { kind: 'sync-reply', node: happening.from, life: happening.fromLife, from: node.index, entries })
        } else {
          this.#syncFailed(happening.from, happening.fromLife)
        }
        break
      }
      case 'sync-reply':
        if (happening.life !== node.life) return
        this.#log(node, `sync-reply ${happening.from}`)
        this.#sync(node, happening.from, happening.entries)
        if (node.phase === 'joining') this.#becomeAlive(node)
        break
      case 'sync-tick': {
        if (happening.life !== node.life || node.phase !== 'alive') return
        this.#queue.push(this.nowMs + this.#syncIntervalMs * (0.5 + this.#random()), happening)
        const partner = this.#randomAliveMember(node)
        if (partner !== null) this.#startSync(node, partner)
        break
      }
      case 'join': {
        if (happening.life !== node.life || node.phase !== 'joining') return
        const seed = this.#nodes.find((other) => other !== node && other.running && other.phase === 'alive')
        if (seed === undefined) this.#becomeAlive(node)
        else this.#startSync(node, seed.index)
        break
      }
      case 'evidence':
        this.#log(node, `evidence ${happening.about}`)
        this.#step(node, [peerIdOf(happening.about)], () => node.machine.handleEvidence(this.nowMs, peerIdOf(happening.about), 'connection closed without goodbye'))
        break
      case 'resume': {
        if (happening.life !== node.life) return
        node.paused = false
        this.#log(node, 'resume')
        // As Node's event loop does it: late timers first, then what lies in the sockets.
        node.armedMs = null
        this.#step(node, [], () => node.machine.handleTimeout(this.nowMs))
        for (const held of node.inbox.splice(0)) this.#handle(held)
        break
      }
    }
  }

  #sync(node: SimulatedNode, from: number, entries: readonly SyncEntry[]): void {
    this.totals.syncs++
    this.#step(node, entries.map((entry) => entry.signed.record.peerId), () => node.machine.handleSync(this.nowMs, { from: peerIdOf(from), entries }))
  }

  #startSync(node: SimulatedNode, partner: number): void {
    if (!this.network.isOpenBothWays(node.index, partner)) {
      this.#syncFailed(node.index, node.life)
      return
    }
    // A handshake and a request: three one-way trips.
    const delayMs = this.network.delayMs() + this.network.delayMs() + this.network.delayMs()
    this.#queue.push(this.nowMs + delayMs, { kind: 'sync-request', node: partner, from: node.index, fromLife: node.life, entries: node.machine.syncEntries(peerIdOf(partner)) })
  }

  #syncFailed(index: number, life: number): void {
    const node = this.#node(index)
    if (!node.running || node.life !== life || node.phase !== 'joining') return
    this.#queue.push(this.nowMs + JOIN_RETRY_MS * (0.5 + this.#random()), { kind: 'join', node: index, life })
  }

  #becomeAlive(node: SimulatedNode): void {
    this.#log(node, 'alive')
    this.#step(node, [], () => node.machine.becomeAlive(this.nowMs))
    node.phase = 'alive'
    if (this.#syncIntervalMs > 0) this.#queue.push(this.nowMs + SECOND_SYNC_MS * (0.5 + this.#random()), { kind: 'sync-tick', node: node.index, life: node.life })
  }

  #stop(node: SimulatedNode): void {
    this.#step(node, [], () => node.machine.stop(this.nowMs))
    node.phase = 'stopped'
    node.running = false
  }

  #randomAliveMember(node: SimulatedNode): number | null {
    for (let attempt = 0; attempt < 5; attempt++) {
      const index = randomInteger(this.#random, this.#nodes.length)
      if (index !== node.index && node.machine.member(peerIdOf(index))?.state === 'alive') return index
    }
    return null
  }

  /** One call into a machine: check it, perform its effects, arm its timer. */
  #step(node: SimulatedNode, subjects: readonly string[], call: () => MembershipEffect[]): void {
    this.totals.steps++
    const phaseBefore = node.phase
    const effects = call()
    try {
      node.checker?.check(node.machine, phaseBefore, effects, subjects)
    } catch (error) {
      if (error instanceof SafetyViolation) error.message = `${node.peerId} at ${this.nowMs.toFixed(3)} ms: ${error.message}`
      throw error
    }
    for (const effect of effects) this.#perform(node, effect)
    const nextMs = node.machine.nextDeadlineMs()
    if (nextMs === node.armedMs) return
    node.armedMs = nextMs
    if (nextMs !== null) this.#queue.push(nextMs, { kind: 'timer', node: node.index, life: node.life, atMs: nextMs })
  }

  #perform(node: SimulatedNode, effect: MembershipEffect): void {
    switch (effect.kind) {
      case 'send': {
        const to = this.indexOf(effect.to)
        this.totals.packets++
        this.totals.bytes += packetBytes(effect.packet)
        this.#log(node, `send ${to} ${effect.packet.probe?.kind ?? 'gossip'} ${effect.packet.updates.length}`)
        for (const delayMs of this.network.datagramDelaysMs(node.index, to)) {
          this.#queue.push(this.nowMs + delayMs, { kind: 'packet', node: to, from: node.index, packet: effect.packet })
        }
        break
      }
      case 'event':
        this.#log(node, `event ${effect.event.type} ${effect.event.record.peerId} ${effect.event.record.incarnation} ${effect.event.reason}`)
        this.events.push({ node: node.index, event: effect.event })
        break
      case 'announce':
        this.totals.announcements++
        if (this.#gossipsub !== null) this.#announce(node, this.#gossipsub, effect.updates)
        break
      case 'sync':
        this.#startSync(node, this.indexOf(effect.peerId))
        break
      case 'twin':
        this.#log(node, `twin ${effect.record.incarnation}`)
        break
      case 'rtt':
      case 'lost':
      case 'load':
        break
    }
  }

  #announce(node: SimulatedNode, { delayMs, lossRatio }: { readonly delayMs: number; readonly lossRatio: number }, updates: readonly Update[]): void {
    for (const other of this.#nodes) {
      if (other === node || !other.running || !this.network.isOpenBothWays(node.index, other.index)) continue
      if (lossRatio > 0 && this.#random() < lossRatio) continue
      this.#queue.push(this.nowMs + delayMs * (0.5 + this.#random()), { kind: 'updates', node: other.index, from: node.index, updates })
    }
  }

  #createMachine(index: number, life: number): Membership {
    const startMs = Math.round(EPOCH_MS + this.nowMs)
    const record: MemberRecord = {
      peerId: peerIdOf(index), name: `node${index}`, incarnation: startMs, tcpMultiaddrs: [`/ip4/10.0.0.1/tcp/${index + 1}`],
      udpHost: '10.0.0.1', udpPort: index + 1, datagramPublicKey: new Uint8Array(0), datagramEpoch: startMs, datacenter: '', rack: '',
      capacity: 1, databases: [], softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 1,
    }
    return new Membership({
      record,
      options: this.#options,
      random: createRandom(this.#init.seed + 7919 * index + 104_729 * life),
      packetBudgetBytes: PACKET_BUDGET_BYTES,
      signRecord: (unsigned) => {
        const signed = { record: Object.freeze(unsigned), envelope: RECORD_ENVELOPE }
        if (life > 0) this.#registry.addRecord(signed)
        return signed
      },
      signLeave: (peerId, incarnation) => {
        const leave = { peerId, incarnation, envelope: LEAVE_ENVELOPE }
        this.#registry.addLeave(leave)
        return leave
      },
    })
  }

  #log(node: SimulatedNode, what: string): void {
    this.transcript.add(`${this.nowMs} ${node.index} ${what}`)
  }

  #node(index: number): SimulatedNode {
    const node = this.#nodes[index]
    if (node === undefined) throw new RangeError(`no node ${index}`)
    return node
  }
}

export function peerIdOf(index: number): string {
  return `p${String(index).padStart(4, '0')}`
}
