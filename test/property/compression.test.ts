/** Whatever an engine gives in whatever batches, who reads it compressed reads the same, in the same order. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EngineBatch } from '../../src/ports/query-engine.ts'
import { Compression } from '../../src/query/compression.ts'
import { createPlane, readAll, request, respond, VirtualClock } from '../support/query-plane.ts'

const SEED = 20_261_121
const anyBatch = fc.record({ rows: fc.nat(1_000), bytes: fc.oneof({ weight: 3, arbitrary: fc.nat(20_000) }, { weight: 2, arbitrary: fc.nat(300_000) }), values: fc.constantFrom(1, 3, 17, 256) })

/** With few values it shrinks, with all of them it does not. */
function batchOf({ rows, bytes, values }: { rows: number; bytes: number; values: number }): EngineBatch {
  let state = bytes + values
  return { rows, bytes: Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 24) % values
  }) }
}

const digests = (batches: readonly EngineBatch[]): string[] => batches.map(({ rows, bytes }) => `${rows} ${bytes.length} ${createHash('md5').update(bytes).digest('hex')}`)

describe('a compressed result', () => {
  it('is the plain one', async () => {
    let compressed = 0
    let plain = 0
    await fc.assert(fc.asyncProperty(fc.array(anyBatch, { maxLength: 12 }), fc.constantFrom(1_000, 65_536, 1 << 20), async (shapes, pieceBytes) => {
      const clock = new VirtualClock()
      const answering = new Compression('always', clock)
      const batches = shapes.map(batchOf)
      const plane = createPlane(() => Promise.resolve(respond(batches)), { server: { compression: answering }, client: { compression: new Compression('always', clock) }, stream: { pieceBytes } })
      expect(digests(await readAll(await plane.client.query('peer', request())))).toEqual(digests(batches))
      compressed += answering.counters.compressedBatches
      plain += batches.length - answering.counters.compressedBatches
      await plane.client.close()
    }), { seed: SEED, numRuns: 60 })
    expect(Math.min(compressed, plain)).toBeGreaterThan(20)
  })
})
