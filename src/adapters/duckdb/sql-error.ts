/** DuckDB's errors as the mesh's. Connections run with `errors_as_json`, which adds the position. */
import { MeshError } from '../../errors.ts'

/** What the engine raised, taken apart. */
export interface EngineFailure {
  /** DuckDB's exception type: Parser, Binder, Catalog, Conversion, Permission, Out of Memory, IO, INTERRUPT, … */
  readonly kind: string
  readonly message: string
  /** UTF-8 bytes into the statement; null when the engine did not say. */
  readonly positionBytes: number | null
}

export function readFailure(error: unknown): EngineFailure {
  const text = error instanceof Error ? error.message : String(error)
  const brace = text.indexOf('{')
  if (brace !== -1) {
    const fields = parseObject(text.slice(brace))
    if (fields !== null && typeof fields.exception_message === 'string') {
      const position = Number(fields.position ?? Number.NaN)
      return { kind: String(fields.exception_type ?? 'Unknown'), message: fields.exception_message, positionBytes: Number.isSafeInteger(position) && position >= 0 ? position : null }
    }
  }
  const prefix = /^([A-Z][A-Za-z ]*?) Error: /.exec(text)
  return { kind: prefix?.[1] ?? 'Unknown', message: prefix === null ? text : text.slice(prefix[0].length), positionBytes: null }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null // No JSON: an error from before the setting took hold; its text is read instead.
  }
}

/** `details`: kind, and where known position (characters from 0), line and column (from 1). */
export function sqlError(failure: EngineFailure, sql: string, nextStep?: string): MeshError {
  const details: Record<string, string | number> = { kind: failure.kind }
  const position = failure.positionBytes === null ? null : characterPosition(sql, failure.positionBytes)
  if (position !== null) {
    const before = sql.slice(0, position)
    const line = before.split('\n').length
    Object.assign(details, { position, line, column: position - before.lastIndexOf('\n') })
  }
  if (isConflict(failure)) return new MeshError('ERR_TRANSACTION_CONFLICT', failure.message, { details })
  const step = nextStep ?? NEXT_STEPS[failure.kind]
  return new MeshError('ERR_SQL', `${failure.kind} Error: ${failure.message}`, { details, ...(step === undefined ? {} : { nextStep: step }) })
}

const NEXT_STEPS: Readonly<Record<string, string>> = {
  'Out of Memory': 'Ask for less at once, or give the engine more memory on that node.',
  IO: 'Look at the files and the disk of the node that ran it.',
  Permission: 'A query reaches only the tables of its database; files, settings and extensions are closed to it.',
}

function characterPosition(sql: string, bytes: number): number | null {
  const encoded = new TextEncoder().encode(sql)
  return bytes > encoded.length ? null : new TextDecoder().decode(encoded.subarray(0, bytes)).length
}

export function isInterrupt(failure: EngineFailure): boolean {
  return failure.kind.toUpperCase() === 'INTERRUPT'
}

/** What the engine's optimistic concurrency gave up: another transaction wrote the same rows, or changed the same table, first. */
function isConflict({ kind, message }: EngineFailure): boolean {
  return kind === 'TransactionContext' && !message.includes('transaction is aborted')
}

/** Writing to what was opened read-only, which the engine alone can see behind a view or a macro. */
export function isReadOnlyViolation(failure: EngineFailure): boolean {
  return failure.message.includes('read-only mode')
}
