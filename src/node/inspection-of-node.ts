/** What operations sees of a node, out of the parts that have it. */
import type { PeerLatencies } from '../core/latency/peer-latencies.ts'
import type { PeerLoads } from '../core/load/peer-loads.ts'
import type { Membership } from '../core/membership/membership.ts'
import type { Ring } from '../core/time/ring.ts'
import type { LoadReading } from '../ports/load-probe.ts'
import type { EventView } from '../wire/control.ts'
import type { Closers } from './closers.ts'
import { servedNodes } from './control-service.ts'
import type { DatabaseRegistry } from './database-registry.ts'
import type { EventStream } from './event-stream.ts'
import type { NodeInspection } from './inspection.ts'
import type { LatencyService } from './latency-service.ts'
import type { Observers } from './observers.ts'
import type { OwnQueries } from './own-queries.ts'
import type { PeerDirectory } from './peer-directory.ts'
import type { QueryLog } from './query-log.ts'
import type { QueryService } from './query-service.ts'
import type { ReachabilityService } from './reachability-service.ts'

interface InspectedParts extends Pick<NodeInspection, 'peerId' | 'name' | 'startedWallMs' | 'options' | 'dataDir' | 'clock' | 'log' | 'status' | 'distances' | 'isDraining' | 'announceHttp' | 'announceAlerts'> {
  readonly directory: PeerDirectory
  readonly registry: Pick<DatabaseRegistry, 'list'>
  readonly latencyService: LatencyService
  readonly latencies: PeerLatencies
  readonly reachability: Pick<ReachabilityService, 'paths'>
  readonly membership: Membership
  readonly loads: PeerLoads
  readonly mesh: { connectedPeers(): readonly string[] }
  readonly queryLog: QueryLog
  readonly observers: Observers
  readonly ownQueries: OwnQueries
  readonly queries: Pick<QueryService, 'explain'>
  readonly events: EventStream<EventView>
  readonly recentEvents: Ring<EventView>
  readonly closers: Closers
  readonly lastReading: () => LoadReading | null
}

export function inspectNode(parts: InspectedParts): NodeInspection {
  const { peerId, name, startedWallMs, options, dataDir, clock, log, status, distances, isDraining, announceHttp, announceAlerts } = parts
  const { directory, registry, latencyService, latencies, reachability, membership, loads, mesh, queryLog, observers, ownQueries, queries, events, recentEvents, closers, lastReading } = parts
  return {
    peerId, name, startedWallMs, options, dataDir, clock, log, status, distances, isDraining, announceHttp, announceAlerts,
    members: () => directory.memberViews(), databases: () => directory.databasesView(registry.list()),
    nodes: (database) => servedNodes(directory, database),
    latency: (database, hours) => {
      servedNodes(directory, database)
      return latencyService.view(database, hours)
    },
    restoreLatency: (minutes) => { latencyService.restore(minutes) },
    pingIntervalMs: () => latencies.options.pingIntervalMs, latencyTo: (peer) => latencies.summary(peer), traffic: (peer) => latencyService.traffic(peer),
    reachability: () => ({ ...directory.self(), paths: reachability.paths(), mesh: null }),
    clockOffsets: () => membership.members().flatMap(({ state, signed: { record } }) => {
      const aheadMs = state === 'alive' ? loads.clockAheadMs(clock.nowMs(), clock.wallMs(), record.peerId) : null
      return aheadMs === null ? [] : [{ peerId: record.peerId, aheadMs }]
    }),
    reading: lastReading, connectedPeers: () => mesh.connectedPeers(),
    recentEvents: () => recentEvents.list(), events: (signal) => events.subscribe([], signal), recentQueries: () => queryLog.recent(), observe: (observer) => observers.add(observer),
    query: (request, signal) => ownQueries.stream(request, signal),
    explain: async (request, signal) => await queries.explain(request, signal),
    onClose: (what, close) => { closers.add(what, close) },
  }
}
