/**
 * Prequal (Wydrowski et al., "Load is not what you should balance", NSDI'24 §4): choose by what peers answered to probes a moment ago.
 * Those with more requests in flight than a quantile of all probed are **hot**, the rest **cold**. Of the cold ones the one with the lowest
 * latency is taken; where all are hot, the one with fewest requests in flight. Load only says who is out of the question; who is best
 * is said by latency, which knows of antagonists, slow disks and cold caches.
 *
 * Which probes there are, how old they grow and how often one is used is decided in feedback-probes.ts. With fewer than `probesMin` of them
 * the choice is peak-ewma's.
 *
 * Extension: the choice is among a random part of the probes (`sampled`); and what this node has in flight to a peer is added to its probe, and the round trip to its latency, since peers are not all in one
 * datacenter.
 */
import { randomInteger } from '../../time/random.ts'
import type { PeerView } from '../types.ts'
import { best, drawnByWarmth, ranking, type Pool } from './choices.ts'
import { createFigureColumn, createIndexColumn } from './columns.ts'
import { isMeasured } from './figures.ts'
import { peakEwma } from './peak-ewma.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

const countedBelow = 256

export const probePool: RoutingStrategy = {
  name: 'probe-pool', isStateless: true, usesProbes: true, rank,
  score: (candidates, context) => {
    const scores = figuresOf(candidates, withProbe(candidates), context.options).slice()
    addUnprobed(scores, candidates, context)
    return scores
  },
}

const takeProbed = createIndexColumn()
const takeInFlight = createFigureColumn()
const takeFigures = createFigureColumn()
const takeSampled = createIndexColumn()

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const probed = withProbe(candidates)
  // Where only cold ones have a probe, those that are warm are to be asked first all the same.
  const pool = sampled(drawnByWarmth(probed, candidates, context.random), context)
  const [stead = null] = pool.length < context.options.probesMin ? peakEwma.rank(candidates, { ...context, places: 1 }).order : []
  const scores = figuresOf(candidates, probed, context.options)
  // All with a probe come before all without: where the former fill the places, nobody needs the latter's figures.
  if (probed.length < context.places) addUnprobed(scores, candidates, context)
  return ranking(stead ?? best(pool, scores, context.random), scores, context.places)
}

/**
 * A random part of them (`probeShare`), where there are more than every strategy compares (`scanMax`). Prequal's pool is a small sample of many servers, another one at each client. A mesh is often
 * smaller than the pool: then all senders hold probes of all, and would all choose the same one until the next. A column.
 */
function sampled(pool: Pool, { random, options: { scanMax, probeShare } }: RankContext): Pool {
  const size = Math.max(2, scanMax, Math.ceil(pool.length * probeShare))
  if (pool.length <= size) return pool
  const drawn = takeSampled(pool.length)
  drawn.set(pool)
  for (let i = 0; i < size; i++) {
    const other = i + randomInteger(random, drawn.length - i)
    const held = drawn[i] as number
    drawn[i] = drawn[other] as number
    drawn[other] = held
  }
  return drawn.subarray(0, size)
}

/** A column: 0–1 cold, by latency; 1–2 hot, by requests in flight; infinite without a probe. */
function figuresOf(candidates: readonly PeerView[], probed: Pool, { hotQuantile }: RankContext['options']): Float64Array {
  const inFlight = takeInFlight(probed.length)
  for (let i = 0; i < inFlight.length; i++) inFlight[i] = inFlightOf(candidates[probed[i] as number] as PeerView)
  const limit = quantile(inFlight, hotQuantile)
  const figures = takeFigures(candidates.length).fill(Infinity)
  for (let i = 0; i < inFlight.length; i++) {
    const index = probed[i] as number
    const figure = inFlight[i] as number
    figures[index] = figure > limit ? 1 + fraction(figure) : fraction(latencyMsOf(candidates[index] as PeerView))
  }
  return figures
}

/** 2–3 for those without a probe, by peak-ewma's figure. Changes `figures`. */
function addUnprobed(figures: Float64Array, candidates: readonly PeerView[], context: Omit<RankContext, 'random' | 'places'>): void {
  if (!figures.includes(Infinity)) return
  const scores = peakEwma.score(candidates, context)
  for (let i = 0; i < figures.length; i++) if (figures[i] === Infinity) figures[i] = 2 + fraction(scores[i] as number)
}

/** A column. */
function withProbe(candidates: readonly PeerView[]): Pool {
  const probed = takeProbed(candidates.length)
  let count = 0
  for (let i = 0; i < candidates.length; i++) {
    const { feedback } = candidates[i] as PeerView
    if (feedback !== null && feedback.probe !== null) probed[count++] = i
  }
  return probed.subarray(0, count)
}

const counts = new Uint32Array(countedBelow)

/** The figure that a share `q` of them does not exceed. Whole numbers, nearly always small ones, which are counted faster than sorted. */
function quantile(figures: Float64Array, q: number): number {
  const place = Math.max(1, Math.ceil(q * figures.length))
  counts.fill(0)
  for (let i = 0; i < figures.length; i++) {
    const figure = figures[i] as number
    if (figure < countedBelow) counts[figure] = (counts[figure] as number) + 1
  }
  let below = 0
  for (let figure = 0; figure < countedBelow; figure++) {
    below += counts[figure] as number
    if (below >= place) return figure
  }
  return figures.slice().sort()[place - 1] ?? 0
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
