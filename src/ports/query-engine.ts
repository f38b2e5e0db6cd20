/** What a database engine offers the query plane. Results leave it encoded, so that the plane and every hop pass bytes on untouched. */

import type { QueryValue } from '../core/values/query-value.ts'
import { MeshError } from '../errors.ts'

export type { QueryValue }

export type DatabaseRole = 'primary' | 'replica'
/** `duckdb`, `postgres`, or what an engine calls itself: up to 32 lower-case letters, digits and hyphens. Shown to people. */
export type EngineKind = string
export type Access = 'read' | 'write'

/** `arrow`: the header is an Arrow IPC schema message, each batch a record-batch message (both encapsulated). `columns`: see wire/results. `raw`: opaque, for benches. */
export type ResultFormat = 'arrow' | 'columns' | 'raw'

export interface EngineRequest {
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  /** Aborting interrupts the engine and ends the batches. */
  readonly signal: AbortSignal
  /** What is left until the deadline, for an engine whose server can stop by itself; the signal holds as well. */
  readonly timeoutMs?: number
}

export interface EngineBatch {
  readonly bytes: Uint8Array
  readonly rows: number
  /** The batch is compressed, and takes so much when it is not; never from an engine. */
  readonly rawBytes?: number
}

export interface EngineResult {
  readonly format: ResultFormat
  readonly header: Uint8Array
  /** Pull-driven: nothing is computed ahead beyond one batch. `return()` releases the engine. Throws MeshError. */
  readonly batches: AsyncIterable<EngineBatch>
}

/** How a write is refused where `isReadOnly` says that no role makes the engine writable. */
export function readOnlyError({ database, kind }: Pick<QueryEngine, 'database' | 'kind'>): MeshError {
  return new MeshError('ERR_READ_ONLY', `${database} cannot be written: its ${kind} engine only reads`, { details: { database, started: 'no' } })
}

export interface QueryEngine {
  readonly database: string
  readonly kind: EngineKind
  /** May change where the engine is a server that fails over; see `onChange`. */
  readonly role: DatabaseRole
  /** True for what no role makes writable, as a folder of files. */
  readonly isReadOnly?: boolean
  /** True for what every node has of its own, as the tables of the mesh itself: the mesh is not told of it, and its queries go nowhere else. */
  readonly isPrivate?: boolean
  isReady(): boolean
  /** Calls back when `role` or `isReady()` has changed. Answers how to stop it. Absent: they never change before `close`. */
  onChange?(listener: () => void): () => void
  /** How far this copy is behind its primary, in milliseconds; 0 at the primary, null while unknown. Absent: copies do not follow one another. */
  lagMs?(): number | null
  /**
   * Names the data that a read sees which starts once this has resolved: two equal texts mean equal data, whoever changed it between. Null
   * while that cannot be told; a result is then neither kept nor given out. Asked before each read that may be answered from a kept result,
   * so cheaper than a read by far. Absent: only writes through this node, and age, end what is kept.
   */
  dataVersion?(): Promise<string | null>
  /**
   * By the engine's own parser; what it cannot tell is a write.
   * @throws MeshError ERR_SQL when it does not parse, or is more than one statement
   */
  classify(sql: string, signal?: AbortSignal): Promise<Access>
  /** Tables that a statement reads, each once, as its latest classification found them; empty where that is not known any more. For statistics, not for rights. */
  tablesOf?(sql: string): readonly string[]
  /** @throws MeshError ERR_SQL, ERR_READ_ONLY, ERR_NOT_PRIMARY, ERR_QUERY_CANCELLED, ERR_TRANSACTION_CONFLICT */
  execute(request: EngineRequest): Promise<EngineResult>
  /**
   * A transaction of several statements, on a connection of its own. Absent: the engine has none.
   * @throws MeshError ERR_READ_ONLY, ERR_NOT_PRIMARY, ERR_NOT_SERVING, ERR_OVERLOADED, ERR_QUERY_CANCELLED
   */
  begin?(options: BeginOptions): Promise<EngineTransaction>
  close(): Promise<void>
}

export interface BeginOptions {
  /** In one for reading, a statement that writes is refused. */
  readonly access: Access
  /** Aborting rolls it back, whatever it is at; a commit that is under way goes on. */
  readonly signal: AbortSignal
  /** For an engine whose server can end by itself what its client forgot: without a statement for so long, and altogether. */
  readonly idleTimeoutMs?: number
  readonly timeoutMs?: number
  /** Called when the engine loses it of itself, as with the connection to its server, also between two statements. */
  readonly onLost?: (error: MeshError) => void
}

/**
 * Statements that happen together or not at all, one at a time. Reading a result to its end, leaving it and aborting its signal each make room
 * for the next one. Leaving a result harms nothing; any other failure of a statement leaves nothing to do but to roll back.
 */
export interface EngineTransaction {
  /** @throws MeshError ERR_TRANSACTION_BUSY, ERR_TRANSACTION_ABORTED, ERR_TRANSACTION_LOST, and as `QueryEngine.execute` */
  execute(request: EngineRequest): Promise<EngineResult>
  /**
   * However it ends, the transaction has ended; only ERR_QUERY_AMBIGUOUS leaves open whether it was kept.
   * @throws MeshError ERR_TRANSACTION_BUSY, with which it has not; ERR_TRANSACTION_ABORTED, ERR_TRANSACTION_CONFLICT, ERR_TRANSACTION_LOST, ERR_SQL, ERR_QUERY_AMBIGUOUS
   */
  commit(): Promise<void>
  /** Ends a statement that is under way, too. Resolves when the connection is free. Never rejects; does nothing after an end. */
  rollback(): Promise<void>
}
