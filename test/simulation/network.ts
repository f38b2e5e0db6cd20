/**
 * A seeded network between numbered nodes: latency, loss, reordering, duplication, one-way cuts and partitions, and what they mean for
 * TCP: a lost segment is sent again after a timeout that doubles, and a connection needs both directions.
 */
import type { Random } from '../../src/core/time/random.ts'

export interface NetworkConditions {
  /** One way, before jitter. */
  latencyMs: number
  /** Mean of the exponential jitter on top. */
  jitterMs: number
  /** 0–1, of each datagram. */
  lossRatio: number
  duplicateRatio: number
  /** Share of datagrams held back by up to `reorderDelayMs`, so that later ones overtake them. */
  reorderRatio: number
  reorderDelayMs: number
}

export const CALM: Readonly<NetworkConditions> = { latencyMs: 0.3, jitterMs: 0.2, lossRatio: 0, duplicateRatio: 0, reorderRatio: 0, reorderDelayMs: 0 }

/** Linux's smallest retransmission timeout. */
const TCP_RETRANSMIT_MS = 200
/** A segment that is not through by then is not waited for. */
const TCP_GIVES_UP_MS = 20_000

export class Network {
  readonly conditions: NetworkConditions
  readonly #random: Random
  readonly #cuts = new Set<string>()
  readonly #ingressLoss = new Map<number, number>()
  readonly #egressLoss = new Map<number, number>()
  #sides: ReadonlyMap<number, number> | null = null

  constructor(random: Random, conditions: Partial<NetworkConditions>) {
    this.#random = random
    this.conditions = { ...CALM, ...conditions }
  }

  /** Nodes of different groups cannot reach each other; a node in no group belongs to the first. */
  partition(groups: ReadonlyArray<readonly number[]>): void {
    this.#sides = new Map(groups.flatMap((group, side) => group.map((node) => [node, side] as const)))
  }

  healPartition(): void {
    this.#sides = null
  }

  /** Drops everything from one node to another, and only in this direction. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`)
  }

  mendCuts(): void {
    this.#cuts.clear()
  }

  /** Of what arrives at this node, from anywhere; 0 for none. */
  setIngressLoss(node: number, lossRatio: number): void {
    setRatio(this.#ingressLoss, node, lossRatio)
  }

  /** Of what this node sends, to anywhere; 0 for none. */
  setEgressLoss(node: number, lossRatio: number): void {
    setRatio(this.#egressLoss, node, lossRatio)
  }

  isOpen(from: number, to: number): boolean {
    if (this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`)) return false
    return this.#sides === null || (this.#sides.get(from) ?? 0) === (this.#sides.get(to) ?? 0)
  }

  /** Streams need both directions. */
  isOpenBothWays(a: number, b: number): boolean {
    return this.isOpen(a, b) && this.isOpen(b, a)
  }

  /** The delays after which copies of a datagram arrive: none, one, or two. */
  datagramDelaysMs(from: number, to: number): number[] {
    const { duplicateRatio } = this.conditions
    if (!this.isOpen(from, to) || this.isLost(from, to)) return []
    const delays = [this.delayMs()]
    if (duplicateRatio > 0 && this.#random() < duplicateRatio) delays.push(this.delayMs())
    return delays
  }

  /** Draws whether one packet is lost. */
  isLost(from: number, to: number): boolean {
    const lossRatio = this.#lossRatio(from, to)
    return lossRatio > 0 && this.#random() < lossRatio
  }

  delayMs(): number {
    const { latencyMs, jitterMs, reorderRatio, reorderDelayMs } = this.conditions
    let delayMs = latencyMs - jitterMs * Math.log(1 - this.#random())
    if (reorderRatio > 0 && this.#random() < reorderRatio) delayMs += this.#random() * reorderDelayMs
    return delayMs
  }

  /** How much later a segment arrives over TCP because it, or the acknowledgement, was lost and sent again. */
  retransmissionMs(from: number, to: number): number {
    const lossRatio = 1 - (1 - this.#lossRatio(from, to)) * (1 - this.#lossRatio(to, from))
    let delayMs = 0
    if (lossRatio === 0) return delayMs
    for (let timeoutMs = TCP_RETRANSMIT_MS; delayMs < TCP_GIVES_UP_MS && this.#random() < lossRatio; timeoutMs *= 2) delayMs += timeoutMs
    return delayMs
  }

  #lossRatio(from: number, to: number): number {
    const { lossRatio } = this.conditions
    if (this.#egressLoss.size === 0 && this.#ingressLoss.size === 0) return lossRatio
    return 1 - (1 - lossRatio) * (1 - (this.#egressLoss.get(from) ?? 0)) * (1 - (this.#ingressLoss.get(to) ?? 0))
  }
}

function setRatio(ratios: Map<number, number>, node: number, ratio: number): void {
  if (ratio > 0) ratios.set(node, ratio)
  else ratios.delete(node)
}
