/**
 * How a strategy picks: the better of two taken at random without replacement (Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing", 2001), or the best of all, from a random start, where they are few. The best of *many* would send every node to the same
 * peer until the next news of its load.
 */
import { randomInteger, type Random } from '../../time/random.ts'
import type { PeerView } from '../types.ts'
import { warmthOf } from './figures.ts'
import type { RankContext, Ranking } from './strategy.ts'

/**
 * Those of `pool` (indices) that take part in this choice. One that is not warm yet takes part with the probability of its warmth, so
 * that among equals it gets that share of its fair part. All of them where chance would leave nobody.
 */
export function admitted(pool: readonly number[], candidates: readonly PeerView[], random: Random): readonly number[] {
  const warm = drawnByWarmth(pool, candidates, random)
  return warm.length === 0 ? pool : warm
}

/** As `admitted`, but it may be nobody. */
export function drawnByWarmth(pool: readonly number[], candidates: readonly PeerView[], random: Random): readonly number[] {
  const warm: number[] = []
  for (const index of pool) {
    const warmth = warmthOf(candidates[index] as PeerView)
    if (warmth >= 1 || random() < warmth) warm.push(index)
  }
  return warm
}

export function all(candidates: readonly PeerView[]): number[] {
  const pool: number[] = []
  for (let i = 0; i < candidates.length; i++) pool.push(i)
  return pool
}

/** The index of the choice; `pool` is not empty. */
export function pick(pool: readonly number[], scores: ArrayLike<number>, { random, options: { scanMax } }: Pick<RankContext, 'random' | 'options'>): number {
  return pool.length <= Math.max(2, scanMax) ? best(pool, scores, random) : betterOfTwo(pool, scores, random)
}

/** The lowest of all, the first from a random start where several are equal. */
export function best(pool: readonly number[], scores: ArrayLike<number>, random: Random): number {
  const start = pool.length === 1 ? 0 : randomInteger(random, pool.length)
  let chosen = pool[start] as number
  for (let step = 1; step < pool.length; step++) {
    const index = pool[(start + step) % pool.length] as number
    if ((scores[index] as number) < (scores[chosen] as number)) chosen = index
  }
  return chosen
}

/** Two different ones; the first picked if they are equal. */
function betterOfTwo(pool: readonly number[], scores: ArrayLike<number>, random: Random): number {
  const a = randomInteger(random, pool.length)
  const b = randomInteger(random, pool.length - 1)
  const first = pool[a] as number
  const second = pool[b < a ? b : b + 1] as number
  return (scores[second] as number) < (scores[first] as number) ? second : first
}

/** The choice, then the rest by score alone: chance and cursors settle only who comes first. */
export function ranking(first: number, scores: ArrayLike<number>, places: number): Ranking {
  return { order: [first, ...lowest(scores, places - 1, first)], scores }
}

/** The indices of the `count` lowest scores but `except`, lowest first. Insertion into a short list: no sort of all of them. */
export function lowest(scores: ArrayLike<number>, count: number, except: number | null): number[] {
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
