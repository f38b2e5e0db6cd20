/** A bulk stream at the asking side: batches of one query at a time, and the credit that its consumer earns. */
import { buffersMade } from '../adapters/system/buffer-collection.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import { FRAME_BYTES_MAX, FrameReader, FrameWriter } from '../wire/framing.ts'
import type { End, Frame } from '../wire/generated/query.ts'
import { decodeFailure, decodeFrame, encodeFrame, QUERY_WIRE_VERSION } from '../wire/query-messages.ts'
import { creditOfBatch } from './batch-credit.ts'
import type { ClientQuery, QueryBulkStream } from './client-query.ts'
import { TURN_BYTES_MAX } from './limits.ts'
import { closeWithFarSide } from './stream-lifetime.ts'
import { TurnBound } from './turn-bound.ts'

/** How long a cancelled query may take to send its last frame before its stream is given up. */
const drainTimeoutMs = 5000

export interface BulkReceiverOptions {
  readonly token: Uint8Array
  readonly windowBytes: number
  readonly clock: Clock
  readonly onEnd: (end: End) => void
  /** The stream can take another query. */
  readonly onFree: () => void
  readonly onClosed: () => void
}

export class BulkReceiver implements QueryBulkStream {
  readonly #stream: ByteStream
  readonly #options: BulkReceiverOptions
  readonly #writer: FrameWriter
  /** Null where others share the connection: what has come is decrypted and taken apart before a stream of it can be paused. */
  readonly #turn: TurnBound | null
  #id = 0
  #query: ClientQuery | null = null
  #creditBytes = 0
  /** What the other side may still send: the window, and the credit given since, less what came. */
  #grantedBytes = 0
  #drainTimer: Timer | null = null
  #closed = false

  constructor(stream: ByteStream, options: BulkReceiverOptions) {
    this.#stream = stream
    this.#options = options
    this.#writer = new FrameWriter(stream)
    this.#turn = stream.isAlone ? new TurnBound(stream, TURN_BYTES_MAX) : null
    const reader = new FrameReader((bytes) => {
      if (this.#closed) return
      const frame = decodeFrame(bytes)
      if (frame === null || !this.#handleFrame(frame)) throw new Error('a frame does not decode or is not allowed here')
    })
    closeWithFarSide(stream)
    stream.onClose((error) => this.#handleClosed(error))
    stream.onBytes((chunk) => {
      this.#turn?.handleBytes(chunk.length)
      // The chunk, and the frame that it becomes a part of.
      buffersMade(2 * chunk.length)
      try {
        if (!this.#closed) reader.push(chunk)
      } catch (error) {
        this.abort(new MeshError('ERR_PROTOCOL', 'the answering side sent what the query protocol does not allow', { cause: error }))
      }
    })
  }

  attach(id: number, query: ClientQuery): void {
    this.#id = id
    this.#query = query
    this.#creditBytes = 0
    this.#grantedBytes = this.#options.windowBytes
    query.bulk = this
    this.#writer.push(encodeFrame({
      attach: { wireVersion: QUERY_WIRE_VERSION, token: this.#options.token as Uint8Array<ArrayBuffer>, id, credit: this.#options.windowBytes },
    }))
  }

  cancel(query: ClientQuery): void {
    if (this.#query === query) this.#writer.push(encodeFrame({ cancel: { id: this.#id } }))
  }

  /** A quarter of the window at a time: fewer frames, and the sender still never runs dry. */
  consumed(query: ClientQuery, bytes: number): void {
    if (this.#query !== query) return
    this.#creditBytes += bytes
    if (this.#creditBytes < this.#options.windowBytes / 4) return
    this.#writer.push(encodeFrame({ credit: { id: this.#id, bytes: this.#creditBytes } }))
    this.#grantedBytes += this.#creditBytes
    this.#creditBytes = 0
  }

  /** What still comes of a query that ended here first is dropped, for a while. */
  ended(query: ClientQuery): void {
    if (this.#closed || this.#query !== query) return
    this.#drainTimer ??= this.#options.clock.setTimer(drainTimeoutMs, () => {
      this.abort(new Error(`a cancelled query sent no last frame within ${drainTimeoutMs} ms`))
    })
  }

  abort(error: Error): void {
    this.#stream.abort(error)
    this.#handleClosed(error)
  }

  #handleFrame(frame: Frame): boolean {
    const query = this.#query
    if (frame.batch !== undefined) {
      if (frame.batch.id !== this.#id || query === null) return false
      this.#grantedBytes -= creditOfBatch(frame.batch.data.length)
      // A sender that has credit left may finish the frame it is at. One that ignores its credit would fill the memory here.
      if (this.#grantedBytes < -FRAME_BYTES_MAX) return false
      return query.ended || query.handleBatch(frame.batch)
    }
    if (frame.end !== undefined) {
      if (frame.end.id !== this.#id || query === null) return false
      this.#options.onEnd(frame.end)
      this.#free(query)
      if (!query.ended) query.handleEnd(frame.end)
      return true
    }
    if (frame.failure !== undefined) {
      if (frame.failure.id !== this.#id || query === null) return false
      this.#free(query)
      query.fail(decodeFailure(frame.failure))
      return true
    }
    // The query had ended when the Attach came; how, is said on the multiplexed stream.
    if (frame.cancel !== undefined && frame.cancel.id === this.#id && query !== null) this.#free(query)
    return true
  }

  /** The other side's last frame of this query is here. */
  #free(query: ClientQuery): void {
    this.#drainTimer?.cancel()
    this.#drainTimer = null
    this.#query = null
    this.#id = 0
    query.bulk = null
    // After the caller has handed on what it holds, so that the next query finds this one done.
    queueMicrotask(() => { if (!this.#closed) this.#options.onFree() })
  }

  #handleClosed(error: Error | null): void {
    if (this.#closed) return
    this.#closed = true
    this.#drainTimer?.cancel()
    this.#writer.close()
    this.#turn?.close()
    const query = this.#query
    this.#query = null
    this.#options.onClosed()
    query?.breakOff(`the bulk stream failed (${error?.message ?? 'it was closed'})`, error)
  }
}
