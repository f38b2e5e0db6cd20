/**
 * The queries of the program that runs the node: handed to the router without a socket, under the same deadlines. They count when the
 * node drains, and end with it.
 */
import { withClientSpan } from '../client/client-span.ts'
import { toRequest } from '../client/request.ts'
import { runTransaction } from '../client/transaction.ts'
import type { QueryOptions, QueryResult, Transaction, TransactionOptions } from '../client/types.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import type { StreamRemote } from '../ports/peer-streams.ts'
import type { QueryHandler, QueryRequest, QueryResponse } from '../query/types.ts'
import { toMeshError } from '../wire/query-messages.ts'
import { encodeValue } from '../wire/query-values.ts'

export interface OwnQueriesParts {
  readonly handler: QueryHandler
  readonly clock: Clock
  readonly log: Log
}

/** At a time; a client over a socket has 1,024 for each stream. */
export const OWN_QUERIES_MAX = 10_000

/** One for all: what the program has begun, the program goes on with. */
const self: StreamRemote = { kind: 'local-client' }

export class OwnQueries {
  readonly #parts: OwnQueriesParts
  readonly #running = new Set<OwnQuery>()
  #isDraining = false
  #onIdle: (() => void) | null = null

  constructor(parts: OwnQueriesParts) {
    this.#parts = parts
  }

  /** Queries whose result has not come to its end. */
  get inFlight(): number {
    return this.#running.size
  }

  /** @throws MeshError */
  async query(sql: string, options: QueryOptions): Promise<QueryResult> {
    const [{ ClientQueryResult }, response] = await Promise.all([import('../client/query-result.ts'), this.#send(toRequest(sql, options), options.signal)])
    try {
      return new ClientQueryResult(response)
    } catch (error) {
      await response.batches[Symbol.asyncIterator]().return?.()
      throw error
    }
  }

  /** The same for a request that is made already, with its batches as they come. @throws MeshError */
  async stream(request: QueryRequest, signal: AbortSignal): Promise<QueryResponse> {
    return await this.#admit(request, signal).start()
  }

  /** @throws MeshError; what `work` throws */
  async transaction<T>(database: string, work: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return await runTransaction((request, signal) => this.#send(request, signal), database, work, options)
  }

  /** Async, so that what keeps it from being admitted is a rejection. */
  async #send(request: QueryRequest, signal: AbortSignal | undefined): Promise<QueryResponse> {
    return await withClientSpan(request, (spanned) => this.#admit(spanned, signal).start())
  }

  #admit(request: QueryRequest, signal: AbortSignal | undefined): OwnQuery {
    const isInside = request.transaction !== undefined && request.transaction.step !== 'begin'
    if (this.#isDraining && !isInside) throw new MeshError('ERR_NODE_STOPPED', 'the node is stopping, or has stopped', { details: { started: 'no' } })
    // Here nothing is encoded on the way to an engine of this node; what has no form on the wire is refused all the same.
    request.parameters.forEach(encodeValue)
    signal?.throwIfAborted()
    if (this.#running.size >= OWN_QUERIES_MAX) throw new MeshError('ERR_OVERLOADED', `${OWN_QUERIES_MAX} queries of this program are under way`, { details: { started: 'no' } })
    const query = new OwnQuery(this.#parts, request, signal, () => {
      this.#running.delete(query)
      if (this.#running.size === 0) this.#onIdle?.()
    })
    this.#running.add(query)
    return query
  }

  /** Refuses new ones, waits at most `boundMs` for those that run, and ends what is left. */
  async drain(boundMs: number): Promise<void> {
    this.#isDraining = true
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#parts.clock.setTimer(boundMs, resolve)
        this.#onIdle = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    for (const query of [...this.#running]) query.stop(new MeshError('ERR_DRAINING', 'the node is shutting down and gave the query no more time'))
  }
}

class OwnQuery {
  readonly #parts: OwnQueriesParts
  readonly #request: QueryRequest
  readonly #controller = new AbortController()
  readonly #timer: Timer
  readonly #signal: AbortSignal | undefined
  /** Of whoever waits for the next step. Not one promise for all steps, which would hold on to each of them. */
  #reject: ((error: MeshError) => void) | null = null
  readonly #onEnded: () => void
  #batches: AsyncIterator<EngineBatch> | null = null
  #isEnded = false
  #stopped: MeshError | null = null
  readonly #onAbort = (): void => { this.stop(new MeshError('ERR_QUERY_CANCELLED', 'the caller cancelled the query', { cause: this.#signal?.reason })) }

  constructor(parts: OwnQueriesParts, request: QueryRequest, signal: AbortSignal | undefined, onEnded: () => void) {
    this.#parts = parts
    this.#request = request
    this.#signal = signal
    this.#onEnded = onEnded
    this.#timer = parts.clock.setTimer(request.timeoutMs, () => { this.stop(new MeshError('ERR_QUERY_TIMEOUT', `the deadline passed after ${Math.round(request.timeoutMs)} ms`)) })
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** @throws MeshError */
  async start(): Promise<QueryResponse> {
    try {
      const answering = this.#parts.handler(this.#request, { remote: self, signal: this.#controller.signal })
      // What comes after the deadline is released, not read.
      answering.then(({ batches }) => { if (this.#isEnded) this.#release(batches[Symbol.asyncIterator]()) }, () => undefined)
      const response = await this.#unlessStopped(answering)
      this.#batches = response.batches[Symbol.asyncIterator]()
      return { ...response, batches: this.#read(this.#batches), trailer: () => response.trailer() }
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /** Ends it for its reader at once and tells the engine; what that still takes to stop is not waited for. */
  stop(error: MeshError): void {
    if (this.#isEnded) return
    this.#end()
    this.#stopped = error
    this.#reject?.(error)
    this.#controller.abort(error)
    if (this.#batches !== null) this.#release(this.#batches)
  }

  /** Not a generator: one that was never started would not pass on its `return`, which is what cancels the query. */
  #read(batches: AsyncIterator<EngineBatch>): AsyncIterableIterator<EngineBatch, undefined> {
    const iterator: AsyncIterableIterator<EngineBatch, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        try {
          if (this.#stopped !== null) throw this.#stopped
          const next = await this.#unlessStopped(batches.next())
          if (next.done !== true) return { done: false, value: next.value }
          this.#end()
          return { done: true, value: undefined }
        } catch (error) {
          throw this.#failed(error)
        }
      },
      return: async () => {
        const isLeft = !this.#isEnded
        this.#end()
        // A generator that was never started passes nothing on.
        if (isLeft) this.#controller.abort(new MeshError('ERR_QUERY_CANCELLED', 'the reader of the result stopped'))
        await batches.return?.()
        return { done: true, value: undefined }
      },
    }
    return iterator
  }

  async #unlessStopped<T>(step: Promise<T>): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#reject = reject
        step.then(resolve, reject)
      })
    } finally {
      this.#reject = null
    }
  }

  #failed(error: unknown): MeshError {
    this.#end()
    const failure = toMeshError(error)
    if (failure.code === 'ERR_INTERNAL') this.#parts.log.error({ err: failure.cause ?? failure }, 'a query failed by a fault of this program')
    return failure
  }

  #release(batches: AsyncIterator<EngineBatch>): void {
    batches.return?.().catch((error: unknown) => { this.#parts.log.debug({ err: error }, 'releasing a result failed') })
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#timer.cancel()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#onEnded()
  }
}
