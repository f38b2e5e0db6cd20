/** Compressed batches on their way: who asks for them, who makes them, who unpacks them, and what is not believed. */
import { createHash } from 'node:crypto'
import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { CompressionMode } from '../../../src/core/latency/compression.ts'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import type { StreamRemote } from '../../../src/ports/peer-streams.ts'
import { type Codec, codecOfNumber, Compression, OWN_COMPRESSIONS } from '../../../src/query/compression.ts'
import type { QueryHandler, QueryRequest, QueryResponse } from '../../../src/query/types.ts'
import { batchesOf, createPlane, readAll, request, respond, until, VirtualClock } from '../../support/query-plane.ts'

const peer: StreamRemote = { kind: 'peer', peerId: 'entry' }

function setUp(handler: QueryHandler, { asking = 'always', answering = 'always' }: { asking?: CompressionMode; answering?: CompressionMode } = {}) {
  const clock = new VirtualClock()
  const at = { asking: new Compression(asking, clock), answering: new Compression(answering, clock) }
  let wireBytes = 0
  const plane = createPlane((asked, context) => handler(asked, context), {
    server: { compression: at.answering, clock }, client: { compression: at.asking, clock }, stream: { remoteOfB: peer, onDelivered: (bytes) => { wireBytes += bytes } },
  })
  return { ...at, plane, clock, wireBytes: () => wireBytes }
}

/** Buffers and arrays are the same here; and a difference of megabytes is no message. */
const digests = (batches: Iterable<EngineBatch>): string[] => Array.from(batches, ({ rows, bytes }) => `${rows} ${bytes.length} ${createHash('md5').update(bytes).digest('hex')}`)

const noise = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i + 1, 2_654_435_761) >>> 13) ^ (i * i))

