import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CandidateExplanation } from '../../../src/core/routing/types.ts'
import { MeshError } from '../../../src/errors.ts'
import type { QueryValue } from '../../../src/ports/query-engine.ts'
import { decodeFailure, decodeFrame, decodeRequest, decodeRoute, encodeBatch, encodeBatchHead, encodeFailure, encodeFrame, encodeRequest, encodeResponse, encodeRoute, type WireRequest, type WireRoute } from '../../../src/wire/query-messages.ts'

const base: WireRequest = { database: 'd', sql: 's', parameters: [], access: 'read', priority: 'normal', timeoutMs: 1, visited: [], explain: false, lastResort: false, finalPeerId: '', hints: '' }

function roundTrip(request: WireRequest): WireRequest | null {
  const frame = decodeFrame(encodeRequest(7, request, request.timeoutMs, 0))
  return frame?.request === undefined ? null : decodeRequest(frame.request)
}

describe('parameters', () => {
  const value: fc.Arbitrary<QueryValue> = fc.oneof(
    fc.constant(null), fc.boolean(), fc.double(), fc.integer(), fc.bigInt({ min: -(1n << 127n), max: (1n << 128n) - 1n }),
    fc.string({ unit: 'grapheme' }), fc.uint8Array(), fc.date({ noInvalidDate: true }),
  )

  it('come out as they went in', () => {
    fc.assert(fc.property(fc.array(value), (parameters) => {
      const got = roundTrip({ ...base, parameters })?.parameters
      expect(got).toHaveLength(parameters.length)
      for (const [i, sent] of parameters.entries()) {
        const back = got?.[i]
        if (sent instanceof Uint8Array) expect(Buffer.compare(back as Uint8Array, sent)).toBe(0)
        else if (sent instanceof Date) expect((back as Date).getTime()).toBe(sent.getTime())
        else expect(Object.is(back, sent)).toBe(true)
      }
    }), { seed: 1, numRuns: 300 })
  })

  it.each([[1n << 128n], [-(1n << 127n) - 1n], [new Date(NaN)], [undefined], [new Map()], [[undefined]], [{ a: () => 1 }], [Symbol('s')]])('%s has no form on the wire', (bad) => {
    expect(() => encodeRequest(1, { ...base, parameters: [bad as QueryValue] }, 1, 0)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', details: { parameter: 1 } }) as Error)
  })
})

describe('the frames written by hand', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 400 })
  const real = fc.double({ noNaN: true })

  it('say what the generated codec says', () => {
    fc.assert(fc.property(
      fc.record({
        id: fc.nat(), database: text, sql: text, access: fc.constantFrom<WireRequest['access']>('read', 'write', 'unknown'), priority: fc.constantFrom<WireRequest['priority']>('critical', 'high', 'normal', 'low'),
        timeoutMs: fc.double({ noNaN: true, min: 0.001 }), lastResort: fc.boolean(), finalPeerId: fc.constantFrom('', '12D3KooWfinal'), hints: fc.constantFrom('', 'zone=eu'), visited: fc.array(text, { maxLength: 4 }), explain: fc.boolean(), credit: fc.nat(),
        transaction: fc.option(fc.record({ id: fc.constantFrom('00'.repeat(16), '0123456789abcdef'.repeat(2)), step: fc.constantFrom<NonNullable<WireRequest['transaction']>['step']>('begin', 'statement', 'commit', 'rollback') }), { nil: undefined }),
      }),
      ({ id, credit, timeoutMs, ...request }) => {
        const frame = decodeFrame(encodeRequest(id, { ...request, timeoutMs, parameters: [] }, timeoutMs, credit))
        const viaGenerated = frame === null ? null : decodeFrame(encodeFrame(frame))
        expect(frame?.request).toMatchObject({ id, credit, timeoutMs, database: request.database, sql: request.sql, visited: request.visited, explain: request.explain, lastResort: request.lastResort, finalPeerId: request.finalPeerId, hints: request.hints })
        expect(viaGenerated).toEqual(frame)
        expect(roundTrip({ ...request, database: 'd', timeoutMs: 1, parameters: [] })?.transaction).toEqual(request.transaction)
      },
    ), { seed: 2, numRuns: 200 })
    fc.assert(fc.property(
      fc.nat(), fc.uint8Array({ maxLength: 300 }), fc.array(fc.record({ rows: fc.nat(), bytes: fc.uint8Array({ maxLength: 20_000 }) }), { maxLength: 4 }),
      fc.option(fc.record({ rows: fc.nat(), engineMs: real, inFlight: fc.nat(), load: fc.record({ cpuPercent: real, memoryPercent: real, inFlight: fc.nat(), overloaded: fc.boolean(), drill: fc.boolean(), sequence: fc.nat(), serviceCode: fc.nat(127) }) })), fc.boolean(),
      (id, header, parts, end, more) => {
        const frame = decodeFrame(encodeResponse(id, { format: 'raw', header, route: null }, parts, end === null ? null : { id, ...end }))
        expect(frame?.response).toMatchObject({ id, format: 2, parts: parts.map(({ rows }) => ({ rows })) })
        expect(Buffer.compare(frame?.response?.header ?? new Uint8Array(9), header)).toBe(0)
        expect(frame?.response?.parts.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(parts.map(({ bytes }) => Buffer.from(bytes).toString('hex')))
        if (end !== null) expect(frame?.response?.end).toEqual({ id, ...end })
        expect(decodeFrame(encodeBatch(id, 3, header, more))?.batch).toMatchObject({ id, rows: 3, more })
        const inTwoParts = decodeFrame(Buffer.concat([encodeBatchHead(id, 3, header.length, more), header]))?.batch
        expect(inTwoParts).toMatchObject({ id, rows: 3, more })
        expect(Buffer.compare(inTwoParts?.data ?? new Uint8Array(9), header)).toBe(0)
      },
    ), { seed: 3, numRuns: 200 })
  })

  it('grow to the largest frame and forget it', () => {
    const data = new Uint8Array(1 << 20).fill(7)
    const frame = decodeFrame(encodeResponse(1, { format: 'arrow', header: data.subarray(0, 200), route: null }, [{ rows: 1, bytes: data }], null))
    expect(frame?.response?.parts[0]?.data.length).toBe(1 << 20)
    expect(decodeFrame(encodeBatch(2, 1, Uint8Array.of(1), false))?.batch).toMatchObject({ id: 2, rows: 1, more: false })
  })
})

