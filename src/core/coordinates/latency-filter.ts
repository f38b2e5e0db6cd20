/**
 * The median of the last three round trips to each peer (Ledlie, Gardner, Seltzer, NSDI 2007, §4.1: a moving percentile filter), so that
 * one answer that lay in a queue does not throw a coordinate about. Three and not more, since a peer of a large mesh is seldom measured.
 */
export const FILTER_SAMPLES = 3

export class LatencyFilter {
  readonly #peersMax: number
  /** The peer measured longest ago first; each oldest first. */
  readonly #samples = new Map<string, readonly number[]>()

  constructor({ peersMax }: { readonly peersMax: number }) {
    this.#peersMax = peersMax
  }

  get size(): number {
    return this.#samples.size
  }

  /** Takes a sample in and gives the median; of two the larger. */
  add(peerId: string, rttMs: number): number {
    const held = [...(this.#samples.get(peerId) ?? []).slice(1 - FILTER_SAMPLES), rttMs]
    this.#samples.delete(peerId)
    this.#samples.set(peerId, held)
    if (this.#samples.size > this.#peersMax) for (const oldest of this.#samples.keys()) {
      this.#samples.delete(oldest)
      break
    }
    const sorted = held.toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] as number
  }

  forget(peerId: string): void {
    this.#samples.delete(peerId)
  }
}
