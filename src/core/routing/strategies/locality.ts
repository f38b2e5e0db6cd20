/**
 * The same rack, then the same datacenter, then the rest, and within each the better of two by queries in flight for what is idle there.
 *
 * A place spills over before it is full: while the idle part of its capacity is above `spillBelow` it keeps everything; below, the part
 * that it keeps shrinks in proportion, and the rest goes one level out. Two racks that are both filling up so meet half-way instead of
 * sending everything back and forth. (After the local percentage of Envoy's zone-aware routing. Extension: from idle capacity and not from
 * the number of hosts, which says nothing where hosts differ.)
 */
import type { PeerView } from '../types.ts'
import { admitted, pick, ranking } from './choices.ts'
import { capacityOf, distanceTo, inFlightFigures, resourceUse, warmthOf } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

export const locality: RoutingStrategy = { name: 'locality', isStateless: true, score, rank }

/** Of its capacity: the least that a peer is taken to have idle, or an overfull one could not be compared. */
const idleMin = 0.05

/** Whole part: the distance; fraction: queries in flight for each idle unit of capacity, brought into 0–1. */
function score(candidates: readonly PeerView[], { options, site }: Pick<RankContext, 'options' | 'site'>): Float64Array {
  const figures = inFlightFigures(candidates, options)
  for (let i = 0; i < figures.length; i++) {
    const peer = candidates[i] as PeerView
    const figure = ((figures[i] as number) + 1) / (capacityOf(peer) * idleOf(peer))
    figures[i] = distanceTo(peer.site, site) + figure / (figure + 1)
  }
  return figures
}

function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
  const { options, random, site, places } = context
  const levels: [number[], number[], number[]] = [[], [], []]
  for (let i = 0; i < candidates.length; i++) levels[distanceTo((candidates[i] as PeerView).site, site)].push(i)
  const scores = score(candidates, context)
  const level = choose(levels.filter((indices) => indices.length > 0), candidates, { random, spillBelow: options.spillBelow })
  return ranking(pick(admitted(level, candidates, random), scores, context), scores, places)
}

/** The first level that keeps the query; where none does, the one with most idle capacity. */
function choose(
  levels: ReadonlyArray<readonly number[]>, candidates: readonly PeerView[], { random, spillBelow }: { readonly random: () => number; readonly spillBelow: number },
): readonly number[] {
  let most: readonly number[] = levels[0] ?? []
  if (levels.length === 1) return most
  let mostIdle = -1
  for (const level of levels) {
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
  return most
}

function idleOf(peer: PeerView): number {
  return Math.max(idleMin, 1 - resourceUse(peer))
}
