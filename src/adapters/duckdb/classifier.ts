/**
 * Read or write, by DuckDB's own parser and without binding: `json_serialize_sql` turns SELECT-like statements into a tree and refuses the rest.
 * What it refuses is a write; in the tree, a call to a function with side effects makes one too. What nothing is known of is a write.
 */
import duckdb from '@duckdb/node-bindings'
import { MeshError } from '../../errors.ts'
import type { Access } from '../../ports/query-engine.ts'
import { cancelledError } from './connection-pool.ts'
import { LruMap } from './lru-map.ts'
import { openDatabase, strings } from './raw-database.ts'
import { SerialQueue } from './serial-queue.ts'
import { readFailure, sqlError } from './sql-error.ts'
import { tokenize, statementCount, type SqlToken } from './sql-tokens.ts'
import { checkCalledNames, checkComplexity, checkKeywords, checkLength, checkPath, checkTree, emptyStatement, explainPrefix, oneStatementOnly, pivotNeedsValues } from './statement-policy.ts'
import { readTree, type StatementTree, type TreeFacts } from './statement-tree.ts'

/** What is known of a statement before it runs. */
export interface Inspection {
  readonly access: Access
  /** Numbers of the parameters whose text may only be short, see `PATH_CHARACTERS_MAX`. */
  readonly pathParameters: ReadonlySet<number>
  readonly tables: readonly string[]
}

export interface Classifier {
  /**
   * @throws MeshError ERR_SQL when it does not parse, is more than one statement, or is of a kind that is refused; ERR_QUERY_TOO_LARGE;
   * ERR_OVERLOADED when too many statements wait for the parser; ERR_QUERY_CANCELLED by the signal
   */
  classify(sql: string, signal?: AbortSignal): Promise<Access>
  /** After a change of the catalog, which may have changed what a macro does. */
  forget(): void
  close(): Promise<void>
}

const CACHE_ENTRIES_MAX = 1024
/** Longer statements are parsed each time rather than kept. */
const CACHED_CHARACTERS_MAX = 8192
const MACRO_DEPTH_MAX = 8
/** For the one parser, which takes some 0.2 ms for a usual statement and 35 ms for the worst that is let through. */
const WAITING_STATEMENTS_MAX = 1024
/** Statements longer than this also wait within a bound of their own, so that they hold nobody up for long. */
const SHORT_TOKENS_MAX = 256
const WAITING_LONG_TOKENS_MAX = 65_536

/** DuckDB marks every volatile function as one with side effects; these change nothing that another query sees. */
const HARMLESS_VOLATILE = new Set(['random', 'uuid', 'uuidv4', 'uuidv7', 'gen_random_uuid', 'current_connection_id', 'current_query', 'current_query_id', 'current_transaction_id', 'currval', 'error', 'sleep_ms', 'stats'])
/** Table functions carry no such mark. */
const WRITING_TABLE_FUNCTIONS = ['checkpoint', 'force_checkpoint']

/** Of a statement that several wait for. */
interface SharedInspection {
  readonly controller: AbortController
  readonly inspection: Promise<Inspection>
  waiters: number
}

/** How the parser's tables are told about the functions that a database adds. */
export interface FunctionLookup {
  /** Bodies of a macro as SELECT statements; null when there is none of that name. */
  macroBodies(name: string): Promise<readonly string[] | null>
  close(): void
}

export class StatementClassifier implements Classifier {
  readonly #connection: duckdb.Connection
  readonly #lookup: FunctionLookup | null
  readonly #serialize: duckdb.PreparedStatement
  readonly #writing: ReadonlySet<string>
  readonly #known: ReadonlySet<string>
  readonly #cache = new LruMap<Inspection>(CACHE_ENTRIES_MAX)
  readonly #running = new Map<string, SharedInspection>()
  readonly #queue = new SerialQueue({ waitingMax: WAITING_STATEMENTS_MAX, waitingWeightMax: WAITING_LONG_TOKENS_MAX })

  private constructor(connection: duckdb.Connection, serialize: duckdb.PreparedStatement, functions: { writing: ReadonlySet<string>; known: ReadonlySet<string> }, lookup: FunctionLookup | null) {
    this.#connection = connection
    this.#serialize = serialize
    this.#writing = functions.writing
    this.#known = functions.known
    this.#lookup = lookup
  }

