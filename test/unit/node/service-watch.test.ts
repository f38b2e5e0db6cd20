import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../src/core/routing/options.ts'
import type { Comparison } from '../../../src/core/routing/types.ts'
import { ServiceWatch } from '../../../src/node/service-watch.ts'
import type { Log } from '../../../src/ports/log.ts'
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
    // Beside one that has just stayed to see.
    const compared = (): Comparison => {
      const run = watch.start('flights')
      const comparison = watch.compare('flights', 0, elsewhere)
      run.end('cancelled', 0)
      return comparison
    }
    expect(compared()).toMatchObject({ elsewhereMs: 50, elsewhereName: 'node2', forwardedRatio: 1 })
    // Reads that took as long there, and of the same database.
    const rows = { database: 'flights', access: 'read', outcome: 'answered', hasResult: true, firstRowMs: 800 } as const
    for (const sent of [{ ...rows, database: 'users' }, { ...rows, access: 'write' }, { ...rows, access: 'unknown' }, { ...rows, hasResult: false }] as const) {
      for (let i = 0; i < 20; i++) {
        watch.handleDispatch(sent)
        watch.handleOutcome(sent)
      }
    }
    for (let i = 0; i < 50; i++) {
      clock.advance(100)
      watch.compare('flights', 0, elsewhere)
    }
    expect(compared().forwardedRatio).toBe(1)
    for (let i = 0; i < 20; i++) {
      watch.handleDispatch(rows)
      watch.handleOutcome(rows)
    }
    for (let i = 0; i < 100; i++) {
      clock.advance(100)
      watch.compare('flights', 0, elsewhere)
    }
    expect(compared().forwardedRatio).toBe(0)
    // One read leaves in a minute to see, whatever becomes of writes.
    clock.advance(60_000)
    watch.handleDispatch({ ...rows, access: 'write' })
    expect(compared().forwardedRatio).toBe(1)
    watch.handleDispatch(rows)
    expect(compared().forwardedRatio).toBe(0)
  })

  it('are told in the log and counted when reads begin to leave for them, and when they stay again', () => {
    const lines: Array<readonly [level: string, fields: object]> = []
    const write = (level: string) => (fields: object): void => { lines.push([level, fields]) }
    const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => log }
    const clock = new VirtualClock()
    const watch = new ServiceWatch(clock, parseRoutingOptions(), log)
    const runs = (count: number, ms: number): void => {
      for (let i = 0; i < count; i++) {
        const run = watch.start('flights')
        clock.advance(ms)
        run.end('completed', ms)
      }
    }
    const decisions = (count: number): void => {
      for (let i = 0; i < count; i++) {
        clock.advance(100)
        watch.compare('flights', 0, () => [{ name: 'node2', expectedMs: 50 }])
      }
    }
    runs(20, 40)
    decisions(100)
    expect([lines, watch.counters]).toEqual([[], { slowHereEntered: 0, slowHere: 0 }])
    runs(100, 800)
    decisions(100)
    expect(watch.counters).toEqual({ slowHereEntered: 1, slowHere: 1 })
    expect(lines).toMatchObject([['warn', { database: 'flights', elsewhereMs: 50, elsewhereName: 'node2' }]])
    runs(400, 40)
    decisions(200)
    expect(watch.counters).toEqual({ slowHereEntered: 1, slowHere: 0 })
    expect(lines.map(([level]) => level)).toEqual(['warn', 'info'])
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
