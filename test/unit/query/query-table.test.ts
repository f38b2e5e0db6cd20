import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QueryTable } from '../../../src/query/query-table.ts'

/** Few, so that they meet; far apart and at the ends of their range, so that they collide and wrap around. */
const ids = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 }).map((k) => k * 64), fc.integer({ min: 0, max: 40 }).map((k) => 0xffff_ffff - k))

describe('QueryTable', () => {
  it('does what a Map does, whatever the ids and the order', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), ids), { maxLength: 400 }), (steps) => {
      const table = new QueryTable<{ step: number }>()
      const map = new Map<number, { step: number }>()
      for (const [step, [add, id]] of steps.entries()) {
        if (add) {
          table.set(id, { step })
          map.set(id, { step })
        } else expect(table.delete(id)).toBe(map.delete(id))
        expect(table.size).toBe(map.size)
      }
      for (const id of new Set(steps.map(([, each]) => each))) {
        expect(table.get(id)).toEqual(map.get(id))
        expect(table.has(id)).toBe(map.has(id))
      }
      expect(table.values().map(({ step }) => step).sort((a, b) => a - b)).toEqual([...map.values()].map(({ step }) => step).sort((a, b) => a - b))
    }))
  })

  it('finds all of more queries than it began with places for', () => {
    const table = new QueryTable<{ id: number }>()
    for (let id = 1; id <= 5000; id++) table.set(id, { id })
    for (let id = 1; id <= 5000; id += 2) table.delete(id)
    expect([table.size, table.get(5000)?.id, table.get(4999)]).toEqual([2500, 5000, undefined])
  })
})
