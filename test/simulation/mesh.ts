/**
 * A whole mesh in one process and in virtual time: the real membership machine in every node, shells.ts around it, and the experimenter's
 * hands: joining, crashes, restarts, pauses, questions. Everything random comes from one seed, so a run is replayed exactly by its seed.
 */
import type { MembershipFeatures } from '../../src/core/membership/features.ts'
import { Membership } from '../../src/core/membership/membership.ts'
import { parseMembershipOptions, type MembershipOptions } from '../../src/core/membership/options.ts'
import { PartitionMonitor } from '../../src/core/membership/partition.ts'
import type { MemberEvent, MemberRecord, MemberState, SyncEntry } from '../../src/core/membership/types.ts'
import { createRandom, shuffle, type Random } from '../../src/core/time/random.ts'
import { EventQueue } from './event-queue.ts'
import { Network, type NetworkConditions } from './network.ts'
import { Registry, SafetyChecker } from './safety.ts'
import { Shells, type GossipsubModel } from './shells.ts'
import type { Happening, SimulatedNode } from './simulated-node.ts'
import { createTraffic, type Traffic } from './traffic.ts'
import { Transcript } from './transcript.ts'

export const PACKET_BUDGET_BYTES = 1300
const RECORD_ENVELOPE = new Uint8Array(330)
const LEAVE_ENVELOPE = new Uint8Array(150)
const NO_KEY = new Uint8Array(0)
const EPOCH_MS = 1_700_000_000_000
/** Nobody in particular: what the experimenter does. */
const EXPERIMENTER = -1

export interface SimulationInit {
  readonly nodes: number
  readonly seed: number
  readonly options?: Partial<MembershipOptions>
  readonly features?: MembershipFeatures
  readonly network?: Partial<NetworkConditions>
  /** Null: piggyback alone has to carry the news. */
  readonly gossipsub?: GossipsubModel | null
  /** Push-pull with a random member so often, and not as the real node spaces them; 0 for never. */
  readonly syncIntervalMs?: number
  /** That many live nodes notice a crash by their closed connection, at once. */
  readonly crashWitnesses?: number
  /** Each node looks for partitions, as the real one does. */
  readonly partitionMonitor?: boolean
  /** Checking costs memory of N² entries; off only for large experiments. */
  readonly safety?: boolean
  /** A hash over all that happened; costs time. */
  readonly transcript?: boolean
  /** Hears every event; then none is kept in `events`. */
  readonly onEvent?: (node: number, event: MemberEvent) => void
}

export interface SimulatedEvent {
  readonly node: number
  readonly event: MemberEvent
}

export class SimulatedMesh {
  readonly seed: number
  readonly network: Network
  /** Null when it was not asked for. */
  readonly transcript: Transcript | null
  readonly events: SimulatedEvent[] = []
  readonly #init: SimulationInit
  readonly #options: MembershipOptions
  readonly #random: Random
  readonly #queue = new EventQueue<Happening>()
  readonly #registry: Registry | null
  readonly #nodes: SimulatedNode[] = []
  readonly #indexes = new Map<string, number>()
  readonly #shells: Shells

