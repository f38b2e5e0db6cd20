/** A response as its reader sees it: decoded batches, rows, or the Arrow stream, whichever is asked for first. */
import { MeshError } from '../errors.ts'
import type { QueryResponse, QueryTrailer, RouteReport } from '../query/types.ts'
import { createResultDecoder, toArrowStream } from '../wire/results/decoder.ts'
import type { ResultBatch, ResultColumn, ResultDecoder, ResultValue } from '../wire/results/types.ts'
import type { QueryResult } from './types.ts'

export class ClientQueryResult implements QueryResult {
  readonly #response: QueryResponse
  readonly #decoder: ResultDecoder
  #taken = false

  /** @throws MeshError ERR_PROTOCOL when the header does not decode */
  constructor(response: QueryResponse) {
    this.#response = response
    this.#decoder = createResultDecoder(response.format, response.header)
  }

  get columns(): readonly ResultColumn[] {
    return this.#decoder.columns
  }

  get route(): RouteReport | null {
    return this.#response.route
  }

  trailer(): QueryTrailer | null {
    return this.#response.trailer()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ResultBatch, void, void> {
    for await (const batch of this.#take()) yield this.#decoder.decode(batch.bytes)
  }

  async *rows(): AsyncGenerator<Readonly<Record<string, ResultValue>>, void, void> {
    const names = uniqueNames(this.columns)
    for await (const batch of this) {
      for (let rowIndex = 0; rowIndex < batch.rowCount; rowIndex++) {
        const row: Record<string, ResultValue> = {}
        for (let columnIndex = 0; columnIndex < names.length; columnIndex++) setField(row, names[columnIndex] as string, batch.value(rowIndex, columnIndex))
        yield row
      }
    }
  }

  arrowStream(): AsyncIterable<Uint8Array> {
    return toArrowStream(this.#response.format, this.#response.header, this.#take())
  }

  #take(): QueryResponse['batches'] {
    if (this.#taken) throw new MeshError('ERR_OPTION_INVALID', 'the result has been read already', { nextStep: 'Read a result once: as batches, as rows or as an Arrow stream.' })
    this.#taken = true
    return this.#response.batches
  }
}

/** `a, a, b` becomes `a, a_1, b`; a name that is taken by a column of its own is not given twice. */
export function uniqueNames(columns: readonly ResultColumn[]): string[] {
  const given = new Set(columns.map(({ name }) => name))
  const seen = new Set<string>()
  return columns.map(({ name }) => {
    let unique = name
    for (let suffix = 1; seen.has(unique); suffix++) {
      const candidate = `${name}_${suffix}`
      if (!given.has(candidate)) unique = candidate
    }
    seen.add(unique)
    return unique
  })
}

/** A column may be called `__proto__`, which plain assignment would take for something else. */
function setField(row: Record<string, ResultValue>, name: string, value: ResultValue): void {
  if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true })
  else row[name] = value
}
