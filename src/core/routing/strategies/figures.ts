/** What the strategies read off a peer: one reading of load, distance, capacity and room for all of them. */
import type { RoutingOptions } from '../options.ts'
import type { PeerView, Site } from '../types.ts'

const capacityMin = 0.001

/**
 * Queries that each candidate is taken to have in flight: what it reported, and all that this node has dispatched to it. Its report may
 * hold some of ours already; counting them twice errs towards spreading.
 *
 * A report ages. With every half-life half of what it differs from the mean is forgotten, and a rest of less than half a query, in the
 * measure of what is forgotten, does not count: figures that are old enough are all equal, so that chance and own dispatches decide and
 * not everybody's common memory (after Dahlin, "Interpreting Stale Load Information", 1999). Unknown load is the mean: neither idle nor
 * busy. The mean leaves out whoever reports more than twice the plain one, or a single absurd report would make all others look alike.
 */
export function inFlightFigures(candidates: readonly PeerView[], { loadHalfLifeMs }: Pick<RoutingOptions, 'loadHalfLifeMs'>): Float64Array {
  const figures = new Float64Array(candidates.length)
  for (let i = 0; i < candidates.length; i++) {
    const { loadAgeMs } = candidates[i] as PeerView
    figures[i] = loadAgeMs === null ? 0 : 2 ** (-Math.max(0, loadAgeMs) / loadHalfLifeMs)
  }
  const mean = meanReport(candidates, figures, 2 * meanReport(candidates, figures, Infinity))
  for (let i = 0; i < candidates.length; i++) {
    const { inFlightThere, inFlightFromHere } = candidates[i] as PeerView
    const weight = figures[i] as number
    const rest = weight * (inFlightThere - mean)
    figures[i] = mean + (Math.abs(rest) < 0.5 * (1 - weight) ? 0 : rest) + inFlightFromHere
  }
  return figures
}

/** Of those up to `highest`; 0 when nobody reported. */
function meanReport(candidates: readonly PeerView[], weights: Float64Array, highest: number): number {
  let sum = 0
  let weighted = 0
  for (let i = 0; i < candidates.length; i++) {
    const { inFlightThere } = candidates[i] as PeerView
    if (inFlightThere > highest) continue
    sum += weights[i] as number
    weighted += (weights[i] as number) * inFlightThere
  }
  return sum > 0 ? weighted / sum : 0
}

/** An unmeasured peer is taken to be at least as far as the farthest measured one: unknown must never look near. */
export function effectiveLatenciesMs(candidates: readonly PeerView[], unmeasuredMs: number): Float64Array {
  const latenciesMs = new Float64Array(candidates.length)
  let worstMs = unmeasuredMs
  for (const { latencyMs } of candidates) if (isMeasured(latencyMs) && latencyMs > worstMs) worstMs = latencyMs
  for (let i = 0; i < candidates.length; i++) {
    const { latencyMs } = candidates[i] as PeerView
    latenciesMs[i] = isMeasured(latencyMs) ? latencyMs : worstMs
  }
  return latenciesMs
}

export function isMeasured(ms: number | null): ms is number {
  return ms !== null && Number.isFinite(ms)
}

/** Above 0, so that it can be divided by. */
export function capacityOf({ capacity }: PeerView): number {
  return Math.max(capacityMin, capacity)
}

/** 0–1: the scarcer of CPU and memory; what was never reported counts as used up. */
export function resourceUse({ cpuPercent, memoryPercent }: PeerView): number {
  return Math.min(1, Math.max(0, (cpuPercent ?? 100) / 100, (memoryPercent ?? 100) / 100))
}

/** 0–1: the share of its fair part that it may have yet. */
export function warmthOf({ feedback }: PeerView): number {
  return feedback === null ? 1 : feedback.warmth
}

/** 0: same rack; 1: same datacenter; 2: elsewhere, or nobody said. */
export function distanceTo({ datacenter, rack }: Site, here: Site): 0 | 1 | 2 {
  if (here.datacenter === '' || datacenter !== here.datacenter) return 2
  return here.rack !== '' && rack === here.rack ? 0 : 1
}
