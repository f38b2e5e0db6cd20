/** RFC 2439 §4, adapted to members. */
import { describe, expect, it } from 'vitest'
import { FlapDamping, HALF_LIFE_MS, PENALTY_MAX, probationMs, REUSE_AT, SUPPRESS_AT } from '../../../../src/core/membership/flap-damping.ts'

describe('flap damping', () => {
  it('a single failure is no flapping, the third within a short time is, and is told once', () => {
    const flaps = new FlapDamping()
    expect([flaps.note(0, 'x'), flaps.note(5000, 'x'), flaps.note(10_000, 'x'), flaps.note(15_000, 'x')]).toEqual([null, null, 'flapping', null])
    expect([flaps.isFlapping('x'), flaps.isFlapping('y')]).toEqual([true, false])
  })

  it('the penalty halves with each half-life, so that rare failures never add up', () => {
    const flaps = new FlapDamping()
    flaps.note(0, 'x')
    expect(flaps.penalty(HALF_LIFE_MS, 'x')).toBeCloseTo(0.5)
    for (let hour = 1; hour < 100; hour++) expect(flaps.note(hour * 3_600_000, 'x')).toBeNull()
  })

  it('settles when the penalty has sunk below the reuse threshold, not before', () => {
    const flaps = new FlapDamping()
    for (let crash = 0; crash < 4; crash++) flaps.note(crash * 1000, 'x')
    const settledMs = flaps.settledAtMs('x')
    expect(flaps.penalty(settledMs, 'x')).toBeCloseTo(REUSE_AT)
    expect(flaps.penalty(settledMs, 'x')).toBeLessThan(SUPPRESS_AT)
    expect(flaps.settle(settledMs - 1, 'x')).toBe(false)
    expect(flaps.settle(settledMs + 1, 'x')).toBe(true)
    expect([flaps.isFlapping('x'), flaps.penalty(settledMs + 1, 'x')]).toEqual([false, 0])
  })

  it('the penalty has a ceiling, so that even the worst member settles within minutes', () => {
    const flaps = new FlapDamping()
    for (let crash = 0; crash < 1000; crash++) flaps.note(crash, 'x')
    expect(flaps.penalty(999, 'x')).toBeCloseTo(PENALTY_MAX, 1)
    expect(flaps.settledAtMs('x') - 999).toBeLessThanOrEqual(3 * HALF_LIFE_MS)
  })

  it('says so again when a member that nobody settled flaps anew, and keeps none such for ever', () => {
    const flaps = new FlapDamping()
    const flap = (fromMs: number) => [0, 1, 2].map((crash) => flaps.note(fromMs + 1000 * crash, 'x'))
    expect(flap(0)).toEqual([null, null, 'flapping'])
    expect(flap(20 * HALF_LIFE_MS)).toEqual([null, null, 'flapping'])
    flaps.note(40 * HALF_LIFE_MS, 'y')
    expect(flaps.size).toBe(1)
  })

  it('one that fails each minute is flapping, one that fails every two is not', () => {
    const flapsAt = (everyMs: number) => {
      const flaps = new FlapDamping()
      return Array.from({ length: 50 }, (_, crash) => flaps.note(crash * everyMs, 'x')).indexOf('flapping')
    }
    expect(flapsAt(60_000)).toBe(3)
    expect(flapsAt(120_000)).toBe(-1)
  })

  it('forgets those whose penalty weighs nothing, and is bounded', () => {
    const flaps = new FlapDamping()
    flaps.note(0, 'old')
    flaps.note(20 * HALF_LIFE_MS, 'new')
    expect(flaps.size).toBe(1)
    for (let index = 0; index < 10_100; index++) flaps.note(20 * HALF_LIFE_MS, `m${index}`)
    expect(flaps.size).toBe(10_000)
  })
})

describe('probation', () => {
  it('is twice the time away, within bounds, longer with the penalty', () => {
    expect([0, 1000, 17_000, 3_600_000].map((awayMs) => probationMs({ awayMs, penalty: 0 }))).toEqual([5000, 5000, 34_000, 60_000])
    expect(probationMs({ awayMs: 17_000, penalty: 1 })).toBe(34_000)
    expect(probationMs({ awayMs: 17_000, penalty: 3 })).toBe(102_000)
    expect(probationMs({ awayMs: 3_600_000, penalty: 6 })).toBe(300_000)
  })
})
