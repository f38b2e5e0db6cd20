import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { typed, TypedValue, VALUE_COUNT_MAX, VALUE_DEPTH_MAX, type PlainValue, type QueryValue } from '../../../src/core/values/query-value.ts'
import { decodeCompound, encodeCompound } from '../../../src/wire/compound-values.ts'
import { decodeFrame, decodeRequest, encodeRequest, refusalOfValues } from '../../../src/wire/query-messages.ts'
import type { Value } from '../../../src/wire/generated/query.ts'
import { request } from '../../support/query-plane.ts'

const integer = fc.bigInt({ min: -(1n << 127n), max: (1n << 128n) - 1n })
const name = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'type', 'value', '1', 'constructor'))
const { plain } = fc.letrec<{ plain: PlainValue; leaf: PlainValue }>((tie) => ({
  leaf: fc.oneof(fc.constant(null), fc.boolean(), fc.double(), fc.integer(), fc.maxSafeInteger(), integer, fc.string({ unit: 'grapheme' }), fc.uint8Array()),
  plain: fc.oneof({ maxDepth: 5 }, tie('leaf'), fc.array(tie('plain'), { maxLength: 6 }), fc.dictionary(name, tie('plain'), { maxKeys: 5 })),
}))
const typedValue = fc.tuple(fc.string({ minLength: 1 }).filter((text) => text.trim() !== ''), plain).map(([type, value]) => typed(type, value))
const { value } = fc.letrec<{ value: QueryValue; leaf: QueryValue }>((tie) => ({
  leaf: fc.oneof(plain, typedValue, fc.date({ noInvalidDate: true })),
  value: fc.oneof({ maxDepth: 4 }, tie('leaf'), fc.array(tie('value'), { maxLength: 5 }), fc.dictionary(name, tie('value'), { maxKeys: 5 })),
}))

/** A text that tells apart whatever a reader of values could, -0 and 0 and the kinds of objects too. */
function shown(given: unknown): string {
  if (typeof given === 'bigint') return `${given}n`
  if (typeof given === 'number') return Object.is(given, -0) ? '-0' : String(given)
  if (typeof given === 'string') return JSON.stringify(given)
  if (typeof given !== 'object' || given === null) return String(given)
  if (given instanceof Uint8Array) return `blob ${Buffer.from(given).toString('hex')}`
  if (given instanceof Date) return `date ${given.getTime()}`
  if (Array.isArray(given)) return `[${given.map(shown).join()}]`
  const prefix = given instanceof TypedValue ? 'typed' : ''
  return `${prefix}{${Object.entries(given).map(([field, inner]) => `${JSON.stringify(field)}:${shown(inner)}`).join()}}`
}
function same(left: unknown, right: unknown): void {
  expect(shown(left)).toBe(shown(right))
}

describe('lists, structs and typed values', () => {
  it('come out as they went in', () => {
    fc.assert(fc.property(value, (sent) => { same(decodeCompound(encodeCompound(sent)), sent) }), { seed: 4, numRuns: 1000 })
  })

  it('come out of a request as they went in', () => {
    fc.assert(fc.property(fc.array(value, { maxLength: 5 }), (parameters) => {
      const frame = decodeFrame(encodeRequest(7, request({ parameters }), 5, 0))
      same(frame?.request === undefined ? null : decodeRequest(frame.request)?.parameters, parameters)
    }), { seed: 5, numRuns: 200 })
  })

  it('are what they were encoded from, or nothing, when bytes are changed or cut', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.tuple(value, fc.nat(), fc.nat(255), fc.nat()).map(([sent, at, byte, cut]) => {
      const encoded = encodeCompound(sent)
      encoded[at % encoded.length] = byte
      return encoded.subarray(0, cut % 2 === 0 ? encoded.length : cut % encoded.length)
    }))
    fc.assert(fc.property(bytes, (garbled) => {
      const decoded = decodeCompound(garbled)
      if (decoded !== undefined) same(decodeCompound(encodeCompound(decoded)), decoded)
    }), { seed: 6, numRuns: 3000 })
  })

  it('keep a list of numbers small', () => {
    expect(encodeCompound(Array.from({ length: 100 }, (_, i) => i % 64)).length).toBe(2 + 2 * 100)
  })
})

const nested = (levels: number): QueryValue => { let inner: QueryValue = 1; for (let i = 0; i < levels; i++) inner = [inner]; return inner }

