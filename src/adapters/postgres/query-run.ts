/**
 * One query's hold on a connection. A read runs inside a read-only transaction, so that what was misjudged fails rather than writes; what writes and
 * gives rows runs in a transaction that is committed after its last row, so that an error of the commit is seen. The connection goes back once:
 * clean, or ended when something may still be under way on it.
 */
import type pg from 'pg'
import type Cursor from 'pg-cursor'
import type { Access } from '../../ports/query-engine.ts'
import { asText } from './mesh-client.ts'
import { cancelledError } from './server-error.ts'
import type { DescribedColumn } from './type-catalog.ts'
import { typedCursor } from './typed-cursor.ts'

export interface RunClient {
  readonly client: pg.ClientBase
  readonly backendPid: number
}

export interface QueryRunOptions {
  readonly on: RunClient
  readonly access: Access
  readonly signal: AbortSignal
  /** The server stops a statement itself after this long; null: its own setting. */
  readonly timeoutMs: number | null
  /** Asks the server to stop what the connection does. */
  readonly cancel: (backendPid: number) => Promise<boolean>
  readonly release: (state: 'clean' | 'broken') => void
}

export type TextRow = ReadonlyArray<string | null>

export interface RowsRead {
  readonly columns: readonly DescribedColumn[]
  readonly rows: readonly TextRow[]
  readonly isLast: boolean
  /** Rows that the statement changed, once it has ended; null where it counts none. */
  readonly count: number | null
}

/** For the server to answer a cancellation, and for the way back of a connection. */
const GRACE_MS = 5_000

export class QueryRun {
  readonly #options: QueryRunOptions
  #cursor: Cursor<TextRow> | null = null
  #inTransaction = false
  #isBroken = false
  #pending: Promise<unknown> | null = null
  #ending: Promise<void> | null = null
  /** Its cursor then waits for an answer that will not come. */
  readonly #lost: Promise<void>
  readonly #onLost: () => void
  readonly #onAbort = (): void => {
    if (this.#pending === null) void this.end()
    else void this.#interrupt()
  }

  constructor(options: QueryRunOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lost = promise
    this.#onLost = () => {
      this.#isBroken = true
      resolve()
    }
    options.on.client.on('end', this.#onLost)
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#options.signal
  }

  get access(): Access {
    return this.#options.access
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#options.signal.aborted || this.#ending !== null) throw cancelledError()
    const pending = work()
    this.#pending = pending
    try {
      return await pending
    } finally {
      this.#pending = null
    }
  }

  /** For what is read through `read`. */
  async open(sql: string, values: unknown[], types: readonly number[]): Promise<void> {
    const { access, timeoutMs, on: { client } } = this.#options
    const limits = timeoutMs === null ? '' : `; SET LOCAL statement_timeout = ${limitOf(timeoutMs)}; SET LOCAL idle_in_transaction_session_timeout = ${limitOf(timeoutMs)}`
    this.#inTransaction = true
    await this.#call(() => client.query(`BEGIN ${access === 'read' ? 'READ ONLY' : ''}${limits}`))
    this.#cursor = typedCursor<TextRow>(sql, values, types)
    client.query(this.#cursor)
  }

  /** Up to so many more rows. */
  read(rowsMax: number): Promise<RowsRead> {
    const cursor = this.#cursor as Cursor<TextRow>
    // At once, and not when its caller comes to it: closing a cursor that has failed, or ended, waits for an answer that has come already.
    return this.#call(() => readCursor(cursor, rowsMax, () => { this.#cursor = null }))
  }

  /** A write without rows, by itself, as some must not stand inside a transaction. */
  async runAlone(sql: string, values: unknown[]): Promise<void> {
    const { timeoutMs, on: { client } } = this.#options
    if (timeoutMs !== null) await this.#call(() => client.query(`SET statement_timeout = ${limitOf(timeoutMs)}`))
    // The simple protocol would take several statements.
    const query: pg.QueryArrayConfig & { queryMode: 'extended' } = { text: sql, values, rowMode: 'array', types: asText, queryMode: 'extended' }
    await this.#call(() => client.query(query))
  }

  /** After the last row. @throws the server's error, after which a write has not happened */
  async commit(): Promise<void> {
    if (this.#options.access === 'read' || !this.#inTransaction) return
    await this.#call(() => this.#options.on.client.query('COMMIT'))
    this.#inTransaction = false
  }

  /** The server is told to stop; should that not help in time, the connection is cut. */
  async #interrupt(): Promise<void> {
    this.#isBroken = true
    const pending = this.#pending
    await this.#inGrace(async () => {
      if (!(await this.#options.cancel(this.#options.on.backendPid))) cut(this.#options.on.client)
      await pending
    })
  }

  /** Whether the work was done before the time for it was over or the connection was gone. */
  async #inGrace(work: () => Promise<void>): Promise<boolean> {
    const { promise: tooLate, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => {
      cut(this.#options.on.client)
      resolve(false)
    }, GRACE_MS)
    // A query that fails tells its own caller; here it only matters that it has ended.
    const done = await Promise.race([work().then(() => true, () => false), tooLate, this.#lost.then(() => false)])
    clearTimeout(timer)
    return done
  }

  /** Resolves when the connection is back; what was not committed is undone. Never rejects; any number of calls. */
  end(): Promise<void> {
    return (this.#ending ??= this.#end())
  }

  async #end(): Promise<void> {
    const { signal, release, access, on: { client } } = this.#options
    signal.removeEventListener('abort', this.#onAbort)
    if (this.#pending !== null) await this.#interrupt()
    const isClean = !this.#isBroken && await this.#inGrace(async () => {
      await this.#cursor?.close()
      if (this.#inTransaction) await client.query('ROLLBACK')
      // A function may have left settings, locks or temporary tables.
      if (access === 'write') await client.query('DISCARD ALL')
    })
    client.removeListener('end', this.#onLost)
    release(isClean && !this.#isBroken ? 'clean' : 'broken')
  }
}

/** Whatever is under way on it fails. */
export function cut(client: pg.ClientBase): void {
  (client as pg.ClientBase & { readonly connection?: { readonly stream: { destroy(): void } } }).connection?.stream.destroy()
}

/** `onOver`: called before the promise settles when the cursor has failed or given its last row, after which it is not closed. */
export function readCursor(cursor: Cursor<TextRow>, rowsMax: number, onOver: () => void): Promise<RowsRead> {
  return new Promise((resolve, reject) => {
    cursor.read(rowsMax, (error: Error | null | undefined, rows, result) => {
      if (error !== null && error !== undefined) {
        onOver()
        reject(error)
        return
      }
      const isLast = rows.length < rowsMax
      if (isLast) onOver()
      resolve({ columns: result?.fields ?? [], rows, isLast, count: result?.rowCount ?? null })
    })
  })
}

/** Whole milliseconds; 0 would mean none. */
export function limitOf(timeoutMs: number): number {
  return Math.min(Math.max(1, Math.ceil(timeoutMs)), 0x7fff_ffff)
}
