import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../src/core/routing/options.ts'
import { createScoringStrategy } from '../../../src/core/routing/strategies/scoring.ts'
import type { RankContext, RoutingStrategy } from '../../../src/core/routing/strategies/strategy.ts'
import type { PeerView } from '../../../src/core/routing/types.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { checkedStrategy } from '../../../src/node/plugins.ts'
import { strategyContract } from '../../contract/strategy.ts'

const candidates = [{}, {}, {}] as PeerView[]
const context = (places: number): RankContext => ({ options: parseRoutingOptions(), random: createRandom(1), nowMs: 0, site: { datacenter: '', rack: '' }, places })
const ranking = (order: readonly number[]): RoutingStrategy => checkedStrategy('own', () => ({ name: 'any', score: () => [0, 0, 0], rank: () => ({ order, scores: [0, 0, 0] }) }))()

describe('a strategy of the program', () => {
  it.each([[[2], 1], [[2, 0], 2], [[1, 2, 0], 5]])('may rank %j for %i places, under the name it was given', (order, places) => {
    const strategy = ranking(order)
    expect([strategy.name, strategy.rank(candidates, context(places)).order]).toEqual(['own', order])
  })

  it.each([[[], 1], [[0, 1], 1], [[0], 2], [[0, 0], 2], [[3], 1], [[-1], 1], [[0.5], 1], [[0, 1, 2, 2], 5]])('may not rank %j for %i places', (order, places) => {
    expect(() => ranking(order).rank(candidates, context(places))).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL' }) as Error)
  })

  it.each([{}, { isStateless: true }, { usesProbes: true }])('keeps what it says of itself: %j', (said) => {
    const { isStateless, usesProbes } = checkedStrategy('own', () => ({ name: 'any', score: () => [0], rank: () => ({ order: [0], scores: [0] }), ...said }))()
    expect({ isStateless, usesProbes }).toEqual({ isStateless: undefined, usesProbes: undefined, ...said })
  })
})

describe('a score of the program', () => {
  strategyContract(() => createScoringStrategy('own', (_, { inFlight }) => inFlight), { isLoadAware: true })
})
