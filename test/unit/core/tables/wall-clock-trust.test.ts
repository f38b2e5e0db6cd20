import { describe, expect, it } from 'vitest'
import { DAY_MS } from '../../../../src/core/tables/retention.ts'
import { CLOCK_DOUBT_MS, CLOCK_STEP_MS, WallClockTrust } from '../../../../src/core/tables/wall-clock-trust.ts'

const startWallMs = 20_000 * DAY_MS

describe('the wall clock', () => {
  it('is believed while it goes as the monotonic one does, with what a time server corrects', () => {
    const trust = new WallClockTrust()
    for (let hour = 0; hour < 24 * 30; hour++) expect(trust.handleWallTime(hour * 3_600_000, startWallMs + hour * 3_600_000 + Math.round(Math.sin(hour) * 1_000_000))).toEqual([])
    expect(trust.isTrusted(0)).toBe(true)
  })

  it.each([CLOCK_STEP_MS + 1, -CLOCK_STEP_MS - 1, 10 * DAY_MS])('is not for a day after a step of %d ms', (stepMs) => {
    const trust = new WallClockTrust()
    trust.handleWallTime(0, startWallMs)
    expect(trust.handleWallTime(1_000, startWallMs + 1_000 + stepMs)).toEqual([{ kind: 'clock-doubted', stepMs }])
    expect(trust.handleWallTime(2_000, startWallMs + 2_000 + stepMs)).toEqual([])
    expect([trust.isTrusted(1_000 + CLOCK_DOUBT_MS - 1), trust.isTrusted(1_000 + CLOCK_DOUBT_MS)]).toEqual([false, true])
  })

  it('is not after small steps that amount to a large one, and the day begins anew with each step', () => {
    const trust = new WallClockTrust()
    const steps = [0, 1, 2, 3].map((times) => trust.handleWallTime(times, startWallMs + times * 0.4 * CLOCK_STEP_MS).length)
    expect(steps).toEqual([0, 0, 0, 1])
    expect(trust.handleWallTime(DAY_MS / 2, startWallMs - DAY_MS)).toHaveLength(1)
    expect([trust.isTrusted(DAY_MS * 1.4), trust.isTrusted(DAY_MS * 1.5)]).toEqual([false, true])
  })

  it('is not at a start long after the newest file; files of days that are yet to come say nothing', () => {
    const found = (days: readonly number[]): [number, boolean] => {
      const trust = new WallClockTrust()
      return [trust.handleFilesFound(0, { wallMs: startWallMs, days }).length, trust.isTrusted(0)]
    }
    expect([found([]), found([19_990, 19_998]), found([19_990, 19_997]), found([20_400]), found([19_990, 20_400])]).toEqual([[0, true], [0, true], [1, false], [0, true], [1, false]])
  })
})