describe('what is refused', () => {
  const cyclic: QueryValue[] = []
  cyclic.push(cyclic)
  it.each<[string, unknown, string]>([
    ['too deep', nested(VALUE_DEPTH_MAX + 1), 'nests deeper than 32'], ['a circle', cyclic, 'nests deeper than 32'], ['too many', new Array(VALUE_COUNT_MAX).fill(0), 'more than 131072 values'],
    ['too large', [new Uint8Array(3 << 20)], 'more than 2097152 bytes'], ['undefined', [undefined], 'type undefined'], ['a hole', new Array(2), 'type undefined'], ['a function', { a: () => 1 }, 'type function'],
    ['a Map', [new Map()], 'type Map'], ['an integer too long', [1n << 128n], '128 bits'], ['an invalid Date', [new Date(NaN)], 'invalid Date'],
    ['typed within typed', typed('A', typed('B', 1) as unknown as PlainValue), 'within another'], ['a Date within typed', typed('A', [new Date(0) as unknown as PlainValue]), 'Date within typed'],
  ])('from the caller: %s', (_what, bad, message) => {
    expect(() => encodeRequest(1, request({ parameters: [0, bad as QueryValue] }), 1, 0)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(message) as string, details: { parameter: 2 } }) as Error)
  })

  it('the deepest and the longest are taken', () => {
    for (const most of [nested(VALUE_DEPTH_MAX), new Array<number>(VALUE_COUNT_MAX - 1).fill(0)]) expect(decodeCompound(encodeCompound(most))).toEqual(most)
  })

  it.each<[string, number[]]>([
    ['nothing', []], ['an unknown kind', [12]], ['bytes behind its end', [0, 0]], ['a list that claims more than there is', [9, 255, 255, 255, 127]], ['a struct that claims more than there is', [10, 255, 255, 255, 127]],
    ['a length without end', [6, 255, 255, 255, 255, 255, 1]], ['an integer without end', [5, ...new Array<number>(30).fill(255)]], ['an integer of 129 bits', [5, ...new Array<number>(18).fill(255), 127]],
    ['a number beyond the safe ones', [4, ...new Array<number>(9).fill(255), 1]], ['half a double', [3, 0, 0]], ['a date that is none', [8, 0, 0, 0, 0, 0, 0, 248, 127]], ['a field twice', [10, 2, 1, 97, 0, 1, 97, 0]],
    ['a type without a name', [11, 0, 0]], ['typed within typed', [11, 1, 97, 11, 1, 98, 0]], ['a date within typed', [11, 1, 97, 8, 0, 0, 0, 0, 0, 0, 0, 0]], ['too deep', [...new Array<number[]>(VALUE_DEPTH_MAX + 1).fill([9, 1]).flat(), 0]],
    ['a hundred thousand levels', [...new Array<number[]>(100_000).fill([9, 1]).flat(), 0]], ['more values than allowed', [9, 0x80, 0x80, 0x08, ...new Array<number>(VALUE_COUNT_MAX).fill(0)]], ['a long type', [11, 0x81, 0x80, 0x01, ...new Array<number>(16_385).fill(97), 0]],
  ])('from outside: %s', (_what, bytes) => {
    expect(decodeCompound(Uint8Array.from(bytes))).toBeUndefined()
  })

  it('a type has a name of bounded length', () => {
    for (const bad of ['', ' ', 'x'.repeat(16_385), 5 as unknown as string]) expect(() => typed(bad, 1)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }) as Error)
  })
})

describe('a value of a kind that is not known here', () => {
  const raw = { id: 1, database: 'd', sql: 's', parameters: [] as Value[], access: 0, priority: 0, timeoutMs: 5, visited: [], explain: false, lastResort: false, finalPeerId: '', hints: '', credit: 0, transaction: new Uint8Array(0), transactionStep: 0 }

  it('is a refusal with its number, when the rest of the request is sound', () => {
    expect(refusalOfValues({ ...raw, parameters: [{ text: 'a' }, {}] })).toMatchObject({ code: 'ERR_PROTOCOL', details: { parameter: 2 } })
    expect(refusalOfValues({ ...raw, parameters: [{ compound: Uint8Array.of(99) }] })).toMatchObject({ code: 'ERR_PROTOCOL', details: { parameter: 1 } })
    expect(refusalOfValues({ ...raw, parameters: [{ text: 'a' }] })).toBeNull()
    expect(refusalOfValues({ ...raw, parameters: [{}], access: 9 })).toBeNull()
  })
})
