/** The libp2p mesh of one node: joins libp2p with the parts that stand in the other files, and holds nothing that they could. */
import { randomInt } from 'node:crypto'
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createRandom } from '../../core/time/random.ts'
import type { Timer } from '../../ports/clock.ts'
import type { ByteStream, StreamLimits } from '../../ports/peer-streams.ts'
import { defaultClusterLabel } from '../../wire/cluster.ts'
import { keyFingerprint } from '../../wire/cluster-key.ts'
import { DIRECT_PROTOCOL, DIRECT_REQUEST_BYTES_MAX, DirectStreams, type HostPort } from '../direct/direct-streams.ts'
import { TICKET_BYTES } from '../direct/handshake.ts'
import { hostPort, parseAddress } from './address.ts'
import { ConnectionTable } from './connections.ts'
import type { ConnectionEvent } from './connections.ts'
import { createCounters } from './counters.ts'
import type { MeshCounters } from './counters.ts'
import { toError, withDeadline } from './deadline.ts'
import { Dialling, memberAddresses } from './dialling.ts'
import { Encrypters } from './encrypters.ts'
import { Gossip, GOSSIP_PROTOCOL_PREFIX } from './gossip.ts'
import type { GossipHandler, GossipTopic } from './gossip.ts'
import { GossipRepair } from './gossip-repair.ts'
import { Gate } from './gate.ts'
import { explainListenError, stopped } from './lifecycle-error.ts'
import { MESH_LIMITS } from './limits.ts'
import type { MeshLimits } from './limits.ts'
import type { Mesh, MeshOptions } from './mesh-options.ts'
import { createNetwork } from './network.ts'
import type { Network } from './network.ts'
import { answerPings, PingClient, PING_INBOUND_STREAMS_MAX, PING_PROTOCOL } from './ping.ts'
import { Redial } from './redial.ts'
import type { PeerAddresses } from './redial.ts'
import { Rekeying } from './rekeying.ts'
import type { RequestHandler, RequestOptions } from './request.ts'
import { Streams } from './streams.ts'

export type { Mesh, MeshOptions } from './mesh-options.ts'

/** Its arrival is the message: "the close that follows is meant". */
export const GOODBYE_PROTOCOL = '/reedbase/goodbye/1.0'

const IDENTIFY_PREFIX = '/ipfs/id/'
const SWEEP_MS = 5_000

/** Does not listen yet: register handlers, then `start()`. */
export async function createMesh(options: MeshOptions): Promise<Mesh> {
  const limits: MeshLimits = { ...MESH_LIMITS, ...options.limits }
  const gate = new Gate(options.clock, options.log)
  // Made below; nothing dials or listens before.
  let mesh: Libp2pMesh | null = null
  const direct = new DirectStreams({
    clock: options.clock,
    log: options.log,
    isAllowed: (peerId) => gate.isAllowed(peerId),
    ask: async (connection, question, signal) => await mesh?.askForTicket(connection, question, signal) ?? new Uint8Array(0),
    addresses: (connection) => mesh?.directAddresses(connection) ?? [],
    siblings: (connection) => mesh?.siblings(connection) ?? [],
  })
  const encrypters = new Encrypters({ keys: options.clusterKeys, label: options.cluster ?? defaultClusterLabel, onKnock: (_reason, knock) => { gate.handleKnock(knock) } })
  const network = await createNetwork(options, limits, {
    encrypters: encrypters.factories(),
    isDenied: (peerId) => gate.isDenied(peerId),
    onInboundFailed: (error) => { gate.handleFailedHandshake(error) },
    direct,
  })
  mesh = await Libp2pMesh.create({ options, limits, gate, network, encrypters, direct })
  return mesh
}

interface MeshParts {
  readonly options: MeshOptions
  readonly limits: MeshLimits
  readonly gate: Gate
  readonly network: Network
  readonly encrypters: Encrypters
  readonly direct: DirectStreams
}

class Libp2pMesh implements Mesh {
  readonly peerId: string
  readonly #libp2p: Network
  readonly #options: MeshOptions
  readonly #limits: MeshLimits
  readonly #gate: Gate
  readonly #encrypters: Encrypters
  readonly #direct: DirectStreams
  readonly #counters = createCounters()
  readonly #connections: ConnectionTable
  readonly #dialling: Dialling
  readonly #streams: Streams
  readonly #rekeying: Rekeying
  readonly #redial: Redial
  readonly #gossip: Gossip
  readonly #gossipRepair: GossipRepair
  readonly #pings: PingClient
  readonly #connectionHandlers: Array<(event: ConnectionEvent) => void> = []
  #membersSet = false
  #members: readonly PeerAddresses[] = []
  #port = 0
  #phase: 'created' | 'started' | 'stopped' = 'created'
  #sweepTimer: Timer | null = null

