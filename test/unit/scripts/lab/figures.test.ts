import { describe, expect, it } from 'vitest'
import { compare, drawRows, type Figure, median, worst } from '../../../../scripts/lab/figures.ts'

function verdict(ours: Partial<Figure> | null, theirs: Partial<Figure> | null): string | undefined {
  const list = (figure: Partial<Figure> | null): Figure[] => (figure === null ? [] : [{ name: 'kill', unit: 'ms', value: 0, ...figure }])
  return compare(new Map([['mesh', list(ours)], ['serf', list(theirs)]]))[0]?.verdict
}

describe('verdicts', () => {
  it('a figure may be as large as what is asked', () => {
    expect(verdict({ value: 1000, asked: 1000 }, null)).toBe('met')
    expect(verdict({ value: 1001, asked: 1000 }, null)).toBe('MISSED')
  })

  it('what never came is missed', () => {
    expect(verdict({ value: Infinity, asked: 1000 }, { value: Infinity })).toBe('MISSED')
  })

  it('beside serf, only serf of the same run counts', () => {
    expect(verdict({ value: 300, asked: 'serf' }, { value: 310 })).toBe('met')
    expect(verdict({ value: 320, asked: 'serf' }, { value: 310 })).toBe('MISSED')
    expect(verdict({ value: 320, asked: 'serf' }, null)).toBe('not compared')
  })

  it("serf's own figures are not judged", () => {
    expect(verdict(null, { value: 7000, asked: 1000 })).toBe('')
    expect(verdict({ value: 7000 }, { value: 7000 })).toBe('')
  })
})

it('the median lies between the two in the middle; the worst of none is 0', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([4, 1, 9, 2])).toBe(3)
  expect(worst([])).toBe(0)
  expect(worst([2, Infinity])).toBe(Infinity)
})

it('the table names what is asked', () => {
  const drawn = drawRows([{ name: 'idle', unit: '%', asked: 1, mesh: 0.5, serf: Infinity, verdict: 'met' }])
  expect(drawn).toMatch(/idle .* at most 1\.00 % .* 0\.50 % .* never .* met/)
})