describe('compressed batches', () => {
  it.each([['a small result', 2, 20_000], ['a large one', 100, 100_000], ['batches in fragments', 3, 2_000_000]])('of %s come out as they were', async (_what, count, bytes) => {
    const { plane, answering, asking, wireBytes } = setUp(() => Promise.resolve(respond(batchesOf(count, bytes))))
    const response = await plane.client.query('peer', request())
    const batches = await readAll(response)
    expect(digests(batches)).toEqual(digests(batchesOf(count, bytes)))
    expect(response.trailer()).toMatchObject({ rows: count * 10 })
    expect(answering.counters).toMatchObject({ compressedBatches: count, compressedBytesIn: count * bytes })
    expect(asking.counters).toMatchObject({ decompressedBatches: count, malformedBatches: 0 })
    expect(wireBytes()).toBeLessThan((count * bytes) / 20)
  })

  it('are not made of what does not shrink, nor of what is tiny', async () => {
    const { plane, answering } = setUp(({ sql }) => Promise.resolve(respond(sql === 'tiny' ? batchesOf(10, 4_000) : Array.from({ length: 10 }, () => ({ rows: 1, bytes: noise(50_000) })))))
    for (const sql of ['tiny', 'noise']) expect(await readAll(await plane.client.query('peer', request({ sql })))).toHaveLength(10)
    expect(answering.counters.compressedBatches).toBe(0)
  })

  it.each([['who asks', { asking: 'never' }], ['who answers', { answering: 'never' }]] as const)('are not sent if %s wants none', async (_who, modes) => {
    const { plane, answering, asking } = setUp(() => Promise.resolve(respond(batchesOf(10, 100_000))), modes)
    expect(digests(await readAll(await plane.client.query('peer', request())))).toEqual(digests(batchesOf(10, 100_000)))
    expect([answering.counters.compressedBatches, asking.counters.decompressedBatches]).toEqual([0, 0])
  })

  it('are neither offered nor made between neighbours', () => {
    for (const [rttMs, goesOn] of [[0.3, false], [30, true]] as const) {
      const compression = new Compression('auto', new VirtualClock(), () => rttMs)
      expect([rttMs, compression.receiver('peer').compressions > 0, compression.sender(OWN_COMPRESSIONS, peer) !== null]).toEqual([rttMs, goesOn, goesOn])
    }
  })

  it('are not made for a client on this host', () => {
    expect(new Compression('always', new VirtualClock()).sender(OWN_COMPRESSIONS, { kind: 'local-client' })).toBeNull()
  })

  it('pass a relay as they are, to whoever asked for them', async () => {
    const far = setUp(() => Promise.resolve(respond(batchesOf(50, 100_000))))
    let seen: QueryRequest | null = null
    const near = setUp(async (asked, { signal }) => {
      seen = asked
      return await far.plane.client.query('far', { ...asked, visited: ['near'] }, { signal })
    })
    expect(digests(await readAll(await near.plane.client.query('near', request())))).toEqual(digests(batchesOf(50, 100_000)))
    expect(seen).toMatchObject({ compressions: OWN_COMPRESSIONS })
    expect([far.answering.counters.compressedBatches, far.asking.counters.decompressedBatches, near.answering.counters.compressedBatches, near.asking.counters.decompressedBatches]).toEqual([50, 0, 0, 50])
  })

  it('are not compressed once more by a relay, although they might shrink', async () => {
    const bytes = Buffer.alloc(60 << 20, 'abcdefg')
    const far = setUp(() => Promise.resolve(respond([{ rows: 1, bytes }])))
    const near = setUp((asked, { signal }) => far.plane.client.query('far', { ...asked, visited: ['near'] }, { signal }))
    const [batch] = await readAll(await near.plane.client.query('near', request()))
    expect([batch?.bytes.length, near.answering.counters.compressedBatches, near.asking.counters.decompressedBatches]).toEqual([60 << 20, 0, 1])
  })

  it('are unpacked at the entry for a client that did not ask', async () => {
    const far = setUp(() => Promise.resolve(respond(batchesOf(50, 100_000))))
    const entry = createPlane((asked, { signal }) => far.plane.client.query('far', { ...asked, visited: ['entry'] }, { signal }))
    expect(digests(await readAll(await entry.client.query('entry', request())))).toEqual(digests(batchesOf(50, 100_000)))
    expect([far.answering.counters.compressedBatches, far.asking.counters.decompressedBatches]).toEqual([50, 50])
  })

  it('come once batches have waited for the link, and from the first one for the next result', () => {
    const clock = new VirtualClock()
    const compression = new Compression('auto', clock)
    const batch = { rows: 1, bytes: new Uint8Array(100_000) }
    const isDueAfter = (sends: number, waitedMs: number, remote = peer): boolean => {
      const sender = compression.sender(OWN_COMPRESSIONS, remote)
      for (let send = 0; send < sends; send++) {
        clock.advance(waitedMs)
        sender?.handleSent(100_000, waitedMs)
      }
      return sender?.isDue(batch) === true
    }
    // The window swallows 2 MiB at any speed; then it takes 256 KiB to tell.
    expect([isDueAfter(20, 0), isDueAfter(22, 40), isDueAfter(24, 40)]).toEqual([false, false, true])
    expect(isDueAfter(0, 0)).toBe(true)
    expect(isDueAfter(60, 1, { kind: 'peer', peerId: 'near' })).toBe(false)
  })

  it('are offered until the link is known to be fast, or the reader to be what is slow', async () => {
    const clock = new VirtualClock()
    const compression = new Compression('auto', clock)
    const read = async (target: string, { engineMs = 0, linkMs, readerMs }: { engineMs?: number; linkMs: number; readerMs: number }): Promise<boolean> => {
      async function* link(): AsyncGenerator<EngineBatch, undefined, void> {
        clock.advance(engineMs)
        for (const batch of batchesOf(10, 100_000)) {
          await Promise.resolve()
          clock.advance(linkMs)
          yield batch
        }
        return undefined
      }
      for await (const batch of compression.receiver(target).receive(link(), null)) clock.advance(batch.rows * readerMs)
      return compression.receiver(target).compressions === OWN_COMPRESSIONS
    }
    expect(compression.receiver('unknown').compressions).toBe(OWN_COMPRESSIONS)
    expect([await read('slow', { linkMs: 40, readerMs: 0 }), await read('fast', { linkMs: 1, readerMs: 0 }), await read('fast to a slow reader', { linkMs: 1, readerMs: 100 })]).toEqual([true, false, false])
    expect(await read('fast behind a slow engine', { engineMs: 60_000, linkMs: 1, readerMs: 0 })).toBe(false)
  })

  it.each([
    ['larger than it says', { bytes: zstdCompressSync(new Uint8Array(64 << 20)), rawBytes: 1_000 }],
    ['smaller than it says', { bytes: zstdCompressSync(new Uint8Array(999)), rawBytes: 1_000 }],
    ['larger than any batch', { bytes: zstdCompressSync(new Uint8Array((64 << 20) + 1)), rawBytes: (64 << 20) + 1 }],
    ['of another codec', { bytes: deflateRawSync(new Uint8Array(1_000)), rawBytes: 1_000 }],
    ['no compressed data', { bytes: noise(1_000), rawBytes: 1_000 }],
    ['empty', { bytes: new Uint8Array(0), rawBytes: 0 }],
  ])('that are %s end the result with ERR_PROTOCOL, and are counted', async (_what, batch) => {
    const handler = (): Promise<QueryResponse> => Promise.resolve({ ...respond([{ rows: 1, ...batch }]), compression: 'zstd' })
    const { plane, asking } = setUp(handler)
    // No megabytes in a message.
    const code = await readAll(await plane.client.query('peer', request())).then(({ length }) => `${length} batches`, (error: { code?: string }) => error.code)
    expect(code).toBe('ERR_PROTOCOL')
    expect(asking.counters).toMatchObject({ malformedBatches: 1, decompressedBatches: 0 })
  })

  it('that nobody asked for break the stream', async () => {
    const lies = (compression: Codec | null): QueryHandler => () => Promise.resolve({ ...respond([{ rows: 1, bytes: zstdCompressSync(new Uint8Array(1_000)), rawBytes: 1_000 }]), compression })
    for (const compression of ['zstd', null] as const) {
      const plane = createPlane(lies(compression))
      await expect(plane.client.query('peer', request())).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
    }
  })

  it.each(['auto', 'never'] as const)('or others (%s) are left at once by a reader that has not begun, and by one that waits', async (asking) => {
    let left = 0
    async function* first(signal: AbortSignal): AsyncGenerator<EngineBatch, void, void> {
      yield { rows: 1, bytes: noise(200_000) }
      await new Promise((resolve) => { signal.addEventListener('abort', resolve) })
    }
    const { plane } = setUp((_asked, { signal }) => {
      signal.addEventListener('abort', () => { left++ })
      return Promise.resolve(respond(first(signal)))
    }, { asking })
    await (await plane.client.query('peer', request())).batches[Symbol.asyncIterator]().return?.()
    await until('the unread result to be left', () => left === 1)
    const batches = (await plane.client.query('peer', request())).batches[Symbol.asyncIterator]()
    await batches.next()
    const waiting = expect(batches.next()).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await batches.return?.()
    await waiting
    await until('the half-read result to be left', () => left === 2)
    expect(plane.server.inFlight).toBe(0)
  })

  it('have codecs that are known and were offered', () => {
    expect([0, 1, 2, 3].map((number) => codecOfNumber(number, 3))).toEqual([null, 'zstd', 'deflate', undefined])
    expect([1, 2].map((number) => codecOfNumber(number, 2))).toEqual([undefined, 'deflate'])
  })

  it('are made by deflate where the other side has nothing better', async () => {
    const clock = new VirtualClock()
    const sender = new Compression('always', clock).sender(2, peer)
    const batch = { rows: 7, bytes: new Uint8Array(100_000).fill(5) }
    const compressed = await sender?.compress(batch)
    expect([sender?.codec, compressed?.rawBytes]).toEqual(['deflate', 100_000])
    async function* one(): AsyncGenerator<EngineBatch, undefined, void> {
      await Promise.resolve()
      if (compressed !== undefined) yield compressed
      return undefined
    }
    const received: EngineBatch[] = []
    for await (const each of new Compression('always', clock).receiver('peer').receive(one(), 'deflate')) received.push(each)
    expect(digests(received)).toEqual(digests([batch]))
  })
})
