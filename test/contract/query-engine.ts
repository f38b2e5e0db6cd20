/** What every engine behind src/ports/query-engine.ts must do. Each adapter's test calls this with a way to open one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineResult, QueryEngine, QueryValue } from '../../src/ports/query-engine.ts'
import { createResultDecoder } from '../../src/wire/results/decoder.ts'
import type { ResultValue } from '../../src/wire/results/types.ts'

export interface QueryEngineFixture {
  /** Holds a table `numbers` with the column `n`: the integers 0 to 99,999; nothing else that counts. */
  readonly engine: QueryEngine
  /** Writable: one with the role of a primary. Null when the engine has none. */
  readonly writable: QueryEngine | null
  /** A SELECT with an integer column that runs for many seconds, and streams before its end. */
  readonly longSql: string
  close(): Promise<void>
}

export async function collect(result: EngineResult): Promise<{ columns: string[]; rows: ResultValue[][]; batches: number }> {
  const decoder = createResultDecoder(result.format, result.header)
  const rows: ResultValue[][] = []
  let batches = 0
  for await (const { bytes, rows: count } of result.batches) {
    batches++
    const batch = decoder.decode(bytes)
    expect(batch.rowCount).toBe(count)
    for (let row = 0; row < batch.rowCount; row++) rows.push(decoder.columns.map((_, column) => batch.value(row, column)))
  }
  return { columns: decoder.columns.map((column) => column.name), rows, batches }
}

export function run(engine: QueryEngine, sql: string, parameters: readonly QueryValue[] = [], signal: AbortSignal = new AbortController().signal): Promise<EngineResult> {
  return engine.execute({ sql, parameters, signal })
}

