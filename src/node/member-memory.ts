/** What this node would remember of the mesh if it ended now: its table, and from earlier lives those that the table does not hold. */
import { SNAPSHOT_AGE_MS_MAX, type MemberSnapshot, type SnapshotMember } from '../adapters/files/member-snapshot.ts'
import type { Member } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'

export interface MemberMemoryParts {
  /** What was read at the start; null when there was nothing. */
  readonly loaded: MemberSnapshot | null
  readonly selfName: string
  readonly members: () => readonly Member[]
  readonly clock: Clock
}

export class MemberMemory {
  readonly #parts: MemberMemoryParts
  /** Unix ms since when this node bears its name, over all its lives. */
  readonly nameSinceWallMs: number

  constructor(parts: MemberMemoryParts) {
    this.#parts = parts
    const { loaded, selfName, clock } = parts
    const nowWallMs = Math.round(clock.wallMs())
    // A clock that went back must not make the name younger than the node.
    this.nameSinceWallMs = loaded?.name === selfName ? Math.min(loaded.nameSinceWallMs, nowWallMs) : nowWallMs
  }

  /** Of earlier lives, the latest seen first. */
  get remembered(): readonly SnapshotMember[] {
    return this.#parts.loaded?.members ?? []
  }

  /** Those of `remembered` that did not leave and were seen within `ageMs`. */
  expected(ageMs: number): SnapshotMember[] {
    const sinceMs = this.#parts.clock.wallMs() - ageMs
    return this.remembered.filter(({ hasLeft, lastSeenWallMs }) => !hasLeft && lastSeenWallMs >= sinceMs)
  }

  collect(): MemberSnapshot {
    const { members, clock, selfName } = this.#parts
    const nowWallMs = Math.round(clock.wallMs())
    const known = new Map<string, SnapshotMember>()
    for (const member of this.remembered) if (nowWallMs - member.lastSeenWallMs <= SNAPSHOT_AGE_MS_MAX) known.set(member.peerId, member)
    for (const { signed: { record }, state, stateSinceMs, removedBy } of members()) {
      const isHere = state !== 'failed' && state !== 'left'
      const lastSeenWallMs = isHere ? nowWallMs : Math.max(0, nowWallMs - Math.round(clock.nowMs() - stateSinceMs))
      // Whom an operator removed is not to be looked for.
      if (removedBy !== null) known.delete(record.peerId)
      else if (record.tcpMultiaddrs.length > 0) known.set(record.peerId, { peerId: record.peerId, name: record.name, tcpMultiaddrs: record.tcpMultiaddrs, lastSeenWallMs, hasLeft: state === 'left' })
    }
    return { name: selfName, nameSinceWallMs: this.nameSinceWallMs, members: [...known.values()] }
  }
}
