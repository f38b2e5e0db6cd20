/**
 * The format `columns`: the same buffers as Arrow's without its metadata, for results that fit into one batch, where Arrow's 200 bytes a
 * column and its padding are most of what travels. Numbers are LEB128 varints, values little-endian.
 *
 * header: version 1 · fields. fields: count · each: name · sqlType · layout code [arguments] · fields. Text: byte length · UTF-8.
 * batch:  rows · each column: null flag (0 or 1) · [validity bits when 1] · [lengths, one varint a row] · [data] · children.
 */
import { checkUnion, dataLength } from './arrow-batch.ts'
import { checkChildren } from './arrow-schema.ts'
import { childCount, childLength, FIELD_DEPTH_MAX, FIELDS_MAX, hasOffsets, isPlausibleLength, ITEMS_MAX, type ColumnData, type ColumnField, type Layout, type TimeUnit } from './column-field.ts'
import { garbled } from './flatbuffer.ts'

const VERSION = 1
const UNITS: readonly TimeUnit[] = ['second', 'millisecond', 'microsecond', 'nanosecond']

/** Code of each layout without arguments of its own; those with arguments follow. */
const SIMPLE: readonly Layout[] = [
  { kind: 'null' }, { kind: 'bool' },
  { kind: 'int', bits: 8, signed: true }, { kind: 'int', bits: 16, signed: true }, { kind: 'int', bits: 32, signed: true }, { kind: 'int', bits: 64, signed: true },
  { kind: 'int', bits: 8, signed: false }, { kind: 'int', bits: 16, signed: false }, { kind: 'int', bits: 32, signed: false }, { kind: 'int', bits: 64, signed: false },
  { kind: 'float', bits: 32 }, { kind: 'float', bits: 64 }, { kind: 'utf8' }, { kind: 'binary' }, { kind: 'date' },
  { kind: 'time', unit: 'microsecond' }, { kind: 'time', unit: 'nanosecond' },
  ...[false, true].flatMap((zoned) => UNITS.map((unit): Layout => ({ kind: 'timestamp', unit, zoned }))),
  { kind: 'list' }, { kind: 'struct' }, { kind: 'map' }, { kind: 'union' },
]
const codeOf = (layout: Layout): string => Object.values(layout).join()
const SIMPLE_CODES = new Map(SIMPLE.map((layout, code) => [codeOf(layout), code]))
const CODE_DECIMAL = 64
const CODE_FIXED_LIST = 65

class Writer {
  #bytes: Uint8Array
  #length = 0

  constructor(bytesGuess: number) {
    this.#bytes = new Uint8Array(bytesGuess)
  }

  #grow(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }

  varint(value: number): void {
    this.#grow(5)
    let rest = value
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.#bytes[this.#length++] = rest
  }

