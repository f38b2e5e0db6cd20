/**
 * Runs a query where the router says: here, or on a peer with failover to the next. The one place where routing meets engines and
 * streams. A relayed result is passed on undecoded.
 */
import { MeshError } from '../errors.ts'
import { canRunHere } from '../core/routing/can-run-here.ts'
import { decide, type RoutingOptions } from '../core/routing/decide.ts'
import type { RouteHints } from '../core/routing/hints.ts'
import type { StrategySet } from '../core/routing/strategies/registry.ts'
import type { RoutingStrategy } from '../core/routing/strategies/strategy.ts'
import { relayDecision } from '../core/latency/relay-decision.ts'
import type { Decision, LocalView, PeerView } from '../core/routing/types.ts'
import type { Random } from '../core/time/random.ts'
import type { TransactionOptions } from '../core/transactions/options.ts'
import { type EngineResult, type QueryEngine, readOnlyError } from '../ports/query-engine.ts'
import { type QueryHints, readHints } from '../query/hint-text.ts'
import type { FailedAttempt, QueryHandler, QueryRequest, QueryResponse, QueryWatch, RouteReport } from '../query/types.ts'
import type { ExplainView } from '../wire/control.ts'
import { combinedCode, describeFailed, Forwarding, type ForwardingCounters, type ForwardingParts } from './forwarding.ts'
import type { HotspotDriver } from './hotspot-driver.ts'
import { type LocalRunParts, runLocally } from './local-run.ts'
import type { EngineUses } from './engine-uses.ts'
import { withEngineSpan } from './engine-span.ts'
import { executeGated } from './gated-engine.ts'
import type { QueryGateDriver } from './query-gate-driver.ts'
import type { SharedReads } from './shared-reads.ts'
import { refusalError } from './refusal-error.ts'
import { explainRoute } from './route-explainer.ts'
import type { Sessions } from './sessions.ts'
import { Transactions } from './transactions.ts'

export interface QueryServiceParts extends ForwardingParts, LocalRunParts {
  readonly self: { readonly peerId: string; readonly name: string }
  readonly engines: ReadonlyMap<string, QueryEngine>
  readonly localView: (database: string, isForwarded?: boolean) => LocalView
  readonly peerViews: (database: string) => PeerView[]
  /** The RTT to it, null while unmeasured. */
  readonly latencyTo: (peerId: string) => number | null
  /** Whether a query can be passed on to that member directly. */
  readonly isReachable: (peerId: string) => boolean
  readonly inFlightChanged: (inFlight: number) => void
  /** For a database that is not served here: `read` when that is certain, otherwise `unknown`. */
  readonly classifyUnserved: (database: string, sql: string) => Promise<'read' | 'unknown'>
  /** Why this node, in a minority, must not take such a query; null when it may. */
  readonly refusalOf: (access: QueryRequest['access']) => MeshError | null
  readonly routing: RoutingOptions
  /** Of a database, by the names that queries may give. */
  readonly strategies: (database: string) => { readonly standard: RoutingStrategy; readonly byName: StrategySet }
  /** Asks a few of them how they are, for a strategy that rests on it. */
  readonly requestProbes: (candidates: readonly PeerView[]) => void
  readonly sessions: Sessions
  readonly hotspots: HotspotDriver
  /** Whoever runs here has a place of it. */
  readonly gate: QueryGateDriver
  /** Absent: no engine is closed before the node stops. */
  readonly uses?: EngineUses
  /** Absent: every read runs on its own. */
  readonly sharedReads?: SharedReads
  /** Bounds of open transactions. */
  readonly transactions?: Readonly<Partial<TransactionOptions>>
  readonly random: Random
}

export interface QueryCounters {
  local: number
  forwarded: number
  localOverloaded: number
  refused: number
  servedForPeers: number
  /** Passed on for others on a two-hop route. */
  relayed: number
  /** Only peers were left that are kept out for their errors, or that are overloaded. */
  allEjected: number
  allOverloaded: number
}

interface RouteContext {
  readonly signal: AbortSignal
  readonly deadlineMs: number
  readonly hints: RouteHints
  /** At the entry node, when the client named one. */
  readonly session: string | null
  readonly watch?: QueryWatch | undefined
}

