import { describe, expect, it } from 'vitest'
import { type PeerLoad, PeerLoads, serviceMsOf } from '../../../../src/core/load/peer-loads.ts'
import type { LoadSnapshot } from '../../../../src/core/load/types.ts'
import type { LoadDigest } from '../../../../src/core/membership/types.ts'

function digest(sequence: number, cpuPercent = sequence): LoadDigest {
  return { cpuPercent, memoryPercent: 50, inFlight: 2, overloaded: false, drill: false, sequence }
}

function snapshot(sequence: number, fields: Partial<LoadSnapshot> = {}): LoadSnapshot {
  return { peerId: 'a', atWallMs: 5_000_000, memoryBytes: 1, processCpuPercent: 1, eventLoopDelayMs: 0, readyDatabases: ['flights'], lagsMs: {}, ...digest(sequence), ...fields }
}

describe('peer loads', () => {
  it('knows nothing of a stranger', () => {
    const loads = new PeerLoads()
    expect(loads.get('a')).toBeNull()
    expect(loads.ageMs(100, 'a')).toBeNull()
  })

  it('keeps the newest by sequence, and its age by local receipt', () => {
    const loads = new PeerLoads()
    expect(loads.handleDigest(1000, 'a', digest(5))).toBe(true)
    expect(loads.handleDigest(2000, 'a', digest(4))).toBe(false)
    expect(loads.handleDigest(2000, 'a', digest(5, 99))).toBe(false)
    expect(loads.get('a')).toMatchObject({ cpuPercent: 5, sequence: 5, reportedAtMs: 1000 })
    expect(loads.ageMs(3500, 'a')).toBe(2500)
    expect(loads.handleDigest(4000, 'a', digest(6))).toBe(true)
    expect(loads.ageMs(4000, 'a')).toBe(0)
    expect(loads.counters).toEqual({ accepted: 2, outdated: 2, refused: 0 })
  })

  it('learns ready databases from a snapshot that a digest has outrun, without its old figures', () => {
    const loads = new PeerLoads()
    loads.handleDigest(1000, 'a', digest(9))
    expect(loads.get('a')?.readyDatabases).toBeNull()
    expect(loads.handleSnapshot(2000, snapshot(8))).toBe(true)
    expect(loads.get('a')).toMatchObject({ sequence: 9, cpuPercent: 9, reportedAtMs: 1000, readyDatabases: ['flights'] })
    expect(loads.handleSnapshot(2000, snapshot(7, { readyDatabases: [] }))).toBe(false)
    expect(loads.get('a')?.readyDatabases).toEqual(['flights'])
  })

  it('keeps the ready databases when a digest renews the figures', () => {
    const loads = new PeerLoads()
    loads.handleSnapshot(1000, snapshot(1))
    loads.handleDigest(2000, 'a', digest(2))
    expect(loads.get('a')).toMatchObject({ sequence: 2, readyDatabases: ['flights'] })
  })

  it('takes a service time from whichever is newest, of the only database or of each', () => {
    const loads = new PeerLoads()
    loads.handleSnapshot(1000, snapshot(1, { serviceTimesMs: { flights: 100 } }))
    expect(serviceMsOf(loads.get('a') as PeerLoad, 'flights')).toBe(100)
    expect(serviceMsOf(loads.get('a') as PeerLoad, 'users')).toBeNull()
    loads.handleDigest(2000, 'a', { ...digest(2), serviceMs: 250 })
    expect(serviceMsOf(loads.get('a') as PeerLoad, 'flights')).toBe(250)
    loads.handleDigest(3000, 'a', digest(3))
    expect(serviceMsOf(loads.get('a') as PeerLoad, 'flights')).toBe(100)
  })

  it('tells by the soonest snapshot how the clocks differ', () => {
    const loads = new PeerLoads()
    expect(loads.clockAheadMs(0, 0, 'a')).toBeNull()
    // The clock here shows 5,010,000 at 10 s; the reporter's shows 3 s less, and the second snapshot was under way for 400 ms longer.
    loads.handleSnapshot(10_000, snapshot(1, { atWallMs: 5_006_980 }))
    loads.handleSnapshot(20_000, snapshot(2, { atWallMs: 5_016_580 }))
    expect(loads.clockAheadMs(20_000, 5_020_000, 'a')).toBe(3_020)
  })

  describe('the age of figures', () => {
    const wallMs = 5_000_000

    it('is that of the snapshot and not of its arrival, by the one that came soonest', () => {
      const loads = new PeerLoads()
      loads.handleSnapshot(1_000, snapshot(1, { atWallMs: wallMs }))
      expect(loads.ageMs(1_000, 'a')).toBe(0)
      // Made 30 s later, under way for 20 s more than the first.
      loads.handleSnapshot(51_000, snapshot(2, { atWallMs: wallMs + 30_000 }))
      expect(loads.ageMs(51_000, 'a')).toBe(20_000)
      loads.handleSnapshot(61_005, snapshot(3, { atWallMs: wallMs + 60_000 }))
      expect(loads.ageMs(61_005, 'a')).toBe(5)
    })

    it('is never below 0: who comes sooner than all before sets the measure', () => {
      const loads = new PeerLoads()
      loads.handleSnapshot(1_000, snapshot(1, { atWallMs: wallMs }))
      loads.handleSnapshot(2_000, snapshot(2, { atWallMs: wallMs + 9_000 }))
      expect(loads.ageMs(2_000, 'a')).toBe(0)
      loads.handleSnapshot(3_000, snapshot(3, { atWallMs: wallMs + 9_500 }))
      expect(loads.ageMs(3_000, 'a')).toBe(500)
    })

    it('forgives a clock that was set back within two periods', () => {
      const loads = new PeerLoads()
      const ages: number[] = []
      for (let minute = 0; minute <= 20; minute++) {
        const nowMs = minute * 60_000
        loads.handleSnapshot(nowMs, snapshot(1 + minute, { atWallMs: wallMs + nowMs - (minute >= 4 ? 3_600_000 : 0) }))
        ages.push(loads.ageMs(nowMs, 'a') ?? NaN)
      }
      expect(ages.slice(0, 4)).toEqual([0, 0, 0, 0])
      expect(ages[4]).toBe(3_600_000)
      expect(ages.slice(10)).toEqual(ages.slice(10).map(() => 0))
    })

    it('is known for a straggler after a silence, and after a restart', () => {
      const loads = new PeerLoads()
      loads.handleSnapshot(1_000, snapshot(1, { atWallMs: wallMs }))
      loads.handleSnapshot(201_000, snapshot(2, { atWallMs: wallMs + 10_000 }))
      expect(loads.ageMs(201_000, 'a')).toBe(190_000)
      loads.handleSnapshot(202_000, snapshot(1, { atWallMs: wallMs + 200_000 }), wallMs + 199_000)
      expect(loads.ageMs(202_000, 'a')).toBe(1_000)
    })

    it('of a digest counts from its receipt', () => {
      const loads = new PeerLoads()
      loads.handleSnapshot(1_000, snapshot(1, { atWallMs: wallMs }))
      loads.handleDigest(9_000, 'a', digest(2))
      expect(loads.ageMs(9_500, 'a')).toBe(500)
    })
  })

  it('starts anew with a new epoch, whatever the sequence, and hears nothing of an earlier one', () => {
    const loads = new PeerLoads()
    loads.handleSnapshot(1000, snapshot(500), 4_000_000)
    expect(loads.handleDigest(2000, 'a', digest(1), 6_000_000)).toBe(true)
    expect(loads.get('a')).toMatchObject({ sequence: 1, epoch: 6_000_000, readyDatabases: null })
    expect(loads.handleDigest(2100, 'a', digest(501), 4_000_000)).toBe(false)
    // Made before the restart, arrived after it.
    expect(loads.handleSnapshot(2200, snapshot(501, { atWallMs: 5_999_000 }), 6_000_000)).toBe(false)
    expect(loads.handleSnapshot(2300, snapshot(2, { atWallMs: 6_001_000 }), 6_000_000)).toBe(true)
    expect(loads.get('a')?.sequence).toBe(2)
  })

  it('lets go of figures that nothing has renewed for long', () => {
    const loads = new PeerLoads()
    loads.handleSnapshot(0, snapshot(500))
    expect(loads.handleDigest(89_999, 'a', digest(1))).toBe(false)
    expect(loads.handleDigest(90_000, 'a', digest(1))).toBe(true)
    expect(loads.get('a')).toMatchObject({ sequence: 1, readyDatabases: ['flights'] })
  })

  it('forgets who is removed, and is bounded', () => {
    const loads = new PeerLoads({ peersMax: 2 })
    loads.handleDigest(0, 'a', digest(1))
    loads.handleDigest(0, 'b', digest(1))
    expect(loads.handleDigest(0, 'c', digest(1))).toBe(false)
    expect(loads.counters.refused).toBe(1)
    loads.remove('a')
    expect(loads.get('a')).toBeNull()
    expect(loads.handleDigest(0, 'c', digest(1))).toBe(true)
    expect(loads.size).toBe(2)
  })
})
