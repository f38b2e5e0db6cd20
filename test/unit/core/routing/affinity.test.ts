import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { affinityKeyOf, affinityKeyLengthMax, SessionAffinity, sessionKeyOf } from '../../../../src/core/routing/affinity.ts'

const hourMs = 3_600_000

describe('affinity', () => {
  it('sends a session where it was, until an hour after its last query', () => {
    const affinity = new SessionAffinity()
    expect(affinity.peerOf(0, 's')).toBeNull()
    affinity.bind(0, 's', 'a')
    expect(affinity.peerOf(hourMs - 1, 's')).toBe('a')
    expect(affinity.peerOf(hourMs, 's')).toBeNull()
    affinity.bind(hourMs - 1, 's', 'a')
    expect(affinity.peerOf(2 * hourMs - 2, 's')).toBe('a')
    expect(affinity.peerOf(2 * hourMs - 1, 's')).toBeNull()
  })

  it('moves with a new choice', () => {
    const affinity = new SessionAffinity()
    affinity.bind(0, 's', 'a')
    affinity.bind(1, 's', 'b')
    expect(affinity.peerOf(2, 's')).toBe('b')
    expect(affinity.size).toBe(1)
    expect(affinity.peers).toBe(1)
  })

  it('frees all sessions of a failed peer, and only them, and the peer may have new ones', () => {
    const affinity = new SessionAffinity()
    affinity.bind(0, 's1', 'a')
    affinity.bind(0, 's2', 'a')
    affinity.bind(0, 's3', 'b')
    affinity.handlePeerDown(1, 'a')
    expect([affinity.peerOf(1, 's1'), affinity.peerOf(1, 's2'), affinity.peerOf(1, 's3')]).toEqual([null, null, 'b'])
    affinity.bind(2, 's1', 'a')
    expect([affinity.peerOf(2, 's1'), affinity.peerOf(2, 's2')]).toEqual(['a', null])
  })

  it('moves one session at a time from an overloaded peer, which is forgotten with its last', () => {
    const affinity = new SessionAffinity()
    affinity.bind(0, 's1', 'a')
    affinity.bind(0, 's2', 'a')
    affinity.bind(1, 's1', 'b')
    expect([affinity.peerOf(1, 's1'), affinity.peerOf(1, 's2'), affinity.peers]).toEqual(['b', 'a', 2])
    affinity.bind(1, 's2', 'b')
    expect([affinity.size, affinity.peers]).toEqual([2, 1])
  })

  it('forgets the least recently used beyond its bound', () => {
    const affinity = new SessionAffinity({ keysMax: 2 })
    affinity.bind(0, 's1', 'a')
    affinity.bind(1, 's2', 'b')
    affinity.bind(2, 's1', 'a')
    affinity.bind(3, 's3', 'c')
    expect([affinity.peerOf(3, 's1'), affinity.peerOf(3, 's2'), affinity.peerOf(3, 's3')]).toEqual(['a', null, 'c'])
    expect([affinity.size, affinity.peers]).toEqual([2, 2])
  })

  it('lets go of what has expired when it is used again', () => {
    const affinity = new SessionAffinity({ timeoutMs: 1_000 })
    for (let i = 0; i < 50; i++) affinity.bind(i, `s${i}`, `p${i}`)
    affinity.bind(5_000, 'new', 'a')
    expect([affinity.size, affinity.peers]).toEqual([1, 1])
  })

  it('does not remember endless keys', () => {
    const affinity = new SessionAffinity()
    expect(affinity.bind(0, 'x'.repeat(affinityKeyLengthMax), 'a')).toBe(true)
    expect(affinity.bind(0, 'x'.repeat(affinityKeyLengthMax + 1), 'a')).toBe(false)
    expect(affinity.size).toBe(1)
  })

  it('gives every table a key of its own, and no session has one of them', () => {
    expect(affinityKeyOf('a:b', 'c')).not.toBe(affinityKeyOf('a', 'b:c'))
    expect(affinityKeyOf('a', 'b')).toBe(affinityKeyOf('a', 'b'))
    fc.assert(fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, c, d) => {
      expect(affinityKeyOf(a, b) === affinityKeyOf(c, d)).toBe(a === c && b === d)
      expect(sessionKeyOf(a)).not.toBe(affinityKeyOf(c, d))
    }))
  })

  it('agrees with a list that is searched from end to end', () => {
    const step = fc.record({
      verb: fc.constantFrom('bind', 'bind', 'bind', 'down'), key: fc.integer({ min: 0, max: 6 }), peer: fc.integer({ min: 0, max: 3 }), stepMs: fc.integer({ min: 0, max: 600 }),
    })
    fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const affinity = new SessionAffinity({ timeoutMs: 2_000, keysMax: 4 })
      let list: Array<{ key: string; peer: string; atMs: number; isDown: boolean }> = []
      let nowMs = 0
      for (const { verb, key: keyNumber, peer: peerNumber, stepMs } of steps) {
        const [key, peer] = [`k${keyNumber}`, `p${peerNumber}`]
        nowMs += stepMs
        if (verb === 'bind') {
          affinity.bind(nowMs, key, peer)
          // What has ended counts until it reaches the front.
          while (list[0] !== undefined && (list[0].isDown || nowMs - list[0].atMs >= 2_000)) list.shift()
          list = list.filter((entry) => entry.key !== key)
          if (list.length >= 4) list.shift()
          list.push({ key, peer, atMs: nowMs, isDown: false })
        } else {
          affinity.handlePeerDown(nowMs, peer)
          for (const entry of list) if (entry.peer === peer) entry.isDown = true
        }
        expect(affinity.size).toBe(list.length)
        expect(affinity.peers).toBe(new Set(list.filter(({ isDown }) => !isDown).map((entry) => entry.peer)).size)
        for (let i = 0; i <= 6; i++) {
          const held = list.find((entry) => entry.key === `k${i}`)
          expect(affinity.peerOf(nowMs, `k${i}`)).toBe(held === undefined || held.isDown || nowMs - held.atMs >= 2_000 ? null : held.peer)
        }
      }
    }), { numRuns: 300 })
  })
})
