/**
 * Columns built straight from DuckDB's vectors: fixed-width values are copied as bytes, strings into one buffer with positions; no JavaScript
 * value is made on the way, save for the rare types that travel as the engine's text.
 *
 * A vector's memory is the engine's. It is valid while its chunk is held, so that everything here copies.
 */
import duckdb from '@duckdb/node-bindings'
import { DuckDBDecimalType, DuckDBEnumType, DuckDBTypeId, DuckDBVector } from '@duckdb/node-api'
import { fixedWidthBytes, type ColumnData } from '../../wire/results/column-field.ts'
import { ByteBuffer, isPresent, rowsEnd, ValidityBuffer, type Rows } from './growing-buffers.ts'
import type { EngineField } from './result-fields.ts'
import { variantText } from './variant-text.ts'

export interface ColumnBuilder {
  /** Held so far, without what the next `append` will add. */
  readonly bytes: number
  append(vector: duckdb.Vector, rows: Rows): void
  /** What `append` of these rows would add, roughly but never far below. */
  estimateBytes(vector: duckdb.Vector, rows: Rows): number
  /** Hands the column over and starts anew. */
  take(): ColumnData
}

export function createColumnBuilder(field: EngineField): ColumnBuilder {
  const { layout, type } = field
  switch (layout.kind) {
    case 'null':
      return new NullBuilder()
    case 'bool':
      return new BoolBuilder()
    case 'decimal':
      return new DecimalBuilder(decimalWidthBytes(type))
    case 'int':
    case 'float':
    case 'date':
    case 'time':
    case 'timestamp':
      return new FixedBuilder(fixedWidthBytes(layout))
    case 'binary':
      return new StringBuilder()
    case 'utf8':
      if (type.typeId === DuckDBTypeId.VARCHAR) return new StringBuilder()
      if (type instanceof DuckDBEnumType) return new EnumBuilder(type)
      return new TextBuilder(type.typeId === DuckDBTypeId.VARIANT ? variantText : String)
    case 'list':
    case 'map':
      return new ListBuilder(createColumnBuilder(field.children[0] as EngineField))
    case 'fixed-list':
      return new ArrayBuilder(createColumnBuilder(field.children[0] as EngineField), layout.size)
    case 'struct':
      return new StructBuilder(field.children.map(createColumnBuilder))
    case 'union':
      return new UnionBuilder(field.children.map(createColumnBuilder))
  }
}

function decimalWidthBytes(type: EngineField['type']): 2 | 4 | 8 | 16 {
  const width = type instanceof DuckDBDecimalType ? type.width : 38
  return width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16
}

function validityOf(vector: duckdb.Vector, rows: Rows): Uint8Array | null {
  // The binding answers null for a vector without nulls, whatever its declaration says.
  return duckdb.vector_get_validity(vector, Math.ceil(rowsEnd(rows) / 64) * 8) as Uint8Array | null
}

function rowAt(rows: Rows, i: number): number {
  return rows.indices === null ? rows.start + i : (rows.indices[i] as number)
}

class NullBuilder implements ColumnBuilder {
  readonly bytes = 0
  #length = 0

  append(_vector: duckdb.Vector, rows: Rows): void {
    this.#length += rows.count
  }

  estimateBytes(): number {
    return 0
  }

  take(): ColumnData {
    const length = this.#length
    this.#length = 0
    return { length, nullCount: length, validity: null, offsets: null, data: null, children: [] }
  }
}

abstract class BufferBuilder implements ColumnBuilder {
  protected readonly validity = new ValidityBuffer()
  protected readonly data = new ByteBuffer()
  abstract append(vector: duckdb.Vector, rows: Rows): void
  abstract estimateBytes(vector: duckdb.Vector, rows: Rows): number

  get bytes(): number {
    return this.data.length
  }

  take(): ColumnData {
    return { ...this.validity.take(), offsets: null, data: this.data.take(), children: [] }
  }
}

class FixedBuilder extends BufferBuilder {
  readonly #width: number

