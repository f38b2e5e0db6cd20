import { describe, expect, it } from 'vitest'
import { parseControlRequest } from '../../../../src/adapters/local/control-request.ts'

const explain = { method: 'explain', database: 'db', sql: 'SELECT 1', hints: 'local-only', priority: 'high' }

describe('a request to explain', () => {
  it('is read as it is, without what does not belong to it', () => {
    expect(parseControlRequest(JSON.stringify({ ...explain, more: 1 }))).toEqual(explain)
    expect(parseControlRequest(JSON.stringify({ method: 'explain', database: 'db', sql: '' }))).toEqual({ ...explain, sql: '', hints: '', priority: 'normal' })
  })

  it.each<[object, string]>([
    [{ database: '' }, 'no database is named'], [{ sql: 1 }, 'the SQL of a query to explain is a text'], [{ sql: undefined }, 'the SQL of a query to explain is a text'],
    [{ hints: ['a'] }, 'the list of hints of a query to explain is a text'], [{ priority: 'urgent' }, 'the priority of a query is critical, high, normal, low'],
  ])('is refused with %j', (changes, message) => {
    expect(() => parseControlRequest(JSON.stringify({ ...explain, ...changes }))).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message }))
  })
})
