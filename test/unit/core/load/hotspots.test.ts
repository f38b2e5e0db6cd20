import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Hotspots, type HotspotEffect } from '../../../../src/core/load/hotspots.ts'
import { createRandom, randomInteger } from '../../../../src/core/time/random.ts'

/** `rate` queries a second of one table, evenly, from `fromMs` for `forMs`. */
function ask(hotspots: Hotspots, { rate, fromMs, forMs }: { rate: number; fromMs: number; forMs: number }): HotspotEffect[] {
  const effects: HotspotEffect[] = []
  const count = Math.round((rate * forMs) / 1_000)
  for (let i = 0; i < count; i++) effects.push(...hotspots.handleQuery(fromMs + (i * 1_000) / rate, { database: 'air', tables: ['flights'] }))
  return effects
}

/** As a driver would: whatever comes due until `untilMs`. */
function runUntil(hotspots: Hotspots, untilMs: number): Array<{ readonly atMs: number; readonly effect: HotspotEffect }> {
  const seen: Array<{ readonly atMs: number; readonly effect: HotspotEffect }> = []
  for (let atMs = hotspots.nextDeadlineMs(); atMs !== null && atMs <= untilMs; atMs = hotspots.nextDeadlineMs()) {
    for (const effect of hotspots.handleTimeout(atMs)) seen.push({ atMs, effect })
  }
  return seen
}

const small = { queriesPerSecond: 10, windowMs: 3_000 }

