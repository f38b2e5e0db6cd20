import { describe, expect, it } from 'vitest'
import { History, HISTORY_SECONDS } from '../../../../src/operations/dashboard/page/history.ts'
import type { LiveMemberView, LiveStateView } from '../../../../src/wire/operations-views.ts'

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
    expect(history.members('latencyMs', null)).toEqual({ times: [100, 101], lines: [{ label: 'node-1', values: [1, 1.5] }, { label: 'node-2', values: [2, null] }] })
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

  it('takes two readings of one moment for one, and starts anew when the clock was set back', () => {
    const history = new History()
    history.add(state(100, [1]))
    history.add(state(100.2, [2]))
    expect(history.members('latencyMs', null)).toEqual({ times: [100.2], lines: [{ label: 'node-1', values: [2] }] })
    history.add(state(50, [3]))
    expect(history.members('latencyMs', null)).toEqual({ times: [50], lines: [{ label: 'node-1', values: [3] }] })
  })
})
