/** The multiplexed stream to one target, its queries by id, and the pool of bulk streams beside it. */
import type { LoadDigest } from '../core/membership/types.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { FrameReader, FrameWriter } from '../wire/framing.ts'
import type { Frame, Hello, Response } from '../wire/generated/query.ts'
import { decodeFailure, decodeFrame, decodeTrailer, encodeFrame, encodeRequest, QUERY_WIRE_VERSION, SESSION_TOKEN_BYTES, toMeshError } from '../wire/query-messages.ts'
import { Alarm } from './alarm.ts'
import { BulkPool } from './bulk-pool.ts'
import type { ClientQuery, QueryConnection } from './client-query.ts'
import { INLINE_BYTES_MAX, QUEUED_BYTES_MAX, SESSION_SEND_BYTES } from './limits.ts'
import { QueryTable } from './query-table.ts'
import { closeWithFarSide, openWithin } from './stream-lifetime.ts'
import { QUERY_PROTOCOL, type QueryTrailer } from './types.ts'

export interface ClientConnectionOptions {
  readonly target: string
  readonly open: (target: string, protocol: string, signal: AbortSignal) => Promise<ByteStream>
  readonly inFlightPerTargetMax: number
  readonly openTimeoutMs: number
  readonly idleMs: number
  readonly bulkStreamsMax: number
  readonly bulkWaitersMax: number
  readonly windowBytes: number
  readonly clock: Clock
  readonly log: Log | null
  readonly onLoad: (load: LoadDigest, inFlight: number) => void
  readonly onClosed: () => void
}

const idMax = 0xffff_ffff
/** Errors of opening that say more than "unreachable". */
const passedOnAsIs: ReadonlySet<string> = new Set(['ERR_NODE_STOPPED', 'ERR_PROTOCOL', 'ERR_CLUSTER_KEY', 'ERR_NO_NODE'])

export class ClientConnection implements QueryConnection {
  /** Rejects when the target does not answer, or not as it should. */
  readonly opened: Promise<void>
  readonly #options: ClientConnectionOptions
  readonly #queries = new QueryTable<ClientQuery>()
  /** Queries that came while the stream was being opened. */
  readonly #waiting = new Set<ClientQuery>()
  /** Begun transactions: each is a query, by which its end is told. */
  readonly #begun = new Set<ClientQuery>()
  readonly #opening = new AbortController()
  readonly #alarm: Alarm
  #stream: ByteStream | null = null
  #writer: FrameWriter | null = null
  #bulk: BulkPool | null = null
  #inFlightMax: number
  #lastId = 0
  /** Sent so far, and when it was last looked whether the connection is idle. */
  #requests = 0
  #requestsSeen = 0
  #idleTimer: Timer | null = null
  #onHello: ((hello: Hello) => void) | null = null
  #onClosedEarly: ((error: Error) => void) | null = null
  #closed = false

  constructor(options: ClientConnectionOptions) {
    this.#options = options
    this.#inFlightMax = options.inFlightPerTargetMax
    this.#alarm = new Alarm(options.clock, (nowMs) => this.#handleDue(nowMs))
    this.opened = this.#open()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  get inFlight(): number {
    return this.#queries.size + this.#waiting.size
  }

  /** Without those that only wait for the end of a transaction. */
  get working(): number {
    return this.inFlight - this.#begun.size
  }

  get inFlightMax(): number {
    return this.#inFlightMax
  }

  /** Opens the stream and exchanges Hello; then sends what waits. */
  async #open(): Promise<void> {
    const { clock, target, openTimeoutMs } = this.#options
    const tooSlow = new MeshError('ERR_PEER_UNREACHABLE', `no query stream to ${target} within ${openTimeoutMs} ms`)
    const timer = clock.setTimer(openTimeoutMs, () => {
      this.#opening.abort(tooSlow)
      this.#onClosedEarly?.(tooSlow)
    })
    try {
      const stream = await openWithin((signal) => this.#options.open(target, QUERY_PROTOCOL, signal), this.#opening.signal)
      if (this.#isShut()) {
        stream.abort(new Error('the query client was closed'))
        return
      }
      const hello = await this.#exchangeHello(stream)
      if (hello.wireVersion !== QUERY_WIRE_VERSION || hello.token.length !== SESSION_TOKEN_BYTES) {
        throw new MeshError('ERR_PROTOCOL', `${target} speaks version ${hello.wireVersion} of the query protocol, this program version ${QUERY_WIRE_VERSION}`, { details: { started: 'no' } })
      }
      this.#ready(hello)
    } finally {
      timer.cancel()
    }
  }

