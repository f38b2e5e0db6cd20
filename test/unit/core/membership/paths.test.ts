import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../../src/core/time/random.ts'
import { DirectLoss } from '../../../../src/core/membership/direct-loss.ts'
import { CHANCE, chanceOfRun, DEGRADED_AFTER_MAX, DEGRADED_AFTER_MIN, LOSS_RATIO_MAX, PathBook, RESTORED_AFTER } from '../../../../src/core/membership/paths.ts'

/** While each ping of x gets lost, 50 of others are answered. */
function lose(book: PathBook, count: number, fromMs = 10): Array<string | undefined> {
  return Array.from({ length: count }, (_, index) => {
    const finding = book.noteLost(fromMs + index, 'x', 0.05)?.to
    for (let ping = 0; ping < 50; ping++) book.noteAck(fromMs + index, `other${ping}`)
    return finding
  })
}

/**
 * A node that pings one member a second in turn, and one that it is in doubt about again in the next second, as the prober does; every member is
 * alive and answers over its stream. `isLost`: whether a ping, or its ack, is.
 */
function probe({ members, seconds, book = new PathBook(), isLost }: { members: number; seconds: number; book?: PathBook; isLost: (second: number, member: number) => boolean }): Array<{ second: number; member: number; to: string; lostInARow: number }> {
  const directLoss = new DirectLoss({ windowMs: 10_000 })
  const changes: Array<{ second: number; member: number; to: string; lostInARow: number }> = []
  let doubtful: number[] = []
  for (let second = 0; second < seconds; second++) {
    const pinged = new Set([second % members, ...doubtful])
    doubtful = []
    for (const member of pinged) {
      const [nowMs, peerId] = [1000 * second, String(member)]
      const lost = isLost(second, member)
      directLoss.note(nowMs, peerId, lost)
      if (lost) book.noteStream(nowMs, peerId)
      const change = lost ? book.noteLost(nowMs, peerId, directLoss.ratio(nowMs, peerId)) : book.noteAck(nowMs, peerId)
      if (change !== null) changes.push({ second, member, to: change.to, lostInARow: book.path(peerId)?.lostInARow ?? 0 })
      if (book.isInDoubt(peerId)) doubtful.push(member)
    }
  }
  return changes
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

  it('holds what was concluded until an ack, and says at most once what did not change', () => {
    const book = new PathBook()
    book.noteIndirect(11, 'x')
    lose(book, DEGRADED_AFTER_MAX)
    for (let ping = 0; ping < 5; ping++) expect(book.noteLost(100 + ping, 'x', 0.9)).toBeNull()
    expect(book.isInDoubt('x')).toBe(false)
    book.noteAck(200, 'x')
    book.noteLost(201, 'x', 0.05)
    expect(book.isInDoubt('x')).toBe(true)
  })

  it('is bounded in number, and forgotten with its member', () => {
    const book = new PathBook()
    for (let index = 0; index < 100_010; index++) book.noteHeard(index, `m${index}`)
    expect(book.paths()).toHaveLength(100_000)
    expect(book.path('m9')).toBeUndefined()
    book.forget('m10')
    expect(book.path('m10')).toBeUndefined()
  })
})

describe('chance', () => {
  it('is that of Laplace\'s rule applied again and again', () => {
    expect(chanceOfRun(1, { acked: 8, lost: 0 }, 0)).toBeCloseTo(1 / 10)
    expect(chanceOfRun(3, { acked: 8, lost: 0 }, 0)).toBeCloseTo((1 / 10) * (2 / 11) * (3 / 12))
    expect(chanceOfRun(3, { acked: 8, lost: 4 }, 0)).toBeCloseTo((5 / 14) * (6 / 15) * (7 / 16))
  })

  it('is never less than what this node lost of late would make it, and never more than a network that is hardly one', () => {
    expect(chanceOfRun(3, { acked: 1000, lost: 0 }, 0.5)).toBeCloseTo(0.125)
    expect(chanceOfRun(3, { acked: 0, lost: 1000 }, 1)).toBeCloseTo(LOSS_RATIO_MAX ** 3)
    expect(LOSS_RATIO_MAX ** DEGRADED_AFTER_MAX).toBeCloseTo(CHANCE, 12)
  })
})

