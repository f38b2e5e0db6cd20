/**
 * Writes protobuf straight into one buffer that is kept. The generated codecs build a list of write operations for each message first,
 * which for a small query cost more than its encryption; they still decode, and write what is rare.
 *
 * Fields with their default value are left out by the caller, as proto3 has it.
 */
const keptBytesMax = 256 << 10

export class ProtobufWriter {
  #buffer = Buffer.allocUnsafeSlow(4096)
  #at = 0

  /** A copy of what was written; the writer starts anew. */
  finish(): Uint8Array {
    const bytes = Buffer.allocUnsafe(this.#at)
    this.#buffer.copy(bytes, 0, 0, this.#at)
    this.reset()
    return bytes
  }

  reset(): void {
    this.#at = 0
    // One huge statement shall not hold its memory for ever.
    if (this.#buffer.length > keptBytesMax) this.#buffer = Buffer.allocUnsafeSlow(4096)
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
    if (value.length < 43) {
      // Then the length takes one byte, whatever the characters: write first, count afterwards.
      const written = this.#buffer.write(value, this.#at + 1, 'utf8')
      this.#buffer[this.#at] = written
      this.#at += 1 + written
      return
    }
    this.#varint(Buffer.byteLength(value, 'utf8'))
    this.#at += this.#buffer.write(value, this.#at, 'utf8')
  }

  /** Begins a nested message; give what it returns to `end`. */
  begin(field: number): number {
    this.#reserve(6)
    this.#varint((field << 3) | 2)
    return ++this.#at
  }

  end(startAt: number): void {
    const length = this.#at - startAt
    const lengthBytes = varintBytes(length)
    this.#reserve(lengthBytes)
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
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#at + bytes))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}
