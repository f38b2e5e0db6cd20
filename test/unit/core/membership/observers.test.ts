import { describe, expect, it } from 'vitest'
import { MemberTable } from '../../../../src/core/membership/member-table.ts'
import { hashPeerId, observersOf } from '../../../../src/core/membership/observers.ts'
import { signed } from './fixtures.ts'

function tableOf(peerIds: readonly string[]): MemberTable {
  const table = new MemberTable()
  for (const peerId of peerIds) table.add(0, signed(peerId, 1), 'alive')
  return table
}

const names = Array.from({ length: 200 }, (_, index) => `12D3KooWobserver${index}`)

/** As node `self` computes them. */
function computed(self: string, subject: string, all: readonly string[], count: number): string[] {
  const table = tableOf(all.filter((name) => name !== self))
  return observersOf({ peerId: subject, hash: hashPeerId(subject) }, { peerId: self, hash: hashPeerId(self) }, table.active.items, count)
}

describe('observers', () => {
  it('are the same, in the same order, whoever computes them, and never the subject', () => {
    const [subject = '', one = '', two = '', three = ''] = names
    const seen = [one, two, three].map((self) => computed(self, subject, names, 10))
    expect(seen[1]).toEqual(seen[0])
    expect(seen[2]).toEqual(seen[0])
    expect(new Set(seen[0]).size).toBe(10)
    expect(seen[0]).not.toContain(subject)
  })

  it('are all the others where there are few', () => {
    expect([...computed('b', 'a', ['a', 'b', 'c', 'd'], 10)].sort()).toEqual(['b', 'c', 'd'])
  })

  it('change only where a member came or went', () => {
    const [subject = '', self = ''] = names
    const before = computed(self, subject, names, 10)
    const gone = before.find((peerId) => peerId !== self) ?? ''
    const after = computed(self, subject, names.filter((name) => name !== gone), 10)
    expect(before.filter((peerId) => !after.includes(peerId))).toEqual([gone])
  })

  it('are spread over the mesh: nobody observes many more than K', () => {
    const load = new Map<string, number>()
    for (const subject of names) for (const observer of computed(names.find((name) => name !== subject) ?? '', subject, names, 10)) load.set(observer, (load.get(observer) ?? 0) + 1)
    const counts = [...load.values()]
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2000)
    expect(load.size).toBe(200)
    // Binomial with mean 10, deviation 3.1: six deviations.
    expect(Math.max(...counts)).toBeLessThanOrEqual(29)
  })
})
