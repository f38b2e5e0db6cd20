import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../../../src/core/time/deadlines.ts'
import { createRandom, randomInteger } from '../../../../src/core/time/random.ts'

describe('Deadlines', () => {
  it('gives names in order of their deadlines, and only those that are due', () => {
    const deadlines = new Deadlines<'a' | 'b' | 'c'>()
    deadlines.set('b', 20)
    deadlines.set('a', 10)
    deadlines.set('c', 30)
    expect(deadlines.nextMs()).toBe(10)
    expect([deadlines.takeDue(20), deadlines.takeDue(20), deadlines.takeDue(20)]).toEqual(['a', 'b', null])
    expect(deadlines.nextMs()).toBe(30)
    expect(deadlines.size).toBe(1)
  })

  it('moves a deadline both ways and forgets a deleted one', () => {
    const deadlines = new Deadlines<'a' | 'b'>()
    deadlines.set('a', 10)
    deadlines.set('a', 50)
    deadlines.set('b', 40)
    expect(deadlines.takeDue(45)).toBe('b')
    deadlines.set('a', 5)
    expect(deadlines.nextMs()).toBe(5)
    deadlines.delete('a')
    expect(deadlines.nextMs()).toBeNull()
    expect(deadlines.takeDue(100)).toBeNull()
  })

  it('gives a name once, however often it was set to the same time', () => {
    const deadlines = new Deadlines<'a'>()
    for (let i = 0; i < 5; i++) deadlines.set('a', 10)
    expect([deadlines.takeDue(10), deadlines.takeDue(10)]).toEqual(['a', null])
  })

  it('clear leaves nothing', () => {
    const deadlines = new Deadlines<'a'>()
    deadlines.set('a', 10)
    deadlines.clear()
    expect([deadlines.nextMs(), deadlines.size]).toEqual([null, 0])
  })

  it('agrees with a plain map over random operations', () => {
    const random = createRandom(5)
    const deadlines = new Deadlines<string>()
    const model = new Map<string, number>()
    let nowMs = 0
    for (let step = 0; step < 20_000; step++) {
      const name = `n${randomInteger(random, 50)}`
      const choice = random()
      if (choice < 0.5) {
        const atMs = nowMs + randomInteger(random, 1000)
        deadlines.set(name, atMs)
        model.set(name, atMs)
      } else if (choice < 0.7) {
        deadlines.delete(name)
        model.delete(name)
      } else {
        nowMs += randomInteger(random, 100)
        for (let due = deadlines.takeDue(nowMs); due !== null; due = deadlines.takeDue(nowMs)) {
          expect(model.get(due)).toBe(Math.min(...model.values()))
          model.delete(due)
        }
        expect([...model.values()].every((atMs) => atMs > nowMs)).toBe(true)
      }
      expect(deadlines.nextMs()).toBe(model.size === 0 ? null : Math.min(...model.values()))
    }
  })
})
