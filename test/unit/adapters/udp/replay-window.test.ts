import { describe, expect, it } from 'vitest'
import { ReplayWindow } from '../../../../src/adapters/udp/replay-window.ts'
import { createRandom, randomInteger } from '../../../../src/core/time/random.ts'

/** The same by remembering everything. */
class DumbWindow {
  readonly #seen = new Set<number>()
  #highest = 0

  isFresh(counter: number): boolean {
    return counter >= 1 && !this.#seen.has(counter) && counter + ReplayWindow.bits > this.#highest
  }

  accept(counter: number): void {
    this.#seen.add(counter)
    this.#highest = Math.max(this.#highest, counter)
  }
}

describe('ReplayWindow', () => {
  it('takes each counter once, in any order', () => {
    const window = new ReplayWindow()
    for (const counter of [3, 1, 2]) {
      expect(window.isFresh(counter)).toBe(true)
      window.accept(counter)
      expect(window.isFresh(counter)).toBe(false)
    }
  })

  it('is not moved by looking', () => {
    const window = new ReplayWindow()
    expect(window.isFresh(1_000_000)).toBe(true)
    expect(window.isFresh(1)).toBe(true)
  })

  it('refuses 0, which no sender uses', () => {
    expect(new ReplayWindow().isFresh(0)).toBe(false)
  })

  it('accepts a late counter up to its width behind the highest, which is at least 1,024', () => {
    expect(ReplayWindow.bits).toBeGreaterThanOrEqual(1024)
    const window = new ReplayWindow()
    window.accept(10_000)
    expect(window.isFresh(10_000 - ReplayWindow.bits + 1)).toBe(true)
    expect(window.isFresh(10_000 - ReplayWindow.bits)).toBe(false)
  })

  it('forgets nothing wrongly when it jumps far, and works up to the largest counter', () => {
    const window = new ReplayWindow()
    const last = Number.MAX_SAFE_INTEGER
    window.accept(5)
    window.accept(last - 1)
    expect(window.isFresh(5)).toBe(false)
    expect(window.isFresh(last - 1)).toBe(false)
    expect(window.isFresh(last - 2)).toBe(true)
    expect(window.isFresh(last)).toBe(true)
  })

  it.each([1, 2, 3, 4])('agrees with one that remembers everything (seed %i)', (seed) => {
    const random = createRandom(seed)
    const window = new ReplayWindow()
    const dumb = new DumbWindow()
    let around = 1
    let accepted = 0
    for (let step = 0; step < 20_000; step++) {
      // Mostly small steps forward with disorder, now and then a leap of up to twice the window.
      around += random() < 0.01 ? randomInteger(random, 2 * ReplayWindow.bits) : randomInteger(random, 3)
      const counter = Math.max(0, around - randomInteger(random, random() < 0.1 ? 3000 : 40))
      const fresh = dumb.isFresh(counter)
      if (window.isFresh(counter) !== fresh) expect.fail(`step ${step}: counter ${counter} should ${fresh ? '' : 'not '}be fresh`)
      // Not everything that looks fresh is authentic.
      if (!fresh || random() < 0.1) continue
      window.accept(counter)
      dumb.accept(counter)
      accepted++
    }
    expect(accepted).toBeGreaterThan(1000)
  })
})
