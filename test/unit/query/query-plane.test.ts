import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import type { LoadDigest } from '../../../src/core/membership/types.ts'
import type { QueryRequest, QueryResponse } from '../../../src/query/types.ts'
import { batchesOf, createPlane, readAll, request, respond, settle, turn, until, type Counted } from '../../support/query-plane.ts'

const MIB = 1 << 20

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error: unknown = await promise.then(() => null, (reason: unknown) => reason)
  if (!(error instanceof MeshError)) throw new Error(`no MeshError: ${String(error)}`)
  return error
}

/** Endless batches, so that only backpressure can stop the engine. */
function* endless(bytes: number): Generator<{ rows: number; bytes: Uint8Array }, void, void> {
  for (;;) yield { rows: 1, bytes: new Uint8Array(bytes) }
}

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => { signal.addEventListener('abort', () => reject(signal.reason as Error)) })
}

describe('small results', () => {
  it('carries request, head, batches and trailer across', async () => {
    const seen: QueryRequest[] = []
    const { client } = createPlane((asked) => {
      seen.push(asked)
      return Promise.resolve(respond(batchesOf(3, 100)))
    })
    const parameters = [null, true, -0, 1.5, 2n ** 100n, 'ü', Uint8Array.of(0, 255), new Date(1234567890123)]
    const response = await client.query('t', request({ parameters, access: 'write', priority: 'low', explain: true }))
    expect(response.format).toBe('raw')
    expect([...response.header]).toEqual([1, 2, 3])
    expect(response.route).toMatchObject({ decision: 'local', reason: 'served here', executedBy: { name: 'server' } })
    expect(response.trailer()).toBeNull()
    const batches = await readAll(response)
    expect(batches.map(({ rows, bytes }) => [rows, bytes.length, bytes[0]])).toEqual([[10, 100, 0], [10, 100, 1], [10, 100, 2]])
    expect(response.trailer()).toMatchObject({ rows: 30, engineMs: 1, load: { cpuPercent: 12.5, sequence: 7 } })
    expect(seen[0]).toMatchObject({ parameters, access: 'write', priority: 'low', visited: [], explain: true })
  })

  it('counts no open transaction as in flight, but its begin and its statements', async () => {
    const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
    const begun = Promise.withResolvers<void>()
    const { client, streams } = createPlane(async ({ transaction }) => {
      if (transaction?.step !== 'begin') await ends[1].promise
      else await begun.promise
      return respond(transaction?.step === 'begin' ? (async function* () { yield* await ends[0].promise.then(() => []) })() : [])
    })
    const step = (name: 'begin' | 'statement'): Promise<QueryResponse> => client.query('t', request({ transaction: { id: 'ab'.repeat(16), step: name } }))
    const beginning = step('begin')
    await settle()
    expect(client.inFlight('t')).toBe(1)
    begun.resolve()
    const begin = await beginning
    expect(client.inFlight('t')).toBe(0)
    const statement = step('statement')
    await settle()
    expect(client.inFlight('t')).toBe(1)
    ends[1].resolve()
    await readAll(await statement)
    expect(client.inFlight('t')).toBe(0)
    ends[0].resolve()
    await readAll(begin)
    expect(client.inFlight('t')).toBe(0)
    expect(streams).toHaveLength(1)
  })

  it('leaves the route report to the entry node', async () => {
    const seen: QueryRequest[] = []
    const { client } = createPlane((asked) => {
      seen.push(asked)
      return Promise.resolve(respond([]))
    })
    expect((await client.query('t', request({ visited: ['p1', 'p2'] }))).route).toBeNull()
    expect(seen[0]?.visited).toEqual(['p1', 'p2'])
  })

  it('answers 1,000 concurrent queries over one stream, many frames to a send', async () => {
    const { client, server, streams } = createPlane((asked) => Promise.resolve(respond([{ rows: 1, bytes: Buffer.from(asked.sql) }])))
    const answers = await Promise.all(Array.from({ length: 1000 }, async (_, i) => {
      const [batch] = await readAll(await client.query('t', request({ sql: `q${i}` })))
      return Buffer.from(batch?.bytes ?? []).toString()
    }))
    expect(answers).toEqual(Array.from({ length: 1000 }, (_, i) => `q${i}`))
    expect(streams).toHaveLength(1)
    // 1,000 requests or answers take some 20 times `SESSION_SEND_BYTES`.
    expect(streams[0]?.sends).toBeLessThan(40)
    expect(streams[0]?.peer.sends).toBeLessThan(40)
    expect(client.inFlight('t')).toBe(0)
    expect(server.inFlight).toBe(0)
    expect(server.counters()).toMatchObject({ requests: 1000, succeeded: 1000, bulkTransfers: 0 })
  })

  it('works whatever the sizes of the pieces that the transport delivers', async () => {
    const { client } = createPlane(() => Promise.resolve(respond(batchesOf(20, 20_000))), { stream: { pieceBytes: 3 } })
    const batches = await readAll(await client.query('t', request()))
    expect(batches.map(({ bytes }) => bytes[19_999])).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  it('keeps three timers, however many queries there were', async () => {
    const { client, clock } = createPlane(() => Promise.resolve(respond(batchesOf(1, 10))))
    for (let i = 0; i < 5; i++) await readAll(await client.query('t', request()))
    expect(clock.pending).toBe(3)
  })

  it('tells the load in a trailer to whoever asked for it', async () => {
    const { client } = createPlane(() => Promise.resolve(respond([])))
    const loads: Array<[string, LoadDigest, number]> = []
    client.onPeerLoad((...args) => loads.push(args))
    await readAll(await client.query('t', request()))
    expect(loads).toEqual([['t', { cpuPercent: 12.5, memoryPercent: 40, inFlight: 3, overloaded: false, drill: false, sequence: 7 }, 0]])
  })

  it('closes an idle stream and opens another when it is needed', async () => {
    const { client, clock, streams, opened } = createPlane(() => Promise.resolve(respond([])), { client: { idleMs: 1000 } })
    await readAll(await client.query('t', request()))
    clock.advance(1000)
    await readAll(await client.query('t', request()))
    clock.advance(1000)
    await settle()
    expect(opened()).toBe(1)
    expect(streams[0]?.isClosed).toBe(false)
    clock.advance(1000)
    await until('the stream to close', () => streams[0]?.isClosed === true)
    await readAll(await client.query('t', request()))
    expect(opened()).toBe(2)
  })
})

describe('large results', () => {
  it('move to a bulk stream, which serves one after the other', async () => {
    const { client, server, opened } = createPlane(() => Promise.resolve(respond(batchesOf(100, 50_000))))
    for (let i = 0; i < 3; i++) {
      const response = await client.query('t', request())
      const batches = await readAll(response)
      expect(batches.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 100 }, (_, k) => k))
      expect(response.trailer()?.rows).toBe(1000)
    }
    expect(opened()).toBe(2)
    expect(server.counters()).toMatchObject({ bulkTransfers: 3, bulkRefused: 0, succeeded: 3 })
  })

  it('splits a batch larger than a frame and rejoins it', async () => {
    const big = new Uint8Array(5 * MIB).map((_, i) => (i * 7) & 0xff)
    const { client } = createPlane(() => Promise.resolve(respond([{ rows: 3, bytes: big }, { rows: 1, bytes: Uint8Array.of(9) }])))
    const batches = await readAll(await client.query('t', request()))
    expect(batches.map(({ rows }) => rows)).toEqual([3, 1])
    expect(Buffer.compare(batches[0]?.bytes ?? new Uint8Array(), big)).toBe(0)
  })

  it('refuses a batch beyond the bound of rejoining', async () => {
    const { client } = createPlane(() => Promise.resolve(respond([{ rows: 1, bytes: new Uint8Array(65 * MIB) }])))
    const error = await failure(client.query('t', request()).then(readAll))
    expect(error.code).toBe('ERR_QUERY_TOO_LARGE')
  })

  it('stop the engine while the consumer rests, with bounded memory, and go on when it reads', async () => {
    const counted: Counted = { pulled: 0, released: false }
    const { client } = createPlane(() => Promise.resolve(respond(endless(100_000), counted)), { client: { windowBytes: MIB } })
    const response = await client.query('t', request())
    const iterator = response.batches[Symbol.asyncIterator]()
    await iterator.next()
    await settle(300)
    const atRest = counted.pulled
    await settle(300)
    expect(counted.pulled).toBe(atRest)
    expect(atRest * 100_000).toBeLessThan(3 * MIB)
    for (let i = 0; i < 200; i++) await iterator.next()
    expect(counted.pulled).toBeGreaterThan(190)
    await iterator.return?.()
    await until('the engine to be released', () => counted.released)
  })

  it('do not hold up small ones', async () => {
    const { client } = createPlane((asked) => Promise.resolve(respond(asked.sql === 'big' ? endless(100_000) : batchesOf(1, 10))))
    const big = await client.query('t', request({ sql: 'big' }))
    await big.batches[Symbol.asyncIterator]().next()
    for (let i = 0; i < 20; i++) expect(await readAll(await client.query('t', request()))).toHaveLength(1)
  })

  it('wait for a stream in turn when there are more than the pool has, and are refused beyond the bound', async () => {
    const { client, opened } = createPlane(() => Promise.resolve(respond(batchesOf(10, 50_000))), { client: { bulkStreamsMax: 2, bulkWaitersMax: 3 } })
    const outcomes = await Promise.all(Array.from({ length: 10 }, async () => {
      try {
        return (await readAll(await client.query('t', request()))).length
      } catch (error) {
        return (error as MeshError).code
      }
    }))
    expect(outcomes.filter((outcome) => outcome === 10).length).toBeGreaterThanOrEqual(3)
    expect(outcomes.every((outcome) => outcome === 10 || outcome === 'ERR_OVERLOADED')).toBe(true)
    expect(outcomes).toContain('ERR_OVERLOADED')
    expect(opened()).toBe(3)
    expect(client.inFlight('t')).toBe(0)
  })

  it('send their head when the rest is slow, and end without a bulk stream when nothing more comes', async () => {
    const gate = Promise.withResolvers<void>()
    async function* slow(): AsyncGenerator<{ rows: number; bytes: Uint8Array }, void, void> {
      yield { rows: 1, bytes: Uint8Array.of(1) }
      await gate.promise
    }
    const { client, clock, server } = createPlane(() => Promise.resolve(respond(slow())))
    const asked = client.query('t', request())
    await settle()
    clock.advance(20)
    const iterator = (await asked).batches[Symbol.asyncIterator]()
    expect(await iterator.next()).toMatchObject({ done: false, value: { rows: 1 } })
    gate.resolve()
    expect((await iterator.next()).done).toBe(true)
    await settle()
    expect(server.inFlight).toBe(0)
    expect(client.inFlight('t')).toBe(0)
  })
})

