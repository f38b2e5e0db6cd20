import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../../../src/core/routing/options.ts'
import { createWeightedRoundRobin } from '../../../../../src/core/routing/strategies/weighted-round-robin.ts'
import type { PeerView } from '../../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { feedback, peerView, strategyContract } from '../../../../contract/strategy.ts'

strategyContract(() => createWeightedRoundRobin(), { isLoadAware: false })

const context = { nowMs: 0, site: { datacenter: '', rack: '' }, options: parseRoutingOptions(), random: createRandom(1) }

function peersOf(capacities: Readonly<Record<string, number>>): PeerView[] {
  return Object.entries(capacities).map(([peerId, capacity]) => peerView({ peerId, capacity }))
}

function turns(peers: readonly PeerView[], count: number, strategy = createWeightedRoundRobin()): string {
  return Array.from({ length: count }, () => peers[strategy.rank(peers, { ...context, places: 1 }).order[0] as number]?.peerId).join(' ')
}

describe('smooth weighted round robin', () => {
  it("is nginx's: 5, 1, 1 gives a a b a c a a", () => {
    expect(turns(peersOf({ a: 5, b: 1, c: 1 }), 14)).toBe('a a b a c a a a a b a c a a')
  })

  it('gives each exactly its weight in every run of as many turns as the weights add up to', () => {
    const peers = peersOf({ a: 7, b: 3, c: 2, d: 1 })
    const strategy = createWeightedRoundRobin()
    for (let round = 0; round < 50; round++) {
      const taken = turns(peers, 13, strategy).split(' ')
      expect(['a', 'b', 'c', 'd'].map((name) => taken.filter((other) => other === name).length)).toEqual([7, 3, 2, 1])
    }
  })

  it('spreads the turns of a heavy one: of two to one, never three in a row', () => {
    expect(turns(peersOf({ a: 2, b: 1 }), 300)).not.toMatch(/a a a/)
  })

  it('keeps credits when the candidates come in another order', () => {
    const strategy = createWeightedRoundRobin()
    const peers = peersOf({ a: 5, b: 1, c: 1 })
    const taken = Array.from({ length: 7 }, (_, turn) => turns(turn % 2 === 0 ? peers : peers.toReversed(), 1, strategy))
    expect(taken.toSorted()).toEqual(['a', 'a', 'a', 'a', 'a', 'b', 'c'])
  })

  it('keeps the credit of one that is no candidate for a turn', () => {
    const strategy = createWeightedRoundRobin()
    const [a, b, c] = peersOf({ a: 1, b: 1, c: 2 }) as [PeerView, PeerView, PeerView]
    expect(turns([a, b, c], 1, strategy)).toBe('c')
    expect(turns([a, b], 2, strategy)).toBe('a b')
    // c has had its turn, and owes for it.
    expect(Array.from(strategy.score([a, b, c], context))[2]).toBe(Math.max(...Array.from(strategy.score([a, b, c], context))))
  })

  it('keeps no more credits than twice the candidates and a few', () => {
    const strategy = createWeightedRoundRobin()
    for (let i = 0; i < 1_000; i++) turns(peersOf({ [`p${i}`]: 1, [`q${i}`]: 1 }), 1, strategy)
    expect(strategy.size).toBeGreaterThanOrEqual(2)
    expect(strategy.size).toBeLessThanOrEqual(68)
  })

  it('weighs a newcomer by its warmth', () => {
    const peers = [peerView({ peerId: 'a' }), peerView({ peerId: 'new', capacity: 2, feedback: feedback({ warmth: 0.25 }) })]
    expect(turns(peers, 30).split(' ').filter((name) => name === 'new')).toHaveLength(10)
  })
})
