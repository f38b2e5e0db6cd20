import { describe, expect, it } from 'vitest'
import { History, HISTORY_SECONDS } from '../../../../src/operations/dashboard/page/history.ts'
import { DATABASES_ASKED_MAX, databasesToAsk, type Past, pastOf } from '../../../../src/operations/dashboard/page/past.ts'
import type { LatencyView } from '../../../../src/wire/control.ts'
import type { DatabaseView, LiveMemberView, LivePointView, LiveStateView } from '../../../../src/wire/operations-views.ts'

function state(atSeconds: number, latencies: readonly (number | null)[], change: Partial<LiveMemberView> = {}): LiveStateView {
  const members = [null, ...latencies].map((latencyMs, index): LiveMemberView => ({
    peerId: `peer-${index}`, name: `node-${index}`, isLocal: index === 0, state: 'alive', status: 'healthy', latencyMs, cpuPercent: index * 10, memoryPercent: 0, inFlight: 0, overloaded: false, place: '', databases: [], ...(index === 1 ? change : {}),
  }))
  return { atWallMs: atSeconds * 1000, from: 'peer-0', members, distances: [], rates: { queriesPerSecond: atSeconds, forwardedPerSecond: 1, failedPerSecond: 0 }, alerts: [], partition: null, hasQuorum: true }
}

describe('the history of the page', () => {
  it('has a line for each of a few members, without the round trip of the node to itself', () => {
    const history = new History()
    history.add(state(100, [1, 2]))
    history.add(state(101, [1.5, null]))
    expect(history.members('latencyMs', null)).toEqual({ times: [100, 101], lines: [{ label: 'node-1', values: [1, 1.5] }, { label: 'node-2', values: [2, null] }], seenSince: null })
    expect(history.members('cpuPercent', null).lines.map(({ label }) => label)).toEqual(['node-0', 'node-1', 'node-2'])
    expect(history.rates().lines[0]).toEqual({ label: 'All', values: [100, 101] })
  })

  it('tells many by their median, their tail and their highest, and who is selected by a line of its own', () => {
    const history = new History()
    history.add(state(100, Array.from({ length: 100 }, (_, index) => 100 - index)))
    expect(history.members('latencyMs', null).lines).toEqual([{ label: 'Median', values: [50] }, { label: '95th percentile', values: [95] }, { label: 'Highest', values: [100] }])
    expect(history.members('latencyMs', 'peer-7').lines.at(-1)).toEqual({ label: 'node-7', values: [94] })
  })

  it('knows nothing of a member while it is down, nor before it came', () => {
    const history = new History()
    history.add(state(100, [1]))
    history.add(state(101, [1, 5]))
    history.add(state(102, [1, 5], { state: 'failed' }))
    expect(history.members('latencyMs', null).lines.map(({ values }) => values)).toEqual([[1, 1, null], [null, 5, 5]])
    history.add(state(103, [1]))
    expect(history.members('latencyMs', null).lines.map(({ label }) => label)).toEqual(['node-1'])
  })

  it('keeps a quarter of an hour', () => {
    const history = new History()
    for (let second = 0; second < HISTORY_SECONDS + 50; second++) history.add(state(second, [second]))
    const { times, lines } = history.members('latencyMs', null)
    expect([times.length, times[0], times.at(-1)]).toEqual([HISTORY_SECONDS, 50, HISTORY_SECONDS + 49])
    expect([lines[0]?.values[0], lines[0]?.values.at(-1)]).toEqual([50, HISTORY_SECONDS + 49])
  })

  it('keeps it by the clock, too: a node tells nothing while nothing changes', () => {
    const history = new History()
    for (const second of [0, 500, 901]) history.add(state(second, [second]))
    expect(history.members('latencyMs', null)).toMatchObject({ times: [500, 901], lines: [{ values: [500, 901] }] })
  })

  it('takes two readings of one moment for one, and starts anew when the clock was set back', () => {
    const history = new History()
    history.add(state(100, [1]))
    history.add(state(100.2, [2]))
    expect(history.members('latencyMs', null)).toEqual({ times: [100.2], lines: [{ label: 'node-1', values: [2] }], seenSince: null })
    history.add(state(50, [3]))
    expect(history.members('latencyMs', null)).toEqual({ times: [50], lines: [{ label: 'node-1', values: [3] }], seenSince: null })
  })
})

