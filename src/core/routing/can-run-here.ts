import { isInZone, isTooStale, type RouteHints } from './hints.ts'
import type { LocalView } from './types.ts'

/** Whether anything but load speaks against running it here, for when no peer could. */
export function canRunHere(local: LocalView, access: 'read' | 'write' | 'unknown', { pinnedTo, zone, maxStalenessMs }: RouteHints): boolean {
  if (pinnedTo !== null && pinnedTo !== local.peerId) return false
  const isRead = access !== 'write'
  if (isRead && zone !== null && !isInZone(local.site, zone)) return false
  if (isRead && maxStalenessMs !== null && isTooStale(local, maxStalenessMs)) return false
  return local.role !== null && local.ready && !local.draining && local.inFlight < local.inFlightMax && (isRead || local.role === 'primary')
}
