import { describe, expect, it } from 'vitest'
import { covering, isWithin, radiusOf, RADIUS_UNKNOWN, ringsOf, scaleFor } from '../../../../src/operations/dashboard/page/rtt-scale.ts'

describe('the scale of round trips', () => {
  it('goes from and to round numbers, and over a tenfold at the least', () => {
    expect(scaleFor([0.31, 362])).toEqual({ fromMs: 0.2, toMs: 500 })
    expect(scaleFor([0.3, 0.31])).toEqual({ fromMs: 0.2, toMs: 2 })
    expect(scaleFor([1, 10])).toEqual({ fromMs: 1, toMs: 10 })
    expect(scaleFor([])).toEqual({ fromMs: 0.1, toMs: 10 })
    expect(scaleFor([0])).toEqual({ fromMs: 0.1, toMs: 10 })
  })

  it('puts equal factors at equal distances, and what was never measured outside of all', () => {
    const scale = { fromMs: 1, toMs: 100 }
    expect(radiusOf(scale, 10) - radiusOf(scale, 1)).toBeCloseTo(radiusOf(scale, 100) - radiusOf(scale, 10))
    expect(radiusOf(scale, 0.01)).toBe(radiusOf(scale, 1))
    expect(radiusOf(scale, 5000)).toBe(radiusOf(scale, 100))
    expect(radiusOf(scale, null)).toBe(RADIUS_UNKNOWN)
    expect(RADIUS_UNKNOWN).toBeGreaterThan(radiusOf(scale, 5000))
  })

  it('draws few rings, whatever it spans', () => {
    expect(ringsOf({ fromMs: 0.2, toMs: 2 }).map(({ rttMs }) => rttMs)).toEqual([0.2, 0.5, 1, 2])
    expect(ringsOf({ fromMs: 1, toMs: 100 }).map(({ rttMs }) => rttMs)).toEqual([1, 3, 10, 30, 100])
    expect(ringsOf({ fromMs: 0.2, toMs: 500 }).map(({ rttMs }) => rttMs)).toEqual([1, 10, 100])
  })

  it('knows which covers which', () => {
    const [narrow, wide] = [{ fromMs: 1, toMs: 10 }, { fromMs: 0.1, toMs: 5 }]
    expect(isWithin(narrow, wide)).toBe(false)
    expect(isWithin(narrow, covering(narrow, wide))).toBe(true)
    expect(isWithin(wide, covering(narrow, wide))).toBe(true)
  })
})
