/**
 * Reads protobuf out of one buffer, with one reader for all messages: the generated decoders make a reader, an options object and a view for
 * each message and string in a frame.
 *
 * What a hostile peer cuts or overstates breaks the reader instead of throwing: from then on there is nothing left in any message, and the
 * caller asks `isBroken` once, at the end.
 */
import { Buffer } from 'node:buffer'

const nothing = Buffer.alloc(0)
const varintBytesMax = 10
const shortVarintBytesMax = 5

export class ProtobufReader {
  #buffer = nothing
  #at = 0
  /** Of the innermost message that was entered. */
  #end = 0
  #isBroken = false

  begin(bytes: Uint8Array): void {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes as Buffer<ArrayBuffer> : Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)
    this.#at = 0
    this.#end = bytes.length
    this.#isBroken = false
  }

  /** Lets go of the bytes. */
  finish(): void {
    this.#buffer = nothing
  }

  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Whether the message that was entered last has another field. */
  get hasMore(): boolean {
    return this.#at < this.#end
  }

  /** Begins a nested message; give what it returns to `leave`. */
  enter(): number {
    const outerEnd = this.#end
    const length = this.uint32()
    if (length > outerEnd - this.#at) this.refuse()
    else this.#end = this.#at + length
    return outerEnd
  }

  /** Whether the message that was entered last ends with the one around it. */
  isLast(outerEnd: number): boolean {
    return this.#isBroken || this.#end === outerEnd
  }

  leave(outerEnd: number): void {
    if (!this.#isBroken) this.#end = outerEnd
  }

  /** At most five bytes, or the ten that some writers make of a negative number; what exceeds 32 bits is dropped. */
  uint32(): number {
    const buffer = this.#buffer
    const end = this.#end
    let at = this.#at
    let value = 0
    for (let shift = 0; shift < 7 * shortVarintBytesMax && at < end; shift += 7) {
      const byte = buffer[at++] as number
      value |= (byte & 127) << shift
      if (byte < 128) {
        this.#at = at
        return value >>> 0
      }
    }
    if (this.#isSignExtension(at)) return value >>> 0
    this.refuse()
    return 0
  }

  /** Takes the second half of ten bytes. */
  #isSignExtension(from: number): boolean {
    this.#at = from + varintBytesMax - shortVarintBytesMax
    if (this.#at > this.#end) return false
    for (let at = from; at < this.#at; at++) {
      if (((this.#buffer[at] as number) < 128) !== (at === this.#at - 1)) return false
    }
    return true
  }

  bool(): boolean {
    return this.uint32() !== 0
  }

  double(): number {
    if (!this.#take(8)) return 0
    return this.#buffer.readDoubleLE(this.#at - 8)
  }

  /** A view, not a copy. */
  bytes(): Uint8Array<ArrayBuffer> {
    const length = this.uint32()
    return this.#take(length) ? this.#buffer.subarray(this.#at - length, this.#at) : nothing
  }

  /** What is not UTF-8 becomes U+FFFD. */
  string(): string {
    const length = this.uint32()
    return this.#take(length) ? this.#buffer.toString(undefined, this.#at - length, this.#at) : ''
  }

  /** A field that this version does not know. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        for (let skipped = 0; skipped < varintBytesMax; skipped++) {
          if (!this.#take(1) || (this.#buffer[this.#at - 1] as number) < 128) return
        }
        this.refuse()
        return
      case 1:
        this.#take(8)
        return
      case 2:
        this.#take(this.uint32())
        return
      case 5:
        this.#take(4)
        return
      case 3:
        this.#skipGroup()
        return
      // The end of a group that was not begun; there are no other types.
      default:
        this.refuse()
    }
  }

  /** By counting, since a frame could nest them deeper than calls can go. As in the generated decoders, any end ends the innermost. */
  #skipGroup(): void {
    for (let depth = 1; depth > 0 && !this.#isBroken;) {
      const tag = this.uint32()
      const type = tag & 7
      if (type === 3) depth++
      else if (type === 4) depth--
      else this.skip(tag)
    }
  }

  /** The caller found what the protocol does not allow. */
  refuse(): void {
    this.#isBroken = true
    this.#at = 0
    this.#end = 0
  }

  #take(length: number): boolean {
    if (length > this.#end - this.#at) {
      this.refuse()
      return false
    }
    this.#at += length
    return true
  }
}