export function describeQueryEngine(name: string, open: () => Promise<QueryEngineFixture>): void {
  describe(`query engine contract: ${name}`, () => {
    let fixture: QueryEngineFixture
    let engine: QueryEngine
    beforeAll(async () => {
      fixture = await open()
      engine = fixture.engine
    })
    afterAll(async () => fixture.close())

    it('is ready and says what it is', () => {
      expect(engine.isReady()).toBe(true)
      expect(engine.database).not.toBe('')
    })

    it('tells reads from writes, and refuses what does not parse or is more than one', async () => {
      await expect(engine.classify('SELECT 1')).resolves.toBe('read')
      await expect(engine.classify('SELECT count(*) FROM numbers')).resolves.toBe('read')
      await expect(engine.classify('INSERT INTO numbers VALUES (1)')).resolves.toBe('write')
      await expect(engine.classify('DELETE FROM numbers')).resolves.toBe('write')
      for (const sql of ['SELEC 1', '', '  -- nothing\n', 'SELECT 1; SELECT 2', 'SELECT 1; DELETE FROM numbers']) {
        await expect(engine.classify(sql), sql).rejects.toMatchObject({ code: 'ERR_SQL' })
        await expect(run(engine, sql), sql).rejects.toMatchObject({ code: 'ERR_SQL' })
      }
    })

    it('answers a small result with columns and values', async () => {
      const answer = await collect(await run(engine, 'SELECT n, n * 2 AS twice FROM numbers ORDER BY n LIMIT 3'))
      expect(answer.columns).toEqual(['n', 'twice'])
      expect(answer.rows.map((row) => row.map(Number))).toEqual([[0, 0], [1, 2], [2, 4]])
    })

    it('answers an empty result with its columns', async () => {
      const answer = await collect(await run(engine, 'SELECT n FROM numbers WHERE n < 0'))
      expect(answer).toEqual({ columns: ['n'], rows: [], batches: 0 })
    })

    it('answers a large result in several batches, in order and complete', async () => {
      const answer = await collect(await run(engine, 'SELECT n FROM numbers ORDER BY n'))
      expect(answer.batches).toBeGreaterThan(1)
      expect(answer.rows.length).toBe(100_000)
      expect(answer.rows.every(([n], index) => Number(n) === index)).toBe(true)
    })

    it('binds parameters, and refuses too few', async () => {
      const answer = await collect(await run(engine, 'SELECT n FROM numbers WHERE n = $1', [77]))
      expect(answer.rows.map(([n]) => Number(n))).toEqual([77])
      await expect(run(engine, 'SELECT n FROM numbers WHERE n = $1')).rejects.toMatchObject({ code: 'ERR_SQL' })
    })

    it('reports a wrong name as the user’s error, with its position', async () => {
      await expect(run(engine, 'SELECT nope FROM numbers')).rejects.toMatchObject({ code: 'ERR_SQL', details: { position: 7 } })
    })

    it('reports an error in the middle of a result', async () => {
      const failing = run(engine, 'SELECT 1 / (CASE WHEN n = 90000 THEN CAST(CAST(n AS VARCHAR) || \'x\' AS INTEGER) ELSE 1 END) AS q FROM numbers')
      const code = await failing.then(collect).then(({ rows }) => `${rows.length} rows`, (error: { code?: string }) => error.code)
      expect(code).toBe('ERR_SQL')
      await expect(run(engine, 'SELECT 1 AS one').then(collect)).resolves.toMatchObject({ columns: ['one'] })
    })

    it('cancels before the start, while it runs, and between two batches', async () => {
      await expect(run(engine, 'SELECT 1', [], AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
      const between = new AbortController()
      const result = await run(engine, fixture.longSql, [], between.signal)
      const iterator = result.batches[Symbol.asyncIterator]()
      await expect(iterator.next()).resolves.toMatchObject({ done: false })
      between.abort()
      await expect((async () => { while ((await iterator.next()).done !== true); })()).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
      await expect(run(engine, 'SELECT 1 AS one').then(collect)).resolves.toMatchObject({ columns: ['one'] })
    })

    it('lets a reader leave early, even before its first batch', async () => {
      for (let round = 0; round < 20; round++) {
        const result = await run(engine, fixture.longSql)
        await result.batches[Symbol.asyncIterator]().return?.()
      }
      await expect(run(engine, 'SELECT 1 AS one').then(collect)).resolves.toMatchObject({ columns: ['one'] })
    })

    it('runs several queries at once', async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => run(engine, 'SELECT n FROM numbers WHERE n >= $1 AND n < $1 + 3 ORDER BY n', [i * 10]).then(collect)))
      answers.forEach(({ rows }, i) => expect(rows.map(([n]) => Number(n))).toEqual([i * 10, i * 10 + 1, i * 10 + 2]))
    })

    it('refuses writes unless it may write, and then does them', async () => {
      const create = 'CREATE TABLE contract_written (n INTEGER)'
      await expect(run(engine, create).then(collect)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(READ_ONLY|NOT_PRIMARY)$/) as string })
      if (fixture.writable === null) return
      await collect(await run(fixture.writable, create))
      await collect(await run(fixture.writable, 'INSERT INTO contract_written VALUES (1), (2)'))
      const answer = await collect(await run(fixture.writable, 'SELECT sum(n) FROM contract_written'))
      expect(Number(answer.rows[0]?.[0])).toBe(3)
      await collect(await run(fixture.writable, 'DROP TABLE contract_written'))
    })

    it('names its data alike until a write has ended, whatever is read, where it names it at all', async () => {
      if (engine.dataVersion !== undefined) await expect(engine.dataVersion()).resolves.toEqual(expect.any(String))
      const { writable } = fixture
      if (writable?.dataVersion === undefined) return
      const before = await writable.dataVersion()
      await collect(await run(writable, 'SELECT 1 AS one'))
      await expect(writable.dataVersion()).resolves.toBe(before)
      const versions = [before]
      for (const sql of ['CREATE TABLE contract_versions (n INTEGER)', 'INSERT INTO contract_versions VALUES (1)', 'UPDATE contract_versions SET n = 2', 'DROP TABLE contract_versions']) {
        await collect(await run(writable, sql))
        versions.push(await writable.dataVersion())
      }
      expect(versions).toEqual(versions.map(() => expect.any(String) as string))
      expect(new Set(versions).size).toBe(5)
    })
  })
}
