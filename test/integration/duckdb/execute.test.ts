import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mkdir, symlink, copyFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DuckDbEngine } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { openEngine, prepareFile, temporaryFolder } from './fixtures.ts'

const FLIGHTS = fileURLToPath(new URL('../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))
/** Runs for hours; the aggregate gives nothing before its end. */
const ENDLESS = 'SELECT count(*) FROM range(1000000000000) a, range(1000) b WHERE hash(a.range + b.range) = 1'
const ENDLESS_ROWS = 'SELECT a.range + b.range AS n FROM range(1000000000000) a, range(1000) b'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** The engine is at work: its threads have used processor time. */
function untilComputing(engine: DuckDbEngine): Promise<void> {
  const before = process.cpuUsage().user
  return until(() => engine.counts().running === 1 && process.cpuUsage().user - before > 100_000)
}

describe('DuckDB engine', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let flights: DuckDbEngine

  beforeAll(async () => {
    folder = await temporaryFolder()
    const data = join(folder.path, 'flights')
    await mkdir(data)
    await copyFile(FLIGHTS, join(data, 'flights-3m.parquet'))
    flights = await openEngine(data, { database: 'flights', concurrentQueriesMax: 2, waitingQueriesMax: 1 })
  })
  afterAll(async () => {
    await flights.close()
    await folder.remove()
  })

  it('streams 3,000,000 rows with bounded memory', async () => {
    const before = process.memoryUsage().rss
    let peak = before
    let rows = 0
    const result = await run(flights, 'SELECT * FROM flights_3m')
    expect(result.format).toBe('arrow')
    for await (const batch of result.batches) {
      rows += batch.rows
      expect(batch.bytes.length).toBeLessThan(1 << 20)
      peak = Math.max(peak, process.memoryUsage().rss)
    }
    expect(rows).toBe(3_000_000)
    expect(peak - before).toBeLessThan(200 * 2 ** 20)
  })

  it('computes no more than a buffer ahead of its reader', async () => {
    const result = await run(flights, ENDLESS_ROWS)
    const iterator = result.batches[Symbol.asyncIterator]()
    const before = process.memoryUsage().rss
    for (let i = 0; i < 20; i++) await iterator.next()
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20)
    await iterator.return?.()
  })

  it('leaves the event loop free while a query computes', async () => {
    const abort = new AbortController()
    const answer = run(flights, ENDLESS, [], abort.signal)
    let turns = 0
    await Promise.all([untilComputing(flights), until(() => ++turns > 1000)])
    abort.abort()
    await expect(answer).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
  })

  it('interrupts a computation, and its connection serves the next query', async () => {
    for (let round = 0; round < 5; round++) {
      const abort = new AbortController()
      const answer = run(flights, ENDLESS, [], abort.signal)
      await (round % 2 === 0 ? untilComputing(flights) : until(() => flights.counts().running === 1))
      abort.abort()
      await expect(answer).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
      await expect(run(flights, 'SELECT 1 AS one').then(collect)).resolves.toMatchObject({ rows: [[1]] })
    }
  })

  it('frees the connection of a result that nobody reads, on abort', async () => {
    const abort = new AbortController()
    await run(flights, ENDLESS_ROWS, [], abort.signal)
    expect(flights.counts().running).toBe(1)
    abort.abort()
    await until(() => flights.counts().running === 0)
  })

  it('queues beyond its connections, and refuses beyond its queue', async () => {
    const abort = new AbortController()
    const held = [await run(flights, ENDLESS_ROWS, [], abort.signal), await run(flights, ENDLESS_ROWS, [], abort.signal)]
    expect(flights.counts()).toEqual({ running: 2, waiting: 0 })
    const waiting = run(flights, 'SELECT 1 AS one')
    await until(() => flights.counts().waiting === 1)
    await expect(run(flights, 'SELECT 2')).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
    await held[0]?.batches[Symbol.asyncIterator]().return?.()
    await expect(waiting.then(collect)).resolves.toMatchObject({ rows: [[1]] })
    abort.abort()
    await until(() => flights.counts().running === 0)
  })

  it('never passes a result that failed half-way off as whole', async () => {
    const sql = "SELECT CASE WHEN range = 900000 THEN error('half-way')::BIGINT ELSE range END AS n FROM range(2000000)"
    const result = await run(flights, sql)
    let rows = 0
    const reading = (async () => {
      for await (const batch of result.batches) rows += batch.rows
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_SQL', message: 'Invalid Input Error: half-way', details: { kind: 'Invalid Input' } })
    expect(rows).toBeLessThan(900_000)
    await expect(run(flights, 'SELECT CAST(range::VARCHAR || CASE WHEN range = 90000 THEN \'x\' ELSE \'\' END AS INTEGER) FROM range(100000)').then(collect)).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Conversion', position: 7 } })
  })

  it('gives positions in characters, and kinds', async () => {
    await expect(run(flights, "SELECT 'ä€🦆',\n  nope FROM flights_3m")).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Binder', position: 17, line: 2, column: 3 } })
    await expect(run(flights, 'SELECT * FROM nowhere')).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Catalog', position: 14 } })
    await expect(run(flights, 'EXPLAIN SELECT * FRM x')).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Parser', position: 21 } })
  })

  it('keeps to its memory limit', async () => {
    const small = await openEngine(join(folder.path, 'flights'), { memoryLimitBytes: 40 * 2 ** 20 })
    await expect(run(small, 'SELECT list(range), list(hash(range)) FROM range(20000000)').then(collect)).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Out of Memory' } })
    await small.close()
  })

  it('binds each type of parameter', async () => {
    const values = [null, true, 1, 2 ** 40, 1.5, -0, 7n, 2n ** 100n, 'text', Uint8Array.of(0, 255), new Date('2024-01-02T03:04:05.678Z')]
    const sql = `SELECT ${values.map((_, i) => `typeof($${i + 1}), $${i + 1}::VARCHAR`).join(', ')}`
    const { rows } = await collect(await run(flights, sql, values))
    const pairs = values.map((_, i) => [rows[0]?.[i * 2], rows[0]?.[i * 2 + 1]])
    expect(pairs).toEqual([['"NULL"', null], ['BOOLEAN', 'true'], ['INTEGER', '1'], ['BIGINT', String(2 ** 40)], ['DOUBLE', '1.5'], ['DOUBLE', '-0.0'], ['BIGINT', '7'], ['HUGEINT', String(2n ** 100n)], ['VARCHAR', 'text'], ['BLOB', '\\x00\\xFF'], ['TIMESTAMP WITH TIME ZONE', '2024-01-02 03:04:05.678+00']])
    await expect(run(flights, 'SELECT $1', [2n ** 200n])).rejects.toMatchObject({ code: 'ERR_SQL' })
    await expect(run(flights, 'SELECT $1', [new Date(Number.NaN)])).rejects.toMatchObject({ code: 'ERR_SQL' })
  })

  it('closes under running and waiting queries', async () => {
    const engine = await openEngine(join(folder.path, 'flights'), { concurrentQueriesMax: 1 })
    const result = await run(engine, ENDLESS_ROWS)
    const waiting = run(engine, 'SELECT 1')
    await until(() => engine.counts().waiting === 1)
    const closing = engine.close()
    await expect(waiting).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(NOT_SERVING|QUERY_CANCELLED)$/) as string })
    await closing
    expect(engine.isReady()).toBe(false)
    await expect((async () => { for await (const batch of result.batches) expect(batch.rows).toBeGreaterThan(0) })()).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await expect(run(engine, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_NOT_SERVING' })
  })

  it('refuses paths that it cannot serve, and says which', async () => {
    const at = (name: string): string => join(folder.path, name)
    await mkdir(at('empty'))
    await prepareFile(at('data.duckdb'), ['CREATE TABLE t AS SELECT 1'])
    await copyFile(FLIGHTS, at('broken.duckdb'))
    await symlink(at('data.duckdb'), at('link.duckdb'))
    for (const name of ['missing.duckdb', 'missing', 'empty', 'broken.duckdb']) {
      await expect(openEngine(at(name), { role: 'primary' }), name).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH', message: expect.stringContaining(name) as string })
    }
    await (await openEngine(at('link.duckdb'))).close()
  })
})
