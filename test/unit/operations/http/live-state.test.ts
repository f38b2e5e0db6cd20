import { describe, expect, it } from 'vitest'
import { LiveState } from '../../../../src/operations/http/live-state.ts'
import type { MemberView, RttView } from '../../../../src/wire/control.ts'
import { type FakeNode, fakeNode, healthyStatus, queryRecord, selfPeerId } from './fake-node.ts'

function setUp(): { readonly node: FakeNode; readonly live: LiveState; readonly asked: { members: number; nearest: number } } {
  const node = fakeNode()
  const asked = { members: 0, nearest: 0 }
  const [self] = node.inspection.members() as [MemberView]
  const peer = (name: string, smoothedMs: number | null): MemberView => ({
    ...self, name, local: false, record: { ...self.record, peerId: name }, load: null,
    latency: smoothedMs === null ? null : { currentMs: 1, smoothedMs, meanMs: 1, p99Ms: 1, minMs: 1, maxMs: 1, lossRatio: 0, quality: 1, samples: 5, consecutiveFailures: 0, lastCheckMs: 0 },
  })
  const estimate = (from: string, to: string): RttView => ({ from, fromPeerId: from, to, toPeerId: to, measured: null, estimated: { rttMs: 7.77777, error: 0.1 } })
  const members = [self, peer('a', 12.34567), peer('b', null), peer('c', 3)]
  return {
    node, asked,
    live: new LiveState({
      ...node.inspection,
      status: () => node.status,
      members: () => {
        asked.members++
        return members
      },
      distances: { nearest: () => {
        asked.nearest++
        return [estimate(selfPeerId, 'a'), estimate(selfPeerId, 'b'), estimate('a', 'b'), estimate('a', 'gone')]
      } },
    }, null),
  }
}

describe('the live state', () => {
  it('has the measured distances of this node, and estimates elsewhere', () => {
    const { live } = setUp()
    expect(live.view().distances).toEqual([
      { from: selfPeerId, to: 'a', rttMs: 12.3, isMeasured: true }, { from: selfPeerId, to: 'c', rttMs: 3, isMeasured: true },
      { from: selfPeerId, to: 'b', rttMs: 7.78, isMeasured: false }, { from: 'a', to: 'b', rttMs: 7.78, isMeasured: false },
    ])
  })

  it('is made once a second, its distances once in five, however many look', () => {
    const { live, node, asked } = setUp()
    for (let look = 0; look < 30; look++) {
      live.view()
      node.clock.advance(100)
    }
    expect(asked).toEqual({ members: 4, nearest: 1 })
    node.clock.advance(2_000)
    live.view()
    expect(asked).toEqual({ members: 5, nearest: 2 })
  })

  it('tells rates, partition and quorum of this node', () => {
    const { live, node } = setUp()
    node.status = { ...healthyStatus, partition: { partition: 'p', sinceWallMs: 0, reachable: 2, away: 2, lost: 3 }, quorum: { ...healthyStatus.quorum, hasQuorum: false } }
    node.tell.handleQuery(queryRecord(1))
    expect(live.view()).toMatchObject({ partition: { reachable: 2, away: 2 }, hasQuorum: false, rates: { queriesPerSecond: 0.1 }, alerts: [] })
  })

  it('remembers a quarter of an hour of its own load and rates, also of when nobody looks', () => {
    const { live, node, asked } = setUp()
    const reading = { cpuPercent: 99, memoryPercent: 1, memoryBytes: 1, processCpuPercent: 1, eventLoopDelayMs: 1 }
    expect(live.history()).toEqual({ stepMs: 10_000, points: [] })
    const startWallMs = node.clock.wallMs()
    for (let second = 0; second < 1_000; second++) {
      // What the node tells of itself, which a drill makes more of.
      node.status = { ...healthyStatus, load: { ...healthyStatus.load, cpuPercent: second / 20, drill: true } }
      if (second === 984) node.tell.handleQuery(queryRecord(1, { decision: 'forward' }))
      node.tell.handleReading(reading)
      node.clock.advance(1_000)
    }
    const { points } = live.history()
    expect(points).toHaveLength(90)
    expect(points[0]).toEqual({ atWallMs: startWallMs + 100_000, cpuPercent: 5, memoryPercent: 30, rates: { queriesPerSecond: 0, forwardedPerSecond: 0, failedPerSecond: 0 } })
    expect(points.at(-1)).toEqual({ atWallMs: startWallMs + 990_000, cpuPercent: 50, memoryPercent: 30, rates: { queriesPerSecond: 0.1, forwardedPerSecond: 0.1, failedPerSecond: 0 } })
    expect(asked).toEqual({ members: 0, nearest: 0 })
  })

  it('shows what is known of each member', () => {
    const { live } = setUp()
    const [self, first] = live.view().members
    expect(self).toEqual({ peerId: selfPeerId, name: 'near', isLocal: true, state: 'alive', status: 'healthy', latencyMs: null, cpuPercent: 12, memoryPercent: 30, inFlight: 0, overloaded: false, place: 'eu/r1', databases: [{ name: 'users', role: 'primary' }] })
    expect(first).toMatchObject({ name: 'a', isLocal: false, latencyMs: 12.3, cpuPercent: null, inFlight: null })
  })
})
