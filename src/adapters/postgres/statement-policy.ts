/** What a statement may be. Privileges of the role that the node logs in with are the border; this keeps pooled connections the same for everybody. */
import { MeshError } from '../../errors.ts'
import type { StatementFacts } from './statement-facts.ts'

const SESSION = 'Connections are shared: settings, prepared statements and temporary tables of a session are not kept. Send one complete statement.'
const TRANSACTION = 'Send several statements in one transaction with rdb db:query --transaction, or with connection.transaction() in a program.'
const COPY = 'Load data with INSERT, and take results from the client.'

const REFUSED: Readonly<Record<string, readonly [name: string, nextStep: string]>> = {
  TransactionStmt: ['transaction control', TRANSACTION], VariableSetStmt: ['SET', SESSION], ConstraintsSetStmt: ['SET CONSTRAINTS', SESSION], DiscardStmt: ['DISCARD', SESSION],
  PrepareStmt: ['PREPARE', SESSION], ExecuteStmt: ['EXECUTE', SESSION], DeallocateStmt: ['DEALLOCATE', SESSION],
  DeclareCursorStmt: ['DECLARE', SESSION], FetchStmt: ['FETCH', SESSION], ClosePortalStmt: ['CLOSE', SESSION],
  ListenStmt: ['LISTEN', SESSION], UnlistenStmt: ['UNLISTEN', SESSION], LockStmt: ['LOCK', SESSION],
  CopyStmt: ['COPY', COPY], LoadStmt: ['LOAD', COPY], AlterSystemStmt: ['ALTER SYSTEM', 'Change settings of the server at the server.'],
}

/** @throws MeshError ERR_SQL */
export function checkStatement({ statements, kind, isTemporary }: StatementFacts): void {
  if (statements === 0) throw new MeshError('ERR_SQL', 'the statement is empty', { details: { kind: 'Parser', started: 'no' } })
  if (statements > 1) throw new MeshError('ERR_SQL', `one statement at a time; this is ${statements}`, { details: { kind: 'Parser', started: 'no' }, nextStep: 'Send them one by one.' })
  const [name, nextStep] = isTemporary ? ['a temporary table', SESSION] : (REFUSED[kind] ?? [])
  if (name !== undefined) throw new MeshError('ERR_SQL', `${name} is not allowed here`, { details: { kind: 'Permission', started: 'no' }, ...(nextStep === undefined ? {} : { nextStep }) })
}

/** Whether its kind and form are those of a read; the functions that it calls have yet to be looked at. */
export function hasFormOfRead({ kind, writes }: StatementFacts): boolean {
  return !writes && (kind === 'SelectStmt' || kind === 'VariableShowStmt')
}

/** Whether it gives rows when it writes: those come through a cursor. */
export function mayReturnRows({ kind, isExplain }: StatementFacts): boolean {
  return isExplain || ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(kind)
}

/** Volatile by the catalogue, and yet nothing that another query sees depends on whether, and where, they are called. */
export const HARMLESS_VOLATILE: ReadonlySet<string> = new Set([
  'random', 'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'clock_timestamp', 'timeofday', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until',
  'pg_is_in_recovery', 'pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn', 'pg_last_xact_replay_timestamp', 'pg_current_wal_lsn', 'pg_blocking_pids',
  'pg_database_size', 'pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_tablespace_size',
])

/** Usual ones that are no reason to ask the server's catalogue. */
export const KNOWN_READS: ReadonlySet<string> = new Set([
  ...HARMLESS_VOLATILE,
  'count', 'sum', 'min', 'max', 'avg', 'array_agg', 'string_agg', 'bool_and', 'bool_or', 'now', 'lower', 'upper', 'length', 'round', 'abs', 'substring',
  'generate_series', 'row_number', 'rank', 'date_trunc', 'extract', 'to_char', 'version', 'current_setting', 'repeat', 'md5',
])
