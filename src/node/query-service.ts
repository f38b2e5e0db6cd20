/**
 * Runs a query where the router says: here, or on a peer with failover to the next. The one place where routing meets engines and
 * streams. A relayed result is passed on undecoded.
 */
import { MeshError } from '../errors.ts'
import { decide, type RoutingOptions } from '../core/routing/decide.ts'
import type { RetryBudget } from '../core/routing/retry-budget.ts'
import type { Decision, LocalView, PeerView } from '../core/routing/types.ts'
import type { LoadDigest } from '../core/membership/types.ts'
import type { Random } from '../core/time/random.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineBatch, QueryEngine } from '../ports/query-engine.ts'
import type { FailedAttempt, QueryHandler, QueryRequest, QueryResponse, QueryTrailer, RouteReport } from '../query/types.ts'

export interface QueryServiceParts {
  readonly self: { readonly peerId: string; readonly name: string }
  readonly engines: ReadonlyMap<string, QueryEngine>
  readonly localView: (database: string) => LocalView
  readonly peerViews: (database: string) => PeerView[]
  readonly peerName: (peerId: string) => string
  /** Sends a query to a member. */
  readonly forward: (peerId: string, request: QueryRequest, options: { readonly signal: AbortSignal }) => Promise<QueryResponse>
  readonly localLoad: () => LoadDigest
  readonly inFlightChanged: (inFlight: number) => void
  /** For a database that is not served here: `read` when that is certain, otherwise `unknown`. */
  readonly classifyUnserved: (sql: string) => Promise<'read' | 'unknown'>
  /** Why this node, in a minority, must not take such a query; null when it may. */
  readonly refusalOf: (access: QueryRequest['access']) => MeshError | null
  readonly retryBudget: RetryBudget
  readonly routing: RoutingOptions
  readonly clock: Clock
  readonly random: Random
}

export interface QueryCounters {
  local: number
  forwarded: number
  localOverloaded: number
  refused: number
  failovers: number
  retryBudgetExhausted: number
  servedForPeers: number
}

/** Refusals and breaks before the first row after which another peer may do better. */
const movesOn: ReadonlySet<string> = new Set([
  'ERR_PEER_UNREACHABLE', 'ERR_QUERY_BROKEN', 'ERR_OVERLOADED', 'ERR_NOT_SERVING', 'ERR_NOT_PRIMARY', 'ERR_DRAINING', 'ERR_QUORUM_LOST', 'ERR_HOP_LIMIT',
  'ERR_PROTOCOL', 'ERR_INTERNAL',
])

/** A read that broke so many peers is not given to another one: it may be what broke them. */
const breaksMax = 2

export class QueryService {
  readonly #parts: QueryServiceParts
  /** Attempts waiting for a peer's first row, so that the peer's failure ends them at once instead of at the deadline. */
  readonly #waiting = new Map<string, Set<AbortController>>()
  #inFlight = 0
  readonly counters: QueryCounters = {
    local: 0, forwarded: 0, localOverloaded: 0, refused: 0, failovers: 0, retryBudgetExhausted: 0, servedForPeers: 0,
  }

  constructor(parts: QueryServiceParts) {
    this.#parts = parts
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** A member failed: whoever waits for its first row moves on to the next peer. */
  handlePeerDown(peerId: string): void {
    for (const attempt of this.#waiting.get(peerId) ?? []) {
      attempt.abort(new MeshError('ERR_PEER_UNREACHABLE', `${this.#parts.peerName(peerId)} failed while the query waited for its first row`, { details: { started: 'unknown' } }))
    }
  }

  readonly handle: QueryHandler = async (request, { signal }) => {
    const engine = this.#parts.engines.get(request.database)
    const deadlineMs = this.#parts.clock.nowMs() + request.timeoutMs
    if (request.visited.length > 0) this.counters.servedForPeers++
    if (request.visited.length > 1 || request.visited.includes(this.#parts.self.peerId)) {
      throw new MeshError('ERR_HOP_LIMIT', `the query has been through ${request.visited.length} nodes; it may be forwarded once`, { details: { started: 'no' } })
    }
    // Never taken from the sender: the engine that runs it has the last word on what is a write.
    const access = await this.#classify(engine, request, signal)
    try {
      return await this.#route({ ...request, access }, { signal, deadlineMs })
    } catch (error) {
      // Nobody here could parse it, and a replica found that it is a write: only the primary will do.
      if (access === 'unknown' && error instanceof MeshError && error.code === 'ERR_NOT_PRIMARY') return await this.#route({ ...request, access: 'write' }, { signal, deadlineMs })
      throw error
    }
  }

  async #classify(engine: QueryEngine | undefined, request: QueryRequest, signal: AbortSignal): Promise<QueryRequest['access']> {
    if (engine !== undefined) {
      const access = await engine.classify(request.sql, signal)
      if (access === 'write' && engine.isReadOnly === true) throw new MeshError('ERR_READ_ONLY', `${request.database} is a folder of files, which nobody writes through the mesh`, { details: { started: 'no' } })
      return access
    }
    // Whoever forwarded it here is wrong about what this node serves; that is all it needs to hear.
    if (request.visited.length > 0 || request.access === 'write') return request.access
    return await this.#parts.classifyUnserved(request.sql)
  }

  async #route(request: QueryRequest, { signal, deadlineMs }: { readonly signal: AbortSignal; readonly deadlineMs: number }): Promise<QueryResponse> {
    const { clock, self } = this.#parts
    const forwarded = request.visited.length > 0
    const startedMs = clock.nowMs()
    const local = this.#parts.localView(request.database)
    const decision = decide({
      nowMs: startedMs,
      request: { database: request.database, access: request.access, priority: request.priority, forwarded, lastResort: request.lastResort },
      local,
      peers: forwarded ? [] : this.#parts.peerViews(request.database),
      random: this.#parts.random,
      options: this.#parts.routing,
      explain: request.explain,
    })
    const decisionUs = Math.round((clock.nowMs() - startedMs) * 1000)
    const refusal = this.#parts.refusalOf(request.access)
    // A replica in a minority still tells whoever forwarded a write to it that it is one: the primary's own policy decides.
    if (refusal !== null && !(forwarded && decision.kind === 'refuse')) {
      this.counters.refused++
      throw refusal
    }
    switch (decision.kind) {
      case 'refuse':
        this.counters.refused++
        throw new MeshError(decision.code, decision.explanation.reason, { details: { database: request.database, node: self.name, started: 'no' } })
      case 'local':
        this.counters.local++
        return await this.#runHere(request, signal, this.#report('local', decision, decisionUs, []))
      case 'local-overloaded':
        this.counters.localOverloaded++
        return await this.#runHere(request, signal, this.#report('local-overloaded', decision, decisionUs, []))
      case 'forward':
        return await this.#forwardAlong(decision, request, { signal, deadlineMs, decisionUs, local })
    }
  }

