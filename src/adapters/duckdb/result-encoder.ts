/** Turns a running result's chunks into encoded batches of bounded size. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import duckdb from '@duckdb/node-bindings'
import type { EngineBatch } from '../../ports/query-engine.ts'
import { encodeArrowBatch } from '../../wire/results/arrow-batch.ts'
import { encodeArrowSchema } from '../../wire/results/arrow-schema.ts'
import { encodeColumnsBatch, encodeColumnsHeader } from '../../wire/results/columns-format.ts'
import { buffersMade } from '../system/buffer-collection.ts'
import { createColumnBuilder, type ColumnBuilder } from './column-builder.ts'
import { AHEAD_BYTES_MAX, emptyChunk } from './open-result.ts'
import { resultFields, type EngineField } from './result-fields.ts'

/** A batch is handed on at this size: about 5 ms of conversion, during which the event loop stands still. */
export const BATCH_BYTES_TARGET = 256 * 1024
export const BATCH_ROWS_MAX = 65_536
/** A complete result up to this size goes as `columns`, which is smaller and quicker there. */
export const SMALL_RESULT_BYTES_MAX = 64 * 1024

export interface ChunkSource {
  /** Null at the end. */
  fetch(): Promise<duckdb.DataChunk | null>
  /** Hint: the next chunk is going to be asked for, and there is room for it. */
  fetchAhead(): void
  /** About so many bytes the chunk has. */
  handleChunk(bytes: number): void
}

export interface EncodedStart {
  readonly format: 'arrow' | 'columns'
  readonly header: Uint8Array
  /** Null when the result has no rows. */
  readonly first: EngineBatch | null
  /** True when `first` is all. */
  readonly complete: boolean
}

interface OpenChunk {
  /** Held so that the vectors' memory stays. */
  readonly chunk: duckdb.DataChunk
  readonly vectors: readonly duckdb.Vector[]
  readonly rows: number
  next: number
}

export class ResultEncoder {
  readonly #fields: readonly EngineField[]
  readonly #builders: readonly ColumnBuilder[]
  readonly #source: ChunkSource
  #rows = 0
  /** Rows of the current chunk that no batch has taken yet. */
  #chunk: OpenChunk | null = null
  #ended = false
  /** More than a small result, so that reading ahead pays. */
  #isLarge = false
  /** Within this `next`, for a chunk: the event loop had its turn. */
  #hasWaited = false

  constructor(result: duckdb.Result, source: ChunkSource) {
    this.#fields = resultFields(result)
    this.#builders = this.#fields.map(createColumnBuilder)
    this.#source = source
  }

  /** Reads until the result has ended or outgrown a small one, and chooses the format by that. */
  async start(): Promise<EncodedStart> {
    await this.#fill(SMALL_RESULT_BYTES_MAX)
    const bytes = this.#bytes()
    if (this.#ended && bytes <= SMALL_RESULT_BYTES_MAX) {
      const rows = this.#rows
      const first = rows === 0 ? null : { bytes: encodeColumnsBatch(this.#fields, this.#take(), rows), rows }
      return { format: 'columns', header: encodeColumnsHeader(this.#fields), first, complete: true }
    }
    this.#isLarge = true
    return { format: 'arrow', header: encodeArrowSchema(this.#fields), first: await this.next(), complete: false }
  }

  /** The next batch as Arrow; null at the end. */
  async next(): Promise<EngineBatch | null> {
    this.#hasWaited = false
    await this.#fill(BATCH_BYTES_TARGET)
    if (this.#rows === 0) return null
    // Wide rows make many batches of one chunk, and a reader that keeps up would get them all in one turn of the event loop.
    if (!this.#hasWaited) await nextTurn()
    const rows = this.#rows
    const bytes = encodeArrowBatch(this.#fields, this.#take(), rows)
    // The batch, and what the binding copied out of the engine's vectors for it: for text, 16 bytes a value.
    buffersMade(3 * bytes.length)
    return { bytes, rows }
  }

  /** Gives back what it has not encoded. Any number of times, also during a `next`. */
  close(): void {
    this.#ended = true
    if (this.#chunk === null) return
    emptyChunk(this.#chunk.chunk)
    this.#chunk = null
  }

  #bytes(): number {
    let bytes = 0
    for (const builder of this.#builders) bytes += builder.bytes
    return bytes
  }

  #take(): ReturnType<ColumnBuilder['take']>[] {
    this.#rows = 0
    return this.#builders.map((builder) => builder.take())
  }

  async #fill(bytesTarget: number): Promise<void> {
    while (this.#rows < BATCH_ROWS_MAX && this.#bytes() <= bytesTarget) {
      const current = this.#chunk ?? (await this.#nextChunk())
      if (current === null) return
      const rows = this.#rowsThatFit(current)
      current.vectors.forEach((vector, index) => (this.#builders[index] as ColumnBuilder).append(vector, { start: current.next, count: rows, indices: null }))
      this.#rows += rows
      current.next += rows
      this.#chunk = current.next < current.rows ? current : null
      if (this.#chunk === null) emptyChunk(current.chunk)
    }
  }

  async #nextChunk(): Promise<OpenChunk | null> {
    if (this.#ended) return null
    const chunk = await this.#source.fetch()
    this.#hasWaited = true
    const rows = chunk === null ? 0 : duckdb.data_chunk_get_size(chunk)
    if (chunk === null || rows === 0) {
      this.#ended = true
      return null
    }
    const vectors = this.#fields.map((_, index) => duckdb.data_chunk_get_vector(chunk, index))
    return { chunk, vectors, rows, next: 0 }
  }

  /** All that is left of a chunk, unless long values would make the batch several times its target; then the share that fits, one at least. */
  #rowsThatFit(current: OpenChunk): number {
    const left = { start: current.next, count: current.rows - current.next, indices: null }
    let estimate = 0
    current.vectors.forEach((vector, index) => (estimate += (this.#builders[index] as ColumnBuilder).estimateBytes(vector, left)))
    if (current.next === 0) {
      this.#source.handleChunk(estimate)
      if (this.#isLarge && estimate <= AHEAD_BYTES_MAX) this.#source.fetchAhead()
    }
    if (estimate <= BATCH_BYTES_TARGET * 2) return left.count
    return Math.max(1, Math.floor((left.count * BATCH_BYTES_TARGET) / estimate))
  }
}
