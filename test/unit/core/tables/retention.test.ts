import { describe, expect, it } from 'vitest'
import { DAY_MS, dayOf, filesToDrop, type HistoryFile, isPartFull } from '../../../../src/core/tables/retention.ts'

const limits = { rawRetentionMs: 7 * DAY_MS, aggregateRetentionMs: 90 * DAY_MS, bytesMax: 1_000, bytesElsewhere: 0, isClockTrusted: true }
const today = 100

function file(name: string, { day, resolution = 'raw', bytes = 1, isOpen = false }: Partial<HistoryFile> & { readonly day: number }): HistoryFile {
  return { name, day, resolution, bytes, isOpen }
}

function dropped(files: readonly HistoryFile[], changes: Partial<typeof limits> & { readonly wallMs?: number } = {}): string[] {
  return filesToDrop(changes.wallMs ?? today * DAY_MS, files, { ...limits, ...changes }).map(({ name }) => name)
}

describe('which files of the history go', () => {
  it('keeps each sample as long as it was promised, and drops its file when the youngest of them is past it', () => {
    const files = [file('old', { day: today - 8 }), file('young', { day: today - 7 })]
    expect(dropped(files)).toEqual(['old'])
    expect(dropped(files, { wallMs: today * DAY_MS - 1 })).toEqual([])
  })

  it('keeps aggregates longer', () => {
    expect(dropped([file('a', { day: today - 90, resolution: '1m' }), file('b', { day: today - 91, resolution: '1m' })])).toEqual(['b'])
  })

  it('drops the oldest days first where there is too much, and of one day the samples before the aggregates', () => {
    const files = [
      file('new', { day: today - 1, bytes: 400 }), file('1m', { day: today - 2, resolution: '1m', bytes: 400 }),
      file('raw', { day: today - 2, bytes: 400 }), file('older-1m', { day: today - 9, resolution: '1m', bytes: 100 }),
    ]
    expect(dropped(files)).toEqual(['older-1m', 'raw'])
    expect(dropped(files, { bytesElsewhere: 500 })).toEqual(['older-1m', 'raw', '1m'])
    expect(dropped(files, { bytesMax: 1_300 })).toEqual([])
  })

  it('counts what has gone for its age before it takes more', () => {
    expect(dropped([file('expired', { day: today - 20, bytes: 900 }), file('kept', { day: today - 1, bytes: 1_000 })])).toEqual(['expired'])
  })

  it('keeps what is being written, and counts it', () => {
    expect(dropped([file('open', { day: today, resolution: '1m', bytes: 900, isOpen: true }), file('closed', { day: today - 1, bytes: 200 })])).toEqual(['closed'])
  })

  it('drops nothing for its age while the clock is in doubt, and two days at most at once; the bound on size holds all the same', () => {
    const files = [20, 19, 18, 17].flatMap((age) => [file(`raw-${age}`, { day: today - age }), file(`part-${age}`, { day: today - age })])
    expect(dropped(files, { isClockTrusted: false })).toEqual([])
    expect(dropped(files).sort()).toEqual(['part-19', 'part-20', 'raw-19', 'raw-20'])
    expect(dropped([file('a', { day: today - 20, bytes: 900 }), file('b', { day: today - 19, bytes: 900 })], { isClockTrusted: false })).toEqual(['a'])
  })

  it('turns days at midnight in UTC', () => {
    expect([dayOf(0), dayOf(DAY_MS - 1), dayOf(DAY_MS)]).toEqual([0, 0, 1])
  })

  it('ends a part at an eighth of the bound', () => {
    expect([isPartFull(124_999, { bytesMax: 1_000_000 }), isPartFull(125_000, { bytesMax: 1_000_000 })]).toEqual([false, true])
  })
})
