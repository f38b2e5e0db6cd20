import { describe, expect, it } from 'vitest'
import { MinuteAggregates } from '../../../../src/core/tables/minute-aggregates.ts'

const MINUTE = 60_000

describe('what a minute comes to', () => {
  it('is handed out once, by the first sample of a later minute', () => {
    const aggregates = new MinuteAggregates({ keysMax: 10 })
    for (const value of [4, 1, 3, 2]) expect(aggregates.handleSample(5 * MINUTE + value, 'a', value)).toEqual([])
    expect(aggregates.handleSample(6 * MINUTE - 1, 'b', 7)).toEqual([])
    expect(aggregates.handleSample(6 * MINUTE, 'a', 9)).toEqual([
      { key: 'a', minuteWallMs: 5 * MINUTE, count: 4, lost: 0, figures: { min: 1, mean: 2.5, max: 4, p50: 2, p99: 4 } },
      { key: 'b', minuteWallMs: 5 * MINUTE, count: 1, lost: 0, figures: { min: 7, mean: 7, max: 7, p50: 7, p99: 7 } },
    ])
    expect(aggregates.takeAll().map(({ key, minuteWallMs }) => [key, minuteWallMs])).toEqual([['a', 6 * MINUTE]])
  })

  it('is handed out to whoever asks after its end, and not before', () => {
    const aggregates = new MinuteAggregates({ keysMax: 10 })
    aggregates.handleSample(10, 'a', 1)
    expect(aggregates.takeEnded(MINUTE - 1)).toEqual([])
    expect(aggregates.takeEnded(MINUTE)).toHaveLength(1)
    expect(aggregates.takeEnded(2 * MINUTE)).toEqual([])
  })

  it('counts losses apart, and has no figures of losses alone', () => {
    const aggregates = new MinuteAggregates({ keysMax: 10 })
    aggregates.handleSample(0, 'a', null)
    aggregates.handleSample(1, 'a', 3)
    aggregates.handleSample(2, 'b', null)
    expect(aggregates.takeAll().map(({ count, lost, figures }) => [count, lost, figures?.mean ?? null])).toEqual([[1, 1, 3], [0, 1, null]])
  })

  it('takes percentiles by nearest rank', () => {
    const aggregates = new MinuteAggregates({ keysMax: 1 })
    for (let value = 200; value >= 1; value--) aggregates.handleSample(0, 'a', value)
    expect(aggregates.takeAll()[0]?.figures).toEqual({ min: 1, mean: 100.5, max: 200, p50: 100, p99: 198 })
  })

  it('keeps counting beyond the samples that it keeps', () => {
    const aggregates = new MinuteAggregates({ keysMax: 1 })
    for (let sample = 0; sample < 5_000; sample++) aggregates.handleSample(0, 'a', sample)
    expect(aggregates.takeAll()[0]).toMatchObject({ count: 5_000, figures: { min: 0, max: 4_999, mean: 2_499.5, p50: 511 } })
  })

  it('counts a sample of a clock that was set back for the minute under way', () => {
    const aggregates = new MinuteAggregates({ keysMax: 1 })
    aggregates.handleSample(7 * MINUTE, 'a', 1)
    expect(aggregates.handleSample(3 * MINUTE, 'a', 2)).toEqual([])
    expect(aggregates.takeAll()).toMatchObject([{ minuteWallMs: 7 * MINUTE, count: 2 }])
  })

  it('leaves out keys beyond its bound, and says how often', () => {
    const aggregates = new MinuteAggregates({ keysMax: 2 })
    for (const key of ['a', 'b', 'c', 'c']) aggregates.handleSample(0, key, 1)
    expect(aggregates.refused).toBe(2)
    expect(aggregates.takeAll().map(({ key }) => key)).toEqual(['a', 'b'])
  })
})
