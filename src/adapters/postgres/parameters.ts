import { isList, TypedValue, type QueryValue } from '../../core/values/query-value.ts'
import { MeshError } from '../../errors.ts'

/**
 * As text, whose type the server infers from where it stands; a blob as bytes. The client would write a Date in the node's own zone. A list
 * is an array, a struct is JSON.
 *
 * @throws MeshError ERR_SQL
 */
export function parameterValues(parameters: readonly QueryValue[]): Array<string | Buffer | null> {
  return parameters.map((value, index) => {
    const plain = value instanceof TypedValue ? value.value : value
    return plain instanceof Uint8Array ? Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength) : textOf(plain, index)
  })
}

function textOf(value: QueryValue, index: number): string | null {
  if (value === null || typeof value === 'string') return value
  if (typeof value !== 'object') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof TypedValue) return textOf(value.value, index)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new MeshError('ERR_SQL', `parameter ${index + 1} holds an invalid date`, { details: { kind: 'Parameter', parameter: index + 1, started: 'no' } })
    return timestampText(value)
  }
  return isList(value) ? arrayText(value, index) : jsonText(value, index)
}

/** Every item in quotes, so that no text in it means anything else; nested lists are dimensions. */
function arrayText(items: readonly QueryValue[], index: number): string {
  const parts = items.map((item) => {
    if (isListItem(item)) return textOf(item, index)
    const text = textOf(item, index)
    return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${parts.join(',')}}`
}

function isListItem(item: QueryValue): boolean {
  return item instanceof TypedValue ? isList(item.value) : isList(item)
}

/** 64-bit integers with all their digits, which JSON numbers may have. */
function jsonText(value: QueryValue, index: number): string {
  if (typeof value === 'bigint') return String(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? textOf(value, index) as string : JSON.stringify(String(value))
  if (typeof value === 'string' || value instanceof Uint8Array || value instanceof Date) return JSON.stringify(textOf(value, index))
  if (value instanceof TypedValue) return jsonText(value.value, index)
  if (isList(value)) return `[${value.map((item) => jsonText(item, index)).join(',')}]`
  return `{${Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${jsonText(field, index)}`).join(',')}}`
}

/** Years outside 1–9999 in PostgreSQL's way, which has no sign and no year 0. */
function timestampText(value: Date): string {
  const year = value.getUTCFullYear()
  const rest = value.toISOString().replace(/^[+-]?\d+/, '')
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}
