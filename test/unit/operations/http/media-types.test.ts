import { describe, expect, it } from 'vitest'
import { preferredType } from '../../../../src/operations/http/media-types.ts'

const offered = ['application/json', 'text/csv', 'application/x-ndjson']

describe('the type of an answer', () => {
  it.each([
    [undefined, 'application/json'], ['', 'application/json'], ['*/*', 'application/json'], ['text/csv', 'text/csv'], ['TEXT/CSV', 'text/csv'], ['text/*', 'text/csv'],
    ['text/csv;q=0.5, application/x-ndjson', 'application/x-ndjson'], ['application/json;q=0.1, */*;q=0.5', 'text/csv'], ['text/csv; charset=utf-8', 'text/csv'],
    ['application/x-ndjson, text/csv', 'text/csv'], ['image/png, */*;q=0.1', 'application/json'], ['application/json;q=0, */*', 'text/csv'],
  ])('for %j is %s', (accept, expected) => {
    expect(preferredType(accept, offered)).toBe(expected)
  })

  it.each(['image/png', 'text/csv;q=0', 'application/xml, text/html', 'text/csv;q=x'])('for %j is none', (accept) => {
    expect(() => preferredType(accept, offered)).toThrow(expect.objectContaining({ code: 'ERR_NOT_ACCEPTABLE', nextStep: expect.stringContaining('text/csv') as string }) as Error)
  })
})
