/** DuckDB in process: a `.duckdb` file, or a folder whose files are its tables, behind the engine port. */
import { mkdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import duckdb from '@duckdb/node-bindings'
import { MeshError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import { type Access, type BeginOptions, type DatabaseRole, type EngineRequest, type EngineResult, type EngineTransaction, type QueryEngine, readOnlyError } from '../../ports/query-engine.ts'
import { bindParameters } from './bind-parameters.ts'
import { StatementClassifier, type FunctionLookup } from './classifier.ts'
import { cancelledError, ConnectionPool } from './connection-pool.ts'
import { STREAMING_BUFFER } from './engine-connection.ts'
import { engineThreads, threadsForQueries } from './engine-threads.ts'
import { DuckDbTransaction, type TransactionStatement } from './engine-transaction.ts'
import { createTableView, findFolderTables, pathError, type FolderTable } from './folder-tables.ts'
import { folderVersion } from './folder-version.ts'
import { BatchStream } from './batch-stream.ts'
import { OpenResult } from './open-result.ts'
import { QueryRun, StreamBrokenError } from './query-run.ts'
import { openDatabase, runStatement, sqlString, strings } from './raw-database.ts'
import { ResultEncoder } from './result-encoder.ts'
import { isInterrupt, isReadOnlyViolation, readFailure, sqlError, type EngineFailure } from './sql-error.ts'
import { tokenize } from './sql-tokens.ts'
import { checkPathParameters, checkStatementType, leavesConnectionState } from './statement-policy.ts'

export interface DuckDbOptions {
  readonly database: string
  /** A `.duckdb` file or a folder. */
  readonly path: string
  /** A file is opened for writing only as `primary`; a folder is never written. */
  readonly role: DatabaseRole
  /** Beyond it the engine spills to disk, then refuses. */
  readonly memoryLimitBytes: number
  /** Of this database, over all its queries. */
  readonly threads: number
  /** Spill files go to a subfolder of it; null: no spilling. */
  readonly tempDir: string | null
  /** Default 8 GiB. */
  readonly tempBytesMax?: number
  /** Queries with a connection of their own. */
  readonly concurrentQueriesMax: number
  /** Queries that may wait for one; default 4 × `concurrentQueriesMax`. */
  readonly waitingQueriesMax?: number
  /** Open at once, each with a connection beside those of the queries; default 32. */
  readonly transactionsMax?: number
  readonly log: Log
}

export interface DuckDbEngine extends QueryEngine {
  readonly kind: 'duckdb'
  dataVersion(): Promise<string | null>
  /** Tables of a folder; empty for a file. */
  readonly folderTables: readonly FolderTable[]
  /** Queries that hold a connection, and those that wait for one. */
  counts(): { readonly running: number; readonly waiting: number }
}

const EXPLAIN = 'EXPLAIN ANALYZE '
const TEMP_BYTES_MAX_DEFAULT = 8 * 2 ** 30
const TRANSACTIONS_MAX_DEFAULT = 32

/** @throws MeshError ERR_DATABASE_PATH */
export async function openDuckDb(options: DuckDbOptions): Promise<DuckDbEngine> {
  const path = resolve(options.path)
  const kind = await pathKind(options.database, path)
  const tables = kind === 'folder' ? await findFolderTables(options.database, path) : []
  const spillDir = await spillFolder(options)
  const writable = kind === 'file' && options.role === 'primary'
  let database: duckdb.Database
  try {
    database = await openDatabase(kind === 'folder' ? ':memory:' : path, {
      ...(kind === 'folder' ? {} : { access_mode: writable ? 'READ_WRITE' : 'READ_ONLY' }),
      ...configuration(options, spillDir),
    })
  } catch (error) {
    throw pathError(options.database, `${path} cannot be opened: ${readFailure(error).message}`, 'Check that it is a DuckDB file, that the node may read it, and that no other process has it open for writing.', path)
  }
  try {
    const connection = await duckdb.connect(database)
    await lockDown(connection, options.database, tables)
    const classifier = await StatementClassifier.create(connection, kind === 'folder' ? NO_MACROS : macroLookup(await duckdb.connect(database)))
    options.log.info({ database: options.database, path, kind, role: options.role, tables: tables.map((table) => table.name), computingMax: threadsForQueries(process.env.UV_THREADPOOL_SIZE) }, `Database ${options.database} is open: ${kind === 'folder' ? `${tables.length} ${tables.length === 1 ? 'table' : 'tables'} of ${path}` : path}.`)
    return new Engine(options, database, classifier, tables, writable ? null : kind === 'folder' ? 'ERR_READ_ONLY' : 'ERR_NOT_PRIMARY')
  } catch (error) {
    duckdb.close_sync(database)
    if (error instanceof MeshError) throw error
    throw pathError(options.database, `${path} cannot be served: ${readFailure(error).message}`, 'Check that it is a sound DuckDB file or folder.', path)
  }
}

export interface MemoryDuckDbOptions extends Pick<DuckDbOptions, 'database' | 'memoryLimitBytes' | 'threads' | 'concurrentQueriesMax' | 'log'> {
  /** Makes the tables, on a connection that is its own to keep, before the doors close. */
  readonly prepare: (connection: duckdb.Connection) => Promise<void>
  /** Files, and folders with all that is in them, that its views read, then and later. */
  readonly allowedPaths: readonly string[]
  readonly allowedFolders: readonly string[]
}

/** In memory, with tables that `prepare` makes and that no query can write: the sandbox of a folder, around tables of the program's own. */
export async function openMemoryDuckDb(options: MemoryDuckDbOptions): Promise<DuckDbEngine> {
  const database = await openDatabase(':memory:', configuration(options, ''))
  try {
    await options.prepare(await duckdb.connect(database))
    const connection = await duckdb.connect(database)
    await closeDoors(connection, options.allowedPaths, options.allowedFolders)
    const classifier = await StatementClassifier.create(connection, NO_MACROS)
    return new Engine({ ...options, path: ':memory:', role: 'replica', tempDir: null }, database, classifier, [], 'ERR_READ_ONLY')
  } catch (error) {
    duckdb.close_sync(database)
    throw error
  }
}

function configuration({ threads, memoryLimitBytes, tempBytesMax }: Pick<DuckDbOptions, 'threads' | 'memoryLimitBytes' | 'tempBytesMax'>, spillDir: string): Readonly<Record<string, string | number | boolean>> {
  return {
    threads,
    memory_limit: `${Math.floor(memoryLimitBytes / 1024)}KiB`,
    temp_directory: spillDir,
    max_temp_directory_size: `${Math.floor((tempBytesMax ?? TEMP_BYTES_MAX_DEFAULT) / 1024)}KiB`,
    autoinstall_known_extensions: false,
    autoload_known_extensions: false,
    allow_community_extensions: false,
    allow_persistent_secrets: false,
    errors_as_json: true,
    // Gives what chunks held back to the system within seconds, instead of when the engine next allocates.
    allocator_background_threads: true,
  }
}

async function pathKind(database: string, path: string): Promise<'file' | 'folder'> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) return 'folder'
    if (found.isFile()) return 'file'
  } catch (error) {
    throw pathError(database, `${path} cannot be used: ${(error as Error).message}`, 'Give an existing .duckdb file or a folder with CSV, JSON or Parquet files.', path)
  }
  throw pathError(database, `${path} is neither a file nor a folder.`, 'Give a .duckdb file or a folder with CSV, JSON or Parquet files.', path)
}

