import { describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import { EngineUses } from '../../../src/node/engine-uses.ts'

describe('who is at an engine', () => {
  it('is waited for, queries and transactions alike', async () => {
    const uses = new EngineUses()
    uses.handleStart('users', 'queries')
    uses.handleStart('users', 'transactions')
    let isIdle = false
    const idle = uses.untilIdle('users').then(() => { isIdle = true })
    uses.handleEnd('users', 'queries')
    await Promise.resolve()
    expect([uses.running('users'), uses.openTransactions('users'), isIdle]).toEqual([1, 1, false])
    uses.handleEnd('users', 'transactions')
    await idle
    expect(uses.running('users')).toBe(0)
  })

  it('is nobody of another database, and of one that was never asked for', async () => {
    const uses = new EngineUses()
    uses.handleStart('orders', 'queries')
    await uses.untilIdle('users')
    expect([uses.running('users'), uses.cutOff('users')]).toEqual([0, 0])
  })

  it('is told that it was cut off, and not that it had cancelled', () => {
    const uses = new EngineUses()
    const cancelled = new MeshError('ERR_QUERY_CANCELLED', 'cancelled')
    uses.handleStart('users', 'queries')
    expect(uses.explain('users', cancelled)).toBe(cancelled)
    expect(uses.cutOff('users')).toBe(1)
    expect(uses.explain('users', cancelled)).toMatchObject({ code: 'ERR_DRAINING', cause: cancelled })
    const refused = new MeshError('ERR_SQL', 'no such table')
    expect(uses.explain('users', refused)).toBe(refused)
    uses.handleEnd('users', 'queries')
    uses.handleStart('users', 'queries')
    expect(uses.explain('users', cancelled)).toBe(cancelled)
  })
})
