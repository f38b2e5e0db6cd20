/**
 * Streams to a peer beside its connection of the mesh: a TCP connection each, under TLS 1.3 that Node's own code runs, without multiplexer and
 * negotiation. What a small query costs over libp2p is mostly theirs (docs/PERFORMANCE.md).
 *
 * Who may open one is decided on the connection of the mesh, which has proved cluster key, label, wire version and PeerId: it gives the ticket,
 * and the stream lives only as long as such a connection does. Whatever ends that one (a denied peer, a goodbye, a removed key, a failed
 * member) ends it, too. Where a direct stream cannot be had, the caller uses one of the connection's own.
 */
import type { Connection } from '@libp2p/interface'
import type { Socket } from 'node:net'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ByteStream } from '../../ports/peer-streams.ts'
import { SocketByteStream } from '../local/socket-byte-stream.ts'
import type { DirectDoor } from './divert.ts'
import { decodeTicket, encodeTicket, type Secured, secureInbound, secureOutbound } from './handshake.ts'
import { type Ticket, Tickets } from './tickets.ts'

export const DIRECT_PROTOCOL = '/reedbase/direct/1.0'
export const DIRECT_REQUEST_BYTES_MAX = 128
/** Tickets that wait for their handshake, on one connection. */
export const TICKETS_PER_CONNECTION_MAX = 32
/** A peer that could not be reached beside its connection is not tried again for so long; meanwhile its connection carries all. */
export const DIRECT_RETRY_MS = 60_000
/** Of a dial, so that an address behind a silent firewall costs a query no more than this once. */
export const DIRECT_DIAL_TIMEOUT_MS = 1_000

export interface HostPort {
  readonly host: string
  readonly port: number
}

export interface DirectStreamsInit {
  readonly clock: Clock
  readonly log: Log
  readonly isAllowed: (peerId: string) => boolean
  /** Asks the peer for a ticket on this very connection. */
  readonly ask: (connection: Connection, question: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>
  /** Where the peer listens, as far as it is known. */
  readonly addresses: (connection: Connection) => readonly HostPort[]
  /** Open connections to a peer that were made with the same key. */
  readonly siblings: (connection: Connection) => readonly Connection[]
}

export interface DirectCounters {
  opened: number
  accepted: number
  /** Tickets not given: no such protocol here, or too many. */
  ticketsRefused: number
  /** Handshakes without a valid ticket. */
  handshakesRefused: number
  /** Could not be had, and the connection's own streams were used. */
  fallbacks: number
}

/** As they are on the wire, from their handshakes on. */
export interface DirectTraffic {
  /** Streams that are open now. */
  readonly open: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

interface Offer {
  readonly handler: (stream: ByteStream) => void
  readonly streamsMax: number
}

interface Live {
  readonly secured: Secured
  readonly peerId: string
  readonly protocol: string
  readonly isInbound: boolean
  owner: Connection
}

export class DirectStreams implements DirectDoor {
  readonly counters: DirectCounters = { opened: 0, accepted: 0, ticketsRefused: 0, handshakesRefused: 0, fallbacks: 0 }
  readonly #init: DirectStreamsInit
  readonly #offers = new Map<string, Offer>()
  readonly #tickets = new Tickets<Connection>(TICKETS_PER_CONNECTION_MAX)
  readonly #live = new Set<Live>()
  readonly #endedBytes = { sent: 0, received: 0 }
  /** Until when a connection's peer is not tried. */
  readonly #notBeforeMs = new WeakMap<Connection, number>()
  #stopped = false

  constructor(init: DirectStreamsInit) {
    this.#init = init
  }

