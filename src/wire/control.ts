/**
 * `/reedbase/control/1.0`: what the CLI asks of the node beside it, over the local socket. One call a connection: the client
 * sends one JSON line `ControlRequest`, the node answers JSON lines `ControlReply` and ends. Streams (`events`, `monitor`) go on until either
 * side ends. A line is at most 1 MiB; a list that is longer comes in parts.
 */
import type { LatencySummary, PeerStatus } from '../core/latency/types.ts'
import type { MinorityPolicy } from '../core/membership/quorum.ts'
import type { MemberRecord, MemberState, PathFinding } from '../core/membership/types.ts'
import type { Priority } from '../core/routing/types.ts'
import type { DatabaseEntry, RoutingChange } from './configuration-views.ts'
import type { EventView } from './event-views.ts'
import type { AlertView } from './operations-views.ts'

export * from './event-views.ts'
export type * from './query-views.ts'
export type * from './configuration-views.ts'

export const CONTROL_PROTOCOL = '/reedbase/control/1.0'
export const CONTROL_LINE_BYTES_MAX = 1 << 20
/** Of `latency`. */
export const LATENCY_HOURS_MIN = 0.1
export const LATENCY_HOURS_MAX = 24

export type ControlRequest =
  | { readonly method: 'status' }
  | { readonly method: 'members' }
  /** A stream of `EventView`; starts with one `member-joined` for each known member when `snapshot` is set. */
  | { readonly method: 'events'; readonly snapshot: boolean }
  | { readonly method: 'nodes'; readonly database: string }
  | { readonly method: 'latency'; readonly database: string; readonly hours: number }
  /** `hints`: as in a query's request. */
  | { readonly method: 'explain'; readonly database: string; readonly sql: string; readonly hints: string; readonly priority: Priority; /** As control-values.ts writes them; none by default. */ readonly parameters?: readonly string[] }
  /** A stream of `MonitorLine`, of log lines at least as severe as `level`. */
  | { readonly method: 'monitor'; readonly level: LogLineLevel }
  /** Both null: from here to every member. Members are named by their shown name, their PeerId or the end of it. */
  | { readonly method: 'rtt'; readonly from: string | null; readonly to: string | null }
  | { readonly method: 'reachability'; readonly mesh: boolean }
  | { readonly method: 'force-leave'; readonly member: string }
  /** Answered when the node begins to leave. */
  | { readonly method: 'leave' }
  | { readonly method: 'drill-start'; readonly cpuPercent: number | null; readonly memoryPercent: number | null; readonly forMs: number }
  | { readonly method: 'drill-end' }
  | { readonly method: 'keys-list'; readonly mesh: boolean }
  | { readonly method: 'keys-install' }
  | { readonly method: 'keys-use'; readonly fingerprint: string }
  | { readonly method: 'keys-remove'; readonly fingerprint: string; readonly force: boolean }
  | { readonly method: 'peers-list' }
  | { readonly method: 'peers-change'; readonly list: 'allow' | 'deny'; readonly peerIds: readonly string[]; readonly remove: boolean; readonly force: boolean }
  /** Every database that somebody serves: `DatabaseView[]`. */
  | { readonly method: 'databases' }
  /** `MeasurementView`; null: of the node as a whole. */
  | { readonly method: 'measurement'; readonly database: string | null }
  /** `RoutingConfigView`; `change` null shows. `save`: in the configuration file too. */
  | { readonly method: 'routing-config'; readonly database: string; readonly change: RoutingChange | null; readonly save: boolean }
  /** Streams of `RegistryProgress`, whose last one is `done`. What was begun goes on when the caller is gone. */
  | { readonly method: 'database-register'; readonly name: string; readonly entry: DatabaseEntry; readonly save: boolean }
  | { readonly method: 'database-unregister'; readonly name: string; readonly save: boolean; readonly force: boolean }

