/** Which peers may take a query, in tiers: a later tier is used only where the earlier ones are used up. */
import type { RoutingOptions } from './options.ts'
import type { PassedOver, PeerView } from './types.ts'

export interface Tiers {
  /** Healthy, with fresh load figures. */
  readonly fresh: PeerView[]
  /** Healthy, but their load is old or unknown. They refuse by themselves if they are overloaded. */
  readonly stale: PeerView[]
  /** Slow, suspect or still joining. */
  readonly degraded: PeerView[]
  /** Only where the query cannot run here at all: an overloaded copy is better than none. */
  readonly overloaded: PeerView[]
}

/** Why a peer cannot take the query at all; null when it can. */
export function exclusion(peer: PeerView, isWrite: boolean, options: RoutingOptions): PassedOver | null {
  if (peer.role === null) return 'does-not-serve'
  if (isWrite && peer.role !== 'primary') return 'not-primary'
  if (peer.state !== 'alive' && peer.state !== 'suspect') return 'not-alive'
  if (peer.status === 'unhealthy') return 'unhealthy'
  if (!peer.ready) return 'not-ready'
  if (peer.inFlightFromHere >= options.inFlightFromHereMax) return 'too-many-in-flight'
  return null
}

export function tierOf(peer: PeerView, options: RoutingOptions): keyof Tiers {
  if (peer.overloaded) return 'overloaded'
  if (peer.status === 'degraded') return 'degraded'
  return peer.loadAgeMs === null || peer.loadAgeMs > options.staleAfterMs ? 'stale' : 'fresh'
}

export function tiers(peers: readonly PeerView[], isWrite: boolean, options: RoutingOptions): Tiers {
  const result: Tiers = { fresh: [], stale: [], degraded: [], overloaded: [] }
  for (const peer of peers) if (exclusion(peer, isWrite, options) === null) result[tierOf(peer, options)].push(peer)
  return result
}
