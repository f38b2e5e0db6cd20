import { describe, expect, it } from 'vitest'
import { ResultCache } from '../../../src/core/cache/result-cache.ts'
import { SharedReads, type SharedRead } from '../../../src/node/shared-reads.ts'
import type { EngineBatch, EngineResult } from '../../../src/ports/query-engine.ts'
import { QueryCoalescer } from '../../../src/query/coalescing.ts'
import { settle, VirtualClock } from '../../support/query-plane.ts'

/** An engine that counts its runs and answers with the number of the run. */
function setUp({ bytesMax = 0, coalesce = false, dataVersion }: { bytesMax?: number; coalesce?: boolean; dataVersion?: () => Promise<string | null> }) {
  const clock = new VirtualClock()
  const runs: string[] = []
  const shared = new SharedReads({ cache: new ResultCache({ bytesMax }), coalescer: coalesce ? new QueryCoalescer(clock) : null, clock, ...(dataVersion === undefined ? {} : { engines: new Map([['db', { dataVersion }]]) }) })
  const read = (sql: string, more: Partial<SharedRead> = {}) => shared.execute({
    database: 'db', sql, parameters: [], priority: 'normal', signal: new AbortController().signal,
    start: () => {
      runs.push(sql)
      return Promise.resolve(result(String(runs.length)))
    },
    ...more,
  })
  return { clock, runs, shared, read }
}

function result(text: string): EngineResult {
  return { format: 'raw', header: Buffer.from('h'), batches: (async function* (): AsyncGenerator<EngineBatch, void, void> {
    yield { bytes: Buffer.from(text), rows: 1 }
  })() }
}

/** Done and read to its end. */
async function write(shared: SharedReads, database = 'db'): Promise<void> {
  await text(await shared.executeWrite(database, () => Promise.resolve(result('done'))))
}

async function text({ batches }: EngineResult): Promise<string> {
  const parts: string[] = []
  for await (const { bytes } of batches) parts.push(Buffer.from(bytes).toString())
  return parts.join()
}

