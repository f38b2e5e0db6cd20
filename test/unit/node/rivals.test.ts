import { describe, expect, it } from 'vitest'
import { Rivals } from '../../../src/node/rivals.ts'

const replica = { name: 'users', role: 'replica', engine: 'duckdb' } as const
const primary = { ...replica, role: 'primary' } as const
const self = { peerId: 'self', name: 'local1', databases: [primary] }
const always = (): boolean => true
const member = (peerId: string, ...databases: Array<typeof replica | typeof primary>) => ({ peerId, name: peerId, databases })

describe('Rivals', () => {
  it('tells a second primary of one database, and no replica', () => {
    const rivals = new Rivals(self, always)
    expect(rivals.note(member('a', replica))).toEqual([])
    expect(rivals.note(member('b', primary))).toEqual([expect.stringContaining('b is a second primary of the database users')])
  })

  it('tells it once, also when the rival changes something else', () => {
    const rivals = new Rivals(self, always)
    expect(rivals.note(member('b', primary))).toHaveLength(1)
    expect(rivals.note(member('b', primary))).toEqual([])
    expect(rivals.note(member('b', replica))).toEqual([])
    expect(rivals.note(member('b', primary))).toHaveLength(1)
  })

  it('forgets who left', () => {
    const rivals = new Rivals({ ...self, databases: [] }, always)
    rivals.note(member('a', primary))
    expect(rivals.note(member('b', primary))).toHaveLength(1)
    rivals.forget('a')
    rivals.forget('b')
    expect(rivals.note(member('c', primary))).toEqual([])
  })

  it('counts nobody whose copy is not ready: a failover leaves one primary, and one that was it', () => {
    const ready = new Set(['self', 'pg1', 'pg2'])
    const rivals = new Rivals({ ...self, databases: [] }, (peerId) => ready.has(peerId))
    rivals.note(member('pg1', primary))
    ready.delete('pg1')
    expect(rivals.note(member('pg2', primary))).toEqual([])
    expect(rivals.note(member('pg1', primary))).toEqual([])
    ready.add('pg1')
    expect(rivals.note(member('pg1', primary))).toHaveLength(1)
  })

  it('advises a server what a server can do', () => {
    const served = { ...primary, engine: 'postgres' }
    const rivals = new Rivals({ ...self, databases: [served] }, always)
    expect(rivals.note({ peerId: 'b', name: 'b', databases: [served] })).toEqual([expect.stringMatching(/stop one of the two servers, or make it a replica of the other$/)])
  })
})
