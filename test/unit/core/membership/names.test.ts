import { describe, expect, it } from 'vitest'
import { type NameClaim, NameBook, type NameEffect } from '../../../../src/core/membership/names.ts'

const claim = (peerId: string, heldSinceMs: number, changes: Partial<NameClaim> = {}): NameClaim => ({ peerId, name: 'db1', heldSinceMs, isLiving: true, ...changes })

function bookOf(...claims: readonly NameClaim[]): NameBook {
  const book = new NameBook()
  for (const each of claims) book.handleClaim(0, each)
  return book
}

describe('a name', () => {
  it('is kept by the member that has borne it longest, and told', () => {
    const book = bookOf(claim('12D3KooWyounger', 200))
    expect(book.handleClaim(1, claim('12D3KooWolder', 100))).toEqual([{ kind: 'name-conflict', name: 'db1', keeper: '12D3KooWolder', others: ['12D3KooWyounger'] }])
    expect([book.shownName('12D3KooWolder', 'db1'), book.shownName('12D3KooWyounger', 'db1')]).toEqual(['db1', 'db1~ounger'])
    expect([book.isContested('db1'), book.isContested('db2'), book.conflicts]).toEqual([true, false, ['db1']])
  })

  it('goes to the same member whatever the order of the news', () => {
    const claims = [claim('c', 100), claim('a', 100), claim('b', 50), claim('d', 10, { isLiving: false })]
    const keepers = claims.map((_, index) => bookOf(...claims.slice(index), ...claims.slice(0, index)).keeperOf('db1'))
    expect(keepers).toEqual(['b', 'b', 'b', 'b'])
    expect(bookOf(claim('c', 100), claim('a', 100)).keeperOf('db1')).toBe('a')
  })

  it('is not held by the dead against the living: a node that lost its data folder gets its name back', () => {
    const book = bookOf(claim('old', 100))
    expect(book.handleClaim(1, claim('new', 900))).toMatchObject([{ kind: 'name-conflict', keeper: 'old' }])
    expect(book.handleClaim(2, claim('old', 100, { isLiving: false }))).toEqual([{ kind: 'name-conflict-ended', name: 'db1', keeper: 'new' }])
    expect([book.shownName('new', 'db1'), book.shownName('old', 'db1')]).toEqual(['db1', 'db1~old'])
    expect(book.handleClaim(3, claim('old', 100))).toMatchObject([{ kind: 'name-conflict', keeper: 'old', others: ['new'] }])
  })

  it('is free again when its bearer is gone', () => {
    const book = bookOf(claim('a', 1), claim('b', 2))
    expect(book.forget(3, 'a')).toEqual([{ kind: 'name-conflict-ended', name: 'db1', keeper: 'b' }])
    expect(book.forget(4, 'b')).toEqual([])
    expect([book.keeperOf('db1'), book.shownName('b', 'db1'), book.forget(5, 'b')]).toEqual([null, 'db1', []])
  })

  it('is given up by a member that takes another', () => {
    const book = bookOf(claim('a', 1), claim('b', 2))
    expect(book.handleClaim(3, claim('b', 3, { name: 'db2' }))).toEqual([{ kind: 'name-conflict-ended', name: 'db1', keeper: 'a' }])
    expect(book.shownName('b', 'db2')).toBe('db2')
  })

  it('is not told twice about the same members, but when another one comes', () => {
    const book = bookOf(claim('a', 1), claim('b', 2))
    expect(book.handleClaim(3, claim('b', 2))).toEqual([])
    expect(book.handleClaim(4, claim('c', 3))).toMatchObject([{ kind: 'name-conflict', others: ['b', 'c'] }])
  })

  it('that thousands bear costs a few comparisons each, and is told anew only when the first ones change', () => {
    let looks = 0
    const count = 2_000
    const effects: NameEffect[] = []
    const book = new NameBook()
    for (let index = 0; index < count; index++) {
      const heldSinceMs = (index * 1_237) % count + 100
      const one = { peerId: `p${index}`, name: 'db1', isLiving: true, get heldSinceMs() { looks++; return heldSinceMs } }
      effects.push(...book.handleClaim(0, one))
    }
    expect(looks).toBeLessThan(count * 4 * Math.ceil(Math.log2(count)))
    expect(effects.length).toBeLessThan(count / 10)
    expect(book.handleClaim(1, claim('first', 1))).toMatchObject([{ keeper: 'first' }])
    expect(book.handleClaim(2, claim('last', 1e9))).toEqual([])
    for (let index = 0; index < count; index++) book.forget(3, `p${index}`)
    expect([book.keeperOf('db1'), book.forget(4, 'last')]).toEqual(['first', [{ kind: 'name-conflict-ended', name: 'db1', keeper: 'first' }]])
  })

  it('of a stranger that the book has not heard of is marked when somebody bears it', () => {
    expect(bookOf(claim('a', 1)).shownName('12D3KooWstranger', 'db1')).toBe('db1~ranger')
  })
})
