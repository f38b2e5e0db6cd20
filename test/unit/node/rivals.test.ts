import { describe, expect, it } from 'vitest'
import { Rivals } from '../../../src/node/rivals.ts'

const replica = { name: 'users', role: 'replica', engine: 'duckdb' } as const
const primary = { ...replica, role: 'primary' } as const
const self = { peerId: 'self', name: 'local1', databases: [primary] }

describe('Rivals', () => {
  it('tells a second node of one name', () => {
    const rivals = new Rivals(self)
    expect(rivals.note({ peerId: 'a', name: 'remote1', databases: [] })).toEqual([])
    expect(rivals.note({ peerId: 'b', name: 'remote1', databases: [] })).toEqual([expect.stringContaining('same name remote1')])
    expect(rivals.note({ peerId: 'c', name: 'local1', databases: [] })).toHaveLength(1)
  })

  it('tells a second primary of one database, and no replica', () => {
    const rivals = new Rivals(self)
    expect(rivals.note({ peerId: 'a', name: 'a', databases: [replica] })).toEqual([])
    expect(rivals.note({ peerId: 'b', name: 'b', databases: [primary] })).toEqual([expect.stringContaining('second primary of the database users')])
  })

  it('forgets who left, and who changed', () => {
    const rivals = new Rivals(self)
    rivals.note({ peerId: 'a', name: 'x', databases: [primary] })
    rivals.note({ peerId: 'a', name: 'y', databases: [replica] })
    expect(rivals.note({ peerId: 'b', name: 'x', databases: [] })).toEqual([])
    rivals.forget('b')
    expect(rivals.note({ peerId: 'c', name: 'x', databases: [] })).toEqual([])
    expect(rivals.note({ peerId: 'c', name: 'x', databases: [] })).toEqual([])
  })
})
