/** One node of the simulated mesh, and what can happen to it. */
import type { Membership } from '../../src/core/membership/membership.ts'
import type { PartitionMonitor } from '../../src/core/membership/partition.ts'
import type { SyncAnswer, SyncRequest } from '../../src/core/membership/push-pull.ts'
import type { MembershipEffect, Packet, Update } from '../../src/core/membership/types.ts'
import type { SafetyChecker } from './safety.ts'
import type { Traffic } from './traffic.ts'

export type ConnectResult = 'open' | 'refused' | 'silent'

/** `life`: what belongs to an earlier life of the node is void. */
export type Happening =
  | { readonly kind: 'timer'; readonly life: number; readonly atMs: number }
  | { readonly kind: 'monitor'; readonly life: number }
  | { readonly kind: 'census'; readonly life: number }
  | { readonly kind: 'packet'; readonly from: number; readonly packet: Packet; readonly bytes: number }
  | { readonly kind: 'updates'; readonly from: number; readonly updates: readonly Update[] }
  | { readonly kind: 'sync-question'; readonly from: number; readonly fromLife: number; readonly request: SyncRequest; readonly untilMs: number }
  | { readonly kind: 'sync-answer'; readonly life: number; readonly from: number; readonly request: SyncRequest; readonly answer: SyncAnswer; readonly untilMs: number }
  | { readonly kind: 'sync-tick'; readonly life: number; readonly pausedMs: number }
  | { readonly kind: 'join'; readonly life: number }
  | { readonly kind: 'evidence'; readonly about: number }
  | { readonly kind: 'connected'; readonly life: number; readonly about: number; readonly result: ConnectResult }
  | { readonly kind: 'stream-ping'; readonly from: number; readonly fromLife: number; readonly sequence: number }
  | { readonly kind: 'stream-pong'; readonly life: number; readonly from: number; readonly sequence: number }
  | { readonly kind: 'release'; readonly life: number }
  | { readonly kind: 'call'; readonly run: () => void }

export interface SimulatedNode {
  readonly index: number
  readonly peerId: string
  readonly traffic: Traffic
  machine: Membership
  /** Null: nobody looks for partitions. */
  monitor: PartitionMonitor | null
  isSpreading: boolean
  checker: SafetyChecker | null
  /** Counts starts; what was scheduled for an earlier life is void. */
  life: number
  running: boolean
  /** `leave` was called: its tombstone says so, whatever becomes of the process. */
  hasLeft: boolean
  phase: 'joining' | 'alive' | 'left' | 'stopped'
  /** Paused: the whole process stands still. Blocked: it handles and sends no message, but its timers run on. */
  hold: 'none' | 'paused' | 'blocked'
  /** When the present hold ends. */
  heldUntilMs: number
  inbox: Happening[]
  outbox: MembershipEffect[]
  armedMs: number | null
}
