/** A query that is answered here: it counts until its batches have ended, or its caller is gone, whichever is first. */
import type { LoadDigest } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineBatch, EngineResult } from '../ports/query-engine.ts'
import { PassedBatches } from '../query/passed-batches.ts'
import type { QueryResponse, QueryTrailer, RouteReport } from '../query/types.ts'

export interface LocalRunParts {
  readonly clock: Clock
  readonly localLoad: () => LoadDigest
}

export interface LocalRunInput {
  /** Runs it: the engine, or what stands for it. */
  readonly execute: () => Promise<EngineResult>
  readonly route: RouteReport
  readonly signal: AbortSignal
  /** Once, when it has ended. */
  readonly release: () => void
}

export async function runLocally(parts: LocalRunParts, { execute, route, signal, release }: LocalRunInput): Promise<QueryResponse> {
  const run = new LocalRun(parts, signal, release)
  try {
    const result = await execute()
    run.started()
    return { format: result.format, header: result.header, route, batches: new CountedBatches(result.batches, run), trailer: () => run.trailer }
  } catch (error) {
    run.finish()
    throw error
  }
}

class LocalRun {
  rows = 0
  trailer: QueryTrailer | null = null
  readonly #parts: LocalRunParts
  readonly #signal: AbortSignal
  readonly #startedMs: number
  #release: (() => void) | null
  readonly #onAbort = (): void => { this.finish() }

  constructor(parts: LocalRunParts, signal: AbortSignal, release: () => void) {
    this.#parts = parts
    this.#signal = signal
    this.#startedMs = parts.clock.nowMs()
    this.#release = release
  }

  /** From here on an abort frees the place, whoever still holds the batches. */
  started(): void {
    if (this.#signal.aborted) this.finish()
    else this.#signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  complete(): void {
    // Its own place is free again: the load says what the next query will find.
    this.finish()
    this.trailer = { rows: this.rows, engineMs: this.#parts.clock.nowMs() - this.#startedMs, load: this.#parts.localLoad() }
  }

  finish(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#release?.()
    this.#release = null
  }
}

class CountedBatches extends PassedBatches {
  readonly #run: LocalRun

  constructor(batches: AsyncIterable<EngineBatch>, run: LocalRun) {
    super(batches)
    this.#run = run
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch {
    this.#run.rows += batch.rows
    return batch
  }

  protected override handleCompleted(): void {
    this.#run.complete()
  }

  protected override handleEnded(): void {
    this.#run.finish()
  }
}
