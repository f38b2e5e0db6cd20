import { describe, expect, it } from 'vitest'
import { TransactionTable } from '../../../../src/core/transactions/transaction-table.ts'

const options = { openMax: 2, idleMs: 1_000, lifetimeMs: 10_000 }

function opened(table: TransactionTable, nowMs: number, id: string): void {
  expect(table.begin(nowMs, id)).toBeNull()
  table.handleFinish(nowMs, id)
}

describe('open transactions', () => {
  it('are bounded, and their ids are taken once', () => {
    const table = new TransactionTable(options)
    expect([table.begin(0, 'a'), table.begin(0, 'a'), table.begin(0, 'b'), table.begin(0, 'c')]).toEqual([null, 'known', null, 'full'])
    expect(table.open).toBe(2)
    table.end(5, 'a', 'rolled-back')
    table.end(5, 'a', 'lost')
    expect(table.begin(5, 'c')).toBeNull()
    expect(table.counters).toMatchObject({ begun: 3, refused: 2, rolledBack: 1, lost: 0 })
  })

  it('are rolled back when they were idle for long enough, counted from the end of the last statement', () => {
    const table = new TransactionTable(options)
    expect(table.begin(0, 'a')).toBeNull()
    // Until the engine has begun it, nobody can send it anything.
    expect(table.nextDeadlineMs()).toBe(10_000)
    table.handleFinish(200, 'a')
    expect(table.nextDeadlineMs()).toBe(1_200)
    table.handleStart(1_100, 'a')
    expect(table.handleTimeout(5_000)).toEqual([])
    table.handleFinish(5_000, 'a')
    expect(table.handleTimeout(5_999)).toEqual([])
    expect(table.handleTimeout(6_000)).toEqual([{ kind: 'roll-back', id: 'a', reason: 'idle' }])
    expect(table.handleTimeout(9_000)).toEqual([])
    // Until its owner has rolled it back it has its place.
    expect(table.open).toBe(1)
    table.end(9_000, 'a', 'idle')
    expect([table.open, table.counters.idle, table.nextDeadlineMs()]).toEqual([0, 1, null])
  })

  it('are rolled back at the end of their lifetime, also while a statement runs', () => {
    const table = new TransactionTable(options)
    opened(table, 0, 'a')
    for (let nowMs = 500; nowMs < 9_500; nowMs += 500) {
      table.handleStart(nowMs, 'a')
      table.handleFinish(nowMs, 'a')
    }
    table.handleStart(9_400, 'a')
    expect(table.handleTimeout(9_999)).toEqual([])
    expect(table.handleTimeout(10_000)).toEqual([{ kind: 'roll-back', id: 'a', reason: 'lifetime' }])
    table.handleFinish(10_500, 'a')
    table.end(10_500, 'a', 'lifetime')
    expect(table.counters).toMatchObject({ begun: 1, lifetime: 1, idle: 0 })
  })

  it('count two statements, one of which is being left while the next one waits for it', () => {
    const table = new TransactionTable(options)
    opened(table, 0, 'a')
    table.handleStart(100, 'a')
    table.handleStart(200, 'a')
    table.handleFinish(300, 'a')
    expect(table.handleTimeout(5_000)).toEqual([])
    table.handleFinish(5_000, 'a')
    expect(table.nextDeadlineMs()).toBe(6_000)
  })

  it('say nothing of those that are unknown', () => {
    const table = new TransactionTable(options)
    table.handleStart(0, 'x')
    table.handleFinish(0, 'x')
    table.end(0, 'x', 'committed')
    expect([table.open, table.nextDeadlineMs(), table.counters.committed]).toEqual([0, null, 0])
    expect(() => new TransactionTable({ idleMs: 1 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }) as Error)
  })
})