  constructor(width: number) {
    super()
    this.#width = width
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    const width = this.#width
    this.validity.append(validityOf(vector, rows), rows)
    const source = duckdb.vector_get_data(vector, rowsEnd(rows) * width)
    this.data.reserve(rows.count * width)
    const { bytes } = this.data
    if (rows.indices === null) {
      bytes.set(source.subarray(rows.start * width, (rows.start + rows.count) * width), this.data.length)
    } else {
      let at = this.data.length
      for (let i = 0; i < rows.count; i++) {
        const from = (rows.indices[i] as number) * width
        for (let b = 0; b < width; b++) bytes[at++] = source[from + b] as number
      }
    }
    this.data.length += rows.count * width
  }

  estimateBytes(_vector: duckdb.Vector, rows: Rows): number {
    return rows.count * this.#width
  }
}

class BoolBuilder extends BufferBuilder {
  append(vector: duckdb.Vector, rows: Rows): void {
    let at = this.validity.length
    this.validity.append(validityOf(vector, rows), rows)
    const source = duckdb.vector_get_data(vector, rowsEnd(rows))
    const needed = (at + rows.count + 7) >> 3
    this.data.reserve(needed - this.data.length)
    const { bytes } = this.data
    for (let i = 0; i < rows.count; i++, at++) if (source[rowAt(rows, i)] !== 0) bytes[at >> 3] = (bytes[at >> 3] as number) | (1 << (at & 7))
    this.data.length = needed
  }

  estimateBytes(_vector: duckdb.Vector, rows: Rows): number {
    return rows.count >> 3
  }
}

/** Stored in 2, 4, 8 or 16 bytes by its width; always 16 on the wire. */
class DecimalBuilder extends BufferBuilder {
  readonly #width: 2 | 4 | 8 | 16

  constructor(width: 2 | 4 | 8 | 16) {
    super()
    this.#width = width
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.validity.append(validityOf(vector, rows), rows)
    const end = rowsEnd(rows)
    const source = duckdb.vector_get_data(vector, end * this.#width)
    const { buffer, byteOffset } = source
    this.data.reserve(rows.count * 16)
    const target = new Int32Array(this.data.bytes.buffer, this.data.bytes.byteOffset + this.data.length, rows.count * 4)
    if (this.#width <= 4) {
      const values = this.#width === 2 ? new Int16Array(buffer, byteOffset, end) : new Int32Array(buffer, byteOffset, end)
      for (let i = 0; i < rows.count; i++) {
        const value = values[rowAt(rows, i)] as number
        target[i * 4] = value
        target.fill(value >> 31, i * 4 + 1, i * 4 + 4)
      }
    } else {
      const words = this.#width / 4
      const values = new Int32Array(buffer, byteOffset, end * words)
      for (let i = 0; i < rows.count; i++) {
        const from = rowAt(rows, i) * words
        for (let w = 0; w < words; w++) target[i * 4 + w] = values[from + w] as number
        if (words === 2) target.fill((values[from + 1] as number) >> 31, i * 4 + 2, i * 4 + 4)
      }
    }
    this.data.length += rows.count * 16
  }

  estimateBytes(_vector: duckdb.Vector, rows: Rows): number {
    return rows.count * 16
  }
}

abstract class PositionedBuilder extends BufferBuilder {
  #offsets = new Int32Array(64)
  protected written = 0

  override get bytes(): number {
    return this.data.length + this.written * 4
  }

