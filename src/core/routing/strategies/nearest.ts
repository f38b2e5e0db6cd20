/**
 * The nearest peer, unless others are as near: near-ties are settled by two random choices on latency × (in flight there + in flight from
 * here + 1) × response time beside the others', which spreads them and still avoids the busiest and the slowest. Distance says who is near; which
 * of the near ones is well is known only from what they answered (feedback.ts): queries in flight tell of a slow server once they have piled up.
 *
 * The failover order behind the first is by score alone.
 */
import type { PeerView } from '../types.ts'
import { admitted, pick, ranking } from './choices.ts'
import { effectiveLatenciesMs, inFlightFigures, isMeasured } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const nearest: RoutingStrategy = { name: 'nearest', isStateless: true, score, rank }

const responseMsMin = 0.001

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
  return ranking(pick(admitted(tied, candidates, random), weighed(scores, tied, candidates), context), scores, places)
}

/** The scores of the tied, times how much slower than their mean each has answered. Who has not answered yet is as fast as the mean. */
function weighed(scores: Float64Array, tied: readonly number[], candidates: readonly PeerView[]): Float64Array {
  let sumMs = 0
  let known = 0
  for (const index of tied) {
    const responseMs = responseMsOf(candidates[index] as PeerView)
    if (responseMs === null) continue
    sumMs += responseMs
    known++
  }
  if (known === 0) return scores
  const drawn = scores.slice()
  for (const index of tied) {
    const responseMs = responseMsOf(candidates[index] as PeerView)
    if (responseMs !== null) drawn[index] = (drawn[index] as number) * responseMs * known / sumMs
  }
  return drawn
}

/** What answered in no time has its load to tell it apart. */
function responseMsOf({ feedback }: PeerView): number | null {
  const responseMs = feedback === null ? null : feedback.peakEwmaMs
  return isMeasured(responseMs) ? Math.max(responseMsMin, responseMs) : null
}
