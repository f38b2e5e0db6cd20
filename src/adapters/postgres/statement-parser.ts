/**
 * PostgreSQL's own parser (libpg-query, WebAssembly) in a thread of its own. A deep statement overflows its stack, and each time it loses some of it
 * for good: some 25 of them leave a parser that fails with every statement. So a thread that met one is replaced. It also keeps the 50 ms
 * that the worst statement takes off the event loop.
 */
import { Worker } from 'node:worker_threads'
import { MeshError } from '../../errors.ts'
import type { ParserAnswer, ParserReply } from './parser-worker.ts'
import type { StatementFacts } from './statement-facts.ts'

export const STATEMENT_CHARACTERS_MAX = 64 << 10
const WAITING_MAX = 1024
/** The whole queue; the worst statement of the permitted length takes some 0.2 s. */
const ANSWER_TIMEOUT_MS = 10_000

/** Some 6,000 operators in a row. */
const STACK_MB = 1

interface Waiter {
  readonly resolve: (answer: ParserAnswer) => void
  readonly reject: (error: MeshError) => void
}

export class StatementParser {
  #worker: Worker | null = null
  #waiting = new Map<number, Waiter>()
  #nextId = 1
  #timer: NodeJS.Timeout | null = null
  #closed = false
  /** Threads that had to be replaced. */
  replaced = 0

  /** @throws MeshError ERR_SQL when it does not parse, ERR_QUERY_TOO_LARGE, ERR_OVERLOADED */
  async parse(sql: string): Promise<StatementFacts> {
    if (sql.length > STATEMENT_CHARACTERS_MAX) {
      throw new MeshError('ERR_QUERY_TOO_LARGE', `the statement has ${sql.length} characters; at most ${STATEMENT_CHARACTERS_MAX} are taken`, { details: { started: 'no' }, nextStep: 'Pass values as parameters: a long list as one array.' })
    }
    // The parser refuses an empty text in another way than one of comments alone.
    const answer = await this.#ask(sql === '' ? ' ' : sql)
    if (answer.kind === 'facts') return answer.facts
    if (answer.kind === 'broken') throw tooDeep()
    throw new MeshError('ERR_SQL', answer.message, {
      details: { kind: '42601', started: 'no', ...(answer.position === null ? {} : { position: answer.position }) },
      ...(sql.includes('?') ? { nextStep: 'Correct the statement. PostgreSQL’s placeholders are $1, $2, …: it has no ? for them.' } : {}),
    })
  }

  #ask(sql: string): Promise<ParserAnswer> {
    if (this.#closed) throw new MeshError('ERR_NOT_SERVING', 'The database is being closed on this node.', { details: { started: 'no' } })
    if (this.#waiting.size >= WAITING_MAX) throw new MeshError('ERR_OVERLOADED', `${this.#waiting.size} statements wait for the parser.`, { details: { started: 'no' } })
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#waiting.set(id, { resolve, reject })
      this.#start().postMessage({ id, sql })
      this.#timer ??= setTimeout(() => { this.#replace(tooDeep()) }, ANSWER_TIMEOUT_MS).unref()
    })
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker
    const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './parser-worker.ts' : './parser-worker.js', import.meta.url), { name: 'postgres-parser', resourceLimits: { stackSizeMb: STACK_MB } })
    this.#worker = worker
    worker.unref()
    worker.on('message', ({ id, answer }: ParserReply) => {
      if (this.#worker !== worker) return
      const waiter = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (this.#timer !== null) clearTimeout(this.#timer)
      this.#timer = this.#waiting.size === 0 ? null : setTimeout(() => { this.#replace(tooDeep()) }, ANSWER_TIMEOUT_MS).unref()
      waiter?.resolve(answer)
      if (answer.kind === 'broken') this.#replace(new MeshError('ERR_OVERLOADED', 'The parser was restarted.', { details: { started: 'no' } }))
    })
    worker.on('error', (error: Error) => {
      if (this.#worker === worker) this.#replace(new MeshError('ERR_INTERNAL', `PostgreSQL's parser failed: ${error.message}`, { details: { started: 'no' }, cause: error }))
    })
    return worker
  }

  /** Whoever waits for the old thread is refused with what may be tried again. */
  #replace(error: MeshError): void {
    this.replaced++
    this.#end(error)
  }

  #end(error: MeshError): void {
    const worker = this.#worker
    const waiting = this.#waiting
    this.#worker = null
    this.#waiting = new Map()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    void worker?.terminate()
    for (const waiter of waiting.values()) waiter.reject(error)
  }

  close(): void {
    this.#closed = true
    this.#end(new MeshError('ERR_NOT_SERVING', 'The database is being closed on this node.', { details: { started: 'no' } }))
  }
}

function tooDeep(): MeshError {
  return new MeshError('ERR_QUERY_TOO_LARGE', 'the statement is nested too deep, or too long to be parsed', { details: { started: 'no' }, nextStep: 'Write it flatter, or pass values as parameters.' })
}
