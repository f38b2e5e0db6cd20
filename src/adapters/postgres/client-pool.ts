/** A bounded pool of connections to one server. */
import pg from 'pg'
import type { Log } from '../../ports/log.ts'
import type { ConnectionTarget } from './connection-target.ts'
import { clientClass, clientConfig } from './mesh-client.ts'
import { Permits } from './permits.ts'
import { cut, type RunClient } from './query-run.ts'
import { cancelledError } from './server-error.ts'

const IDLE_TIMEOUT_MS = 60_000
/** Waiting queries for each connection. */
const WAITING_PER_CONNECTION = 4
/** For the first answer on a new connection. */
const ANSWER_TIMEOUT_MS = 5_000

export class ClientPool {
  readonly #pool: pg.Pool
  readonly #permits: Permits
  readonly #pids = new WeakMap<pg.PoolClient, number>()

  constructor(target: ConnectionTarget, log: Log) {
    this.#permits = new Permits({ max: target.connectionsMax, waitingMax: target.connectionsMax * WAITING_PER_CONNECTION })
    // Whoever holds a permit finds a connection or makes one: the pool's own queue, which has no bound, stays empty.
    this.#pool = new pg.Pool({ ...clientConfig(target), Client: clientClass(target), max: target.connectionsMax, idleTimeoutMillis: IDLE_TIMEOUT_MS, allowExitOnIdle: true })
    this.#pool.on('error', (error) => { log.debug({ err: error }, `An idle connection ended: ${error.message}`) })
    this.#pool.on('connect', (client) => {
      // Its query hears of it as well; without a listener the process would end.
      client.on('error', (error) => { log.debug({ err: error }, `A connection ended: ${error.message}`) })
    })
  }

  get running(): number {
    return this.#permits.taken
  }

  get waiting(): number {
    return this.#permits.waiting
  }

  /** @throws MeshError ERR_OVERLOADED, ERR_QUERY_CANCELLED, ERR_NOT_SERVING; the server's error */
  async acquire(signal: AbortSignal): Promise<RunClient> {
    await this.#permits.take(signal)
    try {
      const client = await this.#pool.connect()
      try {
        return { client, backendPid: this.#pids.get(client) ?? (await this.#askPid(client, signal)) }
      } catch (error) {
        client.release(true)
        throw error
      }
    } catch (error) {
      this.#permits.give()
      throw error
    }
  }

  /** Of a server that is silent the caller, and whoever closes the pool, is not to wait for. */
  async #askPid(client: pg.PoolClient, signal: AbortSignal): Promise<number> {
    const { promise: silence, reject } = Promise.withResolvers<never>()
    const giveUp = (error: Error): void => {
      cut(client)
      reject(error)
    }
    const timer = setTimeout(() => { giveUp(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)) }, ANSWER_TIMEOUT_MS)
    const onAbort = (): void => { giveUp(cancelledError()) }
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const asking = client.query<[string]>({ text: 'SELECT pg_backend_pid()', rowMode: 'array' })
    const { rows } = await Promise.race([asking, silence]).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    })
    const pid = Number(rows[0]?.[0])
    this.#pids.set(client, pid)
    return pid
  }

  release({ client }: RunClient, state: 'clean' | 'broken'): void {
    ;(client as pg.PoolClient).release(state === 'broken')
    this.#permits.give()
  }

  /** Resolves when every connection has come back and is closed. */
  async close(): Promise<void> {
    await this.#permits.close()
    await this.#pool.end()
  }
}
