/**
 * Transactions at the node where they enter. At its begin one is placed as a query would be: for writing at the primary, for reading where the
 * strategy says, this node first. From then on every step goes there, by the same way: the connection of one engine has it, and nobody else can
 * take over, so that inside of it nothing is retried, hedged, cached or shared.
 *
 * The begin stays open beside the steps, as a query without rows that lasts as long as its transaction. Each node on the way learns from
 * it, at once and without a word of its own, that the side before it is gone (and rolls back) or that the side behind it is (and says so).
 */
import { canRunHere } from '../core/routing/can-run-here.ts'
import { decide, type RoutingOptions } from '../core/routing/decide.ts'
import type { StrategySet } from '../core/routing/strategies/registry.ts'
import type { RoutingStrategy } from '../core/routing/strategies/strategy.ts'
import type { Decision, LocalView, PeerView } from '../core/routing/types.ts'
import type { Random } from '../core/time/random.ts'
import type { TransactionOptions } from '../core/transactions/options.ts'
import { TransactionTable } from '../core/transactions/transaction-table.ts'
import { ERRORS, MeshError } from '../errors.ts'
import { type EngineBatch, readOnlyError } from '../ports/query-engine.ts'
import type { StreamRemote } from '../ports/peer-streams.ts'
import { readHints, refuseHints } from '../query/hint-text.ts'
import { ExplainedBatches } from '../query/passed-batches.ts'
import { transactionLoss } from '../query/transaction-loss.ts'
import type { FailedAttempt, QueryRequest, QueryResponse, RouteReport, TransactionStep } from '../query/types.ts'
import { combinedCode, describeFailed, type ForwardingParts } from './forwarding.ts'
import { noSuchTransaction, OpenTransactions, type OpenTransactionsParts, unsupportedError } from './open-transactions.ts'
import { refusalError } from './refusal-error.ts'
import type { Sessions } from './sessions.ts'
import type { SharedReads } from './shared-reads.ts'

export interface TransactionsParts extends Omit<OpenTransactionsParts, 'table' | 'onWritten'>, Pick<ForwardingParts, 'peerName' | 'forward' | 'routeTo' | 'retryBudget'> {
  readonly self: { readonly peerId: string; readonly name: string }
  readonly localView: (database: string, isForwarded?: boolean) => LocalView
  readonly peerViews: (database: string) => PeerView[]
  readonly latencyTo: (peerId: string) => number | null
  readonly routing: RoutingOptions
  readonly strategies: (database: string) => { readonly standard: RoutingStrategy; readonly byName: StrategySet }
  readonly sessions: Sessions
  readonly sharedReads?: SharedReads
  readonly random: Random
  /** Bounds of what is open here. */
  readonly transactions?: Readonly<Partial<TransactionOptions>>
}

interface Place {
  readonly peerId: string
  /** The relay; null where it is reached directly. */
  readonly via: string | null
  /** Aborts everything under way there. */
  readonly lost: AbortController
}

interface Pinned {
  /** The stream that its begin came in on; to others it is as if there were none. */
  readonly owner: StreamRemote
  readonly database: string
  readonly access: 'read' | 'write'
  readonly session: string | null
  /** Null: this node. */
  readonly place: Place | null
  readonly route: RouteReport
}

interface Context {
  readonly remote: StreamRemote
  readonly signal: AbortSignal
}

interface Begin extends Context {
  readonly deadlineMs: number
  readonly session: string | null
  readonly failed: FailedAttempt[]
}

/** Transactions of this node's clients at other nodes; each of those has a bound of its own. */
const PINNED_MAX = 4_096
const LOSSES_MAX = 256
/** The node that is to have it gives up before (open-transactions.ts). */
const BEGIN_ANSWER_TIMEOUT_MS = 30_000

/** After these another node may do better. A begin that broke has kept nothing, so that it is never ambiguous. */
const movesOn: ReadonlySet<string> = new Set([
  'ERR_PEER_UNREACHABLE', 'ERR_QUERY_BROKEN', 'ERR_OVERLOADED', 'ERR_NOT_SERVING', 'ERR_NOT_PRIMARY', 'ERR_DRAINING', 'ERR_QUORUM_LOST', 'ERR_HOP_LIMIT', 'ERR_TOO_STALE', 'ERR_INTERNAL', 'ERR_PROTOCOL', 'ERR_TRANSACTION_UNSUPPORTED',
])

