import { uniqueNames } from '../../client/query-result.ts'
import type { QueryResult } from '../../client/types.ts'
import type { TextOutput } from '../context.ts'
import { ChunkedText, type ResultWriter, type WriteOutcome } from './result-writer.ts'
import { toJson } from './text-values.ts'

interface Framing {
  readonly open: string
  readonly between: string
  readonly close: string
}

/** One array, a row a line, so that it can be read both as JSON and by eye. */
export const writeJson: ResultWriter = (result, output) => write(result, output, { open: '[', between: ',', close: '\n]\n' })

/** One object a line. */
export const writeJsonLines: ResultWriter = (result, output) => write(result, output, { open: '', between: '', close: '\n' })

async function write(result: QueryResult, output: TextOutput, { open, between, close }: Framing): Promise<WriteOutcome> {
  const names = uniqueNames(result.columns).map((name) => JSON.stringify(name))
  const text = new ChunkedText(output)
  const isArray = open !== ''
  let rows = 0
  text.add(open)
  for await (const batch of result) {
    for (let row = 0; row < batch.rowCount; row++) {
      const fields = names.map((name, column) => `${name}:${toJson(batch.value(row, column))}`)
      text.add(`${rows > 0 ? `${between}\n` : isArray ? '\n' : ''}{${fields.join(',')}}`)
      rows++
      if (text.isFull) await text.flush()
    }
    await text.flush()
  }
  text.add(rows > 0 ? close : isArray ? ']\n' : '')
  await text.flush()
  return { shortened: 0 }
}