describe('what the node remembers of before', () => {
  const own = (atSeconds: number, cpuPercent: number): LivePointView => ({ atWallMs: atSeconds * 1000, cpuPercent, memoryPercent: 1, rates: { queriesPerSecond: cpuPercent / 10, forwardedPerSecond: 0, failedPerSecond: 0 } })
  const roundTrips = (ofPeers: Readonly<Record<string, ReadonlyArray<readonly [number, number]>>>): Past['roundTrips'] => new Map(Object.entries(ofPeers).map(([peerId, points]) => [peerId, points.map(([atSeconds, ms]) => ({ atSeconds, ms }))]))

  it('begins the charts: of this node its load and rates, of peers their round trips', () => {
    const history = new History()
    history.add(state(1000, [1, 2]))
    history.addPast({ own: [own(980, 40), own(989, 50), own(995, 60)], roundTrips: roundTrips({ 'peer-1': [[900, 10], [960, 11]], 'peer-2': [[960, 22]] }) })
    history.add(state(1001, [3, 4]))
    expect(history.members('latencyMs', null)).toEqual({ times: [900, 960, 1000, 1001], seenSince: 1000, lines: [{ label: 'node-1', values: [10, 11, 1, 3] }, { label: 'node-2', values: [null, 22, 2, 4] }] })
    // What is within 10 s of what the page saw itself is left out.
    expect(history.members('cpuPercent', null)).toEqual({ times: [980, 989, 1000, 1001], seenSince: 1000, lines: [{ label: 'node-0', values: [40, 50, 0, 0] }, { label: 'node-1', values: [null, null, 10, 10] }, { label: 'node-2', values: [null, null, 20, 20] }] })
    expect(history.rates()).toMatchObject({ times: [980, 989, 1000, 1001], lines: [{ values: [4, 5, 1000, 1001] }, { values: [0, 0, 1, 1] }, { label: 'Failed' }] })
  })

  it('is waited for, and then no older than a quarter of an hour', () => {
    const history = new History()
    history.addPast({ own: [own(90, 40), own(150, 50)], roundTrips: new Map() })
    expect(history.rates()).toMatchObject({ times: [], seenSince: null })
    history.add(state(1000, [1]))
    expect(history.rates().times).toEqual([150, 1000])
  })

  it('fills what the page missed while it was not connected', () => {
    const history = new History()
    for (const second of [100, 101, 400]) history.add(state(second, [1]))
    history.addPast({ own: [own(105, 1), own(200, 2), own(300, 3), own(395, 4)], roundTrips: new Map() })
    const lines = history.members('cpuPercent', null)
    expect([lines.times, lines.seenSince, lines.lines[0]?.values]).toEqual([[100, 101, 200, 300, 400], null, [0, 0, 2, 3, 0]])
  })

  it('has of many peers their spread, and of the load of many only that of this node', () => {
    const history = new History()
    history.add(state(1000, Array.from({ length: 100 }, () => 1)))
    history.addPast({ own: [own(900, 77)], roundTrips: roundTrips(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`peer-${index + 1}`, [[900, index + 1]]] as const))) })
    expect(history.members('latencyMs', 'peer-7')).toEqual({ times: [900, 1000], seenSince: 1000, lines: [{ label: 'Median', values: [50, 1] }, { label: '95th percentile', values: [95, 1] }, { label: 'Highest', values: [100, 1] }, { label: 'node-7', values: [7, 1] }] })
    expect(history.members('cpuPercent', null).lines.map(({ label, values }) => [label, values[0]])).toEqual([['Median', null], ['95th percentile', null], ['Highest', null], ['node-0', 77]])
  })

  it('is asked for by as few databases as tell of every peer', () => {
    const database = (name: string, ...peers: string[]): DatabaseView => ({ name, path: null, copies: ['self', ...peers].map((peerId) => ({ peerId, node: peerId, isLocal: peerId === 'self', role: 'replica', engine: 'duckdb', ready: true })) })
    expect(databasesToAsk([database('few', 'a'), database('many', 'a', 'b', 'c'), database('other', 'c', 'd'), database('here')])).toEqual(['many', 'other'])
    expect(databasesToAsk(Array.from({ length: 9 }, (_, index) => database(`d${index}`, `p${index}`)))).toHaveLength(DATABASES_ASKED_MAX)
    expect(databasesToAsk([])).toEqual([])
  })

  it('is read from answers of the node, points in the middle of their minute', () => {
    const latency = { pointMs: 60_000, nodes: [{ peerId: 'a', points: [{ atWallMs: 600_400, samples: 3, meanMs: 7, minMs: 1, maxMs: 9 }] }] } as unknown as LatencyView
    expect(pastOf(null, [latency, latency])).toEqual({ own: [], roundTrips: new Map([['a', [{ atSeconds: 630, ms: 7 }]]]) })
    expect(pastOf({ stepMs: 10_000, points: [own(1, 2)] }, [])).toEqual({ own: [own(1, 2)], roundTrips: new Map() })
  })
})
