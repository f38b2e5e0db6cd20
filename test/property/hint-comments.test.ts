/** Hint comments against PostgreSQL's own scanner, and against statements whose strings are known. */
import fc from 'fast-check'
import { loadModule, scanSync, type ScanToken } from 'libpg-query'
import { beforeAll, describe, expect, it } from 'vitest'
import { findHintComments, type HintComments } from '../../src/query/hint-comments.ts'

beforeAll(() => loadModule())

const hint = '/*+ rdb: local-only */'
/** Its own, closed, with anything inside that does not close it. */
const literal = fc.oneof(
  fc.array(fc.constantFrom(hint, "''", '"', '$$', '/*', '*/', '--', '\n', '\\', 'a', ' ')).map((parts) => `'${parts.join('')}'`),
  fc.array(fc.constantFrom(hint, '""', '\'', '$$', '/*', '*/', '--', '\n', 'a')).map((parts) => `"a${parts.join('')}"`),
  fc.array(fc.constantFrom(hint, "''", "\\'", '\\\\', '"', '$$', '/*', 'n')).map((parts) => `E'${parts.join('')}'`),
  fc.array(fc.constantFrom(hint, "'", '"', '$$', '$', '/*', '*/', '--', '\n', 'a')).map((parts) => `$q$${parts.join('')}$q$`),
)
const filler = fc.constantFrom(' ', '\n', '/* note */', '-- note\n', '/* /* nested */ \' */')
const code = fc.constantFrom('a', 'FROM', '1', '.5', ',', '(', ')', '+', '*', '=', '$1', 'a$b$', ';')

/** What the scanner's tokens say: comments that are hints, before the first other token, or behind it if it is a word. */
function expected(sql: string, tokens: readonly ScanToken[]): HintComments {
  const texts: string[] = []
  let words = 0
  let isBehindFirstWord = false
  for (const { tokenName, start, end, text } of tokens) {
    if (tokenName === 'SQL_COMMENT') continue
    if (tokenName === 'C_COMMENT') {
      const inside = /^\/\*\+\s*rdb:(.*)\*\/$/s.exec(text)?.[1]
      if (inside === undefined) continue
      if (words > 0 && !isBehindFirstWord) return { texts, strayAt: start }
      texts.push(inside)
      continue
    }
    expect(sql.slice(start, end)).toBe(text)
    isBehindFirstWord = words++ === 0 && /^[a-z_]/i.test(text)
  }
  return { texts, strayAt: null }
}

describe('hint comments', () => {
  it('are where PostgreSQL sees comments, in any text', () => {
    const pieces = fc.constantFrom(hint, '/*+rdb:b*/', '/*', '*/', '/*+', '\'', "''", '"', '$$', '$q$', 'E', 'e\'', '\\', '--', '\n', ' ', 'SELECT', 'a', 'a$', '1', '$1', '-', '/', '*', '+', '(', ';', ',')
    let scanned = 0
    fc.assert(fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => {
      const sql = parts.join('')
      let tokens: readonly ScanToken[]
      try {
        ({ tokens } = scanSync(sql))
      } catch {
        // Not closed, or no statement of any kind: the engine refuses it.
        findHintComments(sql)
        return
      }
      scanned++
      expect(findHintComments(sql)).toEqual(expected(sql, tokens))
    }), { seed: 21, numRuns: 20_000 })
    expect(scanned).toBeGreaterThan(5_000)
  }, 60_000)

  it('are never within a literal, and found wherever else they stand', () => {
    const body = fc.array(fc.oneof(literal, filler, code), { maxLength: 12 })
    fc.assert(fc.property(fc.array(filler, { maxLength: 3 }), fc.array(filler, { maxLength: 3 }), body, body, (before, between, head, tail) => {
      const start = before.join(' ')
      const join = (parts: readonly string[]): string => parts.join(' ')
      expect(findHintComments(`${start} SELECT ${join(head)}`)).toEqual({ texts: [], strayAt: null })
      expect(findHintComments(`${start}${hint}SELECT ${join(head)}`)).toEqual({ texts: [' local-only '], strayAt: null })
      expect(findHintComments(`${start} SELECT ${between.join(' ')}${hint} ${join(head)}`)).toEqual({ texts: [' local-only '], strayAt: null })
      const stray = `${start} SELECT 1 ${join(head)} `
      expect(findHintComments(`${stray}${hint} ${join(tail)}`)).toEqual({ texts: [], strayAt: stray.length })
    }), { seed: 22, numRuns: 3_000 })
  })
})
