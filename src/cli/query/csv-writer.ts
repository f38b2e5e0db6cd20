import { uniqueNames } from '../../client/query-result.ts'
import { toText } from '../../wire/results/value-text.ts'
import { ChunkedText, type ResultWriter } from './result-writer.ts'

/** RFC 4180 with a header line and lines that end in LF, which is what tools on Unix expect. Null is empty, an empty text is `""`. */
export const writeCsv: ResultWriter = async (result, output) => {
  const text = new ChunkedText(output)
  text.add(`${uniqueNames(result.columns).map(quote).join(',')}\n`)
  for await (const batch of result) {
    for (let row = 0; row < batch.rowCount; row++) {
      const fields = result.columns.map((_, column) => {
        const value = batch.value(row, column)
        return value === null ? '' : quote(toText(value))
      })
      text.add(`${fields.join(',')}\n`)
      if (text.isFull) await text.flush()
    }
    await text.flush()
  }
  await text.flush()
  return { shortened: 0 }
}

function quote(field: string): string {
  return field === '' || /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}
