import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeRing, REMOVALS_HEARD_MAX, removeKey, type Ring, type RingKey, summarize, USE_VERSION_LEAP_MAX, useKey } from '../../../../src/core/keyring/ring.ts'

const bounds = { keysMax: 4, removedMax: 64 }
const key = (name: string): RingKey => ({ fingerprint: name, key: new Uint8Array([name.charCodeAt(0)]) })
const ring = (names: string, part: Partial<Ring> = {}): Ring => ({ keys: [...names].map(key), removed: [], useVersion: 0, ...part })
const names = (of: Ring): string => of.keys.map(({ fingerprint }) => fingerprint).join('')

/** What this ring has become after it met the other and was given all its keys. */
function meet(one: Ring, other: Ring): Ring {
  const merged = mergeRing(one, summarize(other), other.keys, bounds)
  if (!merged.ok) throw new Error(merged.refused)
  return merged.ring
}

describe('a ring that meets another', () => {
  it('takes the keys it lacks, behind its own', () => {
    expect(names(meet(ring('a'), ring('ab')))).toBe('ab')
    expect(mergeRing(ring('ab'), summarize(ring('ab')), [], bounds)).toMatchObject({ ok: true, changed: false })
  })

  it('follows no choice whose count leaps, for none could follow the highest', () => {
    expect(meet(ring('ab'), ring('ba', { useVersion: USE_VERSION_LEAP_MAX + 1 }))).toMatchObject({ useVersion: 0, keys: [key('a'), key('b')] })
    expect(meet(ring('ab'), ring('ba', { useVersion: USE_VERSION_LEAP_MAX }))).toMatchObject({ useVersion: USE_VERSION_LEAP_MAX, keys: [key('b'), key('a')] })
  })

  it('follows the later choice of the key in use, once it has that key', () => {
    const used = useKey(ring('ab'), 'b') as Ring
    expect([names(used), used.useVersion]).toEqual(['ba', 1])
    expect(meet(ring('ab'), used)).toMatchObject({ useVersion: 1, keys: [key('b'), key('a')] })
    const without = mergeRing(ring('a'), summarize(used), [], bounds)
    expect(without).toMatchObject({ ok: true, changed: false })
    expect(names(meet(ring('a'), used))).toBe('ba')
  })

  it('gives up what was removed elsewhere, and never takes it back', () => {
    const removed = removeKey(useKey(ring('ab'), 'b') as Ring, 'a', bounds) as Ring
    expect([names(removed), removed.removed]).toEqual(['b', ['a']])
    expect(names(meet(ring('ab'), removed))).toBe('b')
    expect(names(meet(removed, ring('ab')))).toBe('b')
    // Without the new key it would have none at all, and stays as it is.
    expect(mergeRing(ring('a'), summarize(removed), [], bounds)).toEqual({ ok: false, refused: 'last' })
    expect(names(meet(ring('a'), removed))).toBe('b')
  })

  it('keeps the removals of keys that it held, however many others it is told of', () => {
    let own = removeKey(useKey(ring('ab'), 'b') as Ring, 'a', bounds) as Ring
    own = meet(own, ring('b', { removed: ['a'], useVersion: 1 }))
    const told = (from: number): string[] => Array.from({ length: 64 }, (_, index) => `made-up-${from + index}`)
    const afterOne = meet(own, ring('b', { removed: told(0) }))
    expect(afterOne.removed).toHaveLength(1 + REMOVALS_HEARD_MAX)
    for (let from = 64; from < 2_000; from += 64) own = meet(own, ring('b', { removed: told(from) }))
    expect([own.removed.length, own.removed.at(-1)]).toEqual([bounds.removedMax, 'a'])
    expect(names(meet(own, ring('ab')))).toBe('b')
    // A true removal finds room in a full book.
    const full = meet({ ...own, keys: [key('b'), key('c')] }, ring('b', { removed: ['c', ...told(0)] }))
    expect([names(full), full.removed.slice(-2)]).toEqual(['b', ['a', 'c']])
  })

  it('refuses more keys than it may hold', () => {
    expect(mergeRing(ring('abc'), summarize(ring('de')), ring('de').keys, bounds)).toEqual({ ok: false, refused: 'full' })
  })

  it('settles two choices made at once alike at both', () => {
    const [one, other] = [useKey(ring('abc'), 'b') as Ring, useKey(ring('abc'), 'c') as Ring]
    expect([names(meet(one, other))[0], names(meet(other, one))[0]]).toEqual(['c', 'c'])
  })
})

it('neither removes nor uses what is not there, and does not remove what is in use', () => {
  expect(useKey(ring('ab'), 'c')).toBeNull()
  expect(useKey(ring('ab'), 'a')).toEqual(ring('ab'))
  expect(removeKey(ring('ab'), 'a', bounds)).toBeNull()
  expect(removeKey(ring('ab'), 'c', bounds)).toBeNull()
})

describe('rings', () => {
  const alphabet = 'abcd'
  const anyRing = fc.record({
    order: fc.shuffledSubarray([...alphabet], { minLength: 1 }),
    removed: fc.subarray(['w', 'x', 'y', 'z']),
    useVersion: fc.nat(3),
  }).map(({ order, removed, useVersion }): Ring => ring(order.join(''), { removed, useVersion }))
  const shape = (of: Ring): unknown => ({ inUse: of.keys[0]?.fingerprint, held: names(of).split('').toSorted(), removed: of.removed.toSorted(), useVersion: of.useVersion })

  it('come to the same whoever meets whom first, and to no more by meeting again', () => {
    fc.assert(fc.property(anyRing, anyRing, anyRing, (a, b, c) => {
      expect(shape(meet(a, b))).toEqual(shape(meet(b, a)))
      expect(shape(meet(meet(a, b), c))).toEqual(shape(meet(a, meet(b, c))))
      const ab = meet(a, b)
      expect(shape(meet(ab, b))).toEqual(shape(ab))
    }), { numRuns: 2_000 })
  })

  it('agree at every member once each has met enough others, whatever steps were taken where', () => {
    const step = fc.record({ at: fc.nat(3), kind: fc.constantFrom('use', 'remove', 'meet'), which: fc.constantFrom(...alphabet), other: fc.nat(3) })
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const members = Array.from({ length: 4 }, () => ring(alphabet))
      const one = (index: number): Ring => members[index] as Ring
      for (const { at, kind, which, other } of steps) {
        if (kind === 'use') members[at] = useKey(one(at), which) ?? one(at)
        if (kind === 'remove') members[at] = removeKey(one(at), which, bounds) ?? one(at)
        if (kind === 'meet') {
          const merged = mergeRing(one(at), summarize(one(other)), one(other).keys, bounds)
          if (merged.ok) members[at] = merged.ring
        }
        for (const member of members) expect(member.keys.length).toBeGreaterThan(0)
      }
      for (let round = 0; round < 3; round++) {
        for (let at = 0; at < 4; at++) for (let other = 0; other < 4; other++) {
          const merged = mergeRing(one(at), summarize(one(other)), one(other).keys, bounds)
          if (merged.ok) members[at] = merged.ring
        }
      }
      // Two members may each have removed what the other was left with; then both keep what they have.
      const isTorn = new Set(members.flatMap(({ removed }) => removed)).size === alphabet.length
      if (!isTorn) expect(new Set(members.map((member) => JSON.stringify(shape(member)))).size).toBe(1)
    }), { numRuns: 1_000 })
  })
})
