import { describe, expect, it } from 'vitest'
import { displayWidth } from '../../../src/cli/query/display-width.ts'
import { sqlExcerpt } from '../../../src/cli/query/sql-excerpt.ts'

/** What stands above the caret. */
function pointedAt(excerpt: string): string {
  const [line = '', caret = ''] = excerpt.split('\n')
  let column = 0
  for (const character of line) {
    if (column === caret.length - 1) return character
    column += displayWidth(character)
  }
  return ''
}

describe('the excerpt of a statement', () => {
  it('is the whole line while that is short', () => {
    expect(sqlExcerpt('SELECT 1,\n\tnope\nFROM t', 11)).toBe('line 2:  nope\n         ^\n')
    expect(sqlExcerpt('SELECT', 6)).toBe('line 1: SELECT\n              ^\n')
  })

  it.each([0, 1, 59, 60, 61, 100, 4_000, 9_998, 9_999])('is about a hundred columns around position %d of a long line', (position) => {
    const sql = Array.from({ length: 10_000 }, (_, index) => (index === position ? '#' : 'x')).join('')
    const excerpt = sqlExcerpt(sql, position)
    expect(pointedAt(excerpt)).toBe('#')
    const shown = (excerpt.split('\n')[0] ?? '').slice('line 1: '.length)
    expect(shown.length).toBeLessThanOrEqual(100)
    expect([shown.startsWith('…'), shown.endsWith('…')]).toEqual([position > 60, position < 9_960])
  })

  it('counts columns, not characters', () => {
    const excerpt = sqlExcerpt(`${'日本'.repeat(500)}#${'語'.repeat(1_000)}`, 1_000)
    expect(pointedAt(excerpt)).toBe('#')
    expect(displayWidth(excerpt.split('\n')[0] ?? '')).toBeLessThanOrEqual('line 1: '.length + 100)
  })

  it.each([-1, 7, 0.5, Number.NaN])('is empty for %d, which is no position', (position) => {
    expect(sqlExcerpt('SELECT', position)).toBe('')
  })
})
