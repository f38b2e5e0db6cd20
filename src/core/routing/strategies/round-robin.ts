/**
 * Each in its turn, whatever its load: the plain yardstick. The cursor is a place in the list and not a peer, so it costs no memory; where
 * the list changes, a turn may be lost. A newcomer's turn is skipped with the probability that its warmth leaves.
 */
import { randomInteger, type Random } from '../../time/random.ts'
import type { PeerView } from '../types.ts'
import { warmthOf } from './figures.ts'
import type { RankContext, Ranking, RoutingStrategy } from './strategy.ts'

const cursorMax = 2 ** 31

/** `random`: where the cursor starts, so that nodes that start together do not march in step. Without it, at the first. */
export function createRoundRobin(random: Random = () => 0): RoutingStrategy {
  let cursor = randomInteger(random, cursorMax)

  /** Turns until each one's own. */
  function score(candidates: readonly PeerView[]): Float64Array {
    const turn = cursor % candidates.length
    const turns = new Float64Array(candidates.length)
    for (let i = 0; i < turns.length; i++) turns[i] = i < turn ? i - turn + turns.length : i - turn
    return turns
  }

  function rank(candidates: readonly PeerView[], context: RankContext): Ranking {
    const turn = cursor % candidates.length
    let first = turn
    for (let skipped = 0; skipped < candidates.length; skipped++) {
      const index = (turn + skipped) % candidates.length
      const warmth = warmthOf(candidates[index] as PeerView)
      if (warmth >= 1 || context.random() < warmth) {
        first = index
        break
      }
    }
    // From the one that was taken, or the peer behind a newcomer would have the newcomer's turns as well.
    cursor = (first + 1) % candidates.length
    const order = [first]
    for (let turns = 0; order.length < Math.min(context.places, candidates.length); turns++) {
      const index = (turn + turns) % candidates.length
      if (index !== first) order.push(index)
    }
    return { order }
  }

  return { name: 'round-robin', score, rank }
}
