/** Parameters of every type: the same value and the same type as DuckDB has by itself for the literal, and as a result gave it. */
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DuckDbEngine } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { typed, type PlainValue, type QueryValue } from '../../../src/core/values/query-value.ts'
import { decodeFrame, decodeRequest, encodeRequest } from '../../../src/wire/query-messages.ts'
import { createResultDecoder } from '../../../src/wire/results/decoder.ts'
import type { ResultColumn, ResultValue } from '../../../src/wire/results/types.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { request } from '../../support/query-plane.ts'
import { openEngine, temporaryFolder } from './fixtures.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let engine: DuckDbEngine
let instance: DuckDBInstance
let own: DuckDBConnection

beforeAll(async () => {
  folder = await temporaryFolder()
  const path = join(folder.path, 'types.duckdb')
  const writable = await DuckDBInstance.create(path)
  const connection = await writable.connect()
  await connection.run('CREATE TABLE t AS SELECT * FROM test_all_types()')
  connection.closeSync()
  writable.closeSync()
  instance = await DuckDBInstance.create(':memory:')
  own = await instance.connect()
  await own.run("SET TimeZone = 'UTC'")
  engine = await openEngine(path)
})
afterAll(async () => {
  await engine.close()
  own.closeSync()
  instance.closeSync()
  await folder.remove()
})

async function read(sql: string, parameters: readonly QueryValue[] = []): Promise<{ columns: readonly ResultColumn[]; rows: ResultValue[][] }> {
  const result = await run(engine, sql, parameters)
  const { columns } = createResultDecoder(result.format, result.header)
  return { columns, rows: (await collect(result)).rows }
}

/** As they reach a peer. */
function hopped(parameters: readonly QueryValue[]): readonly QueryValue[] {
  const frame = decodeFrame(encodeRequest(1, request({ parameters }), 5000, 0))
  const decoded = frame?.request === undefined ? null : decodeRequest(frame.request)
  return decoded === null ? expect.fail('the request did not survive the wire') : decoded.parameters
}

