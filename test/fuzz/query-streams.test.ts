/** Whatever bytes come: a stream may be aborted and counted, nothing is thrown, and the next caller is served. */
import { describe, expect, it } from 'vitest'
import { createRandom, randomInteger, type Random } from '../../src/core/time/random.ts'
import { typed } from '../../src/core/values/query-value.ts'
import { QueryConnections } from '../../src/query/client.ts'
import { QueryServer } from '../../src/query/server.ts'
import { decodeFrame, encodeFrame, encodeRequest, QUERY_WIRE_VERSION } from '../../src/wire/query-messages.ts'
import { memoryStreamPair } from '../support/memory-byte-stream.ts'
import { batchesOf, readAll, request, respond, settle, VirtualClock } from '../support/query-plane.ts'

function framed(payload: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(payload.length)
  return Buffer.concat([length, payload])
}

const hello = encodeFrame({ hello: { wireVersion: QUERY_WIRE_VERSION, token: new Uint8Array(0), inFlightMax: 0 } })
const valid = [
  encodeRequest(1, request({ parameters: [1n, 'x', null, new Date(0)] }), 5000, 65_536),
  encodeRequest(1, request({ parameters: [[1n, 'x', [null, 0.5]], { a: new Date(0), b: typed('DECIMAL(4,1)', '1.5') }] }), 5000, 65_536),
  encodeRequest(1, request(), 5000, 0),
  encodeFrame({ cancel: { id: 1 } }),
  encodeFrame({ credit: { id: 1, bytes: 0xffff_ffff } }),
  encodeFrame({ attach: { wireVersion: 1, token: new Uint8Array(16), id: 1, credit: 1 } }),
  encodeFrame({ batch: { id: 1, rows: 1, data: new Uint8Array(3), more: true } }),
  encodeFrame({ end: { id: 1, rows: 1, engineMs: 1, inFlight: 0 } }),
  encodeFrame({ response: { id: 1, format: 0, header: new Uint8Array(0), parts: [] } }),
  hello,
]

/** A stream of good frames, damaged ones and noise. */
function hostileBytes(random: Random): Buffer {
  const pieces: Buffer[] = random() < 0.7 ? [framed(hello)] : []
  for (let i = randomInteger(random, 6); i >= 0; i--) {
    const frame = Buffer.from(valid[randomInteger(random, valid.length)] as Uint8Array)
    const kind = randomInteger(random, 4)
    if (kind === 0) for (let k = 0; k < 3 && frame.length > 0; k++) frame[randomInteger(random, frame.length)] = randomInteger(random, 256)
    if (kind === 1) pieces.push(Buffer.from(Array.from({ length: randomInteger(random, 40) }, () => randomInteger(random, 256))))
    else pieces.push(kind === 2 ? framed(frame).subarray(0, randomInteger(random, frame.length + 4)) : framed(frame))
  }
  return Buffer.concat(pieces)
}

describe('hostile bytes', () => {
  it('decodeFrame never throws', () => {
    const random = createRandom(11)
    for (let i = 0; i < 20_000; i++) {
      const bytes = hostileBytes(random).subarray(4)
      const frame = decodeFrame(bytes)
      expect(frame === null || typeof frame === 'object').toBe(true)
    }
  })

  it('to a server: every stream ends or serves, and a good caller is served beside them', async () => {
    const random = createRandom(12)
    const clock = new VirtualClock()
    const server = new QueryServer({ handler: () => Promise.resolve(respond(batchesOf(3, 40_000))), clock })
    const streams = Array.from({ length: 400 }, () => {
      const { a, b } = memoryStreamPair({ pieceBytes: 1 + randomInteger(random, 200) })
      server.accept(b)
      a.onBytes(() => {})
      a.send(hostileBytes(random))
      return a
    })
    const client = new QueryConnections({
      clock,
      open: () => {
        const { a, b } = memoryStreamPair()
        server.accept(b)
        return Promise.resolve(a)
      },
    })
    expect(await readAll(await client.query('t', request()))).toHaveLength(3)
    await settle()
    // Past every deadline: what never said enough is given up, what waits for a bulk stream loses its query.
    clock.advance(60_000)
    await settle()
    expect(server.inFlight).toBe(0)
    expect(server.counters().streamsMalformed).toBeGreaterThan(100)
    expect(streams.some((stream) => stream.isClosed)).toBe(true)
  })

  it('to a client: the query fails, and a later one over a good stream succeeds', async () => {
    const random = createRandom(13)
    for (let i = 0; i < 200; i++) {
      const clock = new VirtualClock()
      const server = new QueryServer({ handler: () => Promise.resolve(respond(batchesOf(1, 10))), clock })
      let good = false
      const client = new QueryConnections({
        clock,
        open: () => {
          const { a, b } = memoryStreamPair()
          if (good) server.accept(b)
          else {
            b.onBytes(() => {})
            b.send(Buffer.concat([framed(encodeFrame({ hello: { wireVersion: 1, token: new Uint8Array(16), inFlightMax: 9 } })), hostileBytes(random)]))
          }
          return Promise.resolve(a)
        },
      })
      const first = client.query('t', request({ timeoutMs: 1000 })).then(readAll).then(() => 'answered', () => 'failed')
      await settle(5)
      clock.advance(20_000)
      expect(['answered', 'failed']).toContain(await first)
      await client.close()
      good = true
      const second = new QueryConnections({ clock, open: () => {
        const { a, b } = memoryStreamPair()
        server.accept(b)
        return Promise.resolve(a)
      } })
      expect(await readAll(await second.query('t', request()))).toHaveLength(1)
      expect(client.inFlight('t')).toBe(0)
    }
  })
})
