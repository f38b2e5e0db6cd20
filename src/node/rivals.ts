/**
 * Members that get in each other's way: two primaries of one database, whose writes part unnoticed. Every rolling restart allows it for a
 * moment, so it is only told. (Two members of one name: core/membership/names.ts.)
 */
import type { MemberRecord } from '../core/membership/types.ts'

type Claims = Pick<MemberRecord, 'peerId' | 'name' | 'databases'>

export class Rivals {
  /** By database: the PeerIds of its primaries. */
  readonly #primaries = new Map<string, Set<string>>()
  readonly #databases = new Map<string, readonly string[]>()

  constructor(self: Claims) {
    this.note(self)
  }

  /** One warning for each database that another member serves as its primary too, unless that was so before. O(its databases). */
  note({ peerId, name: rival, databases }: Claims): string[] {
    const before = this.#databases.get(peerId) ?? []
    this.forget(peerId)
    const primaries = databases.filter(({ role }) => role === 'primary').map(({ name }) => name)
    this.#databases.set(peerId, primaries)
    return primaries
      .filter((database) => this.#add(database, peerId) > 1 && !before.includes(database))
      .map((database) => `${rival} is a second primary of the database ${database}: writes go to either, and the copies part; start all but one with role=replica`)
  }

  /** It left or failed. */
  forget(peerId: string): void {
    for (const database of this.#databases.get(peerId) ?? []) {
      const primaries = this.#primaries.get(database)
      primaries?.delete(peerId)
      if (primaries?.size === 0) this.#primaries.delete(database)
    }
    this.#databases.delete(peerId)
  }

  /** How many serve it now. */
  #add(database: string, peerId: string): number {
    const primaries = this.#primaries.get(database) ?? new Set()
    this.#primaries.set(database, primaries.add(peerId))
    return primaries.size
  }
}
