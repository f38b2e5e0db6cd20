/**
 * One connection beside the pool: asks the server now and again for its role and lag, so that a promotion is noticed, and comes back with a
 * growing delay when the server is gone. Cancellations and questions to the catalogue go through it as well, since the pool may be
 * full of what is to be cancelled.
 */
import type { DatabaseRole } from '../../ports/query-engine.ts'
import type { Log } from '../../ports/log.ts'

/** What is needed of a client. */
export interface WatchClient {
  connect(): Promise<unknown>
  query(query: { readonly text: string; readonly values: unknown[]; readonly rowMode: 'array' }): Promise<{ readonly rows: unknown[] }>
  end(): Promise<void>
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
}

export interface ServerWatchOptions {
  readonly database: string
  readonly createClient: () => WatchClient
  /** Role and lag are as old as this at most. Rises: a promotion is noticed later. Falls: more questions to the server. */
  readonly pollIntervalMs: number
  readonly log: Log
  readonly onChange: () => void
}

export interface ServerState {
  readonly ready: boolean
  readonly role: DatabaseRole
  readonly lagMs: number | null
}

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

/**
 * Lag by the age of the last replayed commit would grow at a primary without writes. So it is 0 when all that was received is replayed while a receiver
 * runs; a replica whose receiver is gone may be missing anything.
 */
const STATE_QUERY = `SELECT r.recovering, CASE
    WHEN NOT r.recovering THEN 0
    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN 0
    ELSE greatest(0, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000) END
  FROM (SELECT pg_is_in_recovery() AS recovering) r`

/**
 * What is committed and visible, rather than the position in the WAL: at a primary a commit is in the WAL some milliseconds before it is
 * visible, and a result that was read between the two would pass for one of after it. A snapshot's text changes with each transaction that ends
 * and with nothing else. At a standby it leaves out who is running, so that two commits out of the order of their numbers may look like one:
 * there the position of what is replayed belongs to it, which moves right after each commit has become visible.
 */
const VERSION_QUERY = `SELECT pg_catalog.pg_current_snapshot()::text, CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()::text ELSE '' END`

export class ServerWatch {
  readonly #options: ServerWatchOptions
  #state: ServerState = { ready: false, role: 'replica', lagMs: null }
  #client: WatchClient | null = null
  #timer: NodeJS.Timeout | null = null
  #polling: Promise<void> | null = null
  #asking: Promise<unknown> = Promise.resolve()
  #retryMs = RETRY_MIN_MS
  #failure: string | null = null
  #closed = false
  /** The server behind a connection may be another one than the last: restarted from a backup, say. */
  #connects = 0

  constructor(options: ServerWatchOptions) {
    this.#options = options
  }

  get state(): ServerState {
    return this.#state
  }

  /** Why it does not answer; null while it does. */
  get failure(): string | null {
    return this.#failure
  }

  /** Resolves after the first attempt, whatever came of it. */
  start(): Promise<void> {
    return this.poll()
  }

  /** Now rather than at the next turn; one at a time. */
  poll(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    return (this.#polling ??= this.#poll().finally(() => { this.#polling = null }))
  }

  async #poll(): Promise<void> {
    let client = this.#client
    try {
      client ??= await this.#connect()
      const [[recovering, lag] = []] = await this.#ask(client, STATE_QUERY, [])
      this.#retryMs = RETRY_MIN_MS
      this.#failure = null
      this.#setState({ ready: true, role: recovering === 'f' ? 'primary' : 'replica', lagMs: lag === null || lag === undefined ? null : Number(lag) })
      this.#schedule(this.#options.pollIntervalMs)
    } catch (error) {
      this.#lose(client, error)
      this.#schedule(this.#retryMs)
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
    }
  }

  async #connect(): Promise<WatchClient> {
    const client = this.#options.createClient()
    // Its end is noticed at once, not by the next poll.
    const onLost = (error?: Error): void => {
      if (this.#client !== client) return
      this.#lose(client, error ?? new Error('the server closed the connection'))
      if (this.#polling === null) this.#schedule(this.#retryMs)
    }
    client.on('error', onLost)
    client.on('end', () => { onLost() })
    await client.connect()
    if (this.#closed) {
      await client.end()
      throw new Error('closed')
    }
    this.#client = client
    this.#connects++
    return client
  }

  #lose(client: WatchClient | null, error: unknown): void {
    this.#client = null
    client?.end().catch((failure: unknown) => { this.#options.log.debug({ err: failure }, 'A lost connection could not be ended.') })
    const failure = messageOf(error)
    const line = `The server of ${this.#options.database} ${this.#state.ready ? 'is lost' : 'does not answer'}: ${failure}`
    // Once for each reason: it is asked again for as long as it takes.
    if (this.#state.ready || failure !== this.#failure) this.#options.log.warn({ database: this.#options.database, err: error }, line)
    else this.#options.log.debug({ database: this.#options.database, err: error }, line)
    this.#failure = failure
    // The last known role stays: what is down has not become anything else.
    this.#setState({ ...this.#state, ready: false, lagMs: null })
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => { void this.poll() }, delayMs)
    this.#timer.unref()
  }

  #setState(state: ServerState): void {
    const before = this.#state
    this.#state = state
    if (before.ready === state.ready && before.role === state.role) return
    if (state.ready) this.#options.log.info({ database: this.#options.database, role: state.role }, `The server of ${this.#options.database} answers as ${state.role}.`)
    this.#options.onChange()
  }

  /** Rows of text; null when the server cannot be asked. */
  async query(text: string, values: readonly unknown[]): Promise<ReadonlyArray<ReadonlyArray<string | null>> | null> {
    const client = this.#client
    if (client === null) return null
    try {
      return await this.#ask(client, text, values)
    } catch (error) {
      this.#options.log.debug({ database: this.#options.database, err: error }, `The catalogue of ${this.#options.database} did not answer: ${messageOf(error)}`)
      return null
    }
  }

  /** As `QueryEngine.dataVersion`. */
  async dataVersion(): Promise<string | null> {
    const connection = this.#connects
    const [snapshot, replayed] = (await this.query(VERSION_QUERY, []))?.[0] ?? []
    // A connection that was lost meanwhile answers nothing, unless this is the answer of the next one.
    return typeof snapshot === 'string' && typeof replayed === 'string' && connection === this.#connects ? `${connection}/${snapshot}/${replayed}` : null
  }

  /** One after the other: the client's own queue is deprecated. */
  #ask(client: WatchClient, text: string, values: readonly unknown[]): Promise<Array<Array<string | null>>> {
    const answer = this.#asking.then(async () => (await client.query({ text, values: [...values], rowMode: 'array' })).rows as Array<Array<string | null>>)
    this.#asking = answer.catch(() => undefined)
    return answer
  }

  /** Whether the server was told to stop what that backend does. */
  async cancel(backendPid: number): Promise<boolean> {
    return (await this.query('SELECT pg_cancel_backend($1)', [backendPid]))?.[0]?.[0] === 't'
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    const client = this.#client
    this.#client = null
    this.#state = { ...this.#state, ready: false, lagMs: null }
    await client?.end().catch((error: unknown) => { this.#options.log.debug({ err: error }, 'The watching connection could not be ended.') })
    await this.#polling
  }
}

function messageOf(error: unknown): string {
  return error instanceof AggregateError && error.errors.length > 0 ? messageOf(error.errors[0]) : error instanceof Error ? error.message : String(error)
}
