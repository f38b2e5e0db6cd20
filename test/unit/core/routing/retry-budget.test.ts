import { describe, expect, it } from 'vitest'
import { RetryBudget } from '../../../../src/core/routing/retry-budget.ts'

function retriesAt(budget: RetryBudget, nowMs: number): number {
  let count = 0
  while (budget.tryRetry(nowMs)) count++
  return count
}

describe('retry budget', () => {
  it('starts with the retries of one second', () => {
    expect(retriesAt(new RetryBudget(), 0)).toBe(10)
  })

  it('earns ten a second while idle, up to its bound', () => {
    const budget = new RetryBudget()
    retriesAt(budget, 0)
    expect(retriesAt(budget, 1_000)).toBe(10)
    expect(retriesAt(budget, 1_050)).toBe(0)
    expect(retriesAt(budget, 1_100)).toBe(1)
    expect(retriesAt(budget, 3_600_000)).toBe(100)
  })

  it('earns a fifth of the requests', () => {
    const budget = new RetryBudget({ perSecond: 0 })
    expect(retriesAt(budget, 0)).toBe(0)
    for (let i = 0; i < 5; i++) budget.recordRequest(0)
    expect(retriesAt(budget, 0)).toBe(1)
    for (let i = 0; i < 100; i++) budget.recordRequest(0)
    expect(retriesAt(budget, 0)).toBe(20)
  })

  it('holds retries to a fifth plus ten a second when everything fails', () => {
    const budget = new RetryBudget()
    let retries = 0
    for (let nowMs = 0; nowMs < 60_000; nowMs++) {
      budget.recordRequest(nowMs)
      if (budget.tryRetry(nowMs)) retries++
    }
    expect(retries).toBeGreaterThan(60_000 * 0.2 + 590)
    expect(retries).toBeLessThanOrEqual(60_000 * 0.2 + 610)
  })

  it('gains nothing from a clock that steps back', () => {
    const budget = new RetryBudget()
    retriesAt(budget, 5_000)
    expect(retriesAt(budget, 1_000)).toBe(0)
    expect(retriesAt(budget, 5_000)).toBe(0)
    expect(retriesAt(budget, 5_100)).toBe(1)
  })

  it('refuses options out of range', () => {
    expect(() => new RetryBudget({ requestRatio: 2 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
