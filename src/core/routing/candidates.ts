/** Which peers may take a query, in tiers: a later tier is used only where the earlier ones are used up. */
import { isInZone, isTooStale, type RouteHints } from './hints.ts'
import type { RoutingOptions } from './options.ts'
import type { LastResort, PassedOver, PeerView } from './types.ts'

export interface Tiers {
  /** Healthy, with fresh load figures. */
  readonly fresh: PeerView[]
  /** Healthy, but their load is old or unknown. They refuse by themselves if they are overloaded. */
  readonly stale: PeerView[]
  /** Far, suspect, still joining, or much slower with queries than the others are. */
  readonly degraded: PeerView[]
  /** Kept out for their errors (outlier ejection): no worse than nobody, and often back before anyone else would be. */
  readonly ejected: PeerView[]
  /** Only where the query cannot run here at all: an overloaded copy is better than none. */
  readonly overloaded: PeerView[]
}

/** What the query and the options allow, laid out flat: it is read for each of a thousand peers. */
export interface Eligibility {
  readonly isWrite: boolean
  readonly pinnedTo: string | null
  /** Null also for a write, as the next one: it has one place. */
  readonly zone: string | null
  readonly maxStalenessMs: number | null
  /** A peer where a query takes as long as this is slow; Infinity where nothing was compared. */
  readonly slowFromMs: number
  readonly inFlightFromHereMax: number
  readonly staleAfterMs: number
}

export function createEligibility({ isWrite, hints, slowFromMs, options }: {
  readonly isWrite: boolean; readonly hints: RouteHints; readonly slowFromMs: number; readonly options: RoutingOptions
}): Eligibility {
  const { inFlightFromHereMax, staleAfterMs } = options
  return { isWrite, pinnedTo: hints.pinnedTo, zone: isWrite ? null : hints.zone, maxStalenessMs: isWrite ? null : hints.maxStalenessMs, slowFromMs, inFlightFromHereMax, staleAfterMs }
}

/** Where a peer stands for a query: its tier, or why it cannot take the query at all. Numbers, because to sort a thousand peers by names takes twice as long. */
const standing = {
  'fresh': 0, 'stale': 1, 'degraded': 2, 'ejected': 3, 'overloaded': 4,
  'does-not-serve': 5, 'pinned-elsewhere': 6, 'not-primary': 7, 'not-alive': 8, 'unhealthy': 9, 'not-ready': 10, 'other-zone': 11, 'too-stale': 12, 'too-many-in-flight': 13,
} as const satisfies Partial<Record<keyof Tiers | PassedOver, number>>

const standingNames = Object.keys(standing) as ReadonlyArray<keyof typeof standing>

function standingNumber(peer: PeerView, eligibility: Eligibility): number {
  const { isWrite, pinnedTo, zone, maxStalenessMs } = eligibility
  if (peer.role === null) return standing['does-not-serve']
  if (pinnedTo !== null && pinnedTo !== peer.peerId) return standing['pinned-elsewhere']
  if (isWrite && peer.role !== 'primary') return standing['not-primary']
  if (peer.state !== 'alive' && peer.state !== 'suspect') return standing['not-alive']
  if (peer.status === 'unhealthy') return standing['unhealthy']
  if (!peer.ready) return standing['not-ready']
  if (zone !== null && !isInZone(peer.site, zone)) return standing['other-zone']
  if (maxStalenessMs !== null && isTooStale(peer, maxStalenessMs)) return standing['too-stale']
  if (peer.inFlightFromHere >= eligibility.inFlightFromHereMax) return standing['too-many-in-flight']
  // Overload expires with the figures that told it: what nobody has renewed keeps no peer out.
  const isFresh = peer.loadAgeMs !== null && peer.loadAgeMs <= eligibility.staleAfterMs
  if (peer.overloaded && isFresh) return standing['overloaded']
  if (peer.feedback !== null && peer.feedback.ejectedForMs > 0) return standing['ejected']
  if (peer.status === 'degraded' || (!isWrite && isSlow(peer, eligibility.slowFromMs))) return standing['degraded']
  return isFresh ? standing['fresh'] : standing['stale']
}

export function standingOf(peer: PeerView, eligibility: Eligibility): keyof typeof standing {
  return standingNames[standingNumber(peer, eligibility)] as keyof typeof standing
}

export function tiers(peers: readonly PeerView[], eligibility: Eligibility): Tiers {
  // Nearly all are in the first tier, mostly: a copy of them all, overwritten and cut off, takes less than a list that grows.
  const result: Tiers = { fresh: peers.slice(), stale: [], degraded: [], ejected: [], overloaded: [] }
  const { fresh, stale, degraded, ejected, overloaded } = result
  let freshCount = 0
  for (const peer of peers) {
    switch (standingNumber(peer, eligibility)) {
      case standing['fresh']: fresh[freshCount++] = peer; break
      case standing['stale']: stale.push(peer); break
      case standing['degraded']: degraded.push(peer); break
      case standing['ejected']: ejected.push(peer); break
      case standing['overloaded']: overloaded.push(peer); break
    }
  }
  fresh.length = freshCount
  return result
}

/** What nobody told is not held against it. */
export function isSlow(peer: PeerView, slowFromMs: number): boolean {
  // Most decisions compare nothing, and a thousand peers are a thousand reads of memory.
  if (slowFromMs === Infinity) return false
  const { serviceMs, latencyMs } = peer
  return serviceMs !== undefined && serviceMs !== null && serviceMs + (latencyMs ?? 0) >= slowFromMs
}

/** Best first; with `isHealthyOnly` those alone that are an improvement over an overloaded node here. */
export function inOrder(usable: Tiers, isHealthyOnly: boolean): ReadonlyArray<readonly PeerView[]> {
  return isHealthyOnly ? [usable.fresh, usable.stale] : [usable.fresh, usable.stale, usable.degraded, usable.ejected, usable.overloaded]
}

export function lastResortOf({ fresh, stale, degraded, ejected, overloaded }: Tiers): LastResort | null {
  if (fresh.length + stale.length + degraded.length > 0) return null
  if (ejected.length > 0) return 'all-ejected'
  return overloaded.length > 0 ? 'all-overloaded' : null
}
