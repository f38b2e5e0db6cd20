/** Credit is a promise of the sender; the receiver does not take its word for it. */
import { describe, expect, it } from 'vitest'
import { QueryConnections } from '../../../src/query/client.ts'
import { FrameReader } from '../../../src/wire/framing.ts'
import { decodeFrame, encodeBatch, encodeFrame, encodeResponse } from '../../../src/wire/query-messages.ts'
import { memoryStreamPair } from '../../support/memory-byte-stream.ts'
import { localRoute, request, settle, VirtualClock } from '../../support/query-plane.ts'

function framed(body: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeUInt32BE(body.length)
  frame.set(body, 4)
  return frame
}

/** Answers by the protocol until it is attached, then sends batches of 1 MiB whatever its credit. */
function greedyServer(batches: number): QueryConnections {
  return new QueryConnections({
    clock: new VirtualClock(),
    open: () => {
      const { a, b } = memoryStreamPair()
      const reader = new FrameReader((bytes) => {
        const frame = decodeFrame(bytes)
        if (frame?.hello !== undefined) b.send(framed(encodeFrame({ hello: { wireVersion: 1, token: new Uint8Array(16), inFlightMax: 0 } })))
        if (frame?.request !== undefined) b.send(framed(encodeResponse(frame.request.id, { format: 'raw', header: new Uint8Array(0), route: localRoute() }, [], null)))
        if (frame?.attach !== undefined) for (let i = 0; i < batches; i++) b.send(framed(encodeBatch(frame.attach.id, 1, new Uint8Array(1 << 20), false)))
      })
      b.onBytes((chunk) => reader.push(chunk))
      return Promise.resolve(a)
    },
  })
}

async function outcome(client: QueryConnections): Promise<unknown> {
  const response = await client.query('peer', request())
  await settle()
  try {
    let rows = 0
    for await (const batch of response.batches) rows += batch.rows
    return rows
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
})
