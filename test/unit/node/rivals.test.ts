import { describe, expect, it } from 'vitest'
import { Rivals } from '../../../src/node/rivals.ts'

const replica = { name: 'users', role: 'replica', engine: 'duckdb' } as const
const primary = { ...replica, role: 'primary' } as const
const self = { peerId: 'self', name: 'local1', databases: [primary] }
const member = (peerId: string, ...databases: Array<typeof replica | typeof primary>) => ({ peerId, name: peerId, databases })

describe('Rivals', () => {
  it('tells a second primary of one database, and no replica', () => {
    const rivals = new Rivals(self)
    expect(rivals.note(member('a', replica))).toEqual([])
    expect(rivals.note(member('b', primary))).toEqual([expect.stringContaining('b is a second primary of the database users')])
  })

  it('tells it once, also when the rival changes something else', () => {
    const rivals = new Rivals(self)
    expect(rivals.note(member('b', primary))).toHaveLength(1)
    expect(rivals.note(member('b', primary))).toEqual([])
    expect(rivals.note(member('b', replica))).toEqual([])
    expect(rivals.note(member('b', primary))).toHaveLength(1)
  })

  it('forgets who left', () => {
    const rivals = new Rivals({ ...self, databases: [] })
    rivals.note(member('a', primary))
    expect(rivals.note(member('b', primary))).toHaveLength(1)
    rivals.forget('a')
    rivals.forget('b')
    expect(rivals.note(member('c', primary))).toEqual([])
  })
})
