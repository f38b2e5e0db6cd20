/** How the span of a query is called, at the client and on each node: as OpenTelemetry's conventions for databases (1.30 and later) have it. */
import type { SpanAttributes } from '../ports/tracing.ts'
import type { QueryRequest } from './types.ts'

export function spanForm({ sql, database }: Pick<QueryRequest, 'sql' | 'database'>): { readonly name: string; readonly attributes: SpanAttributes } {
  const operation = operationOf(sql)
  return {
    name: `${operation} ${database}`.trim(),
    attributes: { 'db.system.name': 'reedbase', 'db.namespace': database, ...(operation === '' ? {} : { 'db.operation.name': operation }) },
  }
}

/** Its first word, where it begins with one. */
function operationOf(sql: string): string {
  return /^\s*([A-Za-z]{1,20})\b/.exec(sql)?.[1]?.toUpperCase() ?? ''
}
