/** Three in a row: a relay is a handler that asks a client, and everything flows through it. */
import { describe, expect, it } from 'vitest'
import type { MeshError } from '../../../src/errors.ts'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import type { QueryHandler, RouteReport } from '../../../src/query/types.ts'
import { batchesOf, createPlane, localRoute, readAll, request, respond, settle, until, type Counted, type Plane } from '../../support/query-plane.ts'

const relayed: RouteReport = { ...localRoute('peer'), decision: 'forward', reason: 'local CPU 85% exceeds threshold 80%', latencyMs: 0.5 }

function chain(handler: QueryHandler): { readonly peer: Plane; readonly entry: Plane } {
  const peer = createPlane(handler)
  const entry = createPlane(async (asked, { signal }) => {
    const response = await peer.client.query('peer', { ...asked, visited: ['entry'] }, { signal })
    return { ...response, route: relayed }
  })
  return { peer, entry }
}

function* endless(): Generator<EngineBatch, void, void> {
  for (;;) yield { rows: 5, bytes: new Uint8Array(60_000) }
}

describe('a relay', () => {
  it('passes bytes, trailer and its own route on', async () => {
    const { entry } = chain((asked) => Promise.resolve(respond(batchesOf(asked.sql === 'big' ? 100 : 2, 30_000))))
    for (const [sql, count] of [['small', 2], ['big', 100]] as const) {
      const response = await entry.client.query('entry', request({ sql }))
      expect(response.route).toEqual(relayed)
      expect((await readAll(response)).map(({ bytes }) => bytes[29_999])).toEqual(Array.from({ length: count }, (_, i) => i))
      expect(response.trailer()).toMatchObject({ rows: count * 10, load: { sequence: 7 } })
    }
  })

  it('passes backpressure through to the engine', async () => {
    const counted: Counted = { pulled: 0, released: false }
    const { entry } = chain(() => Promise.resolve(respond(endless(), counted)))
    const iterator = (await entry.client.query('entry', request())).batches[Symbol.asyncIterator]()
    await iterator.next()
    await settle(500)
    const atRest = counted.pulled
    await settle(500)
    expect(counted.pulled).toBe(atRest)
    expect(atRest * 60_000).toBeLessThan(6 << 20)
    await iterator.return?.()
  })

  it.each(['while it runs', 'after rows'])('passes a cancellation through to the engine, %s', async (when) => {
    const counted: Counted = { pulled: 0, released: false }
    let aborted = false
    const { entry, peer } = chain(async (_asked, { signal }) => {
      signal.addEventListener('abort', () => { aborted = true })
      if (when === 'after rows') return respond(endless(), counted)
      return await new Promise((_resolve, reject) => { signal.addEventListener('abort', () => reject(signal.reason as Error)) })
    })
    const controller = new AbortController()
    const asked = (async () => {
      for await (const batch of (await entry.client.query('entry', request(), { signal: controller.signal })).batches) if (batch.rows !== 5) break
    })()
    await until('the query to run', () => (when === 'after rows' ? counted.pulled > 5 : peer.server.inFlight === 1))
    controller.abort()
    await expect(asked).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await until('both servers to be free', () => peer.server.inFlight === 0 && entry.server.inFlight === 0)
    expect(aborted).toBe(true)
  })

  it('tells how many rows came when the peer breaks after some', async () => {
    const { entry, peer } = chain(() => Promise.resolve(respond(endless())))
    const iterator = (await entry.client.query('entry', request())).batches[Symbol.asyncIterator]()
    await iterator.next()
    for (const stream of peer.streams) stream.abort(new Error('the peer died'))
    const error: unknown = await (async () => {
      try {
        while ((await iterator.next()).done !== true) { /* what was under way */ }
      } catch (reason) {
        return reason
      }
      return null
    })()
    expect(error).toMatchObject({ code: 'ERR_QUERY_BROKEN' })
    expect((error as MeshError).details.rowsDelivered).toBeGreaterThan(0)
    await until('the entry to be free', () => entry.server.inFlight === 0)
  })

  it('passes the deadline on as what is left of it', async () => {
    let seenMs = 0
    const { entry } = chain((asked) => {
      seenMs = asked.timeoutMs
      return Promise.resolve(respond([]))
    })
    await readAll(await entry.client.query('entry', request({ timeoutMs: 1234 })))
    expect(seenMs).toBeLessThanOrEqual(1234)
    expect(seenMs).toBeGreaterThan(0)
  })
})
