/**
 * Who probes whom in which period, agreed without a word (extension). In SWIM every node picks its targets by itself, so how long a dead member
 * goes unprobed is left to chance: e/(e − 1) = 1.58 periods on average (SWIM §3.1), and more than four periods in one case of fifty. Here the
 * members stand on a ring in the order of their hashes, and in period t each node probes the one that stands 1 + t mod (N − 1) places after
 * it. With the same members and about the same clock everywhere, each member is probed by exactly one other in each period, and by every other
 * in turn. Views or clocks that differ only bring back chance.
 *
 * The order is computed when it is needed and has changed, at most once a period.
 */
import type { MemberEntry, MemberPool } from './member-table.ts'
import type { Candidate } from './observers.ts'

export class ProbeSchedule {
  readonly #self: Candidate
  #order: readonly MemberEntry[] = []
  /** This node's place among them: as many stand before it. */
  #place = 0
  #version = -1

  constructor(self: Candidate) {
    this.#self = self
  }

  /** The member to probe in this period; null while there is none. O(1), O(N log N) after a change. */
  target(period: number, active: MemberPool): MemberEntry | null {
    if (active.size === 0) return null
    if (this.#version !== active.version) this.#sort(active)
    const offset = period % active.size
    // The ring without this node: the one right after it has this node's own place.
    return this.#order[(this.#place + offset) % active.size] ?? null
  }

  #sort(active: MemberPool): void {
    this.#version = active.version
    this.#order = [...active.items].sort((a, b) => (isBefore(a, b) ? -1 : 1))
    this.#place = this.#order.filter((entry) => isBefore(entry, this.#self)).length
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.hash < b.hash || (a.hash === b.hash && a.peerId < b.peerId)
}
