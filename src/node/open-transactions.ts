/**
 * The transactions that run on this node: each holds one of its engine, and ends with the answer to its begin, which its client or peer keeps open.
 * Whoever gives that up rolls back: a killed client, a lost peer, a node that has drained.
 *
 * A statement runs beside the places of the gate. Its transaction may have locked what all those who have the places are waiting for, and
 * then they would wait for it and it for them. What is open is bounded instead, and beginning waits at the gate as every query does.
 */
import type { TransactionCounters, TransactionEnd, TransactionTable } from '../core/transactions/transaction-table.ts'
import { MeshError } from '../errors.ts'
import type { EngineBatch, EngineTransaction, QueryEngine } from '../ports/query-engine.ts'
import { ExplainedBatches } from '../query/passed-batches.ts'
import type { QueryRequest, QueryResponse, RouteReport } from '../query/types.ts'
import { encodeColumnsHeader } from '../wire/results/columns-format.ts'
import type { EngineUses } from './engine-uses.ts'
import { executeGated } from './gated-engine.ts'
import { type LocalRunParts, runLocally } from './local-run.ts'
import { MachineTimer } from './machine-timer.ts'
import type { QueryGateDriver, Ticket } from './query-gate-driver.ts'

export interface OpenTransactionsParts extends LocalRunParts {
  readonly table: TransactionTable
  readonly engines: ReadonlyMap<string, QueryEngine>
  readonly gate: QueryGateDriver
  /** Absent: no engine is closed before the node stops. */
  readonly uses?: EngineUses
  /** Why this node, in a minority, must not take it; null when it may. */
  readonly refusalOf: (access: QueryRequest['access']) => MeshError | null
  readonly countRunning: (change: 1 | -1) => void
  /** What wrote was committed, or may have been. */
  readonly onWritten: (database: string, session: string | null) => void
}

export interface StepContext {
  readonly signal: AbortSignal
  readonly deadlineMs: number
  readonly route: RouteReport
}

interface Open {
  readonly id: string
  readonly database: string
  readonly access: 'read' | 'write'
  readonly session: string | null
  readonly transaction: EngineTransaction
  /** Settles when it has ended. */
  readonly lease: PromiseWithResolvers<void>
  /** Its end is under way. */
  ending: Promise<void> | null
  /** Whoever began it is gone. */
  isLeft: boolean
}

/** At the gate and at the engine together: for longer another copy is worth asking. */
const BEGIN_TIMEOUT_MS = 20_000
/** Twice as long as clients wait for one. */
const COMMIT_TIMEOUT_MS = 60_000

/** Ends of a statement after which the transaction is as it was. */
const harmless: ReadonlySet<string> = new Set(['ERR_TRANSACTION_BUSY', 'ERR_TRANSACTION_ABORTED', 'ERR_TRANSACTION_LOST'])

export class OpenTransactions {
  readonly #parts: OpenTransactionsParts
  readonly #open = new Map<string, Open>()
  readonly #timer: MachineTimer

  constructor(parts: OpenTransactionsParts) {
    this.#parts = parts
    this.#timer = new MachineTimer(parts.clock, parts.table, (nowMs) => { this.#handleTimeout(nowMs) })
  }

