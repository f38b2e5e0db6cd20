/** The queries that ended here lately, and what became of each: of clients of this node, and of peers that sent theirs. */
import { Ring } from '../core/time/ring.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import type { SpanAttributes, SpanKind, TraceSpan, Tracing } from '../ports/tracing.ts'
import { PassedBatches } from '../query/passed-batches.ts'
import { spanForm } from '../query/span-form.ts'
import type { QueryContext, QueryHandler, QueryRequest, QueryResponse, QueryWatch, RouteReport } from '../query/types.ts'
import type { QueryDecision, QueryRecord } from '../wire/operations-views.ts'

/** So many are kept. */
export const QUERY_LOG_SIZE = 1_000
export const LOGGED_SQL_CHARS_MAX = 1_000

export interface QueryLogParts {
  readonly clock: Clock
  readonly mode: 'full' | 'redacted' | 'off'
  readonly self: { readonly peerId: string; readonly name: string }
  readonly nameOf: (peerId: string) => string
  /** Each, as it ends; whatever is kept. */
  readonly onEnd: (record: QueryRecord) => void
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined
}

export class QueryLog {
  readonly #parts: QueryLogParts
  readonly #records = new Ring<QueryRecord>(QUERY_LOG_SIZE)
  #nextId = 1

  constructor(parts: QueryLogParts) {
    this.#parts = parts
  }

  /** The oldest first; empty where none are kept. */
  recent(): QueryRecord[] {
    return this.#records.list()
  }

  /** The same handler, looked upon. Steps of transactions are queries too; their begin, commit and rollback are not. */
  watched(handler: QueryHandler): QueryHandler {
    return async (request, context) => {
      if (request.transaction !== undefined && request.transaction.step !== 'statement') return await handler(request, context)
      const query = new WatchedQuery(this.#parts, request, (record) => this.#handleEnd(record))
      let response: QueryResponse
      try {
        const { span } = query
        response = span === null
          ? await handler(request, watchedContext(context, query))
          : await span.run(() => handler({ ...request, traceparent: span.traceparent }, watchedContext(context, query)))
      } catch (error) {
        query.fail(error, context.signal)
        throw error
      }
      query.answered(response)
      return { ...response, trailer: () => response.trailer(), batches: new WatchedBatches(response, query, context) }
    }
  }

  #handleEnd(record: Omit<QueryRecord, 'id'>): void {
    const numbered = { id: this.#nextId++, ...record }
    if (this.#parts.mode !== 'off') this.#records.push(numbered)
    this.#parts.onEnd(numbered)
  }
}

class WatchedQuery implements QueryWatch {
  readonly #parts: QueryLogParts
  readonly #request: QueryRequest
  readonly #onEnd: (record: Omit<QueryRecord, 'id'>) => void
  readonly #startedMs: number
  readonly #startedWallMs: number
  readonly span: TraceSpan | null
  #access: QueryRequest['access']
  #priority: QueryRequest['priority']
  #decision: QueryDecision = 'failed'
  #decisionUs: number | null = null
  #reason = ''
  #strategy = ''
  #firstAnswerMs: number | null = null
  #askedLast: string | null = null
  #route: RouteReport | null = null
  #isEnded = false
  rows = 0

  constructor(parts: QueryLogParts, request: QueryRequest, onEnd: (record: Omit<QueryRecord, 'id'>) => void) {
    this.#parts = parts
    this.#request = request
    this.#onEnd = onEnd
    this.#startedMs = parts.clock.nowMs()
    this.#startedWallMs = parts.clock.wallMs()
    this.span = parts.tracing === undefined ? null : startSpan(parts.tracing, request, parts.mode)
    this.#access = request.access
    this.#priority = request.priority
  }

  startSpan(name: string, kind: SpanKind, attributes: SpanAttributes): TraceSpan | null {
    return this.span?.child(name, { kind, attributes }) ?? null
  }

  handleAttempt(peerId: string): void {
    this.#askedLast = peerId
  }

  handleClassified(access: QueryRequest['access'], priority: QueryRequest['priority']): void {
    this.#access = access
    this.#priority = priority
  }

  handleDecision(kind: 'local' | 'forward' | 'local-overloaded' | 'refuse', decisionUs: number, { reason, strategy }: { readonly reason: string; readonly strategy: string }): void {
    this.#decision = kind === 'refuse' ? 'refused' : kind
    this.#decisionUs = decisionUs
    this.#reason = reason
    this.#strategy = strategy
    this.span?.child('route', { kind: 'internal', sinceMs: decisionUs / 1_000, attributes: { 'reedbase.decision': kind, 'reedbase.reason': reason, 'reedbase.strategy': strategy } }).end()
  }

  answered({ route }: QueryResponse): void {
    this.#firstAnswerMs = this.#parts.clock.nowMs() - this.#startedMs
    this.#route = route
    // Steps of transactions go where those are, undecided.
    if (this.#decision === 'failed') this.#decision = route?.decision ?? 'local'
  }

  fail(error: unknown, signal: AbortSignal): void {
    const code = error instanceof MeshError ? error.code : 'ERR_INTERNAL'
    this.#end(signal.aborted ? 'cancelled' : 'error', code, null, error)
  }

  complete(engineMs: number | null): void {
    this.#end('ok', null, engineMs)
  }

  leave(): void {
    this.#end('cancelled', null, null)
  }

  #end(outcome: QueryRecord['outcome'], code: string | null, engineMs: number | null, error?: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#endSpan(outcome, error)
    const { clock, mode, self, nameOf } = this.#parts
    const { database, sql, visited } = this.#request
    const [entry] = visited
    const route = this.#route
    const isHere = this.#firstAnswerMs !== null && route === null
    // Whoever was at it when its caller left.
    const left = outcome === 'cancelled' && this.#askedLast !== null ? { peerId: this.#askedLast, name: nameOf(this.#askedLast) } : null
    this.#onEnd({
      startedWallMs: this.#startedWallMs, durationMs: clock.nowMs() - this.#startedMs, firstAnswerMs: this.#firstAnswerMs,
      database, sql: mode === 'full' ? sql.slice(0, LOGGED_SQL_CHARS_MAX) : '', access: this.#access, priority: this.#priority,
      sentBy: entry === undefined ? null : nameOf(entry),
      // Whoever was to forward it, and found nobody, ran it.
      decision: route?.decision ?? this.#decision, executedBy: route?.executedBy ?? (isHere ? self : left), latencyMs: route?.latencyMs ?? null,
      reason: route?.reason ?? this.#reason, strategy: route?.strategy ?? this.#strategy, failedAttempts: route?.failedAttempts ?? [], decisionUs: this.#decisionUs,
      rows: this.rows, engineMs, outcome, code, traceId: this.span?.traceId ?? null,
    })
  }

