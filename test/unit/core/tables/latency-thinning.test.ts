import { describe, expect, it } from 'vitest'
import { LatencyThinning } from '../../../../src/core/tables/latency-thinning.ts'

describe('which round trips become rows', () => {
  it('takes each ping, whatever its outcome', () => {
    const thinning = new LatencyThinning()
    expect([thinning.handleRtt(0, 'a', 'ping'), thinning.handleRtt(1, 'a', 'ping'), thinning.handleLost(1, 'a', 'ping'), thinning.handleLost(2, 'a', 'ping')]).toEqual([true, true, true, true])
  })

  it('takes one ack a peer and ten seconds', () => {
    const thinning = new LatencyThinning()
    const taken = [0, 1, 9_999, 10_000, 10_001, 20_000].map((nowMs) => thinning.handleRtt(nowMs, 'a', 'datagram'))
    expect(taken).toEqual([true, false, false, true, false, true])
    expect(thinning.handleRtt(20_001, 'b', 'datagram')).toBe(true)
  })

  it('takes a lost datagram however recent the last ack, and one in ten seconds as well', () => {
    const thinning = new LatencyThinning()
    expect([thinning.handleRtt(0, 'a', 'datagram'), thinning.handleLost(1, 'a', 'datagram'), thinning.handleLost(2, 'a', 'datagram')]).toEqual([true, true, false])
  })

  it('forgets peers that it need not know', () => {
    const thinning = new LatencyThinning()
    for (let peer = 0; peer < 1_000; peer++) thinning.handleRtt(peer, String(peer), 'datagram')
    thinning.handleRtt(60_000, 'late', 'datagram')
    expect(thinning.size).toBe(1)
  })
})