export type ControlReply =
  /** The beginning of a list, whose end comes as `result`. */
  | { readonly part: readonly unknown[] }
  | { readonly result: unknown }
  | { readonly event: unknown }
  | { readonly error: { readonly code: string; readonly message: string; readonly nextStep: string; readonly details: Readonly<Record<string, string | number | boolean | null>> } }

export interface NodeStatusView {
  readonly peerId: string
  /** As `MemberView.name`. */
  readonly name: string
  /** True when another member has the same name. */
  readonly nameConflict: boolean
  readonly pid: number
  readonly state: MemberState
  readonly version: string
  readonly uptimeMs: number
  readonly listen: { readonly tcpMultiaddrs: readonly string[]; readonly udp: string }
  /** URL of the HTTP server; null where none runs. */
  readonly http: string | null
  /** Those that are firing. */
  readonly alerts: ReadonlyArray<Pick<AlertView, 'rule' | 'severity' | 'subject' | 'summary' | 'sinceWallMs'>>
  readonly databases: ReadonlyArray<{ readonly name: string; readonly role: string; readonly engine: string; readonly ready: boolean; /** As `NodeView.lagMs`. */ readonly lagMs: number | null }>
  readonly load: LoadView
  readonly members: Readonly<Record<MemberState, number>>
  readonly localHealth: LocalHealthView
  /** Null while none is open. */
  readonly partition: PartitionStatusView | null
  readonly quorum: QuorumStatusView
  readonly counters: Readonly<Record<string, number>>
}

/** Lifeguard's score of this node by itself: 0 is healthy; at `max` it waits `max` + 1 times as long before it accuses another. */
export interface LocalHealthView {
  readonly score: number
  readonly max: number
}

export interface PeersView {
  readonly entries: ReadonlyArray<{ readonly list: 'allow' | 'deny'; readonly peerId: string; readonly name: string; readonly source: 'option' | 'command' }>
  /** The allow list is not empty, so nobody else is let in. */
  readonly isExclusive: boolean
  /** Members that this node does not deal with. */
  readonly refused: readonly PeerVerdictView[]
}

export interface PeerVerdictView {
  readonly peerId: string
  readonly name: string
}

export interface KeysView {
  /** Of this node, the one in use first. */
  readonly fingerprints: readonly string[]
  readonly removed: readonly string[]
  /** All but this node; empty when they were not asked. */
  readonly members: readonly KeysMemberView[]
}

export interface KeysMemberView {
  readonly peerId: string
  readonly name: string
  readonly isUp: boolean
  /** The one in use first; null when it did not answer. */
  readonly fingerprints: readonly string[] | null
  /** Why it did not answer; null when it did. */
  readonly problem: string | null
  /** It holds the keys of this node and uses the same. */
  readonly agrees: boolean
}

export interface PartitionStatusView {
  readonly partition: string
  readonly sinceWallMs: number
  /** Members here, this node included. */
  readonly reachable: number
  /** Lost, and not back. */
  readonly away: number
  /** The most that were lost at one time. */
  readonly lost: number
}

export interface QuorumStatusView {
  readonly hasQuorum: boolean
  /** Members here, this node included. */
  readonly reachable: number
  /** All that are expected: those here and the failed, without those that left or were removed. */
  readonly known: number
  readonly needed: number
  readonly policy: MinorityPolicy
}

export interface LoadView {
  readonly cpuPercent: number
  readonly memoryPercent: number
  readonly inFlight: number
  readonly overloaded: boolean
  readonly drill: boolean
}

/** A member record without its key bytes, which JSON has no form for. */
export type MemberRecordView = Omit<MemberRecord, 'datagramPublicKey'>

