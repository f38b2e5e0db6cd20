import { describe, expect, it } from 'vitest'
import { ServiceWatch } from '../../../src/node/service-watch.ts'
import { VirtualClock } from '../../support/query-plane.ts'

function setUp(): { readonly clock: VirtualClock; readonly watch: ServiceWatch; readonly runs: (count: number, ms: number, database?: string) => void } {
  const clock = new VirtualClock()
  const watch = new ServiceWatch(clock)
  return {
    clock, watch,
    runs: (count, ms, database = 'flights') => {
      for (let i = 0; i < count; i++) {
        const run = watch.start(database)
        clock.advance(ms)
        run.answered()
        run.end('completed', ms)
      }
    },
  }
}

describe('service times of a node', () => {
  it('are told by database, with those that wait before', () => {
    const { watch, runs } = setUp()
    runs(20, 100)
    runs(20, 5, 'users')
    runs(3, 5, 'barely asked')
    const expected = watch.expected(2)
    expect(Object.keys(expected)).toEqual(['flights', 'users'])
    expect(expected['flights']).toBeCloseTo(300, 5)
    expect(expected['users']).toBeCloseTo(15, 5)
  })

  it('are compared with what others tell, who are asked once a second', () => {
    const { clock, watch, runs } = setUp()
    runs(20, 800)
    let asked = 0
    const elsewhere = (): Array<{ readonly name: string; readonly expectedMs: number }> => {
      asked++
      return [{ name: 'node2', expectedMs: 50 }]
    }
    for (let i = 0; i < 100; i++) {
      clock.advance(100)
      watch.compare('flights', 0, elsewhere)
    }
    expect(asked).toBeLessThanOrEqual(11)
    watch.start('flights')
    expect(watch.compare('flights', 0, elsewhere)).toMatchObject({ elsewhereMs: 50, elsewhereName: 'node2', forwardedRatio: 1 })
    // Answers that took as long there, and of the same database.
    for (let i = 0; i < 20; i++) watch.handleAnswer('users', 50)
    watch.handleDispatch('flights')
    for (let i = 0; i < 20; i++) watch.handleAnswer('flights', 800)
    for (let i = 0; i < 100; i++) {
      clock.advance(100)
      watch.compare('flights', 0, elsewhere)
    }
    expect(watch.compare('flights', 0, elsewhere).forwardedRatio).toBe(0)
  })

  it('keep no more databases than a node may have', () => {
    const { watch, runs } = setUp()
    runs(20, 100)
    for (let i = 0; i < 1_000; i++) expect(watch.compare(`nobody's ${i}`, 0, () => [])).toMatchObject({ forwardedRatio: 0 })
    expect(Object.keys(watch.expected(0))).toEqual(['flights'])
    for (let i = 0; i < 256; i++) watch.compare(`served ${i}`, 0, () => [{ name: 'node2', expectedMs: 1 }])
    expect(watch.expected(0)).toEqual({})
    runs(20, 100)
    expect(Object.keys(watch.expected(0))).toEqual(['flights'])
  })
})
