import { tableFromIPC } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { createRandom, randomInteger } from '../../../../src/core/time/random.ts'
import { MeshError } from '../../../../src/errors.ts'
import { encodeArrowBatch } from '../../../../src/wire/results/arrow-batch.ts'
import { encodeArrowSchema, END_OF_STREAM } from '../../../../src/wire/results/arrow-schema.ts'
import { encodeColumnsBatch, encodeColumnsHeader } from '../../../../src/wire/results/columns-format.ts'
import { createResultDecoder, toArrowStream } from '../../../../src/wire/results/decoder.ts'
import type { ResultDecoder } from '../../../../src/wire/results/types.ts'
import { field, sampleColumns } from './sample-columns.ts'

const sample = sampleColumns()
const encoded = {
  arrow: { header: encodeArrowSchema(sample.fields), batch: encodeArrowBatch(sample.fields, sample.columns, sample.rows) },
  columns: { header: encodeColumnsHeader(sample.fields), batch: encodeColumnsBatch(sample.fields, sample.columns, sample.rows) },
}
const FORMATS = ['arrow', 'columns'] as const

function readAll(decoder: ResultDecoder, bytes: Uint8Array): unknown[][] {
  const batch = decoder.decode(bytes)
  return decoder.columns.map((_, column) => Array.from({ length: batch.rowCount }, (__, row) => batch.value(row, column)))
}

/** Reading garbage must end in a value or in ERR_PROTOCOL. */
function readGarbage(format: 'arrow' | 'columns', header: Uint8Array, batch: Uint8Array): 'read' | 'refused' {
  try {
    readAll(createResultDecoder(format, header), batch)
    return 'read'
  } catch (error) {
    if (error instanceof MeshError && error.code === 'ERR_PROTOCOL') return 'refused'
    throw error
  }
}

describe.each(FORMATS)('format %s', (format) => {
  const { header, batch } = encoded[format]

  it('gives back every layout, with names and types', () => {
    const decoder = createResultDecoder(format, header)
    expect(decoder.columns).toEqual(sample.fields.map(({ name, sqlType }) => ({ name, type: sqlType })))
    expect(readAll(decoder, batch)).toEqual(sample.values)
    const struct = decoder.decode(batch).value(0, sample.fields.findIndex(({ name }) => name === 'struct')) as object
    expect(Object.getPrototypeOf(struct)).toBe(Object.prototype)
  })

  it('reads from any position in a larger buffer', () => {
    for (let shift = 0; shift < 9; shift++) {
      const held = new Uint8Array(batch.length + shift + 3)
      held.set(batch, shift)
      expect(readAll(createResultDecoder(format, header), held.subarray(shift, shift + batch.length))).toEqual(sample.values)
    }
  })

  it('refuses rows and columns that are not there', () => {
    const decoded = createResultDecoder(format, header).decode(batch)
    expect(() => decoded.value(3, 0)).toThrow(RangeError)
    expect(() => decoded.value(0, 99)).toThrow(RangeError)
  })

  it('refuses every truncation, and bytes after the end', () => {
    for (let length = 0; length < batch.length; length++) expect(readGarbage(format, header, batch.subarray(0, length))).toBe('refused')
    for (let length = 0; length < header.length; length++) expect(readGarbage(format, header.subarray(0, length), batch)).toBe('refused')
    expect(readGarbage(format, header, Uint8Array.from([...batch, 0]))).toBe('refused')
  })

  it('survives bytes turned over: a value or ERR_PROTOCOL, never another error', () => {
    const random = createRandom(7)
    let refused = 0
    for (let round = 0; round < 4000; round++) {
      const target = round % 2 === 0 ? Uint8Array.from(batch) : Uint8Array.from(header)
      for (let flips = 0; flips <= randomInteger(random, 3); flips++) target[randomInteger(random, target.length)] = randomInteger(random, 256)
      if ((round % 2 === 0 ? readGarbage(format, header, target) : readGarbage(format, target, batch)) === 'refused') refused++
    }
    expect(refused).toBeGreaterThan(100)
  })

  it('refuses random bytes', () => {
    const random = createRandom(8)
    for (let round = 0; round < 500; round++) {
      const noise = Uint8Array.from({ length: randomInteger(random, 200) }, () => randomInteger(random, 256))
      expect(readGarbage(format, noise, batch)).toBe('refused')
    }
  })

  it('becomes an Arrow stream that another reader understands', async () => {
    const batches = (async function* () { yield { bytes: batch } })()
    const parts: Uint8Array[] = []
    for await (const part of toArrowStream(format, header, batches)) parts.push(part)
    expect(parts.at(-1)).toEqual(END_OF_STREAM)
    const table = tableFromIPC(Buffer.concat(parts))
    expect(table.numRows).toBe(3)
    expect(table.schema.fields.map(({ name }) => name)).toEqual(sample.fields.map(({ name }) => name))
    expect(table.schema.fields.map((one) => one.metadata.get('reedbase:type'))).toEqual(sample.fields.map(({ sqlType }) => sqlType))
    for (const name of ['b', 'i8', 'u16', 'i64', 'u64', 'f32', 'f64', 'text ä', 'blob', 'union']) {
      const column = table.getChild(name)
      expect([0, 1, 2].map((row) => column?.get(row) as unknown), name).toEqual(sample.values[sample.fields.findIndex((one) => one.name === name)])
    }
  })
})

describe('formats', () => {
  it('refuse a format without columns', () => {
    expect(() => createResultDecoder('raw', new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }) as Error)
  })

  it('do not let a few bytes claim billions of values', () => {
    const fields = [field('n', 'NULL', { kind: 'null' })]
    const claim = { length: 0x7fff_ff00, nullCount: 0x7fff_ff00, validity: null, offsets: null, data: null, children: [] }
    expect(readGarbage('columns', encodeColumnsHeader(fields), encodeColumnsBatch(fields, [claim], claim.length))).toBe('refused')
    expect(readGarbage('arrow', encodeArrowSchema(fields), encodeArrowBatch(fields, [claim], claim.length))).toBe('refused')
    expect(readGarbage('columns', encodeColumnsHeader([]), encodeColumnsBatch([], [], 1_000_000))).toBe('refused')
  })

  it('mark only a map’s entries and keys as never null', () => {
    const inner = [field('key', 'INTEGER', { kind: 'int', bits: 32, signed: true }), field('entries', 'VARCHAR', { kind: 'utf8' })]
    const table = tableFromIPC(Buffer.concat([encodeArrowSchema([field('s', 'STRUCT', { kind: 'struct' }, inner), ...sample.fields.filter(({ name }) => name === 'map')]), END_OF_STREAM]))
    const [struct, map] = table.schema.fields
    expect((struct?.type.children as Array<{ nullable: boolean }>).map(({ nullable }) => nullable)).toEqual([true, true])
    expect((map?.type.children as Array<{ nullable: boolean }>).map(({ nullable }) => nullable)).toEqual([false])
  })
})