export class QueryService {
  readonly #parts: QueryServiceParts
  readonly #forwarding: Forwarding
  readonly #transactions: Transactions
  #inFlight = 0
  readonly #counters: QueryCounters = { local: 0, forwarded: 0, localOverloaded: 0, refused: 0, servedForPeers: 0, relayed: 0, allEjected: 0, allOverloaded: 0 }

  constructor(parts: QueryServiceParts) {
    this.#parts = parts
    this.#forwarding = new Forwarding(parts)
    this.#transactions = new Transactions({ ...parts, countRunning: (change) => { this.#countRunning(change) } })
  }

  get transactionCounters(): Transactions['counters'] {
    return this.#transactions.counters
  }

  stop(): void {
    this.#transactions.stop()
  }

  get counters(): Readonly<QueryCounters & ForwardingCounters> {
    return { ...this.#counters, ...this.#forwarding.counters }
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * What would become of such a query now: nothing runs, is counted or changes.
   * @throws MeshError ERR_SQL, ERR_READ_ONLY, ERR_OPTION_INVALID
   */
  async explain({ database, sql, parameters, hints: text, priority }: Pick<QueryRequest, 'database' | 'sql' | 'parameters' | 'hints' | 'priority'>, signal: AbortSignal): Promise<ExplainView> {
    const engine = this.#parts.engines.get(database)
    const hints = readHints(sql, text)
    const access = await this.#classify(engine, { database, sql, access: 'unknown', visited: [] }, signal)
    const local = this.#parts.localView(database)
    return explainRoute(this.#parts, {
      database, sql, parameters, access, tables: engine?.tablesOf?.(sql) ?? [], priority: hints.priority ?? priority, hints, local, canRunHere: (placed) => canRunHere(local, access, placed),
    })
  }

  /** A member failed: whoever waits for its first row moves on to the next peer. */
  handlePeerDown(peerId: string): void {
    this.#forwarding.handlePeerDown(peerId)
    this.#transactions.handlePeerDown(peerId)
  }

  readonly handle: QueryHandler = async (request, context) => {
    const { signal } = context
    const engine = this.#parts.engines.get(request.database)
    const deadlineMs = this.#parts.clock.nowMs() + request.timeoutMs
    const relay = relayDecision(request, this.#parts.self.peerId, this.#parts.isReachable)
    if (relay.kind === 'refuse') throw new MeshError(relay.code, relay.reason, { details: { started: 'no' } })
    if (relay.kind === 'relay') {
      // Passed on undecoded: the entry node judges the answer, and fails over if there is none.
      this.#counters.relayed++
      const response = await this.#parts.forward(relay.to, { ...request, visited: relay.visited }, { signal })
      // The entry node takes the load that an answer carries for that of the node which it comes from.
      return { ...response, trailer: () => withLoad(response.trailer(), this.#parts.localLoad()) }
    }
    const isEntry = request.visited.length === 0
    if (!isEntry) this.#counters.servedForPeers++
    if (request.transaction !== undefined) return await this.#transactions.handle(request, request.transaction, { remote: context.remote, signal })
    const hints = readHints(request.sql, request.hints)
    // Never taken from the sender: the engine that runs it has the last word on what is a write.
    const access = await this.#classify(engine, request, signal)
    const { priority, session } = hints
    context.watch?.handleClassified(access, priority ?? request.priority)
    const classified = { ...request, access, priority: priority ?? request.priority }
    const way = { signal, deadlineMs, watch: context.watch, session: isEntry ? session : null, hints: isEntry ? this.#placed(hints, request.database, engine, request.sql) : hints.route }
    try {
      return await this.#route(classified, way)
    } catch (error) {
      // Nobody here could parse it, and a replica found that it is a write: only the primary will do.
      if (access === 'unknown' && error instanceof MeshError && error.code === 'ERR_NOT_PRIMARY') return await this.#route({ ...classified, access: 'write' }, way)
      throw error
    }
  }

  /** What is known of where it should go, beside what it says itself: its session's place, and away from here where too many ask for the same. */
  #placed({ route, session }: QueryHints, database: string, engine: QueryEngine | undefined, sql: string): RouteHints {
    const tables = engine?.tablesOf?.(sql) ?? []
    const isToMove = this.#parts.hotspots.handleQuery(database, tables)
    const spread = isToMove && !route.localOnly ? { ...route, preferRemote: true } : route
    return session === null ? this.#parts.sessions.withWarmPlace(spread, database, tables) : this.#parts.sessions.withPlace(spread, database, session)
  }

  #tablesOf({ database, sql }: Pick<QueryRequest, 'database' | 'sql'>): readonly string[] {
    return this.#parts.engines.get(database)?.tablesOf?.(sql) ?? []
  }

  async #classify(engine: QueryEngine | undefined, request: Pick<QueryRequest, 'database' | 'sql' | 'access' | 'visited'>, signal: AbortSignal): Promise<QueryRequest['access']> {
    if (engine !== undefined) {
      const access = await this.#classifyAt(engine, request.sql, signal)
      if (access === 'write' && engine.isReadOnly === true) throw readOnlyError(engine)
      return access
    }
    // Whoever forwarded it here is wrong about what this node serves; that is all it needs to hear.
    if (request.visited.length > 0 || request.access === 'write') return request.access
    return await this.#parts.classifyUnserved(request.database, request.sql)
  }

  async #classifyAt(engine: QueryEngine, sql: string, signal: AbortSignal): Promise<'read' | 'write'> {
    const { uses } = this.#parts
    uses?.handleStart(engine.database, 'queries')
    try {
      return await engine.classify(sql, signal)
    } finally {
      uses?.handleEnd(engine.database, 'queries')
    }
  }

  async #route(request: QueryRequest, { signal, deadlineMs, hints, session, watch }: RouteContext): Promise<QueryResponse> {
    const { clock, self } = this.#parts
    const forwarded = request.visited.length > 0
    const startedMs = clock.nowMs()
    const local = this.#parts.localView(request.database, forwarded)
    const strategies = this.#parts.strategies(request.database)
    let candidates: readonly PeerView[] = []
    const decision = decide({
      nowMs: startedMs,
      request: { database: request.database, access: request.access, priority: request.priority, forwarded, lastResort: request.lastResort, hints },
      local,
      peers: () => {
        candidates = forwarded ? [] : this.#parts.sessions.warmed(this.#parts.peerViews(request.database), request.database, this.#tablesOf(request))
        return candidates
      },
      random: this.#parts.random,
      options: this.#parts.routing,
      strategy: strategies.standard, strategies: strategies.byName,
      explain: request.explain,
    })
    if (candidates.length > 0 && strategies.byName.get(decision.explanation.strategy).usesProbes === true) this.#parts.requestProbes(candidates)
    if (decision.lastResort !== null) this.#counters[decision.lastResort === 'all-ejected' ? 'allEjected' : 'allOverloaded']++
    const decisionUs = Math.round((clock.nowMs() - startedMs) * 1000)
    watch?.handleDecision(decision.kind, decisionUs, decision.explanation)
    // A minority may still be asked about itself.
    const engine = this.#parts.engines.get(request.database)
    const refusal = engine?.isPrivate === true ? null : this.#parts.refusalOf(request.access)
    // A replica in a minority still tells whoever forwarded a write to it that it is one: the primary's own policy decides.
    if (refusal !== null && !(forwarded && decision.kind === 'refuse')) {
      this.#counters.refused++
      throw refusal
    }
    switch (decision.kind) {
      case 'refuse':
        this.#counters.refused++
        throw refusalError(decision, { database: request.database, node: self.name, hints })
      case 'local':
        // Of a private engine nothing was to be routed.
        if (engine?.isPrivate !== true) this.#counters.local++
        return await this.#runHere(request, { signal, session, deadlineMs, hints, watch }, this.#report('local', decision, decisionUs, []))
      case 'local-overloaded':
        this.#counters.localOverloaded++
        return await this.#runHere(request, { signal, session, deadlineMs, hints, watch }, this.#report('local-overloaded', decision, decisionUs, []))
      case 'forward':
        return await this.#forwardAlong(decision, request, { signal, deadlineMs, session, hints, watch, decisionUs, local })
    }
  }

