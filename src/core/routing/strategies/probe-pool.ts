/**
 * Prequal (Wydrowski et al., "Load is not what you should balance", NSDI'24 §4): choose by what peers answered to probes a moment ago.
 * Those with more requests in flight than a quantile of all probed are **hot**, the rest **cold**. Of the cold ones the one with the lowest
 * latency is taken; where all are hot, the one with fewest requests in flight. Load only says who is out of the question; who is best
 * is said by latency, which knows of antagonists, slow disks and cold caches.
 *
 * Which probes there are, how old they grow and how often one is used is decided in feedback-probes.ts. With fewer than `probesMin` of them
 * the choice is peak-ewma's.
 *
 * Extension: what this node has in flight to a peer is added to its probe, and the round trip to its latency, since peers are not all in one
 * datacenter.
 */
import type { PeerView } from '../types.ts'
import { admitted, best, ranking } from './choices.ts'
import { isMeasured, warmthOf } from './figures.ts'
import { peakEwma } from './peak-ewma.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const probePool: RoutingStrategy = { name: 'probe-pool', score, rank }

/** 0–1 cold, by latency; 1–2 hot, by requests in flight; 2–3 without a probe, by peak-ewma's figure. */
function score(candidates: readonly PeerView[], { options, nowMs, site }: Omit<RankContext, 'random' | 'places'>): Float64Array {
  const scores = Float64Array.from(peakEwma.score(candidates, { options, nowMs, site }), (figure) => 2 + fraction(figure))
  const probed = withProbe(candidates)
  const limit = quantile(probed.map((index) => inFlightOf(candidates[index] as PeerView)), options.hotQuantile)
  for (const index of probed) {
    const peer = candidates[index] as PeerView
    const inFlight = inFlightOf(peer)
    scores[index] = inFlight > limit ? 1 + fraction(inFlight) : fraction(latencyMsOf(peer))
  }
  return scores
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const scores = score(candidates, context)
  const pool = admitted(withProbe(candidates), candidates, context.random)
  const isAnyAdmitted = pool.some((index) => warmthOf(candidates[index] as PeerView) > 0)
  if (pool.length < context.options.probesMin || !isAnyAdmitted) {
    const [first = 0] = peakEwma.rank(candidates, { ...context, places: 1 }).order
    return ranking(first, scores, context.places)
  }
  return ranking(best(pool, scores, context.random), scores, context.places)
}

function withProbe(candidates: readonly PeerView[]): number[] {
  const probed: number[] = []
  for (let i = 0; i < candidates.length; i++) {
    const { feedback } = candidates[i] as PeerView
    if (feedback !== null && feedback.probe !== null) probed.push(i)
  }
  return probed
}

/** The figure that a share `q` of them does not exceed. */
function quantile(figures: readonly number[], q: number): number {
  const sorted = Float64Array.from(figures).sort()
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
}

function inFlightOf({ feedback, inFlightFromHere }: PeerView): number {
  return (feedback?.probe?.inFlight ?? 0) + inFlightFromHere
}

function latencyMsOf({ feedback, latencyMs }: PeerView): number {
  return (feedback?.probe?.latencyMs ?? 0) + (isMeasured(latencyMs) ? latencyMs : 0)
}

/** In order, and below 1. */
function fraction(figure: number): number {
  return figure / (figure + 1)
}
