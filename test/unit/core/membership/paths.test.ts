import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../../src/core/time/random.ts'
import { CHANCE, DEGRADED_AFTER_MIN, degradedAfter, PathBook, RESTORED_AFTER } from '../../../../src/core/membership/paths.ts'

function lose(book: PathBook, count: number, fromMs = 10): Array<string | undefined> {
  return Array.from({ length: count }, (_, index) => book.noteLost(fromMs + index, 'x', 0.05)?.to)
}

describe('a path', () => {
  it('is unknown, then direct with the first ack', () => {
    const book = new PathBook()
    book.noteHeard(1, 'x')
    expect(book.path('x')?.finding).toBe('unknown')
    expect(book.noteAck(2, 'x')).toEqual({ from: 'unknown', to: 'direct' })
    expect(book.path('x')).toEqual({ peerId: 'x', finding: 'direct', sinceMs: 2, lastAckMs: 2, lastHeardMs: 1, lastIndirectMs: null, lastStreamMs: null, lostInARow: 0 })
    expect(book.path('y')).toBeUndefined()
  })

  it.each([
    ['inbound-only', (book: PathBook) => { book.noteHeard(12, 'x') }],
    ['indirect-only', (book: PathBook) => { book.noteIndirect(12, 'x') }],
    ['stream-only', (book: PathBook) => { book.noteStream(12, 'x') }],
    ['none', () => undefined],
  ] as const)('is %s after enough losses in a row, by what else was seen meanwhile', (finding, see) => {
    const book = new PathBook()
    book.noteAck(1, 'x')
    book.noteHeard(2, 'x')
    expect(lose(book, DEGRADED_AFTER_MIN - 2)).toEqual(new Array(DEGRADED_AFTER_MIN - 2).fill(undefined))
    see(book)
    expect(book.isInDoubt('x')).toBe(true)
    expect(lose(book, 2, 20)).toEqual([undefined, finding])
    expect([book.path('x')?.finding, book.isInDoubt('x')]).toEqual([finding, false])
  })

  it('is not explained by what was seen before the losses began', () => {
    const book = new PathBook()
    book.noteStream(5, 'x')
    lose(book, DEGRADED_AFTER_MIN)
    expect(book.path('x')?.finding).toBe('none')
    expect(book.noteStream(50, 'x')).toEqual({ from: 'none', to: 'stream-only' })
  })

  it('is restored by several acks in a row, not by one', () => {
    const book = new PathBook()
    book.noteIndirect(11, 'x')
    lose(book, DEGRADED_AFTER_MIN)
    expect(Array.from({ length: RESTORED_AFTER }, (_, index) => book.noteAck(30 + index, 'x')?.to)).toEqual([undefined, undefined, 'direct'])
  })

  it('waits the longer the more this node loses of all its pings', () => {
    expect([0.05, 0.19, 0.51, 0.9, 1].map(degradedAfter)).toEqual([8, 9, 21, 40, 40])
    for (const ratio of [0.19, 0.51]) expect(ratio ** degradedAfter(ratio)).toBeLessThanOrEqual(CHANCE)
  })

  it('practically never looks degraded at 30 % loss each way', () => {
    let degraded = 0
    for (let seed = 1; seed <= 20; seed++) {
      const random = createRandom(seed)
      const book = new PathBook()
      for (let ping = 0; ping < 5000; ping++) {
        book.noteHeard(ping, 'x')
        const change = random() < 0.49 ? book.noteAck(ping, 'x') : book.noteLost(ping, 'x', 0.51)
        if (change !== null && change.to !== 'direct') degraded++
      }
    }
    expect(degraded).toBeLessThanOrEqual(1)
  })

  it('is forgotten with its member', () => {
    const book = new PathBook()
    book.noteAck(1, 'x')
    book.forget('x')
    expect(book.paths()).toEqual([])
  })
})
