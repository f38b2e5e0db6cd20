/** Columns of the wire out of PostgreSQL's text values. */
import type { ColumnData, ColumnField } from '../../wire/results/column-field.ts'
import { dimensionsOf, parseArrayLiteral, type ArrayItem } from './array-literal.ts'
import { daysOf, microsOfDay, microsOfTimestamp } from './temporal-text.ts'

type Texts = ReadonlyArray<string | null>

/** `delimiter` is the one between an array's items. @throws RangeError on a text that is not of its type */
export function columnDataOf(field: ColumnField, values: Texts, delimiter = ','): ColumnData {
  if (field.layout.kind !== 'list') return scalars(field, values)
  return lists(field, values.map((value) => (value === null ? null : parseArrayLiteral(value, delimiter))))
}

function lists(field: ColumnField, arrays: ReadonlyArray<readonly ArrayItem[] | null>): ColumnData {
  const child = field.children[0] as ColumnField
  const offsets = new Int32Array(arrays.length + 1)
  const items: ArrayItem[] = []
  arrays.forEach((array, row) => {
    for (const item of array ?? []) {
      // A null among arrays cannot be: PostgreSQL's arrays of several dimensions are rectangular.
      if ((child.layout.kind === 'list') !== Array.isArray(item)) throw new RangeError(`an array has ${dimensionsOf(array ?? []) ?? 0} dimensions where those before it had another number`)
      items.push(item)
    }
    offsets[row + 1] = items.length
  })
  const below = child.layout.kind === 'list' ? lists(child, items as ReadonlyArray<readonly ArrayItem[]>) : scalars(child, items as Texts)
  return { ...presence(arrays), offsets, data: null, children: [below] }
}

function presence(values: ReadonlyArray<unknown>): Pick<ColumnData, 'length' | 'nullCount' | 'validity'> {
  const length = values.length
  let nullCount = 0
  for (const value of values) if (value === null) nullCount++
  if (nullCount === 0) return { length, nullCount, validity: null }
  const validity = new Uint8Array((length + 7) >> 3)
  values.forEach((value, row) => {
    if (value !== null) validity[row >> 3] = (validity[row >> 3] as number) | (1 << (row & 7))
  })
  return { length, nullCount, validity }
}

function scalars(field: ColumnField, values: Texts): ColumnData {
  const { layout } = field
  const base = { ...presence(values), offsets: null, children: [] }
  const fill = <T extends { [row: number]: unknown; readonly buffer: ArrayBufferLike }>(target: T, read: (text: string) => T[number]): ColumnData => {
    values.forEach((value, row) => { if (value !== null) target[row] = read(value) })
    return { ...base, data: new Uint8Array(target.buffer) }
  }
  switch (layout.kind) {
    case 'bool': {
      const bits = new Uint8Array((values.length + 7) >> 3)
      values.forEach((value, row) => { if (value === 't') bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7)) })
      return { ...base, data: bits }
    }
    case 'int':
      if (layout.bits === 64) return fill(new BigInt64Array(values.length), BigInt)
      if (layout.bits === 16) return fill(new Int16Array(values.length), Number)
      return layout.signed ? fill(new Int32Array(values.length), Number) : fill(new Uint32Array(values.length), Number)
    case 'float':
      return layout.bits === 32 ? fill(new Float32Array(values.length), Number) : fill(new Float64Array(values.length), Number)
    case 'date':
      return fill(new Int32Array(values.length), daysOf)
    case 'time':
      return fill(new BigInt64Array(values.length), microsOfDay)
    case 'timestamp':
      return fill(new BigInt64Array(values.length), microsOfTimestamp)
    case 'binary':
      return joined(base, values.map((value) => (value === null ? null : bytesOf(value))))
    default:
      return joined(base, values.map((value) => (value === null ? null : Buffer.from(value, 'utf8'))))
  }
}

function joined(base: Omit<ColumnData, 'data'>, parts: ReadonlyArray<Uint8Array | null>): ColumnData {
  const offsets = new Int32Array(parts.length + 1)
  parts.forEach((part, row) => { offsets[row + 1] = (offsets[row] as number) + (part?.length ?? 0) })
  const data = new Uint8Array(offsets[parts.length] as number)
  parts.forEach((part, row) => { if (part !== null) data.set(part, offsets[row]) })
  return { ...base, offsets, data }
}

function bytesOf(text: string): Uint8Array {
  if (!text.startsWith('\\x')) throw new RangeError('not a bytea in hexadecimal')
  return Buffer.from(text.slice(2), 'hex')
}
