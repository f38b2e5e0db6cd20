import type { ColumnData, ColumnField, Layout } from '../../../../src/wire/results/column-field.ts'

const utf8 = new TextEncoder()

export function field(name: string, sqlType: string, layout: Layout, children: readonly ColumnField[] = []): ColumnField {
  return { name, sqlType, layout, children }
}

function bitmap(present: readonly boolean[]): { validity: Uint8Array | null; nullCount: number; length: number } {
  const nullCount = present.filter((one) => !one).length
  const validity = new Uint8Array((present.length + 7) >> 3)
  present.forEach((one, i) => { if (one) validity[i >> 3] = (validity[i >> 3] as number) | (1 << (i & 7)) })
  return { validity: nullCount === 0 ? null : validity, nullCount, length: present.length }
}

export function fixed(values: ArrayBufferView, present: readonly boolean[]): ColumnData {
  return { ...bitmap(present), offsets: null, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength), children: [] }
}

export function texts(values: ReadonlyArray<string | null>): ColumnData {
  const parts = values.map((value) => utf8.encode(value ?? ''))
  const offsets = new Int32Array(values.length + 1)
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length))
  return { ...bitmap(values.map((value) => value !== null)), offsets, data: Uint8Array.from(parts.flatMap((part) => [...part])), children: [] }
}

export function lists(lengths: ReadonlyArray<number | null>, child: ColumnData): ColumnData {
  const offsets = new Int32Array(lengths.length + 1)
  lengths.forEach((length, i) => (offsets[i + 1] = (offsets[i] as number) + (length ?? 0)))
  return { ...bitmap(lengths.map((length) => length !== null)), offsets, data: null, children: [child] }
}

/** Three rows of every layout, with their values as a reader sees them. */
export function sampleColumns(): { fields: ColumnField[]; columns: ColumnData[]; rows: number; values: unknown[][] } {
  const yesNoYes = [true, false, true]
  const all = [true, true, true]
  const int32 = field('item', 'INTEGER', { kind: 'int', bits: 32, signed: true })
  const text = (name: string): ColumnField => field(name, 'VARCHAR', { kind: 'utf8' })
  const samples: Array<{ field: ColumnField; column: ColumnData; values: unknown[] }> = [
    { field: field('n', 'NULL', { kind: 'null' }), column: { length: 3, nullCount: 3, validity: null, offsets: null, data: null, children: [] }, values: [null, null, null] },
    { field: field('b', 'BOOLEAN', { kind: 'bool' }), column: fixed(Uint8Array.of(0b101), all), values: [true, false, true] },
    { field: field('i8', 'TINYINT', { kind: 'int', bits: 8, signed: true }), column: fixed(Int8Array.of(-1, 0, 127), yesNoYes), values: [-1, null, 127] },
    { field: field('u16', 'USMALLINT', { kind: 'int', bits: 16, signed: false }), column: fixed(Uint16Array.of(65535, 0, 1), all), values: [65535, 0, 1] },
    { field: field('i64', 'BIGINT', { kind: 'int', bits: 64, signed: true }), column: fixed(BigInt64Array.of(-(2n ** 63n), 0n, 5n), all), values: [-(2n ** 63n), 0n, 5n] },
    { field: field('u64', 'UBIGINT', { kind: 'int', bits: 64, signed: false }), column: fixed(BigUint64Array.of(2n ** 64n - 1n, 0n, 5n), all), values: [2n ** 64n - 1n, 0n, 5n] },
    { field: field('f32', 'FLOAT', { kind: 'float', bits: 32 }), column: fixed(Float32Array.of(1.5, 0, Number.NaN), yesNoYes), values: [1.5, null, Number.NaN] },
    { field: field('f64', 'DOUBLE', { kind: 'float', bits: 64 }), column: fixed(Float64Array.of(0.1, -0, Infinity), all), values: [0.1, -0, Infinity] },
    { field: field('dec', 'DECIMAL(5,2)', { kind: 'decimal', precision: 5, scale: 2 }), column: fixed(BigInt64Array.of(-5n, -1n, 0n, 0n, 12345n, 0n), yesNoYes), values: ['-0.05', null, '123.45'] },
    { field: text('text ä'), column: texts(['', null, '🦆é']), values: ['', null, '🦆é'] },
    { field: field('blob', 'BLOB', { kind: 'binary' }), column: texts(['a\0', null, 'b']), values: [Uint8Array.of(97, 0), null, Uint8Array.of(98)] },
    { field: field('date', 'DATE', { kind: 'date' }), column: fixed(Int32Array.of(0, 19723, -719529), all), values: ['1970-01-01', '2024-01-01', '-000001-12-31'] },
    { field: field('time', 'TIME', { kind: 'time', unit: 'microsecond' }), column: fixed(BigInt64Array.of(0n, 86_399_999_999n, 1_500_000n), all), values: ['00:00:00', '23:59:59.999999', '00:00:01.5'] },
    { field: field('ts', 'TIMESTAMP WITH TIME ZONE', { kind: 'timestamp', unit: 'microsecond', zoned: true }), column: fixed(BigInt64Array.of(0n, 1n, -1n), all), values: ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000001Z', '1969-12-31T23:59:59.999999Z'] },
    { field: field('tns', 'TIMESTAMP_NS', { kind: 'timestamp', unit: 'nanosecond', zoned: false }), column: fixed(BigInt64Array.of(1n, 1000n, 0n), all), values: ['1970-01-01T00:00:00.000000001', '1970-01-01T00:00:00.000001', '1970-01-01T00:00:00'] },
    { field: field('list', 'INTEGER[]', { kind: 'list' }, [int32]), column: lists([2, null, 0], fixed(Int32Array.of(1, 2), [true, false])), values: [[1, null], null, []] },
    { field: field('array', 'INTEGER[2]', { kind: 'fixed-list', size: 2 }, [int32]), column: { ...fixed(new Uint8Array(0), yesNoYes), data: null, children: [fixed(Int32Array.of(1, 2, 0, 0, 5, 6), [true, true, false, false, true, true])] }, values: [[1, 2], null, [5, 6]] },
    { field: field('struct', 'STRUCT(a INTEGER, b VARCHAR)', { kind: 'struct' }, [{ ...int32, name: 'a' }, text('__proto__')]), column: { ...fixed(new Uint8Array(0), yesNoYes), data: null, children: [fixed(Int32Array.of(1, 2, 3), all), texts(['x', null, null])] }, values: [JSON.parse('{"a": 1, "__proto__": "x"}'), null, JSON.parse('{"a": 3, "__proto__": null}')] },
    { field: field('map', 'MAP(VARCHAR, INTEGER)', { kind: 'map' }, [field('entries', 'STRUCT(key VARCHAR, value INTEGER)', { kind: 'struct' }, [text('key'), { ...int32, name: 'value' }])]), column: lists([2, 0, null], { ...fixed(new Uint8Array(0), [true, true]), data: null, children: [texts(['x', 'y']), fixed(Int32Array.of(1, 2), [true, false])] }), values: [{ x: 1, y: null }, {}, null] },
    { field: field('union', 'UNION(a INTEGER, b VARCHAR)', { kind: 'union' }, [{ ...int32, name: 'a' }, text('b')]), column: { length: 3, nullCount: 0, validity: null, offsets: null, data: Uint8Array.of(0, 1, 0), children: [fixed(Int32Array.of(7, 0, 0), [true, false, false]), texts([null, 'y', null])] }, values: [7, 'y', null] },
  ]
  return { fields: samples.map((sample) => sample.field), columns: samples.map((sample) => sample.column), rows: 3, values: samples.map((sample) => sample.values) }
}
