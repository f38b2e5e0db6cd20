/**
 * What share of this node's own pings goes unanswered at the moment, whomever it pings: the yardstick for whoever seems to lose more. Only the
 * last few outcomes of each member count, so that a member that is pinged often, because it is watched, does not weigh more than others.
 */
const MEMBERS_MAX = 32
const OUTCOMES_MAX = 3
/** A network is lossy when more than this share of the pings is lost, and not just one by chance. */
export const LOSSY_RATIO = 0.2
const LOST_MIN = 2

interface Outcome {
  readonly atMs: number
  readonly lost: boolean
}

export class DirectLoss {
  readonly #windowMs: number
  /** By member, the one heard of longest ago first; each oldest first. */
  readonly #outcomes = new Map<string, readonly Outcome[]>()

  constructor(init: { readonly windowMs: number }) {
    this.#windowMs = init.windowMs
  }

  note(nowMs: number, peerId: string, lost: boolean): void {
    const held = this.#outcomes.get(peerId) ?? []
    this.#outcomes.delete(peerId)
    this.#outcomes.set(peerId, [...held.slice(1 - OUTCOMES_MAX), { atMs: nowMs, lost }])
    if (this.#outcomes.size <= MEMBERS_MAX) return
    for (const oldest of this.#outcomes.keys()) {
      this.#outcomes.delete(oldest)
      break
    }
  }

  /** 0–1, of the pings to all but this member. Laplace's rule, (lost + 1) / (n + 2), keeps few pings from meaning much. */
  ratio(nowMs: number, exceptPeerId: string): number {
    return this.sample(nowMs, exceptPeerId).ratio
  }

  /** So much is lost to others as well that a single loss says little. */
  isNetworkLossy(nowMs: number, exceptPeerId: string): boolean {
    const { lost, pings } = this.sample(nowMs, exceptPeerId)
    return lost >= LOST_MIN && lost > LOSSY_RATIO * pings
  }

  /** The ratio, with the pings that it rests on. */
  sample(nowMs: number, exceptPeerId: string): { readonly ratio: number; readonly pings: number; readonly lost: number } {
    let lost = 0
    let pings = 0
    for (const [peerId, outcomes] of this.#outcomes) {
      if (peerId === exceptPeerId) continue
      for (const outcome of outcomes) {
        if (nowMs - outcome.atMs > this.#windowMs) continue
        pings++
        if (outcome.lost) lost++
      }
    }
    return { ratio: (lost + 1) / (pings + 2), pings, lost }
  }
}
