import { describe, expect, it } from 'vitest'
import { NO_HINTS } from '../../../src/core/routing/hints.ts'
import { HINT_TEXT_CHARACTERS_MAX, NO_QUERY_HINTS, readHints } from '../../../src/query/hint-text.ts'

describe('hints', () => {
  it.each(['SELECT 1', '/* rdb: local-only */ SELECT 1', '/*+ other: x */ SELECT 1', "SELECT '/*+ rdb: local-only */'"])('are none in %s', (sql) => {
    expect(readHints(sql, '')).toBe(NO_QUERY_HINTS)
  })

  it('are read from a comment at the beginning', () => {
    expect(readHints('  /*+ rdb: prefer-remote, zone=eu-west/r1 , max-staleness=5s,strategy=peak-ewma, priority=high, session=cart:42 */ SELECT 1', '')).toEqual({
      route: { ...NO_HINTS, preferRemote: true, zone: 'eu-west/r1', maxStalenessMs: 5_000, strategy: 'peak-ewma' }, priority: 'high', session: 'cart:42',
    })
  })

  it('are read from the request, which wins where both speak', () => {
    expect(readHints('/*+ rdb: zone=eu, local-only */ SELECT 1', 'zone=us, priority=low')).toEqual({
      route: { ...NO_HINTS, localOnly: true, zone: 'us' }, priority: 'low', session: null,
    })
  })

  it.each([
    ['lcal-only', '"lcal-only" is no hint'],
    ['local-only=yes', 'takes no value'],
    ['zone', 'takes a datacenter'],
    ['zone=a/b/c', 'takes a datacenter'],
    ['max-staleness=5', 'takes a duration'],
    ['priority=urgent', 'takes one of critical, high, normal, low'],
    ['session=a b', 'takes letters'],
    [`session=${'x'.repeat(129)}`, 'at most 128'],
    ['x'.repeat(HINT_TEXT_CHARACTERS_MAX + 1), 'at most 1024'],
    ['pinned-to=x', 'is no hint'],
    ['local-only, prefer-remote', 'the hints contradict each other: local-only keeps the query here, prefer-remote sends it away'],
    ['prefer-remote,local-only', 'contradict each other'],
    ['zone=eu, zone=us', 'the hints contradict each other: zone is both eu and us'],
    ['session=a, priority=low, session=b', 'session is both a and b'],
  ])('are refused: %s', (words, message) => {
    for (const [sql, text] of [['SELECT 1', words], [`/*+ rdb: ${words} */ SELECT 1`, '']] as const) {
      expect(() => readHints(sql, text)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(message) as string }) as Error)
    }
  })

  it('are read right after the first word, too, and the later one counts', () => {
    expect(readHints('SELECT /*+ rdb: local-only */ 1', '').route.localOnly).toBe(true)
    expect(readHints('/*+ rdb: zone=a, local-only */ SELECT /*+ rdb: zone=b, priority=low */ 1', 'priority=high')).toEqual({ route: { ...NO_HINTS, zone: 'b', localOnly: true }, priority: 'high', session: null })
  })

  it('may say the same twice, and in another text the opposite', () => {
    expect(readHints('SELECT 1', 'zone=eu, local-only, zone=eu, local-only').route).toEqual({ ...NO_HINTS, localOnly: true, zone: 'eu' })
    expect(readHints('/*+ rdb: local-only */ SELECT 1', 'prefer-remote').route).toEqual({ ...NO_HINTS, preferRemote: true })
    expect(readHints('/*+ rdb: prefer-remote */ SELECT /*+ rdb: local-only */ 1', '').route).toEqual({ ...NO_HINTS, localOnly: true })
  })

  it('are refused where nobody would look for them', () => {
    expect(() => readHints('SELECT 1 /*+ rdb: local-only */', '')).toThrow(expect.objectContaining({
      code: 'ERR_OPTION_INVALID', message: 'a hint stands in the middle of the statement, at character 10, where none is read', nextStep: expect.stringContaining('SELECT /*+ rdb: … */') as string, details: { started: 'no', position: 9 },
    }) as Error)
  })

  it('take no time over a long statement that only looks like having some', () => {
    expect(readHints(`/*+ rdb:${' '.repeat(1_000_000)}`, '')).toBe(NO_QUERY_HINTS)
  })
})
