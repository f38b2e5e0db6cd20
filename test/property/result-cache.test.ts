/** What the cache answers is always what a database would have said at some moment since the last write that had ended. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ResultCache, type Recording } from '../../src/core/cache/result-cache.ts'

const SEED = 20_260_103
const databases = ['x', 'y'] as const
const anyDatabase = fc.constantFrom(...databases)
const anyKey = fc.constantFrom('a', 'b', 'c')
const anyStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ verb: fc.constant('read' as const), database: anyDatabase, key: anyKey }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('add' as const), index: fc.nat(5), bytes: fc.nat(1_500) }) },
  { weight: 6, arbitrary: fc.record({ verb: fc.constant('store' as const), index: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('abandon' as const), index: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('write' as const), database: anyDatabase }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('version' as const), database: anyDatabase, version: fc.constantFrom('1', '2') }) },
)

describe('the result cache', () => {
  it('never answers from before a write or version, nor beyond its bounds', () => {
    let hits = 0
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(20), anyStep), { minLength: 60, maxLength: 120 }), (steps) => {
      const cache = new ResultCache({ bytesMax: 4_000, entryBytesMax: 2_000, entriesMax: 3, ageMsMax: 200 })
      // The data of each database is the number of its writes; a result carries it in its header.
      const data = { x: 0, y: 0 }
      const versions: { x?: string; y?: string } = {}
      const recordings: Recording[] = []
      const storedAtMs = new Map<string, number>()
      let nowMs = 0
      for (const [elapsedMs, step] of steps) {
        nowMs += elapsedMs
        if (step.verb === 'read') {
          const key = `${step.database}:${step.key}`
          const found = cache.lookup(nowMs, key)
          if (found !== null) {
            hits++
            expect(found.header[0]).toBe(data[step.database])
            expect(nowMs - (storedAtMs.get(key) ?? -Infinity)).toBeLessThan(200)
          }
          const recording = cache.record({ key, database: step.database, generation: cache.generation(step.database), format: 'raw', header: new Uint8Array([data[step.database]]) })
          if (recording !== null) recordings.push(recording)
        } else if (step.verb === 'write') {
          data[step.database]++
          cache.handleWrite(nowMs, step.database)
        } else if (step.verb === 'version') {
          if (versions[step.database] !== step.version) data[step.database]++
          versions[step.database] = step.version
          cache.handleVersion(nowMs, step.database, step.version)
        } else {
          const index = recordings.length === 0 ? 0 : step.index % recordings.length
          const recording = recordings[index]
          if (recording === undefined) continue
          if (step.verb === 'add') cache.add(recording, { bytes: new Uint8Array(step.bytes), rows: 1 })
          else if (step.verb === 'abandon') cache.abandon(recording)
          else if (cache.store(nowMs, recording)) storedAtMs.set(recording.key, nowMs)
          if (step.verb !== 'add') recordings.splice(index, 1)
        }
        expect(cache.bytes).toBeLessThanOrEqual(4_000)
        expect(cache.size).toBeLessThanOrEqual(3)
        expect(cache.recordingBytes).toBeLessThanOrEqual(4_000)
        if (cache.size === 0) expect(cache.bytes).toBe(0)
        if (recordings.every(({ isOpen }) => !isOpen)) expect(cache.recordingBytes).toBe(0)
      }
    }), { seed: SEED, numRuns: 400 })
    expect(hits).toBeGreaterThan(100)
  })
})
