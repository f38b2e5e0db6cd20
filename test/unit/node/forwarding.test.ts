import { describe, expect, it } from 'vitest'
import { Hedging, type HedgingOptions } from '../../../src/core/routing/hedging.ts'
import { RetryBudget } from '../../../src/core/routing/retry-budget.ts'
import { MeshError, type ErrorCode } from '../../../src/errors.ts'
import { type ForwardInput, Forwarding } from '../../../src/node/forwarding.ts'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import type { QueryResponse } from '../../../src/query/types.ts'
import { request, settle, VirtualClock } from '../../support/query-plane.ts'

async function* one(text: string): AsyncGenerator<EngineBatch, void, void> {
  yield { bytes: Buffer.from(text), rows: 1 }
}

const answer = (text: string): QueryResponse => ({ format: 'raw', header: Buffer.from('h'), route: null, batches: one(text), trailer: () => null })

/** Peers that answer when the test says so. */
function setUp(hedging: Partial<HedgingOptions> = {}) {
  const clock = new VirtualClock()
  const asked: string[] = []
  const sent: string[] = []
  const resorts: boolean[] = []
  const delivered: object[] = []
  const routes = new Map<string, { via: string }>()
  const outcomes: string[] = []
  const told: object[] = []
  const aborted: string[] = []
  const settlers = new Map<string, { resolve: (response: QueryResponse) => void; reject: (error: MeshError) => void }>()
  const forwarding = new Forwarding({
    self: { peerId: 'self' }, peerName: (peerId) => peerId, clock, retryBudget: new RetryBudget(), hedging: new Hedging(hedging),
    routeTo: (peerId) => routes.get(peerId) ?? null,
    onDelivered: (peerId, traffic) => { delivered.push({ peerId, ...traffic }) },
    onDispatch: (peerId, { database, access }) => {
      asked.push(peerId)
      told.push({ peerId, database, access })
    },
    onOutcome: (peerId, { outcome, firstRowMs, ...attempt }) => {
      outcomes.push(`${peerId} ${outcome} ${firstRowMs}`)
      told.push({ peerId, outcome, ...attempt })
    },
    forward: (peerId, { finalPeerId, lastResort }, { signal }) => new Promise((resolve, reject) => {
      resorts.push(lastResort)
      sent.push(finalPeerId === '' ? peerId : `${finalPeerId} via ${peerId}`)
      settlers.set(peerId, { resolve, reject })
      signal.addEventListener('abort', () => {
        aborted.push(peerId)
        reject(signal.reason as MeshError)
      })
    }),
  })
  const along = (input: Partial<ForwardInput> = {}) => forwarding.along({
    chain: ['a', 'b', 'c'], request: request({ access: 'read' }), signal: new AbortController().signal, deadlineMs: 10_000, asksAgain: false, hasNoBetter: false, ...input,
  })
  const at = (peerId: string) => {
    const settler = settlers.get(peerId)
    if (settler === undefined) throw new Error(`${peerId} was not asked`)
    return { answers: () => { settler.resolve(answer(peerId)) }, fails: (code: ErrorCode, started: 'no' | 'unknown' = 'no') => { settler.reject(new MeshError(code, code, { details: { started } })) } }
  }
  return { clock, asked, sent, resorts, delivered, routes, outcomes, told, aborted, forwarding, along, at }
}

describe('hedged reads', () => {
  it('asks nobody else while hedging is off', async () => {
    const { clock, asked, along, at } = setUp()
    const outcome = along()
    clock.advance(9_000)
    await settle()
    expect(asked).toEqual(['a'])
    at('a').answers()
    expect(await outcome).toMatchObject({ kind: 'answered', peerId: 'a', isHedge: false })
  })

  it('asks the next peer when the first is slow, takes the first answer and cancels the loser', async () => {
    const { clock, asked, outcomes, aborted, forwarding, along, at } = setUp({ afterMs: 100 })
    const outcome = along()
    await settle()
    clock.advance(99)
    await settle()
    expect(asked).toEqual(['a'])
    clock.advance(1)
    await settle()
    expect(asked).toEqual(['a', 'b'])
    clock.advance(20)
    at('b').answers()
    expect(await outcome).toMatchObject({ kind: 'answered', peerId: 'b', isHedge: true, failed: [] })
    await settle()
    expect(aborted).toEqual(['a'])
    expect(outcomes).toEqual(['b answered 20', 'a cancelled 120'])
    expect(forwarding.counters).toMatchObject({ hedges: 1, hedgesWon: 1, failovers: 0 })
  })

  it('keeps the first attempt: it may still win', async () => {
    const { clock, aborted, forwarding, along, at } = setUp({ afterMs: 100 })
    const outcome = along()
    await settle()
    clock.advance(100)
    await settle()
    at('a').answers()
    expect(await outcome).toMatchObject({ peerId: 'a', isHedge: false })
    expect(aborted).toEqual(['b'])
    expect(forwarding.counters).toMatchObject({ hedges: 1, hedgesWon: 0 })
  })

  it('waits for the other one when one of both fails, and then moves on', async () => {
    const { clock, asked, along, at } = setUp({ afterMs: 100 })
    const outcome = along()
    await settle()
    clock.advance(100)
    await settle()
    at('a').fails('ERR_OVERLOADED')
    await settle()
    expect(asked).toEqual(['a', 'b'])
    at('b').fails('ERR_DRAINING')
    await settle()
    expect(asked).toEqual(['a', 'b', 'c'])
    at('c').answers()
    expect(await outcome).toMatchObject({ peerId: 'c', failed: [{ peerId: 'a', code: 'ERR_OVERLOADED' }, { peerId: 'b', code: 'ERR_DRAINING' }] })
  })

  it('sends no more than its budget, and says so', async () => {
    const { clock, asked, forwarding, along, at } = setUp({ afterMs: 100, requestRatio: 0 })
    for (const peer of ['first', 'second']) {
      const outcome = along({ chain: [peer, `${peer} hedge`] })
      await settle()
      clock.advance(100)
      await settle()
      at(peer).answers()
      await outcome
    }
    expect(asked).toEqual(['first', 'first hedge', 'second'])
    expect(forwarding.counters).toMatchObject({ hedges: 1, hedgesThrottled: 1 })
  })

  it.each(['write', 'unknown'] as const)('never sends a query twice that may write (%s)', async (access) => {
    const { clock, asked, along, at } = setUp({ afterMs: 100 })
    const outcome = along({ request: request({ access }) })
    await settle()
    clock.advance(5_000)
    await settle()
    expect(asked).toEqual(['a'])
    at('a').answers()
    await outcome
  })

  it('cancels all attempts when the caller is gone', async () => {
    const { clock, aborted, along } = setUp({ afterMs: 100 })
    const caller = new AbortController()
    const outcome = along({ signal: caller.signal })
    await settle()
    clock.advance(100)
    await settle()
    caller.abort(new MeshError('ERR_QUERY_CANCELLED', 'gone'))
    await expect(outcome).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    expect(aborted.sort()).toEqual(['a', 'b'])
  })

  it('leaves no timer behind', async () => {
    const { clock, along, at } = setUp({ afterMs: 100 })
    const outcome = along()
    await settle()
    at('a').answers()
    await outcome
    expect(clock.pending).toBe(0)
  })
})

