import { describe, expect, it } from 'vitest'
import { MetricChanges } from '../../../../src/core/tables/metric-changes.ts'

const figure = (series: string, value: number): { series: string; value: number } => ({ series, value })

describe('which figures become rows', () => {
  it('takes what changed since its last row, and all once a day', () => {
    const changes = new MetricChanges({ seriesMax: 10 })
    expect(changes.handleFigures(1, [figure('a', 1), figure('b', 2)])).toHaveLength(2)
    expect(changes.handleFigures(1, [figure('a', 1), figure('b', 3)])).toEqual([figure('b', 3)])
    expect(changes.handleFigures(1, [figure('a', 1), figure('b', 3)])).toEqual([])
    expect(changes.handleFigures(2, [figure('a', 1), figure('b', 3)])).toHaveLength(2)
  })

  it('does not take up a day again', () => {
    const changes = new MetricChanges({ seriesMax: 10 })
    changes.handleFigures(2, [figure('a', 1)])
    expect(changes.handleFigures(1, [figure('a', 1)])).toEqual([])
  })

  it('holds what is no number for unchanged', () => {
    const changes = new MetricChanges({ seriesMax: 10 })
    expect(changes.handleFigures(1, [figure('a', Number.NaN)])).toHaveLength(1)
    expect(changes.handleFigures(1, [figure('a', Number.NaN)])).toEqual([])
  })

  it('leaves out series beyond its bound, and says how often', () => {
    const changes = new MetricChanges({ seriesMax: 1 })
    expect(changes.handleFigures(1, [figure('a', 1), figure('b', 1)])).toEqual([figure('a', 1)])
    expect(changes.handleFigures(1, [figure('a', 2), figure('b', 1)])).toEqual([figure('a', 2)])
    expect(changes.refused).toBe(2)
  })
})