describe('ending early', () => {
  it('a cancelled signal reaches the handler, before the head', async () => {
    let reason: unknown = null
    const { client, server } = createPlane(async (_asked, { signal }) => {
      signal.addEventListener('abort', () => { reason = signal.reason })
      return await never(signal)
    })
    const controller = new AbortController()
    const asked = failure(client.query('t', request(), { signal: controller.signal }))
    await until('the query to run', () => server.inFlight === 1)
    controller.abort()
    expect((await asked).code).toBe('ERR_QUERY_CANCELLED')
    await until('the handler to end', () => server.inFlight === 0)
    expect((reason as MeshError).code).toBe('ERR_QUERY_CANCELLED')
    expect(server.counters().cancelled).toBe(1)
  })

  it('leaving the loop releases the engine, and the bulk stream serves on', async () => {
    const counted: Counted = { pulled: 0, released: false }
    const { client, server, opened } = createPlane((asked) => Promise.resolve(asked.sql === 'big' ? respond(endless(50_000), counted) : respond(batchesOf(10, 50_000))))
    for await (const batch of (await client.query('t', request({ sql: 'big' }))).batches) {
      expect(batch.rows).toBe(1)
      break
    }
    await until('the engine to be released', () => counted.released && server.inFlight === 0)
    await settle()
    expect(await readAll(await client.query('t', request()))).toHaveLength(10)
    expect(opened()).toBe(2)
  })

  it('the deadline holds on both sides, each on its own', async () => {
    const { client, clock, server } = createPlane(async (_asked, { signal }) => await never(signal))
    const asked = failure(client.query('t', request({ timeoutMs: 100 })))
    await until('the query to run', () => server.inFlight === 1)
    clock.advance(100)
    expect((await asked).code).toBe('ERR_QUERY_TIMEOUT')
    await until('the handler to end', () => server.inFlight === 0)
    expect(server.counters().timedOut).toBe(1)
  })

  it('the deadline also ends a result that is being read', async () => {
    const counted: Counted = { pulled: 0, released: false }
    const { client, clock } = createPlane(() => Promise.resolve(respond(endless(50_000), counted)))
    const iterator = (await client.query('t', request({ timeoutMs: 1000 }))).batches[Symbol.asyncIterator]()
    await iterator.next()
    clock.advance(1000)
    expect((await failure(iterator.next())).code).toBe('ERR_QUERY_TIMEOUT')
    await until('the engine to be released', () => counted.released)
  })

  it('a consumer that takes nothing for the stall bound loses its query', async () => {
    const counted: Counted = { pulled: 0, released: false }
    const { client, clock, server } = createPlane(() => Promise.resolve(respond(endless(50_000), counted)), { server: { stallMs: 5000 } })
    const iterator = (await client.query('t', request({ timeoutMs: 60_000 }))).batches[Symbol.asyncIterator]()
    await iterator.next()
    await settle(200)
    clock.advance(5000)
    await until('the engine to be released', () => counted.released)
    expect(server.counters().stalled).toBe(1)
    const error = await failure((async () => { while ((await iterator.next()).done !== true) { /* what was under way */ } })())
    expect(error.code).toBe('ERR_QUERY_CANCELLED')
    expect(error.message).toContain('5000 ms')
  })

  it('an error after the first batches arrives as it is', async () => {
    function* failing(): Generator<{ rows: number; bytes: Uint8Array }, void, void> {
      yield* batchesOf(5, 50_000)
      throw new MeshError('ERR_SQL', 'division by zero', { details: { position: 7 } })
    }
    const { client } = createPlane(() => Promise.resolve(respond(failing())))
    const error = await failure(client.query('t', request()).then(readAll))
    expect(error).toMatchObject({ code: 'ERR_SQL', message: 'division by zero', details: { position: 7 } })
  })

  it('a request that was refused unstarted says so; one that failed in the handler does not', async () => {
    const { client } = createPlane(async (_asked, { signal }) => await never(signal), { server: { inFlightPerStreamMax: 2 } })
    const controller = new AbortController()
    const running = [1, 2].map(() => failure(client.query('t', request(), { signal: controller.signal })))
    await settle()
    const refused = await failure(client.query('t', request()))
    expect(refused).toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no' } })
    controller.abort()
    for (const error of await Promise.all(running)) expect(error.details).not.toHaveProperty('started')
  })
})

