/** What membership speaks of: records, updates, packets, events. Shapes only; the machine is in membership.ts. */
import type { Coordinate } from '../coordinates/types.ts'

export type MemberState = 'joining' | 'alive' | 'suspect' | 'failed' | 'left'

export interface DatabaseOffer {
  readonly name: string
  readonly role: 'primary' | 'replica'
  readonly engine: string
}

/** How a node describes itself. Only its own key can sign it, so nobody else can raise its incarnation. */
export interface MemberRecord {
  readonly peerId: string
  readonly name: string
  /** Starts at the unix milliseconds of the node's start, so that a restart outranks what was said before; raised to refute. */
  readonly incarnation: number
  readonly tcpMultiaddrs: readonly string[]
  readonly udpHost: string
  readonly udpPort: number
  readonly datagramPublicKey: Uint8Array
  /** Unix milliseconds of the start that made the datagram key. */
  readonly datagramEpoch: number
  readonly datacenter: string
  readonly rack: string
  /** Relative weight, 1 by default. */
  readonly capacity: number
  readonly databases: readonly DatabaseOffer[]
  readonly softwareVersion: string
  readonly wireVersion: number
  /** Unix milliseconds since when this identity bears its name, over all its starts; see names.ts. */
  readonly nameSinceMs: number
}

/** A record with the exact bytes that its subject signed; others pass the bytes on as they are. */
export interface SignedRecord {
  readonly record: MemberRecord
  readonly envelope: Uint8Array
}

/** A farewell that its subject signed, so that nobody else can make a member leave. */
export interface SignedLeave {
  readonly peerId: string
  readonly incarnation: number
  readonly envelope: Uint8Array
}

/**
 * What a statement against a member rests on:
 * - `probe`: no ack, direct or through helpers;
 * - `closed`: its connection ended without a goodbye, and it answers no ping since;
 * - `refused`: its host says that nothing listens there any more;
 * - `silent`: its host does not even answer a TCP connect;
 * - `lossy`: it answers, but loses far more than others do;
 * - `table`: another member's table says so;
 * - `operator`: a person said so.
 */
export type Evidence = 'probe' | 'closed' | 'refused' | 'silent' | 'lossy' | 'table' | 'operator'

/** What gossip carries. Signatures are verified by the shell before the machine sees an update. */
export type Update =
  | { readonly kind: 'record'; readonly signed: SignedRecord }
  | { readonly kind: 'suspect'; readonly peerId: string; readonly incarnation: number; readonly from: string; readonly evidence: Evidence }
  | FailedUpdate
  | { readonly kind: 'left'; readonly leave: SignedLeave }
  /** An operator took a member off the list of those that are expected back (`rdb members:force-leave`). */
  | { readonly kind: 'removed'; readonly peerId: string; readonly incarnation: number; readonly from: string }

/** A verdict, with the story that every member's event tells. */
export interface FailedUpdate {
  readonly kind: 'failed'
  readonly peerId: string
  readonly incarnation: number
  /** Who declared it. */
  readonly from: string
  readonly evidence: Evidence
  readonly suspectedBy: string
  /** At most `CONFIRMERS_TOLD_MAX`, the suspecter not among them. */
  readonly confirmedBy: readonly string[]
  /** From the probe's start to the suspicion, and from there to the verdict, at the declarer. */
  readonly probeMs: number
  readonly suspicionMs: number
}

export const CONFIRMERS_TOLD_MAX = 4

/** An observer's finding about a subject, told to the subject's other observers only, in sealed datagrams (core/membership/observers.ts). */
export interface Report {
  readonly peerId: string
  readonly incarnation: number
  readonly verdict: 'dead' | 'lossy' | 'well'
  readonly evidence: Evidence
}

/** A member's load in a few bytes; see core/load. */
export interface LoadDigest {
  readonly cpuPercent: number
  readonly memoryPercent: number
  readonly inFlight: number
  readonly overloaded: boolean
  /** Reported by a fire drill, not measured. */
  readonly drill: boolean
  /** Counts up at the reporter, so that an older digest never replaces a newer one. */
  readonly sequence: number
  /** How long a query takes there that comes now, where it serves one database; null or absent when it serves several, or does not know. */
  readonly serviceMs?: number | null
}

/** The probe part of a datagram. */
export type Probe =
  | { readonly kind: 'ping'; readonly sequence: number }
  | { readonly kind: 'ack'; readonly sequence: number }
  | { readonly kind: 'ping-request'; readonly sequence: number; readonly target: string }
  /** Sent back by an asked helper in time, whether or not the target answered it (Lifeguard §IV-A). */
  | { readonly kind: 'nack'; readonly sequence: number }

/** One datagram, before encoding and sealing. */
export interface Packet {
  readonly probe: Probe | null
  readonly updates: readonly Update[]
  readonly load: LoadDigest | null
  readonly reports: readonly Report[]
  /** The sender's network coordinate; only on acks. */
  readonly coordinate: Coordinate | null
}

