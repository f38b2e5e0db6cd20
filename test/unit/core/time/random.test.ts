import { describe, expect, it } from 'vitest'
import { createRandom, randomInteger, shuffle } from '../../../../src/core/time/random.ts'

describe('createRandom', () => {
  it('repeats itself for a seed and differs between neighbouring seeds', () => {
    const draw = (seed: number) => { const random = createRandom(seed); return Array.from({ length: 20 }, () => random()) }
    expect(draw(42)).toEqual(draw(42))
    expect(draw(42).some((value, index) => value === draw(43)[index])).toBe(false)
  })

  it('is uniform in [0, 1) by chi-square over 100 cells, also for seed 0', () => {
    for (const seed of [0, 1, 2 ** 31]) {
      const random = createRandom(seed)
      const cells = new Array<number>(100).fill(0)
      let outside = 0
      for (let i = 0; i < 100_000; i++) {
        const value = random()
        if (value < 0 || value >= 1) outside++
        cells[Math.floor(value * 100)] = (cells[Math.floor(value * 100)] ?? 0) + 1
      }
      expect(outside).toBe(0)
      const chiSquare = cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
      // 99 degrees of freedom: 1 in 10,000 lies above 161.
      expect(chiSquare).toBeLessThan(161)
    }
  })
})

describe('randomInteger and shuffle', () => {
  it('reaches every value below the bound and none beyond', () => {
    const random = createRandom(9)
    expect(new Set(Array.from({ length: 1000 }, () => randomInteger(random, 7)))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]))
  })

  it('shuffles in place, keeps all items, and brings each of the six orders of three equally often', () => {
    const random = createRandom(10)
    const orders = new Map<string, number>()
    for (let i = 0; i < 12_000; i++) {
      const items = ['a', 'b', 'c']
      expect(shuffle(random, items)).toBe(items)
      orders.set(items.join(''), (orders.get(items.join('')) ?? 0) + 1)
    }
    expect(orders.size).toBe(6)
    for (const count of orders.values()) expect(Math.abs(count - 2000)).toBeLessThan(200)
  })
})
