/** The fewest queries in flight for each unit of capacity, of two picked at random (Envoy's least request, weighted by capacity). */
import type { PeerView } from '../types.ts'
import { admitted, pick, ranking } from './choices.ts'
import { capacityOf, inFlightFigures } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const leastConnections: RoutingStrategy = {
  name: 'least-connections', isStateless: true, rank,
  score: (candidates, context) => figuresOf(candidates, context).slice(),
}

function figuresOf(candidates: readonly PeerView[], { options }: Pick<RankContext, 'options'>): Float64Array {
  const figures = inFlightFigures(candidates, options)
  for (let i = 0; i < figures.length; i++) figures[i] = ((figures[i] as number) + 1) / capacityOf(candidates[i] as PeerView)
  return figures
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const scores = figuresOf(candidates, context)
  return ranking(pick(admitted(candidates, context.random), scores, context), scores, context.places)
}
