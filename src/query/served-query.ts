/**
 * One query at the answering side: handler, then batches. What fits the inline bound leaves as one Response frame; anything larger or
 * slower gets its head at once and moves to a bulk stream that the requester attaches.
 */
import { MeshError } from '../errors.ts'
import type { StreamRemote } from '../ports/peer-streams.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import { encodeEnd, encodeFailure, encodeFrame, encodeResponse, toMeshError } from '../wire/query-messages.ts'
import { FRAME_BYTES_MAX } from '../wire/framing.ts'
import type { End } from '../wire/generated/query.ts'
import type { Alarm } from './alarm.ts'
import type { BulkSender } from './bulk-sender.ts'
import { type CompressingSender, numberOfCodec } from './compression.ts'
import { HEAD_DELAY_MS, INLINE_BATCHES_MAX, INLINE_BYTES_MAX } from './limits.ts'
import type { ServerContext } from './server.ts'
import type { QueryRequest, QueryResponse } from './types.ts'

/** What a query needs of the stream that it came on. One for all its queries: closures of each query's own would be made for every small one. */
export interface QueryHost {
  readonly context: ServerContext
  readonly remote: StreamRemote
  /** Shared by the queries; see `nextDueMs`. */
  readonly alarm: Alarm
  sendAnswer(frame: Uint8Array): void
  /** The id is free again. The handler may still be winding up. */
  ended(query: ServedQuery): void
}

export interface ServedQueryOptions {
  readonly id: number
  readonly request: QueryRequest
  readonly inlineBytes: number
  /** What the request takes. */
  readonly frameBytes: number
}

export class ServedQuery {
  readonly id: number
  readonly frameBytes: number
  readonly #request: QueryRequest
  readonly #inlineBytes: number
  readonly #host: QueryHost
  readonly #context: ServerContext
  readonly #deadlineMs: number
  #headDueMs = Infinity
  #response: QueryResponse | null = null
  #controller: AbortController | null = null
  #stopped: MeshError | null = null
  #ended = false
  #parts: EngineBatch[] = []
  #partBytes = 0
  #headSent = false
  #bulk: BulkSender | null = null
  #compressing: CompressingSender | null = null
  #onAttached: (() => void) | null = null

  constructor(host: QueryHost, { id, request, inlineBytes, frameBytes }: ServedQueryOptions) {
    this.id = id
    this.frameBytes = frameBytes
    this.#request = request
    this.#inlineBytes = Math.min(inlineBytes, INLINE_BYTES_MAX)
    this.#host = host
    this.#context = host.context
    this.#deadlineMs = host.context.clock.nowMs() + request.timeoutMs
  }

  get nextDueMs(): number {
    return Math.min(this.#deadlineMs, this.#headDueMs)
  }

  start(): void {
    this.#context.queryStarted()
    this.#host.alarm.set(this.#deadlineMs)
    void this.#run()
  }

  handleDue(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) {
      this.stop(new MeshError('ERR_QUERY_TIMEOUT', `the deadline passed after ${Math.round(this.#request.timeoutMs)} ms`))
    } else if (nowMs >= this.#headDueMs && this.#response !== null) {
      try {
        this.#sendHead(this.#response, null)
      } catch (error) {
        this.stop(toMeshError(error))
      }
    }
  }

