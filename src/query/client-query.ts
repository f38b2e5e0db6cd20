/** One query at the asking side: from the request to the end of its batches, whichever streams they come over. */
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import type { Batch, End, Response } from '../wire/generated/query.ts'
import { decodeFormat, decodeRoute, decodeTrailer } from '../wire/query-messages.ts'
import { creditOfBatch } from './batch-credit.ts'
import { codecOfNumber, type Codec } from './compression.ts'
import { BATCH_BYTES_MAX, BATCH_FRAGMENTS_MAX } from './limits.ts'
import type { QueryRequest, QueryResponse, QueryTrailer } from './types.ts'

/** A stream that carries the query, as far as the query has to do with it. */
export interface QueryChannel {
  /** Tells the answering side to stop. */
  cancel(query: ClientQuery): void
  /** The query has ended here. */
  ended(query: ClientQuery): void
}

/** The multiplexed stream, and the waiting for it. */
export interface QueryConnection extends QueryChannel {
  /** Whether the transport has the request; if not, the other side cannot have seen it. */
  isSent(query: ClientQuery): boolean
}

export interface QueryBulkStream extends QueryChannel {
  /** The consumer took so much. */
  consumed(query: ClientQuery, bytes: number): void
}

/** Stands between a result and its reader, and makes compressed batches what they were. */
export interface ResultReceiver {
  /** That it takes. */
  readonly compressions: number
  receive(batches: AsyncIterableIterator<EngineBatch, undefined>, codec: Codec | null): AsyncIterableIterator<EngineBatch, undefined>
}

interface ReceivedBatch {
  readonly batch: EngineBatch
  readonly creditBytes: number
  next: ReceivedBatch | null
}

export class ClientQuery {
  readonly request: QueryRequest
  readonly response: Promise<QueryResponse>
  /** On the connection; 0 before the request is on its way. */
  id = 0
  /** The request's, in the connection's writer. */
  frameNumber = 0
  connection: QueryConnection | null = null
  /** The stream that brings a large result. */
  bulk: QueryBulkStream | null = null
  readonly deadlineMs: number
  /** That it offers to take. */
  readonly compressions: number
  readonly #receiver: ResultReceiver | null
  #codec: Codec | null = null
  readonly #signal: AbortSignal | null
  readonly #onAbort: (() => void) | null = null
  #resolve!: (response: QueryResponse) => void
  #reject!: (error: MeshError) => void
  #responded = false
  #ended = false
  #error: MeshError | null = null
  #trailer: QueryTrailer | null = null
  #exhausted = false
  /** Received and not yet taken, as a list: taking from the front of an array is a call into C++, and most results have one batch. */
  #first: ReceivedBatch | null = null
  #last: ReceivedBatch | null = null
  #waiter: { resolve: (result: IteratorResult<EngineBatch, undefined>) => void; reject: (error: MeshError) => void } | null = null
  #rowsDelivered = 0
  #fragments: Uint8Array[] = []
  #fragmentBytes = 0

