import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../../../src/core/routing/options.ts'
import { locality } from '../../../../../src/core/routing/strategies/locality.ts'
import type { PeerView } from '../../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { feedback, peerView, strategyContract } from '../../../../contract/strategy.ts'

strategyContract(() => locality, { isLoadAware: true })

const context = { nowMs: 0, site: { datacenter: 'north', rack: 'r1' }, options: parseRoutingOptions() }
const sites = { rack: { datacenter: 'north', rack: 'r1' }, datacenter: { datacenter: 'north', rack: 'r2' }, elsewhere: { datacenter: 'south', rack: 'r1' } } as const

function at(place: keyof typeof sites, fields: Partial<PeerView> = {}): PeerView {
  return peerView({ peerId: place, site: sites[place], cpuPercent: 10, memoryPercent: 10, ...fields })
}

/** The share of each candidate over many choices. */
function shares(peers: readonly PeerView[], here: Partial<typeof context> = {}): Record<string, number> {
  const random = createRandom(4)
  const taken: Record<string, number> = Object.fromEntries(peers.map(({ peerId }) => [peerId, 0]))
  for (let i = 0; i < 10_000; i++) {
    const { peerId } = peers[locality.rank(peers, { ...context, ...here, random, places: 1 }).order[0] as number] as PeerView
    taken[peerId] = (taken[peerId] as number) + 1 / 10_000
  }
  return taken
}

describe('locality', () => {
  it('keeps to its rack while that has room, however busy its peers there are', () => {
    expect(shares([at('elsewhere'), at('datacenter'), at('rack', { inFlightThere: 50, cpuPercent: 69 })])).toEqual({ rack: expect.closeTo(1), datacenter: 0, elsewhere: 0 })
  })

  it('keeps to its datacenter when its rack has nobody', () => {
    expect(shares([at('elsewhere'), at('datacenter')])).toEqual({ datacenter: expect.closeTo(1), elsewhere: 0 })
  })

  it('spills over in proportion to what the rack lacks of its idle part', () => {
    // 15 % idle is half of the 30 % below which it begins to spill.
    const { rack, datacenter, elsewhere } = shares([at('rack', { cpuPercent: 85 }), at('datacenter'), at('elsewhere')])
    expect(rack).toBeGreaterThan(0.47)
    expect(rack).toBeLessThan(0.53)
    expect(datacenter).toBeCloseTo(1 - (rack ?? 0))
    expect(elsewhere).toBe(0)
  })

  it('counts the idle part of all of a rack, by capacity', () => {
    const full = at('rack', { peerId: 'full', cpuPercent: 100 })
    const { datacenter } = shares([full, at('rack', { peerId: 'idle', cpuPercent: 0, memoryPercent: 0, capacity: 3 }), at('datacenter')])
    expect(datacenter).toBe(0)
    expect(shares([{ ...full, capacity: 100 }, at('rack', { peerId: 'idle', cpuPercent: 0, memoryPercent: 0, capacity: 3 }), at('datacenter')])['datacenter']).toBeGreaterThan(0.85)
  })

  it('goes beyond the datacenter when that is filling up as well', () => {
    const { rack, datacenter, elsewhere } = shares([at('rack', { cpuPercent: 100 }), at('datacenter', { memoryPercent: 85 }), at('elsewhere')])
    expect(rack).toBe(0)
    expect(datacenter).toBeGreaterThan(0.45)
    expect(elsewhere).toBeGreaterThan(0.45)
  })

  it('goes where most is idle when all are filling up', () => {
    const { rack } = shares([at('rack', { cpuPercent: 99 }), at('datacenter', { cpuPercent: 100 }), at('elsewhere', { cpuPercent: 100 })])
    expect(rack).toBeCloseTo(1)
    expect(shares([at('rack', { cpuPercent: 100 }), at('datacenter', { cpuPercent: 100 }), at('elsewhere', { cpuPercent: 99 })])['elsewhere']).toBeCloseTo(1)
  })

  it('takes unreported use for a full one', () => {
    expect(shares([at('rack', { cpuPercent: null }), at('datacenter')])).toEqual({ rack: 0, datacenter: expect.closeTo(1) })
  })

  it('counts what is cold as not there yet', () => {
    const { rack } = shares([at('rack', { feedback: feedback({ warmth: 0.1 }) }), at('datacenter')])
    expect(rack).toBeGreaterThan(0.27)
    expect(rack).toBeLessThan(0.33)
  })

  it('has no nearer place where this node has not said where it is', () => {
    const { rack, elsewhere } = shares([at('rack'), at('elsewhere')], { site: { datacenter: '', rack: '' } })
    expect(rack).toBeGreaterThan(0.45)
    expect(elsewhere).toBeGreaterThan(0.45)
  })

  it('has nearer ones before farther ones in the failover order, and idle ones before busy ones', () => {
    const peers = [at('elsewhere'), at('rack', { peerId: 'busy', inFlightThere: 20 }), at('datacenter'), at('rack')]
    const { order } = locality.rank(peers, { ...context, random: createRandom(1), places: 4 })
    expect(order.map((index) => peers[index]?.peerId)).toEqual(['rack', 'busy', 'datacenter', 'elsewhere'])
  })
})
