/** Values that travel as text though the engine stores them otherwise. */
import duckdb from '@duckdb/node-bindings'
import { DuckDBTypeId, DuckDBVector, type DuckDBEnumType } from '@duckdb/node-api'
import { PositionedBuilder, rowAt, validityOf } from './buffer-builder.ts'
import { isPresent, rowsEnd, type Rows } from './growing-buffers.ts'

const utf8 = new TextEncoder()

export class EnumBuilder extends PositionedBuilder {
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
export class TextBuilder extends PositionedBuilder {
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
