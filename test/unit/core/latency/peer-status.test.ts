import { describe, expect, it } from 'vitest'
import { peerStatus, type PeerStatusInput } from '../../../../src/core/latency/peer-latencies.ts'
import { LatencyWindow } from '../../../../src/core/latency/latency-window.ts'
import type { LatencySummary } from '../../../../src/core/latency/types.ts'

const thresholds = { cpuPercent: 80, memoryPercent: 90, latencyMs: 200, failures: 3 }
const idle = { cpuPercent: 10, memoryPercent: 20, overloaded: false }

function latency(rttMs: number | null, failures = 0): LatencySummary | null {
  const window = new LatencyWindow()
  if (rttMs !== null) window.handleRtt(0, rttMs, 'ping')
  for (let i = 0; i < failures; i++) window.handleLost(0, 'ping')
  return window.summary()
}

describe('status', () => {
  it.each<{ title: string; input: Partial<PeerStatusInput>; status: string; reason: string | null }>([
    { title: 'near and idle', input: { latency: latency(199.9) }, status: 'healthy', reason: null },
    { title: 'nothing known yet', input: { latency: null, load: null }, status: 'healthy', reason: null },
    { title: 'two failures', input: { latency: latency(1, 2) }, status: 'healthy', reason: null },
    { title: 'two failures and never an answer', input: { latency: latency(null, 2) }, status: 'healthy', reason: null },
    { title: 'three failures', input: { latency: latency(1, 3) }, status: 'unhealthy', reason: '3 pings in a row went unanswered' },
    { title: 'failed', input: { state: 'failed' }, status: 'unhealthy', reason: 'failed' },
    { title: 'left', input: { state: 'left' }, status: 'unhealthy', reason: 'left the mesh' },
    { title: 'joining', input: { state: 'joining' }, status: 'degraded', reason: 'still joining' },
    { title: 'suspect', input: { state: 'suspect' }, status: 'degraded', reason: 'suspected to have failed' },
    { title: 'suspect and silent', input: { state: 'suspect', latency: latency(1, 4) }, status: 'unhealthy', reason: '4 pings in a row went unanswered' },
    { title: 'slow', input: { latency: latency(200) }, status: 'degraded', reason: 'latency 200 ms is not below 200 ms' },
    { title: 'CPU', input: { load: { ...idle, cpuPercent: 85, overloaded: true } }, status: 'degraded', reason: 'CPU 85% exceeds threshold 80%' },
    { title: 'CPU at the threshold', input: { load: { ...idle, cpuPercent: 80 } }, status: 'degraded', reason: 'CPU 80% has reached threshold 80%' },
    { title: 'memory', input: { load: { ...idle, memoryPercent: 93, overloaded: true } }, status: 'degraded', reason: 'memory 93% exceeds threshold 90%' },
    { title: 'dwelling', input: { load: { cpuPercent: 70, memoryPercent: 20, overloaded: true } }, status: 'degraded', reason: 'says that it is overloaded (CPU 70%, memory 20%)' },
  ])('$title: $status', ({ input, status, reason }) => {
    expect(peerStatus({ state: 'alive', latency: latency(1), load: idle, thresholds, ...input })).toEqual({ status, reason })
  })
})