  async #forwardAlong(
    decision: Extract<Decision, { kind: 'forward' }>,
    request: QueryRequest,
    context: RouteContext & { readonly decisionUs: number; readonly local: LocalView },
  ): Promise<QueryResponse> {
    const { hints, local } = context
    const isPossibleHere = canRunHere(local, request.access, hints)
    // A node without a copy of its own asks those that refused for overload once more: an overloaded copy is better than none.
    const outcome = await this.#forwarding.along({ watch: context.watch, chain: decision.chain, request, signal: context.signal, deadlineMs: context.deadlineMs, asksAgain: !isPossibleHere, hasNoBetter: hints.pinnedTo !== null || decision.isRelief || (!isPossibleHere && (decision.chain.length === 1 || decision.lastResort === 'all-overloaded')) }).catch((error: unknown) => {
      // What cannot be told to have been left undone may have been done.
      const [primary] = decision.chain
      if (primary !== undefined && request.access === 'write' && !(error instanceof MeshError && error.details['started'] === 'no')) this.#noteWritten(request, context.session, primary)
      throw error
    })
    if (outcome.kind === 'answered') {
      const { peerId, response, failed, isHedge, via } = outcome
      this.#counters.forwarded++
      if (request.access === 'write') this.#noteWritten(request, context.session, peerId)
      else this.#noteSession(request, context.session, peerId)
      if (request.access === 'read') this.#parts.sessions.handleTables(request.database, this.#tablesOf(request), peerId, context.session)
      const report = this.#report('forward', decision, context.decisionUs, failed)
      return {
        ...response,
        trailer: () => response.trailer(),
        route: {
          ...report, executedBy: { peerId, name: this.#parts.peerName(peerId) }, latencyMs: this.#parts.latencyTo(peerId),
          reason: report.reason + (isHedge ? '; the first peer was slow, and this one, asked as well, answered before it' : '') + (via === null ? '' : `; by way of ${this.#parts.peerName(via)}, a two-hop route`),
        },
      }
    }
    const { failed } = outcome
    if (!isPossibleHere) {
      this.#counters.refused++
      throw new MeshError(combinedCode(failed), `no node could answer. Tried ${describeFailed(failed)}`, { details: { attempts: failed.length } })
    }
    const { ifNobody } = decision
    this.#counters[ifNobody === 'local' ? 'local' : 'localOverloaded']++
    const report = this.#report(ifNobody, decision, context.decisionUs, failed)
    return await this.#runHere(request, context, { ...report, reason: `${report.reason}; no peer could answer` })
  }

  #noteSession({ database, access }: QueryRequest, session: string | null, peerId: string): void {
    if (session === null) return
    if (access === 'read') this.#parts.sessions.handleRead(database, session, peerId)
    else this.#parts.sessions.handleWrite(database, session, peerId)
  }

  /** Done, or perhaps done, elsewhere: what was read here before it is not to be given to who wrote it. */
  #noteWritten(request: QueryRequest, session: string | null, peerId: string): void {
    this.#noteSession(request, session, peerId)
    this.#parts.sharedReads?.handleWrite(request.database)
  }

  async #runHere(request: QueryRequest, { signal, session, deadlineMs, hints, watch }: RouteContext, route: RouteReport): Promise<QueryResponse> {
    const engine = this.#parts.engines.get(request.database)
    if (engine === undefined) throw new MeshError('ERR_NOT_SERVING', `${this.#parts.self.name} does not serve ${request.database}`, { details: { started: 'no' } })
    if (request.access !== 'read') this.#noteSession(request, session, this.#parts.self.peerId)
    const { sharedReads } = this.#parts
    const isRead = request.access === 'read'
    const start = (own: AbortSignal): Promise<EngineResult> => withEngineSpan(watch, engine, () => executeGated(this.#parts, engine, { ...request, deadlineMs, signal: own }))
    this.#countRunning(1)
    return await runLocally(this.#parts, {
      route, signal,
      execute: () => {
        // How old a held answer is, nobody can tell who asks for a bound.
        if (sharedReads === undefined || (isRead && hints.maxStalenessMs !== null)) return start(signal)
        return isRead ? sharedReads.execute({ ...request, signal, start }) : sharedReads.executeWrite(request.database, () => start(signal))
      },
      release: () => {
        // From its end on: what is slow to be written is not older for that.
        if (!isRead) this.#noteSession(request, session, this.#parts.self.peerId)
        this.#countRunning(-1)
      },
    })
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

function withLoad(trailer: ReturnType<QueryResponse['trailer']>, load: ReturnType<LocalRunParts['localLoad']>): ReturnType<QueryResponse['trailer']> {
  return trailer === null ? null : { ...trailer, load }
}
