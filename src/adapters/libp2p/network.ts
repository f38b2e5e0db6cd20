/** libp2p itself, composed and bounded. Nothing listens or dials before it is started. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import { identify } from '@libp2p/identify'
import type { Identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { MeshError } from '../../errors.ts'
import { type DirectDoor, divertDirect } from '../direct/divert.ts'
import { joinedWrites } from '../transport/joined-writes.ts'
import { PendingShare } from '../transport/pending-share.ts'
import { thinWindowUpdates } from '../transport/thin-window-updates.ts'
import { wrapUpgrader } from '../transport/wrapped-upgrader.ts'
import { tcpMultiaddr } from './address.ts'
import type { EncrypterFactory } from './encrypters.ts'
import { createGossipService } from './gossip.ts'
import { STREAM_OPTIONS } from './limits.ts'
import type { MeshLimits } from './limits.ts'
import type { MeshOptions } from './mesh-options.ts'

export type Services = { identify: Identify; gossip?: GossipSub }
export type Network = Libp2p<Services>

/** Of the addresses that a peer gives, so many are tried. */
export const ADDRESSES_PER_PEER_MAX = 8

export interface NetworkDoor {
  readonly encrypters: EncrypterFactory[]
  readonly isDenied: (peerId: string) => boolean
  readonly onInboundFailed: (error: unknown) => void
  /** Takes the connections that are TLS from their first byte on. */
  readonly direct: DirectDoor
}

/** @throws MeshError ERR_OPTION_INVALID */
export async function createNetwork(
  options: MeshOptions, limits: MeshLimits,
  { encrypters, isDenied, onInboundFailed, direct }: NetworkDoor,
): Promise<Network> {
  const isClient = options.client === true
  const listen = isClient ? [] : [tcpMultiaddr(await resolveHost(options.host), options.port).toString()]
  const pending = new PendingShare({ clock: options.clock, perHostMax: limits.inboundPendingPerHostMax, firstByteTimeoutMs: limits.firstByteTimeoutMs })
  return await createLibp2p<Services>({
    start: false,
    privateKey: options.privateKey,
    nodeInfo: { name: 'reedbase-mesh', userAgent: 'reedbase-mesh' },
    addresses: { listen },
    transports: [divertDirect(wrapUpgrader(joinedWrites(tcp()), { onInbound: (connection) => pending.admit(connection), onInboundFailed }), direct)],
    connectionEncrypters: encrypters,
    streamMuxers: [thinWindowUpdates(yamux({ maxInboundStreams: limits.inboundStreamsMax, maxOutboundStreams: 1_000, streamOptions: STREAM_OPTIONS }))],
    connectionGater: {
      denyDialPeer: (peerId) => isDenied(peerId.toString()),
      denyInboundEncryptedConnection: (peerId) => isDenied(peerId.toString()),
    },
    // It opens a stream per connection every 10 s and drops healthy peers under load; membership watches peers here.
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: limits.connectionsTotalMax,
      maxParallelDials: 32,
      maxPeerAddrsToDial: ADDRESSES_PER_PEER_MAX,
      dialTimeout: limits.dialTimeoutMs,
      addressDialTimeout: Math.max(1, Math.floor(limits.dialTimeoutMs / 2)),
      inboundUpgradeTimeout: limits.handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.openTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: limits.openTimeoutMs,
      inboundConnectionThreshold: limits.inboundPerSecondMax,
      maxIncomingPendingConnections: limits.inboundPendingMax,
      reconnectRetries: 0,
      // In the order the member gave, not public addresses first.
      addressSorter: () => 0,
    },
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    services: {
      identify: identify({ timeout: limits.openTimeoutMs, maxObservedAddresses: 1 }),
      ...(isClient ? {} : { gossip: createGossipService() }),
    },
  })
}

async function resolveHost(host: string): Promise<string> {
  if (isIP(host) !== 0) return host
  try {
    return (await lookup(host)).address
  } catch (cause) {
    throw new MeshError('ERR_OPTION_INVALID', `The listening address "${host}" is no IP address and cannot be resolved.`, { cause, details: { host } })
  }
}
