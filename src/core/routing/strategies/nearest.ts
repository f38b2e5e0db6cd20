/**
 * The nearest peer, unless others are as near: near-ties are settled by two random choices (Mitzenmacher, "The Power of Two Choices
 * in Randomized Load Balancing", 2001) on latency × (in flight there + in flight from here + 1). The best of *all* of them would send
 * every node to the same peer until the next news of its load; the better of two picked at random spreads them, and still avoids
 * the busiest.
 *
 * In flight there is what the peer last reported and may lag; in flight from here is exact. Their sum counts our own queries twice once
 * the peer has reported them, which errs towards spreading.
 *
 * The failover order behind the first is by score alone.
 */
import { randomInteger } from '../../time/random.ts'
import type { PeerView } from '../types.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const nearest: RoutingStrategy = { name: 'nearest', score, rank }

function score(candidates: readonly PeerView[], { options }: Pick<RankContext, 'options'>): Float64Array {
  return scoresOf(candidates, effectiveLatenciesMs(candidates, options.unmeasuredLatencyMs))
}

function scoresOf(candidates: readonly PeerView[], latenciesMs: Float64Array): Float64Array {
  return latenciesMs.map((latencyMs, i) => {
    const { inFlightThere, inFlightFromHere } = candidates[i] as PeerView
    return latencyMs * (inFlightThere + inFlightFromHere + 1)
  })
}

function rank(candidates: readonly PeerView[], { options, random, places }: RankContext): Ranking {
  const latenciesMs = effectiveLatenciesMs(candidates, options.unmeasuredLatencyMs)
  const scores = scoresOf(candidates, latenciesMs)
  let bestMs = Infinity
  for (let i = 0; i < latenciesMs.length; i++) bestMs = Math.min(bestMs, latenciesMs[i] as number)
  const bandMs = Math.max(bestMs * (1 + options.tieRatio), bestMs + options.tieMs)
  const tied: number[] = []
  for (let i = 0; i < candidates.length; i++) if ((latenciesMs[i] as number) <= bandMs) tied.push(i)
  const first = betterOfTwo(tied, scores, random)
  return { order: [first, ...lowest(scores, places - 1, first)], scores }
}

/** An unmeasured peer is taken to be at least as far as the farthest measured one: unknown must never look near. */
function effectiveLatenciesMs(candidates: readonly PeerView[], unmeasuredMs: number): Float64Array {
  const latenciesMs = new Float64Array(candidates.length)
  let worstMs = unmeasuredMs
  for (const { latencyMs } of candidates) if (isMeasured(latencyMs) && latencyMs > worstMs) worstMs = latencyMs
  for (let i = 0; i < candidates.length; i++) {
    const { latencyMs } = candidates[i] as PeerView
    latenciesMs[i] = isMeasured(latencyMs) ? latencyMs : worstMs
  }
  return latenciesMs
}

function isMeasured(latencyMs: number | null): latencyMs is number {
  return latencyMs !== null && Number.isFinite(latencyMs)
}

/** Two different ones, picked at random; the better of them, the first picked if they are equal. */
function betterOfTwo(tied: readonly number[], scores: Float64Array, random: () => number): number {
  const a = tied.length === 1 ? 0 : randomInteger(random, tied.length)
  const first = tied[a] as number
  if (tied.length === 1) return first
  const b = randomInteger(random, tied.length - 1)
  const second = tied[b < a ? b : b + 1] as number
  return (scores[second] as number) < (scores[first] as number) ? second : first
}

/** The indices of the `count` lowest scores but `except`, lowest first. Insertion into a short list: no sort of all of them. */
function lowest(scores: Float64Array, count: number, except: number): number[] {
  const chosen: number[] = []
  if (count <= 0) return chosen
  for (let i = 0; i < scores.length; i++) {
    if (i === except) continue
    const score = scores[i] as number
    if (chosen.length === count && score >= (scores[chosen[count - 1] as number] as number)) continue
    let place = chosen.length < count ? chosen.length : count - 1
    while (place > 0 && (scores[chosen[place - 1] as number] as number) > score) {
      chosen[place] = chosen[place - 1] as number
      place--
    }
    chosen[place] = i
  }
  return chosen
}
