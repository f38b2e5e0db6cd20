/** Messages, bytes, connections and streams. */
import { counted, countedBy, counterBy, gauge, held, type ReadDefinition } from './definition.ts'

/** Of the counters, those that count messages, for a rate over all planes. */
export const messageCounters: readonly string[] = [
  'datagramsSent', 'datagramsReceived', 'meshGossipPublished', 'meshGossipReceived', 'meshPings', 'meshPingsAnswered', 'meshRequests', 'queriesForwarded', 'queryServerRequests',
]

export const communicationMetrics: readonly ReadDefinition[] = [
  countedBy('messages_sent', 'plane', { datagrams: 'datagramsSent', gossip: 'meshGossipPublished', ping: 'meshPings', query: 'queriesForwarded' },
    'Messages sent. plane: datagrams, gossip (gossipsub), ping (round trips on streams) or query (queries that a peer answered).'),
  countedBy('messages_received', 'plane', { datagrams: 'datagramsReceived', gossip: 'meshGossipReceived', ping: 'meshPingsAnswered', request: 'meshRequests', query: 'queryServerRequests' },
    'Messages received. plane: as of those sent; request (syncs, keys, tickets, reachability), query (of clients on the socket and of peers).'),
  gauge({ name: 'message_rate', unit: 'per second', help: 'Messages sent and received a second, over the last minute or since the start.' }, ({ rates }) => rates.messagesPerSecond),
  counterBy({ name: 'sent_bytes', unit: 'bytes', help: 'Bytes sent. transport: datagrams (UDP), connections (libp2p) or direct (TLS streams of queries).', labels: ['transport'], counters: ['datagramsSentBytes', 'meshDirectSentBytes'] },
    ({ status: { counters }, connectionBytes }) => bytesBy(counters['datagramsSentBytes'], connectionBytes.sent, counters['meshDirectSentBytes'])),
  counterBy({ name: 'received_bytes', unit: 'bytes', help: 'Bytes received. transport: datagrams (UDP), connections (libp2p) or direct (TLS streams of queries).', labels: ['transport'], counters: ['datagramsReceivedBytes', 'meshDirectReceivedBytes'] },
    ({ status: { counters }, connectionBytes }) => bytesBy(counters['datagramsReceivedBytes'], connectionBytes.received, counters['meshDirectReceivedBytes'])),

  countedBy('gossip_messages', 'direction', { sent: 'meshGossipPublished', received: 'meshGossipReceived' }, 'Messages of gossipsub. direction: sent or received.'),
  countedBy('gossip_messages_dropped', 'reason', { ignored: 'meshGossipIgnored', rejected: 'meshGossipRejected' }, 'Messages of gossipsub not passed on. reason: ignored (old, or of no concern) or rejected (malformed).'),

  countedBy('send_failures', 'reason', { error: 'datagramsSendErrors', denied: 'datagramsSendsDenied', gossip: 'meshGossipPublishFailures' },
    'Messages that were not sent. reason: of datagrams error (of the system, or no address) or denied (by the lists of peers); gossip (gossipsub did not take it).'),
  countedBy('datagrams_dropped', 'reason', {
    truncated: 'datagramsDroppedTruncated', oversized: 'datagramsDroppedOversized', version: 'datagramsDroppedVersion', 'unknown-sender': 'datagramsDroppedUnknownSender', denied: 'datagramsDroppedDenied',
    epoch: 'datagramsDroppedEpoch', replayed: 'datagramsDroppedReplayed', forged: 'datagramsDroppedForged', malformed: 'datagramsDroppedMalformed',
  }, 'Datagrams received and dropped. reason: truncated, oversized, version, unknown-sender, denied, epoch, replayed, forged or malformed.'),

  held('connections_active', 'meshConnections', 'Open connections of libp2p, duplicates included.'),
  gauge({ name: 'connected_peers', unit: 'count', help: 'Members that this node has a connection to.' }, ({ connectedPeers }) => connectedPeers),
  counted('connections_opened', 'meshConnectionsOpened', 'Connections that got through their handshake.'),
  counted('connections_closed', 'meshConnectionsClosed', 'Connections that ended, however.'),
  countedBy('connection_errors', 'kind', { dial: 'meshDialFailures', handshake: 'meshHandshakesFailed', broken: 'meshConnectionsBroken' },
    'Connections that failed. kind: dial (outbound), handshake (inbound) or broken (ended without a goodbye).'),
  countedBy('connections_refused', 'reason', { version: 'meshRefusedVersion', cluster: 'meshRefusedCluster', key: 'meshRefusedKey', denied: 'meshRefusedDenied', junk: 'meshRefusedJunk' },
    'Inbound handshakes that failed, by what was wrong. reason: version, cluster (label), key, denied or junk.'),
  counted('dials', 'meshDials', 'Connections that this node tried to open.'),
  counted('peers_denied', 'meshDenied', 'Dials, inbound connections and gossip refused by the lists of peers.'),
  counted('requests_refused', 'meshRequestsRefused', 'Requests of peers that were not answered: too many, too large or malformed.'),
  counted('stream_ping_failures', 'meshPingFailures', 'Round trips on streams that were not answered in time.'),
  counted('stream_resets', 'meshStreamResets', 'Streams that ended with a reset.'),
  countedBy('streams', 'kind', { 'direct-opened': 'meshDirectOpened', 'direct-accepted': 'meshDirectAccepted', query: 'queryServerStreamsAccepted' },
    'Streams that carried queries. kind: direct-opened and direct-accepted (TLS), or query (accepted by the query server, over whichever way).'),
  held('direct_streams_active', 'meshDirectOpen', 'Open TLS streams of queries.'),
  countedBy('direct_stream_failures', 'reason', { fallback: 'meshDirectFallbacks', ticket: 'meshDirectTicketsRefused', handshake: 'meshDirectHandshakesRefused' },
    'TLS streams that could not be had. reason: fallback (the connection carries the queries), ticket (not given) or handshake (without a valid ticket).'),
  countedBy('compression_batches', 'outcome', { compressed: 'compressionCompressedBatches', decompressed: 'compressionDecompressedBatches', malformed: 'compressionMalformedBatches' },
    'Batches of results that went compressed. outcome: compressed (sent), decompressed (received) or malformed.'),
  counted('compression_input_bytes', 'compressionCompressedBytesIn', 'Bytes of batches before compression.', 'bytes'),
  counted('compression_output_bytes', 'compressionCompressedBytesOut', 'The same after compression.', 'bytes'),
]

function bytesBy(datagrams = 0, connections: number, direct = 0): Array<readonly [{ readonly transport: string }, number]> {
  return [[{ transport: 'datagrams' }, datagrams], [{ transport: 'connections' }, connections], [{ transport: 'direct' }, direct]]
}
