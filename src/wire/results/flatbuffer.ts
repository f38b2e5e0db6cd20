/**
 * As much of FlatBuffers as Arrow's metadata needs (https://flatbuffers.dev/internals). Written here because importing a general Arrow library costs
 * the command line 140 ms and reads without bounds; this costs two and checks every position.
 */
import { MeshError } from '../../errors.ts'

const utf8 = new TextEncoder()

/** Builds back to front, so that what is pointed at exists before its pointer. Positions count from the end. */
export class FlatBuilder {
  #bytes: Uint8Array = new Uint8Array(1024)
  #view = new DataView(this.#bytes.buffer)
  #head = this.#bytes.length
  #alignMax = 1
  #slots: number[] = []
  #tableEnd = 0

  get #used(): number {
    return this.#bytes.length - this.#head
  }

  /** Makes room for `bytes`, so that after writing `bytes` the position is a multiple of `align`. */
  #reserve(align: number, bytes: number): void {
    if (align > this.#alignMax) this.#alignMax = align
    const padding = (align - ((this.#used + bytes) % align)) % align
    while (this.#head < padding + bytes) {
      const grown = new Uint8Array(this.#bytes.length * 2)
      grown.set(this.#bytes, this.#bytes.length)
      this.#head += this.#bytes.length
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    this.#head -= padding
  }

  #int8(value: number): void {
    this.#reserve(1, 1)
    this.#view.setInt8((this.#head -= 1), value)
  }

  #int16(value: number): void {
    this.#reserve(2, 2)
    this.#view.setInt16((this.#head -= 2), value, true)
  }

  #int32(value: number): void {
    this.#reserve(4, 4)
    this.#view.setInt32((this.#head -= 4), value, true)
  }

  /** A whole number within ±2^53. */
  #int64(value: number): void {
    this.#reserve(8, 8)
    this.#head -= 8
    this.#view.setUint32(this.#head, value >>> 0, true)
    this.#view.setInt32(this.#head + 4, Math.floor(value / 0x1_0000_0000), true)
  }

  #offset(target: number): void {
    this.#reserve(4, 4)
    this.#int32(this.#used - target + 4)
  }

  string(text: string): number {
    const bytes = utf8.encode(text)
    this.#reserve(4, bytes.length + 1)
    this.#head -= 1
    this.#bytes[this.#head] = 0
    this.#head -= bytes.length
    this.#bytes.set(bytes, this.#head)
    this.#int32(bytes.length)
    return this.#used
  }

  offsetVector(targets: readonly number[]): number {
    this.#reserve(4, targets.length * 4)
    for (let i = targets.length - 1; i >= 0; i--) this.#offset(targets[i] as number)
    this.#int32(targets.length)
    return this.#used
  }

  int32Vector(values: readonly number[]): number {
    this.#reserve(4, values.length * 4)
    for (let i = values.length - 1; i >= 0; i--) this.#int32(values[i] as number)
    this.#int32(values.length)
    return this.#used
  }

  /** A vector of structs of two 64-bit numbers; `pairs` is flat. */
  int64PairVector(pairs: readonly number[]): number {
    this.#reserve(4, pairs.length * 8)
    this.#reserve(8, pairs.length * 8)
    for (let i = pairs.length - 1; i >= 0; i--) this.#int64(pairs[i] as number)
    this.#int32(pairs.length / 2)
    return this.#used
  }

  startTable(slots: number): void {
    this.#slots = new Array<number>(slots).fill(0)
    this.#tableEnd = this.#used
  }

  putInt8(slot: number, value: number): void {
    this.#int8(value)
    this.#slots[slot] = this.#used
  }

  putInt16(slot: number, value: number): void {
    this.#int16(value)
    this.#slots[slot] = this.#used
  }

  putInt32(slot: number, value: number): void {
    this.#int32(value)
    this.#slots[slot] = this.#used
  }

  putInt64(slot: number, value: number): void {
    this.#int64(value)
    this.#slots[slot] = this.#used
  }

  putOffset(slot: number, target: number): void {
    this.#offset(target)
    this.#slots[slot] = this.#used
  }

  endTable(): number {
    this.#int32(0)
    const table = this.#used
    for (let i = this.#slots.length - 1; i >= 0; i--) {
      const at = this.#slots[i] as number
      this.#int16(at === 0 ? 0 : table - at)
    }
    this.#int16(table - this.#tableEnd)
    this.#int16((this.#slots.length + 2) * 2)
    this.#view.setInt32(this.#bytes.length - table, this.#used - table, true)
    return table
  }

  finish(root: number): Uint8Array {
    this.#reserve(this.#alignMax, 4)
    this.#offset(root)
    return this.#bytes.subarray(this.#head)
  }
}

