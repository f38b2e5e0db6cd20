/**
 * Lists, structs and typed values on the wire: one tag byte, then what the tag asks for. Not nested protobuf messages: a frame from
 * outside could nest those a hundred thousand deep, and a list of numbers would take several times the bytes.
 *
 * Integers are zigzag LEB128 (at most 19 bytes, for 129 bits), lengths and counts LEB128, doubles little-endian.
 */
import { isUtf8 } from 'node:buffer'
import { isList, isStruct, setField, TYPE_NAME_CHARACTERS_MAX, TypedValue, VALUE_COUNT_MAX, VALUE_DEPTH_MAX, type PlainValue, type QueryValue } from '../core/values/query-value.ts'

/** Append only: a tag that a receiver does not know makes it refuse the request. */
const tag = { null: 0, false: 1, true: 2, double: 3, whole: 4, integer: 5, text: 6, blob: 7, date: 8, list: 9, struct: 10, typed: 11 } as const

const integerMin = -(1n << 127n)
const integerMax = (1n << 128n) - 1n
const integerBytesMax = 19
/** What a frame can hold anyway; beyond it the encoder would only work in vain. */
const bytesMax = 2 << 20
/** What a decoder puts in the place of bytes that are no UTF-8. */
const replacement = '\ufffd'

/** Why a value has no form on the wire, in words that follow "parameter 1". */
export class UnencodableValue extends Error {}

/** @throws UnencodableValue */
export function encodeCompound(value: QueryValue): Uint8Array<ArrayBuffer> {
  const writer = new CompoundWriter()
  writer.value(value, 0)
  return writer.finish()
}

/** `undefined` for what no value encodes to, and for what is beyond the bounds. */
export function decodeCompound(bytes: Uint8Array): QueryValue | undefined {
  const reader = new CompoundReader(bytes)
  const value = reader.value(0)
  return value === undefined || !reader.isAtEnd ? undefined : value
}

class CompoundWriter {
  #buffer = Buffer.allocUnsafe(256)
  #at = 0
  #count = 0
  #inTyped = false

  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.subarray(0, this.#at))
  }

  value(value: unknown, depth: number): void {
    if (depth > VALUE_DEPTH_MAX) throw new UnencodableValue(`nests deeper than ${VALUE_DEPTH_MAX} levels`)
    if (++this.#count > VALUE_COUNT_MAX) throw new UnencodableValue(`holds more than ${VALUE_COUNT_MAX} values`)
    if (value === null) this.#byte(tag.null)
    else if (typeof value === 'boolean') this.#byte(value ? tag.true : tag.false)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'bigint') this.#integer(value)
    else if (typeof value === 'string') this.#text(tag.text, value)
    else if (value instanceof Uint8Array) this.#blob(value)
    else if (value instanceof Date) this.#date(value)
    else if (value instanceof TypedValue) this.#typed(value, depth)
    else if (Array.isArray(value)) {
      this.#byte(tag.list)
      this.#varint(value.length)
      // By index: a hole is not skipped, but refused as undefined.
      for (let i = 0; i < value.length; i++) this.value(value[i], depth + 1)
    } else if (isStruct(value)) {
      const fields = Object.entries(value)
      this.#byte(tag.struct)
      this.#varint(fields.length)
      for (const [name, field] of fields) {
        this.#characters(name)
        this.value(field, depth + 1)
      }
    } else throw new UnencodableValue(`holds a value of type ${kindOf(value)}, which no parameter can have`)
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.#byte(tag.whole)
      this.#zigzag(BigInt(value))
      return
    }
    this.#byte(tag.double)
    this.#double(value)
  }

  #integer(value: bigint): void {
    if (value < integerMin || value > integerMax) throw new UnencodableValue('holds an integer of more than 128 bits')
    this.#byte(tag.integer)
    this.#zigzag(value)
  }

  #date(value: Date): void {
    if (this.#inTyped) throw new UnencodableValue('holds a Date within typed(); write it as ISO text there')
    if (Number.isNaN(value.getTime())) throw new UnencodableValue('holds an invalid Date')
    this.#byte(tag.date)
    this.#double(value.getTime())
  }

  #typed(value: TypedValue, depth: number): void {
    if (this.#inTyped) throw new UnencodableValue('holds a typed() value within another; the outer type names all of it')
    this.#inTyped = true
    this.#text(tag.typed, value.type)
    this.value(value.value, depth)
    this.#inTyped = false
  }

  #text(kind: number, text: string): void {
    this.#byte(kind)
    this.#characters(text)
  }

  #characters(text: string): void {
    const bytes = Buffer.byteLength(text, 'utf8')
    this.#varint(bytes)
    this.#reserve(bytes)
    this.#at += this.#buffer.write(text, this.#at, 'utf8')
  }

  #blob(blob: Uint8Array): void {
    this.#byte(tag.blob)
    this.#varint(blob.length)
    this.#reserve(blob.length)
    this.#buffer.set(blob, this.#at)
    this.#at += blob.length
  }

  #byte(byte: number): void {
    this.#reserve(1)
    this.#buffer[this.#at++] = byte
  }

  #double(value: number): void {
    this.#reserve(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  #varint(value: number): void {
    this.#reserve(5)
    let rest = value
    while (rest > 127) {
      this.#buffer[this.#at++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.#buffer[this.#at++] = rest
  }

  #zigzag(value: bigint): void {
    let rest = value < 0n ? (-value << 1n) - 1n : value << 1n
    this.#reserve(integerBytesMax)
    while (rest > 127n) {
      this.#buffer[this.#at++] = Number(rest & 127n) | 128
      rest >>= 7n
    }
    this.#buffer[this.#at++] = Number(rest)
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#buffer.length) return
    if (needed > bytesMax) throw new UnencodableValue(`takes more than ${bytesMax} bytes`)
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, needed))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}

