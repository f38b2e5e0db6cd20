import { execFileSync } from 'node:child_process'
import { describe, expect, it, vi } from 'vitest'
import { buffersMade, collectBuffersEarly, collection, nativeMemoryLeft } from '../../../../src/adapters/system/buffer-collection.ts'

const MIB = 1 << 20

describe('buffersMade', () => {
  it('collects each time so much has come together, once the process has asked for it', () => {
    let collections = 0
    buffersMade(100 * MIB)
    collectBuffersEarly(() => { collections++ })
    for (let i = 0; i < 7; i++) buffersMade(MIB)
    expect(collections).toBe(0)
    buffersMade(MIB)
    expect(collections).toBe(1)
    for (let i = 0; i < 7; i++) buffersMade(MIB)
    expect(collections).toBe(1)
    buffersMade(20 * MIB)
    expect(collections).toBe(2)
  })
})

describe('nativeMemoryLeft', () => {
  it('collects the whole heap each time so much has come together, once the process has asked for it', () => {
    const collections: string[] = []
    collectBuffersEarly((type) => { collections.push(type) })
    for (let i = 0; i < 127; i++) nativeMemoryLeft(MIB)
    expect(collections).toEqual([])
    nativeMemoryLeft(MIB)
    expect(collections).toEqual(['major'])
    nativeMemoryLeft(127 * MIB)
    expect(collections).toEqual(['major'])
  })
})

describe('collection', () => {
  it('frees buffers that nothing refers to', async () => {
    const collect = collection()
    collect('minor')
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 20; i++) Buffer.allocUnsafeSlow(MIB)
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(10 * MIB)
    collect('minor')
    // The memory itself is given back on another thread.
    await vi.waitFor(() => expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MIB))
  })

  it('leaves no gc behind, and V8 knows its flags', () => {
    expect((globalThis as { gc?: unknown }).gc).toBeUndefined()
    const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })
    if (process.versions.v8.startsWith('13.6.')) expect(known).toContain('--external-memory-accounted-in-global-limit ')
    expect(known).toContain('--expose-gc ')
  })
})
