/** What a database engine offers the query plane. Results leave it encoded, so that the plane and every hop pass bytes on untouched. */

/**
 * A prepared parameter as the client library takes it. `bigint` is a 64- or 128-bit integer, `Date` a timestamp with zone,
 * `Uint8Array` a blob.
 */
export type QueryValue = null | boolean | number | bigint | string | Uint8Array | Date

export type DatabaseRole = 'primary' | 'replica'
export type EngineKind = 'duckdb' | 'postgres' | 'test'
export type Access = 'read' | 'write'

/** `arrow`: the header is an Arrow IPC schema message, each batch a record-batch message (both encapsulated). `columns`: see wire/results. `raw`: opaque, for benches. */
export type ResultFormat = 'arrow' | 'columns' | 'raw'

export interface EngineRequest {
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  /** Aborting interrupts the engine and ends the batches. */
  readonly signal: AbortSignal
}

export interface EngineBatch {
  readonly bytes: Uint8Array
  readonly rows: number
}

export interface EngineResult {
  readonly format: ResultFormat
  readonly header: Uint8Array
  /** Pull-driven: nothing is computed ahead beyond one batch. `return()` releases the engine. Throws MeshError. */
  readonly batches: AsyncIterable<EngineBatch>
}

export interface QueryEngine {
  readonly database: string
  readonly kind: EngineKind
  readonly role: DatabaseRole
  /** True for what no role makes writable, as a folder of files. */
  readonly isReadOnly?: boolean
  isReady(): boolean
  /**
   * By the engine's own parser; what it cannot tell is a write.
   * @throws MeshError ERR_SQL when it does not parse, or is more than one statement
   */
  classify(sql: string, signal?: AbortSignal): Promise<Access>
  /** @throws MeshError ERR_SQL, ERR_READ_ONLY, ERR_NOT_PRIMARY, ERR_QUERY_CANCELLED */
  execute(request: EngineRequest): Promise<EngineResult>
  close(): Promise<void>
}
