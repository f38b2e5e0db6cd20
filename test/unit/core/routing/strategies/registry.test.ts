import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../../../src/core/routing/options.ts'
import { nearest } from '../../../../../src/core/routing/strategies/nearest.ts'
import { createStrategy, STRATEGY_NAMES, StrategySet } from '../../../../../src/core/routing/strategies/registry.ts'
import type { RoutingStrategy } from '../../../../../src/core/routing/strategies/strategy.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { peerView } from '../../../../contract/strategy.ts'

const peers = ['a', 'b', 'c'].map((peerId) => peerView({ peerId }))

function first(strategy: RoutingStrategy): number | undefined {
  return strategy.rank(peers, { nowMs: 0, site: { datacenter: '', rack: '' }, options: parseRoutingOptions(), random: createRandom(1), places: 1 }).order[0]
}

describe('createStrategy', () => {
  it('knows eight, each under its own name', () => {
    expect(STRATEGY_NAMES).toEqual(['nearest', 'round-robin', 'least-connections', 'weighted-round-robin', 'locality', 'adaptive', 'peak-ewma', 'probe-pool'])
    for (const name of STRATEGY_NAMES) expect(createStrategy(name).name).toBe(name)
  })

  it.each(['fastest', '', 'toString', '__proto__'])('refuses %j and names those that there are', (name) => {
    expect(() => createStrategy(name)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', nextStep: expect.stringContaining('peak-ewma') }))
    expect(() => new StrategySet().get(name)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('makes cursors of their own', () => {
    expect([createStrategy('round-robin'), createStrategy('round-robin')].map(first)).toEqual([0, 0])
  })
})

describe('strategy set', () => {
  it('keeps the cursor of a strategy', () => {
    const set = new StrategySet()
    expect([0, 1, 2, 3].map(() => first(set.get('round-robin')))).toEqual([0, 1, 2, 0])
  })

  it("has its owner's strategies beside the built-in ones, and may have one of them replaced", () => {
    const last: RoutingStrategy = { name: 'last', score: nearest.score, rank: (candidates, context) => ({ ...nearest.rank(candidates, context), order: [candidates.length - 1] }) }
    const set = new StrategySet({ custom: { 'last': () => last, 'round-robin': () => last } })
    expect(first(set.get('last'))).toBe(2)
    expect(first(set.get('round-robin'))).toBe(2)
    expect(set.get('nearest')).toBe(nearest)
    expect(set.names).toHaveLength(STRATEGY_NAMES.length + 1)
  })
})
