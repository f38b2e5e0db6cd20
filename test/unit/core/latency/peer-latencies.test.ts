import { describe, expect, it } from 'vitest'
import { PeerLatencies } from '../../../../src/core/latency/peer-latencies.ts'
import type { LatencyOptions } from '../../../../src/core/latency/options.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

function create(options: Partial<LatencyOptions> = {}, random = createRandom(7)): PeerLatencies {
  return new PeerLatencies(options, random)
}

/** Runs the machine to `untilMs`, answering each ping as `answer` says, and returns when each peer was pinged. */
function run(latencies: PeerLatencies, untilMs: number, answer: (peerId: string, atMs: number) => number | 'lost' | 'never'): Array<{ atMs: number; peerId: string }> {
  const pings: Array<{ atMs: number; peerId: string }> = []
  const reports: Array<{ atMs: number; peerId: string; rttMs: number | null }> = []
  const started = (atMs: number, effects: ReadonlyArray<{ readonly peerId: string }>): void => {
    for (const { peerId } of effects) {
      pings.push({ atMs, peerId })
      const outcome = answer(peerId, atMs)
      if (outcome === 'lost') reports.push({ atMs: atMs + latencies.options.pingTimeoutMs, peerId, rttMs: null })
      else if (outcome !== 'never') reports.push({ atMs: atMs + outcome, peerId, rttMs: outcome })
    }
  }
  for (;;) {
    reports.sort((a, b) => a.atMs - b.atMs)
    const dueMs = latencies.nextDeadlineMs() ?? Infinity
    const report = reports[0]
    if (Math.min(dueMs, report?.atMs ?? Infinity) > untilMs) return pings
    if (report !== undefined && report.atMs <= dueMs) {
      reports.shift()
      started(report.atMs, report.rttMs === null ? latencies.handleLost(report.atMs, report.peerId, 'ping') : latencies.handleRtt(report.atMs, report.peerId, report.rttMs, 'ping'))
    } else started(dueMs, latencies.handleTimeout(dueMs))
  }
}

describe('rounds', () => {
  it('pings a newcomer within a quarter of a second, then each interval', () => {
    const latencies = create({ firstAnswers: 1 })
    latencies.addPeer(0, 'a')
    const times = run(latencies, 100_000, () => 1).map(({ atMs }) => atMs)
    expect(times[0]).toBeLessThanOrEqual(250)
    expect(times).toHaveLength(4)
    times.slice(1).forEach((atMs, index) => {
      const gapMs = atMs - (times[index] as number)
      expect(gapMs).toBeGreaterThanOrEqual(27_000)
      expect(gapMs).toBeLessThanOrEqual(33_002)
    })
    expect(latencies.summary('a')).toMatchObject({ currentMs: 1, samples: 4, consecutiveFailures: 0 })
  })

  it('pings a newcomer each second until it has answered a few times', () => {
    const latencies = create()
    latencies.addPeer(0, 'a')
    const times = run(latencies, 20_000, (_, atMs) => (atMs < 300 ? 200 : 1)).map(({ atMs }) => atMs)
    expect(times).toHaveLength(4)
    expect(times.at(-1)).toBeLessThan(4_000)
    // The first one was slow.
    expect(latencies.summary('a')?.smoothedMs).toBeCloseTo(203 / 4)
  })

  it('spreads the first pings of many that join at once', () => {
    const latencies = create({ firstAnswers: 1 })
    for (let i = 0; i < 20; i++) latencies.addPeer(0, `peer${i}`)
    const times = run(latencies, 1000, () => 1).map(({ atMs }) => atMs)
    expect(new Set(times).size).toBe(20)
  })

  it('repeats a failed ping soon, ever later, so that three failures take seconds', () => {
    const latencies = create({ pingTimeoutMs: 500 })
    latencies.addPeer(0, 'a')
    const times = run(latencies, 120_000, () => 'lost').map(({ atMs }) => atMs)
    expect(times[2]).toBeLessThan(5_000)
    const pausesMs = times.slice(1).map((atMs, index) => atMs - (times[index] as number) - 500)
    pausesMs.forEach((pauseMs, index) => {
      const expectedMs = Math.min(30_000, 1000 * 2 ** index)
      expect(pauseMs / expectedMs).toBeGreaterThanOrEqual(0.89)
      expect(pauseMs / expectedMs).toBeLessThanOrEqual(1.11)
    })
    expect(latencies.summary('a')?.consecutiveFailures).toBe(times.length)
  })

  it('returns to the interval once a ping is answered', () => {
    const latencies = create({ pingTimeoutMs: 500, firstAnswers: 1 })
    latencies.addPeer(0, 'a')
    const pings = run(latencies, 60_000, (_, atMs) => (atMs < 5_000 ? 'lost' : 2))
    const healed = pings.findIndex(({ atMs }) => atMs >= 5_000)
    expect((pings[healed + 1]?.atMs ?? 0) - (pings[healed]?.atMs ?? 0)).toBeGreaterThan(26_000)
    expect(latencies.summary('a')?.consecutiveFailures).toBe(0)
  })

  it('counts a loss itself when the shell never reports', () => {
    const latencies = create({ pingTimeoutMs: 500 })
    latencies.addPeer(0, 'a')
    run(latencies, 2_000, () => 'never')
    expect(latencies.summary('a')).toMatchObject({ consecutiveFailures: 1, samples: 0 })
    expect(latencies.pinging).toBe(0)
  })

  it('pings a few at a time, in order, and passes nobody over', () => {
    const latencies = create({ concurrentPingsMax: 3, firstPingDelayMsMax: 0 })
    const first = Array.from({ length: 10 }, (_, i) => latencies.addPeer(0, `peer${i}`)).flat()
    expect(first).toHaveLength(3)
    expect(latencies.pinging).toBe(3)
    const second = latencies.handleRtt(10, 'peer0', 10, 'ping')
    expect(second).toEqual([{ kind: 'ping', peerId: 'peer3' }])
    expect(latencies.removePeer(11, 'peer1')).toEqual([{ kind: 'ping', peerId: 'peer4' }])
    latencies.removePeer(12, 'peer5')
    expect(latencies.handleLost(13, 'peer2', 'ping')).toEqual([{ kind: 'ping', peerId: 'peer6' }])
  })
})