describe('reads', () => {
  it('run each on their own by default', async () => {
    const { runs, read } = setUp({})
    expect([await text(await read('SELECT 1')), await text(await read('SELECT 1'))]).toEqual(['1', '2'])
    expect(runs).toHaveLength(2)
  })

  it('can be looked for without being asked for', async () => {
    let asked = 0
    const { shared, read } = setUp({ bytesMax: 1 << 20, coalesce: true, dataVersion: () => {
      asked++
      return Promise.resolve('1')
    } })
    const look = (sql: string, priority: 'high' | 'normal' = 'normal') => shared.look({ database: 'db', sql, parameters: [], priority })
    expect(look('SELECT 1')).toBeNull()
    const { promise, resolve } = Promise.withResolvers<EngineResult>()
    const running = read('SELECT 1', { start: () => promise })
    await settle(2)
    const askedBefore = asked
    expect([look('SELECT 1'), look('SELECT 1', 'high'), look('SELECT 2')]).toEqual(['under-way', null, null])
    resolve(result('x'))
    await text(await running)
    const before = shared.counters
    expect([look('SELECT 1'), look('SELECT 1', 'high'), look('SELECT now()')]).toEqual(['held', 'held', null])
    expect([shared.counters, asked]).toEqual([before, askedBefore])
    expect(setUp({}).shared.look({ database: 'db', sql: 'SELECT 1', parameters: [], priority: 'normal' })).toBeNull()
  })

  it('are answered from the cache until a write ends or they are too old', async () => {
    const { clock, shared, read } = setUp({ bytesMax: 1 << 20 })
    const ask = async (): Promise<string> => {
      const answer = await read('SELECT 1')
      return `${answer.answeredBy} ${await text(answer)}`
    }
    expect([await ask(), await ask()]).toEqual(['engine 1', 'cache 1'])
    await write(shared, 'other')
    expect(await ask()).toBe('cache 1')
    await write(shared)
    expect([await ask(), await ask()]).toEqual(['engine 2', 'cache 2'])
    clock.advance(10_000)
    expect(await ask()).toBe('engine 3')
    expect(shared.counters).toMatchObject({ hits: 3, stored: 3, invalidated: 1 })
  })

  it('do not keep what a write has made old while it was read', async () => {
    const { shared, read } = setUp({ bytesMax: 1 << 20 })
    const answer = await read('SELECT 1')
    await write(shared)
    await text(answer)
    expect((await read('SELECT 1')).answeredBy).toBe('engine')
  })

  it('are not answered from before a write that was given up and done all the same', async () => {
    const { shared, read } = setUp({ bytesMax: 1 << 20 })
    let done: (error: Error) => void = () => undefined
    const given = shared.executeWrite('db', () => new Promise((_resolve, reject) => { done = reject }))
    await text(await read('SELECT 1'))
    done(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    expect((await read('SELECT 1')).answeredBy).toBe('engine')
  })

  it('are not answered from before what others have committed', async () => {
    let version: string | null = 'v1'
    const { shared, read } = setUp({ bytesMax: 1 << 20, dataVersion: () => Promise.resolve(version) })
    const ask = async (): Promise<string> => {
      const answer = await read('SELECT 1')
      return `${answer.answeredBy} ${await text(answer)}`
    }
    expect([await ask(), await ask()]).toEqual(['engine 1', 'cache 1'])
    version = 'v2'
    expect([await ask(), await ask()]).toEqual(['engine 2', 'cache 2'])
    version = null
    expect([await ask(), await ask()]).toEqual(['engine 3', 'engine 4'])
    version = 'v2'
    expect(await ask()).toBe('cache 2')
    expect(shared.counters).toMatchObject({ versionsAsked: 7, versionsUnknown: 2, invalidated: 1 })
  })

  it('do not wait for a version when their caller has left, and not for long otherwise', async () => {
    const { clock, runs, read } = setUp({ bytesMax: 1 << 20, dataVersion: () => new Promise(() => undefined) })
    const controller = new AbortController()
    const left = read('SELECT 1', { signal: controller.signal })
    controller.abort(new Error('cancelled'))
    await expect(left).rejects.toThrow('cancelled')
    const waiting = read('SELECT 1')
    expect(runs).toEqual([])
    clock.advance(1000)
    expect((await waiting).answeredBy).toBe('engine')
    expect((await read('SELECT 1')).answeredBy).toBe('engine')
  })

  it('do not keep what others have made old while it was read', async () => {
    let version = 'v1'
    const { read } = setUp({ bytesMax: 1 << 20, dataVersion: () => Promise.resolve(version) })
    const answer = await read('SELECT 1')
    version = 'v2'
    await text(await read('SELECT 2'))
    await text(answer)
    expect((await read('SELECT 1')).answeredBy).toBe('engine')
  })

  it('do not share a run of before what others have committed', async () => {
    let version = 'v1'
    const { read } = setUp({ coalesce: true, dataVersion: () => Promise.resolve(version) })
    const first = await read('SELECT 1')
    version = 'v2'
    const second = await read('SELECT 1')
    expect([first.answeredBy, second.answeredBy]).toEqual(['engine', 'engine'])
    expect([await text(first), await text(second)]).toEqual(['1', '2'])
  })

  it('are let go when they are too old, and at the end', async () => {
    const { clock, shared, read } = setUp({ bytesMax: 1 << 20 })
    await text(await read('SELECT 1'))
    expect([shared.counters['cachedResults'], clock.pending]).toEqual([1, 1])
    clock.advance(10_000)
    expect([shared.counters['cachedResults'], clock.pending]).toEqual([0, 0])
    await text(await read('SELECT 1'))
    shared.stop()
    expect(clock.pending).toBe(0)
  })

  it('do not keep what was left half-way', async () => {
    const { read } = setUp({ bytesMax: 1 << 20 })
    await (await read('SELECT 1')).batches[Symbol.asyncIterator]().return?.()
    expect((await read('SELECT 1')).answeredBy).toBe('engine')
  })

  it('share one run while it is under way', async () => {
    const { runs, shared, read } = setUp({ coalesce: true })
    const [first, second] = await Promise.all([read('SELECT 1'), read('SELECT 1')])
    expect([first.answeredBy, second.answeredBy]).toEqual(['engine', 'another-run'])
    expect(await Promise.all([text(first), text(second)])).toEqual(['1', '1'])
    expect(runs).toHaveLength(1)
    expect(shared.counters).toMatchObject({ led: 1, joined: 1 })
    expect((await read('SELECT 1')).answeredBy).toBe('engine')
  })

  it.each([
    ['chance', 'SELECT random()', {}], ['another database', 'SELECT 1', { database: 'other' }], ['other parameters', 'SELECT 1', { parameters: [1n] }],
  ])('are not the same with %s', async (_what, sql, more) => {
    const { runs, read } = setUp({ bytesMax: 1 << 20, coalesce: true })
    const held = await read(sql)
    await text(held)
    await text(await read(sql, more))
    expect(runs).toHaveLength(2)
  })
})