describe('requests', () => {
  it('are refused when they exceed the frame', () => {
    expect(() => encodeRequest(1, { ...base, sql: 'x'.repeat(2 << 20) }, 1, 0)).toThrow(expect.objectContaining({ code: 'ERR_QUERY_TOO_LARGE' }) as Error)
  })

  const raw = { id: 1, database: 'd', sql: 's', parameters: [], access: 0, priority: 0, timeoutMs: 5, visited: [], explain: false, lastResort: false, finalPeerId: '', hints: '', credit: 0, transaction: new Uint8Array(0), transactionStep: 0 }
  it.each([
    ['access', { access: 9 }], ['priority', { priority: 4 }], ['timeoutMs', { timeoutMs: 0 }], ['timeoutMs', { timeoutMs: NaN }], ['timeoutMs', { timeoutMs: -1 }], ['database', { database: '' }], ['final node', { finalPeerId: 'x'.repeat(129) }],
    ['transaction', { transaction: new Uint8Array(15), transactionStep: 1 }], ['transaction', { transactionStep: 1 }], ['transaction', { transaction: new Uint8Array(16) }], ['step', { transaction: new Uint8Array(16), transactionStep: 5 }],
    ['a value of no type', { parameters: [{}] }], ['an integer that is none', { parameters: [{ integer: '1e9' }] }], ['an integer too long', { parameters: [{ integer: '9'.repeat(40) }] }], ['a date that is none', { parameters: [{ dateMs: 1e300 }] }],
  ])('with a bad %s are not a request', (_what, change) => {
    expect(decodeRequest({ ...raw, ...change })).toBeNull()
    expect(decodeRequest(raw)).not.toBeNull()
  })
})

