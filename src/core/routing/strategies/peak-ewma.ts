/**
 * Peak-EWMA (Finagle's `PeakEwma` under its `P2C`): the better of two by response time × (in flight + 1). The response time is this node's
 * own experience with the peer, quick to rise and slow to fall (feedback.ts), so that a peer that has become slow is left within a few
 * answers, long before anybody gossips about it.
 *
 * A peer that never answered is taken to be as slow as the slowest. Then nobody would ever measure it; so, as in Finagle, one that has
 * nothing of ours in flight is tried when it is drawn: one query at a time, until it has answered.
 */
import type { RoutingOptions } from '../options.ts'
import type { PeerView } from '../types.ts'
import { admitted, all, pick, ranking } from './choices.ts'
import { inFlightFigures, isMeasured } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const peakEwma: RoutingStrategy = { name: 'peak-ewma', isStateless: true, score, rank }

/** An answer in no time would hide any number of queries in flight. */
const responseMsMin = 0.001

function score(candidates: readonly PeerView[], { options }: Pick<RankContext, 'options'>): Float64Array {
  return scoresOf(candidates, responsesMs(candidates), options)
}

function scoresOf(candidates: readonly PeerView[], responseMs: Float64Array, options: RoutingOptions): Float64Array {
  const figures = inFlightFigures(candidates, options)
  let worstMs = options.unmeasuredLatencyMs
  for (let i = 0; i < responseMs.length; i++) worstMs = Math.max(worstMs, responseMs[i] as number)
  for (let i = 0; i < figures.length; i++) figures[i] = ((responseMs[i] as number) < 0 ? worstMs : responseMs[i] as number) * ((figures[i] as number) + 1)
  return figures
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const responseMs = responsesMs(candidates)
  const scores = scoresOf(candidates, responseMs, context.options)
  const drawn = scores.slice()
  for (let i = 0; i < drawn.length; i++) if ((responseMs[i] as number) < 0 && (candidates[i] as PeerView).inFlightFromHere === 0) drawn[i] = -1
  return ranking(pick(admitted(all(candidates), candidates, context.random), drawn, context), scores, context.places)
}

/** −1 for one that never answered. */
function responsesMs(candidates: readonly PeerView[]): Float64Array {
  const responses = new Float64Array(candidates.length)
  for (let i = 0; i < responses.length; i++) {
    const { feedback } = candidates[i] as PeerView
    const estimateMs = feedback === null ? null : feedback.peakEwmaMs
    responses[i] = isMeasured(estimateMs) ? Math.max(responseMsMin, estimateMs) : -1
  }
  return responses
}
