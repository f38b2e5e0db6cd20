/**
 * What a statement may be. DuckDB's own sandbox (external access off, configuration locked) stops files, extensions and settings; this stops what
 * it lets through: statements that change a pooled connection, write beside the database (COPY and ATTACH may still use the spill folder), or
 * break the instance for everybody (one SELECT from enable_logging with file storage makes every later query fail).
 */
import duckdb from '@duckdb/node-bindings'
import { isList, TypedValue, type QueryValue } from '../../core/values/query-value.ts'
import { MeshError } from '../../errors.ts'
import { calledNames, type SqlToken } from './sql-tokens.ts'
import { PATH_CHARACTERS_MAX, type TreeFacts } from './statement-tree.ts'

const SESSION = 'Connections are shared: settings and prepared statements of a session are not kept. Send one complete statement.'
const TRANSACTION = 'Send several statements in one transaction with rdb db:query --transaction, or with connection.transaction() in a program.'
const FILES = 'A query reaches only the tables of its database; load data with INSERT, and take results from the client.'
const RECURSIVE_STEP = 'Take the parts of JSON by json_extract, -> and ->>, and cast those.'
const PATH_STEP = 'Write the path as one short text, pass it as a parameter, or take it from a column.'
const REFUSED_KEYWORDS: Readonly<Record<string, string>> = {
  SET: SESSION, RESET: SESSION, USE: SESSION, BEGIN: TRANSACTION, START: TRANSACTION, COMMIT: TRANSACTION, END: TRANSACTION, ROLLBACK: TRANSACTION, ABORT: TRANSACTION,
  PREPARE: SESSION, EXECUTE: SESSION, DEALLOCATE: SESSION,
  ATTACH: FILES, DETACH: FILES, COPY: FILES, EXPORT: FILES, IMPORT: FILES, INSTALL: FILES, LOAD: FILES, FORCE: FILES,
  PRAGMA: 'Use DESCRIBE, SHOW TABLES or the duckdb_…() functions.',
  CALL: 'Use SELECT * FROM the function.',
}

/** Functions that change the instance for everybody, or run SQL that nothing here has looked at. */
const REFUSED_FUNCTIONS = new Set([
  'enable_logging', 'disable_logging', 'truncate_duckdb_logs', 'enable_profiling', 'disable_profiling', 'enable_peg_parser', 'disable_peg_parser',
  'json_execute_serialized_sql', 'query',
])

/**
 * These recurse into their argument without a bound, and from some 20,000 levels on end the process by a stack overflow (DuckDB 1.5, tried one by one).
 * A failover would carry such a query from node to node.
 */
const RECURSIVE_FUNCTIONS = new Set([
  'json_structure', 'json_group_structure', 'json_contains', 'json_merge_patch', 'json_transform', 'json_transform_strict', 'from_json', 'from_json_strict',
  'cast_to_type',
])

/** Parsers and serialisers of SQL text that the bounds on a statement do not reach: the first three overflow the stack, the rest are beyond interrupts. */
const NESTED_SQL_FUNCTIONS = new Set(['json_deserialize_sql', 'sql_auto_complete', 'check_peg_parser', 'json_serialize_sql', 'json_serialize_plan'])

/** The spill folder is open to them, with what other queries have put there; tables over files are views, which need no such call. */
const FILE_FUNCTION = /^(read_|parquet_|glob$|sniff_csv$|arrow_scan)/

/** Parsing and planning take time that no interrupt shortens; values belong into parameters. */
export const STATEMENT_CHARACTERS_MAX = 64 << 10
export const STATEMENT_TOKENS_MAX = 8192
const SET_OPERATIONS_MAX = 256
const NESTING_MAX = 256

const LARGE_STEP = 'Pass values as parameters: a long list as one array or JSON text to unnest.'

/** @throws MeshError ERR_QUERY_TOO_LARGE */
export function checkLength(sql: string): void {
  if (sql.length <= STATEMENT_CHARACTERS_MAX) return
  throw new MeshError('ERR_QUERY_TOO_LARGE', `the statement has ${sql.length} characters; at most ${STATEMENT_CHARACTERS_MAX} are taken`, { nextStep: LARGE_STEP })
}

/** Cheap, before the engine's parser sees it. @throws MeshError ERR_QUERY_TOO_LARGE, ERR_SQL */
export function checkComplexity(tokens: readonly SqlToken[]): void {
  if (tokens.length > STATEMENT_TOKENS_MAX) {
    throw new MeshError('ERR_QUERY_TOO_LARGE', `the statement has ${tokens.length} words, values and signs; at most ${STATEMENT_TOKENS_MAX} are taken`, { nextStep: LARGE_STEP })
  }
  let setOperations = 0
  let depth = 0
  for (const { kind, text, start } of tokens) {
    if (kind === 'word' && (text === 'UNION' || text === 'INTERSECT' || text === 'EXCEPT') && ++setOperations > SET_OPERATIONS_MAX) {
      throw refusal(`more than ${SET_OPERATIONS_MAX} set operations are not allowed`, 'Use a VALUES list or parameters.', start)
    }
    if (kind !== 'punctuation') continue
    if (text === '(' || text === '[' || text === '{') depth++
    else if (text === ')' || text === ']' || text === '}') depth--
    if (depth > NESTING_MAX) throw refusal(`parentheses are nested deeper than ${NESTING_MAX}`, 'Write the statement flatter.', start)
  }
}

