/** What a node tells of its operation: queries, alerts, databases. As the HTTP API, the tables in SQL and the control protocol carry it. */
import type { Priority } from '../core/routing/types.ts'

/** The database of the mesh itself, on every node and told to nobody. */
export const MESH_DATABASE = 'reedbase'

export type QueryDecision = 'local' | 'forward' | 'local-overloaded' | 'refused' | 'failed'

/** A query that has ended here: one of a client of this node, or one that a peer sent. */
export interface QueryRecord {
  /** Counts up from 1 at this node, since its start. */
  readonly id: number
  readonly startedWallMs: number
  /** From its arrival to its end. */
  readonly durationMs: number
  /** From its arrival to the first answer, before any row; null when there was none. */
  readonly firstAnswerMs: number | null
  readonly database: string
  /** Its first 1,000 characters; empty where the text is not kept. */
  readonly sql: string
  /** `unknown`: nobody here could tell, or it did not come so far. */
  readonly access: 'read' | 'write' | 'unknown'
  readonly priority: Priority
  /** Name of the peer that sent it; null for a client of this node. */
  readonly sentBy: string | null
  /** What became of it: `refused` by the router, `failed` before a decision. */
  readonly decision: QueryDecision
  /** Who ran it, or was at it when its caller left; null when nobody did. */
  readonly executedBy: { readonly peerId: string; readonly name: string } | null
  /** The round trip to who ran it, as it stood then; null when local or unmeasured. */
  readonly latencyMs: number | null
  /** One sentence for people; empty when it failed before a decision. */
  readonly reason: string
  readonly strategy: string
  readonly failedAttempts: ReadonlyArray<{ readonly peerId: string; readonly name: string; readonly code: string; readonly message: string }>
  /** How long the decision took; null when there was none. */
  readonly decisionUs: number | null
  readonly rows: number
  /** Where the engine ran it; null when it did not end there. */
  readonly engineMs: number | null
  /** `cancelled`: its caller left before the end. */
  readonly outcome: 'ok' | 'error' | 'cancelled'
  /** Of the error; null otherwise. */
  readonly code: string | null
  /** 32 hexadecimal digits; null where it was not traced. */
  readonly traceId: string | null
}

export type AlertSeverity = 'warning' | 'critical'

export interface AlertView {
  /** Of the rule, as the configuration names it. */
  readonly rule: string
  readonly severity: AlertSeverity
  /** What it is about where a rule watches several: a peer's name; empty otherwise. */
  readonly subject: string
  readonly state: 'pending' | 'firing' | 'resolved'
  /** What is measured, in the rule's unit; null where the rule is a state. */
  readonly value: number | null
  readonly threshold: number | null
  readonly unit: string
  /** One sentence for people, with what to do. */
  readonly summary: string
  /** Since its condition holds. */
  readonly sinceWallMs: number
  readonly firedAtWallMs: number | null
  readonly resolvedAtWallMs: number | null
}

/** A database of the mesh, as this node knows it. */
export interface DatabaseView {
  readonly name: string
  /** As this node's file or registry has it; null where this node does not serve it. */
  readonly path: string | null
  readonly copies: readonly DatabaseCopyView[]
}

export interface DatabaseCopyView {
  readonly peerId: string
  readonly node: string
  readonly isLocal: boolean
  readonly role: string
  readonly engine: string
  readonly ready: boolean
}

/** What a live view needs of the mesh each second. */
export interface LiveStateView {
  readonly atWallMs: number
  /** PeerId of the node that tells it. */
  readonly from: string
  /** This node first. */
  readonly members: readonly LiveMemberView[]
  /** Known round trips between members, each pair once: those of this node, and of each member to its nearest ones. */
  readonly distances: readonly LiveDistanceView[]
  readonly rates: LiveRatesView
  readonly alerts: readonly AlertView[]
  /** Null while none is open. */
  readonly partition: { readonly reachable: number; readonly away: number } | null
  readonly hasQuorum: boolean
}

export interface LiveMemberView {
  readonly peerId: string
  readonly name: string
  readonly isLocal: boolean
  readonly state: 'joining' | 'alive' | 'suspect' | 'failed' | 'left'
  readonly status: 'healthy' | 'degraded' | 'unhealthy'
  /** From the node that tells it; null for itself and while unmeasured. */
  readonly latencyMs: number | null
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
  readonly inFlight: number | null
  readonly overloaded: boolean
  /** `datacenter/rack`. */
  readonly place: string
  readonly databases: ReadonlyArray<{ readonly name: string; readonly role: string }>
}

export interface LiveDistanceView {
  readonly from: string
  readonly to: string
  readonly rttMs: number
  /** False: estimated from network coordinates. */
  readonly isMeasured: boolean
}

/** What a node remembers of itself, for charts that would else begin when they are opened. */
export interface LiveHistoryView {
  /** Between two points, at the least. */
  readonly stepMs: number
  /** Of the last quarter of an hour, the oldest first. */
  readonly points: readonly LivePointView[]
}

export interface LivePointView {
  readonly atWallMs: number
  readonly cpuPercent: number
  readonly memoryPercent: number
  readonly rates: LiveRatesView
}

/** Of queries that clients sent to this node, over the last 10 s. */
export interface LiveRatesView {
  readonly queriesPerSecond: number
  readonly forwardedPerSecond: number
  readonly failedPerSecond: number
}