  /** The sockets count their bytes anyway. */
  get traffic(): DirectTraffic {
    let { sent, received } = this.#endedBytes
    for (const { secured: { tcp } } of this.#live) {
      sent += tcp.bytesWritten
      received += tcp.bytesRead
    }
    return { open: this.#live.size, sentBytes: sent, receivedBytes: received }
  }

  offer(protocol: string, handler: (stream: ByteStream) => void, streamsMax: number): void {
    this.#offers.set(protocol, { handler, streamsMax })
  }

  /** The answer to a request for a ticket; empty refuses it. */
  answer(connection: Connection, question: Uint8Array): Uint8Array {
    const protocol = Buffer.from(question).toString('utf8')
    const offer = this.#offers.get(protocol)
    const ticket = offer === undefined || this.#stopped || connection.status !== 'open' || this.#inbound(connection, protocol) >= offer.streamsMax
      ? null
      : this.#tickets.issue(connection, protocol, this.#init.clock.nowMs())
    if (ticket !== null) return encodeTicket(ticket.id, ticket.secret)
    this.counters.ticketsRefused++
    return new Uint8Array(0)
  }

  async accept(tcp: Socket): Promise<void> {
    const { clock } = this.#init
    let ticket: Ticket<Connection> | null = null
    let secured: Secured | null = null
    try {
      secured = await secureInbound(tcp, (id) => {
        ticket = this.#tickets.find(id, clock.nowMs())
        return ticket?.secret ?? null
      })
      this.#serve(secured, ticket)
    } catch (error) {
      this.counters.handshakesRefused++
      secured?.socket.destroy()
      tcp.destroy()
      throw error
    }
  }

  /** Null when it cannot be had, for whatever reason but the caller's signal. */
  async open(connection: Connection, protocol: string, signal: AbortSignal): Promise<ByteStream | null> {
    const { clock, log } = this.#init
    if (this.#stopped || clock.nowMs() < (this.#notBeforeMs.get(connection) ?? 0)) return null
    const peerId = connection.remotePeer.toString()
    try {
      const secured = await this.#dial(connection, protocol, signal)
      if (connection.status !== 'open' || this.#isStopped()) {
        secured.tcp.resetAndDestroy()
        return null
      }
      this.counters.opened++
      return this.#adopt({ secured, peerId, protocol, isInbound: false, owner: connection })
    } catch (error) {
      signal.throwIfAborted()
      this.#notBeforeMs.set(connection, clock.nowMs() + DIRECT_RETRY_MS)
      this.counters.fallbacks++
      log.debug({ peerId, protocol, error: String(error) }, 'no direct stream could be had; the connection carries it')
      return null
    }
  }

  /** Whether a direct stream depends on the connection. */
  isUsed(connection: Connection): boolean {
    for (const live of this.#live) if (live.owner === connection) return true
    return false
  }

  /** Its streams pass to another connection to the same peer that was made with the same key, and end if there is none. */
  handleClosed(connection: Connection): void {
    this.#tickets.forget(connection)
    for (const live of this.#live) {
      if (live.owner !== connection) continue
      const [heir] = this.#init.siblings(connection)
      if (heir === undefined) live.secured.tcp.resetAndDestroy()
      else live.owner = heir
    }
  }

  /** Ends at once all that the peer has. */
  cut(peerId: string): void {
    for (const live of this.#live) {
      if (live.peerId === peerId) live.secured.tcp.resetAndDestroy()
    }
  }

  stop(): void {
    this.#stopped = true
    for (const live of this.#live) live.secured.tcp.resetAndDestroy()
  }

  #serve(secured: Secured, ticket: Ticket<Connection> | null): void {
    const { clock, isAllowed } = this.#init
    if (this.#stopped || ticket === null || !this.#tickets.use(ticket, clock.nowMs())) throw new Error('The ticket of a direct stream is not valid any more.')
    const { owner, protocol } = ticket
    const offer = this.#offers.get(protocol)
    const peerId = owner.remotePeer.toString()
    if (offer === undefined || !isAllowed(peerId) || this.#inbound(owner, protocol) >= offer.streamsMax) throw new Error('The peer may not open this direct stream.')
    this.counters.accepted++
    offer.handler(this.#adopt({ secured, peerId, protocol, isInbound: true, owner }))
  }

  async #dial(connection: Connection, protocol: string, signal: AbortSignal): Promise<Secured> {
    const { ask, addresses } = this.#init
    let failure: unknown = new Error('no address of it is known')
    for (const { host, port } of addresses(connection)) {
      // One each: what has seen a name or failed a handshake is not shown to another address.
      const ticket = decodeTicket(await ask(connection, Buffer.from(protocol), signal))
      if (ticket === null) throw new Error(`the peer gives no ticket for ${protocol}`)
      try {
        return await secureOutbound({ host, port, ...ticket }, AbortSignal.any([signal, AbortSignal.timeout(DIRECT_DIAL_TIMEOUT_MS)]))
      } catch (error) {
        signal.throwIfAborted()
        failure = error
      }
    }
    throw failure
  }

  #adopt(live: Live): ByteStream {
    const { secured: { socket, tcp }, peerId } = live
    this.#live.add(live)
    tcp.once('close', () => {
      this.#live.delete(live)
      this.#endedBytes.sent += tcp.bytesWritten
      this.#endedBytes.received += tcp.bytesRead
      socket.destroy()
    })
    // Without joined writes: the query plane's frames come joined, and waiting for the turn's end costs more than it saves.
    return new SocketByteStream(socket, { kind: 'peer', peerId }, { title: `the direct stream to ${peerId}`, reset: () => { tcp.resetAndDestroy() } })
  }

  #inbound(owner: Connection, protocol: string): number {
    let count = 0
    for (const live of this.#live) if (live.isInbound && live.owner === owner && live.protocol === protocol) count++
    return count
  }

  /** It changes across an await, which the type checker does not see. */
  #isStopped(): boolean {
    return this.#stopped
  }
}
