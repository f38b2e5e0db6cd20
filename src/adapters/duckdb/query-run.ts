/**
 * One query's hold on a connection: calls are interrupted when it is cancelled, and the connection goes back once, with nothing left on it.
 *
 * DuckDB's binding ends a stream that failed half-way exactly as one that is complete: with an empty chunk and no error. Taken at its word it would
 * pass truncated results off as whole. So a read runs inside a read-only transaction: a failed statement breaks its transaction, and a probe after
 * the last chunk finds out. (The transaction also makes a read that was misjudged fail rather than write.) What failed is then asked by
 * running the statement again under EXPLAIN ANALYZE, which keeps no rows and reports errors.
 */
import duckdb from '@duckdb/node-bindings'
import type { Log } from '../../ports/log.ts'
import { cancelledError } from './connection-pool.ts'
import type { EngineConnection } from './engine-connection.ts'
import type { EngineThreads } from './engine-threads.ts'
import { interruptible } from './interruptible.ts'
import { emptyChunk, type OpenResult } from './open-result.ts'

export interface QueryRunOptions {
  readonly connection: EngineConnection
  readonly signal: AbortSignal
  readonly threads: EngineThreads
  readonly release: (state: 'clean' | 'dirty') => void
  readonly log: Log
}

/** A stream ended early and the engine's reason is not known yet. */
export class StreamBrokenError extends Error {
  override readonly name = 'StreamBrokenError'
}

export class QueryRun {
  readonly #options: QueryRunOptions
  readonly #onAbort: () => void
  #result: OpenResult | null = null
  #inTransaction = false
  #leavesState = false
  #calls = 0
  #ending: Promise<void> | null = null
  #ahead: Promise<duckdb.DataChunk | null> | null = null
  /** Made with the first chunk that is fetched ahead, which nobody might be waiting for when the run ends. */
  #leaving: AbortController | null = null
  #callSignal: AbortSignal

  constructor(options: QueryRunOptions) {
    this.#options = options
    this.#callSignal = options.signal
    // Between two pulls nobody else would notice; during a call the call fails and its caller ends the run.
    this.#onAbort = () => {
      if (this.#calls === 0) void this.end()
    }
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#options.signal
  }

  /** @throws MeshError ERR_QUERY_CANCELLED; the engine's own error */
  async call<T>(work: (connection: duckdb.Connection) => Promise<T>): Promise<T> {
    const { connection, threads } = this.#options
    const signal = this.#callSignal
    if (signal.aborted || this.#ending !== null) throw cancelledError()
    this.#calls++
    try {
      return await threads.run(signal, () => interruptible(connection.raw, signal, () => work(connection.raw)))
    } finally {
      this.#calls--
    }
  }

  /** For reads, before anything else. */
  async begin(): Promise<void> {
    this.#inTransaction = true
    await this.call(() => this.#options.connection.frame('begin'))
  }

  opened(result: OpenResult, leavesState: boolean): void {
    this.#result = result
    this.#leavesState = leavesState
  }

  /** Null at the end of a result that is known to be complete. @throws StreamBrokenError; as `call` */
  fetch(): Promise<duckdb.DataChunk | null> {
    const ahead = this.#ahead
    this.#ahead = null
    return ahead ?? this.#fetch()
  }

  /** Has the next chunk computed, for the `fetch` that follows. */
  fetchAhead(): void {
    if (this.#ahead !== null || this.#ending !== null) return
    if (this.#leaving === null) {
      this.#leaving = new AbortController()
      this.#callSignal = AbortSignal.any([this.#options.signal, this.#leaving.signal])
    }
    this.#ahead = this.#fetch()
    // Whoever fetches next is told; when it was cancelled there may be nobody, and the cancellation may have come too late to interrupt it.
    const endIfLeft = (): void => { if (this.#options.signal.aborted) void this.end() }
    this.#ahead.then(endIfLeft, endIfLeft)
  }

  handleChunk(bytes: number): void {
    this.#result?.handleChunk(bytes)
  }

  async #fetch(): Promise<duckdb.DataChunk | null> {
    const result = this.#result as OpenResult
    const chunk = await this.call(() => duckdb.fetch_chunk(result.raw))
    if (chunk !== null && duckdb.data_chunk_get_size(chunk) > 0) return chunk
    result.handleEnd()
    if (this.#inTransaction) {
      try {
        await this.call(() => this.#options.connection.frame('probe'))
      } catch (error) {
        throw new StreamBrokenError('The engine ended the result early.', { cause: error })
      }
    }
    return null
  }

  /** Resolves when the connection is back. Never rejects; any number of calls. */
  end(): Promise<void> {
    return (this.#ending ??= this.#end())
  }

  async #end(): Promise<void> {
    const { signal, release } = this.#options
    signal.removeEventListener('abort', this.#onAbort)
    const ahead = this.#ahead
    this.#ahead = null
    if (ahead !== null) {
      this.#leaving?.abort()
      // Its failure has been told, or is that of the interruption.
      const chunk = await ahead.catch(() => null)
      if (chunk !== null) emptyChunk(chunk)
    }
    this.#result?.leave()
    this.#result = null
    const clean = !this.#inTransaction || (await this.#rollBack())
    release(clean && !this.#leavesState ? 'clean' : 'dirty')
  }

  /** A new statement on the connection closes the stream that is open on it, whatever it is at. */
  async #rollBack(): Promise<boolean> {
    const { connection, threads, log } = this.#options
    try {
      connection.interrupt()
      await threads.run(new AbortController().signal, () => connection.frame('rollback'))
      return true
    } catch (error) {
      // `begin` itself was interrupted, so that there is nothing to roll back. Whatever else it is, the connection is not used again.
      log.debug({ error }, 'A connection was closed because its transaction could not be rolled back.')
      return false
    }
  }
}
