/**
 * Writes protobuf straight into one buffer that is kept. The generated codecs build a list of write operations for each message first,
 * which for a small query cost more than its encryption; they still write what is rare. query-decoders.ts is the other direction.
 *
 * Fields with their default value are left out by the caller, as proto3 has it.
 */
import { Buffer } from 'node:buffer'

const poolBytes = 64 << 10
/** A larger message is copied out of its buffer: as a view it would keep far more memory than it takes. */
const pooledBytesMax = 4 << 10
const keptBytesMax = 256 << 10

export class ProtobufWriter {
  /** Messages one after the other; each that is finished stays where it was written, so that a small one is never copied. */
  #buffer = Buffer.allocUnsafeSlow(poolBytes)
  /** Where the message that is being written begins. */
  #start = 0
  #at = 0

  /** Begins a whole message, as `begin` does. Whatever one that threw half-way has left is gone: it would travel at the front of this one. */
  start(field: number): number {
    this.reset()
    return this.begin(field)
  }

  /** What was written, never to be written to; the writer starts anew. */
  finish(): Uint8Array {
    const bytes = this.#buffer.subarray(this.#start, this.#at)
    if (bytes.length <= pooledBytesMax) {
      this.#start = this.#at
      return bytes
    }
    this.reset()
    return Buffer.from(bytes)
  }

  reset(): void {
    this.#at = this.#start
    if (this.#buffer.length <= keptBytesMax) return
    // One huge statement shall not hold its memory for ever.
    this.#buffer = Buffer.allocUnsafeSlow(poolBytes)
    this.#start = this.#at = 0
  }

  /** A field of wire type 0. */
  uint32(field: number, value: number): void {
    this.#reserve(10)
    this.#varint(field << 3)
    this.#varint(value >>> 0)
  }

  /** A field of wire type 1. */
  double(field: number, value: number): void {
    this.#reserve(13)
    this.#varint((field << 3) | 1)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  bytes(field: number, value: Uint8Array): void {
    this.#reserve(10 + value.length)
    this.#varint((field << 3) | 2)
    this.#varint(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  /** Tag and length of a field of wire type 2 whose content the caller sends by itself. */
  announce(field: number, contentBytes: number): void {
    this.#reserve(10)
    this.#varint((field << 3) | 2)
    this.#varint(contentBytes)
  }

  string(field: number, value: string): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    this.#reserve(10 + 3 * value.length)
    this.#varint((field << 3) | 2)
    if (value.length < 128 && this.#ascii(value)) return
    this.#varint(Buffer.byteLength(value, 'utf8'))
    this.#at += this.#buffer.write(value, this.#at, 'utf8')
  }

  /** Short texts are mostly plain, and a loop over so few characters costs less than a call out of JavaScript. False: this one is not plain. */
  #ascii(value: string): boolean {
    const start = this.#at
    const buffer = this.#buffer
    buffer[start] = value.length
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) return false
      buffer[start + 1 + i] = code
    }
    this.#at = start + 1 + value.length
    return true
  }

  /** Begins a nested message; give what it returns to `end`. */
  begin(field: number): number {
    this.#reserve(6)
    this.#varint((field << 3) | 2)
    return ++this.#at - this.#start
  }

  end(begunAt: number): void {
    const length = this.#at - this.#start - begunAt
    const lengthBytes = varintBytes(length)
    this.#reserve(lengthBytes)
    const startAt = this.#start + begunAt
    // Most messages leave the one byte that was kept for their length; the others move.
    if (lengthBytes > 1) this.#buffer.copyWithin(startAt + lengthBytes - 1, startAt, this.#at)
    this.#at = startAt - 1
    this.#varint(length)
    this.#at += length
  }

  #varint(value: number): void {
    while (value > 127) {
      this.#buffer[this.#at++] = (value & 127) | 128
      value >>>= 7
    }
    this.#buffer[this.#at++] = value
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const written = this.#at - this.#start
    const grown = Buffer.allocUnsafeSlow(Math.max(poolBytes, 2 * written, written + bytes))
    this.#buffer.copy(grown, 0, this.#start, this.#at)
    this.#start = 0
    this.#at = written
    this.#buffer = grown
  }
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}
