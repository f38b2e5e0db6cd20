/**
 * Smooth weighted round robin (nginx, `ngx_http_upstream_round_robin.c`): each turn adds its weight to everyone's credit, the highest
 * credit is taken and pays the sum of all weights. In every run of as many turns as the weights add up to, each gets exactly its
 * weight, and a heavy one's turns are spread between the others' instead of following each other.
 *
 * The weight is the capacity, times warmth for a newcomer. Who is no candidate for a while keeps its credit; the credits of those who are
 * gone are dropped when they outnumber the candidates, so that memory is bounded by these.
 */
import type { PeerView } from '../types.ts'
import { ranking } from './choices.ts'
import { capacityOf, warmthOf } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

/** Credits of absent ones that are kept beside as many as there are candidates. */
const absentMax = 64

export function createWeightedRoundRobin(): RoutingStrategy & { readonly size: number } {
  let credits = new Map<string, { value: number }>()

  /** Everyone's credit with the weight of this turn added. */
  function due(candidates: readonly PeerView[], weights: Float64Array): Float64Array {
    const values = new Float64Array(candidates.length)
    for (let i = 0; i < values.length; i++) values[i] = (credits.get((candidates[i] as PeerView).peerId)?.value ?? 0) + (weights[i] as number)
    return values
  }

  /** How far each is behind the one whose turn it is. */
  function score(candidates: readonly PeerView[]): Float64Array {
    const values = due(candidates, weightsOf(candidates))
    return behind(values, values[highest(values)] as number)
  }

  function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
    const weights = weightsOf(candidates)
    const values = due(candidates, weights)
    const first = highest(values)
    const highestValue = values[first] as number
    let total = 0
    for (let i = 0; i < weights.length; i++) total += weights[i] as number
    for (let i = 0; i < values.length; i++) keep((candidates[i] as PeerView).peerId, i === first ? highestValue - total : values[i] as number)
    if (credits.size > 2 * candidates.length + absentMax) credits = new Map(candidates.map(({ peerId }) => [peerId, credits.get(peerId) ?? { value: 0 }]))
    return ranking(first, behind(values, highestValue), context.places)
  }

  function keep(peerId: string, value: number): void {
    const credit = credits.get(peerId)
    if (credit === undefined) credits.set(peerId, { value })
    else credit.value = value
  }

  return {
    name: 'weighted-round-robin', score, rank,
    /** Credits that are kept. */
    get size() { return credits.size },
  }
}

function weightsOf(candidates: readonly PeerView[]): Float64Array {
  const weights = new Float64Array(candidates.length)
  let sum = 0
  for (let i = 0; i < weights.length; i++) {
    const peer = candidates[i] as PeerView
    weights[i] = capacityOf(peer) * warmthOf(peer)
    sum += weights[i] as number
  }
  // Nobody is warm: as if all were.
  if (sum === 0) for (let i = 0; i < weights.length; i++) weights[i] = capacityOf(candidates[i] as PeerView)
  return weights
}

/** The index of the first of the highest. */
function highest(values: Float64Array): number {
  let index = 0
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[index] as number)) index = i
  return index
}

/** Changes `values`. */
function behind(values: Float64Array, highestValue: number): Float64Array {
  for (let i = 0; i < values.length; i++) values[i] = highestValue - (values[i] as number)
  return values
}
