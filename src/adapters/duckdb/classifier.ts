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
import { readFailure, sqlError } from './sql-error.ts'
import { tokenize, statementCount, type SqlToken } from './sql-tokens.ts'
import { checkCalledNames, checkComplexity, checkFunctions, checkKeywords, checkLength, emptyStatement, explainPrefix, oneStatementOnly, pivotNeedsValues, VARIANT_CAST } from './statement-policy.ts'

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
/** Calls that wait for the one parser. */
const WAITING_MAX = 256

/** DuckDB marks every volatile function as one with side effects; these change nothing that another query sees. */
const HARMLESS_VOLATILE = new Set(['random', 'uuid', 'uuidv4', 'uuidv7', 'gen_random_uuid', 'current_connection_id', 'current_query', 'current_query_id', 'current_transaction_id', 'currval', 'error', 'sleep_ms', 'stats'])
/** Table functions carry no such mark. */
const WRITING_TABLE_FUNCTIONS = ['checkpoint', 'force_checkpoint']

/** How the parser's tables are told about the functions that a database adds. */
export interface FunctionLookup {
  /** Bodies of a macro as SELECT statements; null when there is none of that name. */
  macroBodies(name: string): Promise<readonly string[] | null>
  close(): void
}

interface Tree {
  readonly error: boolean
  readonly error_type?: string
  readonly error_message?: string
  readonly position?: string
  readonly statements?: readonly unknown[]
}

export class StatementClassifier implements Classifier {
  readonly #connection: duckdb.Connection
  readonly #lookup: FunctionLookup | null
  readonly #serialize: duckdb.PreparedStatement
  readonly #writing: ReadonlySet<string>
  readonly #known: ReadonlySet<string>
  readonly #cache = new LruMap<Access>(CACHE_ENTRIES_MAX)
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = 0

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
    const cached = this.#cache.get(sql)
    if (cached !== undefined) return cached
    const access = await this.#classify(sql, signal)
    if (sql.length <= CACHED_CHARACTERS_MAX) this.#cache.set(sql, access)
    return access
  }

  forget(): void {
    this.#cache.clear()
  }

  /** After what it is at. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#lookup?.close()
      duckdb.destroy_prepare_sync(this.#serialize)
      duckdb.disconnect_sync(this.#connection)
    })
  }

  async #classify(sql: string, signal: AbortSignal | undefined): Promise<Access> {
    checkLength(sql)
    const tokens = tokenize(sql)
    checkComplexity(tokens)
    const statements = statementCount(tokens)
    if (statements === 0) throw emptyStatement()
    const explained = explainPrefix(tokens)
    const body = tokens.slice(explained)
    const from = explained === 0 ? 0 : (body[0]?.start ?? sql.length)
    const tree = await this.#parse(sql.slice(from), signal)
    if (tree.error) {
      if (tree.error_type === 'parser') throw parserError(tree, sql, from)
      return await this.#checkOther(sql, body, statements)
    }
    const count = tree.statements?.length ?? 0
    if (count === 0) throw emptyStatement()
    if (count > 1) throw oneStatementOnly()
    const functions = functionsOf(tree)
    checkFunctions(functions)
    for (const name of functions) if (await this.#isWriting(name, 0)) return 'write'
    return 'read'
  }

  /** Not a SELECT: allowed or refused, but a write in any case. */
  async #checkOther(sql: string, body: readonly SqlToken[], statements: number): Promise<Access> {
    let parsed: number
    try {
      const { statement_count: count, extracted_statements: extracted } = await this.#inTurn(() => duckdb.extract_statements(this.#connection, sql))
      if (count === 0) throw new Error(duckdb.extract_statements_error(extracted))
      parsed = count
    } catch (error) {
      throw sqlError(readFailure(error), sql)
    }
    if (parsed > 1 && statements === 1) throw pivotNeedsValues()
    if (parsed > 1) throw oneStatementOnly()
    checkKeywords(body)
    checkCalledNames(body)
    return 'write'
  }

  async #isWriting(name: string, depth: number): Promise<boolean> {
    if (this.#writing.has(name)) return true
    if (this.#known.has(name)) return false
    if (this.#lookup === null || depth > MACRO_DEPTH_MAX) return true
    const bodies = await this.#inTurn(() => (this.#lookup as FunctionLookup).macroBodies(name))
    // No such function: it goes on as a read, and the engine says so in its own words.
    if (bodies === null) return false
    for (const body of bodies) {
      const tree = await this.#parse(body)
      if (tree.error) return true
      const functions = functionsOf(tree)
      checkFunctions(functions)
      for (const inner of functions) if (await this.#isWriting(inner, depth + 1)) return true
    }
    return false
  }

  async #parse(sql: string, signal?: AbortSignal): Promise<Tree> {
    return this.#inTurn(async () => {
      duckdb.bind_varchar(this.#serialize, 1, sql)
      const rows = await strings(await duckdb.execute_prepared(this.#serialize))
      return JSON.parse(rows[0]?.[0] ?? '{"error":true}') as Tree
    }, signal)
  }

  /** One connection and one prepared statement: one at a time, in order of asking; who has been cancelled meanwhile is passed over. */
  #inTurn<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal !== undefined && this.#waiting >= WAITING_MAX) {
      return Promise.reject(new MeshError('ERR_OVERLOADED', `${this.#waiting} statements wait for the parser, which is the limit`, { details: { started: 'no' } }))
    }
    this.#waiting++
    const result = this.#turn.then(() => {
      this.#waiting--
      if (signal?.aborted === true) throw cancelledError()
      return call()
    })
    this.#turn = result.catch(() => undefined)
    return result
  }
}

/** For nodes that serve no database: only the parser, and no functions but DuckDB's own. */
export async function createClassifier(): Promise<Classifier> {
  const database = await openDatabase(':memory:', { threads: 1, memory_limit: '64MB', temp_directory: '', enable_external_access: false, errors_as_json: true, lock_configuration: true })
  const classifier = await StatementClassifier.create(await duckdb.connect(database), null)
  return {
    classify: (sql, signal) => classifier.classify(sql, signal),
    forget: () => classifier.forget(),
    close: async () => {
      await classifier.close()
      duckdb.close_sync(database)
    },
  }
}

/** Every called function of a tree, in lower case; operators are not among them. */
function functionsOf(tree: Tree): Set<string> {
  const names = new Set<string>()
  const stack: unknown[] = [tree.statements]
  while (stack.length > 0) {
    const node = stack.pop()
    if (Array.isArray(node)) {
      for (const item of node) stack.push(item)
    } else if (typeof node === 'object' && node !== null) {
      const { function_name: name } = node as { readonly function_name?: unknown }
      if (typeof name === 'string' && /^[\p{L}_]/u.test(name)) names.add(name.toLowerCase())
      const { cast_type: cast } = node as { readonly cast_type?: { readonly id?: unknown } }
      if (cast?.id === 'VARIANT') names.add(VARIANT_CAST)
      for (const value of Object.values(node)) stack.push(value)
    }
  }
  return names
}

function parserError(tree: Tree, sql: string, from: number): MeshError {
  const position = tree.position === undefined ? null : Number(tree.position)
  const before = new TextEncoder().encode(sql.slice(0, from)).length
  return sqlError({ kind: 'Parser', message: tree.error_message ?? 'the statement does not parse', positionBytes: position === null ? null : before + position }, sql)
}