const long = 'grün \u{1F600} \'"\\ '.repeat(5000)
const cases: ReadonlyArray<readonly [value: QueryValue, literal: string]> = [
  [null, 'NULL'], [true, 'true'], [false, 'false'],
  [5, '5'], [-2147483648, '(-2147483648)::INTEGER'], [2147483648, '2147483648'], [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  [2n ** 63n - 1n, '9223372036854775807'], [-(2n ** 63n), '(-9223372036854775808)::BIGINT'], [5n, '5::BIGINT'], [2n ** 63n, '9223372036854775808::HUGEINT'], [-(2n ** 127n), "'-170141183460469231731687303715884105728'::HUGEINT"],
  [2n ** 128n - 1n, '340282366920938463463374607431768211455::UHUGEINT'],
  [0.1, '0.1::DOUBLE'], [-0, '-0.0::DOUBLE'], [NaN, "'NaN'::DOUBLE"], [Infinity, "'Infinity'::DOUBLE"], [-Infinity, "'-Infinity'::DOUBLE"], [5e-324, '5e-324::DOUBLE'], [1e300, '1e300::DOUBLE'],
  ['', "''"], [long, `'${long.replaceAll("'", "''")}'`], ['a\0b', "'a' || chr(0) || 'b'"],
  [Uint8Array.of(), "''::BLOB"], [Uint8Array.of(0, 39, 92, 255), "'\\x00\\x27\\x5C\\xFF'::BLOB"],
  [new Date('2024-06-01T10:00:00.123Z'), "'2024-06-01 10:00:00.123+00'::TIMESTAMPTZ"], [new Date('-000043-03-15T00:00:00Z'), "'0044-03-15 (BC) 00:00:00+00'::TIMESTAMPTZ"],
  [typed('TINYINT', -128), '(-128)::TINYINT'], [typed('UBIGINT', 2n ** 64n - 1n), '18446744073709551615::UBIGINT'], [typed('BIGINT', '9223372036854775807'), '9223372036854775807'], [typed('SMALLINT', null), 'NULL::SMALLINT'],
  [typed('HUGEINT', '-12345678901234567890123'), '-12345678901234567890123::HUGEINT'], [typed('UHUGEINT', '1'), '1::UHUGEINT'], [typed('BIGNUM', `-${'9'.repeat(80)}`), `'-${'9'.repeat(80)}'::BIGNUM`], [typed('BIGNUM', 5n), "'5'::BIGNUM"],
  [typed('FLOAT', 0.5), '0.5::FLOAT'], [typed('FLOAT', NaN), "'NaN'::FLOAT"], [typed('DOUBLE', 5), '5::DOUBLE'], [typed('DOUBLE', '-0'), '-0.0::DOUBLE'], [typed('DOUBLE', '-Infinity'), "'-Infinity'::DOUBLE"],
  [typed('DECIMAL(18,3)', '12.340'), '12.340::DECIMAL(18,3)'], [typed('DECIMAL(4,1)', '-0.1'), '-0.1::DECIMAL(4,1)'], [typed('DECIMAL(38,10)', '-1234567890123456789012345678.0123456789'), '-1234567890123456789012345678.0123456789::DECIMAL(38,10)'],
  [typed('DECIMAL(5,0)', 12n), '12::DECIMAL(5,0)'], [typed('NUMERIC(9, 2)', '7.10000'), '7.1::DECIMAL(9,2)'], [typed('DECIMAL(4,1)', null), 'NULL::DECIMAL(4,1)'],
  [typed('DATE', '2024-02-29'), "DATE '2024-02-29'"], [typed('DATE', 'infinity'), "'infinity'::DATE"], [typed('DATE', '-000043-03-15'), "'0044-03-15 (BC)'::DATE"], [typed('DATE', '0000-01-01'), "'0001-01-01 (BC)'::DATE"], [typed('DATE', null), 'NULL::DATE'],
  [typed('TIME', '23:59:59.999999'), "TIME '23:59:59.999999'"], [typed('TIME', '24:00:00'), "TIME '24:00:00'"], [typed('TIME_NS', '01:02:03.123456789'), "'01:02:03.123456789'::TIME_NS"],
  [typed('TIME WITH TIME ZONE', '12:00:00.5+15:59:59'), "'12:00:00.5+15:59:59'::TIMETZ"],
  [typed('TIMESTAMP', '2024-06-01T10:00:00.000001'), "TIMESTAMP '2024-06-01 10:00:00.000001'"], [typed('TIMESTAMP', '-infinity'), "'-infinity'::TIMESTAMP"], [typed('TIMESTAMP', '1969-12-31 23:59:59.999999'), "TIMESTAMP '1969-12-31 23:59:59.999999'"],
  [typed('TIMESTAMP_S', '2024-06-01T10:00:00'), "'2024-06-01 10:00:00'::TIMESTAMP_S"], [typed('TIMESTAMP_MS', '2024-06-01T10:00:00.123000'), "'2024-06-01 10:00:00.123'::TIMESTAMP_MS"], [typed('TIMESTAMP_NS', '2024-06-01T10:00:00.123456789'), "'2024-06-01 10:00:00.123456789'::TIMESTAMP_NS"],
  [typed('TIMESTAMP WITH TIME ZONE', '2024-06-01T10:00:00.000001Z'), "'2024-06-01 10:00:00.000001+00'::TIMESTAMPTZ"], [typed('TIMESTAMPTZ', '2024-06-01T10:00:00+05:30'), "'2024-06-01 04:30:00+00'::TIMESTAMPTZ"],
  [typed('INTERVAL', '1 month 2 days 03:04:05.000006'), "INTERVAL '1 month 2 days 03:04:05.000006'"], [typed('INTERVAL', '-1 days -00:00:01'), "INTERVAL '-1 days -00:00:01'"], [typed('INTERVAL', null), 'NULL::INTERVAL'],
  [typed('UUID', '00112233-4455-6677-8899-aabbccddeeff'), "'00112233-4455-6677-8899-aabbccddeeff'::UUID"], [typed('BIT', '010101'), "'010101'::BIT"], [typed("ENUM('a', 'b''c')", "b'c"), "'b''c'::ENUM('a', 'b''c')"],
  [typed('BLOB', '\\x00FF'), "'\\x00\\xFF'::BLOB"], [typed('JSON', '{"a": [1]}'), `'{"a": [1]}'::JSON`], [typed('VARCHAR', 'x'), "'x'"],
  [[1, 2, null], '[1, 2, NULL]'], [[1, 2n ** 40n], '[1, 1099511627776]'], [[0.5, 1, NaN], "[0.5::DOUBLE, 1, 'NaN']"], [['a', '[b, "c'], `['a', '[b, "c']`], [[[1], [], null], '[[1], [], NULL]'], [[], '[]'], [[null], '[NULL]'],
  [[new Date(0)], "['1970-01-01 00:00:00+00'::TIMESTAMPTZ]"], [[typed('DATE', '2024-01-01'), null], "[DATE '2024-01-01', NULL]"],
  [Array.from({ length: 1000 }, (_, i) => BigInt(i)), 'range(1000)'], [typed('DATE[]', new Array<PlainValue>(100).fill('2024-01-01')), "list_resize([]::DATE[], 100, DATE '2024-01-01')"],
  [typed('BIGNUM[]', new Array<PlainValue>(40).fill('12345678901234567890123')), "list_resize([]::BIGNUM[], 40, '12345678901234567890123'::BIGNUM)"],
  [new Array<number>(40).fill(-0), "list_resize([]::DOUBLE[], 40, -0.0::DOUBLE)"], [new Array<string | null>(40).fill('NULL'), "list_resize([]::VARCHAR[], 40, 'NULL')"],
  [typed('DECIMAL(4,1)[2]', ['1.5', null]), '[1.5, NULL]::DECIMAL(4,1)[2]'], [typed('INTEGER[]', null), 'NULL::INTEGER[]'], [typed('INTEGER[2][3]', null), 'NULL::INTEGER[2][3]'],
  [{ a: 1, 'b c': ['x'] }, `{'a': 1, 'b c': ['x']}`], [[{ a: 1, b: null }, { b: 'x', a: 2n }], "[{'a': 1::BIGINT, 'b': NULL}, {'a': 2, 'b': 'x'}]"],
  [typed('STRUCT(a DATE, "B c" STRUCT(d DECIMAL(3,1))[])', { a: '2024-01-01', 'B c': [{ d: '1.5' }, null] }), `{'a': DATE '2024-01-01', 'B c': [{'d': 1.5::DECIMAL(3,1)}, NULL]}`],
  [typed('STRUCT("2" INTEGER, "1" INTEGER)', { 1: 1, 2: 2 }), `{'2': 2, '1': 1}`],
  [typed('MAP(INTEGER, VARCHAR)', { 1: 'x', 2: null }), "MAP {1: 'x', 2: NULL}"], [typed('MAP(BIGINT[], DATE)', { '["9007199254740993"]': '2024-01-01' }), "MAP {[9007199254740993]: DATE '2024-01-01'}"], [typed('MAP(VARCHAR, INTEGER)', {}), 'MAP {}::MAP(VARCHAR, INTEGER)'],
  [typed('UNION(num INTEGER, str VARCHAR)', '5'), "union_value(str := '5')::UNION(num INTEGER, str VARCHAR)"], [typed('UNION(num INTEGER, str VARCHAR)', 5), "union_value(num := 5)::UNION(num INTEGER, str VARCHAR)"],
]

describe('a parameter is what the literal is to DuckDB', () => {
  it.each(cases.map(([value, literal]) => [literal.slice(0, 80), value, literal] as const))('%s', async (_what, value, literal) => {
    const sql = (given: string): string => `SELECT typeof(v), v::VARCHAR FROM (SELECT ${given} AS v)`
    const [expected] = (await (await own.run(sql(literal))).getRowsJson())
    for (const parameters of [[value], hopped([value])]) {
      expect((await read(sql('$1'), parameters)).rows).toEqual([expected])
      // And equal by the engine's own judgement, NULL and NaN included.
      if (literal.length < 50_000) expect((await read(`SELECT $1 IS NOT DISTINCT FROM ${literal}`, parameters)).rows).toEqual([[true]])
    }
  })
})

describe('what a result gave is a parameter again', () => {
  it('of every type that DuckDB has: the same value, the same type', async () => {
    const { columns, rows } = await read('SELECT * FROM t')
    // The engine's interface makes no values of it.
    const taken = columns.filter(({ type }) => type !== 'GEOMETRY')
    expect(taken.length).toBe(columns.length - 1)
    for (const row of rows) {
      const parameters = hopped(taken.map((column) => typed(column.type, row[columns.indexOf(column)] as PlainValue)))
      const back = await read(`SELECT ${taken.map((column, index) => `$${index + 1} AS "${column.name}"`).join()}`, parameters)
      expect(back.columns).toEqual(taken)
      taken.forEach((column, index) => { expect(back.rows[0]?.[index], column.name).toEqual(row[columns.indexOf(column)]) })
      const same = await read(`SELECT ${taken.map(({ name }, index) => `$${index + 1} IS NOT DISTINCT FROM "${name}"`).join()} FROM t WHERE bool IS NOT DISTINCT FROM $1 LIMIT 1`, parameters)
      taken.forEach(({ name }, index) => { expect(same.rows[0]?.[index], name).toBe(true) })
    }
  })
})

describe('what does not fit is refused', () => {
  it.each<[QueryValue, string]>([
    [typed('NOTHING', 1), 'of which no value can be made'], [typed('VARIANT', '1'), 'of which'], [typed('INTEGER[', 1), 'of which'], [typed('DECIMAL(39,1)', '1'), 'of which'], [typed('DECIMAL(3,4)', '1'), 'of which'], [typed('INTEGER[0]', []), 'of which'], [typed('INTEGER[1000][1000]', null), 'of which'], [typed('STRUCT(a INTEGER[1000], b INTEGER[1000])', null), 'of which'], [typed('INTEGER[100000]', null), 'of which'],
    [typed("ENUM('a','a')", 'a'), 'of which'], [typed('STRUCT(a INTEGER, A INTEGER)', { a: 1 }), 'of which'], [typed('INTEGER; DROP TABLE t', 1), 'of which'], [typed('MAP(INTEGER)', {}), 'of which'], [typed(`${'STRUCT(a '.repeat(100)}INTEGER${')'.repeat(100)}`, null), 'of which'],
    [typed(`INTEGER${'[]'.repeat(100)}`, null), 'of which'],
    [typed('TINYINT', 128), 'out of the range'], [typed('UBIGINT', -1), 'out of the range'], [typed('INTEGER', 1.5), 'no value of the type INTEGER'], [typed('INTEGER', '0x1'), 'no value'], [typed('DOUBLE', 'nan'), 'no value'],
    [typed('DECIMAL(4,1)', '1.25'), 'without loss'], [typed('DECIMAL(4,1)', '1000.0'), 'without loss'], [typed('DECIMAL(4,1)', 1.5), 'no value'], [typed('DECIMAL(4,1)', '1e2'), 'no value'],
    [typed('DATE', '2024-02-30'), 'no value'], [typed('DATE', '2024-1-1'), 'no value'], [typed('DATE', '2024-01-01T00:00:00'), 'no value'], [typed('TIMESTAMP', '2024-01-01T00:00:00Z'), 'no value'], [typed('TIMESTAMPTZ', '2024-01-01T00:00:00'), 'no value'],
    [typed('TIMESTAMP', '2024-01-01T00:00:00.1234567'), 'no value'], [typed('TIMESTAMP_S', '2024-01-01T00:00:00.5'), 'no value'], [typed('TIME', '01:02:03.1234567'), 'no value'], [typed('INTERVAL', '00:00:00.0000001'), 'no value'], [typed('INTERVAL', 'soon'), 'no value'],
    [typed('UUID', 'x'), 'no value'], [typed('BIT', '2'), 'no value'], [typed("ENUM('a')", 'b'), 'no value'], [typed('BOOLEAN', 1), 'no value'], [typed('BLOB', 'abc'), 'no value'], [typed('VARCHAR', 1), 'no value'], [typed('JSON', '{'), 'no value of the type JSON'],
    [typed('INTEGER[]', 1), 'no value'], [typed('INTEGER[2]', [1]), '1 items where INTEGER[2]'], [typed('DATE[]', new Array<PlainValue>(40).fill('2024-02-30')), 'no value'], [typed('STRUCT(a INTEGER)', {}), 'without the field "a"'], [typed('STRUCT(a INTEGER)', { a: 1, b: 2 }), 'fields that its type does not have'],
    [typed('MAP(INTEGER[], INTEGER)', { x: 1 }), 'no JSON'], [typed('UNION(a INTEGER)', 'x'), 'no value'], [typed('"NULL"', 1), 'no value'],
    [[1, 'a'], 'INTEGER and VARCHAR'], [[1.5, 2n], 'different types'], [[{ a: 1 }, { b: 1 }], 'different types'], [{}, 'struct without fields'],
  ])('%o', async (value, message) => {
    await expect(run(engine, 'SELECT $1', [value])).rejects.toMatchObject({ code: 'ERR_SQL', message: expect.stringContaining(message) as string, details: { kind: 'Parameter', parameter: 1 } })
  })

  it('and a long path into JSON, however it is wrapped', async () => {
    const path = `$${'[0]'.repeat(2000)}`
    for (const value of [path, typed('VARCHAR', path), [path], typed('VARCHAR[]', ['$', path])]) {
      await expect(run(engine, "SELECT json_extract('[1]', $1)", [value])).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Permission' } })
    }
    expect((await read("SELECT json_extract('[1]', $1)", [['$[0]', '$[1]']])).rows).toEqual([[['1', null]]])
  })
})