describe('a broken stream', () => {
  it('before the request is sent: provably not started', async () => {
    const { client } = createPlane(() => Promise.resolve(respond([])), { client: { open: () => Promise.reject(new Error('no route')) } })
    expect(await failure(client.query('t', request()))).toMatchObject({ code: 'ERR_PEER_UNREACHABLE', details: { started: 'no' } })
    expect(client.inFlight('t')).toBe(0)
  })

  it('after the request is sent: unknown; and the next query opens another stream', async () => {
    let answer = false
    const { client, streams, server } = createPlane(async (_asked, { signal }) => (answer ? respond([]) : await never(signal)))
    const asked = failure(client.query('t', request()))
    await until('the query to run', () => server.inFlight === 1)
    streams[0]?.abort(new Error('cut'))
    expect(await asked).toMatchObject({ code: 'ERR_PEER_UNREACHABLE', details: { started: 'unknown' } })
    await until('the handler to end', () => server.inFlight === 0)
    answer = true
    expect(await readAll(await client.query('t', request()))).toEqual([])
  })

  it.each(['asking', 'answering'])('in the middle of a send of the %s side: each query ends once', async (side) => {
    const { client, streams, server } = createPlane(() => Promise.resolve(respond([{ rows: 1, bytes: new Uint8Array(100) }])))
    await client.warm('t')
    const asking = streams[0] as (typeof streams)[number]
    const stream = side === 'asking' ? asking : asking.peer
    stream.send = () => {
      stream.abort(new Error('cut'))
      return false
    }
    // Enough that both sides send before the round ends; what is asked after that goes over another stream.
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => client.query('t', request()).then(readAll).then(() => 'answered', (error: MeshError) => error.code)))
    expect(new Set(outcomes)).toEqual(new Set(side === 'asking' ? ['ERR_PEER_UNREACHABLE', 'answered'] : ['ERR_PEER_UNREACHABLE']))
    await until('the handlers to end', () => server.inFlight === 0)
    const { requests, succeeded, failed, cancelled, timedOut } = server.counters()
    expect(succeeded + failed + cancelled + timedOut).toBe(requests)
    expect(client.inFlight('t')).toBe(0)
  })

  it('after rows: says how many were delivered', async () => {
    const { client, streams } = createPlane(() => Promise.resolve(respond(endless(50_000))))
    const iterator = (await client.query('t', request())).batches[Symbol.asyncIterator]()
    for (let i = 0; i < 3; i++) await iterator.next()
    streams[1]?.abort(new Error('cut'))
    expect(await failure(iterator.next())).toMatchObject({ code: 'ERR_QUERY_BROKEN', details: { rowsDelivered: 3 } })
  })

  it('a session that ends takes its bulk streams and engines with it', async () => {
    const counted: Counted = { pulled: 0, released: false }
    const { client, streams, server } = createPlane(() => Promise.resolve(respond(endless(50_000), counted)))
    await (await client.query('t', request())).batches[Symbol.asyncIterator]().next()
    await client.close()
    await until('the engine to be released', () => counted.released && server.inFlight === 0)
    await until('the streams to close', () => streams.every((stream) => stream.isClosed))
  })

  it('a target that never says Hello is given up', async () => {
    const { client, clock } = createPlane(() => Promise.resolve(respond([])), { client: { open: () => new Promise(() => {}), openTimeoutMs: 700 } })
    const asked = failure(client.query('t', request({ timeoutMs: 60_000 })))
    await turn()
    clock.advance(700)
    expect(await asked).toMatchObject({ code: 'ERR_PEER_UNREACHABLE', details: { started: 'no' } })
  })
})

describe('draining', () => {
  it('lets running queries finish and refuses new ones', async () => {
    const gate = Promise.withResolvers<QueryResponse>()
    const { client, server } = createPlane(() => gate.promise)
    const running = client.query('t', request()).then(readAll)
    await until('the query to run', () => server.inFlight === 1)
    const drained = server.drain(10_000)
    expect(await failure(client.query('t', request()))).toMatchObject({ code: 'ERR_DRAINING', details: { started: 'no' } })
    gate.resolve(respond(batchesOf(2, 10)))
    expect(await running).toHaveLength(2)
    await drained
  })

  it('ends what is still running at the bound', async () => {
    const { client, server, clock } = createPlane(async (_asked, { signal }) => await never(signal))
    const running = failure(client.query('t', request({ timeoutMs: 60_000 })))
    await until('the query to run', () => server.inFlight === 1)
    const drained = server.drain(500)
    clock.advance(500)
    expect((await running).code).toBe('ERR_DRAINING')
    await drained
    await until('the handler to end', () => server.inFlight === 0)
  })
})
