/** The formats of an answer. Each writes some rows at a time, when it is asked for more, and so reads no faster than its reader. */
import { uniqueNames } from '../../client/query-result.ts'
import { toJson, toText } from '../../wire/results/value-text.ts'
import type { Answer } from './answer.ts'
import { problemOf } from './problem.ts'

export type AnswerFormat = 'json' | 'ndjson' | 'csv' | 'arrow'

export const ANSWER_TYPES: Readonly<Record<AnswerFormat, string>> = {
  json: 'application/json; charset=utf-8', ndjson: 'application/x-ndjson; charset=utf-8', csv: 'text/csv; charset=utf-8; header=present', arrow: 'application/vnd.apache.arrow.stream',
}

/** Characters that are joined before they are passed on. */
const chunkCharacters = 64 << 10

/** An error after the first bytes is thrown: whoever sends them breaks the connection off, since nothing else can say so in these formats. */
export async function createWriter(format: AnswerFormat): Promise<(answer: Answer) => AsyncIterable<string | Uint8Array>> {
  switch (format) {
    case 'json': return writeJson
    case 'ndjson': return writeNdjson
    case 'csv': return await createCsvWriter()
    case 'arrow': return (answer) => answer.result.arrowStream()
  }
}

async function* writeJson(answer: Answer): AsyncGenerator<string, void, void> {
  let text = `{"columns":${JSON.stringify(answer.result.columns)},"route":${JSON.stringify(answer.result.route)},"rows":[`
  let isFirst = true
  const columns = answer.result.columns.length
  try {
    for await (const batch of answer.result) {
      for (let row = 0; row < batch.rowCount; row++) {
        text += `${isFirst ? '\n[' : ',\n['}`
        for (let column = 0; column < columns; column++) text += `${column === 0 ? '' : ','}${toJson(batch.value(row, column))}`
        text += ']'
        isFirst = false
        if (text.length >= chunkCharacters) {
          yield text
          text = ''
        }
      }
    }
  } catch (error) {
    yield `${text}],"stats":null,"error":${JSON.stringify(problemOf(error))}}\n`
    return
  }
  yield `${text}],"stats":${JSON.stringify(answer.stats())}}\n`
}

async function* writeNdjson(answer: Answer): AsyncGenerator<string, void, void> {
  const names = uniqueNames(answer.result.columns).map((name) => JSON.stringify(name))
  let text = ''
  try {
    for await (const batch of answer.result) {
      for (let row = 0; row < batch.rowCount; row++) {
        text += `{${names.map((name, column) => `${name}:${toJson(batch.value(row, column))}`).join(',')}}\n`
        if (text.length >= chunkCharacters) {
          yield text
          text = ''
        }
      }
      if (text !== '') yield text
      text = ''
    }
  } catch (error) {
    yield `${text}${JSON.stringify({ $error: problemOf(error) })}\n`
    return
  }
  yield `${JSON.stringify({ $end: { stats: answer.stats(), route: answer.result.route } })}\n`
}

async function createCsvWriter(): Promise<(answer: Answer) => AsyncGenerator<string, void, void>> {
  const { stringify } = await import('csv-stringify/sync')
  // Null is empty, and an empty text is "".
  const toCsv = (rows: ReadonlyArray<ReadonlyArray<string | null>>): string => stringify(rows as Array<Array<string | null>>, { quoted_match: /^$/, record_delimiter: '\n' })
  return async function* (answer) {
    const { columns } = answer.result
    yield toCsv([uniqueNames(columns)])
    for await (const batch of answer.result) {
      let rows: Array<Array<string | null>> = []
      let characters = 0
      for (let row = 0; row < batch.rowCount; row++) {
        rows.push(columns.map((_, column) => {
          const value = batch.value(row, column)
          const text = value === null ? null : toText(value)
          characters += 1 + (text?.length ?? 0)
          return text
        }))
        if (characters >= chunkCharacters) {
          yield toCsv(rows)
          rows = []
          characters = 0
        }
      }
      if (rows.length > 0) yield toCsv(rows)
    }
  }
}
