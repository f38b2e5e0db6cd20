import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import { OWN_QUERIES_MAX, OwnQueries } from '../../../src/node/own-queries.ts'
import type { Log } from '../../../src/ports/log.ts'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import type { QueryHandler, QueryRequest, QueryResponse } from '../../../src/query/types.ts'
import { createRowsResult, type RowsValue } from '../../../src/wire/results/rows-result.ts'
import { collect } from '../../support/collect.ts'
import { VirtualClock } from '../../support/query-plane.ts'

const trailer = { rows: 1, engineMs: 1, load: null }

function setUp(answer: (request: QueryRequest, signal: AbortSignal) => Promise<QueryResponse>) {
  const errors: string[] = []
  const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (_, message) => { errors.push(message) }, child: () => log }
  const clock = new VirtualClock()
  const requests: QueryRequest[] = []
  const signals: AbortSignal[] = []
  const handler: QueryHandler = (request, { signal }) => {
    requests.push(request)
    signals.push(signal)
    return answer(request, signal)
  }
  return { queries: new OwnQueries({ handler, clock, log }), clock, requests, signals, errors }
}

function response(rows: Iterable<readonly RowsValue[]> | AsyncIterable<readonly RowsValue[]>): QueryResponse {
  return { ...createRowsResult([{ name: 'n', type: 'bigint' }], rows), route: null, trailer: () => trailer }
}

/** Batches that come when they are told to; `left` counts who was released. */
function slowResponse() {
  const { header } = createRowsResult([{ name: 'n', type: 'bigint' }], [])
  const seen = { left: 0, asked: 0 }
  const pending = Promise.withResolvers<IteratorResult<EngineBatch, undefined>>()
  const iterator: AsyncIterableIterator<EngineBatch, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    next: () => {
      seen.asked++
      return pending.promise
    },
    return: () => {
      seen.left++
      return Promise.resolve({ done: true, value: undefined })
    },
  }
  return { seen, pending, response: { format: 'columns', header, route: null, batches: iterator, trailer: () => null } satisfies QueryResponse }
}

const never = (): Promise<QueryResponse> => new Promise(() => undefined)
const settled = async (): Promise<void> => { await new Promise((resolve) => { setImmediate(resolve) }) }