  bytes(bytes: Uint8Array): void {
    this.#grow(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  text(text: string): void {
    const room = text.length * 3
    this.#grow(room + 5)
    // Names are short: nearly always the length fits into one byte, and the text is encoded in place.
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length + 1, this.#length + 1 + room))
    if (written < 128) {
      this.#bytes[this.#length] = written
      this.#length += 1 + written
      return
    }
    const encoded = encoder.encode(text)
    this.varint(encoded.length)
    this.bytes(encoded)
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

class Reader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#position++]
      if (byte === undefined) throw garbled('it ends too early')
      value += (byte & 127) * 2 ** shift
      if (byte < 128) {
        if (value > ITEMS_MAX) throw garbled('a number is out of range')
        return value
      }
    }
    throw garbled('a number is too long')
  }

  /** A view. */
  view(length: number): Uint8Array {
    const end = this.#position + length
    if (end > this.#bytes.length) throw garbled('it ends too early')
    const view = this.#bytes.subarray(this.#position, end)
    this.#position = end
    return view
  }

  text(): string {
    return decoder.decode(this.view(this.varint()))
  }

  end(): void {
    if (this.#position !== this.#bytes.length) throw garbled('bytes follow its end')
  }
}

export function encodeColumnsHeader(fields: readonly ColumnField[]): Uint8Array {
  const writer = new Writer(64 + fields.length * 32)
  writer.varint(VERSION)
  writeFields(writer, fields)
  return writer.finish()
}

function writeFields(writer: Writer, fields: readonly ColumnField[]): void {
  writer.varint(fields.length)
  for (const { name, sqlType, layout, children } of fields) {
    writer.text(name)
    writer.text(sqlType)
    if (layout.kind === 'decimal') {
      writer.varint(CODE_DECIMAL)
      writer.varint(layout.precision)
      writer.varint(layout.scale)
    } else if (layout.kind === 'fixed-list') {
      writer.varint(CODE_FIXED_LIST)
      writer.varint(layout.size)
    } else {
      writer.varint(SIMPLE_CODES.get(codeOf(layout)) as number)
    }
    if (childCount(layout) !== 0) writeFields(writer, children)
  }
}

/** @throws MeshError ERR_PROTOCOL */
export function decodeColumnsHeader(bytes: Uint8Array): ColumnField[] {
  const reader = new Reader(bytes)
  if (reader.varint() !== VERSION) throw garbled('its columns format has another version')
  const fields = readFields(reader, { left: FIELDS_MAX }, 0)
  reader.end()
  return fields
}

function readFields(reader: Reader, budget: { left: number }, depth: number): ColumnField[] {
  const count = reader.varint()
  budget.left -= count
  if (budget.left < 0 || depth > FIELD_DEPTH_MAX) throw garbled('it has too many columns or nests too deep')
  const fields: ColumnField[] = []
  for (let i = 0; i < count; i++) {
    const name = reader.text()
    const sqlType = reader.text()
    const layout = readLayout(reader)
    const children = childCount(layout) === 0 ? [] : readFields(reader, budget, depth + 1)
    checkChildren(layout, children)
    fields.push({ name, sqlType, layout, children })
  }
  return fields
}

function readLayout(reader: Reader): Layout {
  const code = reader.varint()
  if (code === CODE_DECIMAL) {
    const precision = reader.varint()
    const scale = reader.varint()
    if (precision < 1 || precision > 38 || scale > precision) throw garbled('a decimal column has an odd width')
    return { kind: 'decimal', precision, scale }
  }
  if (code === CODE_FIXED_LIST) {
    const size = reader.varint()
    if (size < 1 || size > 1_000_000) throw garbled('an array column has an odd length')
    return { kind: 'fixed-list', size }
  }
  const layout = SIMPLE[code]
  if (layout === undefined) throw garbled('a column has a type that is not known here')
  return layout
}

export function encodeColumnsBatch(fields: readonly ColumnField[], columns: readonly ColumnData[], rows: number): Uint8Array {
  const writer = new Writer(256)
  writer.varint(rows)
  const visit = (field: ColumnField, column: ColumnData): void => {
    const { length, validity, offsets } = column
    writer.varint(validity === null ? 0 : 1)
    if (validity !== null) writer.bytes(validity.subarray(0, (length + 7) >> 3))
    if (hasOffsets(field.layout)) {
      const positions = offsets as Int32Array
      for (let i = 0; i < length; i++) writer.varint((positions[i + 1] as number) - (positions[i] as number))
    }
    const dataBytes = dataLength(field, column)
    if (dataBytes !== null) writer.bytes((column.data as Uint8Array).subarray(0, dataBytes))
    for (let i = 0; i < field.children.length; i++) visit(field.children[i] as ColumnField, column.children[i] as ColumnData)
  }
  for (let i = 0; i < fields.length; i++) visit(fields[i] as ColumnField, columns[i] as ColumnData)
  return writer.finish()
}

/** @throws MeshError ERR_PROTOCOL */
export function decodeColumnsBatch(fields: readonly ColumnField[], bytes: Uint8Array): { rows: number; columns: ColumnData[] } {
  const reader = new Reader(bytes)
  const rows = reader.varint()
  if (fields.length === 0 && rows > 0) throw garbled('it has rows without columns')
  const read = (field: ColumnField, length: number): ColumnData => {
    const { layout } = field
    if (!isPlausibleLength(field, length)) throw garbled('a column has too many values')
    const flag = reader.varint()
    if (flag > 1) throw garbled('a column has an odd flag')
    const validity = flag === 1 ? reader.view((length + 7) >> 3) : null
    let offsets: Int32Array | null = null
    if (hasOffsets(layout)) {
      // Checked before it is believed: each length takes a byte at least.
      if (length > bytes.length) throw garbled('a column has more values than bytes')
      offsets = new Int32Array(length + 1)
      let end = 0
      for (let i = 0; i < length; i++) {
        end += reader.varint()
        if (end > ITEMS_MAX) throw garbled('a column is too long')
        offsets[i + 1] = end
      }
    }
    const dataBytes = dataLength(field, { length, offsets })
    // Typed arrays need aligned positions, so that numbers are copied out (a Buffer’s slice() would not copy); text is read where it is.
    const data = dataBytes === null ? null : offsets === null ? new Uint8Array(reader.view(dataBytes)) : reader.view(dataBytes)
    if (layout.kind === 'union') checkUnion(data as Uint8Array, length, field.children.length)
    const below = childLength(layout, length, offsets)
    const children = field.children.map((child) => read(child, below))
    return { length, nullCount: validity === null ? 0 : countNulls(validity, length), validity, offsets, data, children }
  }
  const columns = fields.map((field) => read(field, rows))
  reader.end()
  return { rows, columns }
}

function countNulls(validity: Uint8Array, length: number): number {
  let nulls = 0
  for (let i = 0; i < length; i++) if ((((validity[i >> 3] as number) >> (i & 7)) & 1) === 0) nulls++
  return nulls
}