/** What may be executed; everything else was refused by its keyword, or is new to us and refused for that. */
const ALLOWED_TYPES: ReadonlySet<duckdb.StatementType> = new Set([
  duckdb.StatementType.SELECT, duckdb.StatementType.INSERT, duckdb.StatementType.UPDATE, duckdb.StatementType.DELETE, duckdb.StatementType.MERGE_INTO,
  duckdb.StatementType.EXPLAIN, duckdb.StatementType.CREATE, duckdb.StatementType.CREATE_FUNC, duckdb.StatementType.ALTER, duckdb.StatementType.DROP,
  duckdb.StatementType.ANALYZE, duckdb.StatementType.VACUUM,
])

/** CHECKPOINT is a call to the parser. */
const ALLOWED_CALL = 'CHECKPOINT'

function refusal(message: string, nextStep: string, position: number): MeshError {
  return new MeshError('ERR_SQL', message, { nextStep, details: { kind: 'Permission', position } })
}

/** `tokens` of the statement, EXPLAIN already taken off. @throws MeshError ERR_SQL */
export function checkKeywords(tokens: readonly SqlToken[]): void {
  const first = tokens[0]
  if (first === undefined) throw emptyStatement()
  const position = first.start
  const nextStep = first.kind === 'word' ? REFUSED_KEYWORDS[first.text] : undefined
  if (nextStep !== undefined) throw refusal(`${first.text} is not allowed here`, nextStep, position)
  if (first.text === 'UPDATE' && tokens[1]?.text === 'EXTENSIONS' && tokens[2]?.text !== 'SET') throw refusal('UPDATE EXTENSIONS is not allowed here', FILES, position)
  if (first.text === 'CREATE' || first.text === 'DROP' || first.text === 'ALTER') {
    const object = objectKind(tokens)
    if (object.temporary) throw refusal('temporary objects are not allowed here', SESSION, position)
    if (object.kind === 'SECRET' || object.kind === 'DATABASE') throw refusal(`${first.text} ${object.kind} is not allowed here`, FILES, position)
  }
}

/** Looks at the whole text: for what the engine cannot serialise, and so for bodies of views and macros. */
export function checkCalledNames(tokens: readonly SqlToken[]): void {
  checkFunctions(calledNames(tokens))
  tokens.forEach((token, index) => {
    if (token.kind !== 'literal' && token.text.toUpperCase() === 'VARIANT' && isTypeName(tokens, index)) throw refusal('the type VARIANT is not allowed here', RECURSIVE_STEP, token.start)
  })
}

/** After `::` or the AS of a cast, with or without a schema, or within another type; in CREATE and ALTER after the name of a column, too. */
function isTypeName(tokens: readonly SqlToken[], start: number, end: number = start): boolean {
  const before = tokens[start - 1]
  const after = tokens[end + 1]?.text
  const closes = after === ')' || after === '['
  if (before?.text === '.') return isTypeName(tokens, start - 2, end)
  if (before?.text === ':') return tokens[start - 2]?.text === ':'
  // The type of a cast ends with a parenthesis or an array's bracket, the alias of a column seldom.
  if (before?.text === 'AS') return closes
  const defines = tokens[0]?.text === 'CREATE' || tokens[0]?.text === 'ALTER'
  return before !== undefined && (before.kind === 'name' || (before.kind === 'word' && !BEFORE_COLUMN.has(before.text))) && (defines || closes)
}

const BEFORE_COLUMN: ReadonlySet<string> = new Set([
  'SELECT', 'DISTINCT', 'BY', 'WHERE', 'AND', 'OR', 'NOT', 'ON', 'USING', 'SET', 'FROM', 'JOIN', 'INTO', 'TABLE', 'VIEW', 'INDEX', 'COLUMN', 'CASE', 'WHEN', 'THEN', 'ELSE', 'IN', 'LIKE', 'ILIKE',
  'IS', 'HAVING', 'RETURNING', 'BETWEEN', 'LIMIT', 'EXISTS', 'RENAME', 'TO', 'DROP', 'ADD', 'KEY', 'UPDATE', 'VALUES', 'ALL',
])

/** @throws MeshError ERR_SQL */
export function checkTree(facts: TreeFacts): void {
  checkFunctions(facts.functions)
  if (facts.castsToVariant) throw permissionError('a cast to VARIANT is not allowed here: deeply nested JSON would end the engine', RECURSIVE_STEP)
  checkPath(facts.computesPath)
}

