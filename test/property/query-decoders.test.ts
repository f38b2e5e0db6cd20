/** The decoders written by hand against the generated ones: on every field that query.proto has, on mutilated frames, and at the bounds. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Frame } from '../../src/wire/generated/query.ts'
import { ProtobufWriter } from '../../src/wire/protobuf-writer.ts'
import { decodeFrequentFrame } from '../../src/wire/query-decoders.ts'
import { fuzz, mutate } from '../fuzz/mutate.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 200 })
const scalars: Record<string, fc.Arbitrary<unknown>> = {
  uint32: fc.oneof(fc.nat(127), fc.nat(), fc.constant(0xffff_ffff)), bool: fc.boolean(), double: fc.double(), string: text, bytes: fc.uint8Array({ maxLength: 200 }),
}

/** What a message of query.proto can be, from its text: a field that somebody adds there is tried here. */
function anyMessage(name: string): fc.Arbitrary<Record<string, unknown>> {
  const [, body = ''] = new RegExp(`message ${name} \\{([^}]*)\\}`).exec(proto) ?? []
  const fields = [...body.matchAll(/^ *(optional |repeated )?(\w+) (\w+) = \d+;/gm)].map(([, label, type = '', field = '']) => {
    const one = scalars[type] ?? anyMessage(type)
    const value = label === 'repeated ' ? fc.array(one, { maxLength: 3 }) : label === 'optional ' ? fc.option(one, { nil: undefined }) : one
    return [field, value] as const
  })
  return fc.record(Object.fromEntries(fields))
}

const proto = readFileSync(new URL('../../src/wire/query.proto', import.meta.url), 'utf8')
const anyFrame = fc.oneof(...[['request', 'Request'], ['response', 'Response'], ['end', 'End']].map(([part = '', name = '']) => anyMessage(name).map((message) => ({ [part]: message }))))

/** As plain values: whether bytes are a Buffer or not is nobody's concern. */
function plain(value: unknown, ofText: (text: string) => string = (same) => same): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (typeof value === 'string') return ofText(value)
  if (Array.isArray(value)) return value.map((item) => plain(item, ofText))
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, ofText)]))
  return value
}

