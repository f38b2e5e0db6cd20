/** A result's columns as an Arrow IPC schema message, and back (Arrow Columnar Format 1.5, "Schema message"; Schema.fbs, Message.fbs). */
import { childCount, FIELD_DEPTH_MAX, FIELDS_MAX, type ColumnField, type Layout, type TimeUnit } from './column-field.ts'
import { FlatBuilder, FlatTable, garbled, readGuarded } from './flatbuffer.ts'

/** Key of the field metadata that holds the engine's name of the type. */
export const TYPE_METADATA_KEY = 'reedbase:type'

const METADATA_V5 = 4
export const HEADER_SCHEMA = 1
export const HEADER_RECORD_BATCH = 3

const TYPE = { null: 1, int: 2, float: 3, binary: 4, utf8: 5, bool: 6, decimal: 7, date: 8, time: 9, timestamp: 10, list: 12, struct: 13, union: 14, fixedList: 16, map: 17 } as const
const UNITS: readonly TimeUnit[] = ['second', 'millisecond', 'microsecond', 'nanosecond']

/** Continuation marker, size, metadata padded to 8, then the body. */
export function encapsulate(metadata: Uint8Array, bodyBytes: number): Uint8Array {
  const padded = (metadata.length + 7) & ~7
  const message = new Uint8Array(8 + padded + bodyBytes)
  const view = new DataView(message.buffer)
  view.setUint32(0, 0xffff_ffff, true)
  view.setInt32(4, padded, true)
  message.set(metadata, 8)
  return message
}

/** What ends an Arrow IPC stream. */
export const END_OF_STREAM: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)

export function buildMessage(builder: FlatBuilder, headerType: number, header: number, bodyBytes: number): Uint8Array {
  builder.startTable(4)
  builder.putInt64(3, bodyBytes)
  builder.putOffset(2, header)
  builder.putInt16(0, METADATA_V5)
  builder.putInt8(1, headerType)
  return builder.finish(builder.endTable())
}

/** Metadata and body of one encapsulated message, checked against its length. */
export function openMessage(bytes: Uint8Array, headerType: number): { header: FlatTable; bodyStart: number; bodyBytes: number } {
  return readGuarded(() => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (view.getUint32(0, true) !== 0xffff_ffff) throw garbled('it is no Arrow message')
    const metadataBytes = view.getInt32(4, true)
    if (metadataBytes < 8 || 8 + metadataBytes > bytes.length) throw garbled('its metadata runs over its end')
    const message = FlatTable.root(new DataView(bytes.buffer, bytes.byteOffset + 8, metadataBytes))
    if (message.int16(0, 0) !== METADATA_V5) throw garbled('its Arrow metadata version is not V5')
    const header = message.table(2)
    if (message.int8(1, 0) !== headerType || header === null) throw garbled('it is an Arrow message of another kind')
    const bodyBytes = message.size(3)
    if (8 + metadataBytes + bodyBytes !== bytes.length) throw garbled('its length is not what it says')
    return { header, bodyStart: 8 + metadataBytes, bodyBytes }
  })
}

export function encodeArrowSchema(fields: readonly ColumnField[]): Uint8Array {
  const builder = new FlatBuilder()
  const vector = builder.offsetVector(fields.map((field) => writeField(builder, field, true)))
  builder.startTable(3)
  builder.putOffset(1, vector)
  builder.putInt16(0, 0)
  return encapsulate(buildMessage(builder, HEADER_SCHEMA, builder.endTable(), 0), 0)
}

export function decodeArrowSchema(bytes: Uint8Array): ColumnField[] {
  const { header } = openMessage(bytes, HEADER_SCHEMA)
  return readGuarded(() => {
    if (header.int16(0, 0) !== 0) throw garbled('its bytes are big-endian')
    const budget = { left: FIELDS_MAX }
    return header.tables(1).map((table) => readField(table, budget, 0))
  })
}

function writeField(builder: FlatBuilder, field: ColumnField, nullable: boolean, inMap = false): number {
  // A map's entries and its keys are never null; Arrow readers insist on it.
  const isMap = field.layout.kind === 'map'
  const children = builder.offsetVector(field.children.map((child, index) => writeField(builder, child, !isMap && !(inMap && index === 0), isMap)))
  const key = builder.string(TYPE_METADATA_KEY)
  const value = builder.string(field.sqlType)
  builder.startTable(2)
  builder.putOffset(0, key)
  builder.putOffset(1, value)
  const metadata = builder.offsetVector([builder.endTable()])
  const name = builder.string(field.name)
  const type = writeType(builder, field)
  builder.startTable(7)
  builder.putOffset(0, name)
  builder.putOffset(3, type.table)
  builder.putOffset(5, children)
  builder.putOffset(6, metadata)
  builder.putInt8(1, nullable ? 1 : 0)
  builder.putInt8(2, type.id)
  return builder.endTable()
}

