/**
 * How a strategy picks: the better of two taken at random without replacement (Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing", 2001), or the best of all, from a random start, where they are few. The best of *many* would send every node to the same
 * peer until the next news of its load.
 */
import { randomInteger, type Random } from '../../time/random.ts'
import type { PeerView } from '../types.ts'
import { createIndexColumn } from './columns.ts'
import type { RankContext, Ranking } from './strategy.ts'

const takeWarm = createIndexColumn()

/** Indices of the candidates among which a choice is made. */
export type Pool = Uint32Array

/**
 * Those that take part in a choice among all. One that is not warm yet takes part with the probability of its warmth, so that among equals
 * it gets that share of its fair part. All of them where chance would leave nobody. A column.
 */
export function admitted(candidates: readonly PeerView[], random: Random): Pool {
  const pool = takeWarm(candidates.length)
  let count = 0
  for (let i = 0; i < pool.length; i++) if (takesPart(candidates[i] as PeerView, random)) pool[count++] = i
  if (count > 0) return pool.subarray(0, count)
  for (let i = 0; i < pool.length; i++) pool[i] = i
  return pool
}

/** As `admitted`, in a choice among `pool`. */
export function admittedOf(pool: Pool, candidates: readonly PeerView[], random: Random): Pool {
  const warm = drawnByWarmth(pool, candidates, random)
  return warm.length === 0 ? pool : warm
}

/** As `admittedOf`, but it may be nobody. A column. */
export function drawnByWarmth(pool: Pool, candidates: readonly PeerView[], random: Random): Pool {
  const warm = takeWarm(pool.length)
  let count = 0
  for (let i = 0; i < pool.length; i++) {
    const index = pool[i] as number
    if (takesPart(candidates[index] as PeerView, random)) warm[count++] = index
  }
  return warm.subarray(0, count)
}

function takesPart({ feedback }: PeerView, random: Random): boolean {
  return feedback === null || feedback.warmth >= 1 || random() < feedback.warmth
}

/** The index of the choice; `pool` is not empty. */
export function pick(pool: Pool, scores: ArrayLike<number>, { random, options: { scanMax } }: Pick<RankContext, 'random' | 'options'>): number {
  return pool.length <= Math.max(2, scanMax) ? best(pool, scores, random) : betterOfTwo(pool, scores, random)
}

/** The lowest of all, the first from a random start where several are equal. */
export function best(pool: Pool, scores: ArrayLike<number>, random: Random): number {
  const start = pool.length === 1 ? 0 : randomInteger(random, pool.length)
  let chosen = pool[start] as number
  for (let step = 1; step < pool.length; step++) {
    const index = pool[(start + step) % pool.length] as number
    if ((scores[index] as number) < (scores[chosen] as number)) chosen = index
  }
  return chosen
}

/** Two different ones; the first picked if they are equal. */
function betterOfTwo(pool: Pool, scores: ArrayLike<number>, random: Random): number {
  const a = randomInteger(random, pool.length)
  const b = randomInteger(random, pool.length - 1)
  const first = pool[a] as number
  const second = pool[b < a ? b : b + 1] as number
  return (scores[second] as number) < (scores[first] as number) ? second : first
}

/** The choice, then the rest by score alone: chance and cursors settle only who comes first. */
export function ranking(first: number, scores: ArrayLike<number>, places: number): Ranking {
  return { order: [first, ...lowest(scores, places - 1, first)] }
}

/** The indices of the `count` lowest scores but `except`, lowest first. Insertion into a short list: no sort of all of them. */
export function lowest(scores: ArrayLike<number>, count: number, except: number | null): number[] {
  const chosen: number[] = []
  if (count <= 0) return chosen
  // What is not below the last one of a full list is passed over; all but the first few are.
  let limit = Infinity
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number
    if ((score >= limit && chosen.length === count) || i === except) continue
    let place = Math.min(chosen.length, count - 1)
    while (place > 0 && (scores[chosen[place - 1] as number] as number) > score) {
      chosen[place] = chosen[place - 1] as number
      place--
    }
    chosen[place] = i
    if (chosen.length === count) limit = scores[chosen[count - 1] as number] as number
  }
  return chosen
}