async function spillFolder(options: DuckDbOptions): Promise<string> {
  if (options.tempDir === null) return ''
  const folder = join(resolve(options.tempDir), encodeURIComponent(options.database))
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw pathError(options.database, `the folder ${folder} for spill files cannot be made: ${(error as Error).message}`, 'Check the data folder, its permissions and the free disk space.', folder)
  }
  return folder
}

/** Views first, while files may still be sniffed; then the doors close, and the configuration is locked last. */
async function lockDown(connection: duckdb.Connection, database: string, tables: readonly FolderTable[]): Promise<void> {
  for (const table of tables) await createTableView(connection, database, table)
  await closeDoors(connection, tables.map(({ path }) => path), [])
}

async function closeDoors(connection: duckdb.Connection, paths: readonly string[], folders: readonly string[]): Promise<void> {
  await runStatement(connection, "SET GLOBAL TimeZone = 'UTC'")
  await runStatement(connection, `SET GLOBAL allowed_paths = [${paths.map(sqlString).join(', ')}]`)
  await runStatement(connection, `SET GLOBAL allowed_directories = [${folders.map(sqlString).join(', ')}]`)
  await runStatement(connection, 'SET GLOBAL enable_external_access = false')
  // Each connection sets it as it opens; users' statements set nothing.
  await runStatement(connection, `SET GLOBAL allowed_configs = [${sqlString(STREAMING_BUFFER.setting)}]`)
  await runStatement(connection, 'SET GLOBAL lock_configuration = true')
}

const NO_MACROS: FunctionLookup = { macroBodies: () => Promise.resolve(null), close: () => undefined }

function macroLookup(connection: duckdb.Connection): FunctionLookup {
  return {
    macroBodies: async (name) => {
      const rows = await strings(await duckdb.query(connection, `SELECT function_type, macro_definition FROM duckdb_functions() WHERE NOT internal AND lower(function_name) = ${sqlString(name)}`))
      return rows.length === 0 ? null : rows.map(([type, body]) => (type === 'table_macro' ? String(body) : `SELECT (${body})`))
    },
    close: () => duckdb.disconnect_sync(connection),
  }
}

