/** What members may gossip as their load and their paths: it is refused, or within every bound. */
import { describe, expect, it } from 'vitest'
import { TwoHopRoutes, VECTOR_PATHS_MAX } from '../../src/core/latency/two-hop.ts'
import type { LoadSnapshot } from '../../src/core/load/types.ts'
import { createRandom } from '../../src/core/time/random.ts'
import { decodeLoadSnapshot, encodeLoadSnapshot } from '../../src/wire/membership-load.ts'
import { decodePaths, encodePaths } from '../../src/wire/membership-paths.ts'
import { peerIdOfPublicKey } from '../../src/wire/membership-peer-id.ts'
import { fuzz, fuzzRuns, mutate, randomBytes } from './mutate.ts'

const peerIds = Array.from({ length: 12 }, (_, index) => peerIdOfPublicKey(randomBytes(createRandom(index), 32)) ?? '')
const [teller = '', ...others] = peerIds
const snapshot: LoadSnapshot = {
  peerId: teller, atWallMs: 1_800_000_000_000, sequence: 12, cpuPercent: 33, memoryPercent: 90, memoryBytes: 2 ** 34, processCpuPercent: 250.5, eventLoopDelayMs: 1.25, inFlight: 7,
  overloaded: true, drill: false, readyDatabases: ['flights'], lagsMs: {},
}
const vectors = [[], others.slice(0, 1), others].map((names) => names.map((peerId, index) => ({ peerId, rttMs: index * 7.5, lossRatio: index / 20 })))

describe('latency vectors', () => {
  it('are read whole or refused with a reason', () => {
    let accepted = 0
    fuzz((random) => mutate(random, vectors.map(encodePaths)), (bytes) => {
      const decoded = decodePaths(bytes, teller)
      if (!decoded.ok) return expect(decoded.reason).toEqual(expect.any(String))
      accepted++
      expect(decoded.value.length).toBeLessThanOrEqual(VECTOR_PATHS_MAX)
      expect(new Set([teller, ...decoded.value.map(({ peerId }) => peerId)]).size).toBe(decoded.value.length + 1)
      for (const { rttMs, lossRatio } of decoded.value) expect([rttMs >= 0 && rttMs <= 167_772.15, lossRatio >= 0 && lossRatio <= 1]).toEqual([true, true])
      expect(Buffer.compare(encodePaths(decoded.value), bytes)).toBe(0)
    })
    if (fuzzRuns >= 1000) expect(accepted).toBeGreaterThan(100)
  })

  it('in snapshots do the router no harm, whatever they say', () => {
    let accepted = 0
    const routes = new TwoHopRoutes({ selfPeerId: 'self', options: { vectorsMax: 50 } })
    const own = others.map((peerId, index) => ({ peerId, rttMs: 100 + index, lossRatio: 0, isBroken: index % 3 === 0, relays: 'yes' as const }))
    fuzz((random) => mutate(random, vectors.map((paths) => encodeLoadSnapshot(snapshot, paths))), (bytes) => {
      const decoded = decodeLoadSnapshot(bytes)
      if (!decoded.ok) return
      accepted++
      expect(decoded.value.paths.length).toBeLessThanOrEqual(VECTOR_PATHS_MAX)
      routes.handleVector(accepted, decoded.value.peerId, decoded.value.paths)
      routes.handleVector(accepted, others[accepted % others.length] as string, decoded.value.paths)
      routes.handlePaths(accepted, own)
      expect(routes.vectors).toBeLessThanOrEqual(50)
      for (const [target, { via, totalMs }] of routes.routes()) expect([via === target, others.includes(via), Number.isFinite(totalMs)]).toEqual([false, true, true])
    })
    if (fuzzRuns >= 1000) expect(accepted).toBeGreaterThan(100)
  })
})
