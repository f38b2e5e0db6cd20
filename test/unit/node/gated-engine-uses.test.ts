/** Whom an engine that is to be closed waits for: those who run on it, and those who wait in line for it. */
import { describe, expect, it } from 'vitest'
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import { MeshError } from '../../../src/errors.ts'
import { EngineUses } from '../../../src/node/engine-uses.ts'
import { executeGated } from '../../../src/node/gated-engine.ts'
import { QueryGateDriver } from '../../../src/node/query-gate-driver.ts'
import type { EngineBatch, EngineResult } from '../../../src/ports/query-engine.ts'
import { settle, VirtualClock } from '../../support/query-plane.ts'

function setUp({ places = 4 }: { readonly places?: number } = {}) {
  const clock = new VirtualClock()
  const uses = new EngineUses()
  const gate = new QueryGateDriver(new QueryGate({ limitMax: places, limitInitial: places, limitMin: 1 }), clock)
  /** What the second pull finds. */
  const second = Promise.withResolvers<void>()
  async function* batches(): AsyncGenerator<EngineBatch, void, void> {
    yield { bytes: new Uint8Array(1), rows: 1 }
    await second.promise
  }
  const engine = { database: 'users', execute: (): Promise<EngineResult> => Promise.resolve({ format: 'raw', header: new Uint8Array(0), batches: batches() }) }
  const caller = new AbortController()
  const execute = (of: typeof engine = engine, signal = caller.signal): Promise<EngineResult> => executeGated({ gate, clock, uses }, of, { sql: 'SELECT 1', parameters: [], access: 'read', priority: 'normal', deadlineMs: clock.nowMs() + 60_000, signal })
  return { uses, engine, execute, second, caller }
}

describe('a query', () => {
  it('is at the engine until its batches have ended', async () => {
    const { uses, execute, second } = setUp()
    const iterator = (await execute()).batches[Symbol.asyncIterator]()
    await iterator.next()
    expect(uses.running('users')).toBe(1)
    second.resolve()
    expect([(await iterator.next()).done, uses.running('users')]).toEqual([true, 0])
  })

  it('is there while it waits in line, and not when it has left that', async () => {
    const { uses, engine, execute, caller } = setUp({ places: 1 })
    await execute(engine, new AbortController().signal)
    const waiting = execute()
    await settle()
    expect(uses.running('users')).toBe(2)
    caller.abort(new MeshError('ERR_QUERY_CANCELLED', 'enough'))
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    expect(uses.running('users')).toBe(1)
  })

  it('is there no more when it was left, and when the engine refused it', async () => {
    const { uses, engine, execute } = setUp()
    await (await execute()).batches[Symbol.asyncIterator]().return?.()
    expect(uses.running('users')).toBe(0)
    await expect(execute({ ...engine, execute: () => Promise.reject(new MeshError('ERR_SQL', 'no')) })).rejects.toMatchObject({ code: 'ERR_SQL' })
    expect(uses.running('users')).toBe(0)
  })

  it('that is cut off hears of that, before its first batch and after it', async () => {
    const { uses, engine, execute, second } = setUp()
    const iterator = (await execute()).batches[Symbol.asyncIterator]()
    await iterator.next()
    uses.cutOff('users')
    const interrupted = new MeshError('ERR_QUERY_CANCELLED', 'interrupted')
    await expect(execute({ ...engine, execute: () => Promise.reject(interrupted) })).rejects.toMatchObject({ code: 'ERR_DRAINING' })
    second.reject(interrupted)
    await expect(iterator.next()).rejects.toMatchObject({ code: 'ERR_DRAINING', message: 'users is served here no more, and the query had no more time' })
  })

  it('that its caller cancelled then stays cancelled', async () => {
    const { uses, execute, second, caller } = setUp()
    const iterator = (await execute()).batches[Symbol.asyncIterator]()
    await iterator.next()
    uses.cutOff('users')
    const cancelled = new MeshError('ERR_QUERY_CANCELLED', 'by its caller')
    caller.abort(cancelled)
    second.reject(cancelled)
    await expect(iterator.next()).rejects.toBe(cancelled)
  })
})
