/** A PostgreSQL server's database behind the engine port: the node stands in front of it, the server keeps the data and replicates it. */
import { MeshError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import type { Access, BeginOptions, DatabaseRole, EngineRequest, EngineResult, EngineTransaction, QueryEngine } from '../../ports/query-engine.ts'
import { StatementClassifier, type Inspection } from './classifier.ts'
import { ClientPool } from './client-pool.ts'
import { parseConnectionTarget, type ConnectionTarget } from './connection-target.ts'
import { PostgresTransaction, transactionErrorOf, type TransactionStatement } from './engine-transaction.ts'
import { clientClass, clientConfig } from './mesh-client.ts'
import { parameterTypes, parameterValues, type BoundParameters } from './parameters.ts'
import { QueryRun, type RunClient } from './query-run.ts'
import { encodeCount, encodeNothing, ResultEncoder, type EncodedStart } from './result-encoder.ts'
import { ResultStream } from './result-stream.ts'
import { isConnectionLost, meshErrorOf } from './server-error.ts'
import { ServerWatch } from './server-watch.ts'
import { mayReturnRows } from './statement-policy.ts'
import { TypeCatalog } from './type-catalog.ts'

export interface PostgresOptions {
  readonly database: string
  /** `postgres://user@host:port/database`, with `connections` and `passfile` as parameters. */
  readonly url: string
  /** How often role and lag are asked for; default 1 s. */
  readonly pollIntervalMs?: number
  readonly log: Log
}

export interface PostgresEngine extends QueryEngine {
  readonly kind: 'postgres'
  onChange(listener: () => void): () => void
  lagMs(): number | null
  dataVersion(): Promise<string | null>
  tablesOf(sql: string): readonly string[]
  /** Queries that hold a connection, and those that wait for one. */
  counts(): { readonly running: number; readonly waiting: number }
}

const POLL_INTERVAL_MS = 1_000
const WATCH_TIMEOUT_MS = 5_000
const NOT_STARTED = { started: 'no' } as const
/** Of the connections; the others are for queries. */
const TRANSACTIONS_RATIO = 0.5

/** A server that does not answer yet is no error: the engine is not ready, and goes on trying. @throws MeshError ERR_OPTION_INVALID */
export async function openPostgres(options: PostgresOptions): Promise<PostgresEngine> {
  const target = parseConnectionTarget(options.database, options.url)
  const engine = new Engine(options, target)
  await engine.start()
  options.log.info({ database: options.database, server: target.shown, role: engine.role, ready: engine.isReady(), connectionsMax: target.connectionsMax }, engine.isReady()
    ? `Database ${options.database} is open: ${target.shown} as ${engine.role}.`
    : `Database ${options.database} waits for its server ${target.shown}${engine.failure === null ? '' : `: ${engine.failure}`}.`)
  return engine
}

/** A statement on a connection, by itself or within a transaction. */
type StatementRun = Pick<QueryRun, 'access' | 'open' | 'read' | 'runAlone' | 'commit' | 'end'>

class Engine implements PostgresEngine {
  readonly kind = 'postgres'
  readonly database: string
  readonly #log: Log
  readonly #pool: ClientPool
  readonly #watch: ServerWatch
  readonly #classifier: StatementClassifier
  readonly #types: TypeCatalog
  readonly #listeners = new Set<() => void>()
  readonly #closing = new AbortController()
  readonly #transactionsMax: number
  #transactions = 0

  constructor({ database, log, pollIntervalMs = POLL_INTERVAL_MS }: PostgresOptions, target: ConnectionTarget) {
    this.database = database
    this.#log = log
    this.#pool = new ClientPool(target, log)
    this.#transactionsMax = Math.max(1, Math.floor(TRANSACTIONS_RATIO * target.connectionsMax))
    const Client = clientClass(target)
    this.#watch = new ServerWatch({
      database, pollIntervalMs, log,
      createClient: () => new Client({ ...clientConfig(target), query_timeout: WATCH_TIMEOUT_MS }),
      onChange: () => {
        this.#forget()
        for (const listener of this.#listeners) listener()
      },
    })
    const query = this.#watch.query.bind(this.#watch)
    this.#classifier = new StatementClassifier(query)
    this.#types = new TypeCatalog(query)
  }

  start(): Promise<void> {
    return this.#watch.start()
  }

  get role(): DatabaseRole {
    return this.#watch.state.role
  }

  isReady(): boolean {
    return this.#watch.state.ready && !this.#closing.signal.aborted
  }

  lagMs(): number | null {
    return this.#watch.state.lagMs
  }

  /** Why the server does not answer; null while it does. */
  get failure(): string | null {
    return this.#watch.failure
  }

  dataVersion(): Promise<string | null> {
    return this.#watch.dataVersion()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  counts(): { running: number; waiting: number } {
    return { running: this.#pool.running, waiting: this.#pool.waiting }
  }

  async classify(sql: string): Promise<Access> {
    return (await this.#classifier.inspect(sql)).access
  }

  tablesOf(sql: string): readonly string[] {
    return this.#classifier.tablesOf(sql)
  }

  async execute(request: EngineRequest): Promise<EngineResult> {
    const inspection = await this.#classifier.inspect(request.sql)
    const { access } = inspection
    if (!this.isReady()) throw new MeshError('ERR_NOT_SERVING', `The database server of ${this.database} does not answer${this.failure === null ? '' : `: ${this.failure}`}.`, { details: NOT_STARTED })
    if (access === 'write' && this.role !== 'primary') throw new MeshError('ERR_NOT_PRIMARY', `This node serves ${this.database} as a replica.`, { details: { database: this.database, ...NOT_STARTED } })
    const values = parameterValues(request.parameters)
    const signal = AbortSignal.any([request.signal, this.#closing.signal])
    let delivered = false
    let run: QueryRun | null = null
    const fail = async (error: unknown): Promise<MeshError> => {
      await run?.end()
      // A server that went away, or that has become a replica, is to be known of before the next query comes.
      if (isConnectionLost(error) || (error as { readonly code?: unknown }).code === '25006') await this.#watch.poll()
      // Who never had a connection has not begun to write.
      return meshErrorOf(error, { sql: request.sql, access: run === null ? 'read' : access, aborted: signal.aborted, delivered, isPrimary: this.role === 'primary' })
    }
    try {
      const on = await this.#pool.acquire(signal)
      run = new QueryRun({ on, access, signal, timeoutMs: request.timeoutMs ?? null, cancel: (pid) => this.#watch.cancel(pid), release: (state) => { this.#pool.release(on, state) } })
      const { start, encoder } = await this.#start(run, request.sql, { values, types: parameterTypes(request.parameters) }, inspection)
      delivered = true
      return { format: start.format, header: start.header, batches: new ResultStream({ start, encoder, finish: () => this.#finish(run as QueryRun), leave: () => (run as QueryRun).end(), fail }) }
    } catch (error) {
      throw await fail(error)
    }
  }

  async begin({ access, signal: callers, idleTimeoutMs, timeoutMs, onLost }: BeginOptions): Promise<EngineTransaction> {
    if (!this.isReady()) throw new MeshError('ERR_NOT_SERVING', `The database server of ${this.database} does not answer.`, { details: NOT_STARTED })
    if (access === 'write' && this.role !== 'primary') throw new MeshError('ERR_NOT_PRIMARY', `This node serves ${this.database} as a replica.`, { details: { database: this.database, ...NOT_STARTED } })
    if (this.#transactions >= this.#transactionsMax) {
      throw new MeshError('ERR_OVERLOADED', `${this.#transactions} transactions hold a connection to the database server each; the others are for queries.`, { details: { ...NOT_STARTED, reason: 'transactions' }, nextStep: 'Try again shortly, or allow more with ?connections=… in the URL of the database.' })
    }
    this.#transactions++
    const signal = AbortSignal.any([callers, this.#closing.signal])
    let on: RunClient
    try {
      on = await this.#pool.acquire(signal)
    } catch (error) {
      this.#transactions--
      throw await this.#failedBegin(error, signal)
    }
    try {
      return await PostgresTransaction.begin({
        on, access, signal, closing: this.#closing.signal, idleTimeoutMs: idleTimeoutMs ?? null, timeoutMs: timeoutMs ?? null, onLost, cancel: (pid) => this.#watch.cancel(pid),
        release: (state) => {
          // Also where it was rolled back: what its own statements taught the catalogues is not so any more.
          if (access === 'write') this.#forget()
          this.#transactions--
          this.#pool.release(on, state)
        },
        start: (statement, request) => this.#startInTransaction(statement, request, access),
      })
    } catch (error) {
      throw await this.#failedBegin(error, signal)
    }
  }

  async #failedBegin(error: unknown, { aborted }: AbortSignal): Promise<MeshError> {
    if (isConnectionLost(error)) await this.#watch.poll()
    return meshErrorOf(error, { sql: 'BEGIN', access: 'read', aborted, delivered: false, isPrimary: this.role === 'primary' })
  }

  async #startInTransaction(statement: TransactionStatement, request: EngineRequest, transactionAccess: Access): Promise<EngineResult> {
    const inspection = await this.#classifier.inspect(request.sql)
    if (inspection.access === 'write' && transactionAccess === 'read') throw new MeshError('ERR_READ_ONLY', 'the transaction only reads, and the statement writes', { details: NOT_STARTED, nextStep: 'Begin a transaction that is not read-only.' })
    const values = parameterValues(request.parameters)
    const fail = async (error: unknown): Promise<MeshError> => {
      statement.fail()
      await statement.end()
      if (isConnectionLost(error)) await this.#watch.poll()
      return transactionErrorOf(error, { sql: request.sql, access: transactionAccess, aborted: request.signal.aborted, delivered: false, isPrimary: this.role === 'primary' })
    }
    const run = {
      access: inspection.access, commit: () => Promise.resolve(), end: () => statement.end(), runAlone: statement.runAlone.bind(statement), open: statement.open.bind(statement), read: statement.read.bind(statement),
    }
    try {
      const { start, encoder } = await this.#start(run, request.sql, { values, types: parameterTypes(request.parameters) }, inspection)
      if (start.complete) await statement.end()
      else statement.streams()
      return { format: start.format, header: start.header, batches: new ResultStream({ start, encoder, finish: () => this.#finish(run), leave: () => statement.end(), fail }) }
    } catch (error) {
      throw await fail(error)
    }
  }

  async #start(run: StatementRun, sql: string, { values, types }: BoundParameters, { access, facts }: Inspection): Promise<{ readonly start: EncodedStart; readonly encoder: ResultEncoder }> {
    let count: number | null = null
    const encoder = new ResultEncoder({
      read: async (rowsMax) => {
        const read = await run.read(rowsMax)
        count = read.count
        return read
      },
      typesOf: (columns) => this.#types.typesOf(columns),
    })
    let start: EncodedStart
    if (access === 'write' && !mayReturnRows(facts)) {
      await run.runAlone(sql, values)
      start = encodeNothing()
    } else {
      await run.open(sql, values, types)
      start = await encoder.start()
      if (encoder.columnCount === 0) start = facts.kind === 'SelectStmt' || count === null ? encodeNothing() : encodeCount(count)
    }
    if (start.complete) await this.#finish(run)
    return { start, encoder }
  }

  async #finish(run: Pick<StatementRun, 'access' | 'commit' | 'end'>): Promise<void> {
    await run.commit()
    if (run.access === 'write') this.#forget()
    // The answer does not wait for the connection's way back.
    void run.end()
  }

  /** What was learnt from the catalogue may have changed. */
  #forget(): void {
    this.#classifier.forget()
    this.#types.forget()
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    // First the queries: cancelling them goes through the watch.
    await this.#pool.close()
    await this.#watch.close()
    this.#classifier.close()
    this.#log.info({ database: this.database }, `Database ${this.database} is closed.`)
  }
}
