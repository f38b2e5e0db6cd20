import { describe, expect, it } from 'vitest'
import { SessionAffinity } from '../../../src/core/routing/affinity.ts'
import { NO_HINTS } from '../../../src/core/routing/hints.ts'
import { WarmPlaces } from '../../../src/core/routing/warm-places.ts'
import { Sessions } from '../../../src/node/sessions.ts'
import { peerView } from '../../contract/strategy.ts'
import { VirtualClock } from '../../support/query-plane.ts'

function setUp(isTableAffine = true) {
  const clock = new VirtualClock()
  const affinity = new SessionAffinity()
  return { clock, affinity, sessions: new Sessions({ affinity, readYourWritesMs: 5_000, isTableAffine, clock }) }
}

describe('sessions', () => {
  it('are free until they have been somewhere', () => {
    expect(setUp().sessions.withPlace(NO_HINTS, 'db', 's')).toBe(NO_HINTS)
  })

  it('stay where they read, each by its own name and database', () => {
    const { sessions } = setUp()
    sessions.handleRead('db', 's', 'a')
    expect(sessions.withPlace(NO_HINTS, 'db', 's')).toEqual({ ...NO_HINTS, stickTo: 'a' })
    expect(sessions.withPlace(NO_HINTS, 'db', 't')).toBe(NO_HINTS)
    expect(sessions.withPlace(NO_HINTS, 'other', 's')).toBe(NO_HINTS)
  })

  it('tell where they are, and why', () => {
    const { clock, sessions } = setUp()
    expect(sessions.placeOf('db', 's', ['t'])).toBeNull()
    sessions.handleTables('db', ['t', 'u'], 'w')
    // A session's place is its own; the tables' is for queries without one.
    expect([sessions.placeOf('db', null, ['u', 't']), sessions.placeOf('db', 's', ['t', 'u']), sessions.placeOf('db', null, ['t'])]).toEqual([{ why: 'tables', peerId: 'w', forMs: null }, null, null])
    sessions.handleRead('db', 's', 'a')
    expect(sessions.placeOf('db', 's', ['t'])).toEqual({ why: 'session', peerId: 'a', forMs: null })
    sessions.handleWrite('db', 's', 'p')
    clock.advance(2_000)
    expect(sessions.placeOf('db', 's', ['t'])).toEqual({ why: 'written', peerId: 'p', forMs: 3_000 })
    clock.advance(3_000)
    expect(sessions.placeOf('db', 's', ['t'])).toEqual({ why: 'session', peerId: 'a', forMs: null })
    expect(setUp(false).sessions.placeOf('db', null, ['t'])).toBeNull()
  })

  it('are free again when their peer is down, and after an hour', () => {
    const { clock, affinity, sessions } = setUp()
    sessions.handleRead('db', 's', 'a')
    sessions.handleRead('db', 't', 'b')
    affinity.handlePeerDown(0, 'a')
    expect(sessions.withPlace(NO_HINTS, 'db', 's')).toBe(NO_HINTS)
    clock.advance(3_600_000)
    expect(sessions.withPlace(NO_HINTS, 'db', 't')).toBe(NO_HINTS)
  })

  it('read where they wrote for a while, also when they had read elsewhere', () => {
    const { clock, sessions } = setUp()
    sessions.handleRead('db', 's', 'a')
    sessions.handleWrite('db', 's', 'p')
    expect(sessions.withPlace(NO_HINTS, 'db', 's')).toEqual({ ...NO_HINTS, pinnedTo: 'p' })
    clock.advance(4_999)
    expect(sessions.withPlace(NO_HINTS, 'db', 's').pinnedTo).toBe('p')
    clock.advance(1)
    expect(sessions.withPlace(NO_HINTS, 'db', 's')).toEqual({ ...NO_HINTS, stickTo: 'a' })
  })

  it('leave the tables of other queries where they are warm, if that is wanted', () => {
    for (const isWanted of [true, false]) {
      const { sessions } = setUp(isWanted)
      sessions.handleTables('db', ['flights', 'airports'], 'a')
      expect(sessions.withWarmPlace(NO_HINTS, 'db', ['airports', 'flights']).warmAt).toBe(isWanted ? 'a' : null)
      expect(sessions.withWarmPlace(NO_HINTS, 'db', ['flights'])).toBe(NO_HINTS)
      expect(sessions.withWarmPlace(NO_HINTS, 'db', [])).toBe(NO_HINTS)
    }
  })

  it('keeps the memory of writers within its bound', () => {
    const { clock, sessions } = setUp()
    for (let session = 0; session < 10_100; session++) sessions.handleWrite('db', `s${session}`, 'p')
    expect(sessions.writers).toBe(10_000)
    expect(sessions.withPlace(NO_HINTS, 'db', 's0')).toBe(NO_HINTS)
    clock.advance(5_000)
    sessions.handleWrite('db', 'late', 'p')
    expect(sessions.writers).toBe(1)
  })
})

describe('tables that were read elsewhere', () => {
  it('make a place warm for all queries on them, of a session or of none, but bind those alone that are asked to be', () => {
    const clock = new VirtualClock()
    const sessions = new Sessions({ affinity: new SessionAffinity(), readYourWritesMs: 5_000, isTableAffine: true, warmPlaces: new WarmPlaces(), clock })
    const peers = [peerView({ peerId: 'a' }), peerView({ peerId: 'b' })]
    expect(sessions.warmed(peers, 'db', ['t'])).toBe(peers)
    sessions.handleTables('db', ['t', 'u'], 'b', 's')
    expect(sessions.warmed(peers, 'db', ['t', 'v']).map(({ warmTables }) => warmTables)).toEqual([0, 0.5])
    expect(sessions.warmed(peers, 'db', [])).toBe(peers)
    expect(sessions.placeOf('db', null, ['t', 'u'])).toBeNull()
    sessions.handleTables('db', ['t', 'u'], 'b')
    expect(sessions.placeOf('db', null, ['t', 'u'])).toMatchObject({ peerId: 'b' })
  })
})
