/**
 * What stands around the machines in the real node, in virtual time and a few lines each: datagrams, gossipsub, streams, TCP connects,
 * push-pull syncs, joining by a seed, the partition monitor. Effects go out here, happenings come in.
 */
import { updateSubject } from '../../src/core/membership/dissemination.ts'
import type { MemberEvent, MembershipEffect, SyncEntry, Update } from '../../src/core/membership/types.ts'
import type { Random } from '../../src/core/time/random.ts'
import type { EventQueue } from './event-queue.ts'
import type { Network } from './network.ts'
import { SafetyViolation } from './safety.ts'
import type { ConnectResult, Happening, SimulatedNode } from './simulated-node.ts'
import { SyncShell } from './sync-shell.ts'
import { announcementBytes, packetBytes, SEAL_BYTES } from './traffic.ts'
import type { Transcript } from './transcript.ts'

/** What waits at a process that stands still; its socket buffer cannot hold more. */
const INBOX_MAX = 256
/** Of a blocked process, whose queue is its own. */
const BLOCKED_INBOX_MAX = 4096
/** The partition driver looks again so often whether losses still belong together. */
const CENSUS_MS = 5000

export interface GossipsubModel {
  /** From the announcement to its arrival, at the mean. */
  readonly delayMs: number
  /** Share of the receivers that miss it. */
  readonly lossRatio: number
}

export interface ShellsParts {
  readonly nodes: readonly SimulatedNode[]
  readonly indexOf: (peerId: string) => number
  readonly queue: EventQueue<Happening>
  readonly network: Network
  readonly random: Random
  readonly gossipsub: GossipsubModel | null
  /** Null: as the real node spaces its syncs. */
  readonly syncIntervalMs: number | null
  readonly transcript: Transcript | null
  readonly onEvent: (node: number, event: MemberEvent) => void
}

export class Shells {
  readonly totals = { packets: 0, bytes: 0, announcements: 0, streamMessages: 0, steps: 0 }
  readonly #in: ShellsParts
  readonly #syncs: SyncShell

