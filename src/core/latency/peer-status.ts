/** Healthy, degraded or unhealthy: one verdict on a peer from all that is known of it, with its reason. */
import type { MemberState } from '../membership/types.ts'
import type { LatencySummary, PeerStatus } from './types.ts'

export interface StatusThresholds {
  readonly cpuPercent: number
  readonly memoryPercent: number
  /** At or above this smoothed round trip a peer is degraded. */
  readonly latencyMs: number
  /** Consecutive failed pings after which a peer is unhealthy. */
  readonly failures: number
}

export interface PeerStatusInput {
  readonly state: MemberState
  /** Null while unmeasured; that alone is no fault. */
  readonly latency: LatencySummary | null
  /** Null while unknown. */
  readonly load: { readonly cpuPercent: number; readonly memoryPercent: number; readonly overloaded: boolean } | null
  readonly thresholds: StatusThresholds
}

export interface PeerStatusVerdict {
  readonly status: PeerStatus
  /** Null when healthy. */
  readonly reason: string | null
}

/**
 * The worst finding wins: gone, silent, suspect, slow, loaded. A peer counts as loaded when it says so (its own thresholds and
 * hysteresis) or when its figures reach the thresholds of the asking node.
 */
export function peerStatus({ state, latency, load, thresholds }: PeerStatusInput): PeerStatusVerdict {
  switch (state) {
    case 'failed':
      return { status: 'unhealthy', reason: 'failed' }
    case 'left':
      return { status: 'unhealthy', reason: 'left the mesh' }
    case 'joining':
      return { status: 'degraded', reason: 'still joining' }
    case 'suspect':
    case 'alive':
      break
  }
  if (latency !== null && latency.consecutiveFailures >= thresholds.failures) {
    return { status: 'unhealthy', reason: `${latency.consecutiveFailures} pings in a row went unanswered` }
  }
  if (state === 'suspect') return { status: 'degraded', reason: 'suspected to have failed' }
  if (latency !== null && latency.samples > 0 && latency.smoothedMs >= thresholds.latencyMs) {
    return { status: 'degraded', reason: `latency ${Math.round(latency.smoothedMs)} ms is not below ${thresholds.latencyMs} ms` }
  }
  const loadReason = load === null ? null : describeLoad(load, thresholds)
  return loadReason === null ? { status: 'healthy', reason: null } : { status: 'degraded', reason: loadReason }
}

function describeLoad({ cpuPercent, memoryPercent, overloaded }: NonNullable<PeerStatusInput['load']>, thresholds: StatusThresholds): string | null {
  const compare = (measure: string, percent: number, thresholdPercent: number): string =>
    `${measure} ${Math.round(percent)}% ${Math.round(percent) > thresholdPercent ? 'exceeds' : 'has reached'} threshold ${thresholdPercent}%`
  if (cpuPercent >= thresholds.cpuPercent) return compare('CPU', cpuPercent, thresholds.cpuPercent)
  if (memoryPercent >= thresholds.memoryPercent) return compare('memory', memoryPercent, thresholds.memoryPercent)
  return overloaded ? `says that it is overloaded (CPU ${Math.round(cpuPercent)}%, memory ${Math.round(memoryPercent)}%)` : null
}