export function garbled(what: string): MeshError {
  return new MeshError('ERR_PROTOCOL', `The result is garbled: ${what}.`)
}

/** One table of a received buffer. A position outside the buffer makes DataView throw a RangeError; `readGuarded` turns it into ERR_PROTOCOL. */
export class FlatTable {
  readonly #view: DataView
  readonly #position: number
  readonly #vtable: number
  readonly #vtableBytes: number

  private constructor(view: DataView, position: number) {
    this.#view = view
    this.#position = position
    this.#vtable = position - view.getInt32(position, true)
    this.#vtableBytes = view.getUint16(this.#vtable, true)
  }

  static root(view: DataView): FlatTable {
    return new FlatTable(view, view.getUint32(0, true))
  }

  #at(slot: number): number {
    const entry = 4 + slot * 2
    if (entry + 2 > this.#vtableBytes) return 0
    const relative = this.#view.getUint16(this.#vtable + entry, true)
    return relative === 0 ? 0 : this.#position + relative
  }

  int8(slot: number, absent: number): number {
    const at = this.#at(slot)
    return at === 0 ? absent : this.#view.getUint8(at)
  }

  int16(slot: number, absent: number): number {
    const at = this.#at(slot)
    return at === 0 ? absent : this.#view.getInt16(at, true)
  }

  int32(slot: number, absent: number): number {
    const at = this.#at(slot)
    return at === 0 ? absent : this.#view.getInt32(at, true)
  }

  /** A 64-bit number that must be whole, not negative and below 2^53. */
  size(slot: number): number {
    const at = this.#at(slot)
    return at === 0 ? 0 : readSize(this.#view, at)
  }

  table(slot: number): FlatTable | null {
    const at = this.#at(slot)
    return at === 0 ? null : new FlatTable(this.#view, at + this.#view.getUint32(at, true))
  }

  string(slot: number): string | null {
    const at = this.#at(slot)
    if (at === 0) return null
    const start = at + this.#view.getUint32(at, true)
    const bytes = this.#view.getUint32(start, true)
    if (start + 4 + bytes > this.#view.byteLength) throw garbled('a name runs over its end')
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + start + 4, bytes))
  }

  /** Where a vector of elements of `elementBytes` starts, and how many it has. */
  #vector(slot: number, elementBytes: number): { start: number; count: number } {
    const at = this.#at(slot)
    if (at === 0) return { start: 0, count: 0 }
    const start = at + this.#view.getUint32(at, true)
    const count = this.#view.getUint32(start, true)
    if (start + 4 + count * elementBytes > this.#view.byteLength) throw garbled('a list runs over its end')
    return { start: start + 4, count }
  }

  tables(slot: number): FlatTable[] {
    const { start, count } = this.#vector(slot, 4)
    const tables: FlatTable[] = []
    for (let i = 0; i < count; i++) {
      const at = start + i * 4
      tables.push(new FlatTable(this.#view, at + this.#view.getUint32(at, true)))
    }
    return tables
  }

  int32s(slot: number): number[] {
    const { start, count } = this.#vector(slot, 4)
    return Array.from({ length: count }, (_, i) => this.#view.getInt32(start + i * 4, true))
  }

  /** The flat numbers of a vector of structs of two sizes. */
  sizePairs(slot: number): number[] {
    const { start, count } = this.#vector(slot, 16)
    return Array.from({ length: count * 2 }, (_, i) => readSize(this.#view, start + i * 8))
  }
}

function readSize(view: DataView, at: number): number {
  const high = view.getInt32(at + 4, true)
  if (high < 0 || high > 0x1f_ffff) throw garbled('a size is out of range')
  return high * 0x1_0000_0000 + view.getUint32(at, true)
}

/** Runs a reader; whatever it stumbles over in the bytes comes out as ERR_PROTOCOL. */
export function readGuarded<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) throw new MeshError('ERR_PROTOCOL', 'The result is garbled: it points outside itself.', { cause: error })
    throw error
  }
}
