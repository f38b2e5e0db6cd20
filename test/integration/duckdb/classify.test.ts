import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClassifier, type Classifier } from '../../../src/adapters/duckdb/classifier.ts'
import type { DuckDbEngine } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { openEngine, prepareFile, temporaryFolder } from './fixtures.ts'

const READS = [
  'SELECT 1', 'SELECT 1;', '-- first\nSELECT /* ; */ \';\'', 'FROM t', 'TABLE t', 'VALUES (1)', '(SELECT 1) UNION ALL SELECT 2', 'WITH x AS (SELECT 1) SELECT * FROM x',
  'DESCRIBE t', 'SHOW TABLES', 'SHOW ALL TABLES', 'SUMMARIZE t', 'EXPLAIN SELECT 1', 'EXPLAIN ANALYZE SELECT 1', 'EXPLAIN (ANALYZE, FORMAT json) SELECT 1', 'EXPLAIN (SELECT 1)',
  'SELECT random(), uuid(), now(), count(*) FILTER (WHERE a > 1), sum(a) OVER (PARTITION BY b) FROM t', 'SELECT * FROM t USING SAMPLE 10%', 'UNPIVOT t ON a', 'PIVOT t ON b IN (\'x\') USING sum(a)',
  'SELECT a FROM t WHERE b = $1 ORDER BY ALL LIMIT $2', 'SELECT [x + 1 for x in [1, 2]], {\'a\': 1}.a, a[1:2], b LIKE \'x%\', a BETWEEN 1 AND 2, a IN (1), CAST(a AS VARCHAR), a::DATE, EXTRACT(year FROM d), x -> \'$.a\' FROM t',
  'SELECT * FROM range(3), unnest([1]), generate_series(1, 2)', 'SELECT list_transform([1], lambda x: x + 1)', 'SELECT \'nextval(1)\'', 'SELECT "Nextval" FROM t', 'SELECT a || b, a % 2, a // 2, a ^ 2, NOT a, -a, a ~ b, coalesce(a, b), CASE WHEN a THEN b END FROM t',
]
const WRITES = [
  'INSERT INTO t VALUES (1)', 'INSERT INTO t SELECT 1 RETURNING *', 'UPDATE t SET a = 1', 'DELETE FROM t', 'TRUNCATE t', 'CREATE TABLE x (a INTEGER)', 'CREATE VIEW v AS SELECT 1', 'DROP TABLE t', 'ALTER TABLE t RENAME TO u',
  'CREATE SEQUENCE q', 'CHECKPOINT', 'VACUUM', 'ANALYZE', 'EXPLAIN INSERT INTO t VALUES (1)', 'EXPLAIN ANALYZE DELETE FROM t', 'EXPLAIN (ANALYZE) DELETE FROM t', 'MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE',
  "SELECT nextval('s')", "SELECT NEXTVAL('s')", 'SELECT "nextval"(\'s\')', "SELECT * FROM (SELECT main.nextval('s'))", "SELECT 1 WHERE (SELECT nextval('s')) > 0", "SELECT list_transform([1], lambda x: nextval('s'))", 'SELECT setseed(0.5)', 'SELECT * FROM force_checkpoint()', "EXPLAIN ANALYZE SELECT nextval('s')",
]

describe('read or write', () => {
  let root: Awaited<ReturnType<typeof temporaryFolder>>
  let alone: Classifier
  let engine: DuckDbEngine
  beforeAll(async () => {
    root = await temporaryFolder()
    await prepareFile(join(root.path, 'm.duckdb'), ['CREATE SEQUENCE s', 'CREATE MACRO plus(a, b) AS a + b', "CREATE MACRO next() AS nextval('s')", 'CREATE MACRO twice() AS next() + plus(1, 2)', 'CREATE MACRO rows() AS TABLE SELECT plus(range, 1) FROM range(3)', "CREATE MACRO ids() AS TABLE SELECT twice()"])
    alone = await createClassifier()
    engine = await openEngine(join(root.path, 'm.duckdb'), { role: 'primary' })
  })
  afterAll(async () => {
    await alone.close()
    await engine.close()
    await root.remove()
  })

  it.each(READS)('read: %s', async (sql) => {
    await expect(alone.classify(sql)).resolves.toBe('read')
    await expect(engine.classify(sql)).resolves.toBe('read')
  })

  it.each(WRITES)('write: %s', async (sql) => {
    await expect(alone.classify(sql)).resolves.toBe('write')
    await expect(engine.classify(sql)).resolves.toBe('write')
  })

  it('looks into the macros of its database; without one, an unknown function makes a write', async () => {
    await expect(engine.classify('SELECT plus(1, 2)')).resolves.toBe('read')
    await expect(engine.classify('FROM rows()')).resolves.toBe('read')
    await expect(engine.classify('SELECT twice()')).resolves.toBe('write')
    await expect(engine.classify('FROM ids()')).resolves.toBe('write')
    await expect(engine.classify('SELECT no_such_function()')).resolves.toBe('read')
    await expect(alone.classify('SELECT plus(1, 2)')).resolves.toBe('write')
  })

  it.each([
    ['SELECT 1', []],
    ['SELECT * FROM Flights JOIN main.airports a ON a.id = origin', ['airports', 'flights']],
    ['WITH recent AS (SELECT * FROM flights) SELECT * FROM recent WHERE id IN (SELECT id FROM delays)', ['delays', 'flights']],
    ['CREATE TABLE t AS SELECT * FROM flights', []],
  ])('tells the tables that a statement reads, once it is classified: %s', async (sql, tables) => {
    expect(engine.tablesOf?.(sql)).toEqual([])
    await engine.classify(sql)
    expect([...engine.tablesOf?.(sql) ?? []].sort()).toEqual(tables)
  })

  it('forgets what it knew of a macro that changes', async () => {
    await expect(engine.classify('SELECT plus(3, 4)')).resolves.toBe('read')
    await collect(await run(engine, "CREATE OR REPLACE MACRO plus(a, b) AS nextval('s')"))
    await expect(engine.classify('SELECT plus(3, 4)')).resolves.toBe('write')
    await collect(await run(engine, 'CREATE OR REPLACE MACRO plus(a, b) AS a + b'))
  })

  it('refuses a PIVOT that the parser makes two statements of, with the way out', async () => {
    await expect(alone.classify('PIVOT t ON b USING sum(a)')).rejects.toMatchObject({ code: 'ERR_SQL', nextStep: expect.stringContaining('IN (') as string })
  })

  it('serves many callers at once', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => alone.classify(i % 2 === 0 ? `SELECT ${i}` : `DELETE FROM t WHERE a = ${i}`)))
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 'read' : 'write')))
  })
})
