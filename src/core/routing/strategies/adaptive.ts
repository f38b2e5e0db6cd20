/**
 * A weighted sum of four figures, each 0–1, the lower of two picked at random: connection load 30 %, latency 30 %, resource use 20 %, data
 * locality 20 % (weights in the options, normalised here).
 *
 * Load and latency are measured against the best candidate, 1 − best ÷ own: twice the best is 0.5 in a rack and across an ocean alike, and
 * one peer with an absurd figure does not make all the others look equal, as dividing by the worst would. A millisecond (`tieMs`) is added to
 * both latencies, or the jitter of a rack would count like an ocean.
 *
 * Data locality is the mean of two: how near the place is, and how much of the query's tables the peer has read lately, where that is known of any.
 */
import type { RoutingOptions } from '../options.ts'
import type { PeerView, Site } from '../types.ts'
import { admitted, pick, ranking } from './choices.ts'
import { capacityOf, distanceTo, effectiveLatenciesMs, inFlightFigures, resourceUse } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const adaptive: RoutingStrategy = {
  name: 'adaptive', isStateless: true, rank,
  score: (candidates, context) => figuresOf(candidates, context).slice(),
}

function figuresOf(candidates: readonly PeerView[], { options, site }: Pick<RankContext, 'options' | 'site'>): Float64Array {
  const { load, latency, resource, place } = weightsOf(options)
  // Read once: looked up in the options it would take a twentieth of the whole choice.
  const { tieMs } = options
  const latenciesMs = effectiveLatenciesMs(candidates, options.unmeasuredLatencyMs)
  const scores = inFlightFigures(candidates, options)
  let leastLoad = Infinity
  let leastMs = Infinity
  for (let i = 0; i < scores.length; i++) {
    const loadHere = ((scores[i] as number) + 1) / capacityOf(candidates[i] as PeerView)
    const latencyMs = latenciesMs[i] as number
    scores[i] = loadHere
    // Not `Math.min`: each would have to wait for the one before.
    if (loadHere < leastLoad) leastLoad = loadHere
    if (latencyMs < leastMs) leastMs = latencyMs
  }
  for (let i = 0; i < scores.length; i++) {
    const peer = candidates[i] as PeerView
    scores[i] = load * aboveBest(scores[i] as number, leastLoad) + latency * aboveBest((latenciesMs[i] as number) + tieMs, leastMs + tieMs)
      + resource * resourceUse(peer) + place * remoteness(peer, site)
  }
  return scores
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const scores = figuresOf(candidates, context)
  return ranking(pick(admitted(candidates, context.random), scores, context), scores, context.places)
}

/** 0: in this rack, with all of the tables in memory; 1: neither. */
function remoteness({ site, warmTables }: PeerView, here: Site): number {
  const far = distanceTo(site, here) / 2
  return warmTables === undefined ? far : (far + 1 - warmTables) / 2
}

function aboveBest(figure: number, best: number): number {
  return figure > best ? 1 - best / figure : 0
}

/** They add up to 1. */
function weightsOf(options: RoutingOptions): { readonly load: number; readonly latency: number; readonly resource: number; readonly place: number } {
  const { adaptiveLoadWeight: load, adaptiveLatencyWeight: latency, adaptiveResourceWeight: resource, adaptiveLocalityWeight: place } = options
  const sum = load + latency + resource + place
  return { load: load / sum, latency: latency / sum, resource: resource / sum, place: place / sum }
}