  get counters(): TransactionCounters & { readonly open: number } {
    return { open: this.#parts.table.open, ...this.#parts.table.counters }
  }

  /**
   * Answered at once; its batches end, without one, when the transaction does.
   * @throws MeshError ERR_TRANSACTION_UNSUPPORTED, ERR_OVERLOADED, ERR_QUERY_TIMEOUT, and as `QueryEngine.begin`
   */
  async begin(id: string, request: QueryRequest, context: StepContext & { readonly session: string | null }): Promise<QueryResponse> {
    const { uses } = this.#parts
    uses?.handleStart(request.database, 'transactions')
    try {
      return await this.#begin(id, request, context)
    } catch (error) {
      uses?.handleEnd(request.database, 'transactions')
      throw error
    }
  }

  async #begin(id: string, request: QueryRequest, { signal, deadlineMs, route, session }: StepContext & { readonly session: string | null }): Promise<QueryResponse> {
    const { table, engines, gate, clock } = this.#parts
    const engine = engines.get(request.database)
    if (engine === undefined) throw new MeshError('ERR_NOT_SERVING', `${request.database} is not served here`, { details: { started: 'no' } })
    if (engine.begin === undefined) throw unsupportedError(engine)
    const beginAtEngine = engine.begin.bind(engine)
    // Who finds no place in the table then need not wait at the gate before; who waits there has none, or it would keep one from others.
    if (table.isFull) this.#takePlace(id)
    const boundMs = Math.min(deadlineMs, clock.nowMs() + BEGIN_TIMEOUT_MS)
    const ticket = gate.tryEnter(request.priority) ?? await this.#enter(request.priority, { signal, deadlineMs, boundMs })
    const startedMs = clock.nowMs()
    const access = request.access === 'read' ? 'read' : 'write'
    const loss = Promise.withResolvers<MeshError>()
    let transaction: EngineTransaction
    let outcome: 'completed' | 'failed' = 'failed'
    try {
      this.#takePlace(id)
      transaction = await this.#withinBound(boundMs, signal, async (life) => await beginAtEngine({ access, signal: life, idleTimeoutMs: table.options.idleMs, timeoutMs: table.options.lifetimeMs, onLost: loss.resolve })).catch((error: unknown) => {
        this.#forget(id, 'lost')
        throw error
      })
      outcome = 'completed'
    } finally {
      ticket.finish(signal.aborted ? 'cancelled' : outcome, clock.nowMs() - startedMs, `${request.database} begin`)
    }
    const lease = Promise.withResolvers<void>()
    // Its reader may be gone already.
    lease.promise.catch(() => undefined)
    const open: Open = { id, database: request.database, access, session, transaction, lease, ending: null, isLeft: false }
    this.#open.set(id, open)
    void loss.promise.then((error) => this.#rollBack(open, 'lost', error))
    table.handleFinish(clock.nowMs(), id)
    this.#timer.rearm()
    const onAbort = (): void => {
      open.isLeft = true
      void this.#rollBack(open, 'lost', goneError())
    }
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const left = async (): Promise<void> => {
      signal.removeEventListener('abort', onAbort)
      open.isLeft = true
      await this.#rollBack(open, 'rolled-back', null)
    }
    return { format: 'raw', header: new Uint8Array(0), route, batches: untilEnd(lease.promise, left), trailer: () => null }
  }

  /** @throws MeshError ERR_TRANSACTION_LOST, ERR_TRANSACTION_BUSY, ERR_TRANSACTION_ABORTED, and as any query */
  async execute(id: string, request: QueryRequest, context: StepContext): Promise<QueryResponse> {
    const { table, gate, clock, countRunning, refusalOf } = this.#parts
    const { signal, deadlineMs, route } = context
    const open = this.#find(id)
    const refusal = refusalOf(open.access)
    if (refusal !== null) throw refusal
    table.handleStart(clock.nowMs(), id)
    countRunning(1)
    const admitting = { tryEnter: () => gate.admit(), enter: () => Promise.resolve(gate.admit()), services: gate.services }
    const engine = { database: open.database, execute: (asked: Parameters<EngineTransaction['execute']>[0]) => open.transaction.execute(asked) }
    return await runLocally(this.#parts, {
      route, signal,
      execute: async () => {
        try {
          const result = await executeGated({ gate: admitting, clock }, engine, { ...request, deadlineMs, signal })
          return { ...result, batches: new ExplainedBatches(result.batches, withConsequence) }
        } catch (error) {
          if (error instanceof MeshError && error.code === 'ERR_TRANSACTION_LOST') void this.#rollBack(open, 'lost', error)
          throw withConsequence(error)
        }
      },
      release: () => {
        table.handleFinish(clock.nowMs(), id)
        this.#timer.rearm()
        countRunning(-1)
      },
    })
  }

  /** @throws MeshError as `EngineTransaction.commit` */
  async commit(id: string, context: StepContext): Promise<QueryResponse> {
    const { table, gate, clock, refusalOf, onWritten } = this.#parts
    const open = this.#find(id)
    const refusal = refusalOf(open.access)
    if (refusal !== null) {
      await this.#rollBack(open, 'rolled-back', null)
      throw refusal
    }
    table.handleStart(clock.nowMs(), id)
    const ticket = gate.admit()
    const startedMs = clock.nowMs()
    // A client that goes now changes nothing any more, and neither does its timeout.
    const committing = this.#commitWithin(open.transaction)
    open.ending = committing.catch(() => undefined)
    let end: TransactionEnd | null = 'rolled-back'
    let mayBeWritten = false
    try {
      await committing
      end = 'committed'
      mayBeWritten = true
    } catch (error) {
      if (error instanceof MeshError && error.code === 'ERR_TRANSACTION_BUSY') end = null
      mayBeWritten = error instanceof MeshError && error.code === 'ERR_QUERY_AMBIGUOUS'
      throw error
    } finally {
      ticket.finish(end === 'committed' ? 'completed' : 'failed', clock.nowMs() - startedMs, `${open.database} commit`)
      table.handleFinish(clock.nowMs(), id)
      if (end === null) {
        open.ending = null
        // What came meanwhile was put off for the commit.
        if (open.isLeft) await this.#rollBack(open, 'lost', goneError())
      } else this.#settle(open, end, null)
      if (mayBeWritten && open.access === 'write') onWritten(open.database, open.session)
      this.#timer.rearm()
    }
    return this.#done(context.route)
  }

  async rollback(id: string, context: StepContext): Promise<QueryResponse> {
    await this.#rollBack(this.#find(id), 'rolled-back', null)
    return this.#done(context.route)
  }

  stop(): void {
    this.#timer.stop()
  }

  /** @throws MeshError when there is none */
  #takePlace(id: string): void {
    const { table, clock } = this.#parts
    const refusal = table.begin(clock.nowMs(), id)
    if (refusal === 'full') throw new MeshError('ERR_OVERLOADED', `${table.open} transactions are open here, which is the limit`, { details: { started: 'no', reason: 'transactions' } })
    if (refusal === 'known') throw new MeshError('ERR_PROTOCOL', 'a transaction of this id is open already', { details: { started: 'no' } })
    this.#timer.rearm()
  }

  /** The time of a begin is that of the whole transaction, which is no time to wait in. */
  async #enter(priority: QueryRequest['priority'], { signal, deadlineMs, boundMs }: { readonly signal: AbortSignal; readonly deadlineMs: number; readonly boundMs: number }): Promise<Ticket> {
    try {
      return await this.#parts.gate.enter(priority, { signal, deadlineMs: boundMs })
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== 'ERR_QUERY_TIMEOUT' || boundMs >= deadlineMs) throw error
      throw new MeshError('ERR_OVERLOADED', `no place became free for ${BEGIN_TIMEOUT_MS} ms`, { details: { started: 'no', reason: 'transactions' } })
    }
  }

  /** An engine that has not begun in time, or whose caller is gone, is left; what it begins after that is rolled back. */
  async #withinBound(boundMs: number, signal: AbortSignal, begin: (life: AbortSignal) => Promise<EngineTransaction>): Promise<EngineTransaction> {
    const { clock } = this.#parts
    const late = new AbortController()
    const life = AbortSignal.any([signal, late.signal])
    const left = Promise.withResolvers<never>()
    const onAbort = (): void => { left.reject(life.reason) }
    if (life.aborted) onAbort()
    life.addEventListener('abort', onAbort, { once: true })
    const timer = clock.setTimer(Math.max(0, boundMs - clock.nowMs()), () => { late.abort(new MeshError('ERR_NOT_SERVING', 'the engine did not begin the transaction in time', { details: { started: 'no' } })) })
    const beginning = begin(life)
    try {
      return await Promise.race([beginning, left.promise])
    } catch (error) {
      beginning.then((transaction) => transaction.rollback(), () => undefined)
      throw error
    } finally {
      timer.cancel()
      life.removeEventListener('abort', onAbort)
    }
  }

  /** One that an engine never answers must not hold its place for ever. */
  async #commitWithin(transaction: EngineTransaction): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = this.#parts.clock.setTimer(COMMIT_TIMEOUT_MS, () => { late.reject(new MeshError('ERR_QUERY_AMBIGUOUS', `the engine did not answer the commit for ${COMMIT_TIMEOUT_MS} ms`)) })
    try {
      await Promise.race([transaction.commit(), late.promise])
    } finally {
      timer.cancel()
    }
  }

  #find(id: string): Open {
    const open = this.#open.get(id)
    if (open !== undefined && open.ending === null) return open
    throw noSuchTransaction()
  }

  #handleTimeout(nowMs: number): void {
    const { table } = this.#parts
    for (const { id, reason } of table.handleTimeout(nowMs)) {
      const open = this.#open.get(id)
      const bound = reason === 'idle' ? `had no statement for ${table.options.idleMs} ms` : `was open for ${table.options.lifetimeMs} ms`
      // One that the engine has yet to begin ends by its own bound.
      if (open !== undefined) void this.#rollBack(open, reason, new MeshError('ERR_TRANSACTION_LOST', `the transaction ${bound}, which is the limit, and was rolled back`, { details: { reason } }))
    }
  }

  #rollBack(open: Open, end: TransactionEnd, error: MeshError | null): Promise<void> {
    return (open.ending ??= open.transaction.rollback().then(() => { this.#settle(open, end, error) }))
  }

  #settle(open: Open, end: TransactionEnd, error: MeshError | null): void {
    this.#open.delete(open.id)
    this.#parts.uses?.handleEnd(open.database, 'transactions')
    this.#forget(open.id, end)
    if (error === null) open.lease.resolve()
    else open.lease.reject(error)
  }

  #forget(id: string, end: TransactionEnd): void {
    this.#parts.table.end(this.#parts.clock.nowMs(), id, end)
    this.#timer.rearm()
  }

  #done(route: RouteReport): QueryResponse {
    return { format: 'columns', header: encodeColumnsHeader([]), route, batches: nothing(), trailer: () => ({ rows: 0, engineMs: 0, load: this.#parts.localLoad() }) }
  }
}

export function unsupportedError({ kind, database }: QueryEngine): MeshError {
  return new MeshError('ERR_TRANSACTION_UNSUPPORTED', `the engine ${kind} of ${database} runs single statements only`, { details: { started: 'no' } })
}

export function noSuchTransaction(): MeshError {
  return new MeshError('ERR_TRANSACTION_LOST', 'no such transaction is open here any more', { details: { started: 'no' } })
}

function goneError(): MeshError {
  return new MeshError('ERR_TRANSACTION_LOST', 'whoever began the transaction is gone')
}

/** Not a generator: one that was never started would not pass on its `return`. */
function untilEnd(ended: Promise<void>, left: () => Promise<void>): AsyncIterableIterator<EngineBatch, undefined> {
  const iterator: AsyncIterableIterator<EngineBatch, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    next: async () => {
      await ended
      return { done: true, value: undefined }
    },
    return: async () => {
      await left()
      return { done: true, value: undefined }
    },
  }
  return iterator
}

async function* nothing(): AsyncGenerator<EngineBatch, void, void> {
  // A step without rows.
}

/** Whoever reads the error of a statement shall not think that the others before it were kept. */
function withConsequence(error: unknown): unknown {
  if (!(error instanceof MeshError) || harmless.has(error.code)) return error
  return new MeshError(error.code, error.message, { nextStep: `${error.nextStep} The transaction is broken: of its other statements nothing is kept either.`, details: { ...error.details, transaction: 'aborted' }, cause: error.cause })
}
