/**
 * What belongs together, by the name that its client gave it: the reads of a session go to the node that the last one went to, and for a while
 * after it has written, to the node that took the write, so that it sees what it has written (read-your-writes by a window: copies have
 * no common version that a node could wait for).
 */
import { affinityKeyOf, type SessionAffinity, sessionKeyOf } from '../core/routing/affinity.ts'
import type { RouteHints } from '../core/routing/hints.ts'
import type { Clock } from '../ports/clock.ts'

export interface SessionsParts {
  readonly affinity: SessionAffinity
  /** After a write its session's reads go to where it was written for so long. */
  readonly readYourWritesMs: number
  /** Whether reads of one table that leave this node go to one peer, which has it in memory then. */
  readonly isTableAffine?: boolean
  readonly clock: Clock
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
    const nowMs = this.#parts.clock.nowMs()
    const key = keyOf(database, session)
    const write = this.#writes.get(key)
    if (write !== undefined && write.untilMs > nowMs) return { ...hints, pinnedTo: write.peerId }
    const peerId = this.#parts.affinity.peerOf(nowMs, key)
    return peerId === null ? hints : { ...hints, stickTo: peerId }
  }

  /** A read of it was answered by that node. One that had to go where it wrote binds nothing: writers would stay with the primary for an hour. */
  handleRead(database: string, session: string, peerId: string): void {
    const nowMs = this.#parts.clock.nowMs()
    const key = keyOf(database, session)
    if ((this.#writes.get(key)?.untilMs ?? 0) <= nowMs) this.#parts.affinity.bind(nowMs, key, peerId)
  }

  /** Where the tables of a query are warm, by what was read from here before; for queries without a session. */
  withWarmPlace(hints: RouteHints, database: string, tables: readonly string[]): RouteHints {
    if (this.#parts.isTableAffine !== true || tables.length === 0) return hints
    const warmAt = this.#parts.affinity.peerOf(this.#parts.clock.nowMs(), tablesKeyOf(database, tables))
    return warmAt === null ? hints : { ...hints, warmAt }
  }

  /** A read of those tables was answered by another node. */
  handleTables(database: string, tables: readonly string[], peerId: string): void {
    if (this.#parts.isTableAffine === true && tables.length > 0) this.#parts.affinity.bind(this.#parts.clock.nowMs(), tablesKeyOf(database, tables), peerId)
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

function keyOf(database: string, session: string): string {
  return sessionKeyOf(`${database}/${session}`)
}

/** The order in which a statement names its tables says nothing. */
function tablesKeyOf(database: string, tables: readonly string[]): string {
  return affinityKeyOf(database, tables.toSorted().join('\n'))
}
