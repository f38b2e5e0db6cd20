import type { QueryResult } from '../../client/types.ts'
import type { TextOutput } from '../context.ts'

export const resultFormats = ['table', 'json', 'jsonl', 'csv', 'arrow'] as const
export type OutputFormat = (typeof resultFormats)[number]

export interface WriteOutcome {
  /** Values that did not fit into the table on a terminal. */
  readonly shortened: number
}

/** Reads the result to its end. At most about a batch is in memory at once, and none is asked for while the output is full. */
export type ResultWriter = (result: QueryResult, output: TextOutput) => Promise<WriteOutcome>

/** Only the writer that is needed is loaded. */
export async function loadWriter(format: OutputFormat): Promise<ResultWriter> {
  switch (format) {
    case 'table': return (await import('./table-writer.ts')).writeTable
    case 'json': return (await import('./json-writer.ts')).writeJson
    case 'jsonl': return (await import('./json-writer.ts')).writeJsonLines
    case 'csv': return (await import('./csv-writer.ts')).writeCsv
    case 'arrow': return writeArrow
  }
}

const writeArrow: ResultWriter = async (result, output) => {
  for await (const bytes of result.arrowStream()) await output.write(bytes)
  return { shortened: 0 }
}

const chunkCharactersMax = 64 * 1024

/** Joins short lines into writes of a useful size. */
export class ChunkedText {
  readonly #output: TextOutput
  #text = ''

  constructor(output: TextOutput) {
    this.#output = output
  }

  add(text: string): void {
    this.#text += text
  }

  /** Ask after each line: a row is no reason to wait, a full chunk is. */
  get isFull(): boolean {
    return this.#text.length >= chunkCharactersMax
  }

  async flush(): Promise<void> {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    await this.#output.write(text)
  }
}
