import { describe, expect, it } from 'vitest'
import { toRequest } from '../../../src/client/request.ts'
import type { QueryOptions } from '../../../src/client/types.ts'

describe('the options of a query', () => {
  it('have defaults', () => {
    expect(toRequest('SELECT 1', { database: 'users' })).toEqual({
      database: 'users', sql: 'SELECT 1', parameters: [], access: 'unknown', priority: 'normal', timeoutMs: 30_000, visited: [], explain: false, lastResort: false, finalPeerId: '', hints: '',
    })
  })

  it.each<[Partial<QueryOptions>, string]>([
    [{ route: { localOnly: true } }, 'local-only'],
    [{ route: { preferRemote: true, zone: 'eu/r1', maxStalenessMs: 1500, strategy: 'peak-ewma' }, session: 's1' }, 'prefer-remote, zone=eu/r1, max-staleness=1500ms, strategy=peak-ewma, session=s1'],
    [{ route: 'zone=eu' }, 'zone=eu'],
    [{ route: 'zone=eu', session: 's1' }, 'zone=eu, session=s1'],
    [{ route: { localOnly: false } }, ''],
  ])('that speak of the route go as hints: %j', (options, hints) => {
    expect(toRequest('SELECT 1', { database: 'users', ...options }).hints).toBe(hints)
  })

  it('cannot smuggle one hint in another', () => {
    expect(() => toRequest('SELECT 1', { database: 'users', session: 'a, local-only' })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }) as Error)
  })

  it.each([
    [{ database: '' }, 'no database is named'],
    [{ priority: 'urgent' }, 'priority is "urgent"; it must be critical, high, normal, low'],
    [{ priority: '' }, 'priority is ""'],
    [{ timeoutMs: 0 }, 'timeoutMs is 0; it must be between 1 and 2147483647'],
    [{ timeoutMs: Number.NaN }, 'timeoutMs is NaN'],
    [{ route: { zoen: 'eu', localOnly: true, stratgy: 'nearest' } }, 'route has no zoen, no stratgy; it takes localOnly, preferRemote, zone, maxStalenessMs, strategy'],
    [{ timeoutMs: 2 ** 31 }, 'timeoutMs is 2147483648'],
  ])('are refused: %j', (wrong, message) => {
    expect(() => toRequest('SELECT 1', { database: 'users', ...wrong } as QueryOptions)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(message) as string }) as Error)
  })
})
