/**
 * The query plane's seam. A server hands each request to one `QueryHandler`; a client returns the same `QueryResponse`. So a hop is a
 * handler that calls a client, and bytes pass through it undecoded.
 */

import type { LoadDigest } from '../core/membership/types.ts'
import type { CandidateExplanation, Explanation, Priority } from '../core/routing/types.ts'
import type { EngineBatch, QueryValue, ResultFormat } from '../ports/query-engine.ts'
import type { Codec } from './compression.ts'
import type { StreamRemote } from '../ports/peer-streams.ts'
import type { SpanAttributes, SpanKind, TraceSpan } from '../ports/tracing.ts'

export const QUERY_PROTOCOL = '/reedbase/query/1.0'

/** A request that is part of a transaction; see node/transactions.ts. */
export interface TransactionStep {
  /** 32 hexadecimal digits, drawn by the client. */
  readonly id: string
  /** `begin` is answered at once, and comes to its end when the transaction does: whoever gives it up rolls back. Its access is the transaction's. */
  readonly step: 'begin' | 'statement' | 'commit' | 'rollback'
}

export interface QueryRequest {
  readonly database: string
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  readonly access: 'read' | 'write' | 'unknown'
  readonly priority: Priority
  /** What is left of the deadline. */
  readonly timeoutMs: number
  /** PeerIds of the nodes that have had this query, the entry node first; empty from a client. */
  readonly visited: readonly string[]
  /** Fill `RouteReport.candidates`. */
  readonly explain: boolean
  /** The sender has no better place: run it although above the thresholds. */
  readonly lastResort: boolean
  /** On a two-hop route the PeerId of the node that runs it, for the relay and for that node; empty otherwise. */
  readonly finalPeerId: string
  /** What the client asks of the route, in the words of a hint comment (hint-text.ts); empty for nothing. */
  readonly hints: string
  /** Codecs of compressed batches that the requester takes (compression.ts), as bits; absent or 0: none. */
  readonly compressions?: number | undefined
  readonly transaction?: TransactionStep | undefined
  /** W3C Trace Context of the caller's span; absent where nothing is traced. */
  readonly traceparent?: string | undefined
}

/** An attempt that did not answer. */
export interface FailedAttempt {
  readonly peerId: string
  readonly name: string
  readonly code: string
  readonly message: string
}

/** Where the query ran and why; made by the entry node. */
export interface RouteReport {
  readonly decision: 'local' | 'forward' | 'local-overloaded'
  readonly executedBy: { readonly peerId: string; readonly name: string }
  /** The RTT to it as it stood at the decision; null when local or unmeasured. */
  readonly latencyMs: number | null
  /** One sentence for people. */
  readonly reason: string
  readonly strategy: string
  readonly failedAttempts: readonly FailedAttempt[]
  readonly candidates: readonly CandidateExplanation[]
  readonly decisionUs: number
}

export interface QueryTrailer {
  readonly rows: number
  /** From the engine's start to its last batch, on the node that ran it. */
  readonly engineMs: number
  /** Load of the node that ran it, as it ended. */
  readonly load: LoadDigest | null
}

export interface QueryResponse {
  readonly format: ResultFormat
  readonly header: Uint8Array
  readonly route: RouteReport | null
  /** Of those of its batches that are compressed; absent or null: none is. */
  readonly compression?: Codec | null
  /** Pull-driven. Throws MeshError; `return()` cancels upstream down to the engine. */
  readonly batches: AsyncIterable<EngineBatch>
  /** Set once `batches` has ended well. */
  trailer(): QueryTrailer | null
}

/** Told by the handler what it finds out of a query, before there is an answer that could say so, and also where there is none. */
export interface QueryWatch {
  handleClassified(access: QueryRequest['access'], priority: Priority): void
  /** Also of one that is refused then. */
  /** It is sent to that peer. */
  handleAttempt(peerId: string): void
  /** A part of its way begins; null where it is not traced. */
  startSpan(name: string, kind: SpanKind, attributes: SpanAttributes): TraceSpan | null
  handleDecision(kind: 'local' | 'forward' | 'local-overloaded' | 'refuse', decisionUs: number, explanation: Pick<Explanation, 'reason' | 'strategy'>): void
}

export interface QueryContext {
  readonly remote: StreamRemote
  readonly signal: AbortSignal
  readonly watch?: QueryWatch
}

/** @throws MeshError: it travels to the client with code, message, next step and details. */
export type QueryHandler = (request: QueryRequest, context: QueryContext) => Promise<QueryResponse>
