import { describe, expect, it } from 'vitest'
import { MemberTable } from '../../../../src/core/membership/member-table.ts'
import { hashPeerId } from '../../../../src/core/membership/observers.ts'
import { ProbeSchedule } from '../../../../src/core/membership/probe-schedule.ts'
import { advance, createAlive, isPing, packet, signed } from './fixtures.ts'

const names = Array.from({ length: 31 }, (_, index) => `12D3KooWmember${index}`)

function viewOf(self: string, all: readonly string[]): { schedule: ProbeSchedule; table: MemberTable } {
  const table = new MemberTable()
  // In another order at each node.
  for (const name of all.toSorted((a, b) => hashPeerId(a + self) - hashPeerId(b + self))) if (name !== self) table.add(0, signed(name, 1), 'alive')
  return { schedule: new ProbeSchedule({ peerId: self, hash: hashPeerId(self) }), table }
}

describe('the probe schedule', () => {
  it('has each member probed by exactly one other in each period', () => {
    const views = names.map((self) => viewOf(self, names))
    for (let period = 1000; period < 1060; period++) {
      const targets = views.map(({ schedule, table }) => schedule.target(period, table.active)?.peerId)
      expect(new Set(targets).size).toBe(names.length)
    }
  })

  it('has each node probe every other once in N − 1 periods', () => {
    const { schedule, table } = viewOf(names[3] ?? '', names)
    const targets = Array.from({ length: names.length - 1 }, (_, period) => schedule.target(period, table.active)?.peerId)
    expect(new Set(targets).size).toBe(names.length - 1)
  })

  it('follows members that come and go', () => {
    const { schedule, table } = viewOf('a', ['a', 'b', 'c'])
    schedule.target(0, table.active)
    const gone = table.get('b')
    if (gone !== undefined) table.setState(1, gone, 'failed')
    expect([0, 1, 2].map((period) => schedule.target(period, table.active)?.peerId)).toEqual(['c', 'c', 'c'])
    table.add(2, signed('d', 1), 'alive')
    expect(new Set([0, 1].map((period) => schedule.target(period, table.active)?.peerId))).toEqual(new Set(['c', 'd']))
    expect(viewOf('a', ['a']).schedule.target(5, new MemberTable().active)).toBeNull()
  })

  it('goes by the clock that all share, whatever the machine’s own begins with', () => {
    const targetsOf = (wallOffsetMs: number, fromMs: number): string[] => {
      const machine = createAlive(names, {}, { wallOffsetMs })
      return advance(machine, fromMs + 20_000, (effect, nowMs) => {
        if (isPing(effect)) machine.handlePacket(nowMs, effect.to, packet({ kind: 'ack', sequence: effect.packet.probe.sequence }))
      }).filter(({ atMs, effect }) => isPing(effect) && atMs >= fromMs).map(({ effect }) => (isPing(effect) ? effect.to : ''))
    }
    expect(targetsOf(7000, 3000).slice(0, 10)).toEqual(targetsOf(0, 10_000).slice(0, 10))
  })
})
