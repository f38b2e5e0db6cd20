/** What operations (metrics, tables, alerts, HTTP, the mesh's own database) sees of a running node, and may ask of it. */
import type { TrafficSummary } from '../core/latency/traffic.ts'
import type { LatencySummary } from '../core/latency/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { LoadReading } from '../ports/load-probe.ts'
import type { Log } from '../ports/log.ts'
import type { QueryRequest, QueryResponse } from '../query/types.ts'
import type { EventView, ExplainView, LatencyView, MemberView, NodesView, NodeStatusView, ReachabilityView } from '../wire/control.ts'
import type { AlertView, DatabaseView, QueryRecord } from '../wire/operations-views.ts'
import type { Distances } from './distances.ts'
import type { EarlierMinute } from './latency-service.ts'
import type { NodeObserver } from './observers.ts'
import type { NodeOptions } from './options.ts'

export interface NodeInspection {
  readonly peerId: string
  readonly name: string
  readonly startedWallMs: number
  /** As the node was started; what was changed since is in `status` and in the views. */
  readonly options: NodeOptions
  /** Now; it is changed on the running node. */
  pingIntervalMs(): number
  /** Of the data folder, absolute. */
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Log

  status(): NodeStatusView
  /** This node first. */
  members(): MemberView[]
  /** Every database that somebody serves, by name. */
  databases(): DatabaseView[]
  /** @throws MeshError ERR_DATABASE_UNKNOWN */
  nodes(database: string): NodesView
  /** @throws MeshError ERR_DATABASE_UNKNOWN */
  latency(database: string, hours: number): LatencyView
  /** What an earlier run has kept of its round trips, for `latency`. */
  restoreLatency(minutes: readonly EarlierMinute[]): void
  latencyTo(peerId: string): LatencySummary | null
  /** Of the last seconds; null when there was none. */
  traffic(peerId: string): TrafficSummary | null
  reachability(): ReachabilityView
  readonly distances: Pick<Distances, 'all' | 'between' | 'nearest'>
  /** The last one; null before the first. */
  reading(): LoadReading | null
  /** How far the clock here is ahead of each peer's that has told, to a few hundred milliseconds; negative: behind. */
  clockOffsets(): ReadonlyArray<{ readonly peerId: string; readonly aheadMs: number }>
  /** PeerIds of the members that this node has a connection to. */
  connectedPeers(): readonly string[]

  /** The last 1,000, the oldest first. */
  recentEvents(): EventView[]
  /** From now on, until the signal aborts or the node stops. @throws MeshError ERR_EVENTS_LOST after 4,096 unread ones */
  events(signal: AbortSignal): AsyncIterableIterator<EventView>
  /** The last 1,000, the oldest first; none with `queryLog: off`. */
  recentQueries(): QueryRecord[]
  /** Answers how to stop it. */
  observe(observer: NodeObserver): () => void

  /**
   * As a client beside the node: routed, limited, drained and counted alike.
   * @throws MeshError
   */
  query(request: QueryRequest, signal: AbortSignal): Promise<QueryResponse>
  /** @throws MeshError ERR_SQL, ERR_READ_ONLY, ERR_OPTION_INVALID */
  explain(request: Pick<QueryRequest, 'database' | 'sql' | 'parameters' | 'hints' | 'priority'>, signal: AbortSignal): Promise<ExplainView>
  isDraining(): boolean
  /** Called when the node stops, after its queries have ended and before anything else of it closes; the last added first. */
  onClose(what: string, close: () => Promise<void> | void): void
  /** Tells where HTTP is served, for `rdb status` and whoever looks for it. */
  announceHttp(url: string): Promise<void>
  /** What alerts there are, for `rdb status`. */
  announceAlerts(list: () => readonly AlertView[]): void
}
