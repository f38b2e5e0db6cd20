/**
 * The query plane of one node, put together: who classifies, which strategy a database has, what is shared, hedged, retried and kept to,
 * and the service that routes with all of it.
 */
import { ResultCache } from '../core/cache/result-cache.ts'
import type { LoadMonitor } from '../core/load/load-monitor.ts'
import { Hedging } from '../core/routing/hedging.ts'
import { RetryBudget } from '../core/routing/retry-budget.ts'
import type { Random } from '../core/time/random.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { QueryEngine } from '../ports/query-engine.ts'
import type { Log } from '../ports/log.ts'
import type { QueryConnections } from '../query/client.ts'
import { QueryCoalescer } from '../query/coalescing.ts'
import type { EventView } from '../wire/control.ts'
import type { Closers } from './closers.ts'
import { DatabaseStrategies } from './database-strategies.ts'
import type { EngineUses } from './engine-uses.ts'
import type { EventStream } from './event-stream.ts'
import { HotspotDriver } from './hotspot-driver.ts'
import type { LatencyService } from './latency-service.ts'
import type { LoadDriver } from './load-driver.ts'
import type { NodeOptions } from './options.ts'
import type { PartitionDriver } from './partition-driver.ts'
import type { PeerDirectory } from './peer-directory.ts'
import type { PeerExperience } from './peer-experience.ts'
import type { NodePlugins } from './plugins.ts'
import { gateCounters, type QueryGateDriver } from './query-gate-driver.ts'
import { QueryService } from './query-service.ts'
import { Sessions } from './sessions.ts'
import { SharedReads } from './shared-reads.ts'
import type { TwoHopDriver } from './two-hop-driver.ts'
import { UnservedClassifier } from './unserved-classifier.ts'

interface QueryPlaneParts {
  readonly options: NodeOptions
  readonly plugins: NodePlugins
  readonly self: { readonly peerId: string; readonly name: string }
  readonly engines: ReadonlyMap<string, QueryEngine>
  readonly gate: QueryGateDriver
  readonly uses: EngineUses
  readonly connections: QueryConnections
  readonly directory: PeerDirectory
  readonly experience: PeerExperience
  readonly twoHop: TwoHopDriver
  readonly latencyService: LatencyService
  readonly monitor: LoadMonitor
  readonly loadDriver: LoadDriver
  readonly partitions: PartitionDriver
  readonly events: EventStream<EventView>
  readonly closers: Closers
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface QueryPlane {
  readonly queries: QueryService
  readonly strategies: DatabaseStrategies
  /** What was read of it is given out no more: it is another one, or none. */
  forget(database: string): void
  counters(): Readonly<Record<string, unknown>>
}

/** Whatever it opens is closed through `closers`. */
export function openQueryPlane(parts: QueryPlaneParts): QueryPlane {
  const { options, plugins, self, engines, gate, uses, connections, directory, experience, twoHop, latencyService, monitor, loadDriver, partitions, events, closers, clock, random, log } = parts
  const unserved = new UnservedClassifier({
    kindsOf: (database) => directory.engineKinds(database),
    create: {
      duckdb: async () => (await import('../adapters/duckdb/classifier.ts')).createClassifier(),
      postgres: async () => (await import('../adapters/postgres/offline-classifier.ts')).createOfflineClassifier(),
    },
  })
  closers.add('classifier', () => unserved.close())
  const hotspots = new HotspotDriver({
    options: options.routing.hotspots, clock, random, log,
    otherCopies: (database) => directory.peerViews(database).filter(({ status, ready, overloaded }) => status === 'healthy' && ready && !overloaded).length,
    onEvent: (view) => { events.publish(view) },
  })
  closers.add('hotspots', () => { hotspots.stop() })
  const strategies = new DatabaseStrategies({
    standard: plugins.strategy ?? options.strategy, custom: plugins.strategies, random,
    ofDatabase: new Map([...options.databases.flatMap(({ name, strategy }): Array<[string, string]> => strategy === null ? [] : [[name, strategy]]), ...plugins.strategyOf]),
  })
  const sharedReads = new SharedReads({ cache: new ResultCache({ bytesMax: options.cacheBytes, ageMsMax: options.cacheAgeMs }), coalescer: options.coalesce ? new QueryCoalescer(clock) : null, engines, clock })
  closers.add('shared reads', () => { sharedReads.stop() })
  const queries = new QueryService({
    self, engines, clock, random,
    localView: (database, isForwarded) => directory.localView(database, isForwarded),
    peerViews: (database) => directory.peerViews(database),
    peerName: (peerId) => directory.nameOf(peerId),
    forward: async (peerId, request, forwardOptions) => {
      try {
        return await connections.query(peerId, request, forwardOptions)
      } catch (error) {
        if (error instanceof MeshError && error.code === 'ERR_PEER_UNREACHABLE') {
          // A relay that does not get through is none that cannot be reached.
          if (request.finalPeerId === '' || request.finalPeerId === peerId) twoHop.handlePathDown(peerId)
          else twoHop.handleWayDown(request.finalPeerId, peerId)
        }
        throw error
      }
    },
    localLoad: () => monitor.digest(),
    classifyUnserved: unserved.classify,
    inFlightChanged: (inFlight) => { loadDriver.setInFlight(inFlight) },
    refusalOf: (access) => partitions.refusalOf(access),
    latencyTo: (peerId) => directory.latencyTo(peerId),
    onDelivered: (peerId, traffic) => { latencyService.handleQuery(clock.nowMs(), peerId, traffic) },
    routeTo: (peerId) => twoHop.routeTo(peerId), isReachable: (peerId) => twoHop.isReachable(peerId),
    onDispatch: (peerId, request) => {
      experience.handleDispatch(peerId)
      gate.services.handleDispatch(request)
    },
    onOutcome: (peerId, attempt) => {
      experience.handleOutcome(peerId, attempt)
      gate.services.handleOutcome(attempt)
    },
    retryBudget: new RetryBudget(options.routing.retries), hedging: new Hedging(options.routing.hedging), hotspots,
    transactions: { openMax: options.transactionsMax, idleMs: options.transactionIdleMs, lifetimeMs: options.transactionLimitMs },
    gate, uses, sharedReads, requestProbes: (candidates) => { experience.requestProbes(candidates) },
    sessions: new Sessions({ affinity: experience.affinity, readYourWritesMs: options.readYourWritesMs, isTableAffine: options.tableAffinity, warmPlaces: experience.warmPlaces, clock }),
    strategies: (database) => strategies.of(database),
    routing: options.routing.decision,
  })
  closers.add('transactions', () => { queries.stop() })
  return {
    queries, strategies,
    forget: (database) => { sharedReads.handleWrite(database) },
    counters: () => ({ queries: queries.counters, transactions: queries.transactionCounters, hotspots: hotspots.counters, queue: gateCounters(gate), sharedReads: sharedReads.counters, ...gate.services.counters }),
  }
}
