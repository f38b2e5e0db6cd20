/**
 * The nearest peer, unless others are as near: near-ties are settled by two random choices on (in flight there + in flight from here + 1) ×
 * response time, which spreads them and still avoids the busiest and the slowest. Distance says who is near; which of the near ones is well is
 * known only from what they answered (feedback.ts): queries in flight tell of a slow server once they have piled up. How near is near enough
 * depends on the queries: 5 ms more of a way are much for a look-up and nothing for a report, and measured round trips scatter by as much.
 *
 * The failover order behind the first is by score alone.
 */
import type { PeerView } from '../types.ts'
import { admittedOf, pick, ranking, type Pool } from './choices.ts'
import { createFigureColumn, createIndexColumn } from './columns.ts'
import { effectiveLatenciesMs, inFlightFigures, isMeasured } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const nearest: RoutingStrategy = {
  name: 'nearest', isStateless: true, rank,
  score: (candidates, { options }) => figuresOf(effectiveLatenciesMs(candidates, options.unmeasuredLatencyMs), inFlightFigures(candidates, options)).slice(),
}

const responseMsMin = 0.001

const takeTied = createIndexColumn()
const takeDrawn = createFigureColumn()

function figuresOf(latenciesMs: Float64Array, inFlight: Float64Array): Float64Array {
  for (let i = 0; i < inFlight.length; i++) inFlight[i] = (latenciesMs[i] as number) * ((inFlight[i] as number) + 1)
  return inFlight
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const { options, random, places } = context
  const latenciesMs = effectiveLatenciesMs(candidates, options.unmeasuredLatencyMs)
  const scores = figuresOf(latenciesMs, inFlightFigures(candidates, options))
  let bestMs = Infinity
  for (let i = 0; i < latenciesMs.length; i++) if ((latenciesMs[i] as number) < bestMs) bestMs = latenciesMs[i] as number
  const bandMs = bestMs + Math.max(bestMs * options.tieRatio, options.tieMs, Math.min(options.tieMsMax, quickestAnswerMs(candidates) * options.tieRatio))
  const near = takeTied(candidates.length)
  let count = 0
  for (let i = 0; i < latenciesMs.length; i++) if ((latenciesMs[i] as number) <= bandMs) near[count++] = i
  const tied = near.subarray(0, count)
  return ranking(pick(admittedOf(tied, candidates, random), weighed(scores, tied, { candidates, latenciesMs }), context), scores, places)
}

/** Of those that have answered; 0 while nobody has. The way there is part of it. */
function quickestAnswerMs(candidates: readonly PeerView[]): number {
  let quickestMs = Infinity
  for (const peer of candidates) {
    const responseMs = responseMsOf(peer)
    if (responseMs !== null && responseMs < quickestMs) quickestMs = responseMs
  }
  return quickestMs === Infinity ? 0 : quickestMs
}

/**
 * Of the tied, queries in flight times how long each takes to answer, way included; by the way alone while nobody has answered. Who has not
 * answered yet is as fast as the mean of those who have.
 */
function weighed(scores: Float64Array, tied: Pool, { candidates, latenciesMs }: { readonly candidates: readonly PeerView[]; readonly latenciesMs: Float64Array }): Float64Array {
  let sumMs = 0
  let known = 0
  for (const index of tied) {
    const responseMs = responseMsOf(candidates[index] as PeerView)
    if (responseMs === null) continue
    sumMs += responseMs
    known++
  }
  if (known === 0) return scores
  // Only the places of the tied are read.
  const drawn = takeDrawn(scores.length)
  for (const index of tied) {
    const responseMs = responseMsOf(candidates[index] as PeerView) ?? sumMs / known
    drawn[index] = (scores[index] as number) * responseMs / Math.max(responseMsMin, latenciesMs[index] as number)
  }
  return drawn
}

/** What answered in no time has its load to tell it apart. */
function responseMsOf({ feedback }: PeerView): number | null {
  const responseMs = feedback === null ? null : feedback.peakEwmaMs
  return isMeasured(responseMs) ? Math.max(responseMsMin, responseMs) : null
}