/** @throws MeshError ERR_SQL */
export function checkPath(computed: boolean): void {
  if (computed) throw permissionError('a path into JSON or a subscript that is computed from constants is not allowed here: a long one would end the engine', PATH_STEP)
}

/** @throws MeshError ERR_SQL */
export function checkPathParameters(numbers: ReadonlySet<number>, parameters: readonly QueryValue[]): void {
  for (const number of numbers) {
    const characters = charactersIn(parameters[number - 1] ?? null)
    if (characters > PATH_CHARACTERS_MAX) throw permissionError(`parameter ${number} is part of a path into JSON and has ${characters} characters; at most ${PATH_CHARACTERS_MAX} are taken there`, PATH_STEP)
  }
}

/** Of every text within: a function may take a list of paths. */
function charactersIn(value: QueryValue): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length
  if (typeof value !== 'object' || value === null || value instanceof Date) return 0
  if (value instanceof TypedValue) return charactersIn(value.value)
  let characters = 0
  for (const inner of isList(value) ? value : Object.values(value)) characters += charactersIn(inner)
  return characters
}

/** @throws MeshError ERR_SQL */
export function checkFunctions(names: Iterable<string>): void {
  for (const name of names) {
    if (RECURSIVE_FUNCTIONS.has(name)) throw permissionError(`the function ${name} is not allowed here: deeply nested JSON would end the engine`, RECURSIVE_STEP)
    if (NESTED_SQL_FUNCTIONS.has(name)) throw permissionError(`the function ${name} is not allowed here: long SQL in it would end or hold up the engine`, 'Send the statement itself.')
    if (FILE_FUNCTION.test(name)) throw permissionError(`the function ${name} is not allowed here`, FILES)
    if (REFUSED_FUNCTIONS.has(name)) throw permissionError(`the function ${name} is not allowed here`, 'It would change the engine for everybody, or hide what is run; send the statement itself.')
  }
}

function permissionError(message: string, nextStep: string): MeshError {
  return new MeshError('ERR_SQL', message, { nextStep, details: { kind: 'Permission' } })
}

/** @throws MeshError ERR_SQL */
export function checkStatementType(type: duckdb.StatementType, tokens: readonly SqlToken[]): void {
  if (ALLOWED_TYPES.has(type)) return
  if (type === duckdb.StatementType.CALL && tokens[0]?.text === ALLOWED_CALL) return
  throw new MeshError('ERR_SQL', `statements of the kind ${duckdb.StatementType[type] ?? type} are not allowed here`, { details: { kind: 'Permission' }, nextStep: FILES })
}

/** After these a connection may hold what the next query must not see. */
export function leavesConnectionState(type: duckdb.StatementType): boolean {
  return type !== duckdb.StatementType.SELECT && type !== duckdb.StatementType.INSERT && type !== duckdb.StatementType.UPDATE && type !== duckdb.StatementType.DELETE && type !== duckdb.StatementType.MERGE_INTO
}

export function emptyStatement(): MeshError {
  return new MeshError('ERR_SQL', 'the statement is empty', { details: { kind: 'Parser', position: 0 } })
}

export function oneStatementOnly(): MeshError {
  return new MeshError('ERR_SQL', 'one statement only', { details: { kind: 'Parser' }, nextStep: 'Send the statements one by one.' })
}

export function pivotNeedsValues(): MeshError {
  return new MeshError('ERR_SQL', 'PIVOT without the values of its column is two statements: one statement only', { details: { kind: 'Parser' }, nextStep: 'Name the values: PIVOT … ON column IN (value, …).' })
}

/** The kind of object after CREATE, DROP or ALTER and their modifiers. */
function objectKind(tokens: readonly SqlToken[]): { kind: string; temporary: boolean } {
  let temporary = false
  for (const token of tokens.slice(1, 8)) {
    if (token.text === 'TEMP' || token.text === 'TEMPORARY') temporary = true
    else if (token.text !== 'OR' && token.text !== 'REPLACE' && token.text !== 'PERSISTENT' && token.text !== 'UNIQUE' && token.text !== 'LOCAL' && token.text !== 'GLOBAL') return { kind: token.text, temporary }
  }
  return { kind: '', temporary }
}

/** How many tokens `EXPLAIN [ANALYZE] [(options)]` takes at the front; 0 when it is not there. */
export function explainPrefix(tokens: readonly SqlToken[]): number {
  if (tokens[0]?.text !== 'EXPLAIN' || tokens[0].kind !== 'word') return 0
  let at = 1
  if (tokens[at]?.text === 'ANALYZE') at++
  if (tokens[at]?.text === '(' && !['SELECT', 'WITH', 'FROM', 'VALUES', '('].includes(tokens[at + 1]?.text ?? '')) {
    while (at < tokens.length && tokens[at]?.text !== ')') at++
    at++
  }
  return at
}
