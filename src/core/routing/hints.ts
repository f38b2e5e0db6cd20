/**
 * What a query asks of its route (a comment in its SQL or client options). Hints about place and age speak about reads: a write has one place,
 * the primary, and only `localOnly` and `pinnedTo` can forbid it to go there.
 */
import type { PeerView, Site } from './types.ts'

export interface RouteHints {
  /** Here or nowhere. */
  readonly localOnly: boolean
  /** On a healthy peer if there is one, although this node could run it. */
  readonly preferRemote: boolean
  /** `datacenter` or `datacenter/rack`: nodes elsewhere are no candidates, this one included. */
  readonly zone: string | null
  /** The most that the copy may be behind the primary. A copy that does not know how far it is behind is too stale. */
  readonly maxStalenessMs: number | null
  /** Name of the strategy to use instead of the database's. */
  readonly strategy: string | null
  /** PeerId of the node that its session wrote at: there or nowhere, however loaded or slow it is. */
  readonly pinnedTo: string | null
  /** PeerId of the node that a session's reads went to: there while it is well, as any other read otherwise. */
  readonly stickTo: string | null
  /** PeerId of the node that has the query's tables warm: of the peers that one first, where it leaves this node at all. */
  readonly warmAt: string | null
}

export const NO_HINTS: RouteHints = Object.freeze({ localOnly: false, preferRemote: false, zone: null, maxStalenessMs: null, strategy: null, pinnedTo: null, stickTo: null, warmAt: null })

export function isInZone({ datacenter, rack }: Site, zone: string): boolean {
  return datacenter === zone || `${datacenter}/${rack}` === zone
}

/** The primary is never behind itself. */
export function isTooStale({ role, lagMs }: Pick<PeerView, 'role' | 'lagMs'>, maxStalenessMs: number): boolean {
  return role !== 'primary' && (lagMs === null || lagMs > maxStalenessMs)
}