/** One line of a member table sent in a push-pull sync. */
export interface SyncEntry {
  readonly signed: SignedRecord
  readonly state: Exclude<MemberState, 'joining'>
  /** Present when `state` is left, unless an operator removed it. */
  readonly leave: SignedLeave | null
  /** Failed or left: for how long, at the sender. Without it a stranger's tombstone is kept but not passed on. */
  readonly ageMs?: number
}

/** A member as its owner may look at it. */
export interface Member {
  readonly signed: SignedRecord
  readonly state: MemberState
  readonly stateSinceMs: number
  /** The accusers while suspect or failed, the first one first; empty otherwise. */
  readonly suspectedBy: readonly string[]
  /** It came back after it was declared failed, and stays out until this time unless it fails again; null when it is not on probation. */
  readonly probationUntilMs: number | null
  /** It comes and goes; see flap-damping.ts. */
  readonly flapping: boolean
  /** An operator removed it; its state is then left without a signed leave. */
  readonly removedBy: string | null
  /** It was alive here at some time, and is not known from tombstones alone. */
  readonly wasMet?: boolean
}

/** How this node reaches a member, as far as its own packets tell; see paths.ts. */
export type PathFinding =
  /** Not probed yet. */
  | 'unknown'
  | 'direct'
  /** Its packets arrive here, but it does not answer ours: it does not hear us. */
  | 'inbound-only'
  /** Helpers reach it, we do not. */
  | 'indirect-only'
  /** It answers over its libp2p connection, but not over UDP. */
  | 'stream-only'
  | 'none'

export interface Path {
  readonly peerId: string
  readonly finding: PathFinding
  readonly sinceMs: number
  /** Direct acks; null when there was none. */
  readonly lastAckMs: number | null
  /** Any datagram from it. */
  readonly lastHeardMs: number | null
  readonly lastIndirectMs: number | null
  readonly lastStreamMs: number | null
  /** Direct pings without an ack since the last one that had one. */
  readonly lostInARow: number
}

export type MemberEventType =
  | 'member-joined'
  | 'member-updated'
  | 'member-suspected'
  | 'member-refuted'
  | 'member-failed'
  | 'member-left'
  /** It answers again after it was declared failed, and is watched before it is taken back. */
  | 'member-returning'
  | 'member-flapping'
  | 'member-settled'
  | 'path-degraded'
  | 'path-restored'

export interface MemberEvent {
  readonly type: MemberEventType
  readonly atMs: number
  readonly record: MemberRecord
  /** Who said so: the local node, or the PeerId whose word it was. */
  readonly from: string
  /** One sentence for people: "no ack within 500 ms, nor through 2 helpers". */
  readonly reason: string
  /** For suspected, refuted and failed: since the probe that started it, as far as this node saw it; otherwise null. */
  readonly sinceProbeMs: number | null
  /** For suspected and failed; otherwise null. */
  readonly evidence: Evidence | null
  /** The first accuser, for suspected, refuted and failed; otherwise null. */
  readonly suspectedBy: string | null
  /** Who came to the same finding independently. */
  readonly confirmedBy: readonly string[]
  /** For failed: from the first probe's start to the suspicion, at whoever declared it; null when it is not known. */
  readonly probeMs: number | null
  /** For failed and refuted: how long the suspicion stood, at whoever declared it or here. */
  readonly suspicionMs: number | null
}

export type MembershipEffect =
  | { readonly kind: 'send'; readonly to: string; readonly packet: Packet }
  | { readonly kind: 'event'; readonly event: MemberEvent }
  /** Say it to everyone at once by gossipsub; piggyback carries it as well. */
  | { readonly kind: 'announce'; readonly updates: readonly Update[] }
  /** A direct ack arrived for a direct ping, with the answerer's coordinate if it sent one. */
  | { readonly kind: 'rtt'; readonly peerId: string; readonly rttMs: number; readonly coordinate: Coordinate | null }
  /** Please ping over the libp2p connection to it, if there is one (never dial), and answer with `handleStreamPing`. */
  | { readonly kind: 'stream-ping'; readonly peerId: string; readonly sequence: number; readonly timeoutMs: number }
  /** Please open and close a plain TCP connection to its address, and answer with `handleConnect`. */
  | { readonly kind: 'connect'; readonly peerId: string; readonly timeoutMs: number }
  /** A direct ping went unanswered; for the latency window. */
  | { readonly kind: 'lost'; readonly peerId: string }
  | { readonly kind: 'load'; readonly peerId: string; readonly load: LoadDigest }
  /**
   * Please push-pull with this failed member over libp2p now, if it can be dialled; a dial that fails needs no report. The
   * machine asks at a bounded cluster-wide rate, so that a mesh heals after a partition that outlasted every timer.
   */
  | { readonly kind: 'sync'; readonly peerId: string }
  /** No longer in the table: whatever is kept about it can go. */
  | { readonly kind: 'forgotten'; readonly peerId: string }
  /** Another start of this very identity spoke later than we did: a copied data folder, or a clock that went back between two starts. */
  | { readonly kind: 'twin'; readonly record: MemberRecord }