  constructor(clock: Clock, request: QueryRequest, signal: AbortSignal | null, receiver: ResultReceiver | null = null) {
    this.deadlineMs = clock.nowMs() + request.timeoutMs
    this.request = request
    this.#receiver = receiver
    this.compressions = receiver?.compressions ?? request.compressions ?? 0
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#signal = signal
    if (signal !== null) {
      this.#onAbort = () => this.stop(new MeshError('ERR_QUERY_CANCELLED', 'the caller cancelled the query'))
      signal.addEventListener('abort', this.#onAbort)
    }
  }

  /** No more frames are expected. */
  get ended(): boolean {
    return this.#ended
  }

  /** Null until the end has come. */
  get trailer(): QueryTrailer | null {
    return this.#trailer
  }

  handleDue(): void {
    this.stop(new MeshError('ERR_QUERY_TIMEOUT', `no complete answer within ${Math.round(this.request.timeoutMs)} ms`))
  }

  /** False when the frame is not allowed. */
  handleResponse(wire: Response): boolean {
    const format = decodeFormat(wire.format)
    const route = wire.route === undefined ? null : decodeRoute(wire.route)
    const codec = codecOfNumber(wire.compression ?? 0, this.compressions)
    if (this.#responded || format === null || codec === undefined || (wire.route !== undefined && route === null)) return false
    this.#codec = codec
    for (const part of wire.parts) {
      const batch = this.#batch(part.rows, part.data, part.rawBytes)
      if (batch === null) return false
      this.#enqueue({ batch, creditBytes: 0, next: null })
    }
    this.#responded = true
    if (wire.end !== undefined) this.handleEnd(wire.end)
    const iterator = new BatchIterator(this)
    // What is small and as the engine made it needs no one between.
    const isReceived = this.#receiver !== null && (wire.end === undefined || codec !== null)
    this.#resolve({
      format,
      header: wire.header,
      route,
      batches: isReceived ? this.#receiver.receive(iterator, codec) : iterator,
      compression: isReceived ? null : codec,
      trailer: () => (this.#exhausted ? this.#trailer : null),
    })
    return true
  }

  handleBatch(wire: Batch): boolean {
    this.#fragmentBytes += wire.data.length
    if (!this.#responded || this.#fragmentBytes > BATCH_BYTES_MAX) return false
    if (wire.more) {
      if (wire.data.length === 0 || this.#fragments.push(wire.data) >= BATCH_FRAGMENTS_MAX) return false
      // Nobody can consume part of a batch, so the rest must not wait for that; the batch's own bound holds instead.
      this.bulk?.consumed(this, creditOfBatch(wire.data.length))
      return true
    }
    let bytes = wire.data
    if (this.#fragments.length > 0) {
      bytes = Buffer.allocUnsafeSlow(this.#fragmentBytes)
      let at = 0
      for (const fragment of [...this.#fragments, wire.data]) {
        bytes.set(fragment, at)
        at += fragment.length
      }
      this.#fragments = []
    }
    this.#fragmentBytes = 0
    const batch = this.#batch(wire.rows, bytes, wire.rawBytes)
    if (batch === null) return false
    const entry: ReceivedBatch = { batch, creditBytes: creditOfBatch(wire.data.length), next: null }
    if (this.#waiter === null) this.#enqueue(entry)
    else {
      const waiter = this.#waiter
      this.#waiter = null
      waiter.resolve({ done: false, value: this.#deliver(entry) })
    }
    return true
  }

  /** Null when it is compressed though that was not agreed. An object without the field where it is not: most are. */
  #batch(rows: number, bytes: Uint8Array, rawBytes: number | undefined): EngineBatch | null {
    if (rawBytes === undefined) return { rows, bytes }
    return this.#codec === null ? null : { rows, bytes, rawBytes }
  }

  handleEnd(wire: End): void {
    this.#trailer = decodeTrailer(wire)
    this.#end()
    if (this.#waiter !== null) {
      this.#exhausted = true
      this.#waiter.resolve({ done: true, value: undefined })
      this.#waiter = null
    }
  }

  /** The answering side's word, or the deadline, or the caller: ends the query here. Batches that wait are dropped. */
  fail(error: MeshError): void {
    if (this.#ended) return
    this.#error = error
    this.#first = this.#last = null
    this.#fragments = []
    this.#end()
    this.#reject(error)
    this.#waiter?.reject(error)
    this.#waiter = null
  }

  /** The stream is gone. */
  breakOff(why: string, cause: unknown): void {
    if (!this.#responded) {
      const started = this.#isSent() ? 'unknown' : 'no'
      this.fail(new MeshError('ERR_PEER_UNREACHABLE', why, { details: { started }, cause }))
    } else {
      this.fail(new MeshError('ERR_QUERY_BROKEN', `${why}, after ${this.#rowsDelivered} rows`, { details: { rowsDelivered: this.#rowsDelivered }, cause }))
    }
  }

  /** Ends the query from this side. */
  stop(error: MeshError): void {
    if (this.#ended) return
    const withFacts = this.#responded || this.#isSent() ? error : new MeshError(error.code, error.message, { details: { ...error.details, started: 'no' } })
    const channel = this.bulk ?? this.connection
    this.fail(withFacts)
    channel?.cancel(this)
    // The transaction's next step comes over the connection, and is to find this one left.
    if (channel !== this.connection && this.request.transaction !== undefined) this.connection?.cancel(this)
  }

  /** For the iterator alone. */
  next(): Promise<IteratorResult<EngineBatch, undefined>> {
    const entry = this.#first
    if (entry !== null) {
      this.#first = entry.next
      if (entry.next === null) this.#last = null
      return Promise.resolve({ done: false, value: this.#deliver(entry) })
    }
    if (this.#error !== null) return Promise.reject(this.#error)
    if (this.#ended) {
      this.#exhausted = true
      return Promise.resolve({ done: true, value: undefined })
    }
    if (this.#waiter !== null) return Promise.reject(new MeshError('ERR_INTERNAL', 'the next batch was asked for before the last one came'))
    return new Promise((resolve, reject) => { this.#waiter = { resolve, reject } })
  }

  #enqueue(entry: ReceivedBatch): void {
    if (this.#last === null) this.#first = entry
    else this.#last.next = entry
    this.#last = entry
  }

  #deliver(entry: ReceivedBatch): EngineBatch {
    this.#rowsDelivered += entry.batch.rows
    if (entry.creditBytes > 0) this.bulk?.consumed(this, entry.creditBytes)
    return entry.batch
  }

  #end(): void {
    this.#ended = true
    if (this.#onAbort !== null) this.#signal?.removeEventListener('abort', this.#onAbort)
    this.connection?.ended(this)
    this.bulk?.ended(this)
  }

  #isSent(): boolean {
    return this.connection?.isSent(this) === true
  }
}

class BatchIterator implements AsyncIterableIterator<EngineBatch, undefined> {
  readonly #query: ClientQuery

  constructor(query: ClientQuery) {
    this.#query = query
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<EngineBatch, undefined>> {
    return this.#query.next()
  }

  return(): Promise<IteratorResult<EngineBatch, undefined>> {
    this.#query.stop(new MeshError('ERR_QUERY_CANCELLED', 'the reader of the result stopped'))
    return Promise.resolve({ done: true, value: undefined })
  }
}
