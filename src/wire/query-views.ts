/** What a node tells of its database's copies and of a query's route, as `/reedbase/control/1.0` carries it. */
import type { QueuePlace } from '../core/admission/query-gate.ts'
import type { TrafficSummary } from '../core/latency/traffic.ts'
import type { PeerStatus } from '../core/latency/types.ts'
import type { MemberState } from '../core/membership/types.ts'
import type { CandidateExplanation, Decision, Priority } from '../core/routing/types.ts'

export interface NodesView {
  readonly database: string
  readonly pingIntervalMs: number
  readonly thresholds: { readonly cpuPercent: number; readonly memoryPercent: number; readonly latencyMs: number }
  readonly nodes: readonly NodeView[]
}

export interface NodeView {
  readonly name: string
  readonly peerId: string
  readonly type: 'local' | 'remote'
  readonly state: MemberState
  readonly status: PeerStatus
  /** Why the status is not healthy; null when it is. */
  readonly statusReason: string | null
  readonly role: string
  /** How far the copy is behind the primary; null for a primary, and where the copy does not know it. */
  readonly lagMs: number | null
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
  readonly inFlight: number | null
  readonly overloaded: boolean
  readonly drill: boolean
  readonly latencyMs: number | null
  /** Unix ms of the last ping answer or datagram ack from it; for the local node, of the last load reading. */
  readonly lastCheckWallMs: number | null
}

export interface LatencyView {
  readonly database: string
  readonly hours: number
  /** The beginning of the minute in which the span began, or of the first that this node or an earlier run of it has kept, where that came later. */
  readonly sinceWallMs: number
  /** At which a peer is degraded, and a path has lost half of its quality. */
  readonly thresholdMs: number
  /** What one of `points` covers: whole minutes, more of them the longer the span and the more nodes. */
  readonly pointMs: number
  /** All that serve the database, but this node. */
  readonly nodes: readonly LatencyNodeView[]
}

export interface LatencyNodeView {
  readonly name: string
  readonly peerId: string
  readonly state: MemberState
  readonly status: PeerStatus
  readonly statusReason: string | null
  readonly role: string
  /** The last round trip, however long ago; null while there was none. */
  readonly currentMs: number | null
  readonly currentAtWallMs: number | null
  /** Of pings and datagram acks; null when none was measured in the span. */
  readonly roundTrips: LatencySpanView | null
  /** Of round trips over the span, the oldest first; at most 240, and none where nothing was measured. */
  readonly points: readonly LatencyPointView[]
  /** Of queries that went there from here, with the time that they took there. */
  readonly firstBytes: LatencySpanView | null
  /** Of the last 10 s (packet loss: 15 s); null when there was no traffic. */
  readonly traffic: TrafficSummary | null
  /** 0–1: of that traffic, or of the last 100 outcomes where there was none. */
  readonly quality: number | null
}

export interface LatencySpanView {
  readonly samples: number
  readonly meanMs: number
  readonly minMs: number
  readonly minAtWallMs: number
  readonly maxMs: number
  readonly maxAtWallMs: number
}

/** Times to the microsecond. */
export interface LatencyPointView {
  /** When it begins. */
  readonly atWallMs: number
  readonly samples: number
  readonly meanMs: number
  readonly minMs: number
  readonly maxMs: number
}

/** What would become of a query if it were sent now. */
export interface ExplainView {
  readonly database: string
  /** `unknown`: it does not parse here, or nobody here can tell; the node that runs it decides. */
  readonly access: 'read' | 'write' | 'unknown'
  /** As the engine here found them; empty where it has none, or cannot tell. */
  readonly tables: readonly string[]
  readonly priority: Priority
  readonly session: string | null
  readonly decision: Decision['kind']
  /** With which it would be refused; null otherwise. */
  readonly code: string | null
  readonly reason: string
  readonly strategy: string
  /** The node that was asked. */
  readonly node: { readonly peerId: string; readonly name: string }
  /** Where it would run; null when nowhere. */
  readonly target: { readonly peerId: string; readonly name: string; readonly latencyMs: number | null; /** Name of the relay on a two-hop route. */ readonly via: string | null } | null
  /** 0–1: of such reads at this load, the part that goes to peers; null where load is not shared. The view shows one that goes. */
  readonly forwardedRatio: number | null
  /** 0–1: of such reads, the part that goes elsewhere because too many ask for the same here. Above 0 the view shows one that goes. */
  readonly hotspotRatio: number
  /** What of it is asked for too often here: this node as a whole, tables, or (`table` null) the database where tables are unknown. */
  readonly hotspots: ReadonlyArray<{ readonly scope: 'node' | 'table'; readonly table: string | null; readonly ratePerSecond: number }>
  /**
   * The node that it is kept to; null: none. `written`: its session wrote there, and reads nowhere else for `forMs`. `session`: its session's reads go
   * there while that node is well. `tables`: the tables are warm there, so that node comes first among the peers.
   */
  readonly keptTo: { readonly why: 'written' | 'session' | 'tables'; readonly peerId: string; readonly name: string; readonly forMs: number | null } | null
  /** Where it would run here, without parameters: a kept result would answer it, or the run of the same read; null: it would run by itself. */
  readonly shared: 'held' | 'under-way' | null
  /** Its place at the gate of this node, where it would run here by itself; null otherwise. */
  readonly queue: QueuePlace | null
  /** This node first, then the chosen peer and its successors, then the rest by score. */
  readonly candidates: readonly ExplainCandidateView[]
  /** Further ones that are not listed. */
  readonly omitted: number
}

export interface ExplainCandidateView extends Omit<CandidateExplanation, 'verdict'> {
  readonly isLocal: boolean
  /** `datacenter/rack`; empty where nobody said. */
  readonly place: string
  readonly role: string
  /** Name of the relay that queries to it go by; null: directly. */
  readonly via: string | null
  /** `passed-over`: this node, for the decision's reason. */
  readonly verdict: CandidateExplanation['verdict'] | 'passed-over'
  /** One sentence for people. */
  readonly reason: string
}
