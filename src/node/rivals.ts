/**
 * Members that get in each other's way: two primaries of one database, whose writes part unnoticed. Every rolling restart allows it for a
 * moment, so it is only told. A server that is down keeps the role that it had, and takes no writes: who is not ready is nobody's rival.
 * (Two members of one name: core/membership/names.ts.)
 */
import type { MemberRecord } from '../core/membership/types.ts'

type Claims = Pick<MemberRecord, 'peerId' | 'name' | 'databases'>
type IsReady = (peerId: string, database: string) => boolean

const remedies = {
  postgres: 'stop one of the two servers, or make it a replica of the other',
  other: 'start all but one with role=replica',
} as const

export class Rivals {
  /** By database: the PeerIds of its primaries. */
  readonly #primaries = new Map<string, Set<string>>()
  readonly #databases = new Map<string, readonly string[]>()
  readonly #isReady: IsReady

  constructor(self: Claims, isReady: IsReady) {
    this.#isReady = isReady
    this.note(self)
  }

  /** One warning for each database that another ready member serves as its primary too, unless that was so before. O(its databases × their primaries). */
  note({ peerId, name: rival, databases }: Claims): string[] {
    const before = this.#databases.get(peerId) ?? []
    this.forget(peerId)
    const claims = databases.filter(({ name, role }) => role === 'primary' && this.#isReady(peerId, name))
    this.#databases.set(peerId, claims.map(({ name }) => name))
    return claims
      .filter(({ name }) => this.#add(name, peerId) > 1 && !before.includes(name))
      .map(({ name, engine }) => `${rival} is a second primary of the database ${name}: writes go to either, and the copies part; ${engine === 'postgres' ? remedies.postgres : remedies.other}`)
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

  /** How many serve it now, those left out that have ceased to be ready. */
  #add(database: string, peerId: string): number {
    const primaries = this.#primaries.get(database) ?? new Set()
    this.#primaries.set(database, primaries.add(peerId))
    return [...primaries].filter((primary) => primary === peerId || this.#isReady(primary, database)).length
  }
}
