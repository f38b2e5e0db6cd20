/** A result that nobody reads, and whose signal nobody aborts, is let go by leaving it: at every step that it passes on its way. */
import { describe, expect, it } from 'vitest'
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import { ResultCache } from '../../../src/core/cache/result-cache.ts'
import { Hedging } from '../../../src/core/routing/hedging.ts'
import { RetryBudget } from '../../../src/core/routing/retry-budget.ts'
import { Forwarding } from '../../../src/node/forwarding.ts'
import { executeGated } from '../../../src/node/gated-engine.ts'
import { runLocally } from '../../../src/node/local-run.ts'
import { QueryGateDriver } from '../../../src/node/query-gate-driver.ts'
import { SharedReads } from '../../../src/node/shared-reads.ts'
import type { EngineBatch, EngineResult } from '../../../src/ports/query-engine.ts'
import { collect } from '../../support/collect.ts'
import { localRoute, request, VirtualClock } from '../../support/query-plane.ts'

const load = { cpuPercent: 0, memoryPercent: 0, inFlight: 0, overloaded: false, drill: false, sequence: 1 }

/** Of an engine, whose iterator notices at once that it is left. */
function engineResult(): { readonly result: EngineResult; readonly left: () => boolean } {
  let isLeft = false
  const batches: AsyncIterableIterator<EngineBatch, undefined> = {
    [Symbol.asyncIterator]: () => batches,
    next: () => Promise.resolve({ done: false, value: { rows: 1, bytes: new Uint8Array(10) } }),
    return: () => {
      isLeft = true
      return Promise.resolve({ done: true, value: undefined })
    },
  }
  return { result: { format: 'raw', header: new Uint8Array(0), batches }, left: () => isLeft }
}

async function* none(): AsyncGenerator<EngineBatch, void, void> {
  // No rows.
}

async function leave({ batches }: Pick<EngineResult, 'batches'>): Promise<void> {
  await batches[Symbol.asyncIterator]().return?.()
}

const { signal } = new AbortController()

describe('a result that is left unread', () => {
  it('gives its place at the gate back', async () => {
    const clock = new VirtualClock()
    const gate = new QueryGateDriver(new QueryGate(), clock)
    const { result, left } = engineResult()
    const asked = { sql: 's', parameters: [], priority: 'normal', access: 'read', deadlineMs: 1000, signal } as const
    const gated = await executeGated({ gate, clock }, { database: 'd', execute: () => Promise.resolve(result) }, asked)
    expect(gate.running).toBe(1)
    await leave(gated)
    expect([gate.running, left()]).toEqual([0, true])
  })

  it('is no running query any more', async () => {
    const { result, left } = engineResult()
    let released = 0
    await leave(await runLocally({ clock: new VirtualClock(), localLoad: () => load }, { execute: () => Promise.resolve(result), route: localRoute(), signal, release: () => { released++ } }))
    expect([released, left()]).toEqual([1, true])
  })

  it('is left at the engine where it might have been kept, and ends a write', async () => {
    const clock = new VirtualClock()
    const shared = new SharedReads({ cache: new ResultCache({ bytesMax: 1 << 20 }), coalescer: null, clock })
    const read = engineResult()
    await leave(await shared.execute({ database: 'd', sql: 's', parameters: [], priority: 'normal', signal, start: () => Promise.resolve(read.result) }))
    expect(read.left()).toBe(true)
    const write = engineResult()
    const writing = await shared.executeWrite('d', () => Promise.resolve(write.result))
    await collect((await shared.execute({ database: 'd', sql: 's', parameters: [], priority: 'normal', signal, start: () => Promise.resolve({ ...read.result, batches: none() }) })).batches)
    expect(shared.counters['cachedResults']).toBe(1)
    await leave(writing)
    expect([write.left(), shared.counters['cachedResults']]).toEqual([true, 0])
    shared.stop()
  })

  it('is left at the peer, which is told of', async () => {
    const clock = new VirtualClock()
    const { result, left } = engineResult()
    const delivered: unknown[] = []
    const forwarding = new Forwarding({
      self: { peerId: 'self' }, peerName: (peerId) => peerId, clock, retryBudget: new RetryBudget(), hedging: new Hedging(), routeTo: () => null,
      onDelivered: (peerId, { bytes }) => { delivered.push([peerId, bytes]) }, onDispatch: () => undefined, onOutcome: () => undefined,
      forward: () => Promise.resolve({ ...result, route: null, trailer: () => null, batches: result.batches as AsyncIterableIterator<EngineBatch, undefined> }),
    })
    const outcome = await forwarding.along({ chain: ['a'], request: request(), signal, deadlineMs: 1000, asksAgain: false, hasNoBetter: false })
    if (outcome.kind !== 'answered') expect.fail(outcome.kind)
    await leave(outcome.response)
    expect([left(), delivered]).toEqual([true, [['a', 0]]])
  })
})
