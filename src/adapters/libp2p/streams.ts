/** Streams of the mesh: opened within a time to a peer that is dialled when need be, taken with a bound per protocol, and questions over them. */
import type { Connection, Stream } from '@libp2p/interface'
import { MeshError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteStream } from '../../ports/peer-streams.ts'
import type { DirectStreams } from '../direct/direct-streams.ts'
import { Libp2pByteStream } from './byte-stream.ts'
import type { MeshCounters } from './counters.ts'
import { toError, withDeadline } from './deadline.ts'
import { stopped } from './lifecycle-error.ts'
import type { MeshLimits } from './limits.ts'
import type { Network } from './network.ts'
import { type RequestHandler, type RequestOptions, sendRequest, serveRequest } from './request.ts'

const STREAMS_PER_PROTOCOL_MAX = 128
const REQUEST_STREAMS_MAX = 8

export interface StreamsParts {
  readonly network: Network
  readonly direct: DirectStreams
  readonly clock: Clock
  readonly counters: MeshCounters
  readonly limits: MeshLimits
  readonly isRunning: () => boolean
  /** The best connection there is, or a new one. */
  readonly connect: (peerId: string, signal: AbortSignal) => Promise<Connection>
}

export class Streams {
  readonly #parts: StreamsParts

  constructor(parts: StreamsParts) {
    this.#parts = parts
  }

  /** @throws MeshError ERR_PEER_UNREACHABLE, ERR_NODE_STOPPED, or the signal's reason */
  async open(peerId: string, protocol: string, signal?: AbortSignal): Promise<Libp2pByteStream> {
    return await this.#within(peerId, protocol, signal, async (connection, inner) => await this.#openOn(connection, protocol, inner))
  }

  /** Beside libp2p's connection where that can be had, otherwise on it. */
  async openDirect(peerId: string, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    return await this.#within(peerId, protocol, signal, async (connection, inner) => {
      const direct = await this.#parts.direct.open(connection, protocol, inner)
      if (inner.aborted) direct?.abort(toError(inner.reason))
      return direct ?? await this.#openOn(connection, protocol, inner)
    })
  }

  async handle(protocol: string, inboundStreamsMax: number, handler: (stream: Libp2pByteStream, connection: Connection) => void): Promise<void> {
    await this.#parts.network.handle(protocol, (stream, connection) => {
      handler(this.#wrap(stream, connection.remotePeer.toString()), connection)
    }, { maxInboundStreams: inboundStreamsMax, maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX })
  }

  async request(peerId: string, protocol: string, bytes: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return await sendRequest((signal) => this.open(peerId, protocol, signal), this.#parts.clock, peerId, bytes, options)
  }

  /** On that connection and no other. */
  async requestOn(connection: Connection, protocol: string, bytes: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return await sendRequest((signal) => this.#openOn(connection, protocol, signal), this.#parts.clock, connection.remotePeer.toString(), bytes, options)
  }

  async onRequest(protocol: string, requestBytesMax: number, answer: (connection: Connection) => RequestHandler): Promise<void> {
    const { limits, clock, counters } = this.#parts
    await this.handle(protocol, REQUEST_STREAMS_MAX, (stream, connection) => {
      serveRequest(stream, { requestBytesMax, timeoutMs: limits.openTimeoutMs * 2, clock, counters, handler: answer(connection) })
    })
  }

  async #within<S>(peerId: string, protocol: string, signal: AbortSignal | undefined, open: (connection: Connection, inner: AbortSignal) => Promise<S>): Promise<S> {
    const { isRunning, clock, limits: { openTimeoutMs }, connect } = this.#parts
    if (!isRunning()) throw stopped()
    const details = { peerId, protocol }
    try {
      return await withDeadline({
        clock,
        timeoutMs: openTimeoutMs,
        signal,
        timeoutError: () => new MeshError('ERR_PEER_UNREACHABLE', `${peerId} did not open a ${protocol} stream within ${openTimeoutMs} ms.`, { details }),
      }, async (inner) => await open(await connect(peerId, inner), inner))
    } catch (reason) {
      if (reason instanceof MeshError || signal?.aborted === true) throw reason
      const error = toError(reason)
      const why = error.name === 'UnsupportedProtocolError' ? `it does not speak ${protocol}` : error.message.replace(/\.$/, '')
      throw new MeshError('ERR_PEER_UNREACHABLE', `No ${protocol} stream to ${peerId} can be opened: ${why}.`, { details, cause: error })
    }
  }

  async #openOn(connection: Connection, protocol: string, signal: AbortSignal): Promise<Libp2pByteStream> {
    const stream = await connection.newStream([protocol], { signal, maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX })
    if (signal.aborted) stream.abort(toError(signal.reason))
    return this.#wrap(stream, connection.remotePeer.toString())
  }

  #wrap(stream: Stream, remotePeerId: string): Libp2pByteStream {
    const { clock, limits: { halfOpenMs }, counters } = this.#parts
    return new Libp2pByteStream({ stream, remotePeerId, clock, halfOpenMs, onReset: () => { counters.streamResets += 1 } })
  }
}
