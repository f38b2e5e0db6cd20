import { DuckDBListValue, DuckDBStructValue, DuckDBVariantValue } from '@duckdb/node-api'

/** A VARIANT as JSON text; what JSON has no form for as the engine's text. */
export function variantText(value: unknown): string {
  return JSON.stringify(plain(value))
}

function plain(value: unknown): unknown {
  if (value instanceof DuckDBVariantValue) return plain(value.value)
  if (value instanceof DuckDBListValue) return value.items.map(plain)
  if (value instanceof DuckDBStructValue) return Object.fromEntries(Object.entries(value.entries).map(([name, entry]) => [name, plain(entry)]))
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value
  if (typeof value === 'bigint' && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) return Number(value)
  return String(value)
}