export class Transactions {
  readonly #parts: TransactionsParts
  readonly #open: OpenTransactions
  readonly #pinned = new Map<string, Pinned>()
  /** Why the latest ones were lost, for steps that were on their way then. */
  readonly #losses = new Map<string, { readonly owner: StreamRemote; readonly loss: unknown }>()

  constructor(parts: TransactionsParts) {
    this.#parts = parts
    this.#open = new OpenTransactions({
      ...parts, table: new TransactionTable(parts.transactions ?? {}),
      onWritten: (database, session) => { this.#noteWritten(database, session, parts.self.peerId) },
    })
  }

  /** Pinned: those that came in here, wherever they run. */
  get counters(): Readonly<Record<string, number>> {
    return { pinned: this.#pinned.size, ...this.#open.counters }
  }

  /** @throws MeshError ERR_TRANSACTION_LOST, ERR_QUERY_AMBIGUOUS for a commit, and whatever an engine answers */
  async handle(request: QueryRequest, { id, step }: TransactionStep, context: Context): Promise<QueryResponse> {
    if (step === 'begin') return await this.#begin(id, request, context)
    const pinned = this.#pinned.get(id)
    if (pinned === undefined || pinned.owner !== context.remote || pinned.database !== request.database) {
      const lost = this.#losses.get(id)
      throw lost?.owner === context.remote ? lost.loss : noSuchTransaction()
    }
    refuseHints(request.sql)
    const deadlineMs = this.#parts.clock.nowMs() + request.timeoutMs
    if (pinned.place !== null) return await this.#send(pinned.place, request, { ...context, step, pinned })
    const here = { signal: context.signal, deadlineMs, route: pinned.route }
    if (step === 'statement') return await this.#open.execute(id, request, here)
    return step === 'commit' ? await this.#open.commit(id, here) : await this.#open.rollback(id, here)
  }

  /** What runs there, or by way of it, is lost. What a failed peer has begun here ends with its streams. */
  handlePeerDown(peerId: string): void {
    for (const { place } of [...this.#pinned.values()]) {
      if (place === null || (place.peerId !== peerId && place.via !== peerId)) continue
      place.lost.abort(new MeshError('ERR_PEER_UNREACHABLE', `${this.#parts.peerName(peerId)} failed`, { details: { started: 'unknown' } }))
    }
  }

  stop(): void {
    this.#open.stop()
  }

  async #begin(id: string, request: QueryRequest, { remote, signal }: Context): Promise<QueryResponse> {
    const { clock, self, engines, sessions, refusalOf } = this.#parts
    const deadlineMs = clock.nowMs() + request.timeoutMs
    if (this.#pinned.has(id)) throw new MeshError('ERR_PROTOCOL', 'a transaction of this id has come in already', { details: { started: 'no' } })
    if (this.#pinned.size >= PINNED_MAX) throw new MeshError('ERR_OVERLOADED', `${PINNED_MAX} transactions have come in here and are open, which is the limit`, { details: { started: 'no' } })
    const { database } = request
    const access = request.access === 'read' ? 'read' : 'write'
    const engine = engines.get(database)
    if (access === 'write' && engine?.isReadOnly === true) throw readOnlyError(engine)
    const isForwarded = request.visited.length > 0
    const hints = readHints('', request.hints)
    const session = isForwarded ? null : hints.session
    const routeHints = session === null ? hints.route : sessions.withPlace(hints.route, database, session)
    const startedMs = clock.nowMs()
    const isUnsupported = engine !== undefined && engine.begin === undefined
    const seen = this.#parts.localView(database, isForwarded)
    // A copy of another kind of engine may have them.
    const local = isUnsupported && !isForwarded ? { ...seen, role: null } : seen
    const strategies = this.#parts.strategies(database)
    const priority = hints.priority ?? request.priority
    const decision = decide({
      nowMs: startedMs, local, random: this.#parts.random, options: this.#parts.routing, explain: request.explain,
      request: { database, access, priority, forwarded: isForwarded, lastResort: request.lastResort, hints: routeHints },
      peers: () => (isForwarded ? [] : this.#parts.peerViews(database)),
      strategy: strategies.standard, strategies: strategies.byName,
    })
    const refusal = refusalOf(access)
    if (refusal !== null && !(isForwarded && decision.kind === 'refuse')) throw refusal
    if (decision.kind === 'refuse') {
      if (isUnsupported) throw unsupportedError(engine)
      const nextStep = decision.code === 'ERR_NO_PRIMARY' ? { nextStep: `${ERRORS.ERR_NO_PRIMARY.nextStep} One that only reads can begin on any copy: readOnly, or --read-only.` } : {}
      throw refusalError(decision, { database, node: self.name, hints: routeHints, ...nextStep })
    }
    const begin: Begin = { remote, signal, deadlineMs, session, failed: [] }
    const placed: QueryRequest = { ...request, access, priority }
    const report = (kind: RouteReport['decision']): RouteReport => ({
      decision: kind, executedBy: self, latencyMs: null, reason: decision.explanation.reason, strategy: decision.explanation.strategy,
      failedAttempts: begin.failed, candidates: decision.explanation.candidates, decisionUs: Math.round((clock.nowMs() - startedMs) * 1000),
    })
    if (decision.kind === 'forward') {
      const there = await this.#beginAt(id, decision, placed, { ...begin, report: report('forward'), isOnlyPlace: local.role === null })
      if (there !== null) return there
      // Where only load spoke against this node, and nobody else would have it, it is begun here.
      if (!canRunHere(local, access, routeHints)) {
        throw new MeshError(codeOfAll(begin.failed), `no node could begin the transaction. Tried ${describeFailed(begin.failed)}`, { details: { attempts: begin.failed.length, started: 'no' } })
      }
    }
    const route = report(decision.kind === 'forward' ? decision.ifNobody : decision.kind)
    const response = await this.#open.begin(id, placed, { signal, deadlineMs, session, route })
    return this.#pin(id, { owner: remote, database, access, session, place: null, route: reportOfStep(route) }, response)
  }

  /** At the first of the chain that takes it; null when none does. */
  async #beginAt(
    id: string, { chain }: Extract<Decision, { kind: 'forward' }>, request: QueryRequest, { remote, signal, deadlineMs, session, failed, report, isOnlyPlace }: Begin & { readonly report: RouteReport; readonly isOnlyPlace: boolean },
  ): Promise<QueryResponse | null> {
    const { clock, self, routeTo, forward, retryBudget, peerName } = this.#parts
    retryBudget.recordRequest(clock.nowMs())
    for (const peerId of chain) {
      if (failed.length > 0 && !retryBudget.tryRetry(clock.nowMs())) break
      const timeoutMs = Math.floor(deadlineMs - clock.nowMs())
      if (timeoutMs <= 0) throw new MeshError('ERR_QUERY_TIMEOUT', 'the deadline passed before a node began the transaction', { details: { attempts: failed.length, started: 'no' } })
      const place: Place = { peerId, via: routeTo(peerId)?.via ?? null, lost: new AbortController() }
      // Its own time is that of the whole transaction: a node that is silent would not be left before it is over.
      const timer = clock.setTimer(BEGIN_ANSWER_TIMEOUT_MS, () => { place.lost.abort(new MeshError('ERR_PEER_UNREACHABLE', `${peerName(peerId)} did not answer the begin for ${BEGIN_ANSWER_TIMEOUT_MS} ms`, { details: { started: 'no' } })) })
      try {
        const response = await forward(place.via ?? peerId, {
          ...request, timeoutMs, visited: [...request.visited, self.peerId], lastResort: isOnlyPlace && chain.length === 1, finalPeerId: place.via === null ? '' : peerId,
        }, { signal: AbortSignal.any([signal, place.lost.signal]) })
        const route: RouteReport = {
          ...report, failedAttempts: failed, executedBy: { peerId, name: peerName(peerId) }, latencyMs: this.#parts.latencyTo(peerId),
          reason: report.reason + (place.via === null ? '' : `; by way of ${peerName(place.via)}, a two-hop route`),
        }
        return this.#pin(id, { owner: remote, database: request.database, access: request.access === 'read' ? 'read' : 'write', session, place, route: reportOfStep(route) }, { ...response, route })
      } catch (error) {
        const reason: unknown = place.lost.signal.aborted ? place.lost.signal.reason : asUnsupported(error)
        if (!(reason instanceof MeshError) || !movesOn.has(reason.code) || signal.aborted) throw reason
        failed.push({ peerId, name: peerName(peerId), code: reason.code, message: reason.message })
      } finally {
        timer.cancel()
      }
    }
    return null
  }

  /** Known until its begin comes to its end. */
  #pin(id: string, pinned: Pinned, response: QueryResponse): QueryResponse {
    this.#pinned.set(id, pinned)
    const { place } = pinned
    const batches = response.batches[Symbol.asyncIterator]()
    const iterator: AsyncIterableIterator<EngineBatch, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        try {
          const { done, value } = await batches.next() as IteratorResult<EngineBatch, undefined>
          if (done !== true) return { done: false, value }
          this.#pinned.delete(id)
          return { done: true, value: undefined }
        } catch (error) {
          this.#pinned.delete(id)
          const loss = place === null ? error : this.#lossAt(place, error, 'begin')
          place?.lost.abort(error)
          this.#noteLoss(id, pinned.owner, loss)
          throw loss
        }
      },
      return: async () => {
        this.#pinned.delete(id)
        await batches.return?.()
        return { done: true, value: undefined }
      },
    }
    return { ...response, batches: iterator, trailer: () => response.trailer() }
  }

  #noteLoss(id: string, owner: StreamRemote, loss: unknown): void {
    this.#losses.set(id, { owner, loss })
    const [oldest] = this.#losses.keys()
    if (this.#losses.size > LOSSES_MAX && oldest !== undefined) this.#losses.delete(oldest)
  }

  async #send(place: Place, request: QueryRequest, { signal, step, pinned }: Context & { readonly step: TransactionStep['step']; readonly pinned: Pinned }): Promise<QueryResponse> {
    const { self, forward } = this.#parts
    const { peerId, via, lost } = place
    const isWritten = step === 'commit' && pinned.access === 'write'
    try {
      const response = await forward(via ?? peerId, { ...request, visited: [...request.visited, self.peerId], finalPeerId: via === null ? '' : peerId }, { signal: AbortSignal.any([signal, lost.signal]) })
      if (isWritten) this.#noteWritten(pinned.database, pinned.session, peerId)
      return { ...response, route: pinned.route, batches: new ExplainedBatches(response.batches, (error) => this.#lossAt(place, error, step)), trailer: () => response.trailer() }
    } catch (error) {
      const loss = this.#lossAt(place, error, step)
      if (isWritten && loss instanceof MeshError && loss.code === 'ERR_QUERY_AMBIGUOUS') this.#noteWritten(pinned.database, pinned.session, peerId)
      throw loss
    }
  }

  /** A way that is lost for one step is lost for all. */
  #lossAt(place: Place, error: unknown, step: TransactionStep['step']): unknown {
    // The reason of an abort is what the caller must learn, whatever the stream made of it.
    const { signal } = place.lost
    const loss = transactionLoss(signal.aborted && signal.reason instanceof MeshError ? signal.reason : error, step)
    if (loss === error || !(loss instanceof MeshError)) return loss
    place.lost.abort(error)
    return new MeshError(loss.code, `${this.#parts.peerName(place.peerId)} had the transaction: ${loss.message}`, { nextStep: loss.nextStep, details: { ...loss.details, node: this.#parts.peerName(place.peerId) } })
  }

  /** Done, or perhaps done: what was read here before it is told to nobody from then on. */
  #noteWritten(database: string, session: string | null, peerId: string): void {
    if (session !== null) this.#parts.sessions.handleWrite(database, session, peerId)
    this.#parts.sharedReads?.handleWrite(database)
  }
}

/** A node of an earlier version takes a begin for a query, whose statement it does not allow. */
function asUnsupported(error: unknown): unknown {
  return error instanceof MeshError && error.code === 'ERR_SQL' ? new MeshError('ERR_TRANSACTION_UNSUPPORTED', error.message, { details: { started: 'no' }, cause: error }) : error
}

/** Those that have no transactions say nothing about those that do. */
function codeOfAll(failed: readonly FailedAttempt[]): MeshError['code'] {
  const able = failed.filter(({ code }) => code !== 'ERR_TRANSACTION_UNSUPPORTED')
  return able.length === 0 ? 'ERR_TRANSACTION_UNSUPPORTED' : combinedCode(able)
}

/** Where it runs was decided at its begin, and what spoke for it is told there. */
function reportOfStep(route: RouteReport): RouteReport {
  return { ...route, reason: 'The transaction began there', failedAttempts: [], candidates: [], decisionUs: 0 }
}
