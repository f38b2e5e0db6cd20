import { describe, expect, it } from 'vitest'
import { WarmPlaces } from '../../../../src/core/routing/warm-places.ts'

function warmth(places: WarmPlaces, nowMs: number, tables: readonly string[], database = 'db'): Record<string, number> | null {
  const known = places.warmth(nowMs, database, tables)
  return known === null ? null : Object.fromEntries(known)
}

describe('places where tables are warm', () => {
  it('have the share of the tables that they read', () => {
    const places = new WarmPlaces()
    places.handleRead(0, 'db', ['a', 'b'], 'p')
    places.handleRead(0, 'db', ['b'], 'q')
    expect(warmth(places, 1, ['a', 'b'])).toEqual({ p: 1, q: 0.5 })
    expect(warmth(places, 1, ['b'])).toEqual({ p: 1, q: 1 })
    expect(warmth(places, 1, ['c'])).toBeNull()
    expect(warmth(places, 1, [])).toBeNull()
    expect(warmth(places, 1, ['a'], 'other')).toBeNull()
  })

  it('grow cold after ten minutes without a read', () => {
    const places = new WarmPlaces()
    places.handleRead(0, 'db', ['a'], 'p')
    places.handleRead(300_000, 'db', ['a'], 'q')
    expect(warmth(places, 600_000, ['a'])).toEqual({ p: 1, q: 1 })
    expect(warmth(places, 600_001, ['a'])).toEqual({ q: 1 })
    expect(warmth(places, 900_001, ['a'])).toBeNull()
  })

  it('are cold when they come back', () => {
    const places = new WarmPlaces()
    places.handleRead(0, 'db', ['a'], 'p')
    places.handlePeerDown(1, 'p')
    expect(warmth(places, 2, ['a'])).toBeNull()
  })

  it('are bounded: the table unread for longest makes room, and of one table the peer', () => {
    const places = new WarmPlaces()
    places.handleRead(0, 'db', ['first'], 'p')
    for (let i = 0; i < 999; i++) places.handleRead(1, 'db', [`t${i}`], 'p')
    places.handleRead(2, 'db', ['first'], 'p')
    places.handleRead(3, 'db', ['one more'], 'p')
    expect(places.tables).toBe(1_000)
    expect(warmth(places, 4, ['t0'])).toBeNull()
    expect(warmth(places, 4, ['first'])).toEqual({ p: 1 })
    for (let i = 0; i < 20; i++) places.handleRead(5, 'db', ['first'], `peer${i}`)
    expect(Object.keys(warmth(places, 6, ['first']) ?? {})).toEqual(Array.from({ length: 16 }, (_, index) => `peer${index + 4}`))
    places.handleRead(7, 'db', ['x'.repeat(1_000)], 'p')
    expect(warmth(places, 8, ['x'.repeat(1_000)])).toBeNull()
  })
})
