import { describe, expect, it } from 'vitest'
import { HISTORY_MS_MAX, LatencyHistory } from '../../../../src/core/latency/history.ts'
import { createRandom, randomInteger } from '../../../../src/core/time/random.ts'

const minuteMs = 60_000
const hourMs = 3_600_000

describe('a day of latency', () => {
  it('tells count, mean, and the extremes with their times', () => {
    const history = new LatencyHistory()
    for (const [atMs, ms] of [[10, 4], [70_123, 1], [70_200, 9], [200_000, 2]] as const) history.handleSample(atMs, 'a', 'round-trip', ms)
    expect(history.span(200_000, 'a', 'round-trip', hourMs)).toEqual({ samples: 4, meanMs: 4, minMs: 1, minAtMs: 70_123, maxMs: 9, maxAtMs: 70_200 })
    expect(history.last('a', 'round-trip')).toEqual({ ms: 2, atMs: 200_000 })
  })

  it('keeps the first of equal extremes', () => {
    const history = new LatencyHistory()
    for (const atMs of [1_000, 2_000, 90_000]) history.handleSample(atMs, 'a', 'round-trip', 5)
    expect(history.span(90_000, 'a', 'round-trip', hourMs)).toMatchObject({ minAtMs: 1_000, maxAtMs: 1_000 })
  })

  it('forgets what lies before the span, minute by minute', () => {
    const history = new LatencyHistory()
    history.handleSample(30_000, 'a', 'round-trip', 100)
    history.handleSample(5 * minuteMs, 'a', 'round-trip', 1)
    expect(history.spanStartMs(6.5 * minuteMs, 6 * minuteMs)).toBe(0)
    expect(history.span(6.5 * minuteMs, 'a', 'round-trip', 6 * minuteMs)).toMatchObject({ samples: 2, maxMs: 100 })
    expect(history.span(7 * minuteMs, 'a', 'round-trip', 6 * minuteMs)).toMatchObject({ samples: 1, maxMs: 1 })
    expect(history.span(20 * minuteMs, 'a', 'round-trip', 6 * minuteMs)).toBeNull()
  })

  it('tells the parts of a span in which something was measured', () => {
    const history = new LatencyHistory()
    for (const [atMs, ms] of [[10, 4], [20, 8], [3.5 * minuteMs, 1], [59.5 * minuteMs, 2], [60.5 * minuteMs, 6]] as const) history.handleSample(atMs, 'a', 'round-trip', ms)
    expect(history.points(61 * minuteMs, 'a', 'round-trip', { spanMs: 61 * minuteMs, pointMs: minuteMs })).toEqual([
      { atMs: 0, samples: 2, meanMs: 6, minMs: 4, maxMs: 8 }, { atMs: 3 * minuteMs, samples: 1, meanMs: 1, minMs: 1, maxMs: 1 },
      { atMs: 59 * minuteMs, samples: 1, meanMs: 2, minMs: 2, maxMs: 2 }, { atMs: 60 * minuteMs, samples: 1, meanMs: 6, minMs: 6, maxMs: 6 },
    ])
    expect(history.points(61 * minuteMs, 'a', 'round-trip', { spanMs: 58 * minuteMs, pointMs: 57 * minuteMs })).toEqual([
      { atMs: 3 * minuteMs, samples: 2, meanMs: 1.5, minMs: 1, maxMs: 2 }, { atMs: 60 * minuteMs, samples: 1, meanMs: 6, minMs: 6, maxMs: 6 },
    ])
    expect(history.points(61 * minuteMs, 'b', 'round-trip', { spanMs: hourMs, pointMs: minuteMs })).toEqual([])
  })

  it.each([[hourMs, 240, 1], [24 * hourMs, 240, 7], [24 * hourMs, 6, 241], [25 * hourMs, 1, 1_441], [0.1 * hourMs, 0, 7]])('a span of %d ms in at most %d parts has parts of %d minutes', (spanMs, pointsMax, minutes) => {
    expect(new LatencyHistory().pointMs(spanMs, pointsMax)).toBe(minutes * minuteMs)
  })

  it('keeps queries, which hold the engine’s time, out of the distance', () => {
    const history = new LatencyHistory()
    history.handleSample(0, 'a', 'round-trip', 1)
    history.handleSample(0, 'a', 'first-byte', 50_000)
    expect(history.span(0, 'a', 'round-trip', hourMs)).toMatchObject({ samples: 1, maxMs: 1 })
    expect(history.span(0, 'a', 'first-byte', hourMs)).toMatchObject({ samples: 1, maxMs: 50_000 })
    expect(history.last('a', 'first-byte')?.ms).toBe(50_000)
  })

  it('reaches back 24 hours and no further, however long it runs', () => {
    const history = new LatencyHistory()
    for (let hour = 0; hour <= 60; hour++) history.handleSample(hour * hourMs, 'a', 'round-trip', 100 - hour)
    expect(history.span(60 * hourMs, 'a', 'round-trip', Infinity)).toMatchObject({ samples: 25, maxMs: 64, maxAtMs: 60 * hourMs - HISTORY_MS_MAX })
    expect(history.hours).toBe(25)
  })

  it('agrees with a list of all samples', () => {
    const random = createRandom(5)
    const history = new LatencyHistory()
    const samples: Array<{ readonly atMs: number; readonly ms: number }> = []
    for (let atMs = 0; atMs < 5 * hourMs; atMs += randomInteger(random, 40_000)) {
      const ms = randomInteger(random, 1_000)
      samples.push({ atMs, ms })
      history.handleSample(atMs, 'a', 'round-trip', ms)
      if (randomInteger(random, 50) > 0) continue
      const spanMs = randomInteger(random, 3 * hourMs)
      const within = samples.filter((sample) => sample.atMs >= history.spanStartMs(atMs, spanMs))
      const values = within.map((sample) => sample.ms)
      const [minMs, maxMs] = [Math.min(...values), Math.max(...values)]
      expect(history.span(atMs, 'a', 'round-trip', spanMs)).toEqual({
        samples: within.length, meanMs: expect.closeTo(values.reduce((sum, value) => sum + value, 0) / values.length, 6) as number,
        minMs, minAtMs: within.find((sample) => sample.ms === minMs)?.atMs, maxMs, maxAtMs: within.find((sample) => sample.ms === maxMs)?.atMs,
      })
    }
  })

  it('lets the peer give way that was heard of longest ago', () => {
    const history = new LatencyHistory({ peersMax: 2 })
    for (const [atMs, peerId] of [[0, 'a'], [1, 'b'], [2, 'a'], [3, 'c']] as const) history.handleSample(atMs, peerId, 'round-trip', 1)
    expect([history.size, history.last('a', 'round-trip') !== null, history.last('b', 'round-trip')]).toEqual([2, true, null])
    history.forget('a')
    expect([history.size, history.span(3, 'a', 'round-trip', hourMs)]).toEqual([1, null])
  })

  it.each([-1, NaN, Infinity])('ignores %s ms', (ms) => {
    const history = new LatencyHistory()
    history.handleSample(0, 'a', 'round-trip', ms)
    expect(history.size).toBe(0)
  })

  describe('restored', () => {
    const minute = { atMs: -90_000, samples: 3, meanMs: 4, minMs: 2, maxMs: 9 }

    it('is told with what is measured, also of times before the first', () => {
      const history = new LatencyHistory()
      history.handleSample(1_000, 'a', 'round-trip', 1)
      expect(history.restore(2_000, 'a', 'round-trip', minute)).toBe(true)
      expect(history.restore(2_000, 'a', 'round-trip', { ...minute, samples: 1, meanMs: 0.5, minMs: 0.5, maxMs: 0.5 })).toBe(true)
      expect(history.span(2_000, 'a', 'round-trip', hourMs)).toEqual({ samples: 5, meanMs: 2.7, minMs: 0.5, minAtMs: -90_000, maxMs: 9, maxAtMs: -90_000 })
      expect(history.points(2_000, 'a', 'round-trip', { spanMs: hourMs, pointMs: minuteMs })).toEqual([
        { atMs: -2 * minuteMs, samples: 4, meanMs: 3.125, minMs: 0.5, maxMs: 9 }, { atMs: 0, samples: 1, meanMs: 1, minMs: 1, maxMs: 1 },
      ])
      expect(history.last('a', 'round-trip')).toEqual({ ms: 1, atMs: 1_000 })
    })

    it('goes as it ages, like everything else', () => {
      const history = new LatencyHistory()
      history.restore(0, 'a', 'round-trip', { ...minute, atMs: -HISTORY_MS_MAX })
      history.restore(0, 'a', 'round-trip', minute)
      expect([history.span(0, 'a', 'round-trip', HISTORY_MS_MAX)?.samples, history.span(minuteMs, 'a', 'round-trip', HISTORY_MS_MAX)?.samples]).toEqual([6, 3])
      for (let hour = 1; hour <= 26; hour++) history.handleSample(hour * hourMs, 'a', 'round-trip', 1)
      expect(history.hours).toBe(25)
    })

    it.each([
      ['older than a day', { atMs: -HISTORY_MS_MAX - minuteMs }], ['still to come', { atMs: 1 }], ['at no time', { atMs: NaN }], ['of no samples', { samples: 0 }], ['of half a sample', { samples: 0.5 }],
      ['of samples beyond count', { samples: 60_001 }], ['with a mean below its least', { meanMs: 1 }], ['with a mean above its greatest', { meanMs: 10 }], ['endless', { maxMs: Infinity }],
      ['of negative time', { minMs: -1 }], ['without a figure', { meanMs: NaN }],
    ])('leaves out what is %s', (_what, damage) => {
      const history = new LatencyHistory()
      expect([history.restore(0, 'a', 'round-trip', { ...minute, ...damage }), history.size]).toEqual([false, 0])
    })

    it('lets no peer give way', () => {
      const history = new LatencyHistory({ peersMax: 1 })
      history.handleSample(0, 'a', 'round-trip', 1)
      expect([history.restore(0, 'b', 'round-trip', minute), history.last('a', 'round-trip')?.ms, history.size]).toEqual([false, 1, 1])
    })
  })
})
