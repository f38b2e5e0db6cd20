/** Credit is a promise of the sender; the receiver does not take its word for it. */
import { describe, expect, it } from 'vitest'
import { QueryConnections } from '../../../src/query/client.ts'
import { FrameReader } from '../../../src/wire/framing.ts'
import { decodeFrame, encodeBatch, encodeFrame, encodeResponse } from '../../../src/wire/query-messages.ts'
import { memoryStreamPair } from '../../support/memory-byte-stream.ts'
import { batchesOf, type Counted, createPlane, localRoute, request, respond, settle, VirtualClock } from '../../support/query-plane.ts'

function framed(body: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeUInt32BE(body.length)
  frame.set(body, 4)
  return frame
}

interface Greed {
  readonly bytes?: number
  readonly rows?: number
  readonly more?: boolean
}

/** Answers by the protocol until it is attached, then sends batches, of 1 MiB unless something else is said, whatever its credit. */
function greedyServer(batches: number, { bytes: batchBytes = 1 << 20, rows = 1, more = false }: Greed = {}): QueryConnections {
  return new QueryConnections({
    clock: new VirtualClock(),
    open: () => {
      const { a, b } = memoryStreamPair()
      const reader = new FrameReader((bytes) => {
        const frame = decodeFrame(bytes)
        if (frame?.hello !== undefined) b.send(framed(encodeFrame({ hello: { wireVersion: 1, token: new Uint8Array(16), inFlightMax: 0 } })))
        if (frame?.request !== undefined) b.send(framed(encodeResponse(frame.request.id, { format: 'raw', header: new Uint8Array(0), route: localRoute() }, [], null)))
        if (frame?.attach === undefined) return
        const batch = framed(encodeBatch(frame.attach.id, rows, new Uint8Array(batchBytes), more))
        const together = batchBytes < 1000 ? 1000 : 1
        for (let left = batches; left > 0; left -= together) b.send(Buffer.concat(Array<Uint8Array>(Math.min(left, together)).fill(batch)))
      })
      b.onBytes((chunk) => reader.push(chunk))
      return Promise.resolve(a)
    },
  })
}

/** The error, or what was read: all, or the first batches. */
async function outcome(client: QueryConnections, batchesMax = Infinity): Promise<unknown> {
  const response = await client.query('peer', request())
  await settle()
  try {
    let [rows, count] = [0, 0]
    for await (const batch of response.batches) {
      rows += batch.rows
      if (++count === batchesMax) break
    }
    return { rows }
  } catch (error) {
    return error
  }
}

describe('a server that sends beyond its credit', () => {
  it('loses its stream, and the query ends with an error', async () => {
    expect(await outcome(greedyServer(40))).toMatchObject({ code: 'ERR_QUERY_BROKEN' })
  })

  it('may finish the frame that it was at', async () => {
    const response = await greedyServer(3).query('peer', request())
    await settle()
    const batches = response.batches[Symbol.asyncIterator]()
    for (let i = 0; i < 3; i++) expect((await batches.next()).done).toBe(false)
  })

  it.each([['empty batches', { bytes: 0, rows: 0 }], ['batches of a byte', { bytes: 1 }]])('loses it with %s, too, which take memory all the same', async (_what, greed) => {
    expect(await outcome(greedyServer(60_000, greed))).toMatchObject({ code: 'ERR_QUERY_BROKEN' })
    expect(await outcome(greedyServer(20_000, greed), 1000)).toMatchObject({ rows: greed.bytes * 1000 })
  })

  it.each([['empty fragments', 1, { bytes: 0, more: true }], ['more fragments than a batch can have', 1024, { bytes: 1, more: true }]])('loses it with %s', async (_what, count, greed) => {
    expect(await outcome(greedyServer(count, greed))).toMatchObject({ code: 'ERR_QUERY_BROKEN' })
  })
})

describe('a result of many small batches', () => {
  it('comes to its end, however slowly it is read', async () => {
    const { client } = createPlane(() => Promise.resolve(respond(batchesOf(120_000, 2, 1))))
    const response = await client.query('peer', request())
    let rows = 0
    for await (const batch of response.batches) {
      rows += batch.rows
      if (rows % 10_000 === 0) await settle(20)
    }
    expect(rows).toBe(120_000)
  })

  it('stops at its engine when nobody reads it', async () => {
    const counted: Counted = { pulled: 0, released: false }
    const { client } = createPlane(() => Promise.resolve(respond(batchesOf(1_000_000, 2, 1), counted)))
    const response = await client.query('peer', request())
    for (let pulled = -1; pulled < counted.pulled;) {
      pulled = counted.pulled
      await settle()
    }
    expect(counted.pulled).toBeLessThan(80_000)
    await response.batches[Symbol.asyncIterator]().return?.()
  })
})