class Engine implements DuckDbEngine {
  readonly kind = 'duckdb'
  readonly database: string
  readonly role: DatabaseRole
  readonly isReadOnly: boolean
  readonly folderTables: readonly FolderTable[]
  readonly #instance: duckdb.Database
  readonly #classifier: StatementClassifier
  readonly #pool: ConnectionPool
  /** Open transactions hold theirs for long, and must not keep queries waiting. */
  readonly #transactionPool: ConnectionPool
  /** How a write is refused; null when it is not. */
  readonly #writeRefusal: 'ERR_READ_ONLY' | 'ERR_NOT_PRIMARY' | null
  readonly #log: Log
  readonly #threads: number
  readonly #closing = new AbortController()
  /** That have ended, well or not. */
  #writes = 0

  constructor(options: DuckDbOptions, instance: duckdb.Database, classifier: StatementClassifier, tables: readonly FolderTable[], writeRefusal: 'ERR_READ_ONLY' | 'ERR_NOT_PRIMARY' | null) {
    this.database = options.database
    this.role = options.role
    this.folderTables = tables
    this.#instance = instance
    this.#classifier = classifier
    this.#pool = new ConnectionPool(instance, { connectionsMax: options.concurrentQueriesMax, waitingMax: options.waitingQueriesMax ?? options.concurrentQueriesMax * 4 })
    this.#transactionPool = new ConnectionPool(instance, { connectionsMax: options.transactionsMax ?? TRANSACTIONS_MAX_DEFAULT, waitingMax: 0 })
    this.isReadOnly = writeRefusal === 'ERR_READ_ONLY'
    this.#writeRefusal = writeRefusal
    this.#log = options.log
    this.#threads = options.threads
  }

  isReady(): boolean {
    return !this.#closing.signal.aborted
  }

