import { describe, expect, it } from 'vitest'
import { PeerLatencies } from '../../../../src/core/latency/peer-latencies.ts'

/** One peer that has answered as often as it takes, last at `atMs`. */
function rested(atMs: number): PeerLatencies {
  const latencies = new PeerLatencies({ firstAnswers: 1, firstPingDelayMsMax: 0 }, () => 0.5)
  expect(latencies.addPeer(atMs, 'a')).toEqual([{ kind: 'ping', peerId: 'a' }])
  latencies.handleRtt(atMs, 'a', 1, 'ping')
  expect(latencies.nextDeadlineMs()).toBe(atMs + 30_000)
  return latencies
}

describe('an interval that changes', () => {
  it('counts from the last ping', () => {
    const latencies = rested(1_000)
    expect(latencies.setPingInterval(2_000, 60_000)).toEqual([])
    expect(latencies.nextDeadlineMs()).toBe(61_000)
    latencies.setPingInterval(3_000, 10_000)
    expect([latencies.nextDeadlineMs(), latencies.options.pingIntervalMs]).toEqual([11_000, 10_000])
  })

  it('pings at once who would have been pinged already', () => {
    const latencies = rested(0)
    expect(latencies.setPingInterval(20_000, 10_000)).toEqual([{ kind: 'ping', peerId: 'a' }])
  })

  it('leaves the pace of who has failed', () => {
    const latencies = rested(0)
    latencies.handleTimeout(30_000)
    latencies.handleLost(35_000, 'a', 'ping')
    expect(latencies.nextDeadlineMs()).toBe(36_000)
    latencies.setPingInterval(35_500, 60_000)
    expect(latencies.nextDeadlineMs()).toBe(36_000)
  })

  it('changes nothing where it is not above the timeout', () => {
    const latencies = rested(0)
    expect(() => latencies.setPingInterval(1_000, 5_000)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    expect([latencies.options.pingIntervalMs, latencies.nextDeadlineMs()]).toEqual([30_000, 30_000])
  })
})