function writeType(builder: FlatBuilder, field: ColumnField): { id: number; table: number } {
  const layout = field.layout
  const zone = layout.kind === 'timestamp' && layout.zoned ? builder.string('UTC') : 0
  const typeIds = layout.kind === 'union' ? builder.int32Vector(field.children.map((_, index) => index)) : 0
  builder.startTable(3)
  switch (layout.kind) {
    case 'null':
      return { id: TYPE.null, table: builder.endTable() }
    case 'bool':
      return { id: TYPE.bool, table: builder.endTable() }
    case 'int':
      builder.putInt32(0, layout.bits)
      builder.putInt8(1, layout.signed ? 1 : 0)
      return { id: TYPE.int, table: builder.endTable() }
    case 'float':
      builder.putInt16(0, layout.bits === 32 ? 1 : 2)
      return { id: TYPE.float, table: builder.endTable() }
    case 'decimal':
      builder.putInt32(0, layout.precision)
      builder.putInt32(1, layout.scale)
      builder.putInt32(2, 128)
      return { id: TYPE.decimal, table: builder.endTable() }
    case 'utf8':
      return { id: TYPE.utf8, table: builder.endTable() }
    case 'binary':
      return { id: TYPE.binary, table: builder.endTable() }
    case 'date':
      builder.putInt16(0, 0)
      return { id: TYPE.date, table: builder.endTable() }
    case 'time':
      builder.putInt32(1, 64)
      builder.putInt16(0, UNITS.indexOf(layout.unit))
      return { id: TYPE.time, table: builder.endTable() }
    case 'timestamp':
      if (zone !== 0) builder.putOffset(1, zone)
      builder.putInt16(0, UNITS.indexOf(layout.unit))
      return { id: TYPE.timestamp, table: builder.endTable() }
    case 'list':
      return { id: TYPE.list, table: builder.endTable() }
    case 'fixed-list':
      builder.putInt32(0, layout.size)
      return { id: TYPE.fixedList, table: builder.endTable() }
    case 'struct':
      return { id: TYPE.struct, table: builder.endTable() }
    case 'map':
      builder.putInt8(0, 0)
      return { id: TYPE.map, table: builder.endTable() }
    case 'union':
      builder.putOffset(1, typeIds)
      builder.putInt16(0, 0)
      return { id: TYPE.union, table: builder.endTable() }
  }
}

function readField(table: FlatTable, budget: { left: number }, depth: number): ColumnField {
  if (--budget.left < 0 || depth > FIELD_DEPTH_MAX) throw garbled('it has too many columns or nests too deep')
  const type = table.table(3)
  if (type === null) throw garbled('a column has no type')
  if (table.table(4) !== null) throw garbled('a column is dictionary-encoded')
  let sqlType: string | null = null
  for (const entry of table.tables(6)) if (entry.string(0) === TYPE_METADATA_KEY) sqlType = entry.string(1)
  if (sqlType === null) throw garbled(`a column has no ${TYPE_METADATA_KEY}`)
  const layout = readType(table.int8(2, 0), type)
  const children = table.tables(5).map((child) => readField(child, budget, depth + 1))
  checkChildren(layout, children)
  if (layout.kind === 'union' && type.int32s(1).some((id, index) => id !== index)) throw garbled('a union numbers its members its own way')
  return { name: table.string(0) ?? '', sqlType, layout, children }
}

/** @throws MeshError ERR_PROTOCOL when a column has not the children that its layout needs */
export function checkChildren(layout: Layout, children: readonly ColumnField[]): void {
  const expected = childCount(layout)
  if (expected !== null && children.length !== expected) throw garbled('a column has not the children of its type')
  if (layout.kind === 'union' && (children.length === 0 || children.length > 127)) throw garbled('a union has no members or too many')
  if (layout.kind === 'map') {
    const entries = children[0]
    if (entries?.layout.kind !== 'struct' || entries.children.length !== 2) throw garbled('a map is not made of keys and values')
  }
}

function readType(id: number, type: FlatTable): Layout {
  switch (id) {
    case TYPE.null:
      return { kind: 'null' }
    case TYPE.bool:
      return { kind: 'bool' }
    case TYPE.int: {
      const bits = type.int32(0, 0)
      if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) throw garbled('an integer column has an odd width')
      return { kind: 'int', bits, signed: type.int8(1, 0) !== 0 }
    }
    case TYPE.float: {
      const precision = type.int16(0, 0)
      if (precision !== 1 && precision !== 2) throw garbled('a floating point column has an odd width')
      return { kind: 'float', bits: precision === 1 ? 32 : 64 }
    }
    case TYPE.decimal: {
      const precision = type.int32(0, 0)
      const scale = type.int32(1, 0)
      if (type.int32(2, 128) !== 128 || precision < 1 || precision > 38 || scale < 0 || scale > precision) throw garbled('a decimal column has an odd width')
      return { kind: 'decimal', precision, scale }
    }
    case TYPE.utf8:
      return { kind: 'utf8' }
    case TYPE.binary:
      return { kind: 'binary' }
    case TYPE.date:
      if (type.int16(0, 1) !== 0) throw garbled('a date column does not count days')
      return { kind: 'date' }
    case TYPE.time: {
      const unit = UNITS[type.int16(0, 1)]
      if (type.int32(1, 32) !== 64 || (unit !== 'microsecond' && unit !== 'nanosecond')) throw garbled('a time column has an odd unit')
      return { kind: 'time', unit }
    }
    case TYPE.timestamp: {
      const unit = UNITS[type.int16(0, 0)]
      if (unit === undefined) throw garbled('a timestamp column has an odd unit')
      return { kind: 'timestamp', unit, zoned: type.string(1) !== null }
    }
    case TYPE.list:
      return { kind: 'list' }
    case TYPE.fixedList: {
      const size = type.int32(0, 0)
      if (size < 1 || size > 1_000_000) throw garbled('an array column has an odd length')
      return { kind: 'fixed-list', size }
    }
    case TYPE.struct:
      return { kind: 'struct' }
    case TYPE.map:
      return { kind: 'map' }
    case TYPE.union:
      if (type.int16(0, 0) !== 0) throw garbled('a union is dense')
      return { kind: 'union' }
    default:
      throw garbled(`a column has the Arrow type ${id}, which is not used here`)
  }
}
