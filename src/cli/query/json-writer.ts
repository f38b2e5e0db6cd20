import { uniqueNames } from '../../client/query-result.ts'
import type { QueryResult } from '../../client/types.ts'
import { toJson } from '../../wire/results/value-text.ts'
import type { TextOutput } from '../context.ts'
import { ChunkedText, type ResultWriter, type WriteOutcome } from './result-writer.ts'

/** One array, a row a line, so that it can be read both as JSON and by eye. */
export const writeJson: ResultWriter = (result, output) => write(result, output, { open: '[', first: '\n', before: ',\n', after: '', closeEmpty: ']\n', close: '\n]\n' })

/** One object a line; each line is whole even when the result breaks off after it. */
export const writeJsonLines: ResultWriter = (result, output) => write(result, output, { open: '', first: '', before: '', after: '\n', closeEmpty: '', close: '' })

interface Framing {
  readonly open: string
  readonly first: string
  /** Between two rows: in front of the second. */
  readonly before: string
  readonly after: string
  readonly closeEmpty: string
  readonly close: string
}

async function write(result: QueryResult, output: TextOutput, { open, first, before, after, closeEmpty, close }: Framing): Promise<WriteOutcome> {
  const names = uniqueNames(result.columns).map((name) => JSON.stringify(name))
  const text = new ChunkedText(output)
  let isFirst = true
  text.add(open)
  for await (const batch of result) {
    for (let row = 0; row < batch.rowCount; row++) {
      const fields = names.map((name, column) => `${name}:${toJson(batch.value(row, column))}`)
      text.add(`${isFirst ? first : before}{${fields.join(',')}}${after}`)
      isFirst = false
      if (text.isFull) await text.flush()
    }
    await text.flush()
  }
  text.add(isFirst ? closeEmpty : close)
  await text.flush()
  return { shortened: 0 }
}
