import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../../../src/core/routing/options.ts'
import { createRoundRobin } from '../../../../../src/core/routing/strategies/round-robin.ts'
import type { PeerView } from '../../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { feedback, peerView, strategyContract } from '../../../../contract/strategy.ts'

strategyContract(() => createRoundRobin(), { isLoadAware: false })

const context = { nowMs: 0, site: { datacenter: '', rack: '' }, options: parseRoutingOptions(), random: createRandom(1) }

function peersOf(...names: readonly string[]): PeerView[] {
  return names.map((peerId) => peerView({ peerId }))
}

describe('round robin', () => {
  it('takes each in its turn, and has the next ones behind it', () => {
    const strategy = createRoundRobin()
    const peers = peersOf('a', 'b', 'c')
    expect(Array.from({ length: 5 }, () => strategy.rank(peers, { ...context, places: 3 }).order)).toEqual([[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2], [1, 2, 0]])
  })

  it('starts where chance says, so that nodes do not march in step', () => {
    const peers = peersOf('a', 'b', 'c', 'd')
    const starts = new Set(Array.from({ length: 40 }, (_, seed) => createRoundRobin(createRandom(seed)).rank(peers, { ...context, places: 1 }).order[0]))
    expect(starts.size).toBe(4)
  })

  it('goes on when candidates come and go', () => {
    const strategy = createRoundRobin()
    strategy.rank(peersOf('a', 'b', 'c'), { ...context, places: 1 })
    strategy.rank(peersOf('a', 'b', 'c'), { ...context, places: 1 })
    expect(strategy.rank(peersOf('a', 'b'), { ...context, places: 2 }).order).toEqual([0, 1])
    expect(strategy.rank(peersOf('a', 'b', 'c', 'd'), { ...context, places: 1 }).order).toEqual([1])
  })

  it('scores by turns to wait, which looking does not change', () => {
    const strategy = createRoundRobin()
    const peers = peersOf('a', 'b', 'c')
    strategy.rank(peers, { ...context, places: 1 })
    for (let i = 0; i < 3; i++) expect(Array.from(strategy.score(peers, context))).toEqual([2, 0, 1])
  })

  it("gives a cold newcomer's turn to the next, which then has not another one", () => {
    const strategy = createRoundRobin()
    const peers = [peerView({ peerId: 'a' }), peerView({ peerId: 'new', feedback: feedback({ warmth: 0 }) }), peerView({ peerId: 'b' }), peerView({ peerId: 'c' })]
    expect(Array.from({ length: 6 }, () => strategy.rank(peers, { ...context, places: 1 }).order[0])).toEqual([0, 2, 3, 0, 2, 3])
  })
})
