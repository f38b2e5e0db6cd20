/**
 * The nearest peer, unless others are as near: near-ties are settled by two random choices on latency × (in flight there + in flight from
 * here + 1), which spreads them and still avoids the busiest.
 *
 * The failover order behind the first is by score alone.
 */
import type { PeerView } from '../types.ts'
import { admitted, pick, ranking } from './choices.ts'
import { effectiveLatenciesMs, inFlightFigures } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const nearest: RoutingStrategy = { name: 'nearest', isStateless: true, score, rank }

function score(candidates: readonly PeerView[], { options }: Pick<RankContext, 'options'>): Float64Array {
  return scoresOf(effectiveLatenciesMs(candidates, options.unmeasuredLatencyMs), inFlightFigures(candidates, options))
}

function scoresOf(latenciesMs: Float64Array, inFlight: Float64Array): Float64Array {
  for (let i = 0; i < inFlight.length; i++) inFlight[i] = (latenciesMs[i] as number) * ((inFlight[i] as number) + 1)
  return inFlight
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const { options, random, places } = context
  const latenciesMs = effectiveLatenciesMs(candidates, options.unmeasuredLatencyMs)
  const scores = scoresOf(latenciesMs, inFlightFigures(candidates, options))
  let bestMs = Infinity
  for (let i = 0; i < latenciesMs.length; i++) bestMs = Math.min(bestMs, latenciesMs[i] as number)
  const bandMs = Math.max(bestMs * (1 + options.tieRatio), bestMs + options.tieMs)
  const tied: number[] = []
  for (let i = 0; i < candidates.length; i++) if ((latenciesMs[i] as number) <= bandMs) tied.push(i)
  return ranking(pick(admitted(tied, candidates, random), scores, context), scores, places)
}
