/** Results over a link of 4 MB/s: what goes over it, and what comes out. */
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import type { CompressionMode } from '../../../src/core/latency/compression.ts'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import { Compression } from '../../../src/query/compression.ts'
import { request, respond } from '../../support/query-plane.ts'
import { openSlowLink, type SlowLink } from '../../support/slow-link.ts'

const batchCount = 64
const batchBytes = 128 << 10
const resultBytes = batchCount * batchBytes

/** Columns of small numbers shrink to about a third. */
function* columns(): Generator<EngineBatch, void, void> {
  for (let batch = 0; batch < batchCount; batch++) {
    const values = Int32Array.from({ length: batchBytes / 4 }, (_, row) => Math.imul(row + batch, 2_654_435_761) >>> 24)
    yield { rows: values.length, bytes: new Uint8Array(values.buffer) }
  }
}

function digest(batches: Iterable<EngineBatch>): string {
  const hash = createHash('sha256')
  for (const { bytes } of batches) hash.update(bytes)
  return hash.digest('hex')
}

describe('a result over a slow link', () => {
  let link: SlowLink
  afterEach(() => link.close())
  const open = async (mode: CompressionMode) => {
    const answering = new Compression(mode, systemClock)
    link = await openSlowLink(() => Promise.resolve(respond(columns())), 4_000_000, answering)
    const asking = new Compression(mode, systemClock)
    const client = link.connect(asking)
    const read = async (): Promise<{ linkBytes: number; digest: string }> => {
      const before = link.bytes()
      const batches: EngineBatch[] = []
      for await (const batch of (await client.query('far', request({ timeoutMs: 60_000 }))).batches) batches.push(batch)
      return { linkBytes: link.bytes() - before, digest: digest(batches) }
    }
    return { answering, asking, read }
  }

  it('is compressed once the link is known to be slow, the next one from its first batch', async () => {
    const { answering, asking, read } = await open('auto')
    const expected = digest(columns())
    const first = await read()
    expect(first.digest).toBe(expected)
    // 2 MiB until the receiver's window is full, and some more to find out.
    expect(first.linkBytes).toBeGreaterThan(2 << 20)
    expect(first.linkBytes).toBeLessThan(0.75 * resultBytes)
    const second = await read()
    expect(second.digest).toBe(expected)
    expect(second.linkBytes).toBeLessThan(0.5 * resultBytes)
    expect(asking.counters.decompressedBatches).toBe(answering.counters.compressedBatches)
  })

  it('is not where that is not wanted', async () => {
    const { answering, read } = await open('never')
    const { linkBytes, digest: found } = await read()
    expect(found).toBe(digest(columns()))
    expect(linkBytes).toBeGreaterThan(resultBytes)
    expect(answering.counters.compressedBatches).toBe(0)
  })
})
