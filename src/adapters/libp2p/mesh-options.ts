/** What a mesh is made from, and what it offers. */
import type { Metrics, PrivateKey } from '@libp2p/interface'
import type { Random } from '../../core/time/random.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { PeerStreams } from '../../ports/peer-streams.ts'
import type { ConnectionEvent } from './connections.ts'
import type { MeshCounters } from './counters.ts'
import type { GossipHandler, GossipTopic } from './gossip.ts'
import type { MeshLimits } from './limits.ts'
import type { PeerAddresses } from './redial.ts'
import type { RequestHandler, RequestOptions } from './request.ts'

export interface MeshOptions {
  /** Ed25519; the node's identity. */
  readonly privateKey: PrivateKey
  /** An IP address of this host or a name that resolves to one. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Dials only: no listener, no gossip, no members. For a client of the mesh. Default false. */
  readonly client?: boolean
  /** 32 bytes each, the one in use first; empty means stock Noise, open to everyone. */
  readonly clusterKeys: readonly Uint8Array[]
  /** Label of the cluster; who has another is a stranger, whatever its keys. Default `reedbase`. */
  readonly cluster?: string
  /** Multiaddrs to tell others instead of those listened on; `/tcp/0` stands for the port that is listened on. */
  readonly announce?: readonly string[]
  readonly log: Log
  readonly clock: Clock
  /** For backoff only. Seeded from the system by default. */
  readonly random?: Random
  readonly limits?: Partial<MeshLimits>
  /** What libp2p tells its own measurements to. Default: nobody. */
  readonly metrics?: (() => Metrics) | undefined
}

export interface Mesh extends PeerStreams {
  readonly peerId: string
  /** The TCP port that is listened on; 0 before `start()` and for a client. */
  readonly port: number
  /** With `/p2p/…` at the end. */
  multiaddrs(): string[]
  /** @throws MeshError ERR_PORT_BUSY, ERR_ADDRESS_UNAVAILABLE, ERR_OPTION_INVALID */
  start(): Promise<void>
  /** Says goodbye, then ends everything within `limits.stopTimeoutMs` and leaves no handle. Final. */
  stop(): Promise<void>
  /**
   * Connects to `host:port` or a multiaddr and answers who is there.
   * @throws MeshError ERR_OPTION_INVALID, ERR_PEER_UNREACHABLE, ERR_CLUSTER_KEY
   */
  dial(address: string, signal?: AbortSignal): Promise<string>
  /** Ends the connections to a peer after a goodbye. Does nothing when there are none. */
  hangUp(peerId: string): Promise<void>
  /** Whom to stay connected to; of more than `limits.connectionsMax` some are chosen, by the same rule everywhere. */
  setMembers(members: readonly PeerAddresses[]): void
  connectedPeers(): string[]
  onConnection(handler: (event: ConnectionEvent) => void): void
  /** @throws RangeError above `limits.gossipBytesMax` */
  publish(topic: GossipTopic, bytes: Uint8Array): Promise<void>
  onGossip(handler: GossipHandler): void
  /**
   * One round trip in milliseconds, finer than 0.01. Rounds to one peer that are asked for at once are one.
   * @throws MeshError ERR_PEER_UNREACHABLE
   */
  ping(peerId: string, signal?: AbortSignal): Promise<number>
  /** @throws MeshError ERR_PEER_UNREACHABLE, ERR_PROTOCOL */
  request(peerId: string, protocol: string, bytes: Uint8Array, options: RequestOptions): Promise<Uint8Array>
  onRequest(protocol: string, requestBytesMax: number, handler: RequestHandler): Promise<void>
  /**
   * Handshakes use these keys from now on, the one in use first; connections stay.
   * @throws MeshError ERR_KEYRING_DAMAGED
   */
  setClusterKeys(keys: readonly Uint8Array[]): void
  /** Whether a connection to the peer was made with a key that is in the ring now; true for any when there is none. */
  hasCurrentKey(peerId: string): boolean
  /**
   * Makes sure of such a connection, beside an older one if need be. Does nothing where no address of the peer is known.
   * @throws MeshError ERR_PEER_UNREACHABLE, ERR_CLUSTER_KEY
   */
  renew(peerId: string, signal?: AbortSignal): Promise<void>
  /**
   * Asked for each peer before a dial, after an inbound handshake and for the author of each gossip message; false refuses it. Connections to
   * peers that are refused now are cut at once, without a goodbye.
   */
  setAllowed(isAllowed: (peerId: string) => boolean): void
  counters(): Readonly<MeshCounters>
}
