/**
 * A transaction of several statements on a connection that is held out of the pool until it has ended. A result that is left half-read closes its
 * cursor, which the transaction survives; a statement that the server cancels or refuses breaks it, and the server itself then takes nothing
 * but a rollback.
 *
 * The server has its own bounds beside the node's, in case that the node is the one who hangs: without a statement, and for a single one.
 */
import type pg from 'pg'
import type Cursor from 'pg-cursor'
import { MeshError } from '../../errors.ts'
import type { Access, EngineRequest, EngineResult, EngineTransaction } from '../../ports/query-engine.ts'
import { asText } from './mesh-client.ts'
import { cut, limitOf, readCursor, type RowsRead, type RunClient, type TextRow } from './query-run.ts'
import { cancelledError, codeOf, isConnectionLost, meshErrorOf, type FailedRun } from './server-error.ts'
import { typedCursor } from './typed-cursor.ts'

export interface PostgresTransactionOptions {
  readonly on: RunClient
  readonly access: Access
  readonly signal: AbortSignal
  /** The engine is being closed, which waits for the connection. */
  readonly closing: AbortSignal
  /** The server ends it itself after so long without a statement; null: its own setting. */
  readonly idleTimeoutMs: number | null
  /** As long as a statement may take at most. */
  readonly timeoutMs: number | null
  /** Asks the server to stop what the connection does. */
  readonly cancel: (backendPid: number) => Promise<boolean>
  readonly release: (state: 'clean' | 'broken') => void
  readonly onLost?: ((error: MeshError) => void) | undefined
  /** Runs a statement through `open` and `read`, or `runAlone`; throws MeshError. */
  readonly start: (statement: TransactionStatement, request: EngineRequest) => Promise<EngineResult>
}

/** For the server to answer a cancellation, and for the way back of a connection. */
const GRACE_MS = 5_000
/** For rows that are being computed when their reader leaves. */
const LEAVE_GRACE_MS = 1_000
/** A server that is silent for so long is not there, and another copy may be. */
const BEGIN_TIMEOUT_MS = 10_000
/** As long as a client waits for it. */
const COMMIT_TIMEOUT_MS = 30_000
/** The node's own bound comes first. */
const SERVER_IDLE_FACTOR = 2

export class PostgresTransaction implements EngineTransaction {
  readonly #options: PostgresTransactionOptions
  readonly #onAbort = (): void => { void this.rollback() }
  readonly #lost: Promise<void>
  readonly #onLost: () => void
  #isLost = false
  #hasBegun = false
  #isBroken = false
  #wasInterrupted = false
  #statement: TransactionStatement | null = null
  #ending: Promise<void> | null = null

  private constructor(options: PostgresTransactionOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lost = promise
    this.#onLost = () => {
      this.#isLost = true
      resolve()
      // An end that is under way says itself what becomes of it.
      if (this.#ending === null && this.#hasBegun) options.onLost?.(new MeshError('ERR_TRANSACTION_LOST', 'the connection to the database server broke', { details: { reason: 'connection' } }))
    }
    options.on.client.on('end', this.#onLost)
  }

  /** @throws the server's error; the connection is released then */
  static async begin(options: PostgresTransactionOptions): Promise<PostgresTransaction> {
    const { access, signal, idleTimeoutMs, timeoutMs } = options
    const transaction = new PostgresTransaction(options)
    const idle = idleTimeoutMs === null ? '' : `; SET LOCAL idle_in_transaction_session_timeout = ${limitOf(SERVER_IDLE_FACTOR * idleTimeoutMs)}`
    const statement = timeoutMs === null ? '' : `; SET LOCAL statement_timeout = ${limitOf(timeoutMs)}`
    try {
      await transaction.#ask(`BEGIN ${access === 'read' ? 'READ ONLY' : 'READ WRITE'}${idle}${statement}`, {
        withinMs: BEGIN_TIMEOUT_MS, stop: signal, graceMs: 0,
        unanswered: () => new MeshError('ERR_NOT_SERVING', 'the database server did not answer the begin of the transaction', { details: { started: 'no' } }),
      })
    } catch (error) {
      transaction.#leave('broken')
      throw signal.aborted ? cancelledError() : error
    }
    transaction.#hasBegun = true
    if (signal.aborted) {
      await transaction.rollback()
      throw cancelledError()
    }
    signal.addEventListener('abort', transaction.#onAbort, { once: true })
    return transaction
  }

