import { describe, expect, it } from 'vitest'
import { historyName, readHistoryName } from '../../../../src/operations/tables/history-names.ts'

const day = Date.parse('2026-11-20') / 86_400_000

describe('names of the history', () => {
  it.each([
    ['latency-2026-11-20.csv', { table: 'latency', resolution: 'raw', day, part: 1 }],
    ['load-1m-2026-11-20.csv', { table: 'load', resolution: '1m', day, part: 1 }],
    ['p2p-2026-11-20.12.csv', { table: 'p2p', resolution: 'raw', day, part: 12 }],
  ] as const)('%s', (name, parts) => {
    expect(historyName(parts)).toBe(name)
    expect(readHistoryName(name)).toEqual(parts)
  })

  it.each(['latency.csv', 'other-2026-11-20.csv', 'load-2026-13-20.csv', 'load-2026-02-30.csv', 'load-2026-11-20.1.csv', 'load-2026-11-20.0.csv', 'load-2026-11-20.csv.unknown', 'xload-2026-11-20.csv', '../load-2026-11-20.csv'])('leaves %s alone', (name) => {
    expect(readHistoryName(name)).toBeNull()
  })
})
