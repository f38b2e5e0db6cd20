import { describe, expect, it } from 'vitest'
import { BANDWIDTH_BYTES_MIN, pathQuality, TrafficMeter } from '../../../../src/core/latency/traffic.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

const create = (peersMax = 10): TrafficMeter => new TrafficMeter({ thresholdMs: 200, peersMax })

describe('traffic of the last seconds', () => {
  it('is nothing before the first of it, and nothing again when there was none for 15 s', () => {
    const meter = create()
    expect(meter.summary(0, 'a')).toBeNull()
    meter.handleRtt(500, 'a', 3, 'ping')
    expect(meter.summary(600, 'a')?.roundTrips).toMatchObject({ samples: 1, meanMs: 3 })
    expect(meter.summary(9_999, 'a')?.roundTrips.samples).toBe(1)
    expect(meter.summary(10_000, 'a')).toMatchObject({ roundTrips: { samples: 0, meanMs: null, p99Ms: null }, jitterMs: null, quality: null, lossRatio: null })
    expect(meter.summary(14_999, 'a')).not.toBeNull()
    expect(meter.summary(15_000, 'a')).toBeNull()
  })

  it('has a p99 within 5 % of that of all samples, from 0.05 ms to a minute', () => {
    for (const scaleMs of [0.05, 1, 40, 60_000]) {
      const meter = create()
      const random = createRandom(3)
      const samples = Array.from({ length: 1_000 }, () => scaleMs * (0.5 + random() ** 8))
      samples.forEach((rttMs, index) => meter.handleRtt(index * 9, 'a', rttMs, 'datagram'))
      const exactMs = samples.toSorted((one, other) => one - other)[989] as number
      const { p99Ms, meanMs } = meter.summary(9_000, 'a')?.roundTrips ?? {}
      expect(Math.abs((p99Ms ?? 0) / exactMs - 1)).toBeLessThan(0.05)
      expect(meanMs).toBeCloseTo(samples.reduce((sum, ms) => sum + ms, 0) / 1_000, 9)
    }
  })

  it('does not throw at what lies beyond its buckets', () => {
    const meter = create()
    for (const rttMs of [0, 1e-9, 1e12]) meter.handleRtt(0, 'a', rttMs, 'ping')
    expect(meter.summary(0, 'a')?.roundTrips.p99Ms).toBeGreaterThan(100_000)
    for (const rttMs of [-1, NaN, Infinity]) meter.handleRtt(0, 'a', rttMs, 'ping')
    expect(meter.summary(0, 'a')?.roundTrips.samples).toBe(3)
  })

  it('tells packet loss over 15 s, of datagrams only, and loss over 10 s of both', () => {
    const meter = create()
    meter.handleRtt(0, 'a', 1, 'datagram')
    for (const atMs of [1_000, 2_000, 3_000]) meter.handleLost(atMs, 'a', 'datagram')
    for (const atMs of [12_000, 12_100, 12_200]) meter.handleRtt(atMs, 'a', 1, 'ping')
    meter.handleLost(12_300, 'a', 'ping')
    expect(meter.summary(12_500, 'a')).toMatchObject({ packetLossRatio: 0.75, lossRatio: 0.4 })
    expect(meter.summary(13_500, 'a')).toMatchObject({ packetLossRatio: 0.75, lossRatio: 0.25 })
    expect(meter.summary(18_500, 'a')).toMatchObject({ packetLossRatio: null, lossRatio: 0.25 })
  })

  it('takes the mean difference between neighbours for jitter', () => {
    const meter = create()
    for (const [atMs, rttMs] of [[0, 10], [10, 14], [20, 12]] as const) meter.handleRtt(atMs, 'a', rttMs, 'ping')
    expect(meter.summary(20, 'a')?.jitterMs).toBe(3)
  })

  it('counts what results brought, and takes large ones only for the bandwidth', () => {
    const meter = create()
    meter.handleQuery(10_000, 'a', { roundTripMs: 5, bytes: 1_000, durationMs: 6 })
    meter.handleQuery(11_000, 'a', { roundTripMs: 10, bytes: 10 * BANDWIDTH_BYTES_MIN, durationMs: 110 })
    // Whole with its first byte: nothing to divide by.
    meter.handleQuery(11_000, 'a', { roundTripMs: 30, bytes: BANDWIDTH_BYTES_MIN, durationMs: 30 })
    const summary = meter.summary(19_000, 'a')
    expect(summary).toMatchObject({ firstBytes: { samples: 3, meanMs: 15 }, roundTrips: { samples: 0 }, quality: null, bandwidthBytesPerSecond: 100 * BANDWIDTH_BYTES_MIN })
    expect(summary?.bytesPerSecond).toBeCloseTo((1_000 + 11 * BANDWIDTH_BYTES_MIN) / 9, 6)
    meter.handleQuery(19_000, 'a', { roundTripMs: NaN, bytes: 1, durationMs: 1 })
    expect(meter.summary(19_000, 'a')?.firstBytes.samples).toBe(3)
  })

  it('uses a slice again without what was in it', () => {
    const meter = create()
    meter.handleRtt(0, 'a', 100, 'datagram')
    meter.handleQuery(0, 'a', { roundTripMs: 1, bytes: 1, durationMs: 1 })
    meter.handleRtt(15_000, 'a', 1, 'ping')
    expect(meter.summary(15_000, 'a')).toMatchObject({ roundTrips: { samples: 1, meanMs: 1 }, firstBytes: { samples: 0 }, packetLossRatio: null, bytesPerSecond: 0 })
    expect(meter.summary(15_000, 'a')?.roundTrips.p99Ms).toBeLessThan(1.1)
  })

  it('forgets the peer without traffic for the longest', () => {
    const meter = create(2)
    for (const [atMs, peerId] of [[0, 'a'], [1, 'b'], [2, 'a'], [3, 'c']] as const) meter.handleRtt(atMs, peerId, 1, 'ping')
    expect([meter.size, meter.summary(3, 'a') !== null, meter.summary(3, 'b')]).toEqual([2, true, null])
    meter.forget('a')
    expect([meter.size, meter.summary(3, 'a')]).toEqual([1, null])
  })
})

describe('quality', () => {
  it('is half at the threshold, in latency and in jitter, and squares what arrives', () => {
    const ideal = { meanMs: 0, jitterMs: 0, lossRatio: 0, thresholdMs: 200 }
    expect(pathQuality(ideal)).toBe(1)
    expect(pathQuality({ ...ideal, meanMs: 200 })).toBe(0.5)
    expect(pathQuality({ ...ideal, jitterMs: 200 })).toBe(0.5)
    expect(pathQuality({ ...ideal, lossRatio: 0.5 })).toBe(0.25)
    expect(pathQuality({ ...ideal, lossRatio: 1 })).toBe(0)
  })

  it('of a peer counts the worse of its losses', () => {
    const meter = create()
    meter.handleRtt(0, 'a', 200, 'ping')
    expect(meter.summary(0, 'a')?.quality).toBe(0.5)
    meter.handleLost(0, 'a', 'datagram')
    expect(meter.summary(0, 'a')).toMatchObject({ lossRatio: 0.5, packetLossRatio: 1, quality: 0 })
  })
})
