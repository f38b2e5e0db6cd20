import { describe, expect, it } from 'vitest'
import { MemberTable } from '../../../../src/core/membership/member-table.ts'
import { ProbeRing } from '../../../../src/core/membership/probe-ring.ts'
import { createRandom } from '../../../../src/core/time/random.ts'
import { signed } from './fixtures.ts'

function tableOf(count: number): MemberTable {
  const table = new MemberTable()
  for (let i = 0; i < count; i++) table.add(0, signed(`m${i}`, 1), 'alive')
  return table
}

describe('MemberTable', () => {
  it('counts, pools and tombstones follow the states', () => {
    const table = tableOf(4)
    const [a, b, c] = ['m0', 'm1', 'm2'].map((peerId) => table.get(peerId))
    if (a === undefined || b === undefined || c === undefined) throw new Error('unreachable')
    table.setState(5, a, 'suspect')
    table.setState(6, b, 'failed')
    table.setState(7, c, 'left')
    expect([table.count('alive'), table.count('suspect'), table.count('failed'), table.count('left')]).toEqual([1, 1, 1, 1])
    expect([table.active.size, table.failed.size, table.oldestTombstone()?.peerId]).toEqual([2, 1, 'm1'])
    table.remove(b)
    expect([table.size, table.failed.size, table.oldestTombstone()?.peerId]).toEqual([3, 0, 'm2'])
    expect(table.view(c)).toMatchObject({ state: 'left', stateSinceMs: 7 })
  })

  it('samples without repetition, never the excluded, each equally often', () => {
    const table = tableOf(10)
    const random = createRandom(3)
    const excluded = table.get('m4') ?? null
    const drawn = new Map<string, number>()
    for (let i = 0; i < 9000; i++) {
      const sample = table.active.sample(random, 3, excluded).map((entry) => entry.peerId)
      expect(new Set(sample).size).toBe(3)
      for (const peerId of sample) drawn.set(peerId, (drawn.get(peerId) ?? 0) + 1)
    }
    expect(drawn.has('m4')).toBe(false)
    for (const count of drawn.values()) expect(Math.abs(count - 3000)).toBeLessThan(250)
    expect(table.active.sample(random, 99, excluded)).toHaveLength(9)
    expect(new MemberTable().active.sample(random, 3)).toEqual([])
  })
})

describe('ProbeRing', () => {
  it('visits everyone once in each pass, in changing order', () => {
    const table = tableOf(20)
    const ring = new ProbeRing()
    const random = createRandom(4)
    const passes = Array.from({ length: 3 }, () => Array.from({ length: 20 }, () => ring.next(random, table.active.items, () => false)?.peerId))
    for (const pass of passes) expect(new Set(pass).size).toBe(20)
    expect(passes[0]).not.toEqual(passes[1])
  })

  it('skips those who went, deals newcomers in, and ends when nobody is there', () => {
    const table = tableOf(5)
    const ring = new ProbeRing()
    const random = createRandom(5)
    ring.next(random, table.active.items, () => false)
    for (const entry of [...table.active.items]) table.setState(1, entry, 'failed')
    expect(ring.next(random, table.active.items, () => false)).toBeNull()
    const newcomer = table.add(2, signed('new', 1), 'alive')
    ring.insert(random, newcomer)
    expect(ring.next(random, table.active.items, () => false)).toBe(newcomer)
    expect(ring.next(random, table.active.items, () => true)).toBeNull()
  })

  it('a newcomer lands in the rest of the running pass in proportion to that rest (SWIM §4.3)', () => {
    let early = 0
    for (let seed = 0; seed < 2000; seed++) {
      const table = tableOf(9)
      const ring = new ProbeRing()
      const random = createRandom(seed)
      for (let i = 0; i < 6; i++) ring.next(random, table.active.items, () => false)
      const newcomer = table.add(0, signed('new', 1), 'alive')
      ring.insert(random, newcomer)
      const rest = Array.from({ length: 3 }, () => ring.next(random, table.active.items, () => false))
      if (rest.includes(newcomer)) early++
    }
    // Positions 6, 7 and 8 of 0–9 are among the next three; 9 is the fourth.
    expect(Math.abs(early / 2000 - 0.3)).toBeLessThan(0.04)
  })
})
