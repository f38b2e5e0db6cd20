import { describe, expect, it } from 'vitest'
import { parseRoutingOptions, type RoutingOptions } from '../../../../../src/core/routing/options.ts'
import { adaptive } from '../../../../../src/core/routing/strategies/adaptive.ts'
import { peerView, strategyContract } from '../../../../contract/strategy.ts'
import type { PeerView } from '../../../../../src/core/routing/types.ts'

strategyContract(() => adaptive, { isLoadAware: true })

const site = { datacenter: 'north', rack: 'r1' }
/** The best in everything: every weighted figure is 0. */
const best = peerView({ peerId: 'best', latencyMs: 9, cpuPercent: 0, memoryPercent: 0, loadAgeMs: 0, site })

function scoreOf(fields: Partial<PeerView>, options: Partial<RoutingOptions> = {}): number {
  const [, figure] = Array.from(adaptive.score([best, { ...best, peerId: 'other', ...fields }], { nowMs: 0, site, options: parseRoutingOptions(options) }))
  return figure as number
}

describe('adaptive', () => {
  it.each<[string, Partial<PeerView>, number]>([
    ['nothing where it is as good as the best', {}, 0],
    ['30 % for its queries in flight', { inFlightThere: 1 }, 0.3 / 2],
    ['30 % for our queries in flight to it', { inFlightFromHere: 3 }, 0.3 * (3 / 4)],
    ['nothing for queries that its capacity outweighs', { inFlightFromHere: 3, capacity: 4 }, 0],
    ['30 % for the way, in which a millisecond does not count', { latencyMs: 19 }, 0.3 / 2],
    ['20 % for the scarcer of CPU and memory', { cpuPercent: 30, memoryPercent: 60 }, 0.2 * 0.6],
    ['20 % for use that was never reported', { cpuPercent: null }, 0.2],
    ['10 % for another rack', { site: { datacenter: 'north', rack: 'r2' } }, 0.1],
    ['20 % for another datacenter', { site: { datacenter: 'south', rack: 'r1' } }, 0.2],
  ])('counts %s', (_, fields, expected) => {
    expect(scoreOf(fields)).toBeCloseTo(expected)
  })

  it.each<[string, Partial<PeerView>, number]>([
    ['nothing for a warm one in this rack', { warmTables: 1 }, 0],
    ['10 % for a cold one in this rack', { warmTables: 0 }, 0.1],
    ['5 % for one with half of the tables', { warmTables: 0.5 }, 0.05],
    ['10 % for a warm one in another datacenter', { warmTables: 1, site: { datacenter: 'south', rack: 'r1' } }, 0.1],
    ['20 % for a cold one in another datacenter', { warmTables: 0, site: { datacenter: 'south', rack: 'r1' } }, 0.2],
  ])('counts %s where it is known who has the tables', (_, fields, expected) => {
    expect(scoreOf(fields)).toBeCloseTo(expected)
  })

  it('normalises its weights', () => {
    expect(scoreOf({ inFlightThere: 1 }, { adaptiveLoadWeight: 1, adaptiveLatencyWeight: 1, adaptiveResourceWeight: 1, adaptiveLocalityWeight: 1 })).toBeCloseTo(0.25 / 2)
    expect(scoreOf({ inFlightThere: 1 }, { adaptiveLoadWeight: 0.1, adaptiveLatencyWeight: 0, adaptiveResourceWeight: 0, adaptiveLocalityWeight: 0 })).toBeCloseTo(1 / 2)
  })

  it('refuses weights that are all 0', () => {
    expect(() => parseRoutingOptions({ adaptiveLoadWeight: 0, adaptiveLatencyWeight: 0, adaptiveResourceWeight: 0, adaptiveLocalityWeight: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('tells others apart although one has an absurd figure', () => {
    const peers = [0, 3, 4_000_000_000].map((inFlightThere, index) => peerView({ peerId: `p${index}`, inFlightThere }))
    const [idle, busy] = Array.from(adaptive.score(peers, { nowMs: 0, site, options: parseRoutingOptions({ loadHalfLifeMs: 3_600_000 }) })) as [number, number]
    expect(busy - idle).toBeGreaterThan(0.2)
  })
})
