import { describe, expect, it } from 'vitest'
import { calledNames, statementCount, tokenize } from '../../../../src/adapters/duckdb/sql-tokens.ts'
import { checkCalledNames, checkKeywords, explainPrefix } from '../../../../src/adapters/duckdb/statement-policy.ts'

describe('tokens of a statement', () => {
  it.each([
    ['', 0], [' ;; -- x\n/* ; */', 0], ['SELECT 1', 1], ['SELECT 1;', 1], [';SELECT 1', 1], ['SELECT 1;SELECT 2', 2],
    ["SELECT ';'", 1], ['SELECT ";"', 1], ["SELECT 'it''s; '", 1], ["SELECT E'\\'; ' ", 1], ['SELECT $$;$$', 1], ['SELECT $a$ ; $$ ; $a$; SELECT 2', 2], ['SELECT /* /* ; */ ; */ 1', 1],
    ['SELECT $1; SELECT $2', 2], ["SELECT 'open ; ", 1], ['SELECT -- ;\n1', 1],
  ])('%j has %i statements', (sql, count) => {
    expect(statementCount(tokenize(sql))).toBe(count)
  })

  it('finds what is called, quoted or not, and nothing in literals and comments', () => {
    const names = calledNames(tokenize('SELECT a(1), "B c" (2), x.Y/* */(3), \'n(\', -- m(\n $$o($$, (p), q FROM "r""s"()'))
    expect([...names].sort()).toEqual(['a', 'b c', 'r"s', 'y'])
  })

  it.each([['EXPLAIN SELECT 1', 1], ['EXPLAIN ANALYZE SELECT 1', 2], ['explain (analyze, format json) select 1', 7], ['EXPLAIN (SELECT 1)', 1], ['SELECT 1', 0], ['"EXPLAIN" 1', 0]])('%j begins with %i tokens of EXPLAIN', (sql, count) => {
    expect(explainPrefix(tokenize(sql))).toBe(count)
  })

  it('refuses by keyword and by function', () => {
    for (const sql of ['set x = 1', '/* x */ COPY t TO \'f\'', 'create or replace persistent secret s (type x)', 'CREATE OR REPLACE TEMP TABLE t (i INT)', 'UPDATE EXTENSIONS']) {
      expect(() => checkKeywords(tokenize(sql)), sql).toThrow(expect.objectContaining({ code: 'ERR_SQL' }) as Error)
    }
    for (const sql of ['CREATE TABLE secret (i INT)', 'UPDATE extensions SET a = 1', 'DROP VIEW v', 'CREATE UNIQUE INDEX i ON t (a)']) checkKeywords(tokenize(sql))
    expect(() => checkCalledNames(tokenize('CREATE VIEW v AS FROM "Enable_Logging" ()'))).toThrow(expect.objectContaining({ code: 'ERR_SQL' }) as Error)
    checkCalledNames(tokenize("INSERT INTO t (query) VALUES ('enable_logging()')"))
  })
})
