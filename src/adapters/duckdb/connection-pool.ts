/** A bounded set of connections, made when first needed; who finds none waits in a bounded queue. */
import type duckdb from '@duckdb/node-bindings'
import { MeshError } from '../../errors.ts'
import { EngineConnection } from './engine-connection.ts'

export interface ConnectionPoolOptions {
  readonly connectionsMax: number
  readonly waitingMax: number
}

const NOT_STARTED = { started: 'no' } as const

interface Waiter {
  /** It is being served and can no longer leave by itself. */
  readonly taken: () => void
  readonly resolve: (connection: EngineConnection) => void
  readonly reject: (error: MeshError) => void
}

export class ConnectionPool {
  readonly #database: duckdb.Database
  readonly #options: ConnectionPoolOptions
  readonly #idle: EngineConnection[] = []
  readonly #waiting: Waiter[] = []
  #open = 0
  #closed = false
  #onDrained: (() => void) | null = null

  constructor(database: duckdb.Database, options: ConnectionPoolOptions) {
    this.#database = database
    this.#options = options
  }

  get busy(): number {
    return this.#open - this.#idle.length
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @throws MeshError ERR_OVERLOADED, ERR_QUERY_CANCELLED, ERR_NOT_SERVING */
  async acquire(signal: AbortSignal): Promise<EngineConnection> {
    if (this.#closed) throw closedError()
    if (signal.aborted) throw cancelledError(NOT_STARTED)
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#open < this.#options.connectionsMax) return this.#connect()
    if (this.#waiting.length >= this.#options.waitingMax) {
      throw new MeshError('ERR_OVERLOADED', `The engine runs ${this.#open} queries and ${this.#waiting.length} more wait.`, { details: NOT_STARTED })
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(cancelledError(NOT_STARTED))
      }
      const waiter: Waiter = { taken: () => signal.removeEventListener('abort', onAbort), resolve, reject }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
    })
  }

  async #connect(): Promise<EngineConnection> {
    this.#open++
    try {
      return await EngineConnection.open(this.#database)
    } catch (error) {
      this.#open--
      this.#checkDrained()
      throw new MeshError('ERR_INTERNAL', 'The engine gave no connection.', { details: NOT_STARTED, cause: error })
    }
  }

  /** Takes a connection back; a dirty one is closed and, when somebody waits, replaced. */
  release(connection: EngineConnection, state: 'clean' | 'dirty'): void {
    if (state === 'clean' && !this.#closed) {
      const waiter = this.#nextWaiter()
      if (waiter === undefined) this.#idle.push(connection)
      else waiter.resolve(connection)
      return
    }
    connection.close()
    this.#open--
    this.#checkDrained()
    const waiter = this.#closed ? undefined : this.#nextWaiter()
    if (waiter !== undefined) {
      this.#connect().then(waiter.resolve, waiter.reject)
    }
  }

  #nextWaiter(): Waiter | undefined {
    const waiter = this.#waiting.shift()
    waiter?.taken()
    return waiter
  }

  /** Refuses who waits and resolves once every connection has been returned. */
  async close(): Promise<void> {
    this.#closed = true
    for (let waiter = this.#nextWaiter(); waiter !== undefined; waiter = this.#nextWaiter()) waiter.reject(closedError())
    for (const connection of this.#idle.splice(0)) this.release(connection, 'dirty')
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onDrained = resolve))
  }

  #checkDrained(): void {
    if (this.#open === 0) this.#onDrained?.()
  }
}

export function cancelledError(details: Readonly<Record<string, string>> = {}): MeshError {
  return new MeshError('ERR_QUERY_CANCELLED', 'The query was cancelled.', { details })
}

function closedError(): MeshError {
  return new MeshError('ERR_NOT_SERVING', 'The database is being closed on this node.', { details: NOT_STARTED })
}
