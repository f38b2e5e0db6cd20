/** A strategy out of a score alone, for owners who care about one figure and not about ranking. */
import type { PeerView } from '../types.ts'
import { admitted, pick, ranking } from './choices.ts'
import { inFlightFigures } from './figures.ts'
import type { RankContext, RoutingStrategy } from './strategy.ts'

export interface ScoreContext extends Omit<RankContext, 'random' | 'places'> {
  /** Queries under way there: what the peer reported, weighing less as it ages, and this node's own to it. */
  readonly inFlight: number
}

/** Lower is better; finite and at least 0. Pure. */
export type PeerScore = (peer: PeerView, context: ScoreContext) => number

/**
 * Chooses the lowest score: of all where candidates are few, of two taken at random where they are many, so that not every node chooses
 * the same peer. Newcomers get their share slowly, as in the strategies that come along.
 */
export function createScoringStrategy(name: string, scoreOf: PeerScore): RoutingStrategy {
  const score: RoutingStrategy['score'] = (candidates, context) => {
    // A copy: the column would not survive a `scoreOf` that asks another strategy.
    const scores = inFlightFigures(candidates, context.options).slice()
    for (let i = 0; i < scores.length; i++) scores[i] = scoreOf(candidates[i] as PeerView, { ...context, inFlight: scores[i] as number })
    return scores
  }
  return {
    name, isStateless: true, score,
    rank: (candidates, context) => {
      const scores = score(candidates, context)
      return ranking(pick(admitted(candidates, context.random), scores, context), scores, context.places)
    },
  }
}
