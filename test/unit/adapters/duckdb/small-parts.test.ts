import { describe, expect, it } from 'vitest'
import { tableName } from '../../../../src/adapters/duckdb/folder-tables.ts'
import { LruMap } from '../../../../src/adapters/duckdb/lru-map.ts'
import { isInterrupt, readFailure, sqlError } from '../../../../src/adapters/duckdb/sql-error.ts'

describe('table names', () => {
  it.each([['flights-3m', 'flights_3m'], ['Sales 2024', 'sales_2024'], ['2024', '_2024'], ['Größe', 'größe'], ['a.b', 'a_b'], ['---', 'table'], ['x"; DROP', 'x_drop']])('%j becomes %j', (stem, name) => {
    expect(tableName(stem)).toBe(name)
  })
})

describe('LRU map', () => {
  it('drops what was not used for longest', () => {
    const map = new LruMap<number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.get('a')
    map.set('c', 3)
    expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([1, undefined, 3, 2])
  })
})

describe('engine failures', () => {
  it('are read with and without JSON', () => {
    expect(readFailure(new Error('{"exception_type":"Binder","exception_message":"no","position":"7"}'))).toEqual({ kind: 'Binder', message: 'no', positionBytes: 7 })
    expect(readFailure(new Error('Parser Error: {"exception_type":"Parser","exception_message":"no {x}"}'))).toEqual({ kind: 'Parser', message: 'no {x}', positionBytes: null })
    expect(readFailure(new Error('Out of Memory Error: could not {'))).toEqual({ kind: 'Out of Memory', message: 'could not {', positionBytes: null })
    expect(readFailure('Failed to query')).toEqual({ kind: 'Unknown', message: 'Failed to query', positionBytes: null })
    expect(isInterrupt({ kind: 'INTERRUPT', message: 'Interrupted!', positionBytes: null })).toBe(true)
  })

  it('count positions in characters', () => {
    expect(sqlError({ kind: 'Binder', message: 'no', positionBytes: 9 }, "'ä€'\nx y").details).toEqual({ kind: 'Binder', position: 6, line: 2, column: 2 })
    expect(sqlError({ kind: 'Binder', message: 'no', positionBytes: 99 }, 'x').details).toEqual({ kind: 'Binder' })
  })
})
