/** What the strategies read off a peer: one reading of load, distance, capacity and room for all of them. */
import type { RoutingOptions } from '../options.ts'
import type { PeerView, Site } from '../types.ts'
import { createFigureColumn } from './columns.ts'
import { leftAfter } from './decay.ts'

const capacityMin = 0.001

const takeReports = createFigureColumn()
const takeWeights = createFigureColumn()
const takeFigures = createFigureColumn()
const takeLatenciesMs = createFigureColumn()

/**
 * A column: queries that each candidate is taken to have in flight: what it reported, and all that this node has dispatched to it. Its report may
 * hold some of ours already; counting them twice errs towards spreading.
 *
 * A report ages. With every half-life half of what it differs from the mean is forgotten, and a rest of less than half a query, in the
 * measure of what is forgotten, does not count: figures that are old enough are all equal, so that chance and own dispatches decide and
 * not everybody's common memory (after Dahlin, "Interpreting Stale Load Information", 1999). Unknown load is the mean: neither idle nor
 * busy. The mean leaves out whoever reports more than twice the plain one, or a single absurd report would make all others look alike.
 */
export function inFlightFigures(candidates: readonly PeerView[], { loadHalfLifeMs }: Pick<RoutingOptions, 'loadHalfLifeMs'>): Float64Array {
  // Columns are gone through several times, the peers once: with a thousand of them it is memory that takes the time.
  const reports = takeReports(candidates.length)
  const weights = takeWeights(candidates.length)
  const figures = takeFigures(candidates.length)
  let sum = 0
  let weighted = 0
  for (let i = 0; i < figures.length; i++) {
    const { loadAgeMs, inFlightThere, inFlightFromHere } = candidates[i] as PeerView
    const weight = loadAgeMs === null ? 0 : leftAfter(Math.max(0, loadAgeMs) / loadHalfLifeMs)
    reports[i] = inFlightThere
    weights[i] = weight
    figures[i] = inFlightFromHere
    sum += weight
    weighted += weight * inFlightThere
  }
  const mean = sum > 0 ? meanReport(reports, weights, 2 * weighted / sum) : 0
  for (let i = 0; i < figures.length; i++) {
    const weight = weights[i] as number
    const rest = weight * ((reports[i] as number) - mean)
    figures[i] = (figures[i] as number) + mean + (Math.abs(rest) < 0.5 * (1 - weight) ? 0 : rest)
  }
  return figures
}

/** Of those up to `highest`; 0 when nobody reported. */
function meanReport(reports: Float64Array, weights: Float64Array, highest: number): number {
  let sum = 0
  let weighted = 0
  for (let i = 0; i < reports.length; i++) {
    const report = reports[i] as number
    if (report > highest) continue
    const weight = weights[i] as number
    sum += weight
    weighted += weight * report
  }
  return sum > 0 ? weighted / sum : 0
}

/** A column. An unmeasured peer is taken to be at least as far as the farthest measured one: unknown must never look near. */
export function effectiveLatenciesMs(candidates: readonly PeerView[], unmeasuredMs: number): Float64Array {
  const latenciesMs = takeLatenciesMs(candidates.length)
  let worstMs = unmeasuredMs
  for (let i = 0; i < latenciesMs.length; i++) {
    const latencyMs = (candidates[i] as PeerView).latencyMs ?? Infinity
    latenciesMs[i] = latencyMs
    if (latencyMs > worstMs && latencyMs < Infinity) worstMs = latencyMs
  }
  for (let i = 0; i < latenciesMs.length; i++) if ((latenciesMs[i] as number) === Infinity) latenciesMs[i] = worstMs
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
  const cpu = cpuPercent ?? 100
  const memory = memoryPercent ?? 100
  return Math.min(1, Math.max(0, (cpu > memory ? cpu : memory) / 100))
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
