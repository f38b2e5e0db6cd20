/**
 * One shell's conversation with the node beside it: statements in order, a transaction that may be open between them, and a connection that is made
 * anew when the node was restarted.
 */
import type { Client, QueryResult, Transaction } from '../../client/types.ts'
import { MeshError } from '../../errors.ts'
import type { RouteReport } from '../../query/types.ts'
import type { ResultBatch } from '../../wire/results/types.ts'
import { transactionWord, type TransactionWord } from './statements.ts'

/** A transaction that nobody ends: beyond the node's own bound for an idle one. */
const transactionTimeoutMs = 24 * 3_600_000

export interface SessionParts {
  readonly database: string
  readonly timeoutMs: number
  readonly connect: (signal: AbortSignal) => Promise<Client>
}

export interface Answer {
  readonly result: QueryResult
  readonly route: RouteReport | null
}

interface OpenTransaction {
  readonly transaction: Transaction
  readonly isReadOnly: boolean
  hasFailed: boolean
  /** Ends it; resolves when it has ended. */
  readonly end: (how: 'commit' | 'rollback') => Promise<void>
}

/** How a transaction is left without an error. */
const rolledBack = Symbol('rolled back')

export class ShellSession {
  readonly #parts: SessionParts
  #client: Promise<Client> | null = null
  #open: OpenTransaction | null = null

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** `failed`: nothing but to roll back. */
  get transactionState(): 'none' | 'open' | 'failed' {
    return this.#open === null ? 'none' : this.#open.hasFailed ? 'failed' : 'open'
  }

  /** Also makes the first connection. @throws MeshError */
  async client(signal: AbortSignal): Promise<Client> {
    const made = this.#client ??= this.#parts.connect(signal)
    try {
      return await made
    } catch (error) {
      if (this.#client === made) this.#client = null
      throw error
    }
  }

  /**
   * Resolves with the answer of a statement, or with a word where it began or ended a transaction.
   * @throws MeshError
   */
  async run(sql: string, signal: AbortSignal): Promise<Answer | string> {
    const word = transactionWord(sql)
    if (word !== null) return await this.#changeTransaction(word, signal)
    const open = this.#open
    if (open !== null) {
      try {
        const result = await open.transaction.query(sql, { timeoutMs: this.#parts.timeoutMs, signal })
        return { result: this.#watched(result, open), route: null }
      } catch (error) {
        throw this.#failed(open, error)
      }
    }
    const result = await this.#onConnection(signal, (client) => client.query(sql, { database: this.#parts.database, timeoutMs: this.#parts.timeoutMs, signal }))
    return { result, route: result.route }
  }

  /** Rolls back what is open; answers whether something was. */
  async close(): Promise<boolean> {
    const open = this.#open
    if (open !== null) await open.end('rollback').catch(() => undefined)
    this.#open = null
    const client = this.#client
    this.#client = null
    // One that never came about has said so already.
    await client?.then((made) => made.close(), () => undefined)
    return open !== null
  }

  async #changeTransaction(word: TransactionWord, signal: AbortSignal): Promise<string> {
    const open = this.#open
    if (word.kind === 'begin') {
      if (open !== null) throw new MeshError('ERR_OPTION_INVALID', 'a transaction is open already', { nextStep: 'COMMIT or ROLLBACK it first.' })
      this.#open = await this.#onConnection(signal, (client) => this.#begin(client, word.isReadOnly, signal))
      const { route } = this.#open.transaction
      return `Transaction begun${route === null ? '' : ` on ${route.executedBy.name}`}${word.isReadOnly ? ', read only' : ''}.`
    }
    if (open === null) throw new MeshError('ERR_OPTION_INVALID', 'no transaction is open', { nextStep: 'BEGIN makes one.' })
    this.#open = null
    await open.end(word.kind)
    return word.kind === 'commit' ? 'Committed.' : 'Rolled back.'
  }

  /** The library's transaction is a function; this one runs until the user says how it ends. */
  async #begin(client: Client, readOnly: boolean, signal: AbortSignal): Promise<OpenTransaction> {
    const begun = Promise.withResolvers<Transaction>()
    const ending = Promise.withResolvers<'commit' | 'rollback'>()
    const over = new AbortController()
    const abort = (): void => over.abort(signal.reason)
    signal.addEventListener('abort', abort)
    const ended = client.transaction(this.#parts.database, async (transaction) => {
      begun.resolve(transaction)
      // What is thrown here the library passes on after it has rolled back.
      if (await ending.promise === 'rollback') throw rolledBack
    }, { readOnly, timeoutMs: transactionTimeoutMs, signal: over.signal }).catch((error: unknown) => {
      begun.reject(error as Error)
      if (error !== rolledBack) throw error
    })
    // Told to whoever ends it; until then nobody listens.
    ended.catch(() => undefined)
    try {
      return {
        transaction: await begun.promise, isReadOnly: readOnly, hasFailed: false,
        end: async (how) => {
          ending.resolve(how)
          await ended
        },
      }
    } finally {
      // Ctrl-C later cancels a statement, which is for the user to answer with ROLLBACK.
      signal.removeEventListener('abort', abort)
    }
  }

  /** Once more on a new connection, where the old one was lost and nothing can have begun. */
  async #onConnection<T>(signal: AbortSignal, work: (client: Client) => Promise<T>): Promise<T> {
    const isFirst = this.#client === null
    const client = await this.client(signal)
    try {
      return await work(client)
    } catch (error) {
      if (!isLoss(error)) throw error
      await this.#drop(client)
      if (isFirst || signal.aborted || (error as MeshError).details['started'] !== 'no') throw error
      return await work(await this.client(signal))
    }
  }

  async #drop(client: Client): Promise<void> {
    this.#client = null
    await client.close().catch(() => undefined)
  }

  #failed(open: OpenTransaction, error: unknown): unknown {
    open.hasFailed = true
    if (!(error instanceof MeshError && error.code === 'ERR_TRANSACTION_LOST') && !isLoss(error)) return error
    // Nothing is left to roll back.
    this.#open = null
    open.end('rollback').catch(() => undefined)
    return error
  }

  #watched(result: QueryResult, open: OpenTransaction): QueryResult {
    const failed = (error: unknown): unknown => this.#failed(open, error)
    return {
      columns: result.columns, route: result.route, rows: () => result.rows(), arrowStream: () => result.arrowStream(), trailer: () => result.trailer(),
      async *[Symbol.asyncIterator](): AsyncGenerator<ResultBatch> {
        try {
          yield* result
        } catch (error) {
          throw failed(error)
        }
      },
    }
  }
}

/** The node or the way to it is gone; another connection may find it again. */
export function isLoss(error: unknown): boolean {
  return error instanceof MeshError && (error.code === 'ERR_NO_NODE' || error.code === 'ERR_NODE_STOPPED' || error.code === 'ERR_PEER_UNREACHABLE' || error.code === 'ERR_QUERY_BROKEN' || (error.code === 'ERR_QUERY_AMBIGUOUS' && error.details['started'] === 'unknown'))
}