  protected reserveOffsets(more: number): Int32Array {
    const needed = this.written + more + 1
    if (needed > this.#offsets.length) {
      const grown = new Int32Array(Math.max(needed, this.#offsets.length * 2))
      grown.set(this.#offsets.subarray(0, this.written + 1))
      this.#offsets = grown
    }
    return this.#offsets
  }

  override take(): ColumnData {
    const offsets = this.#offsets.subarray(0, this.written + 1)
    this.#offsets = new Int32Array(64)
    this.written = 0
    return { ...this.validity.take(), offsets, data: this.data.take(), children: [] }
  }
}

/** VARCHAR and BLOB: `duckdb_string_t`, 16 bytes: length, then up to 12 bytes inline, or a prefix and a pointer. */
class StringBuilder extends PositionedBuilder {
  append(vector: duckdb.Vector, rows: Rows): void {
    const validity = validityOf(vector, rows)
    this.validity.append(validity, rows)
    const end = rowsEnd(rows)
    const source = duckdb.vector_get_data(vector, end * 16)
    const words = new Uint32Array(source.buffer, source.byteOffset, end * 4)
    const offsets = this.reserveOffsets(rows.count)
    const { data } = this
    data.reserve(rows.count * 12)
    const heap = new HeapStrings(source, words, rows, validity)
    for (let i = 0; i < rows.count; i++) {
      const row = rowAt(rows, i)
      if (isPresent(validity, row)) {
        const length = words[row * 4] as number
        data.reserve(length)
        const { bytes } = data
        if (length <= 12) {
          const from = row * 16 + 4
          let at = data.length
          for (let b = 0; b < length; b++) bytes[at++] = source[from + b] as number
        } else {
          bytes.set(heap.bytesOf(i, row, length), data.length)
        }
        data.length += length
      }
      offsets[++this.written] = data.length
    }
  }

  estimateBytes(vector: duckdb.Vector, rows: Rows): number {
    const validity = validityOf(vector, rows)
    const end = rowsEnd(rows)
    const source = duckdb.vector_get_data(vector, end * 16)
    const words = new Uint32Array(source.buffer, source.byteOffset, end * 4)
    let bytes = rows.count * 4
    for (let i = 0; i < rows.count; i++) {
      const row = rowAt(rows, i)
      if (isPresent(validity, row)) bytes += words[row * 4] as number
    }
    return bytes
  }
}

/** Neighbours on the heap are this far apart at most: alignment. Far below a page, so that whatever lies between two strings is readable memory. */
const HEAP_GAP_BYTES_MAX = 16
const HEAP_WINDOW_BYTES_MAX = 1 << 20

/**
 * Strings behind pointers. A call into the library for each costs more than its bytes, and strings of one vector mostly lie one behind the other, so that
 * a run of them is fetched at once.
 */
class HeapStrings {
  readonly #source: Uint8Array
  readonly #words: Uint32Array
  readonly #rows: Rows
  readonly #validity: Uint8Array | null
  #window: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(source: Uint8Array, words: Uint32Array, rows: Rows, validity: Uint8Array | null) {
    this.#source = source
    this.#words = words
    this.#rows = rows
    this.#validity = validity
  }

  /** `row` is the `i`-th of the rows. */
  bytesOf(i: number, row: number, length: number): Uint8Array {
    const address = this.#address(row)
    if (address < this.#start || address + length > this.#end) this.#open(i, row, address, length)
    return this.#window.subarray(address - this.#start, address - this.#start + length)
  }

  /** User-space addresses have at most 48 bits (57 on the largest machines), exact in a double to 53; the kernel gives those beyond 47 only when asked. */
  #address(row: number): number {
    return (this.#words[row * 4 + 2] as number) + (this.#words[row * 4 + 3] as number) * 0x1_0000_0000
  }

  #open(i: number, row: number, address: number, length: number): void {
    let end = address + length
    for (let k = i + 1; k < this.#rows.count && end - address < HEAP_WINDOW_BYTES_MAX; k++) {
      const next = rowAt(this.#rows, k)
      const nextLength = this.#words[next * 4] as number
      if (nextLength <= 12 || !isPresent(this.#validity, next)) continue
      const nextAddress = this.#address(next)
      if (nextAddress >= address && nextAddress + nextLength <= end) continue
      if (nextAddress < end || nextAddress - end > HEAP_GAP_BYTES_MAX) break
      end = nextAddress + nextLength
    }
    this.#window = duckdb.get_data_from_pointer(this.#source.buffer as ArrayBuffer, this.#source.byteOffset + row * 16 + 8, end - address)
    this.#start = address
    this.#end = end
  }
}

const utf8 = new TextEncoder()

class EnumBuilder extends PositionedBuilder {
  readonly #values: readonly Uint8Array[]
  readonly #longestBytes: number
  readonly #indexType: typeof Uint8Array | typeof Uint16Array | typeof Uint32Array

  constructor(type: DuckDBEnumType) {
    super()
    this.#values = type.values.map((value) => utf8.encode(value))
    this.#longestBytes = this.#values.reduce((longest, value) => Math.max(longest, value.length), 0)
    this.#indexType = type.internalTypeId === DuckDBTypeId.UTINYINT ? Uint8Array : type.internalTypeId === DuckDBTypeId.USMALLINT ? Uint16Array : Uint32Array
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    const validity = validityOf(vector, rows)
    this.validity.append(validity, rows)
    const end = rowsEnd(rows)
    const source = duckdb.vector_get_data(vector, end * this.#indexType.BYTES_PER_ELEMENT)
    const indexes = new this.#indexType(source.buffer as ArrayBuffer, source.byteOffset, end)
    const offsets = this.reserveOffsets(rows.count)
    for (let i = 0; i < rows.count; i++) {
      const row = rowAt(rows, i)
      if (isPresent(validity, row)) {
        const value = this.#values[indexes[row] as number] as Uint8Array
        this.data.reserve(value.length)
        this.data.bytes.set(value, this.data.length)
        this.data.length += value.length
      }
      offsets[++this.written] = this.data.length
    }
  }

  estimateBytes(_vector: duckdb.Vector, rows: Rows): number {
    return rows.count * (4 + this.#longestBytes)
  }
}

/** The rare types, value by value through the engine's own rendering. */
class TextBuilder extends PositionedBuilder {
  readonly #render: (value: unknown) => string

  constructor(render: (value: unknown) => string) {
    super()
    this.#render = render
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.validity.append(validityOf(vector, rows), rows)
    const values = DuckDBVector.create(vector, rowsEnd(rows))
    const offsets = this.reserveOffsets(rows.count)
    for (let i = 0; i < rows.count; i++) {
      const value = values.getItem(rowAt(rows, i))
      if (value !== null) {
        const text = this.#render(value)
        this.data.reserve(text.length * 3)
        this.data.length += utf8.encodeInto(text, this.data.bytes.subarray(this.data.length)).written
      }
      offsets[++this.written] = this.data.length
    }
  }

  estimateBytes(_vector: duckdb.Vector, rows: Rows): number {
    return rows.count * 40
  }
}

/** LIST and MAP: entries of position and length into one child vector, in any order and with gaps. */
class ListBuilder extends PositionedBuilder {
  readonly #child: ColumnBuilder
  #items = 0

  constructor(child: ColumnBuilder) {
    super()
    this.#child = child
  }

  override get bytes(): number {
    return this.written * 4 + this.#child.bytes
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    const validity = validityOf(vector, rows)
    this.validity.append(validity, rows)
    const offsets = this.reserveOffsets(rows.count)
    const { words, childRows } = this.#select(vector, rows, validity)
    for (let i = 0; i < rows.count; i++) {
      const row = rowAt(rows, i)
      if (isPresent(validity, row)) this.#items += words[row * 4 + 2] as number
      offsets[++this.written] = this.#items
    }
    if (childRows.count > 0) this.#child.append(duckdb.list_vector_get_child(vector), childRows)
  }

  estimateBytes(vector: duckdb.Vector, rows: Rows): number {
    const { childRows } = this.#select(vector, rows, validityOf(vector, rows))
    return rows.count * 4 + (childRows.count === 0 ? 0 : this.#child.estimateBytes(duckdb.list_vector_get_child(vector), childRows))
  }

  /** The child's rows in the order of the lists: a range when they lie one behind the other, as they nearly always do. */
  #select(vector: duckdb.Vector, rows: Rows, validity: Uint8Array | null): { words: Uint32Array; childRows: Rows } {
    const end = rowsEnd(rows)
    const source = duckdb.vector_get_data(vector, end * 16)
    const words = new Uint32Array(source.buffer, source.byteOffset, end * 4)
    let start = -1
    let count = 0
    let inOrder = true
    for (let i = 0; i < rows.count; i++) {
      const row = rowAt(rows, i)
      const length = words[row * 4 + 2] as number
      if (length === 0 || !isPresent(validity, row)) continue
      const from = words[row * 4] as number
      if (start === -1) start = from
      else if (from !== start + count) inOrder = false
      count += length
    }
    if (inOrder) return { words, childRows: { start: Math.max(start, 0), count, indices: null } }
    const indices = new Uint32Array(count)
    let at = 0
    for (let i = 0; i < rows.count; i++) {
      const row = rowAt(rows, i)
      if (!isPresent(validity, row)) continue
      const from = words[row * 4] as number
      for (let k = 0; k < (words[row * 4 + 2] as number); k++) indices[at++] = from + k
    }
    return { words, childRows: { start: 0, count, indices } }
  }

  override take(): ColumnData {
    this.#items = 0
    return { ...super.take(), data: null, children: [this.#child.take()] }
  }
}

class ArrayBuilder implements ColumnBuilder {
  readonly #validity = new ValidityBuffer()
  readonly #child: ColumnBuilder
  readonly #size: number

  constructor(child: ColumnBuilder, size: number) {
    this.#child = child
    this.#size = size
  }

  get bytes(): number {
    return this.#child.bytes
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#validity.append(validityOf(vector, rows), rows)
    this.#child.append(duckdb.array_vector_get_child(vector), this.#childRows(rows))
  }

  estimateBytes(vector: duckdb.Vector, rows: Rows): number {
    return this.#child.estimateBytes(duckdb.array_vector_get_child(vector), this.#childRows(rows))
  }

  #childRows(rows: Rows): Rows {
    const size = this.#size
    if (rows.indices === null) return { start: rows.start * size, count: rows.count * size, indices: null }
    const indices = new Uint32Array(rows.count * size)
    for (let i = 0; i < indices.length; i++) indices[i] = (rows.indices[Math.floor(i / size)] as number) * size + (i % size)
    return { start: 0, count: indices.length, indices }
  }

  take(): ColumnData {
    return { ...this.#validity.take(), offsets: null, data: null, children: [this.#child.take()] }
  }
}

class StructBuilder implements ColumnBuilder {
  readonly #validity = new ValidityBuffer()
  readonly #members: readonly ColumnBuilder[]

  constructor(members: readonly ColumnBuilder[]) {
    this.#members = members
  }

  get bytes(): number {
    return this.#members.reduce((sum, member) => sum + member.bytes, 0)
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    this.#validity.append(validityOf(vector, rows), rows)
    this.#members.forEach((member, index) => member.append(duckdb.struct_vector_get_child(vector, index), rows))
  }

  estimateBytes(vector: duckdb.Vector, rows: Rows): number {
    return this.#members.reduce((sum, member, index) => sum + member.estimateBytes(duckdb.struct_vector_get_child(vector, index), rows), 0)
  }

  take(): ColumnData {
    return { ...this.#validity.take(), offsets: null, data: null, children: this.#members.map((member) => member.take()) }
  }
}

/** A struct whose first member is the type index. Arrow's union has no nulls of its own: a null row points at a member, which is null there. */
class UnionBuilder implements ColumnBuilder {
  readonly #tags = new ByteBuffer()
  readonly #members: readonly ColumnBuilder[]

  constructor(members: readonly ColumnBuilder[]) {
    this.#members = members
  }

  get bytes(): number {
    return this.#tags.length + this.#members.reduce((sum, member) => sum + member.bytes, 0)
  }

  append(vector: duckdb.Vector, rows: Rows): void {
    const tagVector = duckdb.struct_vector_get_child(vector, 0)
    const tagValidity = validityOf(tagVector, rows)
    const source = duckdb.vector_get_data(tagVector, rowsEnd(rows))
    this.#tags.reserve(rows.count)
    for (let i = 0; i < rows.count; i++) {
      const row = rowAt(rows, i)
      this.#tags.bytes[this.#tags.length++] = isPresent(tagValidity, row) ? (source[row] as number) : 0
    }
    this.#members.forEach((member, index) => member.append(duckdb.struct_vector_get_child(vector, index + 1), rows))
  }

  estimateBytes(vector: duckdb.Vector, rows: Rows): number {
    return this.#members.reduce((sum, member, index) => sum + member.estimateBytes(duckdb.struct_vector_get_child(vector, index + 1), rows), rows.count)
  }

  take(): ColumnData {
    const children = this.#members.map((member) => member.take())
    const data = this.#tags.take()
    return { length: data.length, nullCount: 0, validity: null, offsets: null, data, children }
  }
}