describe('a node that no answer reaches', () => {
  it('finds all its paths broken after as many unanswered pings together as one path alone would take', () => {
    const book = new PathBook()
    const peers = ['x', 'y', 'z']
    for (const peerId of peers) for (let ack = 0; ack < RESTORED_AFTER; ack++) book.noteAck(ack, peerId)
    const pings = Math.floor((DEGRADED_AFTER_MAX - 1) / peers.length)
    for (let ping = 1; ping <= pings; ping++) {
      for (const peerId of peers) {
        book.noteHeard(1000 * ping, peerId)
        book.noteLost(1000 * ping, peerId, 1)
      }
    }
    expect(book.paths().filter(({ finding }) => finding === 'direct')).toHaveLength(3)
    for (const peerId of peers) book.noteLost(1000 * pings + 1, peerId, 1)
    expect(book.paths().map(({ finding }) => finding)).toEqual(['inbound-only', 'inbound-only', 'inbound-only'])
  })
})

describe('random loss', () => {
  // 8 hours of one node each; a ratio taken from the last pings alone gave 35 findings in 20 such hours of three members, and 8 of thirty.
  it.each([[1, 0.3], [2, 0.3], [4, 0.3], [29, 0.3], [2, 0.1], [29, 0.1]])('of every path is no finding: %i other members, %f each way', (members, lossRatio) => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = createRandom(seed)
      const changes = probe({ members, seconds: 7200, isLost: () => random() >= (1 - lossRatio) ** 2 })
      expect(changes.filter(({ to }) => to !== 'direct'), `seed ${seed}`).toEqual([])
    }
  })

  it('that begins all of a sudden is none either', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = createRandom(seed)
      expect(probe({ members: 4, seconds: 400, isLost: (second) => second > 200 && random() >= 0.49 }).filter(({ to }) => to !== 'direct'), `seed ${seed}`).toEqual([])
    }
  })
})

describe('a path that breaks is found', () => {
  it.each([
    ['the only one', 1, 0, 40], ['one of two', 2, 0, 20], ['one of 29', 29, 0, 13], ['one of 29 that lose 10 % each way', 29, 0.1, 21], ['one of 29 that lose 30 % each way', 29, 0.3, 40],
  ])('%s', (_, members, lossRatio, pingsMax) => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = createRandom(seed)
      const changes = probe({ members, seconds: 1000, isLost: (second, member) => (second > 300 && member === 0) || random() >= (1 - lossRatio) ** 2 })
      const found = changes.filter(({ to }) => to !== 'direct')
      expect(found, `seed ${seed}`).toMatchObject([{ member: 0, to: 'stream-only' }])
      expect(found[0]?.lostInARow, `seed ${seed}`).toBeLessThanOrEqual(pingsMax)
    }
  })

  it('even when all break at once: the others are no yardstick then', () => {
    const found = probe({ members: 9, seconds: 600, isLost: (second) => second > 300 }).filter(({ to }) => to !== 'direct')
    expect(found.map(({ member }) => member).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('after 40 pings at the latest, whatever else this node loses', () => {
    const book = new PathBook()
    const findings = Array.from({ length: DEGRADED_AFTER_MAX }, (_, index) => book.noteLost(index, 'x', 1)?.to)
    expect([findings.at(-2), findings.at(-1)]).toEqual([undefined, 'none'])
  })

  it('though a broken path lets an ack through now and then: its losses are not those of a path that works', () => {
    const pingsUntilFound = (ackLossy: boolean): number => {
      const book = new PathBook()
      for (let ping = 0; ping < DEGRADED_AFTER_MAX; ping++) book.noteLost(ping, 'lossy', 0.05)
      for (let ping = 1; ; ping++) {
        if (book.noteLost(1000 + ping, 'x', 0.05) !== null) return ping
        for (let other = 0; other < 5; other++) book.noteAck(1000 + ping, `other${other}`)
        for (let loss = 0; loss < 9; loss++) book.noteLost(1000 + ping, 'lossy', 0.05)
        if (ackLossy && ping % 2 === 0) book.noteAck(1000 + ping, 'lossy')
        if (ackLossy && ping % 2 === 0) book.noteLost(1000 + ping, 'lossy', 0.05)
      }
    }
    expect(pingsUntilFound(true)).toBe(pingsUntilFound(false))
  })

  it('while another path has long been broken', () => {
    const found = probe({ members: 10, seconds: 1200, isLost: (second, member) => member === 1 || (second > 600 && member === 0) }).filter(({ to }) => to !== 'direct')
    expect(found).toMatchObject([{ member: 1 }, { member: 0 }])
    expect(found[1]?.lostInARow).toBeLessThanOrEqual(30)
  })
})
