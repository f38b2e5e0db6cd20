/**
 * A suspicion is a claim with a fuse: unless the suspect refutes it with a higher incarnation before the fuse ends, it is declared
 * failed (SWIM §4.2). The fuse must be long enough for the claim to reach the suspect and for its answer to come back by gossip,
 * both of which take O(log N) periods; hence the logarithm.
 *
 * Lifeguard (§IV-B) starts with a long fuse and shortens it with each member that comes to the same finding independently: an accuser
 * that is itself slow stays alone with its claim, and then the accused has all the time to answer.
 */
import type { MembershipOptions } from './options.ts'
import type { Evidence } from './types.ts'

/** Accusers kept per suspicion; more say nothing new. */
export const ACCUSERS_MAX = 8

/** suspicionMultiplier · max(1, log10 N) · probeInterval, N with this node (memberlist's `suspicionTimeout`). */
export function suspicionMinMs(options: Pick<MembershipOptions, 'suspicionMultiplier' | 'probeIntervalMs'>, members: number): number {
  return options.suspicionMultiplier * Math.max(1, Math.log10(Math.max(1, members))) * options.probeIntervalMs
}

/** Extension: with observers, who come to their finding within a second, even a short suspicion waits for two other voices. */
export const CONFIRMATIONS_MIN = 2

/** Confirmations that bring the fuse to its shortest: memberlist's suspicionMultiplier − 2, at least `least`; none where so few cannot be had. */
export function confirmationsWanted(options: Pick<MembershipOptions, 'suspicionMultiplier'>, members: number, least = 0): number {
  const wanted = Math.max(least, Math.floor(options.suspicionMultiplier - 2))
  return members - 2 < wanted ? 0 : wanted
}

/** max(min, max − (max − min) · ln(C + 1) / ln(k + 1)) (Lifeguard §IV-B); `minMs` when k is 0. */
export function suspicionTimeoutMs({ minMs, maxMs, confirmations, wanted }: { readonly minMs: number; readonly maxMs: number; readonly confirmations: number; readonly wanted: number }): number {
  if (wanted < 1) return minMs
  return Math.max(minMs, maxMs - (maxMs - minMs) * Math.log(confirmations + 1) / Math.log(wanted + 1))
}

export class Suspicion {
  readonly startedMs: number
  readonly minMs: number
  readonly maxMs: number
  readonly wanted: number
  /** When this node's own probe of the suspect began; null while it has only others' word. */
  probeStartedMs: number | null
  /** The strongest that is known. */
  evidence: Evidence
  /** This node, as an observer, found it dead itself: not by anybody's word, nor by a single unanswered probe. */
  isFoundDead = false
  readonly #accusers: string[]

  constructor(init: {
    readonly startedMs: number
    readonly probeStartedMs: number | null
    readonly accuser: string
    readonly evidence: Evidence
    readonly minMs: number
    readonly maxMs: number
    readonly wanted: number
  }) {
    this.startedMs = init.startedMs
    this.probeStartedMs = init.probeStartedMs
    this.evidence = init.evidence
    this.minMs = init.minMs
    this.maxMs = init.maxMs
    this.wanted = init.wanted
    this.#accusers = [init.accuser]
  }

  /** The originator first. */
  get accusers(): readonly string[] {
    return this.#accusers
  }

  /** The originator does not confirm itself. */
  get confirmations(): number {
    return this.#accusers.length - 1
  }

  get expiresMs(): number {
    return this.startedMs + suspicionTimeoutMs(this)
  }

  /** True when this accuser is new and there was room for it. */
  confirm(accuser: string): boolean {
    if (this.#accusers.length >= ACCUSERS_MAX || this.#accusers.includes(accuser)) return false
    this.#accusers.push(accuser)
    return true
  }
}