  /** Ends the query for the requester at once and tells the engine; what the engine still takes to stop is not waited for. */
  stop(error: MeshError): void {
    if (this.#ended) return
    this.#stopped = error
    this.#fail(error)
    this.#controller?.abort(error)
    this.#bulk?.stop(error)
    this.#onAttached?.()
  }

  /** False when no bulk stream is awaited. */
  attach(sender: BulkSender): boolean {
    if (this.#ended || !this.#headSent || this.#bulk !== null) return false
    this.#bulk = sender
    sender.onStopped = (error) => this.stop(error)
    this.#onAttached?.()
    return true
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    let batches: AsyncIterator<EngineBatch> | null = null
    try {
      const request = this.#request
      const { remote } = this.#host
      if ((request.compressions ?? 0) > 0) this.#compressing = this.#context.compression?.sender(request.compressions ?? 0, remote) ?? null
      const response = await this.#context.handler(request, new HandlerContext(remote, this))
      // A relay leaves what is compressed elsewhere to that codec.
      if (response.compression !== undefined && response.compression !== null && response.compression !== this.#compressing?.codec) this.#compressing = null
      batches = response.batches[Symbol.asyncIterator]()
      // It has no batches, and its end is that of the transaction: the head is the answer.
      if (this.#request.transaction?.step === 'begin' && this.#stopped === null) this.#sendHead(response, null)
      // Ended by itself: nothing is left to release.
      if (await this.#pump(response, batches)) batches = null
    } catch (error) {
      // First the error, then the release: the requester need not wait for the engine to wind up.
      this.#fail(toMeshError(error))
    }
    try {
      if (batches !== null) await batches.return?.()
    } catch (error) {
      this.#context.log?.debug({ error: String(error) }, 'releasing a result failed')
    }
    this.#context.queryEnded()
  }

  /** True when the result came to its end, false when the query was stopped. */
  async #pump(response: QueryResponse, batches: AsyncIterator<EngineBatch>): Promise<boolean> {
    while (this.#stopped === null) {
      const next = await batches.next()
      if (this.#isStopped()) break
      if (next.done === true) {
        this.#succeed(response)
        return true
      }
      const compressing = this.#compressing
      let batch = next.value
      if (compressing?.isDue(batch) === true) {
        batch = await compressing.compress(batch)
        if (this.#isStopped()) break
      }
      if (!this.#headSent && this.#partBytes + batch.bytes.length <= this.#inlineBytes && this.#parts.length < INLINE_BATCHES_MAX) {
        if (this.#response === null) this.#expectMore(response)
        this.#parts.push(batch)
        this.#partBytes += batch.bytes.length
      } else {
        this.#sendHead(response, null)
        await this.#sendBulk(batch)
      }
    }
    return false
  }

  /** It changes across an await, which the type checker does not see. */
  #isStopped(): boolean {
    return this.#stopped !== null
  }

  /** It changes within a call, which the type checker does not see. */
  #isEnded(): boolean {
    return this.#ended
  }

  /** A result that trickles shall not keep its head back. */
  #expectMore(response: QueryResponse): void {
    this.#response = response
    this.#headDueMs = this.#context.clock.nowMs() + HEAD_DELAY_MS
    this.#host.alarm.set(this.#headDueMs)
  }

  async #sendBulk(batch: EngineBatch): Promise<void> {
    if (this.#bulk === null) {
      await new Promise<void>((resolve, reject) => {
        const timer = this.#context.clock.setTimer(this.#context.stallMs, () => {
          this.#context.counters.stalled++
          reject(new MeshError('ERR_QUERY_CANCELLED', `no bulk stream was attached for ${this.#context.stallMs} ms`))
        })
        this.#onAttached = () => {
          timer.cancel()
          resolve()
        }
      })
      this.#onAttached = null
    }
    if (this.#stopped !== null) throw this.#stopped
    const startedMs = this.#compressing === null ? 0 : this.#context.clock.nowMs()
    await (this.#bulk as unknown as BulkSender).send(batch)
    this.#compressing?.handleSent(batch.bytes.length, this.#context.clock.nowMs() - startedMs)
  }

  #sendHead(response: QueryResponse, end: End | null): void {
    if (this.#headSent || this.#ended) return
    this.#headDueMs = Infinity
    // The entry node makes the report that its client gets; what a node on the way says is not asked for.
    const route = this.#request.visited.length === 0 ? response.route : null
    const frame = encodeResponse(this.id, { format: response.format, header: response.header, route, compression: this.#compressionOf(response, end) }, this.#parts, end)
    if (frame.length > FRAME_BYTES_MAX) {
      throw new MeshError('ERR_QUERY_TOO_LARGE', `the description of the result's columns takes ${frame.length} bytes; at most ${FRAME_BYTES_MAX} can be sent`, {
        nextStep: 'Select fewer columns.',
      })
    }
    this.#parts = []
    this.#headSent = true
    this.#host.sendAnswer(frame)
  }

  /** To be said with the head, for all batches: whether one that comes later will be compressed is not known yet. */
  #compressionOf({ compression }: QueryResponse, end: End | null): number {
    if (compression !== undefined && compression !== null) return numberOfCodec(compression)
    if (this.#compressing === null || (end !== null && this.#parts.every(({ rawBytes }) => rawBytes === undefined))) return 0
    return numberOfCodec(this.#compressing.codec)
  }

  #succeed(response: QueryResponse): void {
    if (this.#ended) return
    const trailer = response.trailer() ?? { rows: 0, engineMs: 0, load: null }
    const end = encodeEnd(this.id, trailer, this.#context.inFlight() - 1)
    if (!this.#headSent) this.#sendHead(response, end)
    else if (this.#bulk !== null) this.#bulk.finish(encodeFrame({ end }))
    // All rows went with the head, and only the end is late: it needs no bulk stream of its own.
    else this.#host.sendAnswer(encodeFrame({ end }))
    // Sending may have found the stream closed, which ends the query.
    if (this.#isEnded()) return
    this.#context.counters.succeeded++
    this.#end()
  }

  #fail(error: MeshError): void {
    if (this.#ended) return
    // Before sending, which may find the stream closed and come back here.
    this.#end()
    if (error.code === 'ERR_QUERY_CANCELLED') this.#context.counters.cancelled++
    else if (error.code === 'ERR_QUERY_TIMEOUT') this.#context.counters.timedOut++
    else this.#context.counters.failed++
    if (error.code === 'ERR_INTERNAL') this.#context.log?.error({ err: error.cause ?? error }, 'a query failed by a fault of this program')
    const frame = encodeFailure(this.id, error, error.details.started !== 'no')
    if (this.#bulk !== null) this.#bulk.finish(frame)
    else this.#host.sendAnswer(frame)
  }

  #end(): void {
    this.#ended = true
    this.#host.ended(this)
  }

  /** Made when the handler first looks at it: an AbortController costs as much as decoding the request. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#stopped !== null) this.#controller.abort(this.#stopped)
    return this.#controller.signal
  }
}

/**
 * What the handler gets beside the request. A class, because an object literal with a getter gets a hidden class of its own at each
 * evaluation: those lie in the old generation, where minor collections free nothing, and each holds its getter's closure and thereby the
 * whole query until the next collection of the whole heap.
 */
class HandlerContext {
  readonly remote: StreamRemote
  readonly #query: ServedQuery

  constructor(remote: StreamRemote, query: ServedQuery) {
    this.remote = remote
    this.#query = query
  }

  get signal(): AbortSignal {
    return this.#query.signal
  }
}
