/**
 * A suspicion is a claim with a fuse: unless the suspect refutes it with a higher incarnation before the fuse ends, it is declared
 * failed (SWIM §4.2). The fuse must be long enough for the claim to reach the suspect and for its answer to come back by gossip,
 * both of which take O(log N) periods; hence the logarithm.
 *
 * Lifeguard's shortening of the fuse by independent confirmations belongs in `suspicionTimeoutMs`, and `confirm` already counts them.
 */
import type { MembershipOptions } from './options.ts'

/** Accusers kept per suspicion; more say nothing new. */
export const ACCUSERS_MAX = 8

/** suspicionMultiplier · max(1, log10 N) · probeInterval, N with this node (memberlist's `suspicionTimeout`). */
export function suspicionTimeoutMs(options: Pick<MembershipOptions, 'suspicionMultiplier' | 'probeIntervalMs'>, members: number): number {
  return options.suspicionMultiplier * Math.max(1, Math.log10(Math.max(1, members))) * options.probeIntervalMs
}

export class Suspicion {
  readonly startedMs: number
  /** When this node's own probe of the suspect began; null while it has only others' word. */
  probeStartedMs: number | null
  readonly #accusers: string[]

  constructor(init: { readonly startedMs: number; readonly probeStartedMs: number | null; readonly accuser: string }) {
    this.startedMs = init.startedMs
    this.probeStartedMs = init.probeStartedMs
    this.#accusers = [init.accuser]
  }

  get accusers(): readonly string[] {
    return this.#accusers
  }

  /** True when this accuser is new and there was room for it. */
  confirm(accuser: string): boolean {
    if (this.#accusers.length >= ACCUSERS_MAX || this.#accusers.includes(accuser)) return false
    this.#accusers.push(accuser)
    return true
  }
}
