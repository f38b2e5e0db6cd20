/**
 * Members that something speaks against, but that others are better placed to look at: a broken connection to one that this node does not observe, a
 * verdict of a single other. They are probed one to two ack timeouts later, if nobody has told more by then, so that a crash costs K pings, not N.
 */
import type { Deadlines } from '../time/deadlines.ts'
import type { Random } from '../time/random.ts'
import type { DeadlineName } from './deadline-names.ts'
import { isActive, type MemberEntry, type MemberTable } from './member-table.ts'
import type { MembershipOptions } from './options.ts'
import type { Prober } from './prober.ts'
import type { Evidence } from './types.ts'

export interface LateProbesSurroundings {
  readonly options: MembershipOptions
  readonly random: Random
  readonly table: MemberTable
  readonly deadlines: Deadlines<DeadlineName>
  readonly prober: Prober
}

export class LateProbes {
  readonly #in: LateProbesSurroundings
  readonly #evidence = new Map<string, Evidence>()

  constructor(surroundings: LateProbesSurroundings) {
    this.#in = surroundings
  }

  add(nowMs: number, { peerId }: MemberEntry, evidence: Evidence): void {
    const { options, random, deadlines } = this.#in
    this.#evidence.set(peerId, evidence)
    deadlines.set(`evidence:${peerId}`, nowMs + options.ackTimeoutMs * (1 + random()))
  }

  handleTimeout(nowMs: number, peerId: string): void {
    const evidence = this.#evidence.get(peerId)
    this.#evidence.delete(peerId)
    const entry = this.#in.table.get(peerId)
    if (evidence !== undefined && entry !== undefined && isActive(entry)) this.#in.prober.startOnEvidence(nowMs, entry, evidence)
  }

  clear(): void {
    for (const peerId of this.#evidence.keys()) this.#in.deadlines.delete(`evidence:${peerId}`)
    this.#evidence.clear()
  }
}
