import { afterAll, describe, expect, it } from 'vitest'
import { StatementClassifier } from '../../../../src/adapters/postgres/classifier.ts'
import type { CatalogQuery } from '../../../../src/adapters/postgres/function-catalog.ts'
import { StatementParser } from '../../../../src/adapters/postgres/statement-parser.ts'

const asked: string[][] = []
const catalog: CatalogQuery = (_, [names]) => {
  asked.push(names as string[])
  return Promise.resolve((names as string[]).flatMap((name) => (name.endsWith('writes') ? [[name, 'public', 't']] : name === 'random' ? [[name, 'pg_catalog', 't']] : [[name, 'public', 'f']])))
}
const open: Array<{ close(): void }> = []
const classifier = (query: CatalogQuery): StatementClassifier => {
  const created = new StatementClassifier(query)
  open.push(created)
  return created
}
const known = classifier(catalog)
const alone = classifier(() => Promise.resolve(null))
afterAll(() => { for (const each of open) each.close() })

describe('statements for PostgreSQL', () => {
  it('are reads by form and by what they call', async () => {
    for (const [sql, access] of [
      ['SELECT 1', 'read'], ['SELECT f(a) FROM t', 'read'], ['SELECT random()', 'read'], ['SELECT writes()', 'write'], ['SELECT 1 WHERE EXISTS (SELECT s.writes())', 'write'], ['SELECT * FROM t FOR SHARE', 'write'],
      ['WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT * FROM x', 'write'], ['SELECT 1 INTO t', 'write'], ['EXPLAIN SELECT 1', 'read'], ['EXPLAIN ANALYZE INSERT INTO t VALUES (1)', 'write'],
      ['MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE', 'write'], ['CREATE TABLE t (a int)', 'write'], ['CREATE TABLE t AS SELECT 1', 'write'], ['REFRESH MATERIALIZED VIEW v', 'write'], ['CALL p()', 'write'], ["DO 'x'", 'write'], ['NOTIFY x', 'write'],
    ] as const) expect([sql, (await known.inspect(sql)).access]).toEqual([sql, access])
  })

  it('what the catalogue was asked about is known until it is forgotten', async () => {
    asked.length = 0
    await known.inspect('SELECT once(), once() FROM t')
    await known.inspect('SELECT once() FROM u')
    expect(asked).toEqual([['once']])
    known.forget()
    await known.inspect('SELECT once() FROM u')
    expect(asked).toEqual([['once'], ['once']])
  })

  it('without a catalogue only the usual functions are reads', async () => {
    expect((await alone.inspect('SELECT count(*), pg_catalog.lower(a) FROM t')).access).toBe('read')
    expect((await alone.inspect('SELECT mine(a) FROM t')).access).toBe('write')
    expect((await alone.inspect('SELECT other.count(a) FROM t')).access).toBe('write')
  })

  it('are refused when they do not parse, are several, or belong to a session', async () => {
    for (const sql of ['', ' -- x', ';', 'SELEC 1', 'SELECT 1; SELECT 2', 'BEGIN', 'COMMIT', 'SET x = 1', 'RESET ALL', 'PREPARE p AS SELECT 1', 'EXECUTE p', 'LISTEN x', 'COPY t FROM STDIN', 'COPY t TO PROGRAM $$x$$', 'DECLARE c CURSOR FOR SELECT 1', 'DISCARD ALL', 'LOCK t', 'CREATE TEMP TABLE t (a int)', 'SELECT 1 INTO TEMP t', 'ALTER SYSTEM SET x = 1']) {
      await expect(known.inspect(sql), sql).rejects.toMatchObject({ code: 'ERR_SQL', details: { started: 'no' } })
    }
    await expect(known.inspect('SELECT 1 +')).rejects.toMatchObject({ details: { position: 10 }, nextStep: expect.not.stringContaining('$1') as string })
    await expect(known.inspect('SELECT ? AS x')).rejects.toMatchObject({ code: 'ERR_SQL', nextStep: expect.stringContaining('$1, $2') as string })
  })

  it('tables are named as written, without the names of WITH', async () => {
    await known.inspect('WITH w AS (SELECT * FROM a) SELECT * FROM w JOIN s."B" b ON EXISTS (SELECT FROM c)')
    expect([...known.tablesOf('WITH w AS (SELECT * FROM a) SELECT * FROM w JOIN s."B" b ON EXISTS (SELECT FROM c)')].sort()).toEqual(['a', 'c', 's.B'])
    await known.inspect('INSERT INTO t SELECT 1')
    expect([known.tablesOf('INSERT INTO t SELECT 1'), known.tablesOf('never seen')]).toEqual([['t'], []])
  })

  it('those that overflow the parser cost one thread each and not the parser', async () => {
    const parser = new StatementParser()
    open.push(parser)
    const deep = `SELECT 1${'+1'.repeat(32_000)}`
    for (let round = 0; round < 30; round++) await expect(parser.parse(deep)).rejects.toMatchObject({ code: 'ERR_QUERY_TOO_LARGE' })
    expect(parser.replaced).toBe(30)
    await expect(parser.parse('SELECT 1')).resolves.toMatchObject({ kind: 'SelectStmt' })
    await expect(parser.parse(`SELECT '${'x'.repeat(70_000)}'`)).rejects.toMatchObject({ code: 'ERR_QUERY_TOO_LARGE' })
    const waiting = [parser.parse('SELECT 2'), parser.parse('SELECT 3')]
    parser.close()
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'ERR_NOT_SERVING' })
  })
})
