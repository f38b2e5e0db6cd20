/** Text and bytes as the engine stores them. */
import duckdb from '@duckdb/node-bindings'
import { PositionedBuilder, rowAt, validityOf } from './buffer-builder.ts'
import { isPresent, rowsEnd, type Rows } from './growing-buffers.ts'

/** VARCHAR and BLOB: `duckdb_string_t`, 16 bytes: length, then up to 12 bytes inline, or a prefix and a pointer. */
const INLINE_BYTES_MAX = 12

export class StringBuilder extends PositionedBuilder {
  /** Of `estimateBytes`, for the `append` that follows: each look at a vector costs a call into the library and an ArrayBuffer. */
  #read: { readonly vector: duckdb.Vector; readonly end: number; readonly source: Uint8Array } | null = null

  append(vector: duckdb.Vector, rows: Rows): void {
    const validity = validityOf(vector, rows)
    this.validity.append(validity, rows)
    const source = this.#source(vector, rowsEnd(rows))
    this.#read = null
    const words = wordsOf(source)
    const offsets = this.reserveOffsets(rows.count)
    const { data } = this
    const { indices, start, count } = rows
    let at = data.length
    let view = this.#room((count + 1) * INLINE_BYTES_MAX)
    let heap: HeapStrings | null = null
    for (let i = 0; i < count; i++) {
      const row = indices === null ? start + i : (indices[i] as number)
      if (isPresent(validity, row)) {
        const length = words[row * 4] as number
        if (length <= INLINE_BYTES_MAX) {
          if (at + INLINE_BYTES_MAX > view.byteLength) {
            data.length = at
            view = this.#room((count - i + 1) * INLINE_BYTES_MAX)
          }
          // Whole words: what is too much is overwritten by the next string. (DuckDB exists for little-endian machines alone.)
          view.setUint32(at, words[row * 4 + 1] as number, true)
          if (length > 4) {
            view.setUint32(at + 4, words[row * 4 + 2] as number, true)
            if (length > 8) view.setUint32(at + 8, words[row * 4 + 3] as number, true)
          }
        } else {
          if (at + length > view.byteLength) {
            data.length = at
            view = this.#room(length + (count - i) * INLINE_BYTES_MAX)
          }
          heap ??= new HeapStrings(source, words, rows, validity)
          data.bytes.set(heap.bytesOf(i, row, length), at)
        }
        at += length
      }
      offsets[++this.written] = at
    }
    data.length = at
  }

  estimateBytes(vector: duckdb.Vector, rows: Rows): number {
    const validity = validityOf(vector, rows)
    const end = rowsEnd(rows)
    const source = this.#source(vector, end)
    this.#read = { vector, end, source }
    const words = wordsOf(source)
    const { indices, start, count } = rows
    let bytes = count * 4
    if (validity === null && indices === null) {
      for (let at = start * 4; at < end * 4; at += 4) bytes += words[at] as number
      return bytes
    }
    for (let i = 0; i < count; i++) {
      const row = indices === null ? start + i : (indices[i] as number)
      if (isPresent(validity, row)) bytes += words[row * 4] as number
    }
    return bytes
  }

  #source(vector: duckdb.Vector, end: number): Uint8Array {
    const read = this.#read
    return read !== null && read.vector === vector && read.end >= end ? read.source : duckdb.vector_get_data(vector, end * 16)
  }

  #room(bytes: number): DataView {
    this.data.reserve(bytes)
    return new DataView(this.data.bytes.buffer, this.data.bytes.byteOffset, this.data.bytes.byteLength)
  }
}

function wordsOf(source: Uint8Array): Uint32Array {
  return new Uint32Array(source.buffer, source.byteOffset, source.byteLength >> 2)
}

/** Neighbours on the heap are this far apart at most: alignment. Far below a page, so that whatever lies between two strings is readable memory. */
const HEAP_GAP_BYTES_MAX = 16
const HEAP_WINDOW_BYTES_MAX = 1 << 20

/**
 * Strings behind pointers. A call into the library for each costs more than its bytes, and strings of one vector mostly lie one behind the other, so that
 * a run of them is fetched at once.
 */
class HeapStrings {
  readonly #source: Uint8Array
  readonly #words: Uint32Array
  readonly #rows: Rows
  readonly #validity: Uint8Array | null
  #window: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(source: Uint8Array, words: Uint32Array, rows: Rows, validity: Uint8Array | null) {
    this.#source = source
    this.#words = words
    this.#rows = rows
    this.#validity = validity
  }

  /** `row` is the `i`-th of the rows. */
  bytesOf(i: number, row: number, length: number): Uint8Array {
    const address = this.#address(row)
    if (address < this.#start || address + length > this.#end) this.#open(i, row, address, length)
    return this.#window.subarray(address - this.#start, address - this.#start + length)
  }

  /** User-space addresses have at most 48 bits (57 on the largest machines), exact in a double to 53; the kernel gives those beyond 47 only when asked. */
  #address(row: number): number {
    return (this.#words[row * 4 + 2] as number) + (this.#words[row * 4 + 3] as number) * 0x1_0000_0000
  }

  #open(i: number, row: number, address: number, length: number): void {
    let end = address + length
    for (let k = i + 1; k < this.#rows.count && end - address < HEAP_WINDOW_BYTES_MAX; k++) {
      const next = rowAt(this.#rows, k)
      const nextLength = this.#words[next * 4] as number
      if (nextLength <= 12 || !isPresent(this.#validity, next)) continue
      const nextAddress = this.#address(next)
      if (nextAddress >= address && nextAddress + nextLength <= end) continue
      if (nextAddress < end || nextAddress - end > HEAP_GAP_BYTES_MAX) break
      end = nextAddress + nextLength
    }
    this.#window = duckdb.get_data_from_pointer(this.#source.buffer as ArrayBuffer, this.#source.byteOffset + row * 16 + 8, end - address)
    this.#start = address
    this.#end = end
  }
}
