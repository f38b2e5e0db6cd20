import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/time/random.ts'
import { HotspotDriver } from '../../../src/node/hotspot-driver.ts'
import type { Log } from '../../../src/ports/log.ts'
import type { RoutingEventView } from '../../../src/wire/control.ts'
import { VirtualClock } from '../../support/query-plane.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }

function setUp(otherCopies = 1, windowMs = 60_000) {
  const clock = new VirtualClock()
  const events: RoutingEventView[] = []
  const driver = new HotspotDriver({ options: { queriesPerSecond: 10, windowMs }, otherCopies: () => otherCopies, onEvent: (event) => { events.push(event) }, clock, random: createRandom(5), log })
  const ask = (seconds: number, perSecond: number, tables: readonly string[]): number => {
    let moved = 0
    for (let query = 0; query < seconds * perSecond; query++) {
      clock.advance(1_000 / perSecond)
      if (driver.handleQuery('db', tables)) moved++
    }
    return moved
  }
  return { clock, events, driver, ask }
}

describe('a hotspot', () => {
  it('is none at a rate below', () => {
    const { events, ask } = setUp()
    expect(ask(120, 8, ['flights'])).toBe(0)
    expect(events).toEqual([])
  })

  it('is told with its rate, moves a share of its reads, and ends', () => {
    const { clock, events, driver, ask } = setUp()
    ask(60, 40, ['flights'])
    expect(events.map(({ type, database, table }) => [type, database, table])).toEqual(expect.arrayContaining([['hotspot-detected', 'db', 'flights'], ['hotspot-detected', null, null]]))
    expect(events.find(({ table }) => table === 'flights')?.reason).toMatch(/^db\.flights is asked for too often here: \d+ queries\/s over the last 60 s; reads of it go to other copies in part$/)
    expect(events.find(({ database }) => database === null)?.reason).toMatch(/^this node is asked for too often here: \d+ queries\/s over the last 60 s$/)
    const moved = ask(10, 40, ['flights'])
    expect(moved).toBeGreaterThan(100)
    expect(moved).toBeLessThan(400)
    expect(driver.counters.moved).toBeGreaterThanOrEqual(moved)
    clock.advance(120_000)
    expect(events.filter(({ type }) => type === 'hotspot-ended')).toHaveLength(2)
    driver.stop()
    expect(clock.pending).toBe(0)
  })

  it('is shown to whoever asks for it, the node first', () => {
    const { driver, ask } = setUp()
    ask(60, 40, ['flights'])
    expect(driver.hotOf('db', ['flights', 'airports'])).toEqual([{ scope: 'node', table: null, ratePerSecond: expect.closeTo(40, -1) as number }, { scope: 'table', table: 'flights', ratePerSecond: expect.closeTo(40, -1) as number }])
    for (const [database, tables] of [['db', ['airports']], ['other', ['flights']], ['db', []]] as const) expect(driver.hotOf(database, tables)).toEqual([{ scope: 'node', table: null, ratePerSecond: expect.closeTo(40, -1) as number }])
    const cold = setUp()
    expect(cold.driver.hotOf('db', ['flights'])).toEqual([])
    cold.ask(60, 40, [])
    expect(cold.driver.hotOf('db', [])).toEqual([{ scope: 'node', table: null, ratePerSecond: expect.closeTo(40, -1) as number }, { scope: 'table', table: null, ratePerSecond: expect.closeTo(40, -1) as number }])
  })

  it('moves nothing where there is no other copy, and does not say so', () => {
    const { ask, events } = setUp(0, 4_500)
    expect(ask(120, 40, ['flights'])).toBe(0)
    expect(events.find(({ table }) => table === 'flights')?.reason).toMatch(/^db\.flights is asked for too often here: \d+ queries\/s over the last 4\.5 s$/)
  })

  it('is the database where nobody knows the tables', () => {
    const { events, ask } = setUp()
    ask(60, 40, [])
    expect(events.find(({ database }) => database === 'db')).toMatchObject({ table: null, reason: expect.stringMatching(/^db is asked/) as string })
  })
})
