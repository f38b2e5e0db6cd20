/**
 * A node that refuses a peer finds it unreachable, by its own doing. Others must not hear that as an accusation: what it would say against
 * a denied peer is left out of everything it sends.
 */
import type { Packet, SyncEntry, Update } from '../core/membership/types.ts'

export type IsAllowed = (peerId: string) => boolean

export function discreetUpdates(updates: readonly Update[], isAllowed: IsAllowed): readonly Update[] {
  const isDiscreet = (update: Update): boolean => (update.kind !== 'suspect' && update.kind !== 'failed') || isAllowed(update.peerId)
  return updates.every(isDiscreet) ? updates : updates.filter(isDiscreet)
}

/** The same packet when there is nothing to leave out, which is nearly always. */
export function discreetPacket(packet: Packet, isAllowed: IsAllowed): Packet {
  const updates = discreetUpdates(packet.updates, isAllowed)
  const reports = packet.reports.every(({ peerId }) => isAllowed(peerId)) ? packet.reports : packet.reports.filter(({ peerId }) => isAllowed(peerId))
  return updates === packet.updates && reports === packet.reports ? packet : { ...packet, updates, reports }
}

export function discreetEntries(entries: readonly SyncEntry[], isAllowed: IsAllowed): readonly SyncEntry[] {
  return entries.filter(({ state, signed }) => (state !== 'suspect' && state !== 'failed') || isAllowed(signed.record.peerId))
}
