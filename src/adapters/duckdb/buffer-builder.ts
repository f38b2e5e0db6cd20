/** What builders share that write into buffers of their own. */
import duckdb from '@duckdb/node-bindings'
import type { ColumnData } from '../../wire/results/column-field.ts'
import type { ColumnBuilder } from './column-builder.ts'
import { ByteBuffer, rowsEnd, ValidityBuffer, type Rows } from './growing-buffers.ts'

export function validityOf(vector: duckdb.Vector, rows: Rows): Uint8Array | null {
  // The binding answers null for a vector without nulls, whatever its declaration says.
  return duckdb.vector_get_validity(vector, Math.ceil(rowsEnd(rows) / 64) * 8) as Uint8Array | null
}

export function rowAt(rows: Rows, i: number): number {
  return rows.indices === null ? rows.start + i : (rows.indices[i] as number)
}

export abstract class BufferBuilder implements ColumnBuilder {
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

/** More than the rows of a batch: only lists with many items get there. */
const OFFSETS_KEPT_MAX = 1 << 18

export abstract class PositionedBuilder extends BufferBuilder {
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
    if (this.#offsets.length > OFFSETS_KEPT_MAX) this.#offsets = new Int32Array(64)
    this.written = 0
    return { ...this.validity.take(), offsets, data: this.data.take(), children: [] }
  }
}
