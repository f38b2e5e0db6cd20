/** The parser's thread: reads statements and answers with facts. One that the parser could not survive ends it. */
import { parentPort } from 'node:worker_threads'
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query'
import { readFacts, type StatementFacts } from './statement-facts.ts'

export type ParserAnswer =
  | { readonly kind: 'facts'; readonly facts: StatementFacts }
  | { readonly kind: 'refused'; readonly message: string; readonly position: number | null }
  /** Its stack overflowed; what is left of it is not to be trusted. */
  | { readonly kind: 'broken' }

export interface ParserReply {
  readonly id: number
  readonly answer: ParserAnswer
}

function answer(sql: string): ParserAnswer {
  try {
    return { kind: 'facts', facts: readFacts(parseSync(sql)) }
  } catch (error) {
    if (!hasSqlDetails(error)) return { kind: 'broken' }
    return { kind: 'refused', message: error.message, position: error.sqlDetails?.cursorPosition ?? null }
  }
}

await loadModule()
parentPort?.on('message', ({ id, sql }: { readonly id: number; readonly sql: string }) => {
  parentPort?.postMessage({ id, answer: answer(sql) } satisfies ParserReply)
})
