/**
 * What a statement may be. DuckDB's own sandbox (external access off, configuration locked) stops files, extensions and settings; this stops what
 * it lets through: statements that change a pooled connection, write beside the database (COPY and ATTACH may still use the spill folder), or
 * break the instance for everybody (one SELECT from enable_logging with file storage makes every later query fail).
 */
import duckdb from '@duckdb/node-bindings'
import { MeshError } from '../../errors.ts'
import { calledNames, type SqlToken } from './sql-tokens.ts'

const SESSION = 'Connections are shared: settings, transactions and prepared statements of a session are not kept. Send one complete statement.'
const FILES = 'A query reaches only the tables of its database; load data with INSERT, and take results from the client.'
const RECURSIVE_STEP = 'Take the parts of JSON by json_extract, -> and ->>, and cast those.'
const REFUSED_KEYWORDS: Readonly<Record<string, string>> = {
  SET: SESSION, RESET: SESSION, USE: SESSION, BEGIN: SESSION, START: SESSION, COMMIT: SESSION, END: SESSION, ROLLBACK: SESSION, ABORT: SESSION,
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
 * These follow their JSON argument by recursion without a bound, and from some 20,000 levels on end the process by a stack overflow (DuckDB 1.5, tried
 * one by one). A failover would carry such a query from node to node.
 */
const RECURSIVE_FUNCTIONS = new Set([
  'json_structure', 'json_group_structure', 'json_contains', 'json_merge_patch', 'json_transform', 'json_transform_strict', 'from_json', 'from_json_strict',
])
/** A cast of JSON to VARIANT recurses in the same way. */
export const VARIANT_CAST = 'cast to VARIANT'

/** Parsing and planning take time that no interrupt shortens; values belong into parameters. */
export const STATEMENT_CHARACTERS_MAX = 64 << 10
const SET_OPERATIONS_MAX = 256
const NESTING_MAX = 256

/** @throws MeshError ERR_QUERY_TOO_LARGE */
export function checkLength(sql: string): void {
  if (sql.length <= STATEMENT_CHARACTERS_MAX) return
  throw new MeshError('ERR_QUERY_TOO_LARGE', `the statement has ${sql.length} characters; at most ${STATEMENT_CHARACTERS_MAX} are taken`, { nextStep: 'Pass values as parameters, or load data from a file.', details: { started: 'no' } })
}

/** Cheap, before the engine's parser sees it. @throws MeshError ERR_SQL */
export function checkComplexity(tokens: readonly SqlToken[]): void {
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

/** Looks at every called name of the whole text: for what the engine cannot serialise, and so for bodies of views and macros. */
export function checkCalledNames(tokens: readonly SqlToken[]): void {
  checkFunctions(calledNames(tokens))
  tokens.forEach(({ kind, text, start }, index) => {
    if (kind === 'word' && text === 'VARIANT' && tokens[index - 1]?.text === ':') throw refusal('a cast to VARIANT is not allowed here', RECURSIVE_STEP, start)
  })
}

/** @throws MeshError ERR_SQL */
export function checkFunctions(names: Iterable<string>): void {
  for (const name of names) {
    if (RECURSIVE_FUNCTIONS.has(name) || name === VARIANT_CAST) throw new MeshError('ERR_SQL', `${name} is not allowed here: deeply nested JSON would end the engine`, { details: { kind: 'Permission' }, nextStep: RECURSIVE_STEP })
    if (REFUSED_FUNCTIONS.has(name)) throw new MeshError('ERR_SQL', `the function ${name} is not allowed here`, { details: { kind: 'Permission' }, nextStep: 'It would change the engine for everybody, or hide what is run; send the statement itself.' })
  }
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
