/**
 * The asking side of `/reedbase/query/1.0`: one multiplexed stream to each target, opened by the first query and kept, and a few bulk
 * streams beside it for large results. It neither retries nor fails over: that is the router's, which knows what may run twice.
 */
import { systemClock } from '../adapters/system/clock.ts'
import type { LoadDigest } from '../core/membership/types.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { toMeshError } from '../wire/query-messages.ts'
import { ClientConnection } from './client-connection.ts'
import { ClientQuery } from './client-query.ts'
import type { Compression } from './compression.ts'
import { BULK_STREAMS_MAX, BULK_WAITERS_MAX, HELLO_TIMEOUT_MS, IN_FLIGHT_PER_STREAM_MAX, WINDOW_BYTES } from './limits.ts'
import type { QueryRequest, QueryResponse } from './types.ts'

export interface QueryConnectionsOptions {
  /** PeerStreams.open, or a local socket. */
  readonly open: (target: string, protocol: string, signal: AbortSignal) => Promise<ByteStream>
  /** Queries to one target at a time; one more is refused with ERR_OVERLOADED. Default 16,384, or less if the target says so. */
  readonly inFlightPerTargetMax?: number
  /** From the start of opening a stream to the target's Hello. Default 10,000. */
  readonly openTimeoutMs?: number
  /** A connection without a query between two looks, so far apart, is closed. Default 300,000. */
  readonly idleMs?: number
  /** Large results from one target at a time; more wait. Default 8. */
  readonly bulkStreamsMax?: number
  /** Default 1,024. */
  readonly bulkWaitersMax?: number
  /** Batch bytes on the way to one consumer that is not reading. More is faster over long distances and costs memory. Default 2 MiB. */
  readonly windowBytes?: number
  /** Absent: no compressed batches are asked for. */
  readonly compression?: Compression
  readonly clock?: Clock
  readonly log?: Log
}

export type PeerLoadHandler = (target: string, load: LoadDigest, inFlight: number) => void

export class QueryConnections {
  readonly #options: Required<Omit<QueryConnectionsOptions, 'log' | 'compression'>> & { readonly log: Log | null; readonly compression: Compression | null }
  readonly #connections = new Map<string, ClientConnection>()
  readonly #loadHandlers: PeerLoadHandler[] = []
  #closed = false

  constructor(options: QueryConnectionsOptions) {
    this.#options = {
      open: options.open,
      inFlightPerTargetMax: options.inFlightPerTargetMax ?? IN_FLIGHT_PER_STREAM_MAX,
      openTimeoutMs: options.openTimeoutMs ?? HELLO_TIMEOUT_MS,
      idleMs: options.idleMs ?? 300_000,
      bulkStreamsMax: options.bulkStreamsMax ?? BULK_STREAMS_MAX,
      bulkWaitersMax: options.bulkWaitersMax ?? BULK_WAITERS_MAX,
      windowBytes: options.windowBytes ?? WINDOW_BYTES,
      compression: options.compression ?? null,
      clock: options.clock ?? systemClock,
      log: options.log ?? null,
    }
  }

  /**
   * Resolves with the head of the answer. Until then a broken stream is ERR_PEER_UNREACHABLE, with `details.started` 'no' when the
   * request cannot have reached the target, otherwise 'unknown'; afterwards `batches` throws ERR_QUERY_BROKEN with `details.rowsDelivered`.
   * An error of the target comes as it is, with `details.started` 'no' when the target promises that nothing was executed.
   * @throws MeshError also ERR_OVERLOADED, ERR_QUERY_TIMEOUT, ERR_QUERY_CANCELLED, ERR_QUERY_TOO_LARGE, ERR_OPTION_INVALID, ERR_PROTOCOL
   */
  query(target: string, request: QueryRequest, options: { readonly signal?: AbortSignal } = {}): Promise<QueryResponse> {
    if (this.#closed) return Promise.reject(new MeshError('ERR_NODE_STOPPED', 'the query client is closed', { details: { started: 'no' } }))
    if (!(request.timeoutMs > 0)) return Promise.reject(new MeshError('ERR_QUERY_TIMEOUT', 'no time was left to send the query', { details: { started: 'no' } }))
    const { signal } = options
    if (signal?.aborted === true) return Promise.reject(new MeshError('ERR_QUERY_CANCELLED', 'the caller cancelled the query', { details: { started: 'no' } }))
    const connection = this.#connection(target)
    if (connection.inFlight >= connection.inFlightMax) {
      return Promise.reject(new MeshError('ERR_OVERLOADED', `${connection.inFlight} queries to this node are under way, which is the limit`, { details: { started: 'no' } }))
    }
    // A request that says what its sender takes is passed on with its answer as it is: that is for the sender to unpack.
    const receiver = (request.compressions ?? 0) === 0 ? this.#options.compression?.receiver(target) ?? null : null
    const query = new ClientQuery(this.#options.clock, request, signal ?? null, receiver)
    connection.start(query)
    return query.response
  }

  /**
   * Opens the stream to a target ahead of the first query.
   * @throws MeshError as `query`
   */
  async warm(target: string, signal?: AbortSignal): Promise<void> {
    const cancelled = (): MeshError => new MeshError('ERR_QUERY_CANCELLED', 'the caller cancelled the connection', { details: { started: 'no' } })
    if (signal?.aborted === true) throw cancelled()
    const opened = this.#connection(target).opened.catch((error: unknown) => {
      if (error instanceof MeshError) throw error
      throw new MeshError('ERR_PEER_UNREACHABLE', `no query stream to ${target}: ${String(error)}`, { details: { started: 'no' }, cause: error })
    })
    if (signal === undefined) return await opened
    let onAbort = (): void => {}
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(cancelled())
      signal.addEventListener('abort', onAbort)
    })
    try {
      await Promise.race([opened, aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Queries to a target whose result has not ended. An open transaction is none while no statement of it is under way. */
  inFlight(target: string): number {
    return this.#connections.get(target)?.working ?? 0
  }

  /** Called with what the trailers of answers say about the node that ran the query. */
  onPeerLoad(handler: PeerLoadHandler): void {
    this.#loadHandlers.push(handler)
  }

  /** Fails what is under way with ERR_NODE_STOPPED. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#connections.values()].map((connection) => connection.close(new MeshError('ERR_NODE_STOPPED', 'the query client was closed'))))
    this.#connections.clear()
  }

  #connection(target: string): ClientConnection {
    const known = this.#connections.get(target)
    if (known !== undefined && !known.isClosed) return known
    const connection: ClientConnection = new ClientConnection({
      target,
      ...this.#options,
      onLoad: (load, inFlight) => { for (const handler of this.#loadHandlers) handler(target, load, inFlight) },
      onClosed: () => { if (this.#connections.get(target) === connection) this.#connections.delete(target) },
    })
    this.#connections.set(target, connection)
    connection.opened.catch((error: unknown) => connection.close(toMeshError(error)))
    return connection
  }
}
