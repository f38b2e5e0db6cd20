import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DuckDbEngine } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import { createResultDecoder, toArrowStream } from '../../../src/wire/results/decoder.ts'
import type { ResultValue } from '../../../src/wire/results/types.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { openEngine, prepareFile, temporaryFolder } from './fixtures.ts'

/** As `ResultValue` has it, from DuckDB's own JSON rendering: the independent side of the comparison. */
function expected(column: string, rendered: unknown): unknown {
  const isTimestamp = column.startsWith('timestamp')
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      if (column === 'map') return Object.fromEntries((value as Array<{ key: string; value: unknown }>).map((entry) => [entry.key, entry.value]))
      return value.map(visit)
    }
    if (value === null || typeof value !== 'object') return typeof value === 'string' ? text(value) : value
    if (column === 'union') return (value as { value: unknown }).value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visit(inner)]))
  }
  const text = (value: string): unknown => {
    if (column === 'bigint' || column === 'ubigint') return BigInt(value)
    if (column === 'double_array') return Number(value)
    if (column === 'date_array') return value === '5881580-07-11' ? 'infinity' : value === '5877642-06-24 (BC)' ? '-infinity' : value
    if (column === 'date') return value.endsWith('(BC)') ? '-5877641-06-25' : `+${value}`
    if (!isTimestamp || value.endsWith('infinity')) return value
    const match = /^(\d+)(-\d\d-\d\d)( \(BC\))? ([\d:]+)(\.\d+)?(\+00)?$/.exec(value)
    if (match === null) return `unparsed ${value}`
    const [, year, rest, era, clock, fraction, zone] = match
    const yearText = era !== undefined ? `-${String(Number(year) - 1).padStart(6, '0')}` : (year as string).length > 4 ? `+${year}` : year
    return `${yearText}${rest}T${clock}${fraction === undefined ? '' : fraction.padEnd(column === 'timestamp_ns' ? 10 : 7, '0')}${zone === undefined ? '' : 'Z'}`
  }
  return visit(rendered)
}

const TEXT_BYTES = /^(blob|geometry)$/

