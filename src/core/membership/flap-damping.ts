/**
 * Members that come and go (after route flap damping, RFC 2439 §4): each failure adds 1 to a penalty that decays by half in HALF_LIFE_MS. Above
 * SUPPRESS_AT the member is shown as flapping, and even a restart does not bring it back without probation, until the penalty has sunk
 * below REUSE_AT. A crash or two a day never show; a process that a supervisor restarts every few seconds does at its third crash.
 */
export const HALF_LIFE_MS = 120_000
export const SUPPRESS_AT = 2.5
export const REUSE_AT = 0.75
/** More failures say nothing new, and settling stays within reach: three half-lives from here to REUSE_AT. */
export const PENALTY_MAX = 6
/** A penalty below this is nothing. */
const NEGLIGIBLE = 0.05
const MEMBERS_MAX = 10_000

export const PROBATION_MIN_MS = 5_000
export const PROBATION_BASE_MAX_MS = 60_000
export const PROBATION_MAX_MS = 300_000

/**
 * How long a member that came back must be well before it is taken back: twice as long as it was away, from 5 s to 60 s, times its
 * penalty where that exceeds 1, at most 5 min. Whatever is away and back in equal shares never gets in.
 */
export function probationMs({ awayMs, penalty }: { readonly awayMs: number; readonly penalty: number }): number {
  const baseMs = Math.min(PROBATION_BASE_MAX_MS, Math.max(PROBATION_MIN_MS, 2 * awayMs))
  return Math.min(PROBATION_MAX_MS, baseMs * Math.max(1, penalty))
}

interface Score {
  readonly penalty: number
  readonly atMs: number
  readonly isFlapping: boolean
}

export class FlapDamping {
  /** Oldest note first. */
  readonly #scores = new Map<string, Score>()

  get size(): number {
    return this.#scores.size
  }

  /** One failure more; says so when it is the one that makes the member flapping. */
  note(nowMs: number, peerId: string): 'flapping' | null {
    const held = this.#scores.get(peerId)
    const penalty = Math.min(PENALTY_MAX, this.penalty(nowMs, peerId) + 1)
    // One whose time to settle has passed is none any more, even if whoever should have settled it has lost sight of it.
    const wasFlapping = held !== undefined && held.isFlapping && nowMs < this.settledAtMs(peerId)
    this.#scores.delete(peerId)
    this.#scores.set(peerId, { penalty, atMs: nowMs, isFlapping: wasFlapping || penalty >= SUPPRESS_AT })
    this.#prune(nowMs)
    return !wasFlapping && penalty >= SUPPRESS_AT ? 'flapping' : null
  }

  penalty(nowMs: number, peerId: string): number {
    const score = this.#scores.get(peerId)
    return score === undefined ? 0 : score.penalty * 2 ** (-(nowMs - score.atMs) / HALF_LIFE_MS)
  }

  /** Until it is settled, however long ago that might have been done. */
  isFlapping(peerId: string): boolean {
    return this.#scores.get(peerId)?.isFlapping ?? false
  }

  /** When its penalty will have sunk to REUSE_AT. */
  settledAtMs(peerId: string): number {
    const score = this.#scores.get(peerId)
    return score === undefined ? 0 : score.atMs + Math.max(0, HALF_LIFE_MS * Math.log2(score.penalty / REUSE_AT))
  }

  /** True when it has settled, and is forgotten. */
  settle(nowMs: number, peerId: string): boolean {
    if (nowMs < this.settledAtMs(peerId)) return false
    this.#scores.delete(peerId)
    return true
  }

  /** What was noted longest ago and weighs nothing goes; beyond the bound the oldest goes whatever it weighs. */
  #prune(nowMs: number): void {
    for (const peerId of this.#scores.keys()) {
      if (this.#scores.size <= MEMBERS_MAX && this.penalty(nowMs, peerId) > NEGLIGIBLE) return
      this.#scores.delete(peerId)
    }
  }
}
