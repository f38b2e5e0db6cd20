/** A result as its reader sees it, whatever encoding carried it. */

export interface ResultColumn {
  readonly name: string
  /** The engine's name of the type, e.g. `BIGINT`, `DECIMAL(18,3)`, `TIMESTAMP WITH TIME ZONE`. */
  readonly type: string
}

/**
 * 64-bit integers are bigint, DECIMAL and HUGEINT are exact strings, DATE is `YYYY-MM-DD`, TIMESTAMP is an ISO string to the
 * microsecond (with `Z` when it has a zone), TIME and INTERVAL are strings as the engine writes them, BLOB is Uint8Array, lists are
 * arrays, structs and maps are plain objects.
 */
export type ResultValue = null | boolean | number | bigint | string | Uint8Array | readonly ResultValue[] | { readonly [field: string]: ResultValue }

export interface ResultBatch {
  readonly rowCount: number
  value(rowIndex: number, columnIndex: number): ResultValue
}

export interface ResultDecoder {
  readonly columns: readonly ResultColumn[]
  /** @throws MeshError ERR_PROTOCOL on bytes that are no batch of this result */
  decode(bytes: Uint8Array): ResultBatch
}
