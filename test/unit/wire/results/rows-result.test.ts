import { tableFromIPC } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { createResultDecoder, toArrowStream } from '../../../../src/wire/results/decoder.ts'
import { createRowsResult, type RowsColumn, type RowsColumnType, type RowsValue } from '../../../../src/wire/results/rows-result.ts'
import type { ResultValue } from '../../../../src/wire/results/types.ts'
import { collect } from '../../../support/collect.ts'

async function decoded(columns: readonly RowsColumn[], rows: Parameters<typeof createRowsResult>[1]): Promise<{ readonly types: string[]; readonly rows: ResultValue[][]; readonly batches: number[] }> {
  const { format, header, batches } = createRowsResult(columns, rows)
  const decoder = createResultDecoder(format, header)
  const values: ResultValue[][] = []
  const sizes: number[] = []
  for await (const batch of batches) {
    const read = decoder.decode(batch.bytes)
    expect(read.rowCount).toBe(batch.rows)
    sizes.push(read.rowCount)
    for (let row = 0; row < read.rowCount; row++) values.push(columns.map((_, column) => read.value(row, column)))
  }
  return { types: decoder.columns.map(({ type }) => type), rows: values, batches: sizes }
}
const one = (type: RowsColumnType, values: readonly RowsValue[]): ReturnType<typeof decoded> => decoded([{ name: 'x', type }], values.map((value) => [value]))

describe('rows as a result', () => {
  it.each<[RowsColumnType, readonly RowsValue[], readonly ResultValue[]]>([
    ['boolean', [true, null, false, true], [true, null, false, true]],
    ['bigint', [1, null, 2n ** 63n - 1n, -(2n ** 63n), Number.MAX_SAFE_INTEGER], [1n, null, 2n ** 63n - 1n, -(2n ** 63n), BigInt(Number.MAX_SAFE_INTEGER)]],
    ['double', [1.5, null, -0, Number.POSITIVE_INFINITY], [1.5, null, -0, Number.POSITIVE_INFINITY]],
    ['text', ['', null, 'größer 🌾', '\0'], ['', null, 'größer 🌾', '\0']],
    ['blob', [Uint8Array.of(0, 255), null, new Uint8Array(0)], [Uint8Array.of(0, 255), null, new Uint8Array(0)]],
    ['timestamp', [new Date(0), null, new Date('2026-02-03T04:05:06.789Z'), new Date('1969-12-31T23:59:59.999Z')], ['1970-01-01T00:00:00Z', null, '2026-02-03T04:05:06.789000Z', '1969-12-31T23:59:59.999000Z']],
  ])('keeps %s', async (type, given, expected) => {
    expect((await one(type, given)).rows.map(([value]) => value)).toEqual(expected)
  })

  it('has columns without rows, and rows of several columns', async () => {
    const columns: readonly RowsColumn[] = [{ name: 'a', type: 'text' }, { name: 'b', type: 'bigint' }]
    expect(await decoded(columns, [])).toEqual({ types: ['VARCHAR', 'BIGINT'], rows: [], batches: [] })
    expect((await decoded(columns, [['x', 1], [null, null]])).rows).toEqual([['x', 1n], [null, null]])
  })

  it('cuts batches by rows and by bytes', async () => {
    expect((await one('bigint', Array.from({ length: 10_000 }, (_, n) => n))).batches).toEqual([4_096, 4_096, 1_808])
    expect((await one('text', Array.from({ length: 5 }, () => 'x'.repeat(100 << 10)))).batches).toEqual([3, 2])
  })

  it('reads only as far as its reader, and ends where that leaves', async () => {
    let read = 0
    let isLeft = false
    const rows = async function* (): AsyncGenerator<readonly RowsValue[]> {
      try {
        for (;;) yield await Promise.resolve([read++])
      } finally {
        isLeft = true
      }
    }
    const { batches } = createRowsResult([{ name: 'n', type: 'bigint' }], rows())
    expect(read).toBe(0)
    for await (const { rows: count } of batches) {
      expect([count, read]).toEqual([4_096, 4_096])
      break
    }
    expect(isLeft).toBe(true)
  })

  it('becomes an Arrow stream', async () => {
    const { format, header, batches } = createRowsResult([{ name: 'n', type: 'bigint' }, { name: 't', type: 'text' }], [[1, 'a'], [2, null]])
    const table = tableFromIPC(Buffer.concat(await collect(toArrowStream(format, header, batches))))
    expect(table.toArray().map((row) => (row as { toJSON(): unknown }).toJSON())).toEqual([{ n: 1n, t: 'a' }, { n: 2n, t: null }])
  })

  it.each<[RowsColumnType, RowsValue]>([
    ['boolean', 1], ['bigint', 1.5], ['bigint', 2n ** 63n], ['bigint', 2 ** 53], ['bigint', '1'], ['double', 1n], ['text', 1], ['blob', 'x'], ['timestamp', 0], ['timestamp', new Date(Number.NaN)],
  ])('refuses in a column of %s the value %s', async (type, value) => {
    await expect(one(type, [null, value])).rejects.toThrow(new RegExp(`^the column x holds ${type}, not `))
  })

  it('refuses types that there are none of', () => {
    for (const type of ['integer', 'toString', undefined]) {
      expect(() => createRowsResult([{ name: 'x', type: type as RowsColumnType }], [])).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('boolean, bigint, double, text, timestamp, blob') as string }) as Error)
    }
  })

  it('refuses rows of another width', async () => {
    await expect(decoded([{ name: 'a', type: 'text' }], [['a', 'b']])).rejects.toThrow('a row has 2 values where there are 1 columns')
  })
})
