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

  it('forgets who is gone, who comes back like anybody new', () => {
    const strategy = createWeightedRoundRobin()
    const peers = peersOf({ a: 1, b: 1, c: 8 })
    turns(peers, 3, strategy)
    const [a, b] = peers as [PeerView, PeerView, PeerView]
    turns([a, b], 1_000, strategy)
    const fresh = Array.from(strategy.score(peers, context))
    // c has its weight and no debt: nobody could be ahead of it by more than the others' weights.
    expect(fresh[2]).toBe(0)
  })

  it('weighs a newcomer by its warmth', () => {
    const peers = [peerView({ peerId: 'a' }), peerView({ peerId: 'new', capacity: 2, feedback: feedback({ warmth: 0.25 }) })]
    expect(turns(peers, 30).split(' ').filter((name) => name === 'new')).toHaveLength(10)
  })
})
