/** Values as text. What JSON has no form for: blobs are `\x` and hexadecimal digits, as PostgreSQL writes them; NaN and Infinity are strings. */
import type { ResultValue } from './types.ts'

/** JSON without loss: 64-bit integers keep all their digits, decimals stay strings. */
export function toJson(value: ResultValue): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'number': return Number.isFinite(value) ? String(value) : `"${value}"`
    case 'bigint':
    case 'boolean': return String(value)
    case 'string': return JSON.stringify(value)
    default:
  }
  if (value instanceof Uint8Array) return `"\\\\x${toHex(value)}"`
  if (Array.isArray(value)) return `[${value.map((item: ResultValue) => toJson(item)).join(',')}]`
  return `{${Object.entries(value).map(([field, inner]: [string, ResultValue]) => `${JSON.stringify(field)}:${toJson(inner)}`).join(',')}}`
}

/** For CSV and tables; null is the caller's to show. */
export function toText(value: Exclude<ResultValue, null>): string {
  if (typeof value !== 'object') return String(value)
  return value instanceof Uint8Array ? `\\x${toHex(value)}` : toJson(value)
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
