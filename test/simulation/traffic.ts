/**
 * What a node sends and receives, counted, and the cost models of what the simulator does not encode:
 *
 * - a datagram: the machine's own upper bound of the packet (dissemination.ts) plus header and seal;
 * - a gossipsub announcement: its updates and the envelope of one message, received COPIES times by every node, which in turn sends it on as often (a
 *   mesh degree of 6–8, where most neighbours have it already by the time one could send it), plus an IHAVE line to those outside the mesh;
 * - a message of a push-pull sync: the machine's own estimate (push-pull.ts) plus stream and frames.
 */
import {
  LOAD_BYTES, PACKET_OVERHEAD_BYTES, PING_REQUEST_BYTES, PROBE_BYTES, COORDINATE_BYTES, REPORT_BYTES, updateBytes,
} from '../../src/core/membership/dissemination.ts'
import type { Packet, Update } from '../../src/core/membership/types.ts'

/** Header, counter and authentication tag of a sealed datagram. */
export const SEAL_BYTES = 45
/** Each node receives an announcement about so often. */
export const ANNOUNCEMENT_COPIES = 3
/** Topic, message id, sender, stream frame and TLS record. */
export const ANNOUNCEMENT_OVERHEAD_BYTES = 120
/** IHAVE and IDONTWANT lines about one message, at each node. */
export const ANNOUNCEMENT_CONTROL_BYTES = 100
/** Opening the stream, its frames and its share of TLS records, for each message of a sync. */
export const SYNC_FRAME_BYTES = 60

export interface Traffic {
  datagramsSent: number
  datagramsReceived: number
  datagramBytesSent: number
  datagramBytesReceived: number
  announcementsReceived: number
  announcementBytesReceived: number
  syncBytesSent: number
  syncBytesReceived: number
}

export function createTraffic(): Traffic {
  return {
    datagramsSent: 0, datagramsReceived: 0, datagramBytesSent: 0, datagramBytesReceived: 0, announcementsReceived: 0, announcementBytesReceived: 0,
    syncBytesSent: 0, syncBytesReceived: 0,
  }
}

/** Without header and seal. */
export function packetBytes(packet: Packet): number {
  let bytes = PACKET_OVERHEAD_BYTES + packet.reports.length * REPORT_BYTES
  if (packet.probe !== null) bytes += packet.probe.kind === 'ping-request' ? PING_REQUEST_BYTES : PROBE_BYTES
  if (packet.load !== null) bytes += LOAD_BYTES
  if (packet.coordinate !== null) bytes += COORDINATE_BYTES
  for (const update of packet.updates) bytes += updateBytes(update)
  return bytes
}

/** What one node receives for one announcement, all copies together. It sends as much. */
export function announcementBytes(updates: readonly Update[]): number {
  const message = updates.reduce((sum, update) => sum + updateBytes(update), ANNOUNCEMENT_OVERHEAD_BYTES)
  return ANNOUNCEMENT_COPIES * message + ANNOUNCEMENT_CONTROL_BYTES
}