  constructor(init: SimulationInit) {
    this.seed = init.seed
    this.#init = init
    this.#options = parseMembershipOptions(init.options ?? {})
    this.#random = createRandom(init.seed)
    this.#registry = init.safety === false ? null : new Registry()
    this.network = new Network(createRandom(init.seed ^ 0x5eed), init.network ?? {})
    this.transcript = init.transcript === false ? null : new Transcript()
    this.#shells = new Shells({
      nodes: this.#nodes, queue: this.#queue, network: this.network, random: this.#random, transcript: this.transcript,
      gossipsub: init.gossipsub ?? null, syncIntervalMs: init.syncIntervalMs ?? null,
      indexOf: (peerId) => this.indexOf(peerId),
      onEvent: init.onEvent ?? ((node, event) => { this.events.push({ node, event }) }),
    })
    for (let index = 0; index < init.nodes; index++) {
      const peerId = peerIdOf(index)
      this.#indexes.set(peerId, index)
      this.#nodes.push({
        index, peerId, traffic: createTraffic(), machine: this.#createMachine(peerId, index, 0), monitor: null, isSpreading: false, checker: null, life: 0,
        running: false, hasLeft: false, phase: 'stopped', hold: 'none', heldUntilMs: 0, inbox: [], outbox: [], armedMs: null,
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

  get totals(): Readonly<Shells['totals']> {
    return this.#shells.totals
  }

  /** Counts up from the mesh's beginning. */
  traffic(index: number): Readonly<Traffic> {
    return this.#node(index).traffic
  }

  machine(index: number): Membership {
    return this.#node(index).machine
  }

  /** Null when the mesh has none. */
  partitionMonitor(index: number): PartitionMonitor | null {
    return this.#node(index).monitor
  }

  isRunning(index: number): boolean {
    return this.#node(index).running
  }

  /** What `of` thinks of `about`; undefined when it never heard of it. */
  stateOf(of: number, about: number): MemberState | undefined {
    return this.#node(of).machine.stateOf(this.#node(about).peerId)
  }

  running(): number[] {
    return this.#nodes.filter((node) => node.running).map((node) => node.index)
  }

  /** A random subset, for who crashes and who is cut off. */
  choose(count: number, except: readonly number[] = []): number[] {
    return shuffle(this.#random, this.running().filter((index) => !except.includes(index))).slice(0, count)
  }

  indexOf(peerId: string): number {
    return this.#indexes.get(peerId) ?? -1
  }

  // --- what the experimenter does ------------------------------------------------------------------------------------------

  /** Starts all: the first alone, the others with it as their seed, spread over `withinMs`. */
  startAll(withinMs = 1000): void {
    this.start(0)
    for (let index = 1; index < this.#nodes.length; index++) this.at(this.#random() * withinMs, () => { this.start(index) })
  }

  /** Starts all as if they had joined long ago: everybody knows everybody, and nothing is said about it. */
  startJoined(): void {
    for (const node of this.#nodes) this.#bringUp(node)
    const entries = this.#nodes.map(({ machine }): SyncEntry => ({ signed: machine.self, state: 'alive', leave: null }))
    for (const node of this.#nodes) {
      const [seed] = entries
      const others = entries.filter((entry) => entry.signed !== node.machine.self)
      this.#shells.takeSync(node, node === this.#nodes[0] ? 1 : this.indexOf(seed?.signed.record.peerId ?? ''), others)
    }
    for (const node of this.#nodes) this.#shells.becomeAlive(node)
  }

  at(delayMs: number, run: () => void): void {
    this.#queue.push(this.nowMs + delayMs, EXPERIMENTER, { kind: 'call', run })
  }

  /** Also restarts: the same identity, a new life with a higher incarnation and a new datagram key. */
  start(index: number): void {
    const node = this.#node(index)
    if (node.running) throw new Error(`node ${index} runs already`)
    this.#bringUp(node)
    if (this.#nodes.some((other) => other.running && other.phase === 'alive')) this.#queue.push(this.nowMs, index, { kind: 'join', life: node.life })
    else this.#shells.becomeAlive(node)
  }

  /** SIGKILL: nothing is said. */
  crash(index: number): void {
    const node = this.#node(index)
    node.running = false
    node.inbox = []
    node.outbox = []
    this.#shells.log(node, 'crash')
    for (const witness of this.choose(this.#init.crashWitnesses ?? 0)) {
      if (this.network.isOpen(index, witness)) this.#queue.push(this.nowMs + this.network.delayMs(), witness, { kind: 'evidence', about: index })
    }
  }

  /** The whole host is gone: its connections stay open at the other ends, and nothing answers there any more. */
  cutOff(index: number): void {
    for (const other of this.#nodes) {
      if (other.index === index) continue
      this.network.cut(index, other.index)
      this.network.cut(other.index, index)
    }
  }

  leave(index: number): void {
    const node = this.#node(index)
    this.#shells.log(node, 'leave')
    this.#shells.step(node, [], () => node.machine.leave(this.nowMs))
    node.phase = 'left'
    node.hasLeft = true
  }

  /** The process stands still: packets wait in its socket buffer, timers are late. */
  pause(index: number, forMs: number): void {
    this.#hold(index, 'paused', forMs)
  }

  /** Lifeguard's anomaly: no message is handled or sent, both wait; timers run on. */
  block(index: number, forMs: number): void {
    this.#hold(index, 'blocked', forMs)
  }

  update(index: number, patch: Parameters<Membership['updateSelf']>[1]): void {
    const node = this.#node(index)
    this.#shells.step(node, [], () => node.machine.updateSelf(this.nowMs, patch))
  }

  runFor(durationMs: number): void {
    const untilMs = this.nowMs + durationMs
    for (let happening = this.#queue.next(untilMs); happening !== null; happening = this.#queue.next(untilMs)) this.#shells.handle(this.#queue.node, happening)
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
    const present = this.#nodes.filter((node) => node.running && !node.hasLeft)
    // Counting settles most questions without looking at N² states.
    return present.every(({ machine }) => machine.countOf('alive') === present.length - 1) && this.#disagreements(1).length === 0
  }

  describeDisagreement(): string {
    const found = this.#disagreements(5)
    return found.length === 0 ? 'all agree' : found.join('; ')
  }

  countEvents(type: MemberEvent['type'], accept: (event: SimulatedEvent) => boolean = () => true): number {
    return this.events.filter((entry) => entry.event.type === type && accept(entry)).length
  }

  #disagreements(atMost: number): string[] {
    const found: string[] = []
    for (const node of this.#nodes) {
      if (!node.running || node.hasLeft) continue
      for (const other of this.#nodes) {
        if (other === node || other.life === 0) continue
        const state = node.machine.stateOf(other.peerId)
        const agrees = other.hasLeft ? state === undefined || state === 'left'
          : other.running ? state === 'alive' : state === undefined || state === 'failed'
        if (agrees) continue
        const held = node.machine.member(other.peerId)?.signed.record.incarnation ?? '-'
        found.push(`${node.peerId} holds ${other.peerId} for ${state ?? 'unknown'} at ${held}, it is ${other.hasLeft ? 'left' : other.running ? `running at ${other.machine.self.record.incarnation}` : 'crashed'}`)
        if (found.length >= atMost) return found
      }
    }
    return found
  }

  #bringUp(node: SimulatedNode): void {
    const { probeIntervalMs, tombstoneRetentionMs } = this.#options
    node.life++
    node.machine = this.#createMachine(node.peerId, node.index, node.life)
    node.monitor = this.#init.partitionMonitor === false ? null : new PartitionMonitor({
      windowMs: 10 * probeIntervalMs, settleMs: probeIntervalMs, dwellMs: 2 * probeIntervalMs, forgetMs: tombstoneRetentionMs,
    })
    node.isSpreading = false
    node.checker = this.#registry === null ? null : new SafetyChecker(node.peerId, this.#registry, PACKET_BUDGET_BYTES)
    node.running = true
    node.hasLeft = false
    node.hold = 'none'
    node.inbox = []
    node.outbox = []
    node.armedMs = null
    node.phase = 'joining'
    this.#shells.log(node, 'start')
    this.#shells.step(node, [], () => node.machine.start(this.nowMs))
  }

  #hold(index: number, hold: 'paused' | 'blocked', forMs: number): void {
    const node = this.#node(index)
    node.hold = hold
    node.heldUntilMs = this.nowMs + forMs
    this.#shells.log(node, hold)
    this.#queue.push(node.heldUntilMs, index, { kind: 'release', life: node.life })
  }

  #createMachine(peerId: string, index: number, life: number): Membership {
    const startMs = Math.round(EPOCH_MS + this.nowMs)
    const record: MemberRecord = {
      peerId, name: `node${index}`, incarnation: startMs, tcpMultiaddrs: [`/ip4/10.0.0.1/tcp/${index + 1}`],
      udpHost: '10.0.0.1', udpPort: index + 1, datagramPublicKey: NO_KEY, datagramEpoch: startMs, datacenter: '', rack: '',
      capacity: 1, databases: [], softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: EPOCH_MS,
    }
    return new Membership({
      record,
      options: this.#options,
      ...(this.#init.features === undefined ? {} : { features: this.#init.features }),
      random: createRandom(this.#init.seed + 7919 * index + 104_729 * life),
      packetBudgetBytes: PACKET_BUDGET_BYTES,
      signRecord: (unsigned) => {
        const signed = { record: Object.freeze(unsigned), envelope: RECORD_ENVELOPE }
        if (life > 0) this.#registry?.addRecord(signed)
        return signed
      },
      signLeave: (leaver, incarnation) => {
        const leave = { peerId: leaver, incarnation, envelope: LEAVE_ENVELOPE }
        this.#registry?.addLeave(leave)
        return leave
      },
    })
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
