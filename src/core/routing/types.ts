/** What the router is asked, what it knows, and what it answers. */

import type { PeerStatus } from '../latency/types.ts'
import type { MemberState } from '../membership/types.ts'
import type { RouteHints } from './hints.ts'

export type Priority = 'critical' | 'high' | 'normal' | 'low'

export interface RouteRequest {
  readonly database: string
  /** `unknown`: nobody here could parse it; the node that runs it decides, and refuses a write if it is a replica. */
  readonly access: 'read' | 'write' | 'unknown'
  readonly priority: Priority
  /** True when this query was forwarded to us: run it or refuse it (hop limit 1). */
  readonly forwarded: boolean
  /** For a forwarded query: the sender has no better place, so overload is no reason to refuse it. */
  readonly lastResort: boolean
  /** `NO_HINTS` when nothing was asked. */
  readonly hints: RouteHints
}

/** Where a node stands; empty strings where nobody said. */
export interface Site {
  readonly datacenter: string
  readonly rack: string
}

/** What this node learnt about a peer from its own queries and probes to it (feedback.ts). */
export interface PeerFeedback {
  /** Response time, peak-sensitive and decayed to now; null before the first answer. */
  readonly peakEwmaMs: number | null
  /** The freshest usable probe of it; null when there is none. */
  readonly probe: { readonly inFlight: number; readonly latencyMs: number; readonly ageMs: number } | null
  /** How much longer it is kept out for its errors; 0 when it is not. */
  readonly ejectedForMs: number
  /** 0–1: the share of its fair part that a newcomer or a returning peer gets yet. */
  readonly warmth: number
}

/** How long a query of the database takes here and elsewhere (comparison.ts). */
export interface Comparison {
  /** With the queries that wait before it; null while not known. */
  readonly hereMs: number | null
  /** Of the other copies, the way there included; null while nobody tells. */
  readonly elsewhereMs: number | null
  /** One that takes about as long. */
  readonly elsewhereName: string | null
  /** 0–1: the share of the reads that leaves because of it. */
  readonly forwardedRatio: number
}

export interface LocalView {
  readonly peerId: string
  readonly name: string
  readonly site: Site
  /** Null when this node does not serve the database. */
  readonly role: 'primary' | 'replica' | null
  readonly ready: boolean
  readonly draining: boolean
  readonly overloaded: boolean
  /** Which threshold is crossed, for people: "CPU 85% exceeds threshold 80%"; null when none is. */
  readonly overloadReason: string | null
  readonly cpuPercent: number
  readonly memoryPercent: number
  readonly inFlight: number
  readonly inFlightMax: number
  /** 0–1: how far load is between its threshold and 100 % (`excessRatio` in load-sharing.ts). */
  readonly excessRatio: number
  /** How far the copy here is behind the primary; null when unknown. */
  readonly lagMs: number | null
  /** Absent: nothing to compare. */
  readonly comparison?: Comparison
}

export interface PeerView {
  readonly peerId: string
  readonly name: string
  readonly site: Site
  /** What it can do beside others, from its record; above 0. */
  readonly capacity: number
  /** Null for a peer that no query from here has met. */
  readonly feedback: PeerFeedback | null
  /** How far its copy is behind the primary; null when unknown. */
  readonly lagMs: number | null
  readonly state: MemberState
  readonly status: PeerStatus
  /** Null when this peer does not serve the database. */
  readonly role: 'primary' | 'replica' | null
  readonly ready: boolean
  /** Null while unmeasured. */
  readonly latencyMs: number | null
  readonly overloaded: boolean
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
  /** As the peer last reported it. */
  readonly inFlightThere: number
  /** How long a query of the database takes there, as it last reported; null or absent when not known. */
  readonly serviceMs?: number | null
  /** Queries that this node has dispatched to it and that are not finished. */
  readonly inFlightFromHere: number
  /** Since these figures were reported; null when there are none. */
  readonly loadAgeMs: number | null
  /** 0–1: the share of the query's tables that it has lately read for this node; absent where nobody is known to have any. */
  readonly warmTables?: number
}

/** Why a candidate was not taken. `spare`: it could take the query, and is not needed. */
export type PassedOver =
  | 'does-not-serve' | 'not-ready' | 'not-primary' | 'not-alive' | 'unhealthy' | 'overloaded' | 'stale-load' | 'too-many-in-flight' | 'spare' | 'degraded' | 'slow'
  | 'ejected' | 'too-stale' | 'other-zone' | 'pinned-elsewhere'

export interface CandidateExplanation {
  readonly peerId: string
  readonly name: string
  readonly latencyMs: number | null
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
  readonly inFlight: number
  /** The strategy's figure, lower is better; null for one that was never scored. */
  readonly score: number | null
  readonly verdict: 'chosen' | 'fallback' | PassedOver
}

export interface Explanation {
  readonly strategy: string
  /** One sentence for people: "Local CPU 85% exceeds threshold 80%". */
  readonly reason: string
  /** The chosen one and its successors, then by score, then by name. */
  readonly candidates: readonly CandidateExplanation[]
  /** Set where overload was shared with healthy peers. */
  readonly share: LoadShare | null
}

export interface LoadShare {
  /** 0–1: the part of such queries that goes to peers at this load. */
  readonly forwardedRatio: number
  /** This one stayed here. */
  readonly isKept: boolean
}

/** The best peers that were left: none but ejected ones (and overloaded ones), or none but overloaded ones. */
export type LastResort = 'all-ejected' | 'all-overloaded'

interface Decided {
  /** Null also where nobody was left at all. For whoever counts. */
  readonly lastResort: LastResort | null
  readonly explanation: Explanation
}

export type Decision = Decided & (
  | { readonly kind: 'local' }
  /** Runs here although overloaded: nobody better is there, or this is the share that stays. Comes with a warning. */
  | { readonly kind: 'local-overloaded' }
  /** `chain` is the failover order, the chosen peer first, at least one entry. */
  | {
    readonly kind: 'forward'; readonly chain: readonly string[]; readonly latencyMs: number | null
    /** The chosen peer is known to be overloaded, and is to run it all the same. */
    readonly isRelief: boolean
    /** What it is here, where it can run, when none of the chain answers. */
    readonly ifNobody: 'local' | 'local-overloaded'
  }
  | { readonly kind: 'refuse'; readonly code: RefusalCode }
)

export type RefusalCode =
  | 'ERR_DATABASE_UNKNOWN' | 'ERR_NO_HEALTHY_PEER' | 'ERR_NO_PRIMARY' | 'ERR_OVERLOADED' | 'ERR_DRAINING' | 'ERR_NOT_SERVING' | 'ERR_NOT_PRIMARY' | 'ERR_TOO_STALE'
