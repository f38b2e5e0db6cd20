/** What a push-pull sync by digests carries: the lines that one table has and the other has not, or has differently. */
import type { SyncEntry } from '../../src/core/membership/types.ts'

export interface SyncDifference {
  /** Lines of the first table that the second lacks or holds otherwise. */
  readonly first: SyncEntry[]
  /** And the other way round. */
  readonly second: SyncEntry[]
}

export function differenceOf(first: readonly SyncEntry[], second: readonly SyncEntry[]): SyncDifference {
  const others = new Map(second.map((entry) => [entry.signed.record.peerId, entry]))
  const difference: SyncDifference = { first: [], second: [] }
  for (const entry of first) {
    const { peerId } = entry.signed.record
    const other = others.get(peerId)
    if (other !== undefined && isSame(entry, other)) others.delete(peerId)
    else difference.first.push(entry)
  }
  difference.second.push(...others.values())
  return difference
}

function isSame(a: SyncEntry, b: SyncEntry): boolean {
  return a.state === b.state && a.signed.record.incarnation === b.signed.record.incarnation && a.leave?.incarnation === b.leave?.incarnation
}
