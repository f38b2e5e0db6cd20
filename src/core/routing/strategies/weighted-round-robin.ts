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
import { createFigureColumn } from './columns.ts'
import { capacityOf, warmthOf } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

/** Credits of absent ones that are kept beside as many as there are candidates. */
const absentMax = 64

interface Credit {
  value: number
}

const takeWeights = createFigureColumn()
const takeValues = createFigureColumn()

export function createWeightedRoundRobin(): RoutingStrategy & { readonly size: number } {
  let credits = new Map<string, Credit>()

  /** How far each is behind the one whose turn it is. */
  function score(candidates: readonly PeerView[]): Float64Array {
    const weights = weightsOf(candidates)
    const values = new Float64Array(candidates.length)
    for (let i = 0; i < values.length; i++) values[i] = (credits.get((candidates[i] as PeerView).peerId)?.value ?? 0) + (weights[i] as number)
    return behind(values, values[indexOfHighest(values)] as number)
  }

  function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
    const weights = weightsOf(candidates)
    const values = takeValues(candidates.length)
    let total = 0
    for (let i = 0; i < values.length; i++) {
      const credit = creditOf((candidates[i] as PeerView).peerId)
      const weight = weights[i] as number
      credit.value += weight
      values[i] = credit.value
      total += weight
    }
    const first = indexOfHighest(values)
    const highest = values[first] as number
    creditOf((candidates[first] as PeerView).peerId).value = highest - total
    if (credits.size > 2 * candidates.length + absentMax) credits = new Map(candidates.map(({ peerId }) => [peerId, creditOf(peerId)]))
    return ranking(first, behind(values, highest), context.places)
  }

  function creditOf(peerId: string): Credit {
    const known = credits.get(peerId)
    if (known !== undefined) return known
    const credit = { value: 0 }
    credits.set(peerId, credit)
    return credit
  }

  return {
    name: 'weighted-round-robin', score, rank,
    /** Credits that are kept. */
    get size() { return credits.size },
  }
}

/** A column. */
function weightsOf(candidates: readonly PeerView[]): Float64Array {
  const weights = takeWeights(candidates.length)
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
function indexOfHighest(values: Float64Array): number {
  let index = 0
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[index] as number)) index = i
  return index
}

/** Changes `values`. */
function behind(values: Float64Array, highest: number): Float64Array {
  for (let i = 0; i < values.length; i++) values[i] = highest - (values[i] as number)
  return values
}
