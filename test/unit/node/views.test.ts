import { describe, expect, it } from 'vitest'
import { wallOf } from '../../../src/node/views.ts'
import type { Clock } from '../../../src/ports/clock.ts'

/** The wall clock is whole milliseconds, and time passes between two readings. */
class CutClock implements Clock {
  #nowMs = 1_000.5
  setMs = 5_000_000

  nowMs(): number {
    return this.#nowMs += 0.4
  }

  wallMs(): number {
    return Math.floor(this.setMs + (this.#nowMs += 0.4))
  }

  setTimer(): never {
    throw new Error('not asked in this test')
  }
}

describe('a time of the machines on the wall clock', () => {
  it('is the same however often it is asked for, and no later time comes before it', () => {
    const clock = new CutClock()
    const shown = Array.from({ length: 100 }, () => wallOf(clock, 900))
    expect(new Set(shown).size).toBe(1)
    expect(wallOf(clock, 900.4)).toBeGreaterThanOrEqual(shown[0] ?? NaN)
    expect(Math.abs((shown[0] ?? NaN) - 5_000_900)).toBeLessThanOrEqual(2)
  })

  it('follows a wall clock that is set', () => {
    const clock = new CutClock()
    const beforeMs = wallOf(clock, 900)
    clock.setMs += 3_600_000
    expect(Math.abs(wallOf(clock, 900) - beforeMs - 3_600_000)).toBeLessThanOrEqual(2)
  })
})
