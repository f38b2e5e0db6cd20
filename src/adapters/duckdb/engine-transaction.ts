/**
 * A transaction of several statements on a connection of its own. The connection is never shared, so that statements of others neither wait for it
 * nor see into it; it goes back when the transaction has ended, with nothing left on it.
 *
 * Whoever leaves a result half-read may do so without harm: between two batches nothing runs, and a batch that is being computed gets a moment to
 * come. Only a statement that is interrupted, or that fails by itself, breaks the transaction, as DuckDB has it; what it still accepts after an
 * error depends on the kind of the error, and nobody should have to know that, so here every error breaks it.
 */
import duckdb from '@duckdb/node-bindings'
import { MeshError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import type { Access, EngineRequest, EngineResult, EngineTransaction } from '../../ports/query-engine.ts'
import { cancelledError } from './connection-pool.ts'
import type { EngineConnection } from './engine-connection.ts'
import type { EngineThreads } from './engine-threads.ts'
import { interruptible } from './interruptible.ts'
import type { OpenResult } from './open-result.ts'
import { StreamBrokenError } from './query-run.ts'

/** For a batch that is being computed when its reader leaves. */
const LEAVE_GRACE_MS = 1_000

export interface DuckDbTransactionOptions {
  readonly connection: EngineConnection
  readonly access: Access
  readonly signal: AbortSignal
  readonly threads: EngineThreads
  readonly release: (state: 'clean' | 'dirty') => void
  /** Starts a statement through `call` and reads it through `fetch`; throws MeshError. */
  readonly start: (statement: TransactionStatement, request: EngineRequest) => Promise<EngineResult>
  /** The engine's own error as the mesh's. */
  readonly translate: (error: unknown) => MeshError
  readonly log: Log
}

export class DuckDbTransaction implements EngineTransaction {
  readonly #options: DuckDbTransactionOptions
  readonly #onAbort = (): void => { void this.rollback() }
  #statement: TransactionStatement | null = null
  #isBroken = false
  #leavesState = false
  #ending: Promise<void> | null = null

  private constructor(options: DuckDbTransactionOptions) {
    this.#options = options
  }

  /** @throws MeshError; the connection is released then */
  static async begin(options: DuckDbTransactionOptions): Promise<DuckDbTransaction> {
    const { connection, access, signal, threads, release, translate } = options
    try {
      await threads.run(signal, () => connection.frame(access === 'read' ? 'begin' : 'beginWrite'))
    } catch (error) {
      release('dirty')
      throw translate(error)
    }
    const transaction = new DuckDbTransaction(options)
    if (signal.aborted) {
      await transaction.rollback()
      throw cancelledError({ started: 'no' })
    }
    signal.addEventListener('abort', transaction.#onAbort, { once: true })
    return transaction
  }

  async execute(request: EngineRequest): Promise<EngineResult> {
    if (this.#statement?.isLeft === true) await this.#statement.ended
    this.#checkRoom()
    const statement = new TransactionStatement({
      ...this.#options, signal: request.signal,
      onEnded: (leavesState) => {
        this.#leavesState ||= leavesState
        if (this.#statement === statement) this.#statement = null
      },
      onBroken: () => { this.#isBroken = true },
    })
    this.#statement = statement
    try {
      return await this.#options.start(statement, request)
    } catch (error) {
      this.#isBroken = true
      await statement.end()
      throw error
    }
  }

  /** In one turn with what then takes the room. */
  #checkRoom(): void {
    if (this.#ending !== null) throw new MeshError('ERR_TRANSACTION_LOST', 'the transaction has ended', { details: { started: 'no' } })
    if (this.#isBroken) throw abortedError()
    if (this.#statement !== null) throw new MeshError('ERR_TRANSACTION_BUSY', 'the result of the statement before is still being read', { details: { started: 'no' } })
  }

  async commit(): Promise<void> {
    if (this.#statement?.isLeft === true) await this.#statement.ended
    try {
      this.#checkRoom()
    } catch (error) {
      if (this.#isBroken) await this.rollback()
      throw error
    }
    const commit = this.#commit()
    this.#ending = commit.catch(() => undefined)
    await commit
  }

  async #commit(): Promise<void> {
    const { connection, signal, threads, release, translate } = this.#options
    signal.removeEventListener('abort', this.#onAbort)
    try {
      await threads.run(new AbortController().signal, () => connection.frame('commit'))
    } catch (error) {
      // The engine undoes what it could not commit.
      release('dirty')
      throw translate(error)
    }
    release(this.#leavesState ? 'dirty' : 'clean')
  }

  rollback(): Promise<void> {
    return (this.#ending ??= this.#rollBack())
  }

  async #rollBack(): Promise<void> {
    const { connection, signal, threads, release, log } = this.#options
    signal.removeEventListener('abort', this.#onAbort)
    const statement = this.#statement
    statement?.interrupt()
    await statement?.ended
    let isClean = true
    try {
      await threads.run(new AbortController().signal, () => connection.frame('rollback'))
    } catch (error) {
      // A commit that failed, or `begin` itself, has left nothing to roll back. The connection is not used again.
      log.debug({ error }, 'A connection was closed because its transaction could not be rolled back.')
      isClean = false
    }
    release(isClean && !this.#leavesState ? 'clean' : 'dirty')
  }
}

interface StatementOptions extends Pick<DuckDbTransactionOptions, 'connection' | 'threads' | 'signal'> {
  readonly onEnded: (leavesState: boolean) => void
  readonly onBroken: () => void
}

/** One statement of a transaction, as a query run is one of a pooled connection (query-run.ts), without a transaction of its own around it. */
export class TransactionStatement {
  /** Resolves when nothing of it runs any more. */
  readonly ended: Promise<void>
  readonly #options: StatementOptions
  readonly #resolveEnded: () => void
  /** Interrupts what is being computed; later than the caller's signal once there are rows. */
  readonly #stop = new AbortController()
  readonly #onAbort = (): void => { this.#leave() }
  #grace: NodeJS.Timeout | undefined
  #result: OpenResult | null = null
  #leavesState = false
  #isStreaming = false
  #isLeft = false
  #isOver = false
  #calls = 0

  constructor(options: StatementOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#resolveEnded = resolve
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
    if (options.signal.aborted) this.#leave()
  }

  get signal(): AbortSignal {
    return this.#options.signal
  }

  /** Nobody waits for its rows any more. */
  get isLeft(): boolean {
    return this.#isLeft
  }

  /** @throws MeshError ERR_QUERY_CANCELLED; the engine's own error */
  async call<T>(work: (connection: duckdb.Connection) => Promise<T>): Promise<T> {
    const { connection, threads, onBroken } = this.#options
    if (this.#isLeft || this.#isOver) throw cancelledError()
    this.#calls++
    try {
      return await threads.run(this.#stop.signal, () => interruptible(connection.raw, this.#stop.signal, () => work(connection.raw)))
    } catch (error) {
      onBroken()
      throw error
    } finally {
      this.#calls--
      if (this.#isLeft) void this.end()
    }
  }

  opened(result: OpenResult, leavesState: boolean): void {
    this.#result = result
    this.#leavesState = leavesState
  }

  /** Its first rows are on their way: from here on leaving it is harmless. */
  streams(): void {
    this.#isStreaming = true
  }

  /** Null at the end of a result that is known to be complete. @throws StreamBrokenError; as `call` */
  async fetch(): Promise<duckdb.DataChunk | null> {
    const result = this.#result as OpenResult
    const chunk = await this.call(() => duckdb.fetch_chunk(result.raw))
    if (chunk !== null && duckdb.data_chunk_get_size(chunk) > 0) return chunk
    result.handleEnd()
    try {
      await this.call(() => this.#options.connection.frame('probe'))
    } catch (error) {
      throw new StreamBrokenError('The engine ended the result early.', { cause: error })
    }
    return null
  }

  handleChunk(bytes: number): void {
    this.#result?.handleChunk(bytes)
  }

  /** Not here: between two batches nothing runs, so that leaving the result breaks nothing. */
  fetchAhead(): void {}

  /** Ends it now, at the transaction's cost. */
  interrupt(): void {
    this.#isLeft = true
    this.#stop.abort()
    if (this.#calls === 0) void this.end()
  }

  /** Its result cannot be passed on, whatever the engine makes of it. */
  fail(): void {
    if (!this.#isLeft) this.#options.onBroken()
  }

  /** The next statement on the connection closes a stream that is open on it. Any number of calls. */
  end(): Promise<void> {
    if (this.#calls > 0) this.#leave()
    else if (!this.#isOver) {
      this.#isOver = true
      clearTimeout(this.#grace)
      this.#options.signal.removeEventListener('abort', this.#onAbort)
      this.#result?.leave()
      this.#result = null
      this.#options.onEnded(this.#leavesState)
      this.#resolveEnded()
    }
    return this.ended
  }

  #leave(): void {
    if (this.#isLeft || this.#isOver) return
    this.#isLeft = true
    if (!this.#isStreaming) this.#stop.abort()
    else if (this.#calls > 0) this.#grace = setTimeout(() => { this.#stop.abort() }, LEAVE_GRACE_MS)
    if (this.#calls === 0) void this.end()
  }
}

function abortedError(): MeshError {
  return new MeshError('ERR_TRANSACTION_ABORTED', 'a statement of the transaction failed, so that nothing of it will be kept', { details: { started: 'no' } })
}