  async execute(request: EngineRequest): Promise<EngineResult> {
    if (this.#statement?.isLeft === true) await this.#statement.ended
    this.#checkRoom()
    const { on, cancel, start } = this.#options
    const statement = new TransactionStatement({
      client: on.client, signal: request.signal, lost: this.#lost,
      interrupt: () => {
        this.#isBroken = true
        this.#wasInterrupted = true
        return cancel(on.backendPid)
      },
      onBroken: () => { this.#isBroken = true },
      onEnded: () => { if (this.#statement === statement) this.#statement = null },
    })
    this.#statement = statement
    try {
      return await start(statement, request)
    } catch (error) {
      this.#isBroken = true
      // The server says that it ends the connection before that has ended.
      if (error instanceof MeshError && error.code === 'ERR_TRANSACTION_LOST') this.#isLost = true
      await statement.end()
      throw error
    }
  }

  /** In one turn with what then takes the room. */
  #checkRoom(): void {
    if (this.#ending !== null || this.#isLost) throw new MeshError('ERR_TRANSACTION_LOST', this.#isLost ? 'the connection to the database server broke' : 'the transaction has ended', { details: { started: 'no' } })
    if (this.#isBroken) throw abortedError()
    if (this.#statement !== null) throw new MeshError('ERR_TRANSACTION_BUSY', 'the result of the statement before is still being read', { details: { started: 'no' } })
  }

  async commit(): Promise<void> {
    if (this.#statement?.isLeft === true) await this.#statement.ended
    try {
      this.#checkRoom()
    } catch (error) {
      if (this.#isBroken || this.#isLost) await this.rollback()
      throw error
    }
    const commit = this.#commit()
    this.#ending = commit.catch(() => undefined)
    await commit
  }

  async #commit(): Promise<void> {
    const { signal, closing, access } = this.#options
    signal.removeEventListener('abort', this.#onAbort)
    let command = ''
    try {
      ({ command } = await this.#ask('COMMIT', {
        withinMs: COMMIT_TIMEOUT_MS, stop: closing, graceMs: GRACE_MS,
        unanswered: () => new MeshError('ERR_QUERY_AMBIGUOUS', 'the database server did not answer the commit of the transaction'),
      }))
    } catch (error) {
      this.#leave('broken')
      if (isConnectionLost(error)) throw new MeshError('ERR_QUERY_AMBIGUOUS', `the connection to the database server broke while the transaction was committed: ${textOf(error)}`, { cause: error })
      throw transactionErrorOf(error, { sql: 'COMMIT', access, aborted: false, delivered: false, isPrimary: true })
    }
    await this.#giveBack()
    // What the server answers to the commit of a transaction that it has given up.
    if (command === 'ROLLBACK') throw abortedError()
  }

  rollback(): Promise<void> {
    return (this.#ending ??= this.#rollBack())
  }

  async #rollBack(): Promise<void> {
    const { on: { client }, signal } = this.#options
    signal.removeEventListener('abort', this.#onAbort)
    const statement = this.#statement
    const isDone = !this.#isLost && await this.#inGrace(async () => {
      if (statement !== null) {
        statement.interrupt()
        await statement.ended
      }
      await client.query('ROLLBACK')
    })
    if (isDone) await this.#giveBack()
    else this.#leave('broken')
  }

  /** With nothing left on it that somebody else would see. */
  async #giveBack(): Promise<void> {
    const { on: { client }, access } = this.#options
    // A cancellation may still be on its way, and would meet whoever had the connection next.
    const isClean = !this.#wasInterrupted && await this.#inGrace(async () => { if (access === 'write') await client.query('DISCARD ALL') })
    this.#leave(isClean ? 'clean' : 'broken')
  }

  /** Cuts the connection when there is no answer in time, or soon after it was told to stop: a server that is silent would keep it for ever. */
  async #ask(sql: string, { withinMs, stop, graceMs, unanswered }: { readonly withinMs: number; readonly stop: AbortSignal; readonly graceMs: number; readonly unanswered: () => MeshError }): Promise<pg.QueryResult> {
    const { client } = this.#options.on
    const { promise: silence, reject } = Promise.withResolvers<never>()
    const giveUp = (): void => {
      cut(client)
      reject(unanswered())
    }
    let timer = setTimeout(giveUp, withinMs)
    const onStop = (): void => {
      clearTimeout(timer)
      timer = setTimeout(giveUp, graceMs)
    }
    if (stop.aborted) onStop()
    stop.addEventListener('abort', onStop, { once: true })
    try {
      return await Promise.race([client.query(sql), silence])
    } finally {
      clearTimeout(timer)
      stop.removeEventListener('abort', onStop)
    }
  }

  #leave(state: 'clean' | 'broken'): void {
    this.#options.on.client.removeListener('end', this.#onLost)
    this.#options.release(this.#isLost ? 'broken' : state)
  }

  /** Whether the work was done before the time for it was over or the connection was gone. */
  async #inGrace(work: () => Promise<void>): Promise<boolean> {
    const { promise: tooLate, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => { resolve(false) }, GRACE_MS)
    // What fails here is told by the connection being given up.
    const isDone = await Promise.race([work().then(() => true, () => false), tooLate, this.#lost.then(() => false)])
    clearTimeout(timer)
    return isDone
  }
}

interface StatementOptions {
  readonly client: pg.ClientBase
  readonly signal: AbortSignal
  readonly lost: Promise<void>
  readonly interrupt: () => Promise<boolean>
  readonly onBroken: () => void
  readonly onEnded: () => void
}

/** One statement of a transaction, as a query run is one of a pooled connection (query-run.ts), without a transaction of its own around it. */
export class TransactionStatement {
  /** Resolves when nothing of it runs any more. */
  readonly ended: Promise<void>
  readonly #options: StatementOptions
  readonly #resolveEnded: () => void
  readonly #onAbort = (): void => { this.#leave() }
  #cursor: Cursor<TextRow> | null = null
  #isPending = false
  #isStreaming = false
  #isLeft = false
  #ending: Promise<void> | null = null
  #grace: NodeJS.Timeout | undefined

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

  /** For what is read through `read`. */
  async open(sql: string, values: unknown[], types: readonly number[]): Promise<void> {
    if (this.#isLeft) throw cancelledError()
    this.#cursor = typedCursor<TextRow>(sql, values, types)
    this.#options.client.query(this.#cursor)
  }

  /** Up to so many more rows. */
  read(rowsMax: number): Promise<RowsRead> {
    const cursor = this.#cursor as Cursor<TextRow>
    return this.#call(() => readCursor(cursor, rowsMax, () => { this.#cursor = null }))
  }

  async runAlone(sql: string, values: unknown[]): Promise<void> {
    // The simple protocol would take several statements.
    const query: pg.QueryArrayConfig & { queryMode: 'extended' } = { text: sql, values, rowMode: 'array', types: asText, queryMode: 'extended' }
    await this.#call(() => this.#options.client.query(query))
  }

  /** Its first rows are on their way: from here on leaving it is harmless. */
  streams(): void {
    this.#isStreaming = true
  }

  /** Its result cannot be passed on, whatever the server makes of it. */
  fail(): void {
    if (!this.#isLeft) this.#options.onBroken()
  }

  /** Ends it now, at the transaction's cost. */
  interrupt(): void {
    this.#isLeft = true
    if (this.#isPending) this.#stop()
    else void this.end()
  }

  /** Resolves when its cursor is closed. Never rejects; any number of calls. */
  end(): Promise<void> {
    if (this.#isPending) this.#leave()
    else this.#ending ??= this.#end()
    return this.ended
  }

  async #end(): Promise<void> {
    const { signal, lost, onEnded, onBroken } = this.#options
    clearTimeout(this.#grace)
    signal.removeEventListener('abort', this.#onAbort)
    const cursor = this.#cursor
    this.#cursor = null
    if (cursor !== null) await Promise.race([cursor.close().catch(onBroken), lost])
    onEnded()
    this.#resolveEnded()
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isLeft || this.#ending !== null) throw cancelledError()
    this.#isPending = true
    try {
      return await work()
    } catch (error) {
      this.#options.onBroken()
      throw error
    } finally {
      this.#isPending = false
      if (this.#isLeft) void this.end()
    }
  }

  #leave(): void {
    if (this.#isLeft || this.#ending !== null) return
    this.#isLeft = true
    if (!this.#isPending) void this.end()
    else if (this.#isStreaming) this.#grace = setTimeout(() => { this.#stop() }, LEAVE_GRACE_MS)
    else this.#stop()
  }

  /** The server is told to stop it; should that not help in time, the connection is cut. */
  #stop(): void {
    clearTimeout(this.#grace)
    const cutOff = (): void => { cut(this.#options.client) }
    this.#grace = setTimeout(cutOff, GRACE_MS)
    this.#options.interrupt().then((isTold) => { if (!isTold) cutOff() }, cutOff)
  }
}

/** In a transaction nothing is ambiguous before its commit, and what collided may be tried again as a whole. */
export function transactionErrorOf(error: unknown, run: FailedRun): MeshError {
  if (!(error instanceof MeshError) && !run.aborted) {
    if (isConnectionLost(error)) return new MeshError('ERR_TRANSACTION_LOST', `the connection to the database server broke: ${textOf(error)}`, { cause: error })
    if (codeOf(error).startsWith('40')) return new MeshError('ERR_TRANSACTION_CONFLICT', textOf(error), { details: { kind: codeOf(error) }, cause: error })
    if (codeOf(error) === '25P02') return abortedError()
  }
  return meshErrorOf(error, run)
}

function abortedError(): MeshError {
  return new MeshError('ERR_TRANSACTION_ABORTED', 'a statement of the transaction failed, so that nothing of it will be kept', { details: { started: 'no' } })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
