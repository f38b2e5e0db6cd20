import { describe, expect, it } from 'vitest'
import { findHintComments } from '../../../src/query/hint-comments.ts'

describe('hint comments', () => {
  it.each<[string, string[]]>([
    ['/*+ rdb: a */ SELECT 1', [' a ']],
    ['\n\t /*+rdb:a*/SELECT 1', ['a']],
    ['-- nightly report\n/* by hand */ /*+ rdb: a */ SELECT 1', [' a ']],
    ['SELECT /*+ rdb: a */ 1', [' a ']],
    ['select/*+ rdb: a */1', [' a ']],
    ['SELECT -- all of them\n /* really */ /*+ rdb: a */ 1', [' a ']],
    ['/*+ rdb: a */ SELECT /*+ rdb: b */ 1', [' a ', ' b ']],
    ['/*+ rdb: a *//*+ rdb: b */ SELECT 1', [' a ', ' b ']],
    ['WITH /*+ rdb: a */ x AS (SELECT 1) TABLE x', [' a ']],
    ['/*+ rdb: a, /* once */ b */ SELECT 1', [' a, /* once */ b ']],
    ['/*+ rdb: */ SELECT 1', [' ']],
  ])('are read from %j', (sql, texts) => {
    expect(findHintComments(sql)).toEqual({ texts, strayAt: null })
  })

  it.each([
    ['a string', "SELECT '/*+ rdb: a */'"],
    ['a string with doubled quotes', "SELECT 'it''s /*+ rdb: a */'"],
    ['a string that a backslash does not end', "SELECT '\\', '/*+ rdb: a */'"],
    ['a string with escapes', "SELECT E'\\'/*+ rdb: a */'"],
    ['a string with escapes and doubled quotes', "SELECT e'a''\\'/*+ rdb: a */'"],
    ['a quoted name', 'SELECT "/*+ rdb: a */" FROM t'],
    ['a quoted name with doubled quotes', 'SELECT "a""/*+ rdb: a */" FROM t'],
    ['a dollar quote', 'SELECT $$ /*+ rdb: a */ $$'],
    ['a dollar quote with a tag', 'SELECT $x$ $$ /*+ rdb: a */ $y$ $x$'],
    ['a comment', '/* was: /*+ rdb: a */ */ SELECT 1'],
    ['a comment to the end of the line', '-- /*+ rdb: a */\nSELECT 1'],
    ['another kind of comment', 'SELECT /* rdb: a */ 1 /*+ other: rdb: */'],
    ['a string that is not closed', "SELECT '/*+ rdb: a */"],
    ['a dollar quote that is not closed', 'SELECT $a$ /*+ rdb: a */ $b$'],
    ['a comment that is not closed', '/*+ rdb: a'],
    ['one that holds a comment that is not closed', '/*+ rdb: a /* */ SELECT 1'],
  ])('are none in %s', (_what, sql) => {
    expect(findHintComments(sql)).toEqual({ texts: [], strayAt: null })
  })

  it.each([
    ['SELECT 1 /*+ rdb: a */'],
    ['SELECT * FROM (SELECT /*+ rdb: a */ 1)'],
    ['(/*+ rdb: a */ SELECT 1)'],
    ['SELECT 1; /*+ rdb: a */ SELECT 2'],
    ["SELECT '' /*+ rdb: a */"],
    ["SELECT 'x' || E'\\\\' /*+ rdb: a */"],
    ['SELECT "a" /*+ rdb: a */'],
    ['SELECT $$ $$ /*+ rdb: a */'],
    // No dollar quote begins within a name, or with a digit.
    ['SELECT a$b$ /*+ rdb: a */, b$b$'],
    ['SELECT $1 /*+ rdb: a */, $1'],
    ['SELECT 1 - -- one\n /*+ rdb: a */ 2'],
    ['/*+ other: x */ WITH x AS (SELECT 1) SELECT /*+ rdb: a */ * FROM x'],
  ])('that stand elsewhere are found: %s', (sql) => {
    expect(findHintComments(sql).strayAt).toBe(sql.indexOf('/*+ rdb:'))
  })

  it('take time in proportion to the statement, whatever it looks like', () => {
    for (const part of ['/*+ rdb:', '/*+ ', '/*', "'", '"', '$a$', '$', "E'", '\\', '- ', '--', '\n', ' ', '*/', 'a$']) {
      const long = part.repeat(400_000)
      for (const sql of [`/*+ rdb: a */ ${long}`, `${long} /*+ rdb: a */`, `SELECT ${long}/*+ rdb: a */`]) expect(findHintComments(sql).texts.length).toBeLessThan(3)
    }
  }, 10_000)
})
