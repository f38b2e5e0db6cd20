/**
 * The answering side of `/reedbase/query/1.0`. The first frame of a stream says what it is: Hello opens a session, on which requests and
 * small results are multiplexed; Attach makes it the bulk stream of one query of a session.
 */
import { randomBytes } from 'node:crypto'
import { systemClock } from '../adapters/system/clock.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { FrameReader, FrameWriter } from '../wire/framing.ts'
import type { Attach, Frame } from '../wire/generated/query.ts'
import { decodeFrame, encodeFrame, QUERY_WIRE_VERSION, SESSION_TOKEN_BYTES } from '../wire/query-messages.ts'
import { BulkSender } from './bulk-sender.ts'
import type { Compression } from './compression.ts'
import { HELLO_TIMEOUT_MS, IN_FLIGHT_PER_STREAM_MAX, SESSION_SEND_BYTES, STALL_MS } from './limits.ts'
import { ServerSession } from './server-session.ts'
import { closeWithFarSide } from './stream-lifetime.ts'
import type { QueryHandler } from './types.ts'

export interface QueryServerOptions {
  readonly handler: QueryHandler
  /** Queries of one stream at a time; one more is refused with ERR_OVERLOADED. Default 16,384. */
  readonly inFlightPerStreamMax?: number
  /** A consumer that takes nothing for so long loses its query. Default 30,000. */
  readonly stallMs?: number
  /** Default 10,000. */
  readonly helloTimeoutMs?: number
  /** Absent: no batch is compressed here. */
  readonly compression?: Compression
  readonly clock?: Clock
  readonly log?: Log
}

export interface QueryServerCounters {
  streamsAccepted: number
  streamsMalformed: number
  streamsVersionRefused: number
  requests: number
  requestsRefused: number
  succeeded: number
  failed: number
  cancelled: number
  timedOut: number
  stalled: number
  bulkTransfers: number
  bulkRefused: number
}

/** What sessions and bulk streams need of the server. */
export interface ServerContext {
  readonly handler: QueryHandler
  readonly inFlightPerStreamMax: number
  readonly stallMs: number
  readonly compression: Compression | null
  readonly clock: Clock
  readonly log: Log | null
  readonly counters: QueryServerCounters
  isDraining(): boolean
  inFlight(): number
  queryStarted(): void
  queryEnded(): void
}

export class QueryServer {
  readonly #context: ServerContext
  readonly #helloTimeoutMs: number
  /** By token in hex. */
  readonly #sessions = new Map<string, ServerSession>()
  readonly #bulkStreams = new Set<ByteStream>()
  #inFlight = 0
  #draining = false
  #onIdle: (() => void) | null = null

