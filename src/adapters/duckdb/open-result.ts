/**
 * What a running result holds of the engine's memory, and how it is given back.
 *
 * The engine makes chunks of 2,048 rows however wide the rows are, and bounds what it has ready for a reader by `streaming_buffer_size`, which counts
 * 16 bytes for a text of any length: with rows of 40 kB its default of 1 MB held 30 chunks of 80 MB. So a connection asks for one chunk
 * (engine-connection.ts), and reading ahead, which small chunks profit from, is done here where their bytes are known. The binding frees a chunk or a
 * result when V8 collects its handle of some bytes, which it has no reason to: chunks are emptied once they are read, and of a result that was left
 * half-read the collector is told.
 */
import duckdb from '@duckdb/node-bindings'
import { nativeMemoryLeft } from '../system/buffer-collection.ts'

/** The next chunk is computed while one up to this size is converted. */
export const AHEAD_BYTES_MAX = 1 << 20

export class OpenResult {
  readonly raw: duckdb.Result
  readonly #chunksReady: number
  #chunkBytesMax = 0
  #hasMore: boolean

  /** `chunksReady` is how many the engine may have ready, or in the making, beside the one that is read: one a thread, and one in order. */
  constructor(raw: duckdb.Result, chunksReady: number) {
    this.raw = raw
    this.#chunksReady = chunksReady
    this.#hasMore = chunksReady > 0
  }

  handleChunk(bytes: number): void {
    if (bytes > this.#chunkBytesMax) this.#chunkBytesMax = bytes
  }

  handleEnd(): void {
    this.#hasMore = false
  }

  /** Nobody reads it any more. Once. */
  leave(): void {
    if (this.#hasMore) nativeMemoryLeft(this.#chunkBytesMax * this.#chunksReady)
  }
}

/** Gives back what the chunk holds. Nothing of it may be read after. */
export function emptyChunk(chunk: duckdb.DataChunk): void {
  duckdb.data_chunk_reset(chunk)
}
