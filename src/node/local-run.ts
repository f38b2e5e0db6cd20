/** A query that runs here: it holds a place until its batches have ended, or its caller is gone, whichever is first. */
import type { LoadDigest } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineBatch, QueryEngine } from '../ports/query-engine.ts'
import type { QueryRequest, QueryResponse, QueryTrailer, RouteReport } from '../query/types.ts'

export interface LocalRunParts {
  readonly clock: Clock
  readonly localLoad: () => LoadDigest
}

export type LocalOutcome = 'completed' | 'failed' | 'cancelled'

export interface LocalRunInput {
  readonly engine: QueryEngine
  readonly request: Pick<QueryRequest, 'sql' | 'parameters' | 'timeoutMs'>
  readonly route: RouteReport
  readonly signal: AbortSignal
  /** Once, when its place is free again; `serviceMs` is the engine's time, without that in which it waited for its reader. */
  readonly release: (outcome: LocalOutcome, serviceMs: number) => void
}

export async function runLocally(parts: LocalRunParts, { engine, request, route, signal, release }: LocalRunInput): Promise<QueryResponse> {
  const run = new LocalRun(parts, signal, release)
  try {
    const result = await engine.execute({ sql: request.sql, parameters: request.parameters, signal, timeoutMs: request.timeoutMs })
    run.worked()
    run.started()
    return { format: result.format, header: result.header, route, batches: pullThrough(result.batches, run), trailer: () => run.trailer }
  } catch (error) {
    run.finish('failed')
    throw error
  }
}

class LocalRun {
  rows = 0
  trailer: QueryTrailer | null = null
  readonly #parts: LocalRunParts
  readonly #signal: AbortSignal
  readonly #startedMs: number
  /** Since when the engine works on what is asked of it; null while its reader has not asked for more. */
  #workingSinceMs: number | null
  #serviceMs = 0
  #release: ((outcome: LocalOutcome, serviceMs: number) => void) | null
  readonly #onAbort = (): void => { this.finish('cancelled') }

  constructor(parts: LocalRunParts, signal: AbortSignal, release: (outcome: LocalOutcome, serviceMs: number) => void) {
    this.#parts = parts
    this.#signal = signal
    this.#startedMs = parts.clock.nowMs()
    this.#workingSinceMs = this.#startedMs
    this.#release = release
  }

  /** From here on an abort frees the place: a generator that is never started runs no `finally`. */
  started(): void {
    if (this.#signal.aborted) this.finish('cancelled')
    else this.#signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** The reader asks for more. */
  works(): void {
    this.#workingSinceMs ??= this.#parts.clock.nowMs()
  }

  /** It has what it asked for. */
  worked(): void {
    if (this.#workingSinceMs !== null) this.#serviceMs += this.#parts.clock.nowMs() - this.#workingSinceMs
    this.#workingSinceMs = null
  }

  complete(): void {
    // Its own place is free again: the load says what the next query will find.
    this.finish('completed')
    this.trailer = { rows: this.rows, engineMs: this.#parts.clock.nowMs() - this.#startedMs, load: this.#parts.localLoad() }
  }

  finish(outcome: LocalOutcome): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.worked()
    this.#release?.(this.#signal.aborted ? 'cancelled' : outcome, this.#serviceMs)
    this.#release = null
  }
}

/** Not inside a method: V8 keeps something of each async generator function made there until the next full collection (see query/query-table.ts). */
async function* pullThrough(batches: AsyncIterable<EngineBatch>, run: LocalRun): AsyncGenerator<EngineBatch, void, void> {
  try {
    run.works()
    for await (const batch of batches) {
      run.worked()
      run.rows += batch.rows
      yield batch
      run.works()
    }
    run.complete()
  } finally {
    run.finish('failed')
  }
}
