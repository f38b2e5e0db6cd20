import { describe, expect, it } from 'vitest'
import { Hedging } from '../../../../src/core/routing/hedging.ts'

function answered(hedging: Hedging, timesMs: readonly number[]): Hedging {
  for (const timeMs of timesMs) hedging.handleAnswer(timeMs)
  return hedging
}

const hundred = Array.from({ length: 128 }, (_, index) => index % 100)

describe('hedging', () => {
  it('is off by default', () => {
    const hedging = answered(new Hedging(), hundred)
    hedging.handleRequest()
    expect([hedging.isOn, hedging.delayMs, hedging.tryHedge()]).toEqual([false, null, false])
  })

  it('waits the fixed time until enough answers make a quantile, then the shorter of both', () => {
    const hedging = new Hedging({ afterMs: 200 })
    expect(hedging.delayMs).toBe(200)
    answered(hedging, Array.from({ length: 63 }, () => 10))
    expect(hedging.delayMs).toBe(200)
    answered(hedging, [10])
    expect(hedging.delayMs).toBe(10)
    expect(answered(new Hedging({ afterMs: 200 }), hundred).delayMs).toBeGreaterThanOrEqual(62)
    expect(answered(new Hedging({ afterMs: 20 }), hundred).delayMs).toBe(20)
  })

  it('follows what is recent, over a bounded window', () => {
    const hedging = answered(new Hedging({ afterMs: 10_000 }), Array.from({ length: 512 }, () => 10))
    expect(hedging.delayMs).toBe(10)
    answered(hedging, Array.from({ length: 512 }, () => 300))
    expect(hedging.delayMs).toBe(300)
  })

  it('ignores times that are none', () => {
    const hedging = answered(new Hedging({ afterMs: 100 }), [...Array.from({ length: 100 }, () => 5), NaN, -1, Infinity])
    expect(hedging.delayMs).toBe(5)
  })

  it('sends at most its share of the requests', () => {
    const hedging = new Hedging({ afterMs: 100, requestRatio: 0.05, tokensMax: 20 })
    expect(hedging.tryHedge()).toBe(true)
    expect(hedging.tryHedge()).toBe(false)
    let hedges = 0
    for (let request = 0; request < 1_000; request++) {
      hedging.handleRequest()
      if (hedging.tryHedge()) hedges++
    }
    expect(hedges).toBe(50)
  })

  it('saves up no more than its bound', () => {
    const hedging = new Hedging({ afterMs: 100, requestRatio: 1, tokensMax: 3 })
    for (let request = 0; request < 100; request++) hedging.handleRequest()
    expect([1, 2, 3, 4].map(() => hedging.tryHedge())).toEqual([true, true, true, false])
  })

  it.each([[{ afterMs: -1 }, 'ERR_OPTION_INVALID'], [{ quantile: 0.1 }, 'ERR_OPTION_INVALID'], [{ later: 1 } as object, 'ERR_OPTION_UNKNOWN']])('refuses %o', (options, code) => {
    expect(() => new Hedging(options)).toThrow(expect.objectContaining({ code }) as Error)
  })
})