  async #forwardAlong(
    decision: Extract<Decision, { kind: 'forward' }>,
    request: QueryRequest,
    context: { readonly signal: AbortSignal; readonly deadlineMs: number; readonly decisionUs: number; readonly local: LocalView },
  ): Promise<QueryResponse> {
    const { clock, self, retryBudget, peerName } = this.#parts
    const failed: FailedAttempt[] = []
    let breaks = 0
    retryBudget.recordRequest(clock.nowMs())
    const canRunHere = this.#canRunHere(request, context.local)
    // A node without a copy of its own asks those that refused for overload once more: an overloaded copy is better than none.
    const plan = decision.chain.map((peerId) => ({ peerId, lastResort: false }))
    for (const { peerId, lastResort } of plan) {
      if (failed.length > 0) {
        if (!retryBudget.tryRetry(clock.nowMs())) {
          this.counters.retryBudgetExhausted++
          break
        }
        this.counters.failovers++
      }
      const timeoutMs = Math.floor(context.deadlineMs - clock.nowMs())
      if (timeoutMs <= 0) throw new MeshError('ERR_QUERY_TIMEOUT', 'the deadline passed before a node answered', { details: { attempts: failed.length } })
      try {
        const response = await this.#attempt(peerId, { ...request, timeoutMs, visited: [self.peerId], lastResort }, context.signal)
        this.counters.forwarded++
        const view = this.#parts.peerViews(request.database).find((peer) => peer.peerId === peerId)
        return {
          ...response,
          trailer: () => response.trailer(),
          route: { ...this.#report('forward', decision, context.decisionUs, failed), executedBy: { peerId, name: peerName(peerId) }, latencyMs: view?.latencyMs ?? null },
        }
      } catch (error) {
        if (!(error instanceof MeshError) || !movesOn.has(error.code) || context.signal.aborted) throw error
        if (request.access === 'unknown' && error.code === 'ERR_NOT_PRIMARY') throw error
        // Only what promises that nothing was executed lets a write, or what may be one, go to another peer.
        if (request.access !== 'read' && error.details['started'] !== 'no') {
          throw new MeshError('ERR_QUERY_AMBIGUOUS', `the connection to ${peerName(peerId)} broke while the write was under way: ${error.message}`, { cause: error })
        }
        failed.push({ peerId, name: peerName(peerId), code: error.code, message: error.message })
        if (isBreak(error) && ++breaks === breaksMax) {
          throw new MeshError('ERR_NO_HEALTHY_PEER', `the connections to ${breaksMax} nodes broke while they had the query, so it is not given to another: ${describe(failed)}`, { details: { attempts: failed.length }, nextStep: 'Look at the logs of those nodes before you send this query again.' })
        }
        if (error.code === 'ERR_OVERLOADED' && !lastResort && !canRunHere) plan.push({ peerId, lastResort: true })
      }
    }
    if (!canRunHere) {
      this.counters.refused++
      throw new MeshError(combined(failed), `no node could answer. Tried ${describe(failed)}`, { details: { attempts: failed.length } })
    }
    this.counters.localOverloaded++
    const report = this.#report('local-overloaded', decision, context.decisionUs, failed)
    return await this.#runHere(request, context.signal, { ...report, reason: `${report.reason}; no peer could answer` })
  }

  /** Whether anything but load speaks against running it here. */
  #canRunHere(request: QueryRequest, local: LocalView): boolean {
    return local.role !== null && local.ready && !local.draining && local.inFlight < local.inFlightMax && (request.access !== 'write' || local.role === 'primary')
  }

  /** One peer, up to and including its first batch: until a row has gone on to the client, another peer may still take over. */
  async #attempt(peerId: string, request: QueryRequest, signal: AbortSignal): Promise<QueryResponse> {
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    const waiting = this.#waiting.get(peerId) ?? new Set()
    this.#waiting.set(peerId, waiting.add(controller))
    try {
      const response = await this.#parts.forward(peerId, request, { signal: controller.signal })
      const iterator = response.batches[Symbol.asyncIterator]()
      const first = await iterator.next()
      return { ...response, trailer: () => response.trailer(), batches: resume(iterator, first, () => signal.removeEventListener('abort', abort)) }
    } catch (error) {
      signal.removeEventListener('abort', abort)
      // The reason of an abort is what the caller must learn, whatever the stream made of it.
      if (controller.signal.aborted && controller.signal.reason instanceof MeshError) throw controller.signal.reason
      throw error
    } finally {
      waiting.delete(controller)
      if (waiting.size === 0) this.#waiting.delete(peerId)
    }
  }

  async #runHere(request: QueryRequest, signal: AbortSignal, route: RouteReport): Promise<QueryResponse> {
    const engine = this.#parts.engines.get(request.database)
    if (engine === undefined) throw new MeshError('ERR_NOT_SERVING', `${this.#parts.self.name} does not serve ${request.database}`, { details: { started: 'no' } })
    const run = new LocalRun(this.#parts, signal, () => { this.#countRunning(-1) })
    this.#countRunning(1)
    try {
      const result = await engine.execute({ sql: request.sql, parameters: request.parameters, signal })
      run.started()
      return { format: result.format, header: result.header, route, batches: pullThrough(result.batches, run), trailer: () => run.trailer }
    } catch (error) {
      run.finish()
      throw error
    }
  }

  #countRunning(change: 1 | -1): void {
    this.#inFlight += change
    this.#parts.inFlightChanged(this.#inFlight)
  }

  #report(kind: RouteReport['decision'], decision: Decision, decisionUs: number, failedAttempts: readonly FailedAttempt[]): RouteReport {
    const { explanation } = decision
    return {
      decision: kind, executedBy: this.#parts.self, latencyMs: null, reason: explanation.reason, strategy: explanation.strategy,
      failedAttempts, candidates: explanation.candidates, decisionUs,
    }
  }
}