  static async create(parts: MeshParts): Promise<Libp2pMesh> {
    const mesh = new Libp2pMesh(parts)
    await mesh.#register()
    return mesh
  }

  private constructor({ options, limits, gate, network, encrypters, direct }: MeshParts) {
    this.#libp2p = network
    this.#options = options
    this.#limits = limits
    this.#gate = gate
    this.#encrypters = encrypters
    this.#direct = direct
    this.peerId = network.peerId.toString()
    this.#gossip = new Gossip(network.services.gossip ?? null, this.#counters, limits.gossipBytesMax)
    this.#connections = new ConnectionTable({
      self: this.peerId,
      clock: options.clock,
      counters: this.#counters,
      onEvent: (event) => { this.#handleConnection(event) },
      onDuplicateClosed: (survivor) => { this.#restoreGossip(survivor) },
      isSystemProtocol,
      isRetiring: (connection) => !this.#isCurrent(connection),
      isCarrying: (connection) => direct.isUsed(connection),
    })
    this.#rekeying = new Rekeying({
      self: this.peerId,
      clock: options.clock,
      log: options.log,
      peers: () => this.#connections.peers,
      connections: (peerId) => this.#connections.all(peerId),
      isCurrent: (connection) => this.#isCurrent(connection),
      isUsed: (connection) => this.#connections.isUsed(connection),
      dial: async (peerId) => { await this.renew(peerId) },
      close: (connection) => { this.#connections.closeOne(connection) },
      hangUp: (peerId) => { this.#hangUpSoon(peerId, 'Hanging up a connection that was made with a removed key.') },
    })
    this.#gossipRepair = new GossipRepair({
      clock: options.clock,
      connections: (peerId) => this.#connections.all(peerId),
      announce: (peerId) => {
        const connection = this.#connections.best(peerId)
        if (connection !== null) this.#restoreGossip(connection)
      },
      reconnect: (peerId) => { this.#hangUpSoon(peerId, 'Reconnecting to a member that has lost its gossip stream.') },
    })
    this.#redial = new Redial({
      self: this.peerId,
      clock: options.clock,
      random: options.random ?? createRandom(randomInt(2 ** 32)),
      log: options.log,
      connectionsMax: limits.connectionsMax,
      baseMs: limits.redialBaseMs,
      maxMs: limits.redialMaxMs,
      isConnected: (peerId) => this.#connections.has(peerId),
      dial: (peer) => this.#dialling.dialPeer(peer),
    })
    const isRunning = (): boolean => this.#phase === 'started'
    this.#dialling = new Dialling({
      network,
      clock: options.clock,
      counters: this.#counters,
      timeoutMs: limits.dialTimeoutMs,
      isRunning,
      fingerprint: () => {
        const [inUse] = encrypters.keys
        return inUse === undefined ? null : keyFingerprint(inUse)
      },
      addressesOf: (peerId) => this.#redial.addresses(peerId),
      onRefused: (peerId) => { this.#tell({ peerId, kind: 'refused', clean: false }) },
    })
    this.#streams = new Streams({
      network,
      direct,
      clock: options.clock,
      counters: this.#counters,
      limits,
      isRunning,
      connect: async (peerId, signal) => this.#connections.best(peerId) ?? await this.#dialling.dialKnown(peerId, signal),
    })
    this.#pings = new PingClient({
      clock: options.clock,
      timeoutMs: limits.pingTimeoutMs,
      counters: this.#counters,
      open: (peerId, signal) => this.#streams.open(peerId, PING_PROTOCOL, signal),
    })
  }

  get port(): number {
    return this.#port
  }

  multiaddrs(): string[] {
    const suffix = `/p2p/${this.peerId}`
    const announced = this.#options.announce ?? []
    const addresses = announced.length > 0
      ? announced.map((address) => address.replace(/\/tcp\/0(?=\/|$)/, `/tcp/${this.#port}`))
      : this.#libp2p.getMultiaddrs().map((address) => address.toString())
    return addresses.map((address) => address.includes('/p2p/') ? address : address + suffix)
  }

  async start(): Promise<void> {
    if (this.#phase !== 'created') throw stopped()
    for (const address of this.#options.announce ?? []) parseAddress(address)
    this.#phase = 'started'
    try {
      await this.#libp2p.start()
    } catch (reason) {
      this.#phase = 'stopped'
      throw explainListenError(reason, `${this.#options.host}:${this.#options.port}`)
    }
    this.#gossip.start()
    this.#armSweep()
  }

  async stop(): Promise<void> {
    const wasStarted = this.#phase === 'started'
    this.#phase = 'stopped'
    this.#sweepTimer?.cancel()
    this.#redial.stop()
    this.#rekeying.stop()
    if (!wasStarted) return
    this.#direct.stop()
    await Promise.all(this.#connections.peers.map((peerId) => this.#sayGoodbye(peerId)))
    this.#connections.stop()
    this.#pings.stop()
    try {
      await withDeadline({
        clock: this.#options.clock,
        timeoutMs: this.#limits.stopTimeoutMs,
        timeoutError: () => new Error(`libp2p did not stop within ${this.#limits.stopTimeoutMs} ms.`),
      }, async () => { await this.#libp2p.stop() })
    } catch (reason) {
      this.#options.log.warn({ error: toError(reason).message }, 'The mesh did not stop in time; its connections are cut.')
      for (const connection of this.#libp2p.getConnections()) connection.abort(toError(reason))
    }
  }

  async dial(address: string, signal?: AbortSignal): Promise<string> {
    const connection = await this.#dialling.dial([parseAddress(address)], address, { signal })
    return connection.remotePeer.toString()
  }

  async hangUp(peerId: string): Promise<void> {
    if (this.#connections.all(peerId).length === 0) return
    await this.#sayGoodbye(peerId)
    await this.#connections.close(peerId)
  }

  setMembers(members: readonly PeerAddresses[]): void {
    this.#membersSet = true
    this.#members = members
    this.#redial.setMembers(members.filter((member) => this.#gate.isAllowed(member.peerId)))
  }

  connectedPeers(): string[] {
    return this.#connections.peers
  }

  onConnection(handler: (event: ConnectionEvent) => void): void {
    this.#connectionHandlers.push(handler)
  }

  async publish(topic: GossipTopic, bytes: Uint8Array): Promise<void> {
    if (this.#phase !== 'started') throw stopped()
    await this.#gossip.publish(topic, bytes)
  }

  onGossip(handler: GossipHandler): void {
    this.#gossip.onGossip((topic, from, bytes) => (this.#gate.isDenied(from) ? 'ignore' : handler(topic, from, bytes)))
  }

  async ping(peerId: string, signal?: AbortSignal): Promise<number> {
    return await this.#pings.ping(peerId, signal)
  }

  async open(peerId: string, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    return await this.#streams.open(peerId, protocol, signal)
  }

  async openDirect(peerId: string, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    return await this.#streams.openDirect(peerId, protocol, signal)
  }

  async handle(protocol: string, handler: (stream: ByteStream) => void, limits: StreamLimits): Promise<void> {
    if (limits.isDirect === true) this.#direct.offer(protocol, handler, limits.inboundStreamsMax)
    await this.#streams.handle(protocol, limits.inboundStreamsMax, handler)
  }

  async request(peerId: string, protocol: string, bytes: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return await this.#streams.request(peerId, protocol, bytes, options)
  }

  async onRequest(protocol: string, requestBytesMax: number, handler: RequestHandler): Promise<void> {
    await this.#streams.onRequest(protocol, requestBytesMax, () => handler)
  }

  setClusterKeys(keys: readonly Uint8Array[]): void {
    const before = this.#encrypters.protocols
    this.#encrypters.setKeys(keys)
    if (before.some((protocol) => !this.#encrypters.protocols.includes(protocol))) this.#rekeying.start()
  }

  hasCurrentKey(peerId: string): boolean {
    return this.#connections.all(peerId).some((connection) => this.#isCurrent(connection))
  }

  async renew(peerId: string, signal?: AbortSignal): Promise<void> {
    const peer = this.hasCurrentKey(peerId) ? null : this.#redial.addresses(peerId)
    if (peer !== null) await this.#dialling.dialPeer(peer, { signal, isForced: true })
  }

  #isCurrent(connection: Connection): boolean {
    return this.#encrypters.keys.length === 0 || (connection.encryption !== undefined && this.#encrypters.protocols.includes(connection.encryption))
  }

  setAllowed(isAllowed: (peerId: string) => boolean): void {
    this.#gate.isAllowed = isAllowed
    for (const peerId of this.#connections.peers) {
      if (isAllowed(peerId)) continue
      this.#direct.cut(peerId)
      for (const connection of this.#connections.all(peerId)) connection.abort(new Error('The peer is denied.'))
    }
    this.#redial.setMembers(this.#members.filter((member) => isAllowed(member.peerId)))
  }

  counters(): Readonly<MeshCounters> {
    return { ...this.#counters, denied: this.#gate.denied, handshakesFailed: this.#gate.handshakesFailed, refused: { ...this.#gate.refused }, direct: { ...this.#direct.counters, ...this.#direct.traffic } }
  }

  /** For the direct streams alone. */
  async askForTicket(connection: Connection, question: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return await this.#streams.requestOn(connection, DIRECT_PROTOCOL, question, { timeoutMs: this.#limits.openTimeoutMs, responseBytesMax: TICKET_BYTES, signal })
  }

  /** For the direct streams alone: the address that was dialled, or those that the member gives. */
  directAddresses(connection: Connection): HostPort[] {
    const dialled = connection.direction === 'outbound' ? [connection.remoteAddr] : []
    const peerId = connection.remotePeer.toString()
    const member = this.#redial.addresses(peerId)
    return (dialled.length > 0 || member === null ? dialled : memberAddresses(member)).map(hostPort).filter((address) => address !== null)
  }

  /** For the direct streams alone. */
  siblings(connection: Connection): Connection[] {
    return this.#connections.all(connection.remotePeer.toString())
      .filter((other) => other !== connection && other.status === 'open' && other.encryption === connection.encryption)
  }

  async #register(): Promise<void> {
    const { clock } = this.#options
    this.#libp2p.addEventListener('transport:listening', (event) => {
      for (const address of event.detail.getAddrs()) this.#port = tcpPort(address) ?? this.#port
    })
    this.#libp2p.addEventListener('connection:open', (event) => { this.#connections.handleOpened(event.detail) })
    this.#libp2p.addEventListener('connection:close', (event) => {
      this.#connections.handleClosed(event.detail)
      this.#direct.handleClosed(event.detail)
    })
    await this.#streams.handle(PING_PROTOCOL, PING_INBOUND_STREAMS_MAX, (stream) => {
      answerPings(stream, { clock, idleMs: this.#limits.pingIdleMs, counters: this.#counters })
    })
    await this.#streams.onRequest(DIRECT_PROTOCOL, DIRECT_REQUEST_BYTES_MAX, (connection) => (_from, question) => this.#direct.answer(connection, question))
    await this.onRequest(GOODBYE_PROTOCOL, 0, (from) => {
      this.#connections.handleGoodbye(from)
      return new Uint8Array(0)
    })
  }

  #handleConnection(event: ConnectionEvent): void {
    if (event.kind === 'opened') this.#redial.handleOpened(event.peerId)
    else this.#redial.handleClosed(event.peerId)
    this.#tell(event)
  }

  #tell(event: ConnectionEvent): void {
    if (this.#phase !== 'started') return
    for (const handler of this.#connectionHandlers) handler(event)
  }

  async #sayGoodbye(peerId: string): Promise<void> {
    this.#connections.handleGoodbye(peerId)
    const connection = this.#connections.best(peerId)
    if (connection === null) return
    try {
      await this.#streams.requestOn(connection, GOODBYE_PROTOCOL, new Uint8Array(0), { timeoutMs: this.#limits.goodbyeTimeoutMs, responseBytesMax: 0 })
    } catch (reason) {
      // It will take the close for a break, and find out by a probe.
      this.#options.log.debug({ peerId, error: toError(reason).message }, 'A peer did not hear the goodbye.')
    }
  }

  #armSweep(): void {
    this.#sweepTimer = this.#options.clock.setTimer(SWEEP_MS, () => {
      for (const peerId of this.#connections.idlePeers(this.#limits.idleMs)) {
        if (this.#membersSet && !this.#redial.isKept(peerId)) this.#hangUpSoon(peerId, 'Hanging up an idle connection that is not to be kept.')
      }
      this.#gossipRepair.look(this.#connections.peers, (peerId) => this.#redial.isKept(peerId))
      this.#armSweep()
    })
  }

  #hangUpSoon(peerId: string, why: string): void {
    this.#options.log.debug({ peerId }, why)
    this.hangUp(peerId).catch((error: unknown) => { this.#options.log.warn({ peerId, error: toError(error).message }, 'A connection could not be hung up.') })
  }

  /** Identifying a connection makes the registrar announce it again, upon which gossipsub opens what it lacks. */
  #restoreGossip(connection: Connection): void {
    if (this.#phase !== 'started') return
    this.#libp2p.services.identify.identify(connection).catch((error: unknown) => {
      this.#options.log.debug({ peerId: connection.remotePeer.toString(), error: toError(error).message }, 'A peer could not be identified again.')
    })
  }
}

function isSystemProtocol(protocol: string): boolean {
  return protocol === PING_PROTOCOL || protocol === DIRECT_PROTOCOL || protocol === GOODBYE_PROTOCOL || protocol.startsWith(GOSSIP_PROTOCOL_PREFIX) || protocol.startsWith(IDENTIFY_PREFIX)
}

function tcpPort(address: Multiaddr): number | null {
  const value = address.getComponents().find((component) => component.name === 'tcp')?.value
  return value === undefined ? null : Number(value)
}