  constructor(parts: ShellsParts) {
    this.#in = parts
    this.#syncs = new SyncShell({
      ...parts, intervalMs: parts.syncIntervalMs,
      take: (node, from, entries) => { this.takeSync(node, from, entries) },
      onJoined: (node) => { this.becomeAlive(node) },
    })
  }

  get #nowMs(): number {
    return this.#in.queue.nowMs
  }

  handle(index: number, happening: Happening): void {
    if (happening.kind === 'call') {
      happening.run()
      return
    }
    const node = this.#node(index)
    if (!node.running) {
      if (happening.kind === 'sync-question') this.#syncs.handleFailed(happening.from, happening.fromLife)
      return
    }
    if (node.hold !== 'none' && happening.kind !== 'release') {
      const isTimer = happening.kind === 'timer' || happening.kind === 'monitor' || happening.kind === 'census'
      if (node.hold === 'paused' || !isTimer) {
        // Only what arrives is kept; timers are late and run at the release.
        if (!isTimer && node.inbox.length < (node.hold === 'paused' ? INBOX_MAX : BLOCKED_INBOX_MAX)) node.inbox.push(happening)
        return
      }
    }
    switch (happening.kind) {
      case 'timer':
        if (happening.life !== node.life || happening.atMs !== node.armedMs) return
        node.armedMs = null
        this.log(node, 'timeout')
        this.step(node, [], () => node.machine.handleTimeout(this.#nowMs))
        if (node.phase === 'left' && node.machine.isLeaveTransmitted) this.#stop(node)
        break
      case 'monitor':
        if (happening.life === node.life) this.#look(node)
        break
      case 'census':
        if (happening.life !== node.life) return
        this.#tellSpreading(node)
        if (node.isSpreading) this.#in.queue.push(this.#nowMs + CENSUS_MS, node.index, happening)
        break
      case 'packet': {
        const { from, packet, bytes } = happening
        node.traffic.datagramsReceived++
        node.traffic.datagramBytesReceived += bytes
        this.log(node, 'packet', from, packet.probe?.kind ?? 'gossip', packet.updates.length)
        this.step(node, packet.updates, () => node.machine.handlePacket(this.#nowMs, this.#peerId(from), packet))
        break
      }
      case 'updates': {
        const { from, updates } = happening
        node.traffic.announcementsReceived++
        node.traffic.announcementBytesReceived += announcementBytes(updates)
        this.log(node, 'updates', from, updates.length)
        this.step(node, updates, () => node.machine.handleUpdates(this.#nowMs, { from: this.#peerId(from), updates }))
        break
      }
      case 'sync-question':
        this.log(node, 'sync-question', happening.from, happening.request.kind)
        this.#syncs.handleQuestion(node, happening)
        break
      case 'sync-answer':
        if (happening.life !== node.life) return
        this.log(node, 'sync-answer', happening.from, happening.answer.kind)
        this.#syncs.handleAnswer(node, happening)
        break
      case 'sync-tick':
        if (happening.life === node.life) this.#syncs.handleTick(node, happening.pausedMs)
        break
      case 'join':
        if (happening.life === node.life) this.#syncs.handleJoin(node)
        break
      case 'evidence':
        this.log(node, 'evidence', happening.about)
        this.step(node, [], () => node.machine.handleEvidence(this.#nowMs, this.#peerId(happening.about), 'closed'))
        break
      case 'connected':
        if (happening.life !== node.life) return
        this.log(node, 'connected', happening.about, happening.result)
        this.step(node, [], () => node.machine.handleConnect(this.#nowMs, { peerId: this.#peerId(happening.about), result: happening.result }))
        break
      case 'stream-ping': {
        const delayMs = this.#in.network.delayMs() + this.#in.network.retransmissionMs(node.index, happening.from)
        this.#in.queue.push(this.#nowMs + delayMs, happening.from, { kind: 'stream-pong', life: happening.fromLife, from: node.index, sequence: happening.sequence })
        break
      }
      case 'stream-pong':
        if (happening.life !== node.life) return
        this.log(node, 'stream-pong', happening.from)
        this.step(node, [], () => node.machine.handleStreamPing(this.#nowMs, { peerId: this.#peerId(happening.from), sequence: happening.sequence, answered: true }))
        break
      case 'release': this.#release(node, happening.life); break
    }
  }

  becomeAlive(node: SimulatedNode): void {
    this.log(node, 'alive')
    this.step(node, [], () => node.machine.becomeAlive(this.#nowMs))
    node.phase = 'alive'
    this.#syncs.arm(node)
  }

  /** One call into a machine: check it, perform its effects, arm its timer. `updates`: what the step may have believed, beside its events. */
  step(node: SimulatedNode, updates: readonly Update[], call: () => MembershipEffect[]): void {
    this.totals.steps++
    const phaseBefore = node.phase
    const effects = call()
    if (node.checker !== null) this.#check(node, phaseBefore, effects, updates.map(updateSubject))
    this.#performAll(node, effects)
    this.#arm(node)
  }

  log(node: SimulatedNode, what: string, ...details: ReadonlyArray<string | number>): void {
    this.#in.transcript?.add(`${this.#nowMs} ${node.index} ${what} ${details.join(' ')}`)
  }

  // --- effects -------------------------------------------------------------------------------------------------------------

  #performAll(node: SimulatedNode, effects: readonly MembershipEffect[]): void {
    for (const effect of effects) {
      // A blocked node sends nothing; what it finds out by itself it knows all the same.
      if (node.hold === 'blocked' && effect.kind !== 'event' && effect.kind !== 'rtt' && effect.kind !== 'lost') node.outbox.push(effect)
      else this.#perform(node, effect)
    }
  }

  #perform(node: SimulatedNode, effect: MembershipEffect): void {
    const { network, queue } = this.#in
    switch (effect.kind) {
      case 'send': {
        const { packet } = effect
        const to = this.#in.indexOf(effect.to)
        const bytes = packetBytes(packet) + SEAL_BYTES
        this.totals.packets++
        this.totals.bytes += bytes
        node.traffic.datagramsSent++
        node.traffic.datagramBytesSent += bytes
        this.log(node, 'send', to, packet.probe?.kind ?? 'gossip', packet.updates.length)
        for (const delayMs of network.datagramDelaysMs(node.index, to)) queue.push(this.#nowMs + delayMs, to, { kind: 'packet', from: node.index, packet, bytes })
        break
      }
      case 'event':
        this.log(node, 'event', effect.event.type, effect.event.record.peerId, effect.event.record.incarnation, effect.event.reason)
        this.#in.onEvent(node.index, effect.event)
        this.#tellMonitor(node, effect.event)
        break
      case 'announce': this.#announce(node, effect.updates); break
      case 'sync': this.#syncs.start(node, this.#in.indexOf(effect.peerId)); break
      case 'forgotten': this.log(node, 'forgotten', effect.peerId); break
      case 'twin': this.log(node, 'twin', effect.record.incarnation); break
      case 'connect': this.#connect(node, this.#in.indexOf(effect.peerId), effect.timeoutMs); break
      case 'stream-ping': {
        const to = this.#in.indexOf(effect.peerId)
        if (!network.isOpenBothWays(node.index, to) || !this.#node(to).running) break
        this.totals.streamMessages += 2
        const delayMs = network.delayMs() + network.retransmissionMs(node.index, to)
        queue.push(this.#nowMs + delayMs, to, { kind: 'stream-ping', from: node.index, fromLife: node.life, sequence: effect.sequence })
        break
      }
      case 'rtt':
      case 'lost':
      case 'load': break
    }
  }

  #announce(node: SimulatedNode, updates: readonly Update[]): void {
    this.totals.announcements++
    const { gossipsub, network, random, queue } = this.#in
    if (gossipsub === null) return
    const { delayMs, lossRatio } = gossipsub
    const delivery: Happening = { kind: 'updates', from: node.index, updates }
    for (const other of this.#in.nodes) {
      if (other === node || !other.running || !network.isOpenBothWays(node.index, other.index)) continue
      if (lossRatio > 0 && random() < lossRatio) continue
      queue.push(this.#nowMs + delayMs * (0.5 + random()) + network.retransmissionMs(node.index, other.index), other.index, delivery)
    }
  }

  /** The kernel of a paused process still accepts connections; that of a host with a dead process refuses them. */
  #connect(node: SimulatedNode, about: number, timeoutMs: number): void {
    const { network, queue } = this.#in
    const isReached = network.isOpenBothWays(node.index, about) && !network.isLost(node.index, about) && !network.isLost(about, node.index)
    const answer: ConnectResult = this.#node(about).running ? 'open' : 'refused'
    const delayMs = isReached ? network.delayMs() + network.delayMs() : timeoutMs
    queue.push(this.#nowMs + delayMs, node.index, { kind: 'connected', life: node.life, about, result: isReached ? answer : 'silent' })
  }

  /** Another node's lines, as they come in a sync; also when there are none, for they show that it is there. */
  takeSync(node: SimulatedNode, from: number, entries: readonly SyncEntry[]): void {
    const subjects = node.checker === null ? [] : entries.map(({ signed }): Update => ({ kind: 'record', signed }))
    this.step(node, subjects, () => node.machine.handleSync(this.#nowMs, { from: this.#peerId(from), entries }))
  }

  // --- time, holds, partitions -----------------------------------------------------------------------------------------------

  /** The timer stays where it is when the next deadline is later; then it looks again. */
  #arm(node: SimulatedNode): void {
    const nextMs = node.machine.nextDeadlineMs()
    if (nextMs === null || (node.armedMs !== null && node.armedMs <= nextMs)) return
    node.armedMs = nextMs
    this.#in.queue.push(nextMs, node.index, { kind: 'timer', life: node.life, atMs: nextMs })
  }

  #release(node: SimulatedNode, life: number): void {
    if (life !== node.life || this.#nowMs < node.heldUntilMs) return
    const wasPaused = node.hold === 'paused'
    node.hold = 'none'
    this.log(node, 'release')
    this.#performAll(node, node.outbox.splice(0))
    if (wasPaused) {
      // As Node's event loop does it: late timers first, then what lies in the sockets.
      node.armedMs = null
      this.step(node, [], () => node.machine.handleTimeout(this.#nowMs))
      this.#look(node)
      if (node.isSpreading) this.#in.queue.push(this.#nowMs + CENSUS_MS, node.index, { kind: 'census', life })
    }
    for (const held of node.inbox.splice(0)) this.handle(node.index, held)
  }

  #stop(node: SimulatedNode): void {
    this.step(node, [], () => node.machine.stop(this.#nowMs))
    node.phase = 'stopped'
    node.running = false
  }

  #tellMonitor(node: SimulatedNode, { type, record: { peerId } }: MemberEvent): void {
    if (node.monitor === null) return
    const beforeMs = node.monitor.nextDeadlineMs()
    node.monitor.handleEvent(this.#nowMs, { type, peerId })
    const nextMs = node.monitor.nextDeadlineMs()
    if (nextMs !== null && nextMs !== beforeMs) this.#in.queue.push(nextMs, node.index, { kind: 'monitor', life: node.life })
    this.#tellSpreading(node)
  }

  #look(node: SimulatedNode): void {
    if (node.monitor === null) return
    const dueMs = node.monitor.nextDeadlineMs()
    if (dueMs !== null && dueMs <= this.#nowMs) {
      node.monitor.handleTimeout(this.#nowMs)
      const nextMs = node.monitor.nextDeadlineMs()
      if (nextMs !== null) this.#in.queue.push(nextMs, node.index, { kind: 'monitor', life: node.life })
    }
    this.#tellSpreading(node)
  }

  #tellSpreading(node: SimulatedNode): void {
    const isSpreading = node.monitor?.isSpreading(this.#nowMs) === true
    if (isSpreading === node.isSpreading) return
    node.isSpreading = isSpreading
    this.log(node, isSpreading ? 'partition' : 'no partition')
    if (isSpreading) this.#in.queue.push(this.#nowMs + CENSUS_MS, node.index, { kind: 'census', life: node.life })
    this.step(node, [], () => node.machine.handlePartition(this.#nowMs, isSpreading))
  }

  #check(node: SimulatedNode, phaseBefore: SimulatedNode['phase'], effects: readonly MembershipEffect[], subjects: readonly string[]): void {
    try {
      node.checker?.check(node.machine, phaseBefore, effects, subjects)
    } catch (error) {
      if (error instanceof SafetyViolation) error.message = `${node.peerId} at ${this.#nowMs.toFixed(3)} ms: ${error.message}`
      throw error
    }
  }

  #peerId(index: number): string {
    return this.#node(index).peerId
  }

  #node(index: number): SimulatedNode {
    const node = this.#in.nodes[index]
    if (node === undefined) throw new RangeError(`no node ${index}`)
    return node
  }
}
