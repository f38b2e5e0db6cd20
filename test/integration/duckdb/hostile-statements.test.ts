/** Statements that ended or held up the whole engine. What would end the process is only ever given to a refusal here. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDuckDb, type DuckDbEngine } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import type { Log } from '../../../src/ports/log.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }

let folder: string
let engine: DuckDbEngine
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-hostile-'))
  await writeFile(join(folder, 't.csv'), 'n\n1\n')
  engine = await openDuckDb({ database: 'd', path: folder, role: 'replica', memoryLimitBytes: 256 << 20, threads: 1, tempDir: null, concurrentQueriesMax: 2, log })
})
afterAll(async () => {
  await engine.close()
  await rm(folder, { recursive: true, force: true })
})

describe('a statement', () => {
  it.each([
    "SELECT json_structure('[]')",
    "SELECT json_group_structure(x) FROM (VALUES ('[]')) v(x)",
    "SELECT json_contains('[]', '1')",
    "SELECT json_merge_patch('{}', '{}')",
    "SELECT json_transform('{}', '{}')",
    "SELECT json_transform_strict('{}', '{}')",
    "SELECT from_json('{}', '{}')",
    "SELECT from_json_strict('{}', '{}')",
    "SELECT '[]'::JSON::VARIANT",
    "SELECT CAST('[]'::JSON AS VARIANT)",
    "WITH deep AS (SELECT '[]'::JSON AS j) SELECT TRY_CAST(j AS VARIANT) FROM deep",
  ])('that follows JSON without a bound is refused: %s', async (sql) => {
    await expect(engine.classify(sql)).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Permission' } })
  })

  it.each(["SELECT count(*) AS variant FROM t", "SELECT variant FROM (SELECT 1 AS variant)", "SELECT json_extract('[1]', '$[0]')", "SELECT '{\"a\":1}'::JSON ->> 'a'"])('that looks alike is a read: %s', async (sql) => {
    expect(await engine.classify(sql)).toBe('read')
  })

  it('longer than 64 KiB is refused before it is parsed', async () => {
    await expect(engine.classify(`SELECT '${'x'.repeat(64 << 10)}'`)).rejects.toMatchObject({ code: 'ERR_QUERY_TOO_LARGE', details: { started: 'no' } })
  })

  it('of too many words is refused before it is parsed, with the way out', async () => {
    await expect(engine.classify(`SELECT n IN (0${',1'.repeat(5000)}) FROM t`)).rejects.toMatchObject({ code: 'ERR_QUERY_TOO_LARGE', nextStep: expect.stringContaining('parameters') as string, details: { started: 'no' } })
    expect(await engine.classify(`SELECT n IN (0${',1'.repeat(3000)}) FROM t`)).toBe('read')
  })

  it('says with its refusal that nothing was started, so that even a write may go elsewhere', async () => {
    const signal = new AbortController().signal
    for (const sql of ['SELEC 1', '', 'SELECT 1; SELECT 2', 'SET threads = 1', "SELECT * FROM read_text('x')"]) {
      await expect(engine.classify(sql), sql).rejects.toMatchObject({ code: 'ERR_SQL', details: { started: 'no' } })
      await expect(engine.execute({ sql, parameters: [], signal }), sql).rejects.toMatchObject({ code: 'ERR_SQL', details: { started: 'no' } })
    }
    await expect(engine.execute({ sql: 'DROP VIEW t', parameters: [], signal })).rejects.toMatchObject({ code: 'ERR_READ_ONLY', details: { started: 'no' } })
    await expect(engine.classify('SELECT 1 AS already_cancelled', AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED', details: { started: 'no' } })
  })

  it('with too many set operations, or nested too deeply, is refused before it is parsed', async () => {
    await expect(engine.classify(`SELECT 1${' UNION ALL SELECT 1'.repeat(300)}`)).rejects.toMatchObject({ code: 'ERR_SQL' })
    await expect(engine.classify(`SELECT ${'('.repeat(300)}1${')'.repeat(300)}`)).rejects.toMatchObject({ code: 'ERR_SQL' })
    await expect(engine.classify(`SELECT ${'('.repeat(5000)}1${')'.repeat(5000)}`)).rejects.toMatchObject({ code: 'ERR_QUERY_TOO_LARGE' })
    expect(await engine.classify(`SELECT 1${' UNION ALL SELECT 1'.repeat(200)}`)).toBe('read')
  })

  it('that is cancelled while it waits for the parser is passed over', async () => {
    const controller = new AbortController()
    const first = engine.classify('SELECT 1 AS first')
    const second = engine.classify('SELECT 2 AS second', controller.signal)
    controller.abort()
    await expect(second).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED', details: { started: 'no' } })
    expect(await first).toBe('read')
  })

  it('that is short does not wait for long behind many that are large', async () => {
    const large = Array.from({ length: 50 }, (_, index) => engine.classify(`SELECT ${index}${' OR n'.repeat(4000)} FROM t`).then(() => 'read', (error: { code: string }) => error.code))
    expect(await engine.classify('SELECT 6 AS short')).toBe('read')
    const outcomes = await Promise.all(large)
    expect(outcomes.filter((outcome) => outcome === 'read').length).toBeLessThan(10)
    expect(new Set(outcomes)).toEqual(new Set(['read', 'ERR_OVERLOADED']))
  })

  it('beyond the bound of those that wait is refused with a code that others may retry', async () => {
    const { signal } = new AbortController()
    const outcomes = await Promise.allSettled(Array.from({ length: 1100 }, (_, index) => engine.classify(`SELECT ${index} AS waiting`, signal)))
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no' } })
    expect(await engine.classify('SELECT 5 AS afterwards')).toBe('read')
  })
})
