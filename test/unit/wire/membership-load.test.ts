import { beforeAll, describe, expect, it } from 'vitest'
import type { LoadSnapshot } from '../../../src/core/load/types.ts'
import * as wire from '../../../src/wire/generated/membership.ts'
import { decodeLoadSnapshot, encodeLoadSnapshot } from '../../../src/wire/membership-load.ts'
import { createTestSigner } from '../../support/member-records.ts'

let snapshot: LoadSnapshot

beforeAll(async () => {
  snapshot = {
    peerId: (await createTestSigner(1)).peerId, atWallMs: 1_800_000_000_000, sequence: 12, cpuPercent: 33.333, memoryPercent: 90, memoryBytes: 17_179_869_184,
    processCpuPercent: 250.5, eventLoopDelayMs: 1.25, inFlight: 7, overloaded: true, drill: false, readyDatabases: ['flights', 'users_prod'],
    lagsMs: { users_prod: 1_250.5 },
  }
})

describe('load snapshots', () => {
  it('come back as they were', () => {
    expect(decodeLoadSnapshot(encodeLoadSnapshot(snapshot))).toEqual({ ok: true, value: { ...snapshot, paths: [] } })
    const idle = { ...snapshot, cpuPercent: 0, processCpuPercent: 0, inFlight: 0, overloaded: false, readyDatabases: [], lagsMs: {} }
    expect(decodeLoadSnapshot(encodeLoadSnapshot(idle))).toEqual({ ok: true, value: { ...idle, paths: [] } })
  })

  it('tell service times to 13 %, for those databases that have one', () => {
    const decoded = decodeLoadSnapshot(encodeLoadSnapshot({ ...snapshot, serviceTimesMs: { users_prod: 167, unknown: 3 } }))
    expect(decoded).toMatchObject({ ok: true })
    const { serviceTimesMs = {} } = decoded.ok ? decoded.value : {}
    expect(Object.keys(serviceTimesMs)).toEqual(['users_prod'])
    expect(Math.abs((serviceTimesMs['users_prod'] ?? 0) - 167)).toBeLessThan(0.07 * 167)
  })

  it('are not believed with one service time for two databases', () => {
    const sent = wire.LoadSnapshot.decode(encodeLoadSnapshot(snapshot))
    expect(decodeLoadSnapshot(wire.LoadSnapshot.encode({ ...sent, serviceCodes: Uint8Array.of(5) })).ok).toBe(false)
    // A code that is none is a time that is not known.
    expect(decodeLoadSnapshot(wire.LoadSnapshot.encode({ ...sent, serviceCodes: Uint8Array.of(200, 0) }))).toMatchObject({ value: { serviceTimesMs: {} } })
  })

  it('round fractions of milliseconds and bytes', () => {
    expect(decodeLoadSnapshot(encodeLoadSnapshot({ ...snapshot, atWallMs: 1000.6, memoryBytes: 2048.2 }))).toMatchObject({ value: { atWallMs: 1001, memoryBytes: 2048 } })
  })

  it.each<[string, Partial<LoadSnapshot>]>([
    ['CPU above 100 %', { cpuPercent: 100.5 }],
    ['no CPU figure', { cpuPercent: NaN }],
    ['negative memory', { memoryPercent: -1 }],
    ['an endless delay', { eventLoopDelayMs: Infinity }],
    ['65 databases', { readyDatabases: Array.from({ length: 65 }, (_, index) => `db${index}`) }],
    ['an unprintable database', { readyDatabases: ['a\u0000'] }],
  ])('are neither made nor believed with %s', (_what, fields) => {
    const faulty = { ...snapshot, ...fields }
    expect(() => encodeLoadSnapshot(faulty)).toThrow(RangeError)
    const { publicKey } = wire.LoadSnapshot.decode(encodeLoadSnapshot(snapshot))
    expect(decodeLoadSnapshot(wire.LoadSnapshot.encode({ ...faulty, publicKey, readyDatabases: [...faulty.readyDatabases], lagsMs: [] })).ok).toBe(false)
  })

  it.each([['one lag for two databases', [1]], ['a lag that is no number', [1, NaN]], ['an endless lag', [1, Infinity]]])('are not believed with %s', (_what, lagsMs) => {
    const { lagsMs: _own, ...sent } = wire.LoadSnapshot.decode(encodeLoadSnapshot(snapshot))
    expect(decodeLoadSnapshot(wire.LoadSnapshot.encode({ ...sent, lagsMs })).ok).toBe(false)
  })

  it('are refused without a reporter, and when they are too long', () => {
    expect(decodeLoadSnapshot(wire.LoadSnapshot.encode({ sequence: 1 }))).toEqual({ ok: false, reason: 'the public key is not 32 bytes' })
    expect(decodeLoadSnapshot(new Uint8Array(21 << 10)).ok).toBe(false)
  })
})
