/** Columns of columns: their children are built by builders of their own. */
import duckdb from '@duckdb/node-bindings'
import type { ColumnData } from '../../wire/results/column-field.ts'
import { PositionedBuilder, rowAt, validityOf } from './buffer-builder.ts'
import type { ColumnBuilder } from './column-builder.ts'
import { ByteBuffer, isPresent, rowsEnd, ValidityBuffer, type Rows } from './growing-buffers.ts'

/** LIST and MAP: entries of position and length into one child vector, in any order and with gaps. */
export class ListBuilder extends PositionedBuilder {
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

export class ArrayBuilder implements ColumnBuilder {
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

export class StructBuilder implements ColumnBuilder {
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
export class UnionBuilder implements ColumnBuilder {
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
