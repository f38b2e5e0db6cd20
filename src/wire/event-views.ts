/** What a stream of events tells, as `/reedbase/control/1.0` carries it. */
import type { Evidence, MemberEventType } from '../core/membership/types.ts'
import type { MemberRecordView } from './control.ts'

/** Everything that a stream of events tells; `isMemberEvent` and `type` tell them apart. */
export type EventView = MemberEventView | MeshEventView
/** What concerns no single member. */
export type MeshEventView = PartitionEventView | QuorumEventView | NameConflictEventView | RoutingEventView

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

/** What this node's own queries taught it, or made of it; others may see it otherwise. */
export interface RoutingEventView {
  readonly type: 'peer-ejected' | 'peer-returned' | 'hotspot-detected' | 'hotspot-ended'
  readonly atWallMs: number
  readonly reason: string
  /** PeerId of the peer that is kept out or taken back; null for a hotspot. */
  readonly peerId: string | null
  /** The hot database, and its hot table if it is one; null for an ejection, and for a hot node. */
  readonly database: string | null
  readonly table: string | null
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
  /** What it rests on, for suspected, failed and removed members. */
  readonly evidence: Evidence | null
  /** Names of the first accuser, and of those that came to the same finding independently. */
  readonly suspectedBy: string | null
  readonly confirmedBy: readonly string[]
  /** For failed: from the first probe's start to the suspicion, at whoever declared it; null when it is not known. */
  readonly probeMs: number | null
  /** For failed and refuted: how long the suspicion stood, at whoever declared it or here. */
  readonly suspicionMs: number | null
}
