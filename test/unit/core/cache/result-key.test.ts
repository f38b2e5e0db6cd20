import { describe, expect, it } from 'vitest'
import { resultKey } from '../../../../src/core/cache/result-key.ts'
import { mayBeVolatile } from '../../../../src/core/cache/volatile-sql.ts'
import { typed, type QueryValue } from '../../../../src/core/values/query-value.ts'

const read = { database: 'db', sql: 'select ?', parameters: [] as QueryValue[], scope: '' }

describe('resultKey', () => {
  it('differs where anything that the engine sees differs', () => {
    const reads = [
      read, { ...read, database: 'db2' }, { ...read, sql: 'select  ?' }, { ...read, scope: 's1' }, { ...read, scope: 's2' },
      ...([[null], [true], [false], [0], [-0], [1], [1n], ['1'], [new Uint8Array([1])], [new Date(1)], [NaN], [''], ['1', '2'], ['12'], [1, 2], [12], ['n1;'], [new Uint8Array([0x31])], [new Uint8Array()], ['a', null], [null, 'a'], [[1]], [[1, 2]], [[1], 2], [[[1]]], [[]], [{}], [{ a: 1 }], [{ b: 1 }], [{ a: 1, b: 2 }], [{ b: 2, a: 1 }], [['a', 1]], [typed('DATE', '1')], [typed('TIME', '1')], [typed('DATE', null)], [{ type: 'DATE', value: '1' }]] satisfies QueryValue[][])
        .map((parameters) => ({ ...read, parameters })),
      { ...read, database: 'd', scope: 'b' }, { ...read, database: 'db0:', sql: 'select ?' },
    ]
    const keys = reads.map(resultKey)
    expect(new Set(keys).size).toBe(reads.length)
    expect(keys).not.toContain(null)
    expect(reads.map((each) => resultKey({ ...each, parameters: [...each.parameters] }))).toEqual(keys)
  })

  it('is null where it would be too long to keep', () => {
    expect(resultKey({ ...read, sql: 'x'.repeat(70_000) })).toBeNull()
    expect(resultKey({ ...read, parameters: ['x'.repeat(70_000)] })).toBeNull()
    expect(resultKey({ ...read, parameters: [new Uint8Array(40_000)] })).toBeNull()
    expect(resultKey({ ...read, parameters: [[{ a: typed('VARCHAR', 'x'.repeat(70_000)) }]] })).toBeNull()
    expect(resultKey({ ...read, parameters: Array.from({ length: 10 }, () => 'x'.repeat(10_000)) })).toBeNull()
  })
})

describe('mayBeVolatile', () => {
  it.each([
    'select random()', 'select RANDOM()', 'select now()', 'select current_timestamp', 'select CURRENT_DATE', 'select gen_random_uuid()', 'select uuidv7()', "select nextval('s')",
    'select * from t tablesample 10%', 'select * from t using  sample 5', 'select today()', 'select age(born) from t', "select * from read_csv('x.csv')", 'select pg_backend_pid()',
    'select * from t for update', 'show tables', 'select getvariable(1)', 'select current_setting(1)', 'select version()',
  ])('%s', (sql) => { expect(mayBeVolatile(sql)).toBe(true) })

  it.each([
    'select * from users where known = 1', 'select age, version from users', 'select snow, tomorrow from weather', 'select count(*) from t group by brand order by 1', 'select my_random from t',
  ])('not %s', (sql) => { expect(mayBeVolatile(sql)).toBe(false) })
})
