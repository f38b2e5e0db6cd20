import { describe, expect, it } from 'vitest'
import { Ring } from '../../../../src/core/time/ring.ts'

describe('Ring', () => {
  it('keeps the last ones, the oldest first', () => {
    const ring = new Ring<number>(3)
    expect(ring.list()).toEqual([])
    for (const item of [1, 2]) ring.push(item)
    expect(ring.list()).toEqual([1, 2])
    for (const item of [3, 4, 5, 6, 7]) ring.push(item)
    expect(ring.list()).toEqual([5, 6, 7])
    expect(ring.length).toBe(3)
  })
})
