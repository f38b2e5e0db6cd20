import duckdb from '@duckdb/node-bindings'
import { BIGINT, DuckDBTableFunction } from '@duckdb/node-api'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type DuckDbEngine, openMemoryDuckDb } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { collectBuffersEarly } from '../../../src/adapters/system/buffer-collection.ts'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import { run } from '../../contract/query-engine.ts'
import { silentLog } from './silent-log.ts'

const emptied = vi.hoisted(() => vi.fn())
vi.mock(import('../../../src/adapters/duckdb/open-result.ts'), async (original) => {
  const real = await original()
  return { ...real, emptyChunk: (chunk) => { emptied(); real.emptyChunk(chunk) } }
})

const CHUNK_ROWS = 2_048
const CHUNKS = 64
const TEXT_BYTES = 10_000
const WIDE = `SELECT repeat('x', ${TEXT_BYTES} + (n % 2)::INTEGER) AS text FROM counted()`
const NARROW = 'SELECT n FROM counted()'
const THREADS = 2

describe('a result of wide rows', () => {
  /** Chunks that the engine has asked its source for, which tells how far it works ahead. */
  let produced = 0
  let engine: DuckDbEngine
  let counted: DuckDBTableFunction
  let collections: string[] = []

  beforeAll(async () => {
    engine = await openMemoryDuckDb({
      database: 'wide', memoryLimitBytes: 512 * 2 ** 20, threads: THREADS, concurrentQueriesMax: 4, log: silentLog, allowedPaths: [], allowedFolders: [],
      prepare: (connection) => {
        counted = DuckDBTableFunction.create({
          name: 'counted',
          bindFunction: (info) => { info.addResultColumn('n', BIGINT) },
          initFunction: (info) => {
            info.setMaxThreads(1)
            produced = 0
          },
          mainFunction: (_, chunk) => {
            if (produced === CHUNKS) {
              chunk.rowCount = 0
              return
            }
            produced++
            chunk.rowCount = CHUNK_ROWS
            chunk.setColumns([Array.from({ length: CHUNK_ROWS }, (__, row) => BigInt(row))])
          },
        })
        duckdb.register_table_function(connection, counted.table_function)
        return Promise.resolve()
      },
    })
  })
  beforeEach(() => {
    collections = []
    collectBuffersEarly((type) => { if (type === 'major') collections.push(type) })
    emptied.mockClear()
  })
  afterEach(() => { collectBuffersEarly(() => undefined) })
  afterAll(async () => {
    await engine.close()
    counted.destroySync()
  })

  async function open(sql: string): Promise<AsyncIterator<EngineBatch, undefined>> {
    return (await run(engine, sql)).batches[Symbol.asyncIterator]()
  }

  async function read(batches: AsyncIterator<EngineBatch, undefined>): Promise<EngineBatch> {
    const next = await batches.next()
    if (next.done === true) throw new Error('the result ended early')
    return next.value
  }

  /** Whatever the engine wants to do ahead, it has done. */
  async function untilQuiet(): Promise<void> {
    for (let turns = 0, before = produced; turns < 2_000; turns++, before = produced) {
      await new Promise((resolve) => { setImmediate(resolve) })
      if (produced !== before) turns = 0
    }
  }

  it.each([['wide', WIDE, 3], ['narrow', NARROW, 5]])('is computed a few chunks ahead of its reader, whether they are small or large: %s', async (_, sql, aheadMax) => {
    const batches = await open(sql)
    let rows = 0
    for (let reads = 0; reads < 3; reads++) {
      rows += (await read(batches)).rows
      await untilQuiet()
      // The chunk being read, one that waits in the engine, and one on its way there; small ones are also fetched ahead.
      expect(produced - Math.floor(rows / CHUNK_ROWS)).toBeLessThanOrEqual(aheadMax)
    }
    await batches.return?.()
    expect(produced).toBeLessThan(CHUNKS)
  })

  it('comes whole, in batches of bounded bytes, with a turn of the event loop between any two', async () => {
    let turns = 0
    let batches = 0
    let isReading = true
    const count = (): void => {
      turns++
      if (isReading) setImmediate(count)
    }
    setImmediate(count)
    let rows = 0
    let bytesMax = 0
    for await (const batch of (await run(engine, `${WIDE} LIMIT ${4 * CHUNK_ROWS}`)).batches) {
      batches++
      rows += batch.rows
      bytesMax = Math.max(bytesMax, batch.bytes.length)
      expect(turns).toBeGreaterThanOrEqual(batches - 1)
    }
    isReading = false
    expect(rows).toBe(4 * CHUNK_ROWS)
    expect(batches).toBeGreaterThan(100)
    expect(bytesMax).toBeLessThan(2 ** 20)
  })

  it('gives back each chunk once it is read, and the one in hand when its reader leaves', async () => {
    const batches = await open(WIDE)
    let rows = 0
    while (rows < 2 * CHUNK_ROWS) rows += (await read(batches)).rows
    const before = Math.floor(rows / CHUNK_ROWS)
    expect(emptied).toHaveBeenCalledTimes(before)
    rows += (await read(batches)).rows
    await batches.return?.()
    expect(emptied).toHaveBeenCalledTimes(before + 1)
  })

  it('has the collector told what it leaves in the engine, unless it was read to its end', async () => {
    const chunkBytes = CHUNK_ROWS * TEXT_BYTES
    const needed = Math.ceil(128 * 2 ** 20 / (chunkBytes * (THREADS + 1)))
    for (let i = 0; i < needed; i++) {
      expect(collections).toEqual([])
      const batches = await open(WIDE)
      await read(batches)
      await batches.return?.()
    }
    expect(collections).toEqual(['major'])
    for (let i = 0; i < needed; i++) for await (const batch of (await run(engine, `${WIDE} LIMIT ${CHUNK_ROWS}`)).batches) expect(batch.rows).toBeGreaterThan(0)
    expect(collections).toEqual(['major'])
  })

  it('of narrow chunks gives back what was fetched ahead of a reader that leaves', async () => {
    const batches = await open(NARROW)
    let rows = 0
    for (let i = 0; i < 2; i++) rows += (await read(batches)).rows
    await untilQuiet()
    expect(rows % CHUNK_ROWS).toBe(0)
    expect(emptied).toHaveBeenCalledTimes(rows / CHUNK_ROWS)
    await batches.return?.()
    expect(emptied).toHaveBeenCalledTimes(rows / CHUNK_ROWS + 1)
    await vi.waitFor(() => { expect(engine.counts().running).toBe(0) })
  })
})