describe('frames that every query has', () => {
  it('decode as the generated codec decodes them, whatever their fields hold', () => {
    fc.assert(fc.property(anyFrame, fc.boolean(), (frame, isBuffer) => {
      const encoded = Frame.encode(frame as Frame)
      const bytes = isBuffer ? Buffer.from(encoded) : new Uint8Array(encoded)
      const decoded = decodeFrequentFrame(bytes)
      expect(plain(decoded)).toEqual(plain(Frame.decode(bytes)))
      expect(decoded).not.toBeNull()
    }), { seed: 1, numRuns: 600 })
  })

  it('skip fields of later versions, of each wire type', () => {
    const writer = new ProtobufWriter()
    const frame = writer.begin(1)
    writer.uint32(100, 1 << 31)
    writer.double(101, 1.5)
    writer.bytes(102, Uint8Array.of(1, 2, 3))
    writer.uint32(1, 7)
    writer.end(frame)
    expect(decodeFrequentFrame(writer.finish())).toMatchObject({ request: { id: 7 } })
    // Request { 103, four bytes; id: 7 }
    expect(decodeFrequentFrame(Uint8Array.of(10, 8, 0xbd, 6, 1, 2, 3, 4, 8, 7))).toMatchObject({ request: { id: 7 } })
  })

  it('are refused when they are mutilated, or mean what the generated codec takes them for', () => {
    const genuine = fc.sample(anyFrame, { seed: 2, numRuns: 200 }).map((frame) => Frame.encode(frame as Frame))
    let [refused, accepted] = [0, 0]
    // Texts that are not UTF-8 come out differently, so that only their presence counts.
    const show = (frame: unknown): unknown => plain(frame, () => 'text')
    fuzz((random) => mutate(random, genuine), (bytes) => {
      const decoded = decodeFrequentFrame(bytes)
      if (decoded === undefined) return
      if (decoded === null) refused++
      else {
        accepted++
        expect(show(decoded)).toEqual(show(Frame.decode(bytes)))
      }
    })
    expect(Math.min(refused, accepted)).toBeGreaterThan(100)
  })

  it.each([
    ['a length beyond the frame', [10, 5, 8, 1]], ['a nested length beyond its message', [10, 4, 34, 9, 8, 1]], ['a text cut off', [10, 3, 18, 4, 65]], ['a number cut off', [10, 2, 8, 128]],
    ['a number of six bytes', [10, 12, 8, 129, 128, 128, 128, 128, 0, 32, 1, 32, 1, 32]], ['a number of eleven bytes', [10, 12, 8, 129, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0]], ['a number of ten bytes cut off', [10, 10, 8, ...Array<number>(9).fill(255)]], ['a double cut off', [10, 4, 57, 0, 0, 0]], ['a group that is cut off', [10, 4, 0xa3, 6, 8, 1]], ['the end of a group that was not begun', [10, 2, 0xa4, 6]], ['groups cut off at a great depth', [10, 0xa0, 0x8d, 6, ...Array<number>(100_000).fill(0xa3)]], ['an unknown number without end', [10, 13, 0xa0, 6, ...Array<number>(11).fill(255)]],
  ])('are refused with %s', (_what, bytes) => {
    expect(decodeFrequentFrame(Uint8Array.from(bytes))).toBeNull()
  })

  it.each([
    ['a negative number, which some writers make ten bytes of', [10, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]],
    ['a group', [10, 13, 0xf3, 1, 8, 7, 0x15, 1, 2, 3, 4, 0xf4, 1, 8, 5]], ['groups within each other', [10, 10, 0xf3, 1, 0xfb, 1, 0xfc, 1, 0xf4, 1, 8, 5]],
  ])('decode as the generated codec has them with %s', (_what, bytes) => {
    const decoded = decodeFrequentFrame(Uint8Array.from(bytes))
    expect(decoded).toHaveProperty('request')
    expect(plain(decoded)).toEqual(plain(Frame.decode(Uint8Array.from(bytes))))
  })

  it.each([['parameters', 4, 1, 65_535], ['visited', 8, 1, 8], ['parts', 5, 2, 4096]])('hold at most so many %s', (_what, field, part, most) => {
    const repeated = (count: number): Uint8Array => {
      const writer = new ProtobufWriter()
      const frame = writer.begin(part)
      for (let i = 0; i < count; i++) writer.bytes(field, new Uint8Array(0))
      writer.end(frame)
      return writer.finish()
    }
    expect(decodeFrequentFrame(repeated(most))).toHaveProperty(part === 1 ? 'request' : 'response')
    expect(decodeFrequentFrame(repeated(most + 1))).toBeNull()
  })

  it('leave other parts, several parts, and nothing to the generated codec', () => {
    const request = Frame.encode({ request: { id: 1, database: 'd' } } as Frame)
    for (const bytes of [Frame.encode({ cancel: { id: 1 } }), Buffer.concat([request, request]), new Uint8Array(0)]) expect(decodeFrequentFrame(bytes)).toBeUndefined()
  })

  it('give a route within its bounds or no frame', () => {
    const attempt = { peerId: 'p', name: 'n', code: 'c', message: 'm' }
    const withAttempts = (count: number): Uint8Array => Frame.encode({ response: { id: 1, format: 0, header: new Uint8Array(0), parts: [], route: { decision: 0, executedByPeerId: '', executedByName: '', reason: '', strategy: '', failedAttempts: Array.from({ length: count }, () => attempt), candidates: [], decisionUs: 0 } } })
    expect(decodeFrequentFrame(withAttempts(64))?.response?.route?.failedAttempts).toHaveLength(64)
    expect(decodeFrequentFrame(withAttempts(65))).toBeNull()
  })
})