  /** The connection becomes the classifier's own. Without a lookup an unknown function makes a write. */
  static async create(connection: duckdb.Connection, lookup: FunctionLookup | null): Promise<StatementClassifier> {
    const rows = await strings(await duckdb.query(connection, 'SELECT DISTINCT function_name, CASE WHEN has_side_effects THEN \'1\' ELSE \'\' END FROM duckdb_functions() WHERE internal'))
    const known = new Set(rows.map((row) => row[0] as string))
    const marked = rows.filter((row) => row[1] === '1').map((row) => row[0] as string)
    const writing = new Set([...marked.filter((name) => !HARMLESS_VOLATILE.has(name)), ...WRITING_TABLE_FUNCTIONS])
    const serialize = await duckdb.prepare(connection, 'SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true)')
    return new StatementClassifier(connection, serialize, { writing, known }, lookup)
  }

  async classify(sql: string, signal?: AbortSignal): Promise<Access> {
    return (await this.inspect(sql, signal)).access
  }

  /** As `classify`, for the engine that is to run it. Nothing has been started when it throws, and `details.started` says so. */
  async inspect(sql: string, signal?: AbortSignal): Promise<Inspection> {
    const cached = this.#cache.get(sql)
    if (cached !== undefined) return cached
    try {
      return await (sql.length > CACHED_CHARACTERS_MAX ? this.#inspect(sql, signal) : this.#inspectOnce(sql, signal))
    } catch (error) {
      throw error instanceof MeshError ? notStarted(error) : error
    }
  }

  /** A thousand queries of one new statement at once are one for the parser. Who leaves, leaves alone; when all have left, it is passed over. */
  async #inspectOnce(sql: string, signal: AbortSignal | undefined): Promise<Inspection> {
    if (signal?.aborted === true) throw cancelledError()
    const shared = this.#running.get(sql) ?? this.#startInspection(sql)
    shared.waiters++
    let leave: () => void = () => undefined
    const left = new Promise<never>((_resolve, reject) => { leave = () => { reject(cancelledError()) } })
    signal?.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([shared.inspection, left])
    } finally {
      signal?.removeEventListener('abort', leave)
      if (--shared.waiters === 0) {
        this.#end(sql, shared)
        shared.controller.abort()
      }
    }
  }

  #startInspection(sql: string): SharedInspection {
    const controller = new AbortController()
    const shared: SharedInspection = { controller, waiters: 0, inspection: this.#inspect(sql, controller.signal) }
    this.#running.set(sql, shared)
    // What was looked up before the catalog changed is not kept: `forget` has taken it out by then.
    shared.inspection.then((found) => { if (this.#running.get(sql) === shared) this.#cache.set(sql, found) }, () => undefined).finally(() => { this.#end(sql, shared) })
    return shared
  }

  #end(sql: string, shared: SharedInspection): void {
    if (this.#running.get(sql) === shared) this.#running.delete(sql)
  }

  /** As the cache has it. */
  tablesOf(sql: string): readonly string[] {
    return this.#cache.get(sql)?.tables ?? []
  }

  forget(): void {
    this.#running.clear()
    this.#cache.clear()
  }

  /** After what it is at. */
  close(): Promise<void> {
    return this.#queue.run(async () => {
      this.#lookup?.close()
      duckdb.destroy_prepare_sync(this.#serialize)
      duckdb.disconnect_sync(this.#connection)
    }, { isLaterStep: true })
  }

  async #inspect(sql: string, signal: AbortSignal | undefined): Promise<Inspection> {
    checkLength(sql)
    const tokens = tokenize(sql)
    checkComplexity(tokens)
    const statements = statementCount(tokens)
    if (statements === 0) throw emptyStatement()
    const explained = explainPrefix(tokens)
    const body = tokens.slice(explained)
    const from = explained === 0 ? 0 : (body[0]?.start ?? sql.length)
    const tree = await this.#queue.run(() => this.#parse(sql.slice(from)), { signal, weight: tokens.length > SHORT_TOKENS_MAX ? tokens.length : 0 })
    if (tree.error) {
      if (tree.error_type === 'parser') throw parserError(tree, sql, from)
      await this.#checkOther(sql, body, statements, signal)
      return { access: 'write', pathParameters: new Set(), tables: [] }
    }
    const count = tree.statements?.length ?? 0
    if (count === 0) throw emptyStatement()
    if (count > 1) throw oneStatementOnly()
    const facts = readTree(tree)
    checkTree(facts)
    const pathParameters = new Set(facts.pathParameters)
    let access: Access = 'read'
    for (const name of facts.functions) {
      const found = await this.#look(name, 0, signal)
      if (found.writes) access = 'write'
      if (!found.usesPaths) continue
      const { computed, parameters } = facts.argumentsOf(name)
      checkPath(computed)
      for (const parameter of parameters) pathParameters.add(parameter)
    }
    return { access, pathParameters, tables: facts.tables }
  }

  /** Not a SELECT: allowed or refused, but a write in any case. */
  async #checkOther(sql: string, body: readonly SqlToken[], statements: number, signal: AbortSignal | undefined): Promise<void> {
    let parsed: number
    try {
      const { statement_count: count, extracted_statements: extracted } = await this.#queue.run(() => duckdb.extract_statements(this.#connection, sql), { signal, isLaterStep: true })
      if (count === 0) throw new Error(duckdb.extract_statements_error(extracted))
      parsed = count
    } catch (error) {
      throw error instanceof MeshError ? error : sqlError(readFailure(error), sql)
    }
    if (parsed > 1 && statements === 1) throw pivotNeedsValues()
    if (parsed > 1) throw oneStatementOnly()
    checkKeywords(body)
    checkCalledNames(body)
  }

  /** Whether a function writes, and whether it is a macro that may use an argument as a path into JSON. */
  async #look(name: string, depth: number, signal: AbortSignal | undefined): Promise<{ readonly writes: boolean; readonly usesPaths: boolean }> {
    if (this.#writing.has(name)) return { writes: true, usesPaths: false }
    if (this.#known.has(name)) return { writes: false, usesPaths: false }
    if (this.#lookup === null || depth > MACRO_DEPTH_MAX) return { writes: true, usesPaths: true }
    const lookup = this.#lookup
    const bodies = await this.#queue.run(() => lookup.macroBodies(name), { signal, isLaterStep: true })
    // No such function: it goes on as a read, and the engine says so in its own words.
    if (bodies === null) return { writes: false, usesPaths: false }
    let writes = false
    let usesPaths = false
    for (const body of bodies) {
      const tree = await this.#queue.run(() => this.#parse(body), { signal, isLaterStep: true })
      if (tree.error) return { writes: true, usesPaths: true }
      const facts: TreeFacts = readTree(tree)
      checkTree(facts)
      usesPaths ||= facts.usesPaths
      for (const inner of facts.functions) {
        const found = await this.#look(inner, depth + 1, signal)
        writes ||= found.writes
        usesPaths ||= found.usesPaths
      }
    }
    return { writes, usesPaths }
  }

  async #parse(sql: string): Promise<StatementTree> {
    duckdb.bind_varchar(this.#serialize, 1, sql)
    const rows = await strings(await duckdb.execute_prepared(this.#serialize))
    return JSON.parse(rows[0]?.[0] ?? '{"error":true}') as StatementTree
  }
}

/** For nodes that serve no database: only the parser, and no functions but DuckDB's own. */
export async function createClassifier(): Promise<Classifier> {
  const database = await openDatabase(':memory:', { threads: 1, memory_limit: '64MB', temp_directory: '', enable_external_access: false, errors_as_json: true, lock_configuration: true })
  let classifier: StatementClassifier
  try {
    classifier = await StatementClassifier.create(await duckdb.connect(database), null)
  } catch (error) {
    duckdb.close_sync(database)
    throw error
  }
  return {
    classify: (sql, signal) => classifier.classify(sql, signal),
    forget: () => classifier.forget(),
    close: async () => {
      await classifier.close()
      duckdb.close_sync(database)
    },
  }
}

/** So that whoever sent it may send it elsewhere, even a write. */
function notStarted(error: MeshError): MeshError {
  return new MeshError(error.code, error.message, { nextStep: error.nextStep, details: { ...error.details, started: 'no' }, cause: error })
}

function parserError(tree: StatementTree, sql: string, from: number): MeshError {
  const position = tree.position === undefined ? null : Number(tree.position)
  const before = new TextEncoder().encode(sql.slice(0, from)).length
  return sqlError({ kind: 'Parser', message: tree.error_message ?? 'the statement does not parse', positionBytes: position === null ? null : before + position }, sql)
}
