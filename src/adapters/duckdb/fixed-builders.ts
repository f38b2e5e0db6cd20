/** Columns whose values all take the same room. */
import duckdb from '@duckdb/node-bindings'
import type { ColumnData } from '../../wire/results/column-field.ts'
import { BufferBuilder, rowAt, validityOf } from './buffer-builder.ts'
import type { ColumnBuilder } from './column-builder.ts'
import { rowsEnd, type Rows } from './growing-buffers.ts'

export class NullBuilder implements ColumnBuilder {
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

export class FixedBuilder extends BufferBuilder {
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

export class BoolBuilder extends BufferBuilder {
  append(vector: duckdb.Vector, rows: Rows): void {
    let at = this.validity.length
    this.validity.append(validityOf(vector, rows), rows)
    const source = duckdb.vector_get_data(vector, rowsEnd(rows))
    const needed = (at + rows.count + 7) >> 3
    this.data.reserve(needed - this.data.length)
    const { bytes } = this.data
    bytes.fill(0, this.data.length, needed)
    for (let i = 0; i < rows.count; i++, at++) if (source[rowAt(rows, i)] !== 0) bytes[at >> 3] = (bytes[at >> 3] as number) | (1 << (at & 7))
    this.data.length = needed
  }

  estimateBytes(_vector: duckdb.Vector, rows: Rows): number {
    return rows.count >> 3
  }
}

/** Stored in 2, 4, 8 or 16 bytes by its width; always 16 on the wire. */
export class DecimalBuilder extends BufferBuilder {
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
