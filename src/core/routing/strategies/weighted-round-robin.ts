/**
 * Smooth weighted round robin (nginx, `ngx_http_upstream_round_robin.c`): each turn adds its weight to everyone's credit, the highest
 * credit is taken and pays the sum of all weights. In every run of as many turns as the weights add up to, each gets exactly its
 * weight, and a heavy one's turns are spread between the others' instead of following each other.
 *
 * The weight is the capacity, times warmth for a newcomer. Credits are kept for the candidates of the last turn and nobody else, so that
 * memory is bounded by them; who comes back starts without.
 */
import type { PeerView } from '../types.ts'
import { ranking } from './choices.ts'
import { capacityOf, warmthOf } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export function createWeightedRoundRobin(): RoutingStrategy {
  let peerIds: readonly string[] = []
  let credits: Float64Array = new Float64Array()

  /** The credits of these candidates, in their order. */
  function creditsOf(candidates: readonly PeerView[]): Float64Array {
    if (candidates.length === peerIds.length && candidates.every(({ peerId }, i) => peerId === peerIds[i])) return credits
    const byPeer = new Map(peerIds.map((peerId, i): readonly [string, number] => [peerId, credits[i] as number]))
    return Float64Array.from(candidates, ({ peerId }) => byPeer.get(peerId) ?? 0)
  }

  /** How far each is behind the one whose turn it is. */
  function score(candidates: readonly PeerView[]): Float64Array {
    return behind(due(creditsOf(candidates), weightsOf(candidates)))
  }

  function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
    const weights = weightsOf(candidates)
    const afterTurn = due(creditsOf(candidates), weights)
    const scores = behind(afterTurn)
    const first = scores.indexOf(0)
    let total = 0
    for (let i = 0; i < weights.length; i++) total += weights[i] as number
    afterTurn[first] = (afterTurn[first] as number) - total
    peerIds = candidates.map(({ peerId }) => peerId)
    credits = afterTurn
    return ranking(first, scores, context.places)
  }

  return { name: 'weighted-round-robin', score, rank }
}

function weightsOf(candidates: readonly PeerView[]): Float64Array {
  const weights = new Float64Array(candidates.length)
  let isAnyWarm = false
  for (let i = 0; i < candidates.length; i++) {
    const peer = candidates[i] as PeerView
    weights[i] = capacityOf(peer) * warmthOf(peer)
    isAnyWarm ||= (weights[i] as number) > 0
  }
  return isAnyWarm ? weights : Float64Array.from(candidates, capacityOf)
}

function due(credits: Float64Array, weights: Float64Array): Float64Array {
  return credits.map((credit, i) => credit + (weights[i] as number))
}

function behind(credits: Float64Array): Float64Array {
  let highest = -Infinity
  for (let i = 0; i < credits.length; i++) highest = Math.max(highest, credits[i] as number)
  return credits.map((credit) => highest - credit)
}
