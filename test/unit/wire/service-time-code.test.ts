import { describe, expect, it } from 'vitest'
import { serviceTimeCode, serviceTimeMs } from '../../../src/wire/service-time-code.ts'

describe('a service time in a byte', () => {
  it('comes back within 7 %, and grows with the time', () => {
    let last = 0
    for (let ms = 0.1; ms < 600_000; ms *= 1.07) {
      const code = serviceTimeCode(ms)
      expect(code).toBeGreaterThanOrEqual(last)
      expect(code).toBeLessThan(128)
      const back = serviceTimeMs(code) ?? NaN
      expect(Math.abs(Math.log(back / ms))).toBeLessThan(0.07)
      last = code
    }
  })

  it('is the nearest there is beyond its ends', () => {
    expect(serviceTimeCode(0)).toBe(1)
    expect(serviceTimeCode(1e-9)).toBe(1)
    expect(serviceTimeCode(1e12)).toBe(127)
    expect(serviceTimeCode(Infinity)).toBe(127)
  })

  it('is none where there is none', () => {
    for (const none of [null, undefined, NaN, -1]) expect(serviceTimeCode(none)).toBe(0)
    for (const none of [0, 128, 1.5, -1, NaN]) expect(serviceTimeMs(none)).toBeNull()
  })
})
