/** Turns the rows of a cursor into encoded batches of bounded size; reads only as many rows ahead as one batch is expected to hold. */
import type { EngineBatch } from '../../ports/query-engine.ts'
import { encodeArrowBatch } from '../../wire/results/arrow-batch.ts'
import { encodeArrowSchema } from '../../wire/results/arrow-schema.ts'
import type { ColumnField } from '../../wire/results/column-field.ts'
import { encodeColumnsBatch, encodeColumnsHeader } from '../../wire/results/columns-format.ts'
import { MeshError } from '../../errors.ts'
import { dimensionsOf, parseArrayLiteral } from './array-literal.ts'
import { columnDataOf } from './column-data.ts'
import type { RowsRead, TextRow } from './query-run.ts'
import { fieldOf, type DescribedColumn, type PostgresType } from './type-catalog.ts'

export const BATCH_BYTES_TARGET = 256 * 1024
export const BATCH_ROWS_MAX = 16_384
/** A complete result up to this size goes as `columns`, which is smaller and quicker there. */
export const SMALL_RESULT_BYTES_MAX = 64 * 1024
/** Nothing is known of the rows' size yet. */
const ROWS_FIRST = 32
/** Rows may become longer: the next read asks for at most so many times the last. */
const GROWTH_MAX = 8
/** Of a value beside its text. */
const VALUE_BYTES = 4

export interface EncoderParts {
  readonly read: (rowsMax: number) => Promise<RowsRead>
  readonly typesOf: (columns: readonly DescribedColumn[]) => Promise<readonly PostgresType[]>
}

export interface EncodedStart {
  readonly format: 'arrow' | 'columns'
  readonly header: Uint8Array
  /** Null when the result has no rows. */
  readonly first: EngineBatch | null
  /** True when `first` is all. */
  readonly complete: boolean
}

export class ResultEncoder {
  readonly #parts: EncoderParts
  #types: readonly PostgresType[] = []
  #fields: readonly ColumnField[] = []
  /** Read and not yet in a batch. */
  #rows: Array<{ readonly row: TextRow; readonly bytes: number }> = []
  #bytes = 0
  #rowsNext = ROWS_FIRST
  #ended = false

  constructor(parts: EncoderParts) {
    this.#parts = parts
  }

  /** Known after `start`. */
  get columnCount(): number {
    return this.#fields.length
  }

  /** Reads until the result has ended or outgrown a small one, and chooses the format by that. */
  async start(): Promise<EncodedStart> {
    const { columns } = await this.#read()
    if (columns.length === 0) {
      while (!this.#ended) {
        this.#take(this.#rows.length)
        await this.#read()
      }
      return encodeNothing()
    }
    while (!this.#ended && this.#bytes <= SMALL_RESULT_BYTES_MAX) await this.#read()
    this.#types = await this.#parts.typesOf(columns)
    this.#fields = columns.map((column, index) => fieldOf(column, this.#types[index] as PostgresType, this.#dimensions(index)))
    if (this.#ended && this.#bytes <= SMALL_RESULT_BYTES_MAX) {
      const rows = this.#rows.length
      const first = rows === 0 ? null : { bytes: encodeColumnsBatch(this.#fields, this.#columns(this.#take(rows)), rows), rows }
      return { format: 'columns', header: encodeColumnsHeader(this.#fields), first, complete: true }
    }
    return { format: 'arrow', header: encodeArrowSchema(this.#fields), first: await this.next(), complete: false }
  }

  /** The next batch as Arrow; null at the end. @throws MeshError ERR_SQL; the server's error */
  async next(): Promise<EngineBatch | null> {
    while (!this.#ended && this.#bytes < BATCH_BYTES_TARGET && this.#rows.length < BATCH_ROWS_MAX) await this.#read()
    if (this.#rows.length === 0) return null
    let rows = 0
    for (let bytes = 0; rows < this.#rows.length && rows < BATCH_ROWS_MAX && (rows === 0 || bytes < BATCH_BYTES_TARGET); rows++) bytes += (this.#rows[rows] as { bytes: number }).bytes
    return { bytes: encodeArrowBatch(this.#fields, this.#columns(this.#take(rows)), rows), rows }
  }

  async #read(): Promise<RowsRead> {
    const read = await this.#parts.read(this.#rowsNext)
    let bytes = 0
    for (const row of read.rows) {
      let rowBytes = 0
      for (const value of row) rowBytes += VALUE_BYTES + (value?.length ?? 0)
      bytes += rowBytes
      this.#rows.push({ row, bytes: rowBytes })
    }
    this.#bytes += bytes
    this.#ended = read.isLast
    const perRow = Math.max(1, bytes / Math.max(1, read.rows.length))
    this.#rowsNext = Math.max(1, Math.min(Math.floor(BATCH_BYTES_TARGET / perRow), this.#rowsNext * GROWTH_MAX, BATCH_ROWS_MAX))
    return read
  }

  #take(rows: number): TextRow[] {
    const taken = this.#rows.splice(0, rows)
    for (const { bytes } of taken) this.#bytes -= bytes
    return taken.map(({ row }) => row)
  }

  #columns(rows: readonly TextRow[]): ReturnType<typeof columnDataOf>[] {
    return this.#fields.map((field, index) => {
      try {
        return columnDataOf(field, rows.map((row) => row[index] as string | null), this.#types[index]?.delimiter)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        throw new MeshError('ERR_SQL', `the column ${field.name} cannot be passed on: ${error.message}`, { details: { kind: 'Conversion' }, nextStep: 'Cast it to text, or an array of varying dimensions by to_json().', cause: error })
      }
    })
  }

  /** Of an array column, by the rows at hand; null when they differ. */
  #dimensions(index: number): number | null {
    const type = this.#types[index]
    if (type === undefined || type.item === null) return null
    const found = new Set<number>()
    for (const { row } of this.#rows) {
      const value = row[index]
      const dimensions = typeof value === 'string' ? dimensionsOf(parseArrayLiteral(value, type.delimiter)) : null
      if (dimensions !== null) found.add(dimensions)
    }
    return found.size > 1 ? null : ([...found][0] ?? 1)
  }
}

/** The answer of a write that counts rows without giving them, as DuckDB words it. */
export function encodeCount(count: number): EncodedStart {
  const fields: ColumnField[] = [{ name: 'Count', sqlType: 'bigint', layout: { kind: 'int', bits: 64, signed: true }, children: [] }]
  const bytes = encodeColumnsBatch(fields, [columnDataOf(fields[0] as ColumnField, [String(count)])], 1)
  return { format: 'columns', header: encodeColumnsHeader(fields), first: { bytes, rows: 1 }, complete: true }
}

export function encodeNothing(): EncodedStart {
  return { format: 'columns', header: encodeColumnsHeader([]), first: null, complete: true }
}
