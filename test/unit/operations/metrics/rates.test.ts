import { expect, it } from 'vitest'
import { RateWindow } from '../../../../src/operations/metrics/rates.ts'

it('keeps as many readings as a minute needs, however often it is asked', () => {
  const window = new RateWindow(0)
  for (let nowMs = 100; nowMs <= 300_000; nowMs += 100) window.read(nowMs, { datagramsSent: nowMs / 50 })
  expect(window.size).toBeLessThanOrEqual(14)
  expect(window.read(300_050, { datagramsSent: 300_050 / 50 }).messagesPerSecond).toBeCloseTo(20, 6)
})

it('answers 0 at the very start', () => {
  expect(new RateWindow(5).read(5, { datagramsSent: 3 })).toEqual({ messagesPerSecond: 0, queriesPerSecond: 0, forwardRatio: null })
})
