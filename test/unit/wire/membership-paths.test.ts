import { beforeAll, describe, expect, it } from 'vitest'
import { VECTOR_PATHS_MAX } from '../../../src/core/latency/two-hop.ts'
import type { LoadSnapshot } from '../../../src/core/load/types.ts'
import * as wire from '../../../src/wire/generated/membership.ts'
import { decodeLoadSnapshot, encodeLoadSnapshot, loadSnapshotBytesMax } from '../../../src/wire/membership-load.ts'
import { decodePaths, encodePaths, PATHS_BYTES_MAX } from '../../../src/wire/membership-paths.ts'
import { peerIdOfPublicKey } from '../../../src/wire/membership-peer-id.ts'

/** Not on the curve, most of them; nothing here signs. */
const peerIdOf = (number: number): string => peerIdOfPublicKey(new Uint8Array(32).fill(number)) ?? ''
let teller: string
let snapshot: LoadSnapshot

beforeAll(() => {
  teller = peerIdOf(200)
  snapshot = {
    peerId: teller, atWallMs: 1_800_000_000_000, sequence: 12, cpuPercent: 33, memoryPercent: 90, memoryBytes: 17_179_869_184, processCpuPercent: 250.5, eventLoopDelayMs: 1.25,
    inFlight: 7, overloaded: true, drill: false, readyDatabases: ['flights'], lagsMs: {},
  }
})

describe('latency vectors', () => {
  it('come back to a hundredth of a millisecond and a 255th of loss', () => {
    const paths = [{ peerId: peerIdOf(1), rttMs: 0.42, lossRatio: 0 }, { peerId: peerIdOf(2), rttMs: 167_772.15, lossRatio: 1 }, { peerId: peerIdOf(3), rttMs: 83.337, lossRatio: 0.1 }]
    const decoded = decodePaths(encodePaths(paths), teller)
    expect(decoded).toEqual({ ok: true, value: [paths[0], paths[1], { peerId: peerIdOf(3), rttMs: 83.34, lossRatio: 26 / 255 }] })
    expect(decodePaths(encodePaths([{ peerId: peerIdOf(1), rttMs: 1e9, lossRatio: 2 }]), teller)).toMatchObject({ value: [{ rttMs: 167_772.15, lossRatio: 1 }] })
  })

  it('travel in a snapshot, and a snapshot without one has none', () => {
    const paths = [{ peerId: peerIdOf(1), rttMs: 0.42, lossRatio: 0 }]
    expect(decodeLoadSnapshot(encodeLoadSnapshot(snapshot, paths))).toEqual({ ok: true, value: { ...snapshot, paths } })
    expect(decodeLoadSnapshot(encodeLoadSnapshot(snapshot))).toMatchObject({ ok: true, value: { paths: [] } })
  })

  it('have room beside everything else that a snapshot may have', () => {
    const longest = { ...snapshot, sequence: Number.MAX_SAFE_INTEGER, memoryBytes: Number.MAX_SAFE_INTEGER, atWallMs: Number.MAX_SAFE_INTEGER, inFlight: 0xffff_ffff, drill: true, readyDatabases: Array.from({ length: 64 }, (_, index) => `${'d'.repeat(61)}${10 + index}`) }
    const paths = Array.from({ length: VECTOR_PATHS_MAX + 5 }, (_, index) => ({ peerId: peerIdOf(index), rttMs: 1, lossRatio: 0 }))
    const bytes = encodeLoadSnapshot(longest, paths)
    expect(bytes.length).toBeLessThanOrEqual(loadSnapshotBytesMax)
    const decoded = decodeLoadSnapshot(bytes)
    expect(decoded.ok && decoded.value.paths.length).toBe(VECTOR_PATHS_MAX)
  })

  it.each<[string, () => Uint8Array]>([
    ['half a path', () => encodePaths([{ peerId: peerIdOf(1), rttMs: 1, lossRatio: 0 }]).subarray(0, 35)],
    ['more than it may', () => Uint8Array.from({ length: PATHS_BYTES_MAX + 36 }, (_, index) => Math.floor(index / 36))],
    ['one peer twice', () => encodePaths([1, 2, 1].map((number) => ({ peerId: peerIdOf(number), rttMs: number, lossRatio: 0 })))],
    ['its own teller', () => encodePaths([{ peerId: teller, rttMs: 1, lossRatio: 0 }])],
  ])('with %s are refused, with all that they came with', (_what, make) => {
    expect(decodePaths(make(), teller).ok).toBe(false)
    const genuine = wire.LoadSnapshot.decode(encodeLoadSnapshot(snapshot))
    expect(decodeLoadSnapshot(wire.LoadSnapshot.encode({ ...genuine, paths: make() as Uint8Array<ArrayBuffer> })).ok).toBe(false)
  })
})
