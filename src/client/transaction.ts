/**
 * A transaction as a program runs it: a function between a begin and a commit. The begin stays open beside the function's queries, so that
 * whichever side is gone, the other one knows: a program that dies has rolled back, and one whose node dies is told so.
 */
import { randomBytes } from 'node:crypto'
import { MeshError } from '../errors.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import { transactionLoss } from '../query/transaction-loss.ts'
import type { QueryRequest, QueryResponse, RouteReport, TransactionStep } from '../query/types.ts'
import { toRequest } from './request.ts'
import type { QueryResult, Transaction, TransactionOptions, TransactionQueryOptions } from './types.ts'

/** Takes a request to the node; its errors say what is known of the loss of the way there. */
export type SendRequest = (request: QueryRequest, signal: AbortSignal | undefined) => Promise<QueryResponse>

const timeoutMsDefault = 600_000
const stepTimeoutMsDefault = 30_000

/** @throws MeshError; what `work` throws, after a rollback */
export async function runTransaction<T>(send: SendRequest, database: string, work: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
  const transaction = await OpenTransaction.begin(send, database, options)
  let result: T
  try {
    result = await work(transaction)
  } catch (error) {
    await transaction.rollback()
    throw error
  }
  await transaction.commit()
  return result
}

class OpenTransaction implements Transaction {
  readonly route: RouteReport | null
  readonly #send: SendRequest
  readonly #request: QueryRequest
  readonly #id: string
  readonly #begin: AsyncIterator<EngineBatch>
  /** Why it has ended; null while it is open. */
  #over: unknown = null
  /** Of the last statement. */
  #batches: AsyncIterator<EngineBatch> | null = null

  private constructor(send: SendRequest, request: QueryRequest, id: string, response: QueryResponse) {
    this.#send = send
    this.#request = request
    this.#id = id
    this.route = response.route
    this.#begin = response.batches[Symbol.asyncIterator]()
    this.#begin.next().then(() => { this.#over ??= endedError() }, (error: unknown) => { this.#over ??= this.#explain(error) })
  }

  /** @throws MeshError */
  static async begin(send: SendRequest, database: string, { readOnly = false, timeoutMs = timeoutMsDefault, signal, ...rest }: TransactionOptions): Promise<OpenTransaction> {
    const id = randomBytes(16).toString('hex')
    // A node that knows no transactions of several statements refuses these words.
    const request: QueryRequest = { ...toRequest(readOnly ? 'BEGIN READ ONLY' : 'BEGIN', { ...rest, database, timeoutMs }), access: readOnly ? 'read' : 'write' }
    signal?.throwIfAborted()
    return new OpenTransaction(send, request, id, await send({ ...request, transaction: { id, step: 'begin' } }, signal))
  }

  async query(sql: string, { parameters, timeoutMs = stepTimeoutMsDefault, signal }: TransactionQueryOptions = {}): Promise<QueryResult> {
    if (this.#over !== null) throw this.#over
    const { parameters: given, timeoutMs: boundMs } = toRequest(sql, { database: this.#request.database, timeoutMs, ...(parameters === undefined ? {} : { parameters }) })
    const [{ ClientQueryResult }, response] = await Promise.all([import('./query-result.ts'), this.#step('statement', { sql, parameters: given, timeoutMs: boundMs }, signal)])
    const batches = this.#told(response.batches[Symbol.asyncIterator]())
    try {
      const result = new ClientQueryResult({ ...response, batches, trailer: () => response.trailer() })
      this.#batches = batches
      return result
    } catch (error) {
      await batches.return?.()
      throw error
    }
  }

  /** @throws MeshError */
  async commit(): Promise<void> {
    if (this.#over !== null) throw this.#over
    await this.#batches?.return?.()
    // Whatever comes of it, it has ended for the program.
    const committing = this.#step('commit', { sql: 'COMMIT' })
    this.#over = endedError()
    try {
      const batches = (await committing).batches[Symbol.asyncIterator]()
      while ((await batches.next()).done !== true);
    } catch (error) {
      throw transactionLoss(error, 'commit')
    } finally {
      await this.#begin.return?.()
    }
  }

  /** Never rejects: what could not be told to the node, it does by itself once the begin is given up. */
  async rollback(): Promise<void> {
    if (this.#over !== null) return
    const rollingBack = this.#step('rollback', { sql: 'ROLLBACK' })
    this.#over = endedError()
    // Waited for, so that whoever tries again at once finds nothing locked.
    await Promise.allSettled([rollingBack])
    await this.#begin.return?.()
  }

  async #step(step: Exclude<TransactionStep['step'], 'begin'>, changes: Partial<QueryRequest>, signal?: AbortSignal): Promise<QueryResponse> {
    try {
      return await this.#send({ ...this.#request, access: 'unknown', timeoutMs: stepTimeoutMsDefault, ...changes, transaction: { id: this.#id, step } }, signal)
    } catch (error) {
      throw this.#failed(error, step)
    }
  }

  /** What the node said of the end, rather than that there is nothing any more. */
  #failed(error: unknown, step: TransactionStep['step']): unknown {
    const loss = transactionLoss(error, step)
    if (step === 'statement' && loss instanceof MeshError && loss.code === 'ERR_TRANSACTION_LOST') this.#over ??= loss
    return loss
  }

  #explain(error: unknown): unknown {
    if (error instanceof MeshError && error.code === 'ERR_QUERY_TIMEOUT') {
      return new MeshError('ERR_QUERY_TIMEOUT', `the transaction took longer than ${this.#request.timeoutMs} ms and was rolled back`, { nextStep: 'Give it more time with timeoutMs, or do less in one.', details: { started: 'no' }, cause: error })
    }
    return transactionLoss(error, 'begin')
  }

  /** Not a generator: one that was never started would not pass on its `return`. */
  #told(batches: AsyncIterator<EngineBatch>): AsyncIterableIterator<EngineBatch, undefined> {
    const iterator: AsyncIterableIterator<EngineBatch, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        try {
          const { done, value } = await batches.next() as IteratorResult<EngineBatch, undefined>
          return done === true ? { done, value: undefined } : { done: false, value }
        } catch (error) {
          throw this.#failed(error, 'statement')
        }
      },
      return: async () => {
        await batches.return?.()
        return { done: true, value: undefined }
      },
    }
    return iterator
  }
}

function endedError(): MeshError {
  return new MeshError('ERR_TRANSACTION_LOST', 'the transaction has ended', { details: { started: 'no' } })
}
