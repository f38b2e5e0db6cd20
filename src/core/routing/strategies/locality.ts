/**
 * The same rack, then the same datacenter, then the rest, and within each the better of two by queries in flight for what is idle there.
 *
 * A place spills over before it is full: while the idle part of its capacity is above `spillBelow` it keeps everything; below, the part
 * that it keeps shrinks in proportion, and the rest goes one level out. Two racks that are both filling up so meet half-way instead of
 * sending everything back and forth. (After the local percentage of Envoy's zone-aware routing. Extension: from idle capacity and not from
 * the number of hosts, which says nothing where hosts differ.)
 */
import type { PeerView, Site } from '../types.ts'
import { admittedOf, pick, ranking, type Pool } from './choices.ts'
import { createIndexColumn } from './columns.ts'
import { capacityOf, distanceTo, inFlightFigures, resourceUse, warmthOf } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const locality: RoutingStrategy = {
  name: 'locality', isStateless: true, rank,
  score: (candidates, context) => figuresOf(candidates, distancesTo(candidates, context.site), context).slice(),
}

const levels = [0, 1, 2] as const
const takeDistances = createIndexColumn()
const takeLevel = levels.map(createIndexColumn)

/** Of its capacity: the least that a peer is taken to have idle, or an overfull one could not be compared. */
const idleMin = 0.05

/** Whole part: the distance; fraction: queries in flight for each idle unit of capacity, brought into 0–1. */
function figuresOf(candidates: readonly PeerView[], distances: Uint32Array, { options }: Pick<RankContext, 'options'>): Float64Array {
  const figures = inFlightFigures(candidates, options)
  for (let i = 0; i < figures.length; i++) {
    const peer = candidates[i] as PeerView
    const figure = ((figures[i] as number) + 1) / (capacityOf(peer) * idleOf(peer))
    figures[i] = (distances[i] as number) + figure / (figure + 1)
  }
  return figures
}

function distancesTo(candidates: readonly PeerView[], site: Site): Uint32Array {
  const distances = takeDistances(candidates.length)
  for (let i = 0; i < distances.length; i++) distances[i] = distanceTo((candidates[i] as PeerView).site, site)
  return distances
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const { options, random, site, places } = context
  const distances = distancesTo(candidates, site)
  const scores = figuresOf(candidates, distances, context)
  const level = choose(distances, candidates, { random, spillBelow: options.spillBelow })
  return ranking(pick(admittedOf(level, candidates, random), scores, context), scores, places)
}

function atDistance(distances: Uint32Array, distance: 0 | 1 | 2): Pool {
  const level = (takeLevel[distance] as typeof takeDistances)(distances.length)
  let count = 0
  for (let i = 0; i < distances.length; i++) if (distances[i] === distance) level[count++] = i
  return level.subarray(0, count)
}

/** The first level that keeps the query; where none does, the one with most idle capacity. */
function choose(
  distances: Uint32Array, candidates: readonly PeerView[], { random, spillBelow }: { readonly random: () => number; readonly spillBelow: number },
): Pool {
  let most: Pool | null = null
  let mostIdle = -1
  for (const distance of levels) {
    const level = atDistance(distances, distance)
    if (level.length === 0) continue
    if (level.length === candidates.length) return level
    let idle = 0
    let capacity = 0
    for (const index of level) {
      const peer = candidates[index] as PeerView
      idle += capacityOf(peer) * (1 - resourceUse(peer)) * warmthOf(peer)
      capacity += capacityOf(peer)
    }
    const share = idle / capacity / spillBelow
    if (share >= 1 || random() < share) return level
    if (idle > mostIdle) {
      mostIdle = idle
      most = level
    }
  }
  return most as Pool
}

function idleOf(peer: PeerView): number {
  return Math.max(idleMin, 1 - resourceUse(peer))
}
