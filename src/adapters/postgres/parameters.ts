import { isList, TypedValue, type PlainValue, type QueryValue } from '../../core/values/query-value.ts'
import { MeshError } from '../../errors.ts'
import { builtInType } from './type-catalog.ts'

export interface BoundParameters {
  readonly values: unknown[]
  readonly types: readonly number[]
}

/** OIDs for the server's parser; 0 where it is to infer the type. */
export function parameterTypes(parameters: readonly QueryValue[]): number[] {
  return parameters.map((value) => (value instanceof TypedValue ? builtInType(value.type)?.oid ?? 0 : 0))
}

/**
 * As text, whose type the server infers from where it stands; a blob as bytes. The client would write a Date in the node's own zone. A list
 * is an array, a struct is JSON.
 *
 * @throws MeshError ERR_SQL
 */
export function parameterValues(parameters: readonly QueryValue[]): Array<string | Buffer | null> {
  return parameters.map((value, index) => {
    const plain = value instanceof TypedValue ? plainOf(value) : value
    return plain instanceof Uint8Array ? Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength) : textOf(plain, index)
  })
}

/** Where the type is a date or a time: results write the year as ISO 8601 has it. */
function plainOf({ type, value }: TypedValue): QueryValue {
  const name = builtInType(type)?.name ?? ''
  if (!/^(?:date|timestamp .*)$/.test(name)) return value
  const convert = (inner: PlainValue): PlainValue => {
    if (typeof inner === 'string') return inner.replace(/^([+-])(\d{4,6})(-\d\d-\d\d.*)$/, (_, sign: string, year: string, rest: string) => yearText(Number(`${sign}${year}`), rest)).replace(/^0000(-.*)$/, (_, rest: string) => yearText(0, rest))
    return Array.isArray(inner) ? inner.map(convert) : inner
  }
  return convert(value)
}

function textOf(value: QueryValue, index: number): string | null {
  if (value === null || typeof value === 'string') return value
  if (typeof value !== 'object') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof TypedValue) return textOf(plainOf(value), index)
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

function timestampText(value: Date): string {
  return yearText(value.getUTCFullYear(), value.toISOString().replace(/^[+-]?\d+/, ''))
}

/** Years outside 1–9999 in PostgreSQL's way, which has no sign and no year 0. */
function yearText(year: number, rest: string): string {
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}
