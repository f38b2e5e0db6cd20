/**
 * `/reedbase/control/1.0`: what the CLI asks of the node beside it, over the local socket. One call a connection: the client
 * sends one JSON line `ControlRequest`, the node answers JSON lines `ControlReply` and ends. Streams (`events`) go on until either side
 * ends. A line is at most 1 MiB.
 */
import type { LatencySummary, PeerStatus } from '../core/latency/types.ts'
import type { MemberEventType, MemberRecord, MemberState } from '../core/membership/types.ts'

export const CONTROL_PROTOCOL = '/reedbase/control/1.0'
export const CONTROL_LINE_BYTES_MAX = 1 << 20

export type ControlRequest =
  | { readonly method: 'status' }
  | { readonly method: 'members' }
  /** A stream of `MemberEventView`; starts with one `member-joined` for each known member when `snapshot` is set. */
  | { readonly method: 'events'; readonly snapshot: boolean }
  | { readonly method: 'nodes'; readonly database: string }
  | { readonly method: 'drill-start'; readonly cpuPercent: number | null; readonly memoryPercent: number | null; readonly forMs: number }
  | { readonly method: 'drill-end' }

export type ControlReply =
  | { readonly result: unknown }
  | { readonly event: unknown }
  | { readonly error: { readonly code: string; readonly message: string; readonly nextStep: string; readonly details: Readonly<Record<string, string | number | boolean | null>> } }

export interface NodeStatusView {
  readonly peerId: string
  readonly name: string
  readonly pid: number
  readonly state: MemberState
  readonly version: string
  readonly uptimeMs: number
  readonly listen: { readonly tcpMultiaddrs: readonly string[]; readonly udp: string }
  readonly databases: ReadonlyArray<{ readonly name: string; readonly role: string; readonly engine: string; readonly ready: boolean }>
  readonly load: LoadView
  readonly members: Readonly<Record<MemberState, number>>
  readonly counters: Readonly<Record<string, number>>
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
  readonly local: boolean
  readonly state: MemberState
  readonly stateSinceWallMs: number
  readonly suspectedBy: readonly string[]
  readonly status: PeerStatus
  readonly latency: LatencySummary | null
  readonly load: (LoadView & { readonly ageMs: number }) | null
  /** True when another member has the same name. */
  readonly nameConflict: boolean
}

export interface MemberEventView {
  readonly type: MemberEventType
  readonly atWallMs: number
  readonly record: MemberRecordView
  /** Name of the accuser or informer when known, otherwise its PeerId. */
  readonly from: string
  readonly reason: string
  readonly sinceProbeMs: number | null
}

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
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
  readonly inFlight: number | null
  readonly overloaded: boolean
  readonly drill: boolean
  readonly latencyMs: number | null
  /** Unix ms of the last ping answer or datagram ack from it; for the local node, of the last load reading. */
  readonly lastCheckWallMs: number | null
}
