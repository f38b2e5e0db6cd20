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
import { admitted, pick, ranking } from './choices.ts'
import { createFigureColumn } from './columns.ts'
import { inFlightFigures, isMeasured } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const peakEwma: RoutingStrategy = {
  name: 'peak-ewma', isStateless: true, rank,
  score: (candidates, { options }) => figuresOf(candidates, responsesMs(candidates), options).slice(),
}

const takeResponses = createFigureColumn()
const takeDrawn = createFigureColumn()

/** An answer in no time would hide any number of queries in flight. */
const responseMsMin = 0.001

function figuresOf(candidates: readonly PeerView[], responseMs: Float64Array, options: RoutingOptions): Float64Array {
  const figures = inFlightFigures(candidates, options)
  let worstMs = options.unmeasuredLatencyMs
  for (let i = 0; i < responseMs.length; i++) if ((responseMs[i] as number) > worstMs) worstMs = responseMs[i] as number
  for (let i = 0; i < figures.length; i++) figures[i] = ((responseMs[i] as number) < 0 ? worstMs : responseMs[i] as number) * ((figures[i] as number) + 1)
  return figures
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const responseMs = responsesMs(candidates)
  const scores = figuresOf(candidates, responseMs, context.options)
  const drawn = takeDrawn(scores.length)
  for (let i = 0; i < drawn.length; i++) drawn[i] = (responseMs[i] as number) < 0 && (candidates[i] as PeerView).inFlightFromHere === 0 ? -1 : scores[i] as number
  return ranking(pick(admitted(candidates, context.random), drawn, context), scores, context.places)
}

/** A column; −1 for one that never answered. */
function responsesMs(candidates: readonly PeerView[]): Float64Array {
  const responses = takeResponses(candidates.length)
  for (let i = 0; i < responses.length; i++) {
    const { feedback } = candidates[i] as PeerView
    const estimateMs = feedback === null ? null : feedback.peakEwmaMs
    responses[i] = isMeasured(estimateMs) ? Math.max(responseMsMin, estimateMs) : -1
  }
  return responses
}
