import { describe, expect, it } from 'vitest'
import { excessRatio, forwardedRatio } from '../../../../src/core/routing/load-sharing.ts'

describe('excess', () => {
  const thresholds = { cpuPercent: 80, memoryPercent: 90 }
  it.each([
    [{ cpuPercent: 50, memoryPercent: 50 }, 0],
    [{ cpuPercent: 80, memoryPercent: 50 }, 0],
    [{ cpuPercent: 85, memoryPercent: 50 }, 0.25],
    [{ cpuPercent: 85, memoryPercent: 95 }, 0.5],
    [{ cpuPercent: 100, memoryPercent: 0 }, 1],
    [{ cpuPercent: 140, memoryPercent: 0 }, 1],
  ])('of %j is %d', (load, expected) => {
    expect(excessRatio(load, thresholds)).toBeCloseTo(expected)
  })

  it('is all or nothing with a threshold of 100 %', () => {
    expect(excessRatio({ cpuPercent: 99, memoryPercent: 0 }, { cpuPercent: 100, memoryPercent: 100 })).toBe(0)
    expect(excessRatio({ cpuPercent: 100, memoryPercent: 0 }, { cpuPercent: 100, memoryPercent: 100 })).toBe(1)
  })
})

describe('the forwarded share', () => {
  it.each([[0, 0.4], [0.25, 0.7], [0.5, 1], [1, 1]])('at an excess of %d is %d', (excess, expected) => {
    expect(forwardedRatio(excess, { shareMin: 0.4, shareFullAt: 0.5 })).toBeCloseTo(expected)
  })
})
