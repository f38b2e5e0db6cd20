import type { DirectCounters, DirectTraffic } from '../direct/direct-streams.ts'
import type { RefusalReason } from './gate.ts'

/** What the adapter counts; plain numbers that only grow, apart from `connections` and `direct.open`. */
export interface MeshCounters {
  /** Open now, duplicates included. */
  connections: number
  connectionsOpened: number
  connectionsClosed: number
  /** Closed without a goodbye. */
  connectionsBroken: number
  /** Inbound connections that did not get through the handshake: junk, strangers, another cluster key. */
  handshakesFailed: number
  /** The parts of `handshakesFailed`. */
  refused: Record<RefusalReason, number>
  dials: number
  dialFailures: number
  /** Dials, inbound connections and gossip messages refused because of `setAllowed`. */
  denied: number
  gossipPublished: number
  /** Messages that gossipsub did not take, as too large or while it stops. */
  gossipPublishFailures: number
  gossipReceived: number
  gossipIgnored: number
  gossipRejected: number
  streamResets: number
  pings: number
  pingFailures: number
  pingsAnswered: number
  requests: number
  requestsRefused: number
  /** Streams beside the connections (adapters/direct). */
  direct: DirectCounters & DirectTraffic
}

export function createCounters(): MeshCounters {
  return {
    connections: 0,
    connectionsOpened: 0,
    connectionsClosed: 0,
    connectionsBroken: 0,
    handshakesFailed: 0,
    refused: { version: 0, cluster: 0, key: 0, denied: 0, junk: 0 },
    dials: 0,
    dialFailures: 0,
    denied: 0,
    gossipPublished: 0,
    gossipPublishFailures: 0,
    gossipReceived: 0,
    gossipIgnored: 0,
    gossipRejected: 0,
    streamResets: 0,
    pings: 0,
    pingFailures: 0,
    pingsAnswered: 0,
    requests: 0,
    requestsRefused: 0,
    direct: { opened: 0, accepted: 0, ticketsRefused: 0, handshakesRefused: 0, fallbacks: 0, open: 0, sentBytes: 0, receivedBytes: 0 },
  }
}
