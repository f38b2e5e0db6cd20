/**
 * What belongs together, by the name that its client gave it: the reads of a session go to the node that the last one went to, and for a while
 * after it has written, to the node that took the write, so that it sees what it has written (read-your-writes by a window: copies have
 * no common version that a node could wait for).
 */
import { affinityKeyOf, type SessionAffinity, sessionKeyOf } from '../core/routing/affinity.ts'
import type { RouteHints } from '../core/routing/hints.ts'
import type { PeerView } from '../core/routing/types.ts'
import type { WarmPlaces } from '../core/routing/warm-places.ts'
import type { Clock } from '../ports/clock.ts'

export interface SessionsParts {
  readonly affinity: SessionAffinity
  /** After a write its session's reads go to where it was written for so long. */
  readonly readYourWritesMs: number
  /** Whether reads of one table that leave this node go to one peer, which has it in memory then. */
  readonly isTableAffine?: boolean
  /** Who has read which tables for this node; absent: nobody knows. */
  readonly warmPlaces?: WarmPlaces
  readonly clock: Clock
}

/** What keeps a query to a node. */
export interface KeptTo {
  /** `written`: there or nowhere, until its session's write is old. `session`: there while it is well. `tables`: there first, if it leaves this node. */
  readonly why: 'written' | 'session' | 'tables'
  readonly peerId: string
  /** From now; null where it ends by other things than time. */
  readonly forMs: number | null
}

interface Write {
  readonly peerId: string
  readonly untilMs: number
}

/** Sessions that wrote lately; the oldest makes room. */
const WRITERS_MAX = 10_000

export class Sessions {
  readonly #parts: SessionsParts
  /** Oldest first. */
  readonly #writes = new Map<string, Write>()

  constructor(parts: SessionsParts) {
    this.#parts = parts
  }

  /** Adds where the session's next read goes. `database` is part of the name: a session may use several. */
  withPlace(hints: RouteHints, database: string, session: string): RouteHints {
    return withPlace(hints, this.#placeOfSession(database, session))
  }

  /** Where a query belongs, and why; null: nowhere. Looking changes nothing. */
  placeOf(database: string, session: string | null, tables: readonly string[]): KeptTo | null {
    return session === null ? this.#placeOfTables(database, tables) : this.#placeOfSession(database, session)
  }

  #placeOfSession(database: string, session: string): KeptTo | null {
    const nowMs = this.#parts.clock.nowMs()
    const key = keyOf(database, session)
    const write = this.#writes.get(key)
    if (write !== undefined && write.untilMs > nowMs) return { why: 'written', peerId: write.peerId, forMs: write.untilMs - nowMs }
    const peerId = this.#parts.affinity.peerOf(nowMs, key)
    return peerId === null ? null : { why: 'session', peerId, forMs: null }
  }

  #placeOfTables(database: string, tables: readonly string[]): KeptTo | null {
    if (this.#parts.isTableAffine !== true || tables.length === 0) return null
    const peerId = this.#parts.affinity.peerOf(this.#parts.clock.nowMs(), tablesKeyOf(database, tables))
    return peerId === null ? null : { why: 'tables', peerId, forMs: null }
  }

  /** A read of it was answered by that node. One that had to go where it wrote binds nothing: writers would stay with the primary for an hour. */
  handleRead(database: string, session: string, peerId: string): void {
    const nowMs = this.#parts.clock.nowMs()
    const key = keyOf(database, session)
    if ((this.#writes.get(key)?.untilMs ?? 0) <= nowMs) this.#parts.affinity.bind(nowMs, key, peerId)
  }

  /** Where the tables of a query are warm, by what was read from here before; for queries without a session. */
  withWarmPlace(hints: RouteHints, database: string, tables: readonly string[]): RouteHints {
    return withPlace(hints, this.#placeOfTables(database, tables))
  }

  /** The same peers, with how much of those tables each has read lately. */
  warmed(peers: PeerView[], database: string, tables: readonly string[]): PeerView[] {
    const warmth = tables.length === 0 ? null : (this.#parts.warmPlaces?.warmth(this.#parts.clock.nowMs(), database, tables) ?? null)
    return warmth === null ? peers : peers.map((peer) => ({ ...peer, warmTables: warmth.get(peer.peerId) ?? 0 }))
  }

  /** A read of those tables, of a session or of none, was answered by another node. */
  handleTables(database: string, tables: readonly string[], peerId: string, session: string | null = null): void {
    this.#parts.warmPlaces?.handleRead(this.#parts.clock.nowMs(), database, tables, peerId)
    if (session === null && this.#parts.isTableAffine === true && tables.length > 0) this.#parts.affinity.bind(this.#parts.clock.nowMs(), tablesKeyOf(database, tables), peerId)
  }

  /** A write of it was done, or may have been, at that node. */
  handleWrite(database: string, session: string, peerId: string): void {
    const nowMs = this.#parts.clock.nowMs()
    const key = keyOf(database, session)
    this.#writes.delete(key)
    this.#writes.set(key, { peerId, untilMs: nowMs + this.#parts.readYourWritesMs })
    for (const [oldest, { untilMs }] of this.#writes) {
      if (untilMs > nowMs && this.#writes.size <= WRITERS_MAX) break
      this.#writes.delete(oldest)
    }
  }

  get writers(): number {
    return this.#writes.size
  }
}

/** As the router takes it. */
export function withPlace(hints: RouteHints, place: Pick<KeptTo, 'why' | 'peerId'> | null): RouteHints {
  if (place === null) return hints
  const { why, peerId } = place
  switch (why) {
    case 'written': return { ...hints, pinnedTo: peerId }
    case 'session': return { ...hints, stickTo: peerId }
    case 'tables': return { ...hints, warmAt: peerId }
  }
}

function keyOf(database: string, session: string): string {
  return sessionKeyOf(`${database}/${session}`)
}

/** The order in which a statement names its tables says nothing. */
function tablesKeyOf(database: string, tables: readonly string[]): string {
  return affinityKeyOf(database, tables.toSorted().join('\n'))
}
