/**
 * Peak-EWMA (Finagle's `PeakEwma` under its `P2C`): the better of two by response time × (in flight + 1). The response time is this node's
 * own experience with the peer, quick to rise and slow to fall (feedback.ts), so that a peer that has become slow is left within a few
 * answers, long before anybody gossips about it.
 *
 * A peer that never answered is taken to be as slow as the slowest. Then nobody would ever measure it; so, as in Finagle, one that has
 * nothing of ours in flight is tried when it is drawn: one query at a time, until it has answered.
 */
import type { PeerView } from '../types.ts'
import { admitted, all, pick, ranking } from './choices.ts'
import { inFlightFigures, isMeasured } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const peakEwma: RoutingStrategy = { name: 'peak-ewma', score, rank }

/** An answer in no time would hide any number of queries in flight. */
const responseMsMin = 0.001

function score(candidates: readonly PeerView[], { options }: Pick<RankContext, 'options'>): Float64Array {
  const figures = inFlightFigures(candidates, options)
  let worstMs = options.unmeasuredLatencyMs
  for (const peer of candidates) worstMs = Math.max(worstMs, responseMsOf(peer) ?? 0)
  for (let i = 0; i < figures.length; i++) figures[i] = (responseMsOf(candidates[i] as PeerView) ?? worstMs) * ((figures[i] as number) + 1)
  return figures
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const scores = score(candidates, context)
  const drawn = scores.slice()
  for (let i = 0; i < drawn.length; i++) {
    const peer = candidates[i] as PeerView
    if (peer.inFlightFromHere === 0 && responseMsOf(peer) === null) drawn[i] = -1
  }
  return ranking(pick(admitted(all(candidates), candidates, context.random), drawn, context), scores, context.places)
}

function responseMsOf({ feedback }: PeerView): number | null {
  const estimateMs = feedback === null ? null : feedback.peakEwmaMs
  return isMeasured(estimateMs) ? Math.max(responseMsMin, estimateMs) : null
}
