/** A node forwards what came over the wire, so it must be able to write whatever it reads; and one message that cannot be written is no concern of the next. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QueryValue } from '../../src/ports/query-engine.ts'
import { encodeCompound } from '../../src/wire/compound-values.ts'
import type { Request, Value } from '../../src/wire/generated/query.ts'
import { decodeFrame, decodeRequest, encodeBatch, encodeBatchHead, encodeFrame, encodeRequest, encodeResponse } from '../../src/wire/query-messages.ts'
import { decodeValue, encodeValue } from '../../src/wire/query-values.ts'
import { fuzz, mutate } from '../fuzz/mutate.ts'
import { request } from '../support/query-plane.ts'

const digits = fc.oneof(fc.bigInt({ min: -(10n ** 39n), max: 10n ** 39n - 1n }).map(String), fc.constantFrom('9'.repeat(39), `-${'9'.repeat(39)}`, (1n << 128n).toString(), ((1n << 128n) - 1n).toString(), (-(1n << 127n)).toString(), (-(1n << 127n) - 1n).toString(), '-0', '007', 'x'))
const bytes = fc.uint8Array({ maxLength: 40 }) as fc.Arbitrary<Uint8Array<ArrayBuffer>>
const anyValue: fc.Arbitrary<Value> = fc.oneof(
  digits.map((integer) => ({ integer })), fc.double().map((number) => ({ number })), fc.double().map((dateMs) => ({ dateMs })), fc.string().map((text) => ({ text })), fc.boolean().map((boolean) => ({ boolean })),
  bytes.map((blob) => ({ blob })), bytes.map((compound) => ({ compound })), fc.constant({ isNull: true }), fc.constant({}),
)

/** As a peer could send it, whether its values can be decoded or not. */
function requestOf(parameters: readonly Value[]): Request {
  const frame = decodeFrame(encodeFrame({ request: { id: 1, database: 'd', sql: 's', parameters: [...parameters], access: 0, priority: 0, timeoutMs: 1, visited: [], explain: false, credit: 0, lastResort: false, finalPeerId: '', hints: '', transaction: new Uint8Array(0), transactionStep: 0 } }))
  return frame?.request ?? expect.fail('no request')
}

/** The same value comes out, as far as its own bytes tell. */
function expectEncodes(value: QueryValue): void {
  const again = decodeValue(encodeValue(value, 0))
  if (value instanceof Uint8Array) expect(Buffer.compare(again as Uint8Array, value)).toBe(0)
  else expect(again).toEqual(value)
}

describe('what decodes can be encoded again', () => {
  it('whatever a request holds', () => {
    let decodedRequests = 0
    fc.assert(fc.property(fc.array(anyValue, { maxLength: 3 }), (parameters) => {
      const decoded = decodeRequest(requestOf(parameters))
      if (decoded === null) return
      decodedRequests++
      for (const value of decoded.parameters) expectEncodes(value)
      expect(decodeRequest(decodeFrame(encodeRequest(2, decoded, decoded.timeoutMs, 0))?.request ?? expect.fail('no request'))).toEqual(decoded)
    }), { seed: 1, numRuns: 3000 })
    expect(decodedRequests).toBeGreaterThan(300)
  })

  it('lists and structs that were mutilated', () => {
    const genuine = [
      [1, 'zwölf', -0.5, null, true, [1n << 127n, new Date(7)]], { a: 'text', b: { c: [1, 2, 3], d: new Uint8Array(5) }, ü: 'ö' }, Array.from({ length: 40 }, (_, i) => ({ name: `n${i} ✓`, value: i })),
    ].map((value) => encodeCompound(value))
    let accepted = 0
    fuzz((random) => mutate(random, genuine) as Uint8Array<ArrayBuffer>, (compound) => {
      const value = decodeValue({ compound })
      if (value === undefined) return
      accepted++
      expectEncodes(value)
    })
    expect(accepted).toBeGreaterThan(100)
  })

  it('integers beyond 128 bits and texts that are no UTF-8 do not decode', () => {
    for (const integer of ['9'.repeat(39), (1n << 128n).toString(), (-(1n << 127n) - 1n).toString()]) expect(decodeValue({ integer })).toBeUndefined()
    // A million bytes, each of which would take three when it is written again: more than a value may take.
    const text = Buffer.alloc(1_000_000, 0xff)
    expect(decodeValue({ compound: Buffer.concat([Uint8Array.of(9, 1, 6, 0xc0, 0x84, 0x3d), text]) })).toBeUndefined()
    expect(decodeValue({ compound: Uint8Array.of(9, 1, 6, 3, 0xef, 0xbf, 0xbd) })).toEqual(['\ufffd'])
  })
})

