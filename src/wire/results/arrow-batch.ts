/** A batch of rows as one Arrow IPC record-batch message, and back (Arrow Columnar Format 1.5, "RecordBatch message"). Bodies are uncompressed. */
import { buildMessage, encapsulate, HEADER_RECORD_BATCH, openMessage } from './arrow-schema.ts'
import { childLength, fixedWidthBytes, hasOffsets, isPlausibleLength, type ColumnData, type ColumnField } from './column-field.ts'
import { FlatBuilder, garbled, readGuarded } from './flatbuffer.ts'

const NO_BYTES = new Uint8Array(0)

export function encodeArrowBatch(fields: readonly ColumnField[], columns: readonly ColumnData[], rows: number): Uint8Array {
  const nodes: number[] = []
  const places: number[] = []
  const parts: Uint8Array[] = []
  let bodyBytes = 0
  const place = (part: Uint8Array): void => {
    places.push(bodyBytes, part.length)
    parts.push(part)
    bodyBytes += (part.length + 7) & ~7
  }
  const visit = (field: ColumnField, column: ColumnData): void => {
    const { layout } = field
    const { length } = column
    nodes.push(length, layout.kind === 'null' ? length : layout.kind === 'union' ? 0 : column.nullCount)
    if (layout.kind !== 'null' && layout.kind !== 'union') place(column.validity === null ? NO_BYTES : column.validity.subarray(0, (length + 7) >> 3))
    if (hasOffsets(layout)) {
      const offsets = column.offsets as Int32Array
      place(new Uint8Array(offsets.buffer, offsets.byteOffset, (length + 1) * 4))
    }
    const dataBytes = dataLength(field, column)
    if (dataBytes !== null) place((column.data as Uint8Array).subarray(0, dataBytes))
    for (let i = 0; i < field.children.length; i++) visit(field.children[i] as ColumnField, column.children[i] as ColumnData)
  }
  for (let i = 0; i < fields.length; i++) visit(fields[i] as ColumnField, columns[i] as ColumnData)

  const builder = new FlatBuilder()
  const buffers = builder.int64PairVector(places)
  const nodeVector = builder.int64PairVector(nodes)
  builder.startTable(5)
  builder.putInt64(0, rows)
  builder.putOffset(1, nodeVector)
  builder.putOffset(2, buffers)
  const metadata = buildMessage(builder, HEADER_RECORD_BATCH, builder.endTable(), bodyBytes)
  const message = encapsulate(metadata, bodyBytes)
  const body = message.length - bodyBytes
  for (let i = 0; i < parts.length; i++) message.set(parts[i] as Uint8Array, body + (places[i * 2] as number))
  return message
}

/** Bytes of the data buffer, or null when the layout has none. */
export function dataLength(field: ColumnField, column: Pick<ColumnData, 'length' | 'offsets'>): number | null {
  const width = fixedWidthBytes(field.layout)
  if (width > 0) return width * column.length
  if (field.layout.kind === 'bool') return (column.length + 7) >> 3
  if (field.layout.kind === 'utf8' || field.layout.kind === 'binary') return column.offsets?.[column.length] ?? 0
  return null
}

/** @throws MeshError ERR_PROTOCOL */
export function decodeArrowBatch(fields: readonly ColumnField[], bytes: Uint8Array): { rows: number; columns: ColumnData[] } {
  const { header, bodyStart, bodyBytes } = openMessage(bytes, HEADER_RECORD_BATCH)
  return readGuarded(() => {
    if (header.table(3) !== null) throw garbled('it is compressed')
    const rows = header.size(0)
    if (fields.length === 0 && rows > 0) throw garbled('it has rows without columns')
    const nodes = header.sizePairs(1)
    const places = header.sizePairs(2)
    // Typed arrays need aligned positions; bytes cut out of a stream seldom are, and a Buffer’s slice() would not copy.
    const aligned = (bytes.byteOffset + bodyStart) % 8 === 0 ? bytes.subarray(bodyStart) : new Uint8Array(bytes.subarray(bodyStart))
    let nodeIndex = 0
    let placeIndex = 0
    const take = (bytesMin: number): Uint8Array => {
      const start = places[placeIndex]
      const length = places[placeIndex + 1]
      placeIndex += 2
      if (start === undefined || length === undefined) throw garbled('a column has too few buffers')
      if (start % 8 !== 0 || start + length > bodyBytes || length < bytesMin) throw garbled('a buffer is too short or lies outside')
      return aligned.subarray(start, start + length)
    }
    const read = (field: ColumnField, expected: number): ColumnData => {
      const length = nodes[nodeIndex]
      const nullCount = nodes[nodeIndex + 1]
      nodeIndex += 2
      if (length === undefined || nullCount === undefined || length !== expected || !isPlausibleLength(field, length) || nullCount > length) throw garbled('a column has not as many values as it should')
      const { layout } = field
      let validity: Uint8Array | null = null
      if (layout.kind !== 'null' && layout.kind !== 'union') {
        const bits = take(nullCount > 0 ? (length + 7) >> 3 : 0)
        validity = nullCount > 0 ? bits : null
      }
      let offsets: Int32Array | null = null
      if (hasOffsets(layout)) {
        const buffer = take((length + 1) * 4)
        offsets = new Int32Array(buffer.buffer, buffer.byteOffset, length + 1)
        checkOffsets(offsets)
      }
      const dataBytes = dataLength(field, { length, offsets })
      const data = dataBytes === null ? null : take(dataBytes)
      if (layout.kind === 'union') checkUnion(data as Uint8Array, length, field.children.length)
      const below = childLength(layout, length, offsets)
      const children = field.children.map((child) => read(child, below))
      return { length, nullCount, validity, offsets, data, children }
    }
    const columns = fields.map((field) => read(field, rows))
    if (nodeIndex !== nodes.length || placeIndex !== places.length) throw garbled('it has more columns than its header')
    return { rows, columns }
  })
}

export function checkOffsets(offsets: Int32Array): void {
  if (offsets[0] !== 0) throw garbled('positions do not start at 0')
  let last = 0
  for (let i = 1; i < offsets.length; i++) {
    const next = offsets[i] as number
    if (next < last) throw garbled('positions run backwards')
    last = next
  }
}

export function checkUnion(types: Uint8Array, length: number, members: number): void {
  for (let i = 0; i < length; i++) if ((types[i] as number) >= members) throw garbled('a union has a member it does not know')
}
