/** What membership speaks of: records, updates, packets, events. Shapes only; the machine is in membership.ts. */

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

/** What gossip carries. Signatures are verified by the shell before the machine sees an update. */
export type Update =
  | { readonly kind: 'record'; readonly signed: SignedRecord }
  | { readonly kind: 'suspect'; readonly peerId: string; readonly incarnation: number; readonly from: string }
  | { readonly kind: 'failed'; readonly peerId: string; readonly incarnation: number; readonly from: string }
  | { readonly kind: 'left'; readonly leave: SignedLeave }

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
}

/** One line of a member table sent in a push-pull sync. */
export interface SyncEntry {
  readonly signed: SignedRecord
  readonly state: Exclude<MemberState, 'joining'>
  /** Present when `state` is left. */
  readonly leave: SignedLeave | null
}

/** A member as its owner may look at it. */
export interface Member {
  readonly signed: SignedRecord
  readonly state: MemberState
  readonly stateSinceMs: number
  /** The accusers while suspect or failed, the first one first; empty otherwise. */
  readonly suspectedBy: readonly string[]
}

export type MemberEventType =
  | 'member-joined'
  | 'member-updated'
  | 'member-suspected'
  | 'member-refuted'
  | 'member-failed'
  | 'member-left'

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
}

export type MembershipEffect =
  | { readonly kind: 'send'; readonly to: string; readonly packet: Packet }
  | { readonly kind: 'event'; readonly event: MemberEvent }
  /** Say it to everyone at once by gossipsub; piggyback carries it as well. */
  | { readonly kind: 'announce'; readonly updates: readonly Update[] }
  /** A direct ack arrived for a direct ping. */
  | { readonly kind: 'rtt'; readonly peerId: string; readonly rttMs: number }
  /** A direct ping went unanswered; for the latency window. */
  | { readonly kind: 'lost'; readonly peerId: string }
  | { readonly kind: 'load'; readonly peerId: string; readonly load: LoadDigest }
  /**
   * Please push-pull with this failed member over libp2p now, if it can be dialled; a dial that fails needs no report. The
   * machine asks at a bounded cluster-wide rate, so that a mesh heals after a partition that outlasted every timer.
   */
  | { readonly kind: 'sync'; readonly peerId: string }
  /** Another start of this very identity spoke later than we did: a copied data folder, or a clock that went back between two starts. */
  | { readonly kind: 'twin'; readonly record: MemberRecord }
