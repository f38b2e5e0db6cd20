/** Reads results, whichever format they came in. */
import { MeshError } from '../../errors.ts'
import type { EngineBatch, ResultFormat } from '../../ports/query-engine.ts'
import { decodeArrowBatch, encodeArrowBatch } from './arrow-batch.ts'
import { decodeArrowSchema, encodeArrowSchema, END_OF_STREAM } from './arrow-schema.ts'
import type { ColumnData, ColumnField } from './column-field.ts'
import { createValueReader, type ValueReader } from './column-values.ts'
import { decodeColumnsBatch, decodeColumnsHeader } from './columns-format.ts'
import type { ResultBatch, ResultDecoder, ResultValue } from './types.ts'

/** @throws MeshError ERR_PROTOCOL when the header is no header of the format */
export function createResultDecoder(format: ResultFormat, header: Uint8Array): ResultDecoder {
  const fields = decodeFields(format, header)
  return {
    columns: fields.map((field) => ({ name: field.name, type: field.sqlType })),
    decode: (bytes) => {
      const { rows, columns } = decodeColumns(format, fields, bytes)
      return new ColumnBatch(fields, columns, rows)
    },
  }
}

/**
 * The result as an Arrow IPC stream: schema, record batches, end mark. An `arrow` result passes as it is.
 * @throws MeshError ERR_PROTOCOL
 */
export async function* toArrowStream(format: ResultFormat, header: Uint8Array, batches: AsyncIterable<Pick<EngineBatch, 'bytes'>>): AsyncGenerator<Uint8Array, void, undefined> {
  const fields = decodeFields(format, header)
  yield format === 'arrow' ? header : encodeArrowSchema(fields)
  for await (const { bytes } of batches) {
    if (format === 'arrow') {
      yield bytes
      continue
    }
    const { rows, columns } = decodeColumns(format, fields, bytes)
    yield encodeArrowBatch(fields, columns, rows)
  }
  yield END_OF_STREAM
}

function decodeFields(format: ResultFormat, header: Uint8Array): ColumnField[] {
  if (format === 'arrow') return decodeArrowSchema(header)
  if (format === 'columns') return decodeColumnsHeader(header)
  throw new MeshError('ERR_PROTOCOL', `A result in the format '${format}' has no columns to read.`)
}

function decodeColumns(format: ResultFormat, fields: readonly ColumnField[], bytes: Uint8Array): { rows: number; columns: ColumnData[] } {
  return format === 'arrow' ? decodeArrowBatch(fields, bytes) : decodeColumnsBatch(fields, bytes)
}

class ColumnBatch implements ResultBatch {
  readonly rowCount: number
  readonly #fields: readonly ColumnField[]
  readonly #columns: readonly ColumnData[]
  readonly #readers: Array<ValueReader | undefined>

  constructor(fields: readonly ColumnField[], columns: readonly ColumnData[], rowCount: number) {
    this.rowCount = rowCount
    this.#fields = fields
    this.#columns = columns
    this.#readers = new Array<ValueReader | undefined>(fields.length)
  }

  value(rowIndex: number, columnIndex: number): ResultValue {
    let reader = this.#readers[columnIndex]
    if (reader === undefined) {
      const field = this.#fields[columnIndex]
      const column = this.#columns[columnIndex]
      if (field === undefined || column === undefined) throw new RangeError(`The result has no column ${columnIndex}.`)
      reader = this.#readers[columnIndex] = createValueReader(field, column)
    }
    if (rowIndex < 0 || rowIndex >= this.rowCount) throw new RangeError(`The batch has no row ${rowIndex}.`)
    return reader(rowIndex)
  }
}