describe('a request that cannot be encoded', () => {
  const messages = {
    request: () => encodeRequest(3, request({ parameters: [1n, 'two'] }), 1000, 100),
    response: () => encodeResponse(5, { format: 'columns', header: Uint8Array.of(1), route: null }, [{ rows: 1, bytes: Uint8Array.of(9) }], { id: 5, rows: 1, engineMs: 1, inFlight: 0 }),
    batch: () => encodeBatch(6, 100, Uint8Array.of(1, 2, 3), false),
    'head of a batch': () => encodeBatchHead(6, 100, 3, false),
  }
  const bad: readonly unknown[] = [1n << 128n, () => 1, new Date(NaN), [[undefined]], { a: Symbol('s') }]

  it.each(Object.entries(messages))('leaves nothing behind in the next %s', (_what, encode) => {
    const expected = Buffer.from(encode())
    for (const value of bad) {
      expect(() => encodeRequest(9, request({ sql: 'SELECT secret', parameters: ['before', value as QueryValue] }), 1000, 100)).toThrow()
      expect(Buffer.from(encode())).toEqual(expected)
    }
  })

  it.each(Object.entries(messages))('that fails half-way leaves nothing behind in the next %s', (_what, encode) => {
    const expected = Buffer.from(encode())
    const hints = { get length(): number { throw new Error('no text') } } as unknown as string
    expect(() => encodeRequest(9, request({ sql: 'SELECT secret', hints }), 1000, 100)).toThrow('no text')
    expect(Buffer.from(encode())).toEqual(expected)
  })

  it('because a parameter is missing says which', () => {
    const parameters: QueryValue[] = []
    parameters[1] = 'two'
    expect(() => encodeRequest(1, request({ parameters }), 1, 0)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', details: { parameter: 1 } }) as Error)
  })

  it('does not spoil what its own getters send', () => {
    let inner: Uint8Array | null = null
    const sending = { get a(): number { inner = Buffer.from(messages.request()); return 1 } }
    const outer = encodeRequest(9, request({ sql: 'outer', parameters: [sending] }), 1000, 100)
    expect(inner).toEqual(Buffer.from(messages.request()))
    expect(decodeFrame(outer)?.request).toMatchObject({ id: 9, sql: 'outer', parameters: [{}] })
  })

  it('is refused where the other side would give up the stream', () => {
    expect(() => encodeRequest(1, request({ parameters: Array<QueryValue>(65_536).fill(null) }), 1, 0)).toThrow(expect.objectContaining({ code: 'ERR_QUERY_TOO_LARGE' }) as Error)
    expect(decodeFrame(encodeRequest(1, request({ parameters: Array<QueryValue>(65_535).fill(null) }), 1, 0))?.request?.parameters).toHaveLength(65_535)
    expect(() => encodeRequest(1, request({ visited: Array<string>(9).fill('p') }), 1, 0)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }) as Error)
    expect(decodeFrame(encodeRequest(1, request({ visited: Array<string>(8).fill('p') }), 1, 0))?.request?.visited).toHaveLength(8)
  })
})
