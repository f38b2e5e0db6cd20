/**
 * The mesh's own database behind the engine port: DuckDB in memory, opened when the first query comes and closed when none has come for a while, so that
 * a node that nobody asks holds nothing of it.
 */
import type { DuckDbEngine } from '../../adapters/duckdb/duckdb-engine.ts'
import { MeshError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Access, EngineBatch, EngineRequest, EngineResult, QueryEngine } from '../../ports/query-engine.ts'
import { PassedBatches } from '../../query/passed-batches.ts'
import { MESH_DATABASE } from '../../wire/operations-views.ts'
import type { LiveSources } from './live-table.ts'
import type * as MeshTables from './mesh-tables.ts'
import type { OpenTables } from './mesh-tables.ts'

/** What the tables are made of; known once the node runs. */
export interface MeshSources extends LiveSources {
  readonly clock: Clock
  readonly dataDir: string
  /** Writes down what is still on its way into the files. */
  readonly flush: () => Promise<void>
}

const CLOSE_AFTER_MS = 60_000
const FLUSH_WAIT_MS = 2_000
const MEMORY_BYTES_MAX = 256 * 2 ** 20
const THREADS = 2
const CONCURRENT_QUERIES_MAX = 4

export class MeshEngine implements QueryEngine {
  readonly database = MESH_DATABASE
  readonly kind = 'mesh'
  readonly role = 'replica'
  readonly isReadOnly = true
  readonly isPrivate = true
  readonly #log: Log
  #sources: MeshSources | null = null
  #open: Promise<OpenTables> | null = null
  /** Opening, closing and changing views, one after another. */
  #closing: Promise<void> = Promise.resolve()
  #refreshing: Promise<void> = Promise.resolve()
  /** Queries and classifications that are under way. */
  #users = 0
  #idleTimer: Timer | null = null
  #isClosed = false

  constructor(log: Log) {
    this.#log = log
  }

  /** Before, it is not ready. */
  bind(sources: MeshSources): void {
    this.#sources = sources
  }

  /** DuckDB is in memory. */
  get isOpen(): boolean {
    return this.#open !== null
  }

  isReady(): boolean {
    return this.#sources !== null && !this.#isClosed
  }

  /** No two moments of a mesh are alike. */
  dataVersion(): Promise<null> {
    return Promise.resolve(null)
  }

  async classify(sql: string, signal?: AbortSignal): Promise<Access> {
    const access = await this.#use(async ({ engine }) => await engine.classify(sql, signal))
    if (access === 'read') return 'read'
    throw new MeshError('ERR_READ_ONLY', `${MESH_DATABASE} cannot be written: it shows the mesh as it is`, { details: { database: MESH_DATABASE, started: 'no' }, nextStep: 'Change what it shows with the commands of rdb.' })
  }

  async execute(request: EngineRequest): Promise<EngineResult> {
    const release = this.#enter()
    try {
      const database = await this.#opened()
      const tables = await this.#tablesOf(database.engine, request)
      const { touchesFiles } = await this.#library()
      const reads = touchesFiles(tables)
      if (reads) await this.#refresh(database)
      const result = await this.#execute(database, request, { retries: reads })
      // Whoever has gone does not read to the end.
      request.signal.addEventListener('abort', release, { once: true })
      return {
        ...result, batches: new ReleasingBatches(result.batches, () => {
          request.signal.removeEventListener('abort', release)
          release()
        }),
      }
    } catch (error) {
      release()
      throw error
    }
  }

