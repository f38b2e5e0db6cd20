/**
 * How much of its reads an overloaded node gives away: a share that grows with the excess over the threshold. All of them at once would
 * move the overload to the peers, which give it back when their turn comes, and the whole mesh would swing; a share that follows the excess
 * settles where load and threshold meet.
 */
import type { RoutingOptions } from './options.ts'

export interface LoadLevels {
  readonly cpuPercent: number
  readonly memoryPercent: number
}

/** 0–1: how far the worse of both measures is between its threshold and 100 %. 0 at or below, as while overload waits to be left. */
export function excessRatio(load: LoadLevels, thresholds: LoadLevels): number {
  return Math.max(excessOf(load.cpuPercent, thresholds.cpuPercent), excessOf(load.memoryPercent, thresholds.memoryPercent))
}

function excessOf(percent: number, thresholdPercent: number): number {
  if (thresholdPercent >= 100) return percent >= 100 ? 1 : 0
  return Math.min(1, Math.max(0, (percent - thresholdPercent) / (100 - thresholdPercent)))
}

/** 0–1: `shareMin` at the threshold, rising in proportion to 1 at an excess of `shareFullAt`. */
export function forwardedRatio(excess: number, { shareMin, shareFullAt }: Pick<RoutingOptions, 'shareMin' | 'shareFullAt'>): number {
  return shareMin + (1 - shareMin) * Math.min(1, Math.max(0, excess) / shareFullAt)
}
