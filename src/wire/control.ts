/**
 * `/reedbase/control/1.0`: what the CLI asks of the node beside it, over the local socket. One call a connection: the client
 * sends one JSON line `ControlRequest`, the node answers JSON lines `ControlReply` and ends. Streams (`events`) go on until either side
 * ends. A line is at most 1 MiB.
 */
import type { LatencySummary, PeerStatus } from '../core/latency/types.ts'
import type { MinorityPolicy } from '../core/membership/quorum.ts'
import type { MemberEventType, MemberRecord, MemberState } from '../core/membership/types.ts'

export const CONTROL_PROTOCOL = '/reedbase/control/1.0'
export const CONTROL_LINE_BYTES_MAX = 1 << 20

export type ControlRequest =
  | { readonly method: 'status' }
  | { readonly method: 'members' }
  /** A stream of `EventView`; starts with one `member-joined` for each known member when `snapshot` is set. */
  | { readonly method: 'events'; readonly snapshot: boolean }
  | { readonly method: 'nodes'; readonly database: string }
  | { readonly method: 'drill-start'; readonly cpuPercent: number | null; readonly memoryPercent: number | null; readonly forMs: number }
  | { readonly method: 'drill-end' }
  | { readonly method: 'keys-list'; readonly mesh: boolean }
  | { readonly method: 'keys-install' }
  | { readonly method: 'keys-use'; readonly fingerprint: string }
  | { readonly method: 'keys-remove'; readonly fingerprint: string; readonly force: boolean }
  | { readonly method: 'peers-list' }
  | { readonly method: 'peers-change'; readonly list: 'allow' | 'deny'; readonly peerIds: readonly string[]; readonly remove: boolean; readonly force: boolean }

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
  /** Null while none is open. */
  readonly partition: PartitionStatusView | null
  readonly quorum: QuorumStatusView
  readonly counters: Readonly<Record<string, number>>
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
  /** This node does not deal with it, by its lists of peers. */
  readonly denied: boolean
}

/** Everything that a stream of events tells; `isMemberEvent` and `type` tell them apart. */
export type EventView = MemberEventView | MeshEventView
/** What concerns no single member. */
export type MeshEventView = PartitionEventView | QuorumEventView | NameConflictEventView

export function isMemberEvent(event: EventView): event is MemberEventView {
  return 'record' in event
}

export interface PartitionEventView {
  /** `partition-ended`: those that were lost have left, or are not expected back any more. */
  readonly type: 'partition-suspected' | 'partition-healed' | 'partition-ended'
  readonly atWallMs: number
  readonly reason: string
  /** Names this partition in the logs of this node. */
  readonly partition: string
  /** Members on this side when the event was told, this node included. */
  readonly reachable: number
  /** Members on the other side: at first those found so far, at the end the most there were. */
  readonly lost: number
  /** Since the first of them was lost; null while it is open. */
  readonly durationMs: number | null
}

export interface QuorumEventView {
  readonly type: 'quorum-lost' | 'quorum-regained'
  readonly atWallMs: number
  readonly reason: string
  readonly reachable: number
  readonly known: number
  /** So many must be reachable. */
  readonly needed: number
}

export interface NameConflictEventView {
  readonly type: 'name-conflict' | 'name-conflict-ended'
  readonly atWallMs: number
  readonly reason: string
  readonly name: string
  /** PeerId of the member that is shown by the name; null when nobody has it any more. */
  readonly keeper: string | null
  /** PeerIds of those that are shown by the name and the end of their PeerId. */
  readonly others: readonly string[]
}

export interface MemberEventView {
  readonly type: MemberEventType
  readonly atWallMs: number
  readonly record: MemberRecordView
  /** As `MemberView.name`. */
  readonly name: string
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