  async #tablesOf(engine: DuckDbEngine, { sql, signal }: EngineRequest): Promise<readonly string[]> {
    await engine.classify(sql, signal)
    return engine.tablesOf?.(sql) ?? []
  }

  /** A file may have moved into the history, or gone, between the look at the folder and its reading. */
  async #execute(database: OpenTables, request: EngineRequest, { retries }: { readonly retries: boolean }): Promise<EngineResult> {
    const { explainError } = await this.#library()
    try {
      return await database.engine.execute(request)
    } catch (error) {
      if (!retries || !(error instanceof MeshError) || error.details['kind'] !== 'IO') throw explainError(error)
      await this.#refresh(database)
      return await database.engine.execute(request).catch((again: unknown) => { throw explainError(again) })
    }
  }

  async #use<T>(work: (database: OpenTables) => Promise<T>): Promise<T> {
    const release = this.#enter()
    try {
      return await work(await this.#opened())
    } finally {
      release()
    }
  }

  /** Answers how to leave, once. */
  #enter(): () => void {
    this.#users++
    this.#idleTimer?.cancel()
    this.#idleTimer = null
    let isIn = true
    return () => {
      if (!isIn) return
      isIn = false
      if (--this.#users > 0 || this.#isClosed) return
      this.#idleTimer = this.#sources?.clock.setTimer(CLOSE_AFTER_MS, () => { void this.#closeDatabase() }) ?? null
    }
  }

  #opened(): Promise<OpenTables> {
    const sources = this.#sources
    if (sources === null || this.#isClosed) return Promise.reject(new MeshError('ERR_NOT_SERVING', `the database ${MESH_DATABASE} is not open yet, or any more`, { details: { started: 'no' }, nextStep: 'Send it again in a moment.' }))
    if (this.#open === null) {
      const opening = this.#closing.then(() => this.#openDatabase(sources))
      // The next query tries again.
      opening.catch(() => { if (this.#open === opening) this.#open = null })
      this.#open = opening
    }
    return this.#open
  }

  async #openDatabase(sources: MeshSources): Promise<OpenTables> {
    const { openTables } = await this.#library()
    const opened = await openTables(sources, { memoryLimitBytes: MEMORY_BYTES_MAX, threads: THREADS, concurrentQueriesMax: CONCURRENT_QUERIES_MAX, log: this.#log })
    this.#log.debug({ database: MESH_DATABASE }, `The database ${MESH_DATABASE} is open.`)
    return opened
  }

  /** One at a time: views are replaced under the eyes of running queries, which go on with those that they began with. */
  #refresh(database: OpenTables): Promise<void> {
    const sources = this.#sources as MeshSources
    const refreshed = this.#refreshing.then(async () => {
      await this.#flushed(sources)
      const { refreshFileViews } = await this.#library()
      database.fileViews = await refreshFileViews(database.connection, sources.dataDir, database.fileViews)
    })
    this.#refreshing = refreshed.catch(() => undefined)
    return refreshed
  }

  /** A disk that hangs is not waited for: what it has is better than no answer. */
  async #flushed({ clock, flush }: MeshSources): Promise<void> {
    const { promise: timeout, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimer(FLUSH_WAIT_MS, resolve)
    await Promise.race([flush(), timeout])
    timer.cancel()
  }

  async #closeDatabase(): Promise<void> {
    const open = this.#open
    if (open === null || (this.#users > 0 && !this.#isClosed)) return
    this.#open = null
    this.#closing = this.#closing.then(async () => {
      const { closeTables } = await this.#library()
      // One that could not be opened has nothing to close, and whoever opened it was told.
      const database = await open.catch(() => null)
      await this.#refreshing
      if (database !== null) await closeTables(database)
      this.#log.debug({ database: MESH_DATABASE }, `The database ${MESH_DATABASE} is closed.`)
    })
    await this.#closing
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#idleTimer?.cancel()
    await this.#closeDatabase()
    await this.#closing
  }

  /** DuckDB and what goes with it: loaded by the first query. */
  #library(): Promise<typeof MeshTables> {
    return import('./mesh-tables.ts')
  }
}

class ReleasingBatches extends PassedBatches {
  readonly #release: () => void

  constructor(batches: AsyncIterable<EngineBatch>, release: () => void) {
    super(batches)
    this.#release = release
  }

  protected override handleEnded(): void {
    this.#release()
  }
}
