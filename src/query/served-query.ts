/**
 * One query at the answering side: handler, then batches. What fits the inline bound leaves as one Response frame; anything larger or
 * slower gets its head at once and moves to a bulk stream that the requester attaches.
 */
import { MeshError } from '../errors.ts'
import type { Timer } from '../ports/clock.ts'
import type { StreamRemote } from '../ports/peer-streams.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import { encodeEnd, encodeFailure, encodeFrame, encodeResponse, toMeshError } from '../wire/query-messages.ts'
import { FRAME_BYTES_MAX } from '../wire/framing.ts'
import type { End } from '../wire/generated/query.ts'
import type { BulkSender } from './bulk-sender.ts'
import { HEAD_DELAY_MS, INLINE_BYTES_MAX } from './limits.ts'
import type { ServerContext } from './server.ts'
import type { QueryRequest, QueryResponse } from './types.ts'

export interface ServedQueryOptions {
  readonly context: ServerContext
  readonly id: number
  readonly inlineBytes: number
  readonly request: QueryRequest
  readonly remote: StreamRemote
  readonly send: (frame: Uint8Array) => void
  /** The id is free again. The handler may still be winding up. */
  readonly onEnded: () => void
}

export class ServedQuery {
  readonly #options: ServedQueryOptions
  readonly #context: ServerContext
  #deadline: Timer | null = null
  #headTimer: Timer | null = null
  #controller: AbortController | null = null
  #stopped: MeshError | null = null
  #ended = false
  #parts: EngineBatch[] = []
  #partBytes = 0
  #headSent = false
  #bulk: BulkSender | null = null
  #onAttached: (() => void) | null = null

  constructor(options: ServedQueryOptions) {
    this.#options = options
    this.#context = options.context
  }

  start(): void {
    const { timeoutMs } = this.#options.request
    this.#context.queryStarted()
    this.#deadline = this.#context.clock.setTimer(timeoutMs, () => {
      this.stop(new MeshError('ERR_QUERY_TIMEOUT', `the deadline passed after ${Math.round(timeoutMs)} ms`))
    })
    this.#run().catch((error: unknown) => this.#fail(toMeshError(error))).finally(() => this.#context.queryEnded())
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

  async #run(): Promise<void> {
    const { context } = this.#options
    const response = await context.handler(this.#options.request, this.#handlerContext())
    const batches = response.batches[Symbol.asyncIterator]()
    if (this.#stopped !== null) {
      await batches.return?.()
      return
    }
    const inlineBytesMax = Math.min(this.#options.inlineBytes, INLINE_BYTES_MAX)
    try {
      for (;;) {
        const next = await batches.next()
        if (this.#stopped !== null) break
        if (next.done === true) {
          this.#succeed(response)
          return
        }
        if (!this.#headSent && this.#partBytes + next.value.bytes.length <= inlineBytesMax) {
          this.#parts.push(next.value)
          this.#partBytes += next.value.bytes.length
          this.#headTimer ??= context.clock.setTimer(HEAD_DELAY_MS, () => this.#sendLateHead(response))
          continue
        }
        this.#sendHead(response, null)
        await this.#sendBulk(next.value)
      }
    } catch (error) {
      // First the error, then the release: the requester need not wait for the engine to wind up.
      this.#fail(toMeshError(error))
    }
    await batches.return?.()
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
    await (this.#bulk as unknown as BulkSender).send(batch)
  }

  #sendHead(response: QueryResponse, end: End | null): void {
    if (this.#headSent || this.#ended) return
    this.#headTimer?.cancel()
    // The entry node makes the report that its client gets; what a node on the way says is not asked for.
    const route = this.#options.request.visited.length === 0 ? response.route : null
    const frame = encodeResponse(this.#options.id, { format: response.format, header: response.header, route }, this.#parts, end)
    if (frame.length > FRAME_BYTES_MAX) {
      throw new MeshError('ERR_QUERY_TOO_LARGE', `the description of the result's columns takes ${frame.length} bytes; at most ${FRAME_BYTES_MAX} can be sent`, {
        nextStep: 'Select fewer columns.',
      })
    }
    this.#parts = []
    this.#headSent = true
    this.#options.send(frame)
  }

  #sendLateHead(response: QueryResponse): void {
    try {
      this.#sendHead(response, null)
    } catch (error) {
      this.stop(toMeshError(error))
    }
  }

  #succeed(response: QueryResponse): void {
    if (this.#ended) return
    const trailer = response.trailer() ?? { rows: 0, engineMs: 0, load: null }
    const end = encodeEnd(this.#options.id, trailer, this.#context.inFlight() - 1)
    if (!this.#headSent) this.#sendHead(response, end)
    else if (this.#bulk !== null) this.#bulk.finish(encodeFrame({ end }))
    // All rows went with the head, and only the end is late: it needs no bulk stream of its own.
    else this.#options.send(encodeFrame({ end }))
    this.#context.counters.succeeded++
    this.#end()
  }

  #fail(error: MeshError): void {
    if (this.#ended) return
    if (error.code === 'ERR_QUERY_CANCELLED') this.#context.counters.cancelled++
    else if (error.code === 'ERR_QUERY_TIMEOUT') this.#context.counters.timedOut++
    else this.#context.counters.failed++
    if (error.code === 'ERR_INTERNAL') this.#context.log?.error({ err: error.cause ?? error }, 'a query failed by a fault of this program')
    const frame = encodeFailure(this.#options.id, error, error.details.started !== 'no')
    if (this.#bulk !== null) this.#bulk.finish(frame)
    else this.#options.send(frame)
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#deadline?.cancel()
    this.#headTimer?.cancel()
    this.#options.onEnded()
  }

  /** The signal is made when the handler first looks at it: an AbortController costs as much as decoding the request. */
  #handlerContext(): { readonly remote: StreamRemote; readonly signal: AbortSignal } {
    const signal = (): AbortSignal => {
      this.#controller ??= new AbortController()
      if (this.#stopped !== null) this.#controller.abort(this.#stopped)
      return this.#controller.signal
    }
    return { remote: this.#options.remote, get signal() { return signal() } }
  }
}