describe('routes', () => {
  const route: WireRoute = {
    decision: 'forward', executedBy: { peerId: 'p', name: 'n' }, latencyMs: 0.25, reason: 'CPU 85% exceeds threshold 80%', strategy: 'nearest', decisionUs: 31,
    failedAttempts: [{ peerId: 'q', name: 'm', code: 'ERR_PEER_UNREACHABLE', message: 'gone' }],
    candidates: [
      { peerId: 'p', name: 'n', latencyMs: 0.25, cpuPercent: 10, memoryPercent: 20, inFlight: 3, score: 1.5, verdict: 'chosen' },
      { peerId: 'r', name: 'o', latencyMs: null, cpuPercent: null, memoryPercent: null, inFlight: 0, score: null, verdict: 'stale-load' },
    ],
  }

  it('have names that no shell, header or page takes for more, whatever a peer says', () => {
    const hostile = '-n;œ=$(id)\u001b`日 <b>'
    const [attempt, [candidate]] = [route.failedAttempts[0]!, route.candidates]
    const decoded = decodeRoute(encodeRoute({ ...route, executedBy: { peerId: 'p', name: hostile }, failedAttempts: [{ ...attempt, name: hostile }], candidates: [{ ...candidate!, name: hostile }] }))!
    const names = [decoded.executedBy.name, decoded.failedAttempts[0]!.name, decoded.candidates[0]!.name]
    expect(names).toEqual(Array(3).fill('_n_____id______b_'))
    expect(decodeRoute(encodeRoute({ ...route, executedBy: { peerId: 'p', name: 'local1~aB3x9Z' } }))?.executedBy.name).toBe('local1~aB3x9Z')
  })

  it('come out as they went in', () => {
    expect(decodeRoute(encodeRoute(route))).toEqual(route)
    expect(decodeRoute(encodeRoute({ ...route, latencyMs: null }))).toEqual({ ...route, latencyMs: null })
  })

  it('with an unknown decision or verdict are refused', () => {
    expect(decodeRoute({ ...encodeRoute(route), decision: 3 })).toBeNull()
    expect(decodeRoute({ ...encodeRoute(route), candidates: [{ peerId: 'p', name: 'n', inFlight: 0, verdict: 99 }] })).toBeNull()
  })
})

describe('failures', () => {
  const sent = new MeshError('ERR_SQL', 'no such column', { nextStep: 'Look again.', details: { position: 12, hint: null } })

  it('come out as they went in, with the promise that nothing was executed', () => {
    const back = decodeFailure(decodeFrame(encodeFailure(3, sent, true))?.failure ?? expect.fail())
    expect(back).toMatchObject({ code: 'ERR_SQL', message: 'no such column', nextStep: 'Look again.', details: { position: 12, hint: null } })
    expect(back.details).not.toHaveProperty('started')
    expect(decodeFailure(decodeFrame(encodeFailure(3, sent, false))?.failure ?? expect.fail()).details.started).toBe('no')
  })

  it('cannot claim the promise through their details', () => {
    const lying = new MeshError('ERR_SQL', 'm', { details: { started: 'no' } })
    expect(decodeFailure(decodeFrame(encodeFailure(3, lying, true))?.failure ?? expect.fail()).details).not.toHaveProperty('started')
  })

  it('survive an unknown code and garbled details', () => {
    const failure = { id: 1, code: 'ERR_FUTURE', message: 'm', nextStep: 'n', details: '{"a":[1],"b":', started: true }
    expect(decodeFailure(failure)).toMatchObject({ code: 'ERR_PROTOCOL', details: {} })
    expect(decodeFailure({ ...failure, details: '{"a":[1],"b":2}' }).details).toEqual({ b: 2 })
  })
})

it('a frame of a later version, with an unknown part, still decodes', () => {
  const known = encodeFrame({ cancel: { id: 5 } })
  const unknownField = Uint8Array.of((31 << 3 | 2) & 0x7f | 0x80, (31 << 3 | 2) >> 7, 2, 1, 2)
  expect(decodeFrame(Buffer.concat([known, unknownField]))?.cancel).toEqual({ id: 5 })
})

describe('the verdict on a candidate', () => {
  const said: ReadonlyArray<CandidateExplanation['verdict']> = [
    'chosen', 'fallback', 'does-not-serve', 'not-ready', 'not-primary', 'not-alive', 'unhealthy', 'overloaded', 'stale-load', 'too-many-in-flight', 'spare', 'degraded',
    'ejected', 'too-stale', 'other-zone', 'pinned-elsewhere',
  ]

  it.each(said)('%s arrives as it was sent', (verdict) => {
    const candidate: CandidateExplanation = { peerId: 'p', name: 'n', latencyMs: 1, cpuPercent: null, memoryPercent: null, inFlight: 0, score: null, verdict }
    const route: WireRoute = { decision: 'forward', executedBy: { peerId: 'p', name: 'n' }, latencyMs: 1, reason: 'r', strategy: 'nearest', failedAttempts: [], candidates: [candidate], decisionUs: 1 }
    expect(decodeRoute(encodeRoute(route))?.candidates).toEqual([candidate])
  })
})
