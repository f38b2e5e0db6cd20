import { describe, expect, it } from 'vitest'
import { LatencyWindow, latencyQuality } from '../../../../src/core/latency/latency-window.ts'

describe('latency window', () => {
  it('has nothing to say before the first outcome', () => {
    expect(new LatencyWindow().summary()).toBeNull()
  })

  it('computes current, mean, p99, min and max', () => {
    const window = new LatencyWindow()
    for (let i = 1; i <= 100; i++) window.handleRtt(i * 10, i, 'datagram')
    expect(window.summary()).toMatchObject({ currentMs: 100, meanMs: 50.5, p99Ms: 99, minMs: 1, maxMs: 100, lossRatio: 0, samples: 100, lastCheckMs: 1000 })
  })

  it('sorts by number and not by text', () => {
    const window = new LatencyWindow()
    for (const rttMs of [9, 10, 100]) window.handleRtt(0, rttMs, 'ping')
    expect(window.summary()).toMatchObject({ minMs: 9, maxMs: 100, p99Ms: 100 })
  })

  it('forgets what is older than 100 outcomes', () => {
    const window = new LatencyWindow()
    window.handleRtt(0, 5000, 'ping')
    window.handleLost(0, 'datagram')
    for (let i = 0; i < 100; i++) window.handleRtt(i, 2, 'datagram')
    expect(window.summary()).toMatchObject({ maxMs: 2, lossRatio: 0, samples: 100, meanMs: 2 })
  })

  it('counts loss over the window', () => {
    const window = new LatencyWindow()
    for (let i = 0; i < 4; i++) window.handleRtt(0, 1, 'datagram')
    window.handleLost(0, 'datagram')
    expect(window.summary()).toMatchObject({ lossRatio: expect.closeTo(0.2, 10), samples: 4 })
  })

  it('is infinitely far while nothing has answered', () => {
    const window = new LatencyWindow()
    window.handleLost(7, 'ping')
    expect(window.summary()).toEqual({
      currentMs: Infinity, smoothedMs: Infinity, meanMs: Infinity, p99Ms: Infinity, minMs: Infinity, maxMs: Infinity,
      lossRatio: 1, quality: 0, samples: 0, consecutiveFailures: 1, lastCheckMs: 7,
    })
  })

  it('lets acks over UDP hide no failing pings', () => {
    const window = new LatencyWindow()
    for (let i = 0; i < 3; i++) {
      window.handleLost(0, 'ping')
      window.handleRtt(0, 1, 'datagram')
    }
    expect(window.summary()?.consecutiveFailures).toBe(3)
    window.handleRtt(0, 1, 'ping')
    expect(window.summary()?.consecutiveFailures).toBe(0)
  })

  it('lets a blocked UDP path fail no peer that answers pings', () => {
    const window = new LatencyWindow()
    for (let i = 0; i < 3; i++) window.handleLost(0, 'datagram')
    expect(window.summary()?.consecutiveFailures).toBe(3)
    window.handleRtt(0, 1, 'ping')
    window.handleLost(0, 'datagram')
    expect(window.summary()?.consecutiveFailures).toBe(0)
  })

  it('smooths as RFC 6298 does: one late answer moves it little, a changed path much', () => {
    const window = new LatencyWindow()
    for (let i = 0; i < 8; i++) window.handleRtt(0, 8, 'ping')
    expect(window.summary()?.smoothedMs).toBe(8)
    window.handleRtt(0, 808, 'ping')
    expect(window.summary()?.smoothedMs).toBe(108)
    for (let i = 0; i < 8; i++) window.handleRtt(0, 808, 'ping')
    expect(window.summary()?.smoothedMs).toBeGreaterThan(500)
  })

  it('takes its first answers for alike: one that came while both ends were busy meeting is not remembered for minutes', () => {
    const window = new LatencyWindow()
    for (const rttMs of [80, 2, 1, 1]) window.handleRtt(0, rttMs, 'ping')
    expect(window.summary()?.smoothedMs).toBe(21)
  })

  it('gives the same summary object until something changes', () => {
    const window = new LatencyWindow()
    window.handleRtt(0, 8, 'ping')
    const first = window.summary()
    expect(window.summary()).toBe(first)
    window.handleLost(0, 'ping')
    expect(window.summary()).not.toBe(first)
  })
})

describe('quality', () => {
  it.each([
    { meanMs: 0, p99Ms: 0, lossRatio: 0, quality: 1 },
    { meanMs: 200, p99Ms: 200, lossRatio: 0, quality: 0.5 },
    { meanMs: 0, p99Ms: 200, lossRatio: 0, quality: 0.5 },
    { meanMs: 200, p99Ms: 400, lossRatio: 0.5, quality: 0.0625 },
    { meanMs: 0, p99Ms: 0, lossRatio: 1, quality: 0 },
  ])('$meanMs ms, p99 $p99Ms ms, loss $lossRatio: $quality', ({ quality, ...figures }) => {
    expect(latencyQuality(figures)).toBeCloseTo(quality, 10)
  })
})
