/** Rows of plain values as an engine's result: for engines that have no columns of their own. */
import { MeshError } from '../../errors.ts'
import type { EngineBatch, EngineResult } from '../../ports/query-engine.ts'
import type { ColumnData, ColumnField, Layout } from './column-field.ts'
import { encodeColumnsBatch, encodeColumnsHeader } from './columns-format.ts'
import type { ResultValue } from './types.ts'

/**
 * What a column holds, beside nulls: `bigint` takes bigints and safe integers, `double` numbers, `timestamp` Dates (shown with zone, to the
 * millisecond), `blob` Uint8Arrays.
 */
export type RowsColumnType = 'boolean' | 'bigint' | 'double' | 'text' | 'timestamp' | 'blob'

export interface RowsColumn {
  readonly name: string
  readonly type: RowsColumnType
}

export type RowsValue = Exclude<ResultValue, readonly ResultValue[] | { readonly [field: string]: ResultValue }> | Date

const types: Readonly<Record<RowsColumnType, { readonly sqlType: string; readonly layout: Layout }>> = {
  boolean: { sqlType: 'BOOLEAN', layout: { kind: 'bool' } },
  bigint: { sqlType: 'BIGINT', layout: { kind: 'int', bits: 64, signed: true } },
  double: { sqlType: 'DOUBLE', layout: { kind: 'float', bits: 64 } },
  text: { sqlType: 'VARCHAR', layout: { kind: 'utf8' } },
  timestamp: { sqlType: 'TIMESTAMP WITH TIME ZONE', layout: { kind: 'timestamp', unit: 'millisecond', zoned: true } },
  blob: { sqlType: 'BLOB', layout: { kind: 'binary' } },
}

const batchRowsMax = 4_096
const batchBytesTarget = 256 << 10
/** Of a value beside its text or bytes. */
const valueBytes = 8

/**
 * Reads `rows` no further than the batch that is asked for, and calls its `return()` where the reader leaves early.
 * The iteration throws TypeError for a value that is not of its column's type.
 * @throws MeshError ERR_OPTION_INVALID for an unknown type
 */
export function createRowsResult(columns: readonly RowsColumn[], rows: Iterable<readonly RowsValue[]> | AsyncIterable<readonly RowsValue[]>): EngineResult {
  const fields = columns.map(({ name, type }): ColumnField => {
    if (!Object.hasOwn(types, type)) throw new MeshError('ERR_OPTION_INVALID', `the column ${name} is of the type ${JSON.stringify(type)}; it must be ${Object.keys(types).join(', ')}`)
    return { name, ...types[type], children: [] }
  })
  return { format: 'columns', header: encodeColumnsHeader(fields), batches: encodeBatches(fields, columns, rows) }
}

async function* encodeBatches(fields: readonly ColumnField[], columns: readonly RowsColumn[], rows: Iterable<readonly RowsValue[]> | AsyncIterable<readonly RowsValue[]>): AsyncGenerator<EngineBatch, void, void> {
  let pending: Array<readonly RowsValue[]> = []
  let bytes = 0
  const encode = (): EngineBatch => {
    const taken = pending
    pending = []
    bytes = 0
    return { bytes: encodeColumnsBatch(fields, columns.map((column, index) => columnOf(column, taken.map((row) => row[index] ?? null))), taken.length), rows: taken.length }
  }
  for await (const row of rows) {
    if (row.length !== columns.length) throw new TypeError(`a row has ${row.length} values where there are ${columns.length} columns`)
    pending.push(row)
    for (const value of row) bytes += valueBytes + (typeof value === 'string' || value instanceof Uint8Array ? value.length : 0)
    if (pending.length >= batchRowsMax || bytes >= batchBytesTarget) yield encode()
  }
  if (pending.length > 0) yield encode()
}

function columnOf(column: RowsColumn, values: readonly RowsValue[]): ColumnData {
  const length = values.length
  const nullCount = values.filter((value) => value === null).length
  const base = { length, nullCount, validity: nullCount === 0 ? null : bits(values, (value) => value !== null), offsets: null, children: [] }
  const refuse = (value: unknown): never => { throw new TypeError(`the column ${column.name} holds ${column.type}, not ${describe(value)}`) }
  switch (column.type) {
    case 'boolean':
      return { ...base, data: bits(values, (value) => (value === null || typeof value === 'boolean' ? value === true : refuse(value))) }
    case 'bigint': {
      const data = new BigInt64Array(length)
      for (const [row, value] of values.entries()) if (value !== null) data[row] = integerOf(value) ?? refuse(value)
      return { ...base, data: new Uint8Array(data.buffer) }
    }
    case 'double': {
      const data = new Float64Array(length)
      for (const [row, value] of values.entries()) if (value !== null) data[row] = typeof value === 'number' ? value : refuse(value)
      return { ...base, data: new Uint8Array(data.buffer) }
    }
    case 'timestamp': {
      const data = new BigInt64Array(length)
      for (const [row, value] of values.entries()) if (value !== null) data[row] = value instanceof Date && !Number.isNaN(value.getTime()) ? BigInt(value.getTime()) : refuse(value)
      return { ...base, data: new Uint8Array(data.buffer) }
    }
    case 'text':
      return joined(base, values.map((value) => (value === null ? null : typeof value === 'string' ? encoder.encode(value) : refuse(value))))
    case 'blob':
      return joined(base, values.map((value) => (value === null || value instanceof Uint8Array ? value : refuse(value))))
  }
}

const encoder = new TextEncoder()

/** Null for what is no 64-bit integer. */
function integerOf(value: RowsValue): bigint | null {
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : null
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : null
}

function bits(values: readonly RowsValue[], isSet: (value: RowsValue) => boolean): Uint8Array {
  const packed = new Uint8Array((values.length + 7) >> 3)
  for (const [row, value] of values.entries()) if (isSet(value)) packed[row >> 3] = (packed[row >> 3] as number) | (1 << (row & 7))
  return packed
}

function joined(base: Omit<ColumnData, 'data'>, parts: ReadonlyArray<Uint8Array | null>): ColumnData {
  const offsets = new Int32Array(parts.length + 1)
  for (const [row, part] of parts.entries()) offsets[row + 1] = (offsets[row] as number) + (part?.length ?? 0)
  const data = new Uint8Array(offsets[parts.length] as number)
  for (const [row, part] of parts.entries()) if (part !== null) data.set(part, offsets[row])
  return { ...base, offsets, data }
}

function describe(value: unknown): string {
  return value instanceof Date ? 'a Date' : typeof value === 'object' ? 'an object' : `${typeof value} ${String(value).slice(0, 40)}`
}