describe('hotspots', () => {
  it('calls a table hot at 1,000 queries a second over 60 s, and the node with it', () => {
    const hotspots = new Hotspots()
    expect(ask(hotspots, { rate: 1_000, fromMs: 0, forMs: 59_999 })).toEqual([])
    expect(hotspots.isHot('air', 'flights')).toBe(false)
    const effects = ask(hotspots, { rate: 1_000, fromMs: 59_999, forMs: 1 })
    expect(effects).toEqual([
      { kind: 'hotspot-detected', subject: { scope: 'node' }, ratePerSecond: 1_000 },
      { kind: 'hotspot-detected', subject: { scope: 'table', database: 'air', table: 'flights' }, ratePerSecond: 1_000 },
    ])
    expect(hotspots.isHot('air', 'flights')).toBe(true)
    expect(hotspots.isNodeHot).toBe(true)
    expect(hotspots.isHot('air', 'planes')).toBe(false)
    expect(hotspots.isHot('air', null)).toBe(false)
  })

  it('does not call 950 a second hot, however long', () => {
    const hotspots = new Hotspots()
    expect(ask(hotspots, { rate: 950, fromMs: 0, forMs: 180_000 })).toEqual([])
    expect(hotspots.ratePerSecond('air', 'flights')).toBeGreaterThan(915)
    expect(hotspots.ratePerSecond('air', 'flights')).toBeLessThanOrEqual(950)
  })

  it('stays hot at 85 % of the rate and ends below 80 %', () => {
    const hotspots = new Hotspots(small)
    ask(hotspots, { rate: 12, fromMs: 0, forMs: 3_000 })
    expect(ask(hotspots, { rate: 8.5, fromMs: 3_000, forMs: 12_000 })).toEqual([])
    expect(hotspots.isHot('air', 'flights')).toBe(true)
    const kinds = ask(hotspots, { rate: 7, fromMs: 15_000, forMs: 6_000 }).map(({ kind, subject }) => `${kind} ${subject.scope}`)
    expect(kinds.toSorted()).toEqual(['hotspot-ended node', 'hotspot-ended table'])
    expect(hotspots.isHot('air', 'flights')).toBe(false)
  })

  it('ends without another query, by its deadlines, and then has none', () => {
    const hotspots = new Hotspots(small)
    expect(hotspots.nextDeadlineMs()).toBeNull()
    ask(hotspots, { rate: 12, fromMs: 0, forMs: 3_000 })
    const seen = runUntil(hotspots, 60_000)
    expect(seen.map(({ effect }) => effect.kind)).toEqual(['hotspot-ended', 'hotspot-ended'])
    for (const { atMs, effect } of seen) {
      expect(atMs).toBeLessThanOrEqual(6_000)
      expect(effect.ratePerSecond).toBeLessThan(8)
    }
    expect(hotspots.nextDeadlineMs()).toBeNull()
  })

  it('never answers a timeout with a deadline that is already due, whatever the window', () => {
    const hotspots = new Hotspots({ queriesPerSecond: 1, windowMs: 1_003 })
    for (let i = 0; i < 10; i++) hotspots.handleQuery(500.5, { database: 'air', tables: [] })
    let before = -1
    for (let atMs = hotspots.nextDeadlineMs(); atMs !== null; atMs = hotspots.nextDeadlineMs()) {
      expect(atMs).toBeGreaterThan(before)
      before = atMs
      hotspots.handleTimeout(atMs)
    }
    expect(hotspots.tablesTracked).toBe(0)
    expect(hotspots.nodeRatePerSecond).toBe(0)
  })

  it('counts a query for each of its tables and once for the node, and one of unknown tables apart', () => {
    const hotspots = new Hotspots(small)
    for (let i = 0; i < 3; i++) hotspots.handleQuery(0, { database: 'air', tables: ['flights', 'planes'] })
    hotspots.handleQuery(0, { database: 'air', tables: [] })
    expect(hotspots.ratePerSecond('air', 'flights')).toBe(1)
    expect(hotspots.ratePerSecond('air', 'planes')).toBe(1)
    expect(hotspots.ratePerSecond('air', null)).toBeCloseTo(1 / 3)
    expect(hotspots.nodeRatePerSecond).toBeCloseTo(4 / 3)
  })

  it('tells tables apart whatever their names contain', () => {
    const hotspots = new Hotspots(small)
    hotspots.handleQuery(0, { database: 'a', tables: ['b:c'] })
    expect(hotspots.ratePerSecond('a:b', 'c')).toBe(0)
    hotspots.handleQuery(0, { database: 'a', tables: [] })
    expect(hotspots.ratePerSecond('a', '')).toBe(0)
  })

  it('moves the excess and no more: nothing at the threshold, half at twice the rate, never more than an equal part', () => {
    const hotspots = new Hotspots(small)
    expect(hotspots.shareToMove('air', 'flights', 3)).toBe(0)
    ask(hotspots, { rate: 10, fromMs: 0, forMs: 3_000 })
    expect(hotspots.isHot('air', 'flights')).toBe(true)
    expect(hotspots.shareToMove('air', 'flights', 3)).toBe(0)
    const twice = new Hotspots(small)
    ask(twice, { rate: 20, fromMs: 0, forMs: 3_000 })
    expect(twice.shareToMove('air', 'flights', 3)).toBeCloseTo(0.5)
    expect(twice.shareToMove('air', 'flights', 0)).toBe(0)
    const many = new Hotspots(small)
    ask(many, { rate: 1_000, fromMs: 0, forMs: 3_000 })
    expect(many.shareToMove('air', 'flights', 1)).toBe(0.5)
    expect(many.shareToMove('air', 'flights', 99)).toBe(0.9)
  })

  it('lists what is hot, the node first, then by rate', () => {
    const hotspots = new Hotspots(small)
    for (let i = 0; i < 40; i++) hotspots.handleQuery(0, { database: 'air', tables: ['flights'] })
    for (let i = 0; i < 90; i++) hotspots.handleQuery(0, { database: 'air', tables: ['planes'] })
    expect(hotspots.hotspots().map(({ subject }) => (subject.scope === 'node' ? 'node' : subject.table))).toEqual(['node', 'planes', 'flights'])
  })

  it('keeps its memory bounded by tablesMax, and finds the hot one among thousands', () => {
    const hotspots = new Hotspots({ ...small, tablesMax: 8, queriesPerSecond: 100 })
    const random = createRandom(7)
    const detected: string[] = []
    for (let nowMs = 0; nowMs < 3_000; nowMs++) {
      const isHotTable = nowMs % 2 === 0
      const effects = hotspots.handleQuery(nowMs, { database: 'air', tables: [isHotTable ? 'hot' : `cold-${randomInteger(random, 5_000)}`] })
      for (const { kind, subject } of effects) if (kind === 'hotspot-detected' && subject.scope === 'table') detected.push(subject.table ?? '')
    }
    expect(detected).toEqual(['hot'])
    expect(hotspots.tablesTracked).toBeLessThanOrEqual(30 * 8)
    // 500 a second, of 1,000 in all, with 8 counters.
    expect(hotspots.errorPerSecond).toBeCloseTo(125)
    expect(hotspots.ratePerSecond('air', 'hot')).toBeGreaterThanOrEqual(500 - 125)
    expect(hotspots.ratePerSecond('air', 'hot')).toBeLessThanOrEqual(500)
  })

  it('takes from a table that makes room what this thirtieth had counted of it, and nothing of the earlier ones', () => {
    const hotspots = new Hotspots({ ...small, tablesMax: 1 })
    const count = (nowMs: number, table: string): unknown => hotspots.handleQuery(nowMs, { database: 'air', tables: [table] })
    for (let i = 0; i < 9; i++) count(0, 'flights')
    for (const table of ['planes', 'flights', 'planes']) count(100, table)
    expect(hotspots.ratePerSecond('air', 'flights')).toBe(3)
    expect(hotspots.ratePerSecond('air', 'planes')).toBeCloseTo(1 / 3)
  })

  it('reads every table within its stated error of a count that forgets nothing', () => {
    const stream = fc.array(fc.record({ stepMs: fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 0, max: 20 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 1_000 }) }), table: fc.integer({ min: 0, max: 12 }) }), { maxLength: 400, size: 'max' })
    fc.assert(fc.property(stream, fc.integer({ min: 1, max: 6 }), (queries, tablesMax) => {
      const hotspots = new Hotspots({ queriesPerSecond: 5, windowMs: 3_000, tablesMax })
      const log: Array<{ readonly bucket: number; readonly table: string }> = []
      let nowMs = 0
      for (const { stepMs, table } of queries) {
        nowMs += stepMs
        hotspots.handleQuery(nowMs, { database: 'd', tables: [`t${table}`] })
        log.push({ bucket: Math.floor(nowMs / 100), table: `t${table}` })
      }
      const inView = log.filter(({ bucket }) => bucket > Math.floor(nowMs / 100) - 30)
      expect(hotspots.nodeRatePerSecond).toBeCloseTo(inView.length / 3)
      expect(hotspots.errorPerSecond).toBeCloseTo(inView.length / 3 / tablesMax)
      for (let i = 0; i <= 12; i++) {
        const truth = inView.filter(({ table }) => table === `t${i}`).length / 3
        const read = hotspots.ratePerSecond('d', `t${i}`)
        expect(read).toBeLessThanOrEqual(truth + 1e-9)
        expect(read).toBeGreaterThanOrEqual(truth - hotspots.errorPerSecond - 1e-9)
      }
    }), { numRuns: 100 })
  })

  it('bears a clock that steps back, and names without bound', () => {
    const hotspots = new Hotspots(small)
    hotspots.handleQuery(10_000, { database: 'air', tables: ['flights'] })
    hotspots.handleQuery(2_000, { database: 'air', tables: ['flights'] })
    expect(hotspots.ratePerSecond('air', 'flights')).toBeCloseTo(2 / 3)
    hotspots.handleQuery(10_000, { database: 'air', tables: ['x'.repeat(10_000), ...Array.from({ length: 100 }, (_, i) => `t${i}`)] })
    expect(hotspots.tablesTracked).toBe(1 + 15)
  })

  it('refuses options by which every table is hot', () => {
    expect(() => new Hotspots({ queriesPerSecond: 0.1, windowMs: 1_000 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect(() => new Hotspots({ coolRatio: 1.5 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
