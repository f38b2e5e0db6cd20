/** Runs an engine behind the gate: the place is held from the start of the engine to the end of its batches, and freed whichever way that comes. */
import { queryKind } from '../core/admission/query-kind.ts'
import type { Priority } from '../core/routing/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { Access, EngineBatch, EngineResult, QueryEngine, QueryValue } from '../ports/query-engine.ts'
import { PassedBatches } from '../query/passed-batches.ts'
import type { EngineUses } from './engine-uses.ts'
import type { QueryGateDriver, Ticket } from './query-gate-driver.ts'
import type { ServiceRun } from './service-watch.ts'

export interface GatedRequest {
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  readonly priority: Priority
  readonly access: Access | 'unknown'
  /** What it is a step of, if it is one. */
  readonly transaction?: object | undefined
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** @throws MeshError ERR_OVERLOADED, ERR_QUERY_TIMEOUT before it starts, and what the engine throws */
export async function executeGated(
  { gate, clock, uses }: { readonly gate: Pick<QueryGateDriver, 'tryEnter' | 'enter' | 'services'>; readonly clock: Clock; readonly uses?: EngineUses }, engine: Pick<QueryEngine, 'database' | 'execute' | 'isPrivate'>, { sql, parameters, priority, access, transaction, deadlineMs, signal }: GatedRequest,
): Promise<EngineResult> {
  // What tells of an overload must not wait behind it.
  if (engine.isPrivate === true) return await engine.execute({ sql, parameters, signal, timeoutMs: Math.max(1, deadlineMs - clock.nowMs()) })
  // From its place in the line on: it waits for this engine.
  uses?.handleStart(engine.database, 'queries')
  const leave = (): void => { uses?.handleEnd(engine.database, 'queries') }
  const ticket = gate.tryEnter(priority) ?? await gate.enter(priority, { signal, deadlineMs }).catch((error: unknown) => {
    leave()
    throw error
  })
  // Others may wait for locks, here and wherever they might be sent.
  const run = access === 'read' && transaction === undefined ? gate.services.start(engine.database) : null
  const work = new Work(ticket, { kind: queryKind(engine.database, sql), run, signal, clock, leave, explain: (error) => (signal.aborted ? error : uses?.explain(engine.database, error) ?? error) })
  try {
    const result = await engine.execute({ sql, parameters, signal, timeoutMs: Math.max(1, deadlineMs - clock.nowMs()) })
    work.rests()
    work.answered()
    work.watch()
    return { ...result, batches: new WatchedBatches(result.batches, work) }
  } catch (error) {
    const explained = work.explain(error)
    work.end('failed')
    throw explained
  }
}

/** How long the engine was at it, without the time in which it waited for its reader. */
class Work {
  readonly #kind: string
  readonly #run: ServiceRun | null
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #leave: () => void
  /** What an error means of an engine that was taken from under its query. Before the end, with which it is not known any more. */
  readonly explain: (error: unknown) => unknown
  #ticket: Ticket | null
  #sinceMs: number | null
  #serviceMs = 0
  readonly #onAbort = (): void => { this.end('cancelled') }

  constructor(ticket: Ticket, { kind, run, signal, clock, leave, explain }: { readonly kind: string; readonly run: ServiceRun | null; readonly signal: AbortSignal; readonly clock: Clock; readonly leave: () => void; readonly explain: (error: unknown) => unknown }) {
    this.#ticket = ticket
    this.#leave = leave
    this.explain = explain
    this.#kind = kind
    this.#run = run
    this.#signal = signal
    this.#clock = clock
    this.#sinceMs = clock.nowMs()
  }

  /** From here on an abort frees the place, whoever still holds the batches. */
  watch(): void {
    if (this.#signal.aborted) this.end('cancelled')
    else this.#signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  answered(): void {
    this.#run?.answered()
  }

  /** A batch is there, and goes to its reader. */
  yields(): void {
    this.rests()
    this.#run?.end('completed', this.#serviceMs)
  }

  resumes(): void {
    this.#run?.asked()
    this.#sinceMs ??= this.#clock.nowMs()
  }

  rests(): void {
    if (this.#sinceMs !== null) this.#serviceMs += this.#clock.nowMs() - this.#sinceMs
    this.#sinceMs = null
  }

  end(outcome: 'completed' | 'failed' | 'cancelled'): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.rests()
    if (this.#ticket === null) return
    const ended = this.#signal.aborted ? 'cancelled' : outcome
    this.#run?.end(ended, this.#serviceMs)
    this.#ticket.finish(ended, this.#serviceMs, this.#kind)
    this.#ticket = null
    this.#leave()
  }
}

class WatchedBatches extends PassedBatches {
  readonly #work: Work

  constructor(batches: AsyncIterable<EngineBatch>, work: Work) {
    super(batches)
    this.#work = work
  }

  protected override handleAsked(): void {
    this.#work.resumes()
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch {
    this.#work.yields()
    return batch
  }

  protected override explain(error: unknown): unknown {
    return this.#work.explain(error)
  }

  protected override handleCompleted(): void {
    this.#work.end('completed')
  }

  protected override handleEnded(): void {
    this.#work.end('failed')
  }
}
