/** What the routes of HTTP share. */
import type { NodeInspection } from '../../node/inspection.ts'
import type { AlertsSource, MetricsSource, TablesSource } from '../types.ts'
import type { Tracing } from '../../ports/tracing.ts'
import type { EventStreams } from './event-streams.ts'
import type { Guard } from './guard.ts'
import type { HttpObserver } from './http-observer.ts'
import type { LiveState } from './live-state.ts'
import type { Places } from './places.ts'
import type { TokenAttempts } from './token-attempts.ts'

/** What HTTP needs of the node. */
export type HttpInspection = Pick<NodeInspection,
  | 'peerId' | 'name' | 'startedWallMs' | 'options' | 'clock' | 'log' | 'status' | 'members' | 'databases' | 'nodes' | 'latency' | 'traffic' | 'reading' | 'connectedPeers'
  | 'recentEvents' | 'recentQueries' | 'observe' | 'query' | 'explain' | 'isDraining' | 'onClose' | 'announceHttp'
> & { readonly distances: Pick<NodeInspection['distances'], 'nearest'> }

/** By path, such as `/` and `/assets/app.js`. */
export type HttpFiles = ReadonlyMap<string, { readonly contentType: string; readonly body: Buffer }>

export interface HttpSources {
  readonly inspection: HttpInspection
  /** Null: that part does not run. */
  readonly metrics: MetricsSource | null
  readonly alerts: AlertsSource | null
  readonly tables: TablesSource | null
  /** Read at the first request for one of them. */
  readonly files: (() => Promise<HttpFiles>) | null
  /** Null: nobody counts. */
  readonly observer: HttpObserver | null
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null
}

export interface HttpRoom extends HttpSources {
  readonly guard: Guard
  readonly attempts: TokenAttempts
  readonly places: Places
  readonly live: LiveState
  readonly streams: EventStreams
}