/** A query that runs here: it holds a place until its batches have ended, or its caller is gone, whichever is first. */
class LocalRun {
  rows = 0
  trailer: QueryTrailer | null = null
  readonly #parts: Pick<QueryServiceParts, 'clock' | 'localLoad'>
  readonly #signal: AbortSignal
  readonly #startedMs: number
  #release: (() => void) | null
  readonly #onAbort = (): void => { this.finish() }

  constructor(parts: Pick<QueryServiceParts, 'clock' | 'localLoad'>, signal: AbortSignal, release: () => void) {
    this.#parts = parts
    this.#signal = signal
    this.#startedMs = parts.clock.nowMs()
    this.#release = release
  }

  /** From here on an abort frees the place: a generator that is never started runs no `finally`. */
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

/** Not inside a method: V8 keeps something of each async generator function made there until the next full collection (see query/query-table.ts). */
async function* pullThrough(batches: AsyncIterable<EngineBatch>, run: LocalRun): AsyncGenerator<EngineBatch, void, void> {
  try {
    for await (const batch of batches) {
      run.rows += batch.rows
      yield batch
    }
    run.complete()
  } finally {
    run.finish()
  }
}

/** The rest of an iteration whose first step has been taken. */
async function* resume<T>(iterator: AsyncIterator<T>, first: IteratorResult<T>, ended: () => void): AsyncGenerator<T, void, void> {
  let done = first.done === true
  try {
    if (first.done === true) return
    yield first.value
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) {
        done = true
        return
      }
      yield next.value
    }
  } finally {
    ended()
    if (!done) await iterator.return?.()
  }
}

/** What it amounts to when nobody could answer. */
function combined(failed: readonly FailedAttempt[]): 'ERR_NO_PRIMARY' | 'ERR_QUORUM_LOST' | 'ERR_NO_HEALTHY_PEER' {
  if (failed.every(({ code }) => code === 'ERR_NOT_PRIMARY')) return 'ERR_NO_PRIMARY'
  return failed.every(({ code }) => code === 'ERR_QUORUM_LOST') ? 'ERR_QUORUM_LOST' : 'ERR_NO_HEALTHY_PEER'
}

function describe(failed: readonly FailedAttempt[]): string {
  return failed.map((attempt) => `${attempt.name}: ${attempt.message} (${attempt.code})`).join('; ')
}

/** The peer had the query, and then it or the way to it was gone. */
function isBreak({ code, details }: MeshError): boolean {
  return (code === 'ERR_PEER_UNREACHABLE' || code === 'ERR_QUERY_BROKEN') && details['started'] !== 'no'
}