describe('every DuckDB type', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let engine: DuckDbEngine
  let own: Record<string, unknown[]>

  beforeAll(async () => {
    folder = await temporaryFolder()
    const path = join(folder.path, 'types.duckdb')
    await prepareFile(path, ['CREATE TABLE t AS SELECT * FROM test_all_types()'])
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    own = (await (await connection.run('SELECT * FROM t')).getColumnsObjectJson()) as Record<string, unknown[]>
    connection.closeSync()
    instance.closeSync()
    engine = await openEngine(path)
  })
  afterAll(async () => {
    await engine.close()
    await folder.remove()
  })

  it.each([
    ['columns', 'SELECT * FROM t', 1],
    ['arrow', 'SELECT t.* FROM range(300) r, t ORDER BY r.range, t.bool NULLS LAST', 300],
  ] as const)('survives as %s', async (format, sql, repeats) => {
    const result = await run(engine, sql)
    expect(result.format).toBe(format)
    const { columns, rows } = await collect(result)
    expect(rows.length).toBe(3 * repeats)
    for (const [index, name] of columns.entries()) {
      if (name === 'interval' || TEXT_BYTES.test(name)) continue
      for (const row of [0, 1, 2]) expect(rows[row]?.[index], `${name} ${row}`).toEqual(expected(name, own[name]?.[row]))
      for (const row of [0, 1, 2]) expect(rows[rows.length - 3 + row]?.[index], `${name} ${row}, last`).toEqual(rows[row]?.[index])
    }
    const value = (name: string, row: number): ResultValue | undefined => rows[row]?.[columns.indexOf(name)]
    expect(value('interval', 1)).toBe('83 years 3 months 999 days 00:16:39.999999')
    expect(value('blob', 1)).toEqual(Uint8Array.of(0, 0, 0, 97))
    expect(value('geometry', 0)).toBeInstanceOf(Uint8Array)
  })

  it('renders the types that travel as text as DuckDB does', async () => {
    const names = ['hugeint', 'uhugeint', 'bignum', 'time', 'time_tz', 'dec_4_1', 'dec_9_4', 'dec_18_6', 'dec38_10', 'uuid', 'interval', 'bit', 'small_enum', 'medium_enum', 'large_enum']
    const { rows } = await collect(await run(engine, `SELECT ${names.map((name) => `${name}, ${name}::VARCHAR`).join(', ')} FROM t`))
    for (const row of rows) names.forEach((name, index) => expect(row[index * 2], name).toBe(row[index * 2 + 1]))
  })

  it('carries what test_all_types leaves out: JSON, NULL, odd maps, long strings', async () => {
    const result = await run(engine, `SELECT '{"a": [1]}'::JSON AS j, NULL AS nothing, [NULL] AS nothings, MAP {1: 'x', 2: NULL} AS m, MAP {[1]: 2} AS lists,
      repeat('ä', 5000) AS long, {'__proto__': 1} AS proto, 1::DECIMAL(18,3) AS d, -0.001::DECIMAL(4,3) AS small, -12345678901234.5::DECIMAL(15,1) AS wide, 'x' AS "weird name", '-infinity'::TIMESTAMP AS minus, TIMESTAMP_NS '2024-01-02 03:04:05.000001' AS micro`)
    const decoder = createResultDecoder(result.format, result.header)
    const types = Object.fromEntries(decoder.columns.map(({ name, type }) => [name, type]))
    expect(types).toMatchObject({ j: 'JSON', d: 'DECIMAL(18,3)', m: 'MAP(INTEGER, VARCHAR)' })
    const { rows, columns } = await collect(result)
    const row = Object.fromEntries(columns.map((name, index) => [name, rows[0]?.[index]]))
    expect(row).toMatchObject({ j: '{"a": [1]}', nothing: null, nothings: [null], m: { 1: 'x', 2: null }, lists: { '[1]': 2 }, long: 'ä'.repeat(5000), d: '1.000', small: '-0.001', wide: '-12345678901234.5', 'weird name': 'x', minus: '-infinity', micro: '2024-01-02T03:04:05.000001' })
    expect(Object.getOwnPropertyDescriptor(row.proto, '__proto__')?.value).toBe(1)
  })

  it('gathers lists that do not lie in order, and slices of nested values', async () => {
    const sql = 'SELECT range AS n, CASE WHEN range % 7 = 0 THEN NULL ELSE list_resize([range, NULL], (range % 5)::BIGINT) END AS l, {\'s\': \'v\' || range, \'l\': [[range]]} AS s FROM range(20000) ORDER BY hash(range)'
    const { rows } = await collect(await run(engine, sql))
    expect(rows.length).toBe(20_000)
    for (const [n, list, struct] of rows) {
      const length = Number(n) % 5
      expect(list).toEqual(Number(n) % 7 === 0 ? null : [n, null, null, null].slice(0, length))
      expect(struct).toEqual({ s: `v${String(n)}`, l: [[n]] })
    }
  })

  it.each([['columns', 'SELECT * FROM t'], ['arrow', 'SELECT t.* FROM range(300) r, t ORDER BY r.range, t.bool NULLS LAST']] as const)('is an Arrow stream that another reader understands, from %s', async (format, sql) => {
    const result = await run(engine, sql)
    expect(result.format).toBe(format)
    const parts: Uint8Array[] = []
    for await (const part of toArrowStream(result.format, result.header, result.batches)) parts.push(part)
    const table = tableFromIPC(Buffer.concat(parts))
    expect(table.numRows).toBe(format === 'arrow' ? 900 : 3)
    for (const name of ['bool', 'tinyint', 'smallint', 'int', 'uint', 'float', 'double', 'varchar', 'hugeint', 'uuid', 'small_enum', 'time_tz']) {
      const mine = own[name] as unknown[]
      expect([0, 1, 2].map((row) => table.getChild(name)?.get(row) as unknown).map(String).sort(), name).toEqual(mine.slice(0, 3).map(String).sort())
    }
    expect(table.schema.fields.every((field) => field.metadata.has('reedbase:type'))).toBe(true)
    expect(String(table.getChild('list_of_fixed_int_array')?.get(1)?.get(0))).toBe('[4,5,6]')
    expect(table.getChild('union')?.get(0)).toBe('Frank')
  })

  it('copies strings right, short and long, near and far, repeated and null', async () => {
    const text = "CASE range % 5 WHEN 0 THEN 'short' WHEN 1 THEN NULL WHEN 2 THEN repeat(chr(97 + (range % 26)::INTEGER), (range % 300)::BIGINT) ELSE 'a longer text, ' || range END"
    for (const sql of [`SELECT range, ${text} AS s FROM range(30000)`, `SELECT range, ${text} AS s FROM range(30000) ORDER BY hash(range)`, `SELECT range, first(s) FROM (SELECT range % 100 AS range, 'the same long text for all of ' || (range % 100) AS s FROM range(50000)) GROUP BY range`]) {
      const { rows } = await collect(await run(engine, sql))
      for (const [range, s] of rows) {
        const n = Number(range)
        const own = sql.includes('first(') ? `the same long text for all of ${n}` : [ 'short', null, String.fromCharCode(97 + (n % 26)).repeat(n % 300), `a longer text, ${n}`, `a longer text, ${n}`][n % 5]
        expect(s).toBe(own)
      }
    }
  })

  it('splits a chunk of long values into bounded batches', async () => {
    const batches: EngineBatch[] = []
    for await (const batch of (await run(engine, "SELECT repeat(chr((65 + range % 26)::INTEGER), 20000) AS long FROM range(2000)")).batches) batches.push(batch)
    expect(batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(2000)
    expect(Math.max(...batches.map((batch) => batch.bytes.length))).toBeLessThan(2 ** 20)
  })
})
