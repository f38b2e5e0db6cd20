/** The answer to a query, as the page shows it. */
import { type Problem, problemOf } from './problem.ts'

/** The page shows no more; the rest is counted. */
export const ROWS_SHOWN_MAX = 200

export interface ShownResult {
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string }>
  /** The first of them. */
  readonly rows: ReadonlyArray<readonly unknown[]>
  readonly rowCount: number
  readonly route: ShownRoute | null
  readonly engineMs: number | null
  /** The query failed after its first rows. */
  readonly problem: Problem | null
}

export interface ShownRoute {
  readonly decision: string
  /** Name of the node that ran it; null when it is not said. */
  readonly node: string | null
  readonly latencyMs: number | null
  readonly reason: string
}

/** Whole numbers that JavaScript cannot hold stay the text that they were. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_name, value: unknown, context?: { readonly source?: string }) => (
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '') ? context?.source : value))
}

type Loose = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function readResult(body: unknown): ShownResult {
  const answer = isObject(body) ? body : {}
  const columns = Array.isArray(answer['columns']) ? answer['columns'].filter(isObject).map(({ name, type }) => ({ name: String(name), type: String(type) })) : []
  const rows = Array.isArray(answer['rows']) ? answer['rows'].filter((row): row is unknown[] => Array.isArray(row)) : []
  const stats = isObject(answer['stats']) ? answer['stats'] : {}
  return {
    columns, rows: rows.slice(0, ROWS_SHOWN_MAX), rowCount: rows.length, route: readRoute(answer['route']), engineMs: typeof stats['engineMs'] === 'number' ? stats['engineMs'] : null,
    problem: answer['error'] === undefined ? null : problemOf(200, answer['error']),
  }
}

function readRoute(given: unknown): ShownRoute | null {
  if (!isObject(given)) return null
  const by = isObject(given['executedBy']) ? given['executedBy'] : isObject(given['node']) ? given['node'] : {}
  const latencyMs = given['latencyMs']
  return {
    decision: typeof given['decision'] === 'string' ? given['decision'] : '', node: typeof by['name'] === 'string' ? by['name'] : null,
    latencyMs: typeof latencyMs === 'number' ? latencyMs : null, reason: typeof given['reason'] === 'string' ? given['reason'] : '',
  }
}
