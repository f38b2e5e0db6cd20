/** One query's hold on a connection: calls are interrupted when it is cancelled, and the connection goes back once, with nothing left running on it. */
import duckdb from '@duckdb/node-bindings'
import type { Log } from '../../ports/log.ts'
import { cancelledError } from './connection-pool.ts'
import type { EngineThreads } from './engine-threads.ts'
import { interruptible } from './interruptible.ts'

/** Interrupted, a stream still hands out what it had buffered (1 MiB, by chunks of up to 2,048 rows); a connection that gives more is closed. */
const DRAIN_CHUNKS_MAX = 10_000
const DRAIN_INTERRUPT_MS = 10

export interface QueryRunOptions {
  readonly connection: duckdb.Connection
  readonly signal: AbortSignal
  readonly threads: EngineThreads
  readonly release: (state: 'clean' | 'dirty') => void
  readonly log: Log
}

export class QueryRun {
  readonly #options: QueryRunOptions
  readonly #onAbort: () => void
  #result: duckdb.Result | null = null
  #exhausted = false
  #leavesState = false
  #calls = 0
  #ending: Promise<void> | null = null

  constructor(options: QueryRunOptions) {
    this.#options = options
    // Between two pulls nobody else would notice; during a call the call fails and its caller ends the run.
    this.#onAbort = () => {
      if (this.#calls === 0) void this.end()
    }
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** A streaming result is open on the connection from here on. */
  opened(result: duckdb.Result, leavesState: boolean): void {
    this.#result = result
    this.#leavesState = leavesState
  }

  /** @throws MeshError ERR_QUERY_CANCELLED; the engine's own error */
  async call<T>(work: (connection: duckdb.Connection) => Promise<T>): Promise<T> {
    const { connection, signal, threads } = this.#options
    if (signal.aborted || this.#ending !== null) throw cancelledError()
    this.#calls++
    try {
      return await threads.run(signal, () => interruptible(connection, signal, () => work(connection)))
    } finally {
      this.#calls--
    }
  }

  /** @throws as `call` */
  async fetch(): Promise<duckdb.DataChunk | null> {
    const result = this.#result as duckdb.Result
    const chunk = await this.call(() => duckdb.fetch_chunk(result))
    if (chunk === null || duckdb.data_chunk_get_size(chunk) === 0) this.#exhausted = true
    return chunk
  }

  /** The engine has ended the result by an error of its own. */
  failed(): void {
    this.#exhausted = true
  }

  /** Resolves when the connection is back. Never rejects; any number of calls. */
  end(): Promise<void> {
    return (this.#ending ??= this.#end())
  }

  async #end(): Promise<void> {
    const { signal, release } = this.#options
    signal.removeEventListener('abort', this.#onAbort)
    const clean = this.#result === null || this.#exhausted || (await this.#drain(this.#result))
    this.#result = null
    release(clean && !this.#leavesState ? 'clean' : 'dirty')
  }

  async #drain(result: duckdb.Result): Promise<boolean> {
    const { connection, threads, log } = this.#options
    const never = new AbortController().signal
    duckdb.interrupt(connection)
    const timer = setInterval(() => duckdb.interrupt(connection), DRAIN_INTERRUPT_MS)
    try {
      for (let i = 0; i < DRAIN_CHUNKS_MAX; i++) {
        const chunk = await threads.run(never, () => duckdb.fetch_chunk(result))
        if (chunk === null || duckdb.data_chunk_get_size(chunk) === 0) return true
      }
      return false
    } catch (error) {
      log.debug({ error }, 'A query that was given up ended with an error, as it should.')
      return true
    } finally {
      clearInterval(timer)
    }
  }
}
