import { describe, expect, it } from 'vitest'
import { firstWord, isSurelyRead, StatementReader, transactionWord } from '../../../../src/cli/shell/statements.ts'

function read(...lines: readonly string[]): { readonly statements: Array<readonly [string, number]>; readonly isOpen: boolean } {
  const reader = new StatementReader()
  const statements = lines.flatMap((line) => reader.push(`${line}\n`)).map(({ sql, line }): readonly [string, number] => [sql, line])
  return { statements, isOpen: reader.isOpen }
}

describe('statements', () => {
  it('end at a semicolon, wherever their lines end', () => {
    expect(read('select 1; select', '  2', '; select 3')).toEqual({ statements: [['select 1', 1], ['select\n  2', 1]], isOpen: true })
  })

  it.each([
    ["select 'a;b', \"c;d\", 'it''s;'", 1], ['select $$ ; $$, $tag$ $$;$$ $tag$', 1], ['select 1 -- ; \n', 1], ['select /* ; /* nested; */ ; */ 2', 1], ["select E'\\';'", 1],
    ["select 'back\\'", 1], ["select a$1 from t where b = $2", 1], ['select type\'x;\'', 1],
  ])('are not ended within %j', (sql, count) => {
    const reader = new StatementReader()
    expect(reader.push(`${sql};`).map((statement) => statement.sql)).toEqual([sql.trim()])
    expect([count, reader.isOpen]).toEqual([1, false])
  })

  it('are told with the line of their first word, and keep the comments before it, which may be hints', () => {
    const reader = new StatementReader()
    expect(reader.push('select 1;\n\n-- note\n\n/* reedbase: local-only */\nselect 2;')).toEqual([{ sql: 'select 1', line: 1, sqlLine: 1 }, { sql: '-- note\n\n/* reedbase: local-only */\nselect 2', line: 6, sqlLine: 3 }])
  })

  it('are none where there are only comments', () => {
    expect(read('-- nothing;', ';;', '/* ; */ ;')).toEqual({ statements: [], isOpen: false })
    const reader = new StatementReader()
    reader.push('-- the end\n')
    expect(reader.end()).toBeNull()
  })

  it('may end with the input', () => {
    const reader = new StatementReader()
    reader.push('\nselect\n1 ')
    expect(reader.end()).toEqual({ sql: 'select\n1', line: 2, sqlLine: 2 })
    expect(reader.end()).toBeNull()
  })

  it('are begun anew after what was discarded', () => {
    const reader = new StatementReader()
    reader.push("select 'open\n")
    expect(reader.isOpen).toBe(true)
    reader.discard()
    expect(reader.push('select 1;')).toEqual([{ sql: 'select 1', line: 2, sqlLine: 2 }])
  })
})

describe('what a statement is', () => {
  it.each([['select 1', true], ['-- x\n FROM t', true], ['(select 1)', true], ['with a as (select 1) select * from a', true], ['with a as (delete from t returning *) select * from a', false], ['insert into t values (1) returning *', false], ['select 1 into t', false], ['explain analyze delete from t', false], ['call f()', false]])('%j may be left: %s', (sql, isRead) => {
    expect(isSurelyRead(sql)).toBe(isRead)
  })

  it.each([
    ['BEGIN', { kind: 'begin', isReadOnly: false }], ['begin  transaction read only', { kind: 'begin', isReadOnly: true }], ['START TRANSACTION', { kind: 'begin', isReadOnly: false }],
    ['/* now */ commit -- so', { kind: 'commit' }], ['end', { kind: 'commit' }], ['ROLLBACK', { kind: 'rollback' }], ['abort work', { kind: 'rollback' }],
    ['rollback to savepoint a', null], ['begin; select', null], ['select 1', null],
  ])('%j', (sql, word) => {
    expect(transactionWord(sql)).toEqual(word)
  })

  it('has a first word', () => {
    expect([firstWord('  /* a */ -- b\n insert into t'), firstWord('42')]).toEqual(['INSERT', ''])
  })
})