describe('datagrams', () => {
  it('feed the same window', () => {
    const latencies = create()
    latencies.addPeer(0, 'a')
    expect(latencies.handleRtt(10, 'a', 0.3, 'datagram')).toEqual([])
    latencies.handleLost(20, 'a', 'datagram')
    expect(latencies.summary('a')).toMatchObject({ samples: 1, lossRatio: 0.5, lastCheckMs: 20 })
  })

  it('bring the next ping forward when they go missing, at most one a second', () => {
    const latencies = create({ firstPingDelayMsMax: 0, firstAnswers: 1 })
    latencies.addPeer(0, 'a')
    latencies.handleRtt(1, 'a', 1, 'ping')
    expect(latencies.nextDeadlineMs()).toBeGreaterThan(20_000)
    expect(latencies.handleLost(500, 'a', 'datagram')).toEqual([])
    expect(latencies.nextDeadlineMs()).toBe(1000)
    latencies.handleTimeout(1000)
    latencies.handleRtt(1001, 'a', 1, 'ping')
    expect(latencies.handleLost(9000, 'a', 'datagram')).toEqual([{ kind: 'ping', peerId: 'a' }])
  })
})

describe('who is measured', () => {
  it('ignores strangers and impossible times', () => {
    const latencies = create()
    expect(latencies.handleRtt(0, 'x', 1, 'datagram')).toEqual([])
    expect(latencies.handleLost(0, 'x')).toEqual([])
    expect(latencies.removePeer(0, 'x')).toEqual([])
    latencies.addPeer(0, 'a')
    for (const rttMs of [-1, NaN, Infinity]) latencies.handleRtt(0, 'a', rttMs, 'datagram')
    expect(latencies.summary('a')).toBeNull()
    expect(latencies.summary('x')).toBeNull()
  })

  it('forgets a removed peer, its window and its pings', () => {
    const latencies = create({ firstPingDelayMsMax: 0 })
    latencies.addPeer(0, 'a')
    latencies.removePeer(1, 'a')
    expect(latencies.handleRtt(2, 'a', 1, 'ping')).toEqual([])
    expect(latencies.nextDeadlineMs()).toBeNull()
    expect(latencies.pinging).toBe(0)
    expect(latencies.size).toBe(0)
  })

  it('pings a known peer that joins again at once, and keeps its window', () => {
    const latencies = create({ firstPingDelayMsMax: 0, firstAnswers: 1 })
    latencies.addPeer(0, 'a')
    latencies.handleRtt(1, 'a', 1, 'ping')
    expect(latencies.addPeer(5000, 'a')).toEqual([{ kind: 'ping', peerId: 'a' }])
    expect(latencies.summary('a')?.samples).toBe(1)
  })

  it('is bounded', () => {
    const latencies = create({ peersMax: 1, firstPingDelayMsMax: 0 })
    latencies.addPeer(0, 'a')
    expect(latencies.addPeer(0, 'b')).toEqual([])
    expect(latencies.size).toBe(1)
  })

  it('refuses a timeout that is not below the interval', () => {
    expect(() => create({ pingIntervalMs: 1000, pingTimeoutMs: 1000 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })
})
