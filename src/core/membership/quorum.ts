/**
 * Whether this node sees the greater part of the mesh. Of two sides of a cut at most one has a majority, so a node that gives up writes
 * without one keeps the copies from parting; whether it does is its own policy (`--minority-policy`).
 *
 * It counts against **everyone who is expected**: this node, the members here, and those that failed after this node had held them for alive
 * or remembered them from an earlier life; identities that are dead by hearsay alone cost nothing to make up. Who has left, or was removed by an
 * operator, is not expected. Who failed so long ago that membership forgot it is dropped only while there is a quorum: a minority that
 * waited long enough would otherwise call itself the whole. A failed member whose name a living one bears was replaced (a node that lost
 * its data folder comes back with a new identity) and is not expected either.
 *
 * Quorum is lost at once and regained after a dwell. Half is not a majority: of two nodes, or of four cut in the middle, both sides
 * lose it. `quorumMin` replaces the majority by a fixed number of reachable members.
 */
import type { MemberState } from './types.ts'

export type MinorityPolicy = 'serve' | 'read-only' | 'refuse'

export interface QuorumOptions {
  /** Members that must be reachable, this node included; null is more than half of those that are expected. */
  readonly quorumMin: number | null
  /** So long the count must suffice before a lost quorum is regained. */
  readonly dwellMs: number
}

/** What the census says of a member other than this node. */
export interface Expected {
  readonly peerId: string
  readonly name: string
  readonly state: MemberState
  /** It was alive here, be it between two censuses. */
  readonly wasMet?: boolean
}

export interface QuorumCount {
  /** This node, and the members that are alive or suspect. */
  readonly reachable: number
  /** All that are expected, this node included. */
  readonly known: number
  readonly needed: number
}

export type QuorumEffect = { readonly kind: 'quorum-lost' | 'quorum-regained' } & QuorumCount

export class QuorumWatch {
  readonly #options: QuorumOptions
  /** Expected but not in the table: remembered from an earlier life, or forgotten by membership. PeerId to name. */
  #unlisted = new Map<string, string>()
  /** In the table, and held for alive here before, or remembered. */
  #met = new Set<string>()
  /** Failed, in the table and met. */
  #failed = new Map<string, string>()
  #count: QuorumCount
  #hasQuorum = true
  #isJudging = false
  #regainAtMs: number | null = null

  constructor(options: QuorumOptions) {
    this.#options = options
    this.#count = { reachable: 1, known: 1, needed: options.quorumMin ?? 1 }
  }

  get hasQuorum(): boolean {
    return this.#hasQuorum
  }

  get count(): QuorumCount {
    return this.#count
  }

  /** Members known from an earlier life: expected until the census says otherwise, or there is a majority even with them. */
  remember(_nowMs: number, members: ReadonlyArray<Pick<Expected, 'peerId' | 'name'>>): QuorumEffect[] {
    for (const { peerId, name } of members) this.#unlisted.set(peerId, name)
    return []
  }

  /** From now on it judges: the node has tried to join. Hand in a census right after. */
  start(_nowMs: number): QuorumEffect[] {
    this.#isJudging = true
    return []
  }

  /** All members other than this node, the failed and the left included. O(N). */
  handleCensus(nowMs: number, { selfName, members }: { readonly selfName: string; readonly members: Iterable<Expected> }): QuorumEffect[] {
    const unlisted = new Map([...this.#unlisted, ...this.#failed])
    const failed = new Map<string, string>()
    const met = new Set<string>()
    const livingNames = new Set([selfName])
    let reachable = 1
    for (const { peerId, name, state, wasMet = false } of members) {
      const isLiving = state !== 'failed' && state !== 'left'
      if (unlisted.delete(peerId) || isLiving || wasMet || this.#met.has(peerId)) met.add(peerId)
      if (state === 'failed') {
        if (met.has(peerId)) failed.set(peerId, name)
      } else if (isLiving) {
        reachable++
        livingNames.add(name)
      }
    }
    for (const absent of [unlisted, failed]) for (const [peerId, name] of absent) if (livingNames.has(name)) absent.delete(peerId)
    this.#unlisted = unlisted
    this.#failed = failed
    this.#met = met
    this.#recount(reachable)
    if (!this.#isJudging) return []
    if (this.#suffices() && unlisted.size > 0) {
      unlisted.clear()
      this.#recount(reachable)
    }
    return this.#judge(nowMs)
  }

  nextDeadlineMs(): number | null {
    return this.#regainAtMs
  }

  handleTimeout(nowMs: number): QuorumEffect[] {
    return this.#judge(nowMs)
  }

  #recount(reachable: number): void {
    const known = reachable + this.#failed.size + this.#unlisted.size
    this.#count = { reachable, known, needed: this.#options.quorumMin ?? Math.floor(known / 2) + 1 }
  }

  #suffices(): boolean {
    return this.#count.reachable >= this.#count.needed
  }

  #judge(nowMs: number): QuorumEffect[] {
    if (!this.#suffices()) {
      this.#regainAtMs = null
      if (!this.#hasQuorum) return []
      this.#hasQuorum = false
      return [{ kind: 'quorum-lost', ...this.#count }]
    }
    if (this.#hasQuorum) return []
    this.#regainAtMs ??= nowMs + this.#options.dwellMs
    if (nowMs < this.#regainAtMs) return []
    this.#regainAtMs = null
    this.#hasQuorum = true
    return [{ kind: 'quorum-regained', ...this.#count }]
  }
}