class CompoundReader {
  readonly #bytes: Buffer
  #at = 0
  #count = 0
  #inTyped = false

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  value(depth: number): QueryValue | undefined {
    if (depth > VALUE_DEPTH_MAX || ++this.#count > VALUE_COUNT_MAX) return undefined
    switch (this.#bytes[this.#at++]) {
      case tag.null: return null
      case tag.false: return false
      case tag.true: return true
      case tag.double: return this.#double()
      case tag.whole: {
        const value = Number(this.#zigzag() ?? NaN)
        return Number.isSafeInteger(value) ? value : undefined
      }
      case tag.integer: {
        const value = this.#zigzag()
        return value === undefined || value < integerMin || value > integerMax ? undefined : value
      }
      case tag.text: return this.#text()
      case tag.blob: {
        const blob = this.#view()
        // A copy of its own: the frame that it lies in shall not live as long as the value.
        return blob === undefined ? undefined : new Uint8Array(blob)
      }
      case tag.date: {
        const date = new Date(this.#double() ?? NaN)
        return this.#inTyped || Number.isNaN(date.getTime()) ? undefined : date
      }
      case tag.list: return this.#list(depth)
      case tag.struct: return this.#struct(depth)
      case tag.typed: return this.#typed(depth)
      default: return undefined
    }
  }

  #list(depth: number): QueryValue[] | undefined {
    const count = this.#varint()
    // Each item takes a byte at least, so that a few bytes cannot claim many.
    if (count === undefined || count > this.#bytes.length - this.#at) return undefined
    const items: QueryValue[] = []
    for (let i = 0; i < count; i++) {
      const item = this.value(depth + 1)
      if (item === undefined) return undefined
      items.push(item)
    }
    return items
  }

  #struct(depth: number): Record<string, QueryValue> | undefined {
    const count = this.#varint()
    if (count === undefined || count > this.#bytes.length - this.#at) return undefined
    const struct: Record<string, QueryValue> = {}
    for (let i = 0; i < count; i++) {
      const name = this.#text()
      if (name === undefined || Object.hasOwn(struct, name)) return undefined
      const field = this.value(depth + 1)
      if (field === undefined) return undefined
      setField(struct, name, field)
    }
    return struct
  }

  #typed(depth: number): TypedValue | undefined {
    const type = this.#text()
    if (this.#inTyped || type === undefined || type.trim() === '' || type.length > TYPE_NAME_CHARACTERS_MAX) return undefined
    this.#inTyped = true
    const value = this.value(depth)
    this.#inTyped = false
    // What lies within a typed value is plain: the reader has let neither a Date nor another typed value pass.
    return value === undefined ? undefined : new TypedValue(type, value as PlainValue)
  }

  #double(): number | undefined {
    if (this.#at + 8 > this.#bytes.length) return undefined
    const value = this.#bytes.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  #varint(): number | undefined {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) return undefined
      value += (byte & 127) << shift
      if (byte < 128) return value
    }
    return undefined
  }

  #zigzag(): bigint | undefined {
    let value = 0n
    for (let i = 0; i < integerBytesMax; i++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) return undefined
      value |= BigInt(byte & 127) << BigInt(7 * i)
      if (byte < 128) return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n)
    }
    return undefined
  }

  #view(): Buffer | undefined {
    const length = this.#varint()
    if (length === undefined || this.#at + length > this.#bytes.length) return undefined
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** What is not UTF-8 would be longer when it is written again, and the value perhaps too long for that. No writer makes it. */
  #text(): string | undefined {
    const view = this.#view()
    const text = view?.toString('utf8')
    return view === undefined || text === undefined || (text.includes(replacement) && !isUtf8(view)) ? undefined : text
  }
}

function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor as { name?: string } | undefined)?.name ?? 'object' : typeof value
}

/** Whether the value needs this form; all others have fields of their own. */
export function isCompound(value: QueryValue): boolean {
  return value instanceof TypedValue || isList(value) || isStruct(value)
}
