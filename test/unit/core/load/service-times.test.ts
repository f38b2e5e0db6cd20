import { describe, expect, it } from 'vitest'
import { ServiceTimes } from '../../../../src/core/load/service-times.ts'
import { createRandom, type Random } from '../../../../src/core/time/random.ts'

function lognormal(random: Random, medianMs: number, sigma: number): number {
  return medianMs * Math.exp(sigma * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()))
}

/** An open loop: one query every `everyMs`, each as long as told; answers the time at which `isDone` was first true, or null. */
function run(times: ServiceTimes, plan: { readonly fromMs: number; readonly untilMs: number; readonly everyMs: number; readonly takesMs: (startedMs: number) => number; readonly isDone?: () => boolean }): number | null {
  const running: Array<{ readonly query: ReturnType<ServiceTimes['handleStart']>; readonly endsMs: number; readonly tookMs: number }> = []
  for (let nowMs = plan.fromMs; nowMs < plan.untilMs; nowMs += plan.everyMs) {
    running.sort((a, b) => a.endsMs - b.endsMs)
    while (running[0] !== undefined && running[0].endsMs <= nowMs) {
      const { query, endsMs, tookMs } = running.shift() as (typeof running)[number]
      times.handleEnd(endsMs, query, 'completed', tookMs)
    }
    const tookMs = plan.takesMs(nowMs)
    running.push({ query: times.handleStart(nowMs), endsMs: nowMs + tookMs, tookMs })
    if (plan.isDone?.() === true) return nowMs
  }
  return null
}

function completed(times: ServiceTimes, count: number, ms: number, fromMs = 0): void {
  for (let i = 0; i < count; i++) times.handleEnd(fromMs + i * ms + ms, times.handleStart(fromMs + i * ms), 'completed', ms)
}

describe('the typical service time', () => {
  it('is not known before enough queries have ended, and no more when none has for long', () => {
    const times = new ServiceTimes()
    completed(times, 9, 100)
    expect(times.expectedMs(1_000)).toBeNull()
    completed(times, 1, 100, 1_000)
    expect(times.expectedMs(1_100)).toBeCloseTo(100, 5)
    expect(times.expectedMs(1_100 + times.options.expireMs)).toBeCloseTo(100, 5)
    expect(times.expectedMs(1_101 + times.options.expireMs)).toBeNull()
  })

  it('is not moved far by a report among a hundred look-ups', () => {
    const times = new ServiceTimes()
    completed(times, 99, 1)
    times.handleEnd(60_100, times.handleStart(100), 'completed', 60_000)
    // The report came alone after a long pause, and so weighs most that one can.
    completed(times, 99, 1, 60_100)
    expect(times.expectedMs(60_200)).toBeLessThan(3)
  })

  it('follows a lasting change within some dozens of queries', () => {
    const times = new ServiceTimes()
    completed(times, 200, 10)
    completed(times, 100, 80, 2_000)
    expect(times.expectedMs(10_000)).toBeGreaterThan(60)
  })

  it('learns nothing from queries that failed, were cancelled, or took no time that is one', () => {
    const times = new ServiceTimes()
    completed(times, 20, 10)
    for (const [outcome, ms] of [['failed', 1], ['cancelled', 500], ['completed', NaN], ['completed', -1], ['completed', Infinity]] as const) times.handleEnd(300, times.handleStart(300), outcome, ms)
    expect(times.expectedMs(300)).toBeCloseTo(10, 5)
    expect(times.running).toBe(0)
  })

  it('counts a query once, however often it is said to have ended', () => {
    const times = new ServiceTimes()
    const query = times.handleStart(0)
    times.handleStart(0)
    times.handleEnd(1, query, 'completed', 1)
    times.handleEnd(2, query, 'completed', 1)
    expect(times.running).toBe(1)
  })
})

describe('a slowdown', () => {
  it.each([1, 2, 3, 4, 5])('is noticed within three times the usual, before any slow query has ended (seed %i)', (seed) => {
    const random = createRandom(seed)
    const times = new ServiceTimes()
    const usual = (): number => lognormal(random, 167, 0.4)
    expect(run(times, { fromMs: 0, untilMs: 60_000, everyMs: 11, takesMs: usual, isDone: () => times.isSlowed })).toBeNull()
    const noticedMs = run(times, { fromMs: 60_000, untilMs: 70_000, everyMs: 11, takesMs: () => 2_000, isDone: () => times.isSlowed }) ?? Infinity
    expect(noticedMs - 60_000).toBeLessThan(3 * 167 + 100)
    // What has run so long already is the least that the next one takes.
    expect(times.expectedMs(noticedMs)).toBeGreaterThan(300)
    expect(times.expectedMs(noticedMs + 1_000)).toBeGreaterThan(1_300)
  })

  it('is none where times vary much anyway', () => {
    const random = createRandom(7)
    const times = new ServiceTimes()
    expect(run(times, { fromMs: 0, untilMs: 200_000, everyMs: 50, takesMs: () => lognormal(random, 100, 1.5), isDone: () => times.isSlowed })).toBeNull()
  })

  it('is none for short queries that wait for a collection', () => {
    const times = new ServiceTimes()
    completed(times, 100, 1)
    const waiting = Array.from({ length: 20 }, () => times.handleStart(100))
    times.handleTime(149)
    expect(times.isSlowed).toBe(false)
    for (const query of waiting) times.handleEnd(149, query, 'completed', 49)
    expect(times.isSlowed).toBe(false)
  })

  it('is none while rows are read slowly', () => {
    const times = new ServiceTimes()
    completed(times, 100, 100)
    for (let i = 0; i < 20; i++) times.handleAnswered(10_100, times.handleStart(10_000))
    times.handleTime(60_000)
    expect(times.isSlowed).toBe(false)
    // Nor do they keep a trial from being made.
    expect(times.running).toBe(0)
    expect(times.expectedMs(60_000)).toBeCloseTo(100, 5)
  })

  it('is one while rows are asked for that do not come', () => {
    const times = new ServiceTimes()
    completed(times, 100, 100)
    const queries = Array.from({ length: 20 }, () => times.handleStart(10_000))
    for (const query of queries) times.handleAnswered(10_100, query)
    for (const query of [...queries, ...queries]) times.handleAsked(40_000, query)
    expect(times.running).toBe(20)
    times.handleTime(40_100)
    expect(times.isSlowed).toBe(false)
    times.handleTime(41_000)
    expect(times.isSlowed).toBe(true)
    expect(times.expectedMs(45_000)).toBeCloseTo(5_000, 5)
    for (const query of queries) times.handleEnd(45_000, query, 'failed', 5_000)
    for (const query of queries) times.handleAsked(45_000, query)
    expect(times.running).toBe(0)
  })

  it('is over when as many more have ended in time', () => {
    const times = new ServiceTimes()
    completed(times, 100, 100)
    const slow = Array.from({ length: 30 }, () => times.handleStart(10_000))
    times.handleTime(11_000)
    for (const query of slow) times.handleEnd(12_000, query, 'completed', 2_000)
    expect(times.isSlowed).toBe(true)
    completed(times, 6, 100, 13_000)
    expect(times.isSlowed).toBe(true)
    completed(times, 1, 100, 14_000)
    expect(times.isSlowed).toBe(false)
  })

  it('is not judged before it is known what is usual', () => {
    const times = new ServiceTimes()
    for (let i = 0; i < 50; i++) times.handleStart(0)
    times.handleTime(100_000)
    expect(times.isSlowed).toBe(false)
    expect(times.overdueMs).toBe(Infinity)
  })
})
