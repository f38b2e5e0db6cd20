/**
 * Members that get in each other's way: two of one name, which people cannot tell apart, and two primaries of one database, whose writes
 * part unnoticed. Both are allowed, for a moment, by every rolling restart, so they are only told.
 */
import type { MemberRecord } from '../core/membership/types.ts'

type Claims = Pick<MemberRecord, 'peerId' | 'name' | 'databases'>

export class Rivals {
  /** By what is claimed: the PeerIds that claim it. */
  readonly #claimants = new Map<string, Set<string>>()
  readonly #claims = new Map<string, readonly string[]>()

  constructor(self: Claims) {
    this.note(self)
  }

  /** One warning for each thing that another member claims too. O(its databases). */
  note({ peerId, name, databases }: Claims): string[] {
    this.forget(peerId)
    const primaries = databases.filter(({ role }) => role === 'primary').map((database) => database.name)
    const claims = [`name ${name}`, ...primaries.map((database) => `primary ${database}`)]
    this.#claims.set(peerId, claims)
    const contested = claims.filter((claim) => this.#claim(claim, peerId) > 1)
    return contested.map((claim) => (claim === claims[0]
      ? `two members have the same name ${name}; give each node a --name of its own`
      : `${name} is a second primary of the database ${claim.slice('primary '.length)}: writes go to either, and the copies part; start all but one with role=replica`))
  }

  forget(peerId: string): void {
    for (const claim of this.#claims.get(peerId) ?? []) {
      const claimants = this.#claimants.get(claim)
      claimants?.delete(peerId)
      if (claimants?.size === 0) this.#claimants.delete(claim)
    }
    this.#claims.delete(peerId)
  }

  /** How many claim it now. */
  #claim(claim: string, peerId: string): number {
    const claimants = this.#claimants.get(claim) ?? new Set()
    this.#claimants.set(claim, claimants.add(peerId))
    return claimants.size
  }
}