export interface MemberView {
  readonly record: MemberRecordView
  /** As it is shown: `record.name`, or `record.name~abc123` while another member that is older holds the name. */
  readonly name: string
  readonly local: boolean
  readonly state: MemberState
  readonly stateSinceWallMs: number
  readonly suspectedBy: readonly string[]
  readonly status: PeerStatus
  readonly latency: LatencySummary | null
  readonly load: (LoadView & { readonly ageMs: number }) | null
  /** True when another member has the same name. */
  readonly nameConflict: boolean
  /** How far the clock of this node is ahead of its clock, as its load snapshots show; negative: behind. Absent or null where none has come. */
  readonly clockAheadMs?: number | null
  /** This node does not deal with it, by its lists of peers. */
  readonly denied: boolean
  /** It answers again after it was declared failed, and is taken back then if it stays well; null when it is not on probation. */
  readonly probationUntilWallMs: number | null
  /** It comes and goes. */
  readonly flapping: boolean
  /** Name of the node where an operator took it off; null for all others. */
  readonly removedBy: string | null
  /** How this node reaches it; null for this node itself. */
  readonly path: PathFinding | null
}

export interface RttView {
  readonly from: string
  readonly fromPeerId: string
  readonly to: string
  readonly toPeerId: string
  /** Of pings and datagram acks; null unless this node is one end and has measured the other. */
  readonly measured: { readonly smoothedMs: number; readonly p99Ms: number; readonly samples: number } | null
  /** From both ends' network coordinates; null when one of them is not known. */
  readonly estimated: { readonly rttMs: number; /** Of the coordinate that is the less certain one: 0 is certain, 1 a guess. */ readonly error: number } | null
}

export interface PathView {
  readonly peerId: string
  readonly name: string
  readonly state: MemberState
  readonly finding: PathFinding
  readonly sinceWallMs: number
  /** `host:port` for datagrams. */
  readonly udp: string
  /** Multiaddr for connections; null when it names none. */
  readonly tcp: string | null
  readonly lastAckWallMs: number | null
  readonly lastHeardWallMs: number | null
  readonly lastIndirectWallMs: number | null
  readonly lastStreamWallMs: number | null
  readonly lostInARow: number
  /** This node does not deal with it, by its lists of peers: what is lost then says nothing about the path. */
  readonly denied: boolean
}

export interface ReachabilityView {
  /** Of this node. */
  readonly name: string
  readonly peerId: string
  /** Degraded ones first, failed members last. */
  readonly paths: readonly PathView[]
  /** What the others said; null when they were not asked. */
  readonly mesh: MeshReachabilityView | null
}

export interface MeshReachabilityView {
  /** Members that answered, this node included. */
  readonly answered: number
  /** Members that are up and did not answer. */
  readonly silent: ReadonlyArray<{ readonly peerId: string; readonly name: string; readonly problem: string }>
  /** Every path that is neither direct nor unknown, between members that are up. */
  readonly degraded: readonly DegradedPathView[]
  /** Further ones that are not listed. */
  readonly omitted: number
}

export interface DegradedPathView {
  readonly from: string
  readonly to: string
  readonly finding: PathFinding
  /** How long it has been so. */
  readonly forMs: number
  readonly lostInARow: number
}

export interface ForceLeaveView {
  readonly peerId: string
  readonly name: string
  /** It had left or had been removed before. */
  readonly wasGone: boolean
}

export interface LeavingView {
  readonly pid: number
  readonly name: string
  /** Queries that the node lets finish first. */
  readonly inFlight: number
  readonly drainMs: number
}

export type LogLineLevel = 'debug' | 'info' | 'warn' | 'error'

export type MonitorLine =
  | { readonly kind: 'event'; readonly event: EventView }
  | { readonly kind: 'log'; readonly atWallMs: number; readonly level: LogLineLevel; readonly message: string; readonly fields: Readonly<Record<string, unknown>> }
  /** So many lines were dropped here, because the reader was too slow. */
  | { readonly kind: 'lost'; readonly count: number }
  /** The last line: the node stops. */
  | { readonly kind: 'end'; readonly reason: string }
