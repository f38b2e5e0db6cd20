/**
 * A strategy orders the peers that may take a query. Whether they may is not its business: decide.ts has filtered them, so every
 * candidate serves the database, is alive and has room.
 */
import type { Random } from '../../time/random.ts'
import type { RoutingOptions } from '../options.ts'
import type { PeerView, Site } from '../types.ts'

export interface RankContext {
  readonly options: RoutingOptions
  readonly random: Random
  readonly nowMs: number
  /** Where this node stands. */
  readonly site: Site
  /** How many places the ranking needs, at least 1. */
  readonly places: number
}

export interface Ranking {
  /** Indices of the candidates, best first, distinct: exactly min(places, candidates) of them. */
  readonly order: readonly number[]
}

export interface RoutingStrategy {
  readonly name: string
  /** True where `rank` moves no cursor, so that it may be called to explain a decision. Absent: an explanation goes by `score`. */
  readonly isStateless?: boolean
  /** True where it rests on probes (`feedback.probe`): a few candidates of each of its decisions are then asked how they are. */
  readonly usesProbes?: boolean
  /**
   * A figure for each candidate, lower is better, finite, at least 0. Pure: changes nothing and draws nothing, so that a decision can be explained
   * beforehand. The order of `rank` need not follow it where chance settles ties.
   */
  score(candidates: readonly PeerView[], context: Omit<RankContext, 'random' | 'places'>): ArrayLike<number>
  /**
   * Draws only from `context.random`, and changes nothing but the strategy's own cursor, if it has one. Never sees an empty list;
   * 1,000 candidates in under 100 µs.
   */
  rank(candidates: readonly PeerView[], context: RankContext): Ranking
}
