/**
 * What column builders write into. What `take()` hands over is valid until the builder is written to again: batches copy it, and fresh memory for each
 * was most of what the garbage collector had to do while a large result was encoded.
 */

/** Which rows of a vector: a range, or, when `indices` is set, the first `count` of them. */
export interface Rows {
  readonly start: number
  readonly count: number
  readonly indices: Uint32Array | null
}

/** How many rows the vector must be read up to. */
export function rowsEnd(rows: Rows): number {
  if (rows.indices === null) return rows.start + rows.count
  let end = 0
  for (let i = 0; i < rows.count; i++) if ((rows.indices[i] as number) >= end) end = (rows.indices[i] as number) + 1
  return end
}

/** A buffer that one long value has blown up beyond this is not kept for the next batch. */
const keptBytesMax = 1 << 20

export class ByteBuffer {
  bytes: Uint8Array = new Uint8Array(64)
  length = 0

  /** Makes room; afterwards `bytes` may be another array. What is beyond `length` may be anything. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length)
    if (this.bytes.length > keptBytesMax) this.bytes = new Uint8Array(64)
    this.length = 0
    return taken
  }
}

/** Bits of presence; none are kept until the first null. */
export class ValidityBuffer {
  #bits: Uint8Array | null = null
  length = 0
  nullCount = 0

  /** `source` is the vector's bitmap, null when all are present. */
  append(source: Uint8Array | null, rows: Rows): void {
    const nulls = source === null ? 0 : countNulls(source, rows)
    if (nulls === 0 && this.#bits === null) {
      this.length += rows.count
      return
    }
    const bits = this.#reserve(rows.count)
    let at = this.length
    for (let i = 0; i < rows.count; i++, at++) {
      const row = rows.indices === null ? rows.start + i : (rows.indices[i] as number)
      if (source === null || (((source[row >> 3] as number) >> (row & 7)) & 1) === 1) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7))
    }
    this.length = at
    this.nullCount += nulls
  }

  #reserve(more: number): Uint8Array {
    const needed = (this.length + more + 7) >> 3
    if (this.#bits !== null && this.#bits.length >= needed) return this.#bits
    const grown = new Uint8Array(Math.max(needed * 2, 64))
    if (this.#bits !== null) {
      grown.set(this.#bits)
    } else {
      grown.fill(255, 0, this.length >> 3)
      if ((this.length & 7) !== 0) grown[this.length >> 3] = (1 << (this.length & 7)) - 1
    }
    return (this.#bits = grown)
  }

  take(): { validity: Uint8Array | null; length: number; nullCount: number } {
    const taken = { validity: this.#bits, length: this.length, nullCount: this.nullCount }
    this.#bits = null
    this.length = 0
    this.nullCount = 0
    return taken
  }
}

export function isPresent(validity: Uint8Array | null, row: number): boolean {
  return validity === null || (((validity[row >> 3] as number) >> (row & 7)) & 1) === 1
}

function countNulls(source: Uint8Array, rows: Rows): number {
  let nulls = 0
  for (let i = 0; i < rows.count; i++) {
    const row = rows.indices === null ? rows.start + i : (rows.indices[i] as number)
    // Whole bytes of present rows are the rule.
    if (rows.indices === null && (row & 7) === 0 && i + 8 <= rows.count && source[row >> 3] === 255) {
      i += 7
      continue
    }
    if ((((source[row >> 3] as number) >> (row & 7)) & 1) === 0) nulls++
  }
  return nulls
}