  counts(): { running: number; waiting: number } {
    return { running: this.#pool.busy, waiting: this.#pool.waiting }
  }

  /** A file is locked for other processes as long as it is open here. */
  dataVersion(): Promise<string | null> {
    return this.folderTables.length === 0 ? Promise.resolve(String(this.#writes)) : folderVersion(this.folderTables.map(({ path }) => path), Date.now())
  }

  classify(sql: string, signal?: AbortSignal): Promise<Access> {
    return this.#classifier.classify(sql, signal)
  }

  tablesOf(sql: string): readonly string[] {
    return this.#classifier.tablesOf(sql)
  }

  async execute(request: EngineRequest): Promise<EngineResult> {
    const { access, pathParameters } = await this.#classifier.inspect(request.sql, request.signal)
    checkPathParameters(pathParameters, request.parameters)
    if (access === 'write' && this.#writeRefusal !== null) throw this.#refuseWrite()
    const signal = AbortSignal.any([request.signal, this.#closing.signal])
    const connection = await this.#pool.acquire(signal)
    const run = new QueryRun({ connection, signal, threads: engineThreads, log: this.#log, release: (state) => this.#pool.release(connection, state) })
    const fail = (error: unknown): Promise<MeshError> => this.#fail(run, request, error)
    try {
      const result = await this.#start(run, request, access)
      const encoder = new ResultEncoder(result, run)
      const { format, header, first, complete } = await encoder.start()
      // The answer does not wait for the connection's way back.
      if (complete) void run.end()
      return { format, header, batches: new BatchStream(run, first, complete ? null : encoder, fail) }
    } catch (error) {
      throw await fail(error)
    } finally {
      if (access === 'write') this.#handleWrite()
    }
  }

  async begin({ access, signal: callers }: BeginOptions): Promise<EngineTransaction> {
    if (access === 'write' && this.#writeRefusal !== null) throw this.#refuseWrite()
    const signal = AbortSignal.any([callers, this.#closing.signal])
    const connection = await this.#transactionPool.acquire(signal)
    return await DuckDbTransaction.begin({
      connection, access, signal, threads: engineThreads, log: this.#log,
      release: (state) => {
        // Also where it was rolled back: what its own statements taught the classifier is not so any more.
        if (access === 'write') this.#handleWrite()
        this.#transactionPool.release(connection, state)
      },
      start: (statement, request) => this.#startInTransaction(statement, request, access),
      translate: (error) => this.#translate(error, signal, ''),
    })
  }

  async #startInTransaction(statement: TransactionStatement, request: EngineRequest, transactionAccess: Access): Promise<EngineResult> {
    const { access, pathParameters } = await this.#classifier.inspect(request.sql, request.signal)
    checkPathParameters(pathParameters, request.parameters)
    if (access === 'write' && transactionAccess === 'read') throw new MeshError('ERR_READ_ONLY', 'the transaction only reads, and the statement writes', { details: { started: 'no' }, nextStep: 'Begin a transaction that is not read-only.' })
    const fail = (error: unknown): Promise<MeshError> => {
      statement.fail()
      return this.#fail(statement, request, error)
    }
    try {
      const result = await this.#open(statement, request, access)
      const encoder = new ResultEncoder(result, statement)
      const { format, header, first, complete } = await encoder.start()
      if (complete) await statement.end()
      else statement.streams()
      return { format, header, batches: new BatchStream(statement, first, complete ? null : encoder, fail) }
    } catch (error) {
      throw await fail(error)
    } finally {
      if (access === 'write') this.#classifier.forget()
    }
  }

  #handleWrite(): void {
    this.#writes++
    this.#classifier.forget()
  }

  async #start(run: QueryRun, request: EngineRequest, access: Access): Promise<duckdb.Result> {
    if (access === 'read') await run.begin()
    return await this.#open(run, request, access)
  }

  async #open(run: Pick<QueryRun, 'call' | 'opened'>, request: EngineRequest, access: Access): Promise<duckdb.Result> {
    const { statement, type } = await this.#prepare(run, request.sql)
    try {
      bindParameters(statement, request.parameters)
      // A write runs to its end at once: a half-read stream would hold its transaction open.
      const result = await run.call(() => (access === 'read' ? duckdb.execute_prepared_streaming(statement) : duckdb.execute_prepared(statement)))
      // What a write returns is there as a whole, in memory that is not freed piece by piece.
      run.opened(new OpenResult(result, access === 'read' ? this.#threads + 1 : 0), leavesConnectionState(type))
      return result
    } finally {
      duckdb.destroy_prepare_sync(statement)
    }
  }

  async #prepare(run: Pick<QueryRun, 'call'>, sql: string): Promise<{ statement: duckdb.PreparedStatement; type: duckdb.StatementType }> {
    // The classifier has counted the statements; the engine refuses to prepare more than one as well.
    const statement = await run.call((connection) => duckdb.prepare(connection, sql))
    const type = duckdb.prepared_statement_type(statement)
    checkStatementType(type, tokenize(sql))
    return { statement, type }
  }

  /** Ends the run, and says what its caller is to throw. */
  async #fail(run: Pick<QueryRun, 'end' | 'signal'>, request: EngineRequest, error: unknown): Promise<MeshError> {
    await run.end()
    if (!(error instanceof StreamBrokenError) || run.signal.aborted) return this.#translate(error, run.signal, request.sql)
    try {
      await this.#runForReason(request, run.signal)
    } catch (reason) {
      if (reason instanceof MeshError) return reason
      const { positionBytes, ...failure } = readFailure(reason)
      return this.#refusalOf({ ...failure, positionBytes: positionBytes === null ? null : positionBytes - EXPLAIN.length }, request.sql, run.signal)
    }
    this.#log.error({ database: this.database, sql: request.sql }, `The engine ended a result of ${this.database} early, and a second run did not say why.`)
    return new MeshError('ERR_INTERNAL', 'The engine ended the result early and gave no reason.', { details: { kind: 'Unknown' }, nextStep: 'Send it again; if it recurs, look at the memory of the node that ran it.' })
  }

  /** Runs a failed read once more without keeping its rows. @throws what made it fail */
  async #runForReason(request: EngineRequest, signal: AbortSignal): Promise<void> {
    const connection = await this.#pool.acquire(signal)
    const run = new QueryRun({ connection, signal, threads: engineThreads, log: this.#log, release: (state) => this.#pool.release(connection, state) })
    try {
      await run.begin()
      const { statement } = await this.#prepare(run, EXPLAIN + request.sql)
      try {
        bindParameters(statement, request.parameters)
        await run.call(() => duckdb.execute_prepared(statement))
      } finally {
        duckdb.destroy_prepare_sync(statement)
      }
    } finally {
      await run.end()
    }
  }

  #translate(error: unknown, signal: AbortSignal, sql: string): MeshError {
    if (error instanceof MeshError) return error
    return this.#refusalOf(readFailure(error), sql, signal)
  }

  #refusalOf(failure: EngineFailure, sql: string, signal: AbortSignal): MeshError {
    if (signal.aborted || isInterrupt(failure)) return cancelledError()
    if (this.#writeRefusal !== null && isReadOnlyViolation(failure)) return this.#refuseWrite()
    return sqlError(failure, sql)
  }

  /** Before it runs, or by the engine, which then has changed nothing. */
  #refuseWrite(): MeshError {
    if (this.isReadOnly) return readOnlyError(this)
    return new MeshError('ERR_NOT_PRIMARY', `This node serves ${this.database} as a replica.`, { details: { database: this.database, started: 'no' } })
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await Promise.all([this.#pool.close(), this.#transactionPool.close()])
    await this.#classifier.close()
    duckdb.close_sync(this.#instance)
    this.#log.info({ database: this.database }, `Database ${this.database} is closed.`)
  }
}
