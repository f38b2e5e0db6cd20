/** A seeded network between numbered nodes: latency, loss, reordering, duplication, one-way cuts and partitions. */
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

export class Network {
  readonly conditions: NetworkConditions
  readonly #random: Random
  readonly #cuts = new Set<string>()
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
    const { lossRatio, duplicateRatio } = this.conditions
    if (!this.isOpen(from, to)) return []
    if (lossRatio > 0 && this.#random() < lossRatio) return []
    const delays = [this.delayMs()]
    if (duplicateRatio > 0 && this.#random() < duplicateRatio) delays.push(this.delayMs())
    return delays
  }

  delayMs(): number {
    const { latencyMs, jitterMs, reorderRatio, reorderDelayMs } = this.conditions
    let delayMs = latencyMs - jitterMs * Math.log(1 - this.#random())
    if (reorderRatio > 0 && this.#random() < reorderRatio) delayMs += this.#random() * reorderDelayMs
    return delayMs
  }
}
