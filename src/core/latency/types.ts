/** What a node knows about the way to a peer. */

export type PeerStatus = 'healthy' | 'degraded' | 'unhealthy'

/** While `samples` is 0 every time in it is Infinity: nothing has answered yet. */
export interface LatencySummary {
  /** The last sample. */
  readonly currentMs: number
  /** Exponentially smoothed (RFC 6298 §2, α = 1/8): follows a changed path within a few samples, ignores a single late one. */
  readonly smoothedMs: number
  readonly meanMs: number
  readonly p99Ms: number
  readonly minMs: number
  readonly maxMs: number
  /** 0–1 over the window. */
  readonly lossRatio: number
  /** 0–1: 1 is near, steady and lossless. */
  readonly quality: number
  readonly samples: number
  /** Pings that went unanswered since the last answered one; of datagrams as long as no ping has ended either way. */
  readonly consecutiveFailures: number
  /** Local monotonic ms of the last sample or loss. */
  readonly lastCheckMs: number
}
