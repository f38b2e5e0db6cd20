/** What a node knows about the way to a peer. */

export type PeerStatus = 'healthy' | 'degraded' | 'unhealthy'

export interface LatencySummary {
  readonly currentMs: number
  readonly meanMs: number
  readonly p99Ms: number
  readonly minMs: number
  readonly maxMs: number
  /** 0–1 over the window. */
  readonly lossRatio: number
  /** 0–1: 1 is near, steady and lossless. */
  readonly quality: number
  readonly samples: number
  readonly consecutiveFailures: number
  /** Local monotonic ms of the last sample or loss. */
  readonly lastCheckMs: number
}
