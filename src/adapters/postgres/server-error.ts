/** PostgreSQL's errors, and a lost connection's, as the mesh's (SQLSTATE: PostgreSQL manual, Appendix A). */
import { MeshError } from '../../errors.ts'

export interface FailedRun {
  readonly sql: string
  readonly access: 'read' | 'write'
  readonly aborted: boolean
  /** Whether its caller has rows already. */
  readonly delivered: boolean
  readonly isPrimary: boolean
}

const CONNECTION_LOST = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'])
const TOO_MANY = new Set(['53300', '53400'])

/** SQLSTATE or the system's code; empty for a connection that just ended. */
export function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** It says nothing about the statement, but that the server is not to be had. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error)
  // 08P01 is a protocol violation by its name, and a wrong number of parameters in practice.
  return code === '' || (code.startsWith('08') && code !== '08P01') || code.startsWith('28') || CONNECTION_LOST.has(code)
}

export function cancelledError(): MeshError {
  return new MeshError('ERR_QUERY_CANCELLED', 'The query was cancelled.')
}

/** What the caller of a failed run is told. */
export function meshErrorOf(error: unknown, run: FailedRun): MeshError {
  if (error instanceof MeshError) return error
  if (run.aborted) return cancelledError()
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  if (isConnectionLost(error)) return lostError(message, run, error)
  if (TOO_MANY.has(code)) return new MeshError('ERR_OVERLOADED', `the database server takes no more connections: ${message}`, { details: { started: 'no', sqlState: code }, cause: error })
  if (code === '57014') return stoppedError(message, run, error)
  // A replica had to choose between the statement and replaying what the primary removed; elsewhere, or later, it runs.
  if (code.startsWith('40') && run.access === 'read') return lostError(message, run, error)
  if (code === '40001' || code === '40P01') return new MeshError('ERR_TRANSACTION_CONFLICT', message, { details: { kind: code }, cause: error })
  if (code === '25006') {
    if (!run.isPrimary) return new MeshError('ERR_NOT_PRIMARY', `the database server is a replica: ${message}`, { details: { started: 'no' }, cause: error })
    return new MeshError('ERR_SQL', message, { details: { kind: code, started: 'no' }, nextStep: 'What is sent as a SELECT without side effects runs read-only; a view or function here writes. Call the function itself, or mark it VOLATILE, so that it counts as a write.' })
  }
  return new MeshError('ERR_SQL', message, { details: { kind: code, ...placeOf(error, run.sql) }, cause: error })
}

function lostError(message: string, { access, delivered }: FailedRun, cause: unknown): MeshError {
  if (access === 'write') return new MeshError('ERR_QUERY_AMBIGUOUS', `the connection to the database server broke while the write was under way: ${message}`, { cause })
  if (delivered) return new MeshError('ERR_QUERY_BROKEN', `the database server ended the result: ${message}`, { cause })
  return new MeshError('ERR_NOT_SERVING', `the database server could not run it: ${message}`, { details: { started: 'no' }, cause })
}

function stoppedError(message: string, run: FailedRun, cause: unknown): MeshError {
  // The server's texts are translated, but the node asks for English messages.
  if (message.includes('statement timeout')) return new MeshError('ERR_QUERY_TIMEOUT', 'the deadline passed, and the database server stopped the statement', { details: { started: run.access === 'read' ? 'no' : 'unknown' }, cause })
  if (run.access === 'read') return lostError(message, run, cause)
  return new MeshError('ERR_SQL', message, { details: { kind: '57014' }, nextStep: 'Somebody cancelled it at the server, which undid it.', cause })
}

/** Characters from 0, and line and column from 1, as for every engine. */
function placeOf(error: unknown, sql: string): Record<string, number> {
  const reported = Number((error as { readonly position?: unknown }).position ?? Number.NaN)
  // It counts code points; a JavaScript string counts UTF-16 units.
  const position = Number.isSafeInteger(reported) && reported > 0 ? [...sql].slice(0, reported - 1).join('').length : null
  if (position === null) return {}
  const before = sql.slice(0, position)
  return { position, line: before.split('\n').length, column: position - before.lastIndexOf('\n') }
}
