/**
 * Push-pull over streams, as src/node/sync-driver.ts makes it: the machine's own questions and answers, one round trip each, with somebody at random every
 * interval, with a seed to join, and with whomever the machine asks for.
 */
import { nextSyncMs, syncEntriesIn, syncMessageBytes, type SyncAnswer, type SyncRequest } from '../../src/core/membership/push-pull.ts'
import type { SyncEntry } from '../../src/core/membership/types.ts'
import { randomInteger, type Random } from '../../src/core/time/random.ts'
import type { EventQueue } from './event-queue.ts'
import type { Network } from './network.ts'
import type { Happening, SimulatedNode } from './simulated-node.ts'
import { SYNC_FRAME_BYTES } from './traffic.ts'

const JOIN_RETRY_MS = 1000
/** Who joins in a crowd misses those that joined at the same moment elsewhere; one more sync soon after finds them. */
const SECOND_SYNC_MS = 2000
const TIMEOUT_MS = 5000

export interface SyncShellParts {
  readonly nodes: readonly SimulatedNode[]
  readonly queue: EventQueue<Happening>
  readonly network: Network
  readonly random: Random
  /** Null: as the real node spaces them; 0: never but to join. */
  readonly intervalMs: number | null
  readonly take: (node: SimulatedNode, from: number, entries: readonly SyncEntry[]) => void
  readonly onJoined: (node: SimulatedNode) => void
}

export class SyncShell {
  readonly totals = { syncs: 0, syncDifferences: 0 }
  readonly #in: SyncShellParts

  constructor(parts: SyncShellParts) {
    this.#in = parts
  }

  /** The first sync after joining; later ones follow by themselves. */
  arm(node: SimulatedNode): void {
    if (this.#in.intervalMs !== 0) this.#armIn(node, this.#in.intervalMs ?? SECOND_SYNC_MS)
  }

  handleTick(node: SimulatedNode, pausedMs: number): void {
    if (node.phase !== 'alive') return
    this.#armIn(node, this.#in.intervalMs ?? nextSyncMs(pausedMs, node.machine.countOf('alive') + node.machine.countOf('suspect') + 1))
    const partner = this.#randomAliveMember(node)
    if (partner !== null) this.start(node, partner)
  }

  handleJoin(node: SimulatedNode): void {
    if (node.phase !== 'joining') return
    const seed = this.#in.nodes.find((other) => other !== node && other.running && other.phase === 'alive')
    if (seed === undefined) this.#in.onJoined(node)
    else this.start(node, seed.index)
  }

  start(node: SimulatedNode, partner: number): void {
    const { network, queue, random } = this.#in
    if (!network.isOpenBothWays(node.index, partner)) {
      this.handleFailed(node.index, node.life)
      return
    }
    this.totals.syncs++
    // A handshake first: one round trip.
    this.#ask(node, partner, node.machine.syncRequest(queue.nowMs, randomInteger(random, 2 ** 32)), { untilMs: queue.nowMs + TIMEOUT_MS, delayMs: network.delayMs() + network.delayMs() })
  }

  handleQuestion(node: SimulatedNode, { from, fromLife, request, untilMs }: Extract<Happening, { kind: 'sync-question' }>): void {
    const { network, queue, nodes } = this.#in
    const asker = nodes[from] as SimulatedNode
    if (!asker.running || asker.life !== fromLife || queue.nowMs > untilMs) return
    if (!network.isOpenBothWays(node.index, from)) {
      this.handleFailed(from, fromLife)
      return
    }
    if (request.kind === 'delta' || request.kind === 'whole') this.totals.syncDifferences++
    this.#in.take(node, from, syncEntriesIn(request))
    const answer = node.machine.syncAnswer(queue.nowMs, asker.peerId, request)
    count(node, asker, answer)
    const delayMs = network.delayMs() + network.retransmissionMs(node.index, from)
    queue.push(queue.nowMs + delayMs, from, { kind: 'sync-answer', life: fromLife, from: node.index, request, answer, untilMs })
  }

  handleAnswer(node: SimulatedNode, { from, request, answer, untilMs }: Extract<Happening, { kind: 'sync-answer' }>): void {
    const { queue } = this.#in
    if (queue.nowMs > untilMs) {
      this.handleFailed(node.index, node.life)
      return
    }
    this.#in.take(node, from, syncEntriesIn(answer))
    const next = node.machine.syncNext(queue.nowMs, request, answer)
    if (next !== null) this.#ask(node, from, next, { untilMs, delayMs: 0 })
    else if (node.phase === 'joining') this.#in.onJoined(node)
  }

  /** Who wanted to join tries again. */
  handleFailed(index: number, life: number): void {
    const node = this.#in.nodes[index] as SimulatedNode
    if (!node.running || node.life !== life || node.phase !== 'joining') return
    this.#in.queue.push(this.#in.queue.nowMs + JOIN_RETRY_MS * (0.5 + this.#in.random()), index, { kind: 'join', life })
  }

  #ask(node: SimulatedNode, to: number, request: SyncRequest, { untilMs, delayMs }: { readonly untilMs: number; readonly delayMs: number }): void {
    const { network, queue, nodes } = this.#in
    count(node, nodes[to] as SimulatedNode, request)
    const atMs = queue.nowMs + delayMs + network.delayMs() + network.retransmissionMs(node.index, to)
    queue.push(atMs, to, { kind: 'sync-question', from: node.index, fromLife: node.life, request, untilMs })
  }

  #armIn(node: SimulatedNode, ms: number): void {
    this.#in.queue.push(this.#in.queue.nowMs + ms * (0.75 + 0.5 * this.#in.random()), node.index, { kind: 'sync-tick', life: node.life, pausedMs: ms })
  }

  #randomAliveMember(node: SimulatedNode): number | null {
    for (let attempt = 0; attempt < 5; attempt++) {
      const other = this.#in.nodes[randomInteger(this.#in.random, this.#in.nodes.length)] as SimulatedNode
      if (other !== node && node.machine.stateOf(other.peerId) === 'alive') return other.index
    }
    return null
  }
}

function count(from: SimulatedNode, to: SimulatedNode, message: SyncRequest | SyncAnswer): void {
  const bytes = syncMessageBytes(message) + SYNC_FRAME_BYTES
  from.traffic.syncBytesSent += bytes
  to.traffic.syncBytesReceived += bytes
}