  constructor(options: QueryServerOptions) {
    this.#helloTimeoutMs = options.helloTimeoutMs ?? HELLO_TIMEOUT_MS
    this.#context = {
      handler: options.handler,
      inFlightPerStreamMax: options.inFlightPerStreamMax ?? IN_FLIGHT_PER_STREAM_MAX,
      stallMs: options.stallMs ?? STALL_MS,
      compression: options.compression ?? null,
      clock: options.clock ?? systemClock,
      log: options.log ?? null,
      counters: {
        streamsAccepted: 0, streamsMalformed: 0, streamsVersionRefused: 0, requests: 0, requestsRefused: 0, succeeded: 0, failed: 0,
        cancelled: 0, timedOut: 0, stalled: 0, bulkTransfers: 0, bulkRefused: 0,
      },
      isDraining: () => this.#draining,
      inFlight: () => this.#inFlight,
      queryStarted: () => { this.#inFlight++ },
      queryEnded: () => {
        this.#inFlight--
        if (this.#inFlight === 0) this.#onIdle?.()
      },
    }
  }

  /** Queries whose handler or result has not ended. */
  get inFlight(): number {
    return this.#inFlight
  }

  counters(): Readonly<QueryServerCounters> {
    return { ...this.#context.counters }
  }

  /** Serves a stream until it closes. Whatever the other side sends, this never throws. */
  accept(stream: ByteStream): void {
    this.#context.counters.streamsAccepted++
    let onFrame: (frame: Frame, frameBytes: number) => boolean = (frame) => {
      timer.cancel()
      const handler = this.#open(stream, writer, frame)
      if (handler === null) return false
      onFrame = handler.onFrame
      onClosed = handler.onClosed
      onUnblocked = handler.onUnblocked
      return true
    }
    let onClosed: () => void = () => {}
    let onUnblocked: () => void = () => {}
    let broken = false
    const malformed = (why: string): void => {
      if (broken) return
      broken = true
      this.#context.counters.streamsMalformed++
      this.#context.log?.warn({ remote: stream.remote, why }, 'query stream aborted: the other side sent what the protocol does not allow')
      stream.abort(new MeshError('ERR_PROTOCOL', why))
    }
    const writer = new FrameWriter(stream, () => onUnblocked())
    const timer = this.#context.clock.setTimer(this.#helloTimeoutMs, () => malformed(`no first frame within ${this.#helloTimeoutMs} ms`))
    const reader = new FrameReader((bytes) => {
      if (broken) return
      const frame = decodeFrame(bytes)
      if (frame === null) malformed('a frame does not decode')
      else if (!onFrame(frame, bytes.length)) malformed('a frame is not allowed here or has a value out of range')
    })
    closeWithFarSide(stream)
    stream.onClose(() => {
      broken = true
      timer.cancel()
      writer.close()
      onClosed()
    })
    stream.onBytes((chunk) => {
      if (broken) return
      try {
        reader.push(chunk)
      } catch (error) {
        malformed(error instanceof Error ? error.message : String(error))
      }
    })
  }

  /**
   * Refuses new queries with ERR_DRAINING, waits at most `boundMs` for the running ones, fails what is left, and closes the streams.
   */
  async drain(boundMs: number): Promise<void> {
    this.#draining = true
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#context.clock.setTimer(boundMs, resolve)
        this.#onIdle = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    const sessions = [...this.#sessions.values()]
    for (const session of sessions) session.failAll(new MeshError('ERR_DRAINING', 'the node is shutting down and gave the query no more time'))
    await Promise.all([...sessions.map((session) => session.close()), ...[...this.#bulkStreams].map((stream) => stream.close())])
  }

  #open(stream: ByteStream, writer: FrameWriter, frame: Frame): StreamHandler | null {
    if (frame.hello !== undefined) return this.#openSession(stream, writer, frame.hello.wireVersion)
    if (frame.attach !== undefined) return this.#openBulk(stream, writer, frame.attach)
    return null
  }

  #openSession(stream: ByteStream, writer: FrameWriter, wireVersion: number): StreamHandler | null {
    const token = randomBytes(SESSION_TOKEN_BYTES)
    // Said even to a version that is then refused, so that the other side can name both.
    writer.push(encodeFrame({ hello: { wireVersion: QUERY_WIRE_VERSION, token, inFlightMax: this.#context.inFlightPerStreamMax } }))
    writer.flush()
    if (wireVersion !== QUERY_WIRE_VERSION) {
      this.#context.counters.streamsVersionRefused++
      this.#context.log?.warn({ remote: stream.remote, wireVersion }, 'query stream refused: another wire version')
      stream.close().catch((error: unknown) => this.#context.log?.debug({ error: String(error) }, 'closing a refused query stream failed'))
      return { onFrame: () => true, onClosed: () => {}, onUnblocked: () => {} }
    }
    writer.sendBytes = SESSION_SEND_BYTES
    const session = new ServerSession(this.#context, stream, writer)
    const key = token.toString('hex')
    this.#sessions.set(key, session)
    return {
      onFrame: (next, frameBytes) => session.handleFrame(next, frameBytes),
      onClosed: () => {
        this.#sessions.delete(key)
        session.handleClosed()
      },
      onUnblocked: () => session.handleUnblocked(),
    }
  }

  #openBulk(stream: ByteStream, writer: FrameWriter, first: Attach): StreamHandler | null {
    let sender: BulkSender | null = null
    this.#bulkStreams.add(stream)
    const attach = (request: Attach): boolean => {
      // One query at a time: the requester sees its end before it sends the next Attach.
      if (request.wireVersion !== QUERY_WIRE_VERSION || (sender !== null && !sender.ended)) return false
      const session = this.#sessions.get(Buffer.from(request.token).toString('hex'))
      sender = new BulkSender(this.#context, stream, writer, request.id, request.credit)
      if (session?.attach(request.id, sender) === true) {
        this.#context.counters.bulkTransfers++
        return true
      }
      // The query may have ended meanwhile, and its end is on the session's stream: no offence, and nothing to send here.
      this.#context.counters.bulkRefused++
      sender.finish(encodeFrame({ cancel: { id: request.id } }))
      return true
    }
    if (!attach(first)) return null
    return {
      onFrame: (frame) => {
        if (frame.attach !== undefined) return attach(frame.attach)
        if (frame.credit !== undefined) sender?.handleCredit(frame.credit.id, frame.credit.bytes)
        else if (frame.cancel !== undefined) sender?.handleCancel(frame.cancel.id)
        return true
      },
      onClosed: () => {
        this.#bulkStreams.delete(stream)
        sender?.handleClosed()
      },
      onUnblocked: () => sender?.handleUnblocked(),
    }
  }
}

interface StreamHandler {
  /** False when the frame is not allowed. */
  readonly onFrame: (frame: Frame, frameBytes: number) => boolean
  readonly onClosed: () => void
  readonly onUnblocked: () => void
}
