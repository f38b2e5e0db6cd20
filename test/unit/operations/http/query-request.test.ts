import { describe, expect, it } from 'vitest'
import { parseBody, readQuery } from '../../../../src/operations/http/query-request.ts'

const parametersOf = (json: string): unknown => readQuery(parseBody(`{"database":"users","sql":"SELECT 1","parameters":${json}}`), { timeoutMsMax: 60_000 }).parameters

describe('numbers in a body', () => {
  it('keep every digit where a type is named, or a whole one has too many for JavaScript', () => {
    expect(parametersOf('[9007199254740993, -12345678901234567890123, 9007199254740991, 1.5, 1.10, 1e3, 1E+2, -0.25, 1e-400, 0]')).toEqual([9007199254740993n, -12345678901234567890123n, 9007199254740991, 1.5, 1.1, 1_000, 100, -0.25, 0, 0])
    expect(parametersOf('[{"type":"DECIMAL(38,3)[]","value":[1.10, 12345678901234567890.123, 2, 1e400]}]')).toEqual([{ type: 'DECIMAL(38,3)[]', value: ['1.10', '12345678901234567890.123', 2, '1e400'] }])
    expect(parametersOf('[{"type":"STRUCT(a DOUBLE)","value":{"a":1.10}}, [[9007199254740993]]]')).toEqual([{ type: 'STRUCT(a DOUBLE)', value: { a: '1.10' } }, [[9007199254740993n]]])
  })

  it('are left alone in strings, however those are written', () => {
    const texts = ['1.10', '9007199254740993', '"1.10"', '\\', '\\"1.10', 'a\\\\', '', '\n1.10', '{"x":1.10}', 'ü1e5']
    expect(parametersOf(`[1.10, ${texts.map((text) => JSON.stringify(text)).join(', ')}, "\\u0031.10\\"", 1.10]`)).toEqual([1.1, ...texts, '1.10"', 1.1])
  })

  it('are no way round the checks', () => {
    for (const body of ['{"database":1.10,"sql":"SELECT 1"}', '{"database":"users","sql":"SELECT 1","timeoutMs":1.10}', '{"database":"users","sql":"SELECT 1","route":1.10}', '{"database":"users","sql":"SELECT 1","timeoutMs":1.}', '01.10', '1.1.0']) {
      expect(() => readQuery(parseBody(body), { timeoutMsMax: 60_000 })).toThrow(expect.objectContaining({ code: 'ERR_REQUEST_INVALID' }) as Error)
    }
  })
})

describe('a parameter of many levels', () => {
  it('is refused, whichever it is', () => {
    const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`
    expect(parametersOf(`[${nested(60)}]`)).toHaveLength(1)
    for (const json of [nested(100_000), `{"type":"INT[]","value":${nested(100_000)}}`, `{"type":"INT[]","value":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`]) {
      expect(() => parametersOf(`[${json}]`)).toThrow(expect.objectContaining({ code: 'ERR_REQUEST_INVALID' }) as Error)
    }
  })
})