describe("a program's own query", () => {
  it('is handed on as a client’s, and counts until its rows have been read', async () => {
    const { queries, requests } = setUp(() => Promise.resolve(response([[1], [2]])))
    const result = await queries.query('SELECT ?', { database: 'db', parameters: [1], priority: 'high', route: { zone: 'eu' }, session: 's', explain: true, timeoutMs: 500 })
    expect(requests).toMatchObject([{ sql: 'SELECT ?', database: 'db', parameters: [1], access: 'unknown', priority: 'high', hints: 'zone=eu, session=s', explain: true, timeoutMs: 500, visited: [] }])
    expect(queries.inFlight).toBe(1)
    expect(await collect(result.rows())).toEqual([{ n: 1n }, { n: 2n }])
    expect([queries.inFlight, result.trailer()]).toEqual([0, trailer])
  })

  it('is cancelled by leaving its rows', async () => {
    let isLeft = false
    const rows = async function* (): AsyncGenerator<readonly RowsValue[]> {
      try {
        for (let n = 0; ; n++) yield await Promise.resolve([n])
      } finally {
        isLeft = true
      }
    }
    const { queries } = setUp(() => Promise.resolve(response(rows())))
    for await (const row of (await queries.query('SELECT 1', { database: 'db' })).rows()) {
      expect(row).toEqual({ n: 0n })
      break
    }
    expect([isLeft, queries.inFlight]).toEqual([true, 0])
  })

  it('ends at its deadline, before the answer and between rows', async () => {
    const early = setUp(never)
    const waiting = early.queries.query('SELECT 1', { database: 'db', timeoutMs: 100 })
    early.clock.advance(100)
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_QUERY_TIMEOUT' })
    expect([early.queries.inFlight, early.signals[0]?.aborted]).toEqual([0, true])

    const { response: slow, seen } = slowResponse()
    const late = setUp(() => Promise.resolve(slow))
    const reading = collect((await late.queries.query('SELECT 1', { database: 'db', timeoutMs: 100 })).rows())
    await settled()
    late.clock.advance(100)
    await expect(reading).rejects.toMatchObject({ code: 'ERR_QUERY_TIMEOUT' })
    expect([late.queries.inFlight, late.signals[0]?.aborted, seen.left > 0]).toEqual([0, true, true])
  })

  it('ends unread at its deadline, and a reader who comes then is told', async () => {
    const { response: slow, seen } = slowResponse()
    const { queries, clock } = setUp(() => Promise.resolve(slow))
    const result = await queries.query('SELECT 1', { database: 'db', timeoutMs: 100 })
    clock.advance(100)
    expect([queries.inFlight, seen.left]).toEqual([0, 1])
    await expect(collect(result.rows())).rejects.toMatchObject({ code: 'ERR_QUERY_TIMEOUT' })
    expect(seen.asked).toBe(0)
  })

  it('ends with its signal; an answer that comes then is released', async () => {
    const answering = Promise.withResolvers<QueryResponse>()
    const { queries } = setUp(() => answering.promise)
    const controller = new AbortController()
    const waiting = queries.query('SELECT 1', { database: 'db', signal: controller.signal })
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    const { response: slow, seen } = slowResponse()
    answering.resolve(slow)
    await settled()
    expect([queries.inFlight, seen.left]).toEqual([0, 1])
    await expect(queries.query('SELECT 1', { database: 'db', signal: controller.signal })).rejects.toThrow()
  })

  it('passes errors on; what is none of ours is a logged fault', async () => {
    const refusal = new MeshError('ERR_SQL', 'no such table')
    const { queries, errors } = setUp(({ sql }) => Promise.reject(sql === 'a' ? refusal : new TypeError('undefined is not a function')))
    await expect(queries.query('a', { database: 'db' })).rejects.toBe(refusal)
    expect(errors).toEqual([])
    await expect(queries.query('b', { database: 'db' })).rejects.toMatchObject({ code: 'ERR_INTERNAL', message: 'undefined is not a function' })
    expect([errors.length, queries.inFlight]).toEqual([1, 0])
  })

  it('is refused when it is wrong, and when there are too many', async () => {
    const { queries, requests } = setUp(never)
    await expect(queries.query('SELECT 1', { database: '' })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    for (let i = 0; i < OWN_QUERIES_MAX; i++) queries.query('SELECT 1', { database: 'db' }).catch(() => undefined)
    await expect(queries.query('SELECT 1', { database: 'db' })).rejects.toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no' } })
    expect([requests.length, queries.inFlight]).toEqual([OWN_QUERIES_MAX, OWN_QUERIES_MAX])
  })
})

describe('draining', () => {
  it('refuses new queries, waits for those that run, and is done with the last', async () => {
    const { queries } = setUp(() => Promise.resolve(response([[1]])))
    const result = await queries.query('SELECT 1', { database: 'db' })
    let isDone = false
    const draining = queries.drain(1_000).then(() => { isDone = true })
    await expect(queries.query('SELECT 1', { database: 'db' })).rejects.toMatchObject({ code: 'ERR_NODE_STOPPED' })
    await settled()
    expect(isDone).toBe(false)
    expect(await collect(result.rows())).toEqual([{ n: 1n }])
    await draining
  })

  it('ends what is left after its bound', async () => {
    const { queries, clock } = setUp(never)
    const waiting = queries.query('SELECT 1', { database: 'db' })
    const draining = queries.drain(1_000)
    clock.advance(1_000)
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_DRAINING' })
    await draining
    expect(queries.inFlight).toBe(0)
  })

  it('is done at once when nothing runs', async () => {
    await setUp(never).queries.drain(1_000)
  })
})