  /** Sends the query now or when the stream is open. */
  start(query: ClientQuery): void {
    query.connection = this
    this.#alarm.set(query.deadlineMs)
    if (this.#bulk !== null) {
      this.#send(query)
      return
    }
    this.#waiting.add(query)
  }

  cancel(query: ClientQuery): void {
    if (query.id !== 0) this.#writer?.push(encodeFrame({ cancel: { id: query.id } }))
  }

  ended(query: ClientQuery): void {
    if (query.id === 0) this.#waiting.delete(query)
    else this.#queries.delete(query.id)
    this.#begun.delete(query)
  }

  isSent(query: ClientQuery): boolean {
    return query.id !== 0 && this.#writer?.isSent(query.frameNumber) === true
  }

  #handleDue(nowMs: number): number | null {
    let nextMs = Infinity
    for (const query of [...this.#waiting, ...this.#queries.values()]) {
      if (query.deadlineMs <= nowMs) query.handleDue()
      else nextMs = Math.min(nextMs, query.deadlineMs)
    }
    return nextMs === Infinity ? null : nextMs
  }

  /** Fails what is under way with `error`, unless nothing is. */
  async close(error: MeshError): Promise<void> {
    if (this.#closed) return
    const stream = this.#stream
    this.#shut(error, passedOnAsIs.has(error.code))
    if (stream === null) return
    if (error.code === 'ERR_NODE_STOPPED') await stream.close()
    else stream.abort(error)
  }

  /** It changes across an await, which the type checker does not see. */
  #isShut(): boolean {
    return this.#closed
  }

