import { describe, expect, it } from 'vitest'
import { judge, median } from '../../../../scripts/bench/startup-figures.ts'

const round = (bare: number, help: number, query: number): Record<string, number[]> => ({ 'node -e 0': [bare, bare, 900], 'rdb --help': [help], 'rdb version': [1_000], 'rdb db:query': [query] })

describe('bench:startup', () => {
  it('takes the middle of a round', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])]).toEqual([2, 2.5, 7])
  })

  it('judges each command by its quietest round, beside the quietest of a bare node', () => {
    const rows = judge([round(20, 171, 279), round(24, 170, 281), round(22, 500, 280)])
    expect(rows.map(({ name, quietestMs, askedMs, isMet }) => [name, quietestMs, askedMs, isMet])).toEqual([
      ['node -e 0', 20, null, true], ['rdb --help', 170, 170, true], ['rdb version', 1_000, null, true], ['rdb db:query', 279, 280, true],
    ])
    expect(rows[1]?.mediansMs).toEqual([171, 170, 500])
  })

  it('tells what is missed', () => {
    expect(judge([round(20, 171, 281)]).filter(({ isMet }) => !isMet).map(({ name }) => name)).toEqual(['rdb --help', 'rdb db:query'])
  })
})
