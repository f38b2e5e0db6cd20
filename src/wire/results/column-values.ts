/** Reads decoded columns value by value, by the rules of `ResultValue`. */
import { dateText, timestampText, timeText } from './calendar.ts'
import type { ColumnData, ColumnField } from './column-field.ts'
import type { ResultValue } from './types.ts'

export type ValueReader = (row: number) => ResultValue

export function createValueReader(field: ColumnField, column: ColumnData): ValueReader {
  const read = createPresentReader(field, column)
  const { validity } = column
  if (validity === null) return read
  return (row) => (((validity[row >> 3] as number) >> (row & 7)) & 1) === 0 ? null : read(row)
}

function createPresentReader(field: ColumnField, column: ColumnData): ValueReader {
  const { layout } = field
  const { length } = column
  const data = column.data as Uint8Array
  const offsets = column.offsets as Int32Array
  switch (layout.kind) {
    case 'null':
      return () => null
    case 'bool':
      return (row) => (((data[row >> 3] as number) >> (row & 7)) & 1) === 1
    case 'int':
    case 'float': {
      const values = numbers(layout, data, length)
      return (row) => values[row] as number | bigint
    }
    case 'decimal': {
      const words = new BigInt64Array(data.buffer, data.byteOffset, length * 2)
      return (row) => decimalText((BigInt.asIntN(64, words[row * 2 + 1] as bigint) << 64n) | BigInt.asUintN(64, words[row * 2] as bigint), layout.scale)
    }
    case 'utf8': {
      // Buffer's own decoding takes a third of TextDecoder's time on short text.
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      return (row) => bytes.toString('utf8', offsets[row], offsets[row + 1])
    }
    case 'binary':
      // A copy: the batch's memory is one buffer, and a kept blob must not hold all of it.
      return (row) => data.slice(offsets[row], offsets[row + 1])
    case 'date': {
      const days = new Int32Array(data.buffer, data.byteOffset, length)
      return (row) => dateText(days[row] as number)
    }
    case 'time': {
      const values = new BigInt64Array(data.buffer, data.byteOffset, length)
      return (row) => timeText(values[row] as bigint, layout.unit)
    }
    case 'timestamp': {
      const values = new BigInt64Array(data.buffer, data.byteOffset, length)
      return (row) => timestampText(values[row] as bigint, layout.unit, layout.zoned)
    }
    case 'list': {
      const item = childReader(field, column, 0)
      return (row) => range(item, offsets[row] as number, offsets[row + 1] as number)
    }
    case 'fixed-list': {
      const item = childReader(field, column, 0)
      return (row) => range(item, row * layout.size, (row + 1) * layout.size)
    }
    case 'struct': {
      const members = field.children.map((child, index) => ({ name: child.name, read: childReader(field, column, index) }))
      return (row) => {
        const object: Record<string, ResultValue> = {}
        for (const { name, read } of members) setOwn(object, name, read(row))
        return object
      }
    }
    case 'map': {
      const entryField = field.children[0] as ColumnField
      const entries = column.children[0] as ColumnData
      const key = childReader(entryField, entries, 0)
      const value = childReader(entryField, entries, 1)
      return (row) => {
        const object: Record<string, ResultValue> = {}
        for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++) setOwn(object, keyText(key(i)), value(i))
        return object
      }
    }
    case 'union': {
      const members = field.children.map((_, index) => childReader(field, column, index))
      return (row) => (members[data[row] as number] as ValueReader)(row)
    }
  }
}

function childReader(field: ColumnField, column: ColumnData, index: number): ValueReader {
  return createValueReader(field.children[index] as ColumnField, column.children[index] as ColumnData)
}

function range(item: ValueReader, start: number, end: number): ResultValue[] {
  const items = new Array<ResultValue>(end - start)
  for (let i = start; i < end; i++) items[i - start] = item(i)
  return items
}

/** A field may be called `__proto__`; assigning that would change the object instead of filling it. */
function setOwn(object: Record<string, ResultValue>, name: string, value: ResultValue): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}

function keyText(key: ResultValue): string {
  if (typeof key !== 'object') return String(key)
  return JSON.stringify(key, (_, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner))
}

function numbers(layout: { kind: 'int'; bits: 8 | 16 | 32 | 64; signed: boolean } | { kind: 'float'; bits: 32 | 64 }, data: Uint8Array, length: number): ArrayLike<number | bigint> {
  const { buffer, byteOffset } = data
  if (layout.kind === 'float') return layout.bits === 32 ? new Float32Array(buffer, byteOffset, length) : new Float64Array(buffer, byteOffset, length)
  switch (layout.bits) {
    case 8:
      return layout.signed ? new Int8Array(buffer, byteOffset, length) : new Uint8Array(buffer, byteOffset, length)
    case 16:
      return layout.signed ? new Int16Array(buffer, byteOffset, length) : new Uint16Array(buffer, byteOffset, length)
    case 32:
      return layout.signed ? new Int32Array(buffer, byteOffset, length) : new Uint32Array(buffer, byteOffset, length)
    case 64:
      return layout.signed ? new BigInt64Array(buffer, byteOffset, length) : new BigUint64Array(buffer, byteOffset, length)
  }
}

/** The exact decimal number, with `scale` digits behind the point. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString()
  const negative = unscaled < 0n
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  return `${negative ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
