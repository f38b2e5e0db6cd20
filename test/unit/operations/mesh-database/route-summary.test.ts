import { describe, expect, it } from 'vitest'
import { summariseRoutes } from '../../../../src/operations/mesh-database/route-summary.ts'
import { queryRecord } from './query-record.ts'

describe('how queries go', () => {
  it('is told for each database, decision and target, with its share of the database', () => {
    const far = { peerId: 'peer-far', name: 'far' }
    const records = [
      queryRecord({ durationMs: 1, reason: 'first' }), queryRecord({ durationMs: 3, reason: 'last', startedWallMs: 70 }),
      queryRecord({ durationMs: 8, decision: 'forward', executedBy: far, outcome: 'error' }), queryRecord({ durationMs: 2, decision: 'refused', executedBy: null }),
      queryRecord({ database: 'other', durationMs: 5 }),
    ]
    expect(summariseRoutes(records)).toEqual([
      { database: 'users', decision: 'local', target: { peerId: 'peer-near', name: 'near' }, queries: 2, failed: 0, share: 0.5, meanMs: 2, p99Ms: 3, lastReason: 'last', lastWallMs: 73 },
      { database: 'users', decision: 'forward', target: far, queries: 1, failed: 1, share: 0.25, meanMs: 8, p99Ms: 8, lastReason: 'why', lastWallMs: 8 },
      { database: 'users', decision: 'refused', target: null, queries: 1, failed: 0, share: 0.25, meanMs: 2, p99Ms: 2, lastReason: 'why', lastWallMs: 2 },
      { database: 'other', decision: 'local', target: { peerId: 'peer-near', name: 'near' }, queries: 1, failed: 0, share: 1, meanMs: 5, p99Ms: 5, lastReason: 'why', lastWallMs: 5 },
    ])
  })

  it('takes the 99th percentile by nearest rank, whatever the order', () => {
    const records = Array.from({ length: 200 }, (_, index) => queryRecord({ durationMs: 200 - index }))
    expect(summariseRoutes(records)[0]).toMatchObject({ queries: 200, p99Ms: 198, meanMs: 100.5 })
  })

  it('is nothing without queries', () => {
    expect(summariseRoutes([])).toEqual([])
  })
})
