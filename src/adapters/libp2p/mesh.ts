/** The libp2p mesh of one node: joins libp2p with the parts that stand in the other files, and holds nothing that they could. */
import { randomInt } from 'node:crypto'
import type { Connection, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createRandom } from '../../core/time/random.ts'
import { MeshError } from '../../errors.ts'
import type { Timer } from '../../ports/clock.ts'
import type { ByteStream, StreamLimits } from '../../ports/peer-streams.ts'
import { defaultClusterLabel } from '../../wire/cluster.ts'
import { keyFingerprint } from '../../wire/cluster-key.ts'
import { DIRECT_PROTOCOL, DIRECT_REQUEST_BYTES_MAX, DirectStreams, type HostPort } from '../direct/direct-streams.ts'
import { TICKET_BYTES } from '../direct/handshake.ts'
import { hostPort, parseAddress } from './address.ts'
import { Libp2pByteStream } from './byte-stream.ts'
import { ConnectionTable } from './connections.ts'
import type { ConnectionEvent } from './connections.ts'
import { createCounters } from './counters.ts'
import type { MeshCounters } from './counters.ts'
import { toError, withDeadline } from './deadline.ts'
import { explainDialError, isRefused } from './dial-error.ts'
import { Encrypters } from './encrypters.ts'
import { Gossip, GOSSIP_PROTOCOL_PREFIX } from './gossip.ts'
import type { GossipHandler, GossipTopic } from './gossip.ts'
import { GossipRepair } from './gossip-repair.ts'
import { Gate } from './gate.ts'
import { MESH_LIMITS } from './limits.ts'
import type { MeshLimits } from './limits.ts'
import type { Mesh, MeshOptions } from './mesh-options.ts'
import { ADDRESSES_PER_PEER_MAX, createNetwork } from './network.ts'
import type { Network } from './network.ts'
import { answerPings, PingClient, PING_INBOUND_STREAMS_MAX, PING_PROTOCOL } from './ping.ts'
import { Redial } from './redial.ts'
import type { PeerAddresses } from './redial.ts'
import { Rekeying } from './rekeying.ts'
import { sendRequest, serveRequest } from './request.ts'
import type { RequestHandler, RequestOptions } from './request.ts'

export type { Mesh, MeshOptions } from './mesh-options.ts'

/** Its arrival is the message: "the close that follows is meant". */
export const GOODBYE_PROTOCOL = '/reedbase/goodbye/1.0'

