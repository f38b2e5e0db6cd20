import { describe, expect, it } from 'vitest'
import type { CacheOptions } from '../../../../src/core/cache/options.ts'
import { ResultCache, type Recording } from '../../../../src/core/cache/result-cache.ts'

const header = new Uint8Array(10)
const batch = (byteLength: number): { bytes: Uint8Array; rows: number } => ({ bytes: new Uint8Array(byteLength), rows: 1 })

function cacheOf(options: Partial<CacheOptions> = {}): ResultCache {
  return new ResultCache({ bytesMax: 100_000, entryBytesMax: 10_000, ageMsMax: 1_000, ...options })
}

function begin(cache: ResultCache, key: string, database = 'db'): Recording | null {
  return cache.record({ key, database, generation: cache.generation(database), format: 'arrow', header })
}

/** A result of one batch, from start to end. */
function keep(cache: ResultCache, nowMs: number, key: string, { bytes = 100, database = 'db' } = {}): boolean {
  const recording = begin(cache, key, database)
  if (recording === null || !cache.add(recording, batch(bytes))) return false
  return cache.store(nowMs, recording)
}

describe('result cache', () => {
  it('is off by default', () => {
    const cache = new ResultCache()
    expect(cache.isOn).toBe(false)
    expect(keep(cache, 0, 'a')).toBe(false)
    expect(cache.lookup(0, 'a')).toBeNull()
    expect(cache.counters.misses).toBe(0)
  })

  it('gives back what was stored, in its order', () => {
    const cache = cacheOf()
    const recording = begin(cache, 'a') as Recording
    const batches = [batch(5), batch(6)]
    for (const each of batches) cache.add(recording, each)
    expect(cache.lookup(0, 'a')).toBeNull()
    expect(cache.store(0, recording)).toBe(true)
    expect(cache.lookup(1, 'a')).toEqual({ format: 'arrow', header, batches })
    expect(cache.lookup(1, 'b')).toBeNull()
    expect(cache.counters).toMatchObject({ hits: 1, misses: 2, stored: 1 })
  })

  it('drops a result at its age, and its memory with it', () => {
    const cache = cacheOf()
    keep(cache, 0, 'a')
    keep(cache, 500, 'b')
    expect(cache.nextDeadlineMs()).toBe(1_000)
    expect(cache.lookup(999, 'a')).not.toBeNull()
    expect(cache.lookup(1_000, 'a')).toBeNull()
    expect(cache.size).toBe(1)
    cache.handleTimeout(1_500)
    expect(cache.bytes).toBe(0)
    expect(cache.nextDeadlineMs()).toBeNull()
    expect(cache.counters.expired).toBe(2)
  })

  it('makes room by dropping what was used longest ago', () => {
    const cache = cacheOf({ entriesMax: 2 })
    keep(cache, 0, 'a')
    keep(cache, 0, 'b')
    cache.lookup(1, 'a')
    keep(cache, 2, 'c')
    expect(cache.lookup(3, 'b')).toBeNull()
    expect(cache.lookup(3, 'a')).not.toBeNull()
    expect(cache.counters.evicted).toBe(1)
  })

  it('counts bytes, and replaces a result of the same key', () => {
    const cache = cacheOf({ bytesMax: 20_000 })
    keep(cache, 0, 'a', { bytes: 8_000 })
    const { bytes } = cache
    keep(cache, 0, 'a', { bytes: 8_000 })
    expect(cache.bytes).toBe(bytes)
    keep(cache, 0, 'b', { bytes: 8_000 })
    keep(cache, 0, 'c', { bytes: 8_000 })
    expect(cache.bytes).toBeLessThanOrEqual(20_000)
    expect(cache.size).toBe(2)
    expect(cache.counters.evicted).toBe(1)
  })

  it('does not hold a result that is too large, and frees what it had of it at once', () => {
    const cache = cacheOf()
    const recording = begin(cache, 'a') as Recording
    expect(cache.add(recording, batch(6_000))).toBe(true)
    expect(cache.add(recording, batch(6_000))).toBe(false)
    expect(cache.recordingBytes).toBe(0)
    expect(recording.batches).toEqual([])
    expect(cache.add(recording, batch(1))).toBe(false)
    expect(cache.store(0, recording)).toBe(false)
    expect(cache.size).toBe(0)
    expect(cache.counters.tooLarge).toBe(1)
  })

  it('bounds what all recordings take together', () => {
    const cache = cacheOf({ bytesMax: 20_000 })
    const [first, second, third] = ['a', 'b', 'c'].map((key) => begin(cache, key) as Recording) as [Recording, Recording, Recording]
    expect(cache.add(first, batch(8_000))).toBe(true)
    expect(cache.add(second, batch(8_000))).toBe(true)
    expect(cache.add(third, batch(8_000))).toBe(false)
    expect(cache.recordingBytes).toBeLessThanOrEqual(20_000)
    cache.abandon(first)
    cache.abandon(first)
    expect(cache.store(0, second)).toBe(true)
    expect(cache.recordingBytes).toBe(0)
  })

  it('counts nothing for a recording that is given up before its first batch, without a word', () => {
    const cache = cacheOf()
    for (let index = 0; index < 1_000; index++) expect(begin(cache, `k${index}`)).not.toBeNull()
    expect(cache.recordingBytes).toBe(0)
    expect(keep(cache, 0, 'a')).toBe(true)
  })

  it('holds an empty result, too', () => {
    const cache = cacheOf()
    expect(cache.store(0, begin(cache, 'a') as Recording)).toBe(true)
    expect(cache.lookup(1, 'a')).toMatchObject({ batches: [] })
    expect(cache.recordingBytes).toBe(0)
  })

  it('does not store what started before a write and ended after it', () => {
    const cache = cacheOf()
    const recording = begin(cache, 'a') as Recording
    cache.handleWrite(1, 'db')
    expect(cache.store(2, recording)).toBe(false)
    const during = begin(cache, 'a') as Recording
    cache.handleWrite(3, 'db')
    expect(cache.add(during, batch(1))).toBe(false)
    expect(cache.counters.outdated).toBe(2)
    expect(cache.recordingBytes).toBe(0)
    expect(cache.lookup(4, 'a')).toBeNull()
  })

  it('does not record what the engine began before a write, however late its header came', () => {
    const cache = cacheOf()
    const generation = cache.generation('db')
    cache.handleWrite(1, 'db')
    expect(cache.record({ key: 'a', database: 'db', generation, format: 'arrow', header })).toBeNull()
  })

  it('drops the results of a database on a write to it, and those of no other', () => {
    const cache = cacheOf()
    keep(cache, 0, 'a')
    keep(cache, 0, 'b')
    keep(cache, 0, 'x', { database: 'other' })
    cache.handleWrite(1, 'db')
    expect(cache.lookup(2, 'a')).toBeNull()
    expect(cache.lookup(2, 'x')).not.toBeNull()
    expect(cache.counters.invalidated).toBe(2)
    expect(keep(cache, 3, 'a')).toBe(true)
  })

  it('drops them on a new version, and not when the same one is told again', () => {
    const cache = cacheOf()
    cache.handleVersion(0, 'db', 'v1')
    keep(cache, 0, 'a')
    cache.handleVersion(1, 'db', 'v1')
    expect(cache.lookup(2, 'a')).not.toBeNull()
    const recording = begin(cache, 'b') as Recording
    cache.handleVersion(3, 'db', 'v2')
    expect(cache.lookup(4, 'a')).toBeNull()
    expect(cache.store(4, recording)).toBe(false)
  })
})

describe('looking', () => {
  it('finds what a lookup would, and is no use of it', () => {
    const cache = cacheOf({ entriesMax: 2 })
    keep(cache, 0, 'a')
    keep(cache, 0, 'b')
    const before = cache.counters
    expect([cache.isHeld(999, 'a'), cache.isHeld(999, 'c'), cache.isHeld(1_000, 'a')]).toEqual([true, false, false])
    expect(cache.counters).toEqual(before)
    // Still the least recently used one.
    keep(cache, 1, 'c')
    expect([cache.isHeld(1, 'a'), cache.isHeld(1, 'b')]).toEqual([false, true])
    cache.handleWrite(2, 'db')
    expect([cache.isHeld(2, 'b'), cache.size]).toEqual([false, 0])
  })
})