  #endSpan(outcome: QueryRecord['outcome'], error: unknown): void {
    if (this.span === null) return
    const executedBy = this.#route?.executedBy
    this.span.set({
      'db.response.returned_rows': this.rows, 'reedbase.decision': this.#route?.decision ?? this.#decision, 'reedbase.outcome': outcome, 'reedbase.access': this.#access,
      ...(executedBy === undefined ? {} : { 'reedbase.executed_by': executedBy.name }),
    })
    // Who left before the end has not met an error.
    this.span.end(outcome === 'error' ? error : undefined)
  }
}

function startSpan(tracing: Tracing, request: QueryRequest, mode: QueryLogParts['mode']): TraceSpan {
  const { name, attributes } = spanForm(request)
  const { sql, transaction, visited, traceparent: parent = '' } = request
  return tracing.start(name, {
    kind: 'server', parent,
    attributes: {
      ...attributes, ...(mode === 'full' ? { 'db.query.text': sql.slice(0, LOGGED_SQL_CHARS_MAX) } : {}),
      'reedbase.hops': visited.length, ...(transaction === undefined ? {} : { 'reedbase.transaction': transaction.id }),
    },
  })
}

class WatchedBatches extends PassedBatches {
  readonly #response: QueryResponse
  readonly #query: WatchedQuery
  readonly #context: QueryContext

  constructor(response: QueryResponse, query: WatchedQuery, context: QueryContext) {
    super(response.batches)
    this.#response = response
    this.#query = query
    this.#context = context
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch {
    this.#query.rows += batch.rows
    return batch
  }

  protected override handleCompleted(): void {
    this.#query.complete(this.#response.trailer()?.engineMs ?? null)
  }

  protected override handleEnded(): void {
    this.#query.leave()
  }

  protected override explain(error: unknown): unknown {
    this.#query.fail(error, this.#context.signal)
    return error
  }
}

/** Not a spread: what a served query hands over makes its signal when that is first looked at, by a getter that a spread would lose. */
function watchedContext(context: QueryContext, watch: QueryWatch): QueryContext {
  return { remote: context.remote, watch, get signal() { return context.signal } }
}
