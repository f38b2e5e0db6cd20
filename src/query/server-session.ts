/** A multiplexed stream at the answering side: its running queries by id. */
import { MeshError } from '../errors.ts'
import type { Timer } from '../ports/clock.ts'
import type { ByteStream, StreamRemote } from '../ports/peer-streams.ts'
import type { FrameWriter } from '../wire/framing.ts'
import type { Frame, Request } from '../wire/generated/query.ts'
import { decodeRequest, encodeFailure, refusalOfValues } from '../wire/query-messages.ts'
import { Alarm } from './alarm.ts'
import type { BulkSender } from './bulk-sender.ts'
import { QUEUED_BYTES_MAX, REQUEST_BYTES_MAX } from './limits.ts'
import { QueryTable } from './query-table.ts'
import { type QueryHost, ServedQuery } from './served-query.ts'
import type { ServerContext } from './server.ts'
import type { QueryRequest } from './types.ts'

export class ServerSession implements QueryHost {
  readonly context: ServerContext
  readonly #stream: ByteStream
  readonly #writer: FrameWriter
  readonly #queries = new QueryTable<ServedQuery>()
  readonly alarm: Alarm
  #requestBytes = 0
  #paused = false
  #stallTimer: Timer | null = null
  #closed = false

  constructor(context: ServerContext, stream: ByteStream, writer: FrameWriter) {
    this.context = context
    this.#stream = stream
    this.#writer = writer
    this.alarm = new Alarm(context.clock, (nowMs) => this.#handleDue(nowMs))
  }

  get remote(): StreamRemote {
    return this.#stream.remote
  }

  handleFrame(frame: Frame, frameBytes: number): boolean {
    if (frame.request !== undefined) return this.#handleRequest(frame.request, frameBytes)
    if (frame.cancel !== undefined) this.#queries.get(frame.cancel.id)?.stop(new MeshError('ERR_QUERY_CANCELLED', 'the caller cancelled the query'))
    // A second Hello changes nothing; a part of a later version is skipped.
    return frame.attach === undefined
  }

  /** False when no such query waits for its bulk stream. */
  attach(id: number, sender: BulkSender): boolean {
    return this.#queries.get(id)?.attach(sender) ?? false
  }

  handleClosed(): void {
    this.#closed = true
    this.#stallTimer?.cancel()
    this.alarm.cancel()
    this.failAll(new MeshError('ERR_QUERY_CANCELLED', 'the stream of the caller closed'))
  }

  handleUnblocked(): void {
    this.#stallTimer?.cancel()
    this.#stallTimer = null
    if (this.#paused && this.#writer.queuedBytes < QUEUED_BYTES_MAX) {
      this.#paused = false
      this.#stream.resume()
    }
  }

  failAll(error: MeshError): void {
    for (const query of this.#queries.values()) query.stop(error)
  }

  async close(): Promise<void> {
    this.#writer.flush()
    if (!this.#closed) await this.#stream.close()
  }

  /** A frame for the requester. A requester that does not read is first no longer listened to, then given up. */
  send(frame: Uint8Array): void {
    this.#writer.push(frame)
    if (!this.#writer.isBlocked) return
    if (!this.#paused && this.#writer.queuedBytes > QUEUED_BYTES_MAX) {
      this.#paused = true
      this.#stream.pause()
    }
    this.#stallTimer ??= this.context.clock.setTimer(this.context.stallMs, () => {
      this.context.counters.stalled++
      this.#stream.abort(new MeshError('ERR_PROTOCOL', `nothing was read from the query stream for ${this.context.stallMs} ms`))
    })
  }

  sendAnswer(frame: Uint8Array): void {
    if (!this.#closed) this.send(frame)
  }

  ended(query: ServedQuery): void {
    this.#queries.delete(query.id)
    this.#requestBytes -= query.frameBytes
  }

  #handleDue(nowMs: number): number | null {
    let nextMs = Infinity
    for (const query of this.#queries.values()) {
      if (query.nextDueMs <= nowMs) query.handleDue(nowMs)
      // One that was ended just now is no longer there, and looking at it costs nothing but an early call.
      nextMs = Math.min(nextMs, Math.max(query.nextDueMs, nowMs + 1))
    }
    return nextMs === Infinity ? null : nextMs
  }

  #handleRequest(wire: Request, frameBytes: number): boolean {
    this.context.counters.requests++
    const request = decodeRequest(wire)
    if (this.#queries.has(wire.id)) return false
    const refusal = request === null ? refusalOfValues(wire) : this.#refusal(request, frameBytes)
    if (refusal !== null) {
      this.context.counters.requestsRefused++
      this.send(encodeFailure(wire.id, refusal, false))
      return true
    }
    if (request === null) return false
    this.#requestBytes += frameBytes
    const query = new ServedQuery(this, { id: wire.id, request, inlineBytes: wire.credit, frameBytes })
    this.#queries.set(wire.id, query)
    query.start()
    return true
  }

  #refusal({ transaction }: QueryRequest, frameBytes: number): MeshError | null {
    // What is open has as long to end as a query that runs.
    const isInside = transaction !== undefined && transaction.step !== 'begin'
    if (this.context.isDraining() && !isInside) return new MeshError('ERR_DRAINING', 'the node is shutting down and takes no new query')
    if (this.#queries.size >= this.context.inFlightPerStreamMax) {
      return new MeshError('ERR_OVERLOADED', `${this.#queries.size} queries of this caller are running, which is the limit`)
    }
    if (this.#requestBytes + frameBytes > REQUEST_BYTES_MAX) {
      return new MeshError('ERR_OVERLOADED', `the running queries of this caller hold ${this.#requestBytes} bytes of SQL and parameters, which is the limit`)
    }
    return null
  }
}
