/** Values that cannot be: of a caller of a later version, of a hostile one, of a program that passes what no parameter can be. Others do not notice. */
import { expect, it } from 'vitest'
import { FrameReader } from '../../../src/wire/framing.ts'
import type { Frame } from '../../../src/wire/generated/query.ts'
import { decodeFrame, encodeFrame, encodeRequest, QUERY_WIRE_VERSION } from '../../../src/wire/query-messages.ts'
import { QueryServer } from '../../../src/query/server.ts'
import type { EngineBatch, QueryValue } from '../../../src/ports/query-engine.ts'
import { memoryStreamPair } from '../../support/memory-byte-stream.ts'
import { batchesOf, createPlane, readAll, request, respond, settle, until, VirtualClock } from '../../support/query-plane.ts'

function framed(payload: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(payload.length)
  return Buffer.concat([length, payload])
}

/** A request whose one parameter has these bytes as its `Value`. */
function requestWith(id: number, value: Uint8Array): Uint8Array {
  const known = encodeRequest(id, request({ sql: `query ${id}` }), 5000, 65_536)
  const content = Buffer.concat([known.subarray(2), Uint8Array.of((4 << 3) | 2, value.length), value])
  return Buffer.concat([Uint8Array.of(known[0] ?? 0, content.length), content])
}

it('is refused that request by a code, unstarted, and goes on with others on the same stream', async () => {
  const ran: string[] = []
  const server = new QueryServer({ handler: ({ sql }) => { ran.push(sql); return Promise.resolve(respond(batchesOf(1, 10))) }, clock: new VirtualClock() })
  const { a, b } = memoryStreamPair()
  server.accept(b)
  const answers: Frame[] = []
  const reader = new FrameReader((bytes) => { answers.push(decodeFrame(bytes) ?? expect.fail('no frame')) })
  a.onBytes((bytes) => { reader.push(bytes) })
  a.send(framed(encodeFrame({ hello: { wireVersion: QUERY_WIRE_VERSION, token: new Uint8Array(0), inFlightMax: 0 } })))
  // Field 30 of a Value, and tag 99 of a compound one.
  a.send(framed(requestWith(1, Uint8Array.of(0xf2, 0x01, 1, 7))))
  a.send(framed(requestWith(2, Uint8Array.of((8 << 3) | 2, 1, 99))))
  a.send(framed(requestWith(3, Uint8Array.of((8 << 3) | 2, 1, 0))))
  await until('three answers', () => answers.length === 4)
  for (const id of [1, 2]) expect(answers.find(({ failure }) => failure?.id === id)?.failure).toMatchObject({ code: 'ERR_PROTOCOL', started: false })
  expect(answers.find(({ response }) => response?.id === 3)).toBeDefined()
  expect(ran).toEqual(['query 3'])
  expect(server.counters()).toMatchObject({ requests: 3, requestsRefused: 2, streamsMalformed: 0 })
})

it('of a query in the same process leave the answers of a node to others as they are', async () => {
  const elsewhere = createPlane(() => Promise.resolve(respond([])))
  await elsewhere.client.warm('peer')
  const values: unknown[] = [1n << 128n, [new Date(NaN)], () => 1]
  const failed: unknown[] = []
  async function* slowly(): AsyncGenerator<EngineBatch, void, void> {
    for (const batch of batchesOf(30, 5000)) {
      const value = values[failed.length % values.length] as QueryValue
      await elsewhere.client.query('peer', request({ sql: 'secret', parameters: ['before', value] })).catch((error: unknown) => { failed.push(error) })
      await settle(2)
      yield batch
    }
  }
  const victim = createPlane(() => Promise.resolve(respond(slowly())))
  const batches = await readAll(await victim.client.query('entry', request()))
  expect(batches.map(({ rows, bytes }) => [rows, bytes.length, bytes[0]])).toEqual(Array.from({ length: 30 }, (_, i) => [10, 5000, i]))
  expect(failed).toHaveLength(30)
  for (const error of failed) expect(error).toMatchObject({ code: 'ERR_OPTION_INVALID' })
})