  #exchangeHello(stream: ByteStream): Promise<Hello> {
    this.#stream = stream
    const writer = new FrameWriter(stream)
    writer.sendBytes = SESSION_SEND_BYTES
    this.#writer = writer
    return new Promise<Hello>((resolve, reject) => {
      this.#onHello = resolve
      this.#onClosedEarly = reject
      const reader = new FrameReader((bytes) => {
        if (this.#closed) return
        const frame = decodeFrame(bytes)
        if (frame === null || !this.#handleFrame(frame)) throw new Error('a frame does not decode or is not allowed here')
      })
      closeWithFarSide(stream)
      stream.onClose((error) => {
        reject(error ?? new Error('the stream was closed'))
        this.#shut(error ?? new Error('the stream was closed'), false)
      })
      writer.push(encodeFrame({ hello: { wireVersion: QUERY_WIRE_VERSION, token: new Uint8Array(0), inFlightMax: 0 } }))
      writer.flush()
      stream.onBytes((chunk) => {
        try {
          if (!this.#closed) reader.push(chunk)
        } catch (error) {
          this.#options.log?.warn({ target: this.#options.target, error: String(error) }, 'query stream aborted: the answering side broke the protocol')
          const broken = new MeshError('ERR_PROTOCOL', `${this.#options.target} sent what the query protocol does not allow`, { cause: error })
          reject(broken)
          this.#shut(broken, false)
          stream.abort(broken)
        }
      })
    })
  }

  #ready(hello: Hello): void {
    const { clock, idleMs } = this.#options
    if (hello.inFlightMax > 0) this.#inFlightMax = Math.min(this.#inFlightMax, hello.inFlightMax)
    this.#bulk = new BulkPool({
      open: (signal) => this.#options.open(this.#options.target, QUERY_PROTOCOL, signal),
      token: hello.token,
      streamsMax: this.#options.bulkStreamsMax,
      waitersMax: this.#options.bulkWaitersMax,
      windowBytes: this.#options.windowBytes,
      openTimeoutMs: this.#options.openTimeoutMs,
      clock,
      log: this.#options.log,
      onEnd: (end) => this.#reportLoad(decodeTrailer(end), end.inFlight),
    })
    // One timer that looks, instead of one that is set anew by each query.
    const lookWhetherIdle = (): void => {
      const isIdle = this.inFlight === 0 && this.#requests === this.#requestsSeen
      this.#requestsSeen = this.#requests
      if (!isIdle) this.#idleTimer = clock.setTimer(idleMs, lookWhetherIdle)
      else this.close(new MeshError('ERR_NODE_STOPPED', 'the stream was idle')).catch((error: unknown) => this.#options.log?.debug({ error: String(error) }, 'closing an idle query stream failed'))
    }
    this.#idleTimer = clock.setTimer(idleMs, lookWhetherIdle)
    for (const query of [...this.#waiting]) {
      this.#waiting.delete(query)
      this.#send(query)
    }
  }

  #send(query: ClientQuery): void {
    const writer = this.#writer as FrameWriter
    if (this.#queries.size >= this.#inFlightMax || writer.queuedBytes > QUEUED_BYTES_MAX) {
      query.stop(new MeshError('ERR_OVERLOADED', `${this.#queries.size} queries to this node are under way and ${writer.queuedBytes} bytes wait to be sent, which is the limit`))
      return
    }
    const id = this.#nextId()
    let frame: Uint8Array
    try {
      frame = encodeRequest(id, query.request, Math.max(1, query.deadlineMs - this.#options.clock.nowMs()), INLINE_BYTES_MAX, query.compressions)
    } catch (error) {
      query.stop(toMeshError(error))
      return
    }
    query.id = id
    // Before the push: it may send, and the stream may be found closed at that.
    this.#queries.set(id, query)
    this.#requests++
    query.frameNumber = writer.push(frame)
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === idMax ? 1 : this.#lastId + 1
    while (this.#queries.has(this.#lastId))
    return this.#lastId
  }

  #handleFrame(frame: Frame): boolean {
    if (frame.response !== undefined) return this.#handleResponse(frame.response)
    if (frame.failure !== undefined) this.#queries.get(frame.failure.id)?.fail(decodeFailure(frame.failure))
    else if (frame.end !== undefined) {
      const query = this.#queries.get(frame.end.id)
      if (query === undefined) return true
      query.handleEnd(frame.end)
      this.#reportLoad(query.trailer, frame.end.inFlight)
    } else if (frame.hello !== undefined) this.#onHello?.(frame.hello)
    return frame.batch === undefined
  }

  #handleResponse(response: Response): boolean {
    const query = this.#queries.get(response.id)
    // Cancelled or out of time here while the answer was on its way.
    if (query === undefined) return true
    if (!query.handleResponse(response)) return false
    if (response.end !== undefined) this.#reportLoad(query.trailer, response.end.inFlight)
    // Nothing comes of a transaction's begin but its end, for which this stream will do.
    if (response.end === undefined) {
      if (query.request.transaction?.step !== 'begin') this.#bulk?.attach(response.id, query)
      // What came may have ended it.
      else if (this.#queries.has(response.id)) this.#begun.add(query)
    }
    return true
  }

  #reportLoad(trailer: QueryTrailer | null, inFlight: number): void {
    if (trailer !== null && trailer.load !== null) this.#options.onLoad(trailer.load, inFlight)
  }

  /** `asIs`: the queries get the error itself, otherwise one that says whether they may have run. */
  #shut(error: Error, asIs: boolean): void {
    if (this.#closed) return
    this.#closed = true
    this.#idleTimer?.cancel()
    this.#alarm.cancel()
    this.#opening.abort(error)
    this.#writer?.close()
    this.#bulk?.close()
    this.#options.onClosed()
    for (const query of [...this.#waiting, ...this.#queries.values()]) {
      if (asIs) query.stop(error as MeshError)
      else query.breakOff(`the query stream to ${this.#options.target} failed (${error.message})`, error)
    }
  }
}