describe('a query that has no better place', () => {
  it('is to run there although that peer is overloaded', async () => {
    const { resorts, along, at } = setUp()
    for (const hasNoBetter of [true, false]) {
      const outcome = along({ chain: ['a'], hasNoBetter })
      await settle()
      at('a').answers()
      await outcome
    }
    expect(resorts).toEqual([true, false])
  })
})

describe('a two-hop route', () => {
  it('sends the query to the relay and names the node that runs it, which the outcome is about', async () => {
    const { sent, routes, outcomes, forwarding, along, at } = setUp()
    routes.set('a', { via: 'r' })
    const outcome = along()
    await settle()
    expect(sent).toEqual(['a via r'])
    at('r').answers()
    expect(await outcome).toMatchObject({ kind: 'answered', peerId: 'a' })
    expect(outcomes).toEqual(['a answered 0'])
    expect(forwarding.counters.twoHop).toBe(1)
  })
})

describe('what an attempt says of its peer', () => {
  it('is how long its answer took and how much it was, once it has been read', async () => {
    const { clock, delivered, along, at } = setUp()
    const outcome = along()
    await settle()
    clock.advance(7)
    at('a').answers()
    const { response } = await outcome as { response: QueryResponse }
    expect(delivered).toEqual([])
    clock.advance(3)
    for await (const batch of response.batches) expect(batch.rows).toBe(1)
    expect(delivered).toEqual([{ peerId: 'a', roundTripMs: 7, bytes: 1, durationMs: 10 }])
  })

  it.each([
    ['ERR_OVERLOADED', 'refused'], ['ERR_NOT_SERVING', 'refused'], ['ERR_PEER_UNREACHABLE', 'broken'], ['ERR_INTERNAL', 'broken'],
  ] as const)('%s is %s', async (code, expected) => {
    const { clock, outcomes, along, at } = setUp()
    const outcome = along({ chain: ['a'] })
    await settle()
    clock.advance(7)
    at('a').fails(code)
    expect(await outcome).toMatchObject({ kind: 'exhausted' })
    expect(outcomes).toEqual([`a ${expected} 7`])
  })

  it('a faulty statement is an answer', async () => {
    const { outcomes, along, at } = setUp()
    const outcome = along()
    await settle()
    at('a').fails('ERR_SQL')
    await expect(outcome).rejects.toMatchObject({ code: 'ERR_SQL' })
    expect(outcomes).toEqual(['a answered 0'])
  })

  it('is of a database and an access, with a result or without', async () => {
    const { told, along, at } = setUp()
    const first = along({ chain: ['a'] })
    await settle()
    at('a').fails('ERR_SQL')
    await expect(first).rejects.toMatchObject({ code: 'ERR_SQL' })
    const second = along({ chain: ['b'], request: request({ database: 'users', access: 'write' }) })
    await settle()
    at('b').answers()
    await second
    expect(told).toEqual([
      { peerId: 'a', database: 'd', access: 'read' }, { peerId: 'a', database: 'd', access: 'read', outcome: 'answered', hasResult: false },
      { peerId: 'b', database: 'users', access: 'write' }, { peerId: 'b', database: 'users', access: 'write', outcome: 'answered', hasResult: true },
    ])
  })
})

describe('a node without a copy of its own', () => {
  it('goes back to a peer that refused for its load when no retry is left', async () => {
    const { asked, resorts, along, at } = setUp()
    const spend = async (): Promise<void> => {
      for (let query = 0; query < 10; query++) {
        const outcome = along({ chain: ['x', 'y'] })
        await settle()
        at('x').fails('ERR_DRAINING')
        await settle()
        at('y').answers()
        await outcome
      }
    }
    await spend()
    await spend()
    asked.length = 0
    resorts.length = 0
    const outcome = along({ asksAgain: true })
    for (let refusal = 0; refusal < 3 && !resorts.includes(true); refusal++) {
      await settle()
      at(asked.at(-1) ?? '').fails('ERR_OVERLOADED')
      await settle()
    }
    expect(resorts.at(-1)).toBe(true)
    expect(asked.length).toBeLessThan(4)
    at(asked.at(-1) ?? '').answers()
    expect(await outcome).toMatchObject({ kind: 'answered' })
  })
})