const IDENTIFY_PREFIX = '/ipfs/id/'
const STREAMS_PER_PROTOCOL_MAX = 128
const SWEEP_MS = 5_000
const REQUEST_STREAMS_MAX = 8

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
      dial: (peer) => this.#dialPeer(peer),
    })
    this.#pings = new PingClient({
      clock: options.clock,
      timeoutMs: limits.pingTimeoutMs,
      counters: this.#counters,
      open: (peerId, signal) => this.#openStream(peerId, PING_PROTOCOL, signal),
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
    const connection = await this.#dial([parseAddress(address)], address, signal)
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
    return await this.#openStream(peerId, protocol, signal)
  }

  async openDirect(peerId: string, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    return await this.#openStream(peerId, protocol, signal, true)
  }

  async handle(protocol: string, handler: (stream: ByteStream) => void, limits: StreamLimits): Promise<void> {
    if (limits.isDirect === true) this.#direct.offer(protocol, handler, limits.inboundStreamsMax)
    await this.#handleStreams(protocol, limits.inboundStreamsMax, handler)
  }

  async request(peerId: string, protocol: string, bytes: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return await sendRequest((signal) => this.#openStream(peerId, protocol, signal), this.#options.clock, peerId, bytes, options)
  }

  async onRequest(protocol: string, requestBytesMax: number, handler: RequestHandler): Promise<void> {
    const server = { requestBytesMax, timeoutMs: this.#limits.openTimeoutMs * 2, clock: this.#options.clock, counters: this.#counters, handler }
    await this.#handleStreams(protocol, REQUEST_STREAMS_MAX, (stream) => { serveRequest(stream, server) })
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
    if (peer !== null) await this.#dialPeer(peer, signal, true)
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
    return { ...this.#counters, denied: this.#gate.denied, handshakesFailed: this.#gate.handshakesFailed, refused: { ...this.#gate.refused }, direct: { ...this.#direct.counters } }
  }

  /** For the direct streams alone. */
  async askForTicket(connection: Connection, question: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const peerId = connection.remotePeer.toString()
    return await sendRequest(async (inner) => this.#wrap(await connection.newStream([DIRECT_PROTOCOL], { signal: inner, maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX }), peerId),
      this.#options.clock, peerId, question, { timeoutMs: this.#limits.openTimeoutMs, responseBytesMax: TICKET_BYTES, signal })
  }

  /** For the direct streams alone: the address that was dialled, or those that the member gives. */
  directAddresses(connection: Connection): HostPort[] {
    const dialled = connection.direction === 'outbound' ? [connection.remoteAddr] : []
    const peerId = connection.remotePeer.toString()
    const given = this.#redial.addresses(peerId)?.multiaddrs ?? []
    const all = dialled.length > 0 ? dialled : given.slice(0, ADDRESSES_PER_PEER_MAX).map((text) => memberAddress(text, peerId)).filter((address) => address !== null)
    return all.map(hostPort).filter((address) => address !== null)
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
    await this.#handleStreams(PING_PROTOCOL, PING_INBOUND_STREAMS_MAX, (stream) => {
      answerPings(stream, { clock, idleMs: this.#limits.pingIdleMs, counters: this.#counters })
    })
    await this.#libp2p.handle(DIRECT_PROTOCOL, (stream, connection) => {
      const handler = (_from: string, question: Uint8Array): Uint8Array => this.#direct.answer(connection, question)
      serveRequest(this.#wrap(stream, connection.remotePeer.toString()), { requestBytesMax: DIRECT_REQUEST_BYTES_MAX, timeoutMs: this.#limits.openTimeoutMs, clock, counters: this.#counters, handler })
    }, { maxInboundStreams: REQUEST_STREAMS_MAX, maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX })
    await this.onRequest(GOODBYE_PROTOCOL, 0, (from) => {
      this.#connections.handleGoodbye(from)
      return new Uint8Array(0)
    })
  }

  async #handleStreams(protocol: string, inboundStreamsMax: number, handler: (stream: Libp2pByteStream) => void): Promise<void> {
    await this.#libp2p.handle(protocol, (stream, connection) => {
      handler(this.#wrap(stream, connection.remotePeer.toString()))
    }, { maxInboundStreams: inboundStreamsMax, maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX })
  }

  #wrap(stream: Stream, remotePeerId: string): Libp2pByteStream {
    return new Libp2pByteStream({
      stream,
      remotePeerId,
      clock: this.#options.clock,
      halfOpenMs: this.#limits.halfOpenMs,
      onReset: () => { this.#counters.streamResets += 1 },
    })
  }

  async #openStream(peerId: string, protocol: string, signal?: AbortSignal): Promise<Libp2pByteStream>
  async #openStream(peerId: string, protocol: string, signal: AbortSignal | undefined, isDirect: true): Promise<ByteStream>
  async #openStream(peerId: string, protocol: string, signal?: AbortSignal, isDirect = false): Promise<ByteStream> {
    if (this.#phase !== 'started') throw stopped()
    const details = { peerId, protocol }
    try {
      return await withDeadline({
        clock: this.#options.clock,
        timeoutMs: this.#limits.openTimeoutMs,
        signal,
        timeoutError: () => new MeshError('ERR_PEER_UNREACHABLE', `${peerId} did not open a ${protocol} stream within ${this.#limits.openTimeoutMs} ms.`, { details }),
      }, async (inner) => {
        const connection = this.#connections.best(peerId) ?? await this.#dialKnown(peerId, inner)
        const direct = isDirect ? await this.#direct.open(connection, protocol, inner) : null
        if (inner.aborted) direct?.abort(toError(inner.reason))
        if (direct !== null) return direct
        const stream = await connection.newStream([protocol], { signal: inner, maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX })
        if (inner.aborted) stream.abort(toError(inner.reason))
        return this.#wrap(stream, peerId)
      })
    } catch (reason) {
      if (reason instanceof MeshError || signal?.aborted === true) throw reason
      const error = toError(reason)
      const why = error.name === 'UnsupportedProtocolError' ? `it does not speak ${protocol}` : error.message.replace(/\.$/, '')
      throw new MeshError('ERR_PEER_UNREACHABLE', `No ${protocol} stream to ${peerId} can be opened: ${why}.`, { details, cause: error })
    }
  }

  async #dialKnown(peerId: string, signal: AbortSignal): Promise<Connection> {
    const peer = this.#redial.addresses(peerId)
    if (peer === null) throw new MeshError('ERR_PEER_UNREACHABLE', `There is no connection to ${peerId}, and no address of it is known.`, { details: { peerId } })
    return await this.#dialPeer(peer, signal)
  }

  async #dialPeer(peer: PeerAddresses, signal?: AbortSignal, isForced = false): Promise<Connection> {
    const addresses: Multiaddr[] = []
    for (const text of peer.multiaddrs.slice(0, ADDRESSES_PER_PEER_MAX)) {
      const address = memberAddress(text, peer.peerId)
      if (address !== null) addresses.push(address)
    }
    if (addresses.length === 0) throw new MeshError('ERR_PEER_UNREACHABLE', `${peer.peerId} gives no address that can be dialled.`, { details: { peerId: peer.peerId } })
    try {
      return await this.#dial(addresses, peer.peerId, signal, isForced)
    } catch (reason) {
      if (this.#phase === 'started' && isRefused(reason)) for (const handler of this.#connectionHandlers) handler({ peerId: peer.peerId, kind: 'refused', clean: false })
      throw reason
    }
  }

  async #dial(addresses: Multiaddr[], target: string, signal?: AbortSignal, isForced = false): Promise<Connection> {
    if (this.#phase !== 'started') throw stopped()
    this.#counters.dials += 1
    const { clock } = this.#options
    const { dialTimeoutMs } = this.#limits
    try {
      return await withDeadline({
        clock,
        timeoutMs: dialTimeoutMs,
        signal,
        timeoutError: () => new MeshError('ERR_PEER_UNREACHABLE', `${target} did not answer within ${dialTimeoutMs} ms.`, { details: { target } }),
      }, async (inner) => await this.#libp2p.dial(addresses, { signal: inner, ...(isForced ? { force: true } : {}) }))
    } catch (reason) {
      this.#counters.dialFailures += 1
      if (signal?.aborted === true && reason === signal.reason) throw reason
      const [inUse] = this.#encrypters.keys
      throw explainDialError(reason, { target, fingerprint: inUse === undefined ? null : keyFingerprint(inUse) })
    }
  }

  #handleConnection(event: ConnectionEvent): void {
    if (event.kind === 'opened') this.#redial.handleOpened(event.peerId)
    else this.#redial.handleClosed(event.peerId)
    if (this.#phase !== 'started') return
    for (const handler of this.#connectionHandlers) handler(event)
  }

  async #sayGoodbye(peerId: string): Promise<void> {
    this.#connections.handleGoodbye(peerId)
    const connection = this.#connections.best(peerId)
    if (connection === null) return
    try {
      await sendRequest(async (signal) => this.#wrap(await connection.newStream([GOODBYE_PROTOCOL], { signal }), peerId),
        this.#options.clock, peerId, new Uint8Array(0), { timeoutMs: this.#limits.goodbyeTimeoutMs, responseBytesMax: 0 })
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

/** Null for what a member should not have announced: its record is signed, but its content is its own affair. */
function memberAddress(text: string, peerId: string): Multiaddr | null {
  try {
    const address = parseAddress(text)
    const named = address.getComponents().find((component) => component.name === 'p2p')?.value
    if (named === undefined) return address.encapsulate(`/p2p/${peerId}`)
    return named === peerId ? address : null
  } catch (error) {
    if (error instanceof MeshError) return null
    throw error
  }
}

function tcpPort(address: Multiaddr): number | null {
  const value = address.getComponents().find((component) => component.name === 'tcp')?.value
  return value === undefined ? null : Number(value)
}

function explainListenError(reason: unknown, address: string): MeshError {
  const { message } = toError(reason)
  const init = { cause: reason, details: { address } }
  if (message.includes('EADDRINUSE')) return new MeshError('ERR_PORT_BUSY', `The TCP port of ${address} is taken.`, init)
  if (message.includes('EADDRNOTAVAIL')) return new MeshError('ERR_ADDRESS_UNAVAILABLE', `${address} is not an address of this host.`, init)
  if (message.includes('EACCES')) return new MeshError('ERR_ADDRESS_UNAVAILABLE', `This user may not listen on ${address}.`, { ...init, nextStep: 'Choose a port above 1023 with --listen.' })
  return new MeshError('ERR_INTERNAL', `libp2p could not start on ${address}: ${message}`, init)
}

function stopped(): MeshError {
  return new MeshError('ERR_NODE_STOPPED', 'The mesh is not running.')
}
