import { expect, it } from 'vitest'
import { leftAfter } from '../../../../../src/core/routing/strategies/decay.ts'

it('is halved with each half-life, exactly', () => {
  expect([0, 1, 2, 10, 1_074].map(leftAfter)).toEqual([1, 0.5, 0.25, 2 ** -10, 2 ** -1_074])
})

it('is right to one part in a million in between', () => {
  for (let halfLives = 0; halfLives < 40; halfLives += 0.000_97) expect(Math.abs(leftAfter(halfLives) / 2 ** -halfLives - 1)).toBeLessThan(1e-6)
})

it('never grows', () => {
  for (let place = 1; place <= 5_000; place++) expect(leftAfter(place / 1_000)).toBeLessThan(leftAfter((place - 1) / 1_000))
})

it.each([1_074.999, 1_075, 1e300, Infinity])('is nothing after %d', (halfLives) => {
  expect(leftAfter(halfLives)).toBeCloseTo(0, 300)
})
