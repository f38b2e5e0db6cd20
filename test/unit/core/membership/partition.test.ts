import { describe, expect, it } from 'vitest'
import { type PartitionEffect, PartitionMonitor } from '../../../../src/core/membership/partition.ts'
import type { MemberEventType } from '../../../../src/core/membership/types.ts'

const options = { windowMs: 10_000, settleMs: 1_000, dwellMs: 2_000, forgetMs: 86_400_000 }
const ids = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `m${from + index}`)

/** The monitor of a node that sees `others` more, with the clock of the test. */
class Watcher {
  readonly monitor = new PartitionMonitor(options)
  readonly effects: PartitionEffect[] = []
  nowMs = 0

  constructor(others: number) {
    this.tell('member-joined', ids(others))
  }

  tell(type: MemberEventType, peerIds: readonly string[], everyMs = 0): this {
    for (const peerId of peerIds) {
      this.effects.push(...this.monitor.handleEvent(this.nowMs, { type, peerId }))
      if (everyMs > 0) this.wait(everyMs)
    }
    return this
  }

  /** Fires what comes due, each at its time. */
  wait(ms: number): this {
    const endMs = this.nowMs + ms
    for (let dueMs = this.monitor.nextDeadlineMs(); dueMs !== null && dueMs <= endMs; dueMs = this.monitor.nextDeadlineMs()) {
      this.nowMs = dueMs
      this.effects.push(...this.monitor.handleTimeout(dueMs))
    }
    this.nowMs = endMs
    return this
  }

  get kinds(): string[] {
    return this.effects.map(({ kind }) => kind)
  }
}

describe('losses', () => {
  it('of a third at once are one partition, told once with both sides', () => {
    const watcher = new Watcher(29).tell('member-failed', ids(10), 50).wait(60_000)
    expect(watcher.effects).toEqual([{ kind: 'partition-suspected', id: 1, withinMs: 450, reachable: 20, away: 10, lost: 10 }])
    expect(watcher.monitor.open).toMatchObject({ id: 1, sinceMs: 0, away: 10, reachable: 20, isTold: true })
  })

  it('that go on while they are counted are told when they have settled, at the latest after five times that', () => {
    const settled = new Watcher(29).tell('member-failed', ids(6), 10)
    expect(settled.kinds).toEqual([])
    expect(settled.monitor.open).toMatchObject({ away: 6, isTold: false })
    // The 20th of 100 makes them many; that is later than five times the settling, so they are told at once.
    const endless = new Watcher(99).tell('member-failed', ids(60), 300)
    expect(endless.effects[0]).toMatchObject({ kind: 'partition-suspected', lost: 20, withinMs: 19 * 300 })
    const slow = new Watcher(19).tell('member-failed', ids(14), 900)
    expect(slow.effects[0]).toMatchObject({ kind: 'partition-suspected', lost: 6, withinMs: 4_500 })
  })

  it('that come after it was told are added, and not told again', () => {
    const watcher = new Watcher(29).tell('member-failed', ids(7)).wait(2_000).tell('member-failed', ids(3, 7)).wait(2_000)
    expect(watcher.kinds).toEqual(['partition-suspected', 'partition-grown', 'partition-grown', 'partition-grown'])
    expect(watcher.monitor.open).toMatchObject({ away: 10, lost: 10, reachable: 20 })
  })

  it.each([
    ['one of two', 1, 1], ['one of three', 2, 1], ['five of thirty', 29, 5], ['two of eleven', 10, 2],
  ])('%s is no partition', (_what, others, lost) => {
    const watcher = new Watcher(others).tell('member-failed', ids(lost)).wait(60_000)
    expect([watcher.kinds, watcher.monitor.open]).toEqual([[], null])
  })

  it('one by one, further apart than the window allows, are no partition', () => {
    const watcher = new Watcher(9).tell('member-failed', ids(5), 10_001).wait(60_000)
    expect(watcher.monitor.open).toBeNull()
  })

  it('of members that came back in between do not add up', () => {
    const watcher = new Watcher(9)
    for (const peerId of ids(9)) watcher.tell('member-failed', [peerId]).wait(300).tell('member-joined', [peerId])
    expect(watcher.monitor.open).toBeNull()
  })

  it('of members that were never here are none: a newcomer learns of old failures', () => {
    expect(new Watcher(5).tell('member-failed', ids(20, 100)).monitor.open).toBeNull()
  })

  it('farewells are none', () => {
    expect(new Watcher(9).tell('member-left', ids(9)).monitor.open).toBeNull()
  })

  it('long after the partition are failures of their own; many of them are a part of it again', () => {
    const watcher = new Watcher(29).tell('member-failed', ids(10)).wait(60_000).tell('member-failed', ['m20'])
    expect([watcher.monitor.partitionOf('m20'), watcher.monitor.partitionOf('m0')]).toEqual([null, 1])
    watcher.tell('member-failed', ids(8, 10))
    expect(watcher.monitor.open).toMatchObject({ id: 1, away: 19 })
  })
})

describe('a partition', () => {
  const cut = (): Watcher => new Watcher(29).tell('member-failed', ids(10), 100).wait(29_000)

  it('heals when all are back, as long ago as the last came', () => {
    const watcher = cut().tell('member-joined', ids(10), 10).wait(10_000)
    expect(watcher.effects.at(-1)).toEqual({ kind: 'partition-healed', id: 1, durationMs: 30_000 + 80, reachable: 30, away: 0, lost: 10 })
    expect([watcher.monitor.open, watcher.monitor.nextDeadlineMs()]).toEqual([null, null])
  })

  it('heals when nearly all are back: some may really have crashed', () => {
    const watcher = cut().tell('member-joined', ids(8)).wait(10_000)
    expect(watcher.monitor.open).toMatchObject({ away: 2 })
    watcher.tell('member-joined', ['m8']).wait(10_000)
    expect(watcher.effects.at(-1)).toMatchObject({ kind: 'partition-healed', away: 1, durationMs: 40_000 })
  })

  it('heals a dwell after nearly all were back, not after the last', () => {
    const watcher = cut().tell('member-joined', ids(9)).wait(1_500).tell('member-joined', ['m9']).wait(500)
    expect(watcher.effects.at(-1)).toMatchObject({ kind: 'partition-healed', away: 0 })
  })

  it('goes on when its members are lost again within the dwell', () => {
    const watcher = cut()
    for (let round = 0; round < 5; round++) watcher.tell('member-joined', ids(10)).wait(1_500).tell('member-failed', ids(10)).wait(1_500)
    expect(watcher.kinds).toEqual(['partition-suspected'])
    watcher.tell('member-joined', ids(10)).wait(2_000)
    expect(watcher.effects.at(-1)).toMatchObject({ kind: 'partition-healed', lost: 10, durationMs: 45_000 })
  })

  it('is not over while its members are only returning', () => {
    expect(cut().tell('member-returning', ids(10)).wait(60_000).monitor.open).toMatchObject({ away: 10 })
  })

  it('ends when its members were removed', () => {
    const watcher = cut().tell('member-left', ids(10))
    expect(watcher.effects.at(-1)).toMatchObject({ kind: 'partition-ended', id: 1, durationMs: 30_000 })
    expect(watcher.monitor.open).toBeNull()
  })

  it('heals when some came back and the rest was removed', () => {
    expect(cut().tell('member-joined', ids(5)).tell('member-left', ids(5, 5)).wait(5_000).effects.at(-1)).toMatchObject({ kind: 'partition-healed', reachable: 25 })
  })

  it('ends when membership forgets', () => {
    expect(cut().wait(options.forgetMs).effects.at(-1)).toMatchObject({ kind: 'partition-ended', away: 10 })
  })

  it('is told before its end, however short it was', () => {
    const watcher = new Watcher(29).tell('member-failed', ids(10)).tell('member-left', ids(10))
    expect(watcher.kinds).toEqual(['partition-suspected', 'partition-ended'])
  })

  it('may be followed by another one, with an id of its own', () => {
    const watcher = cut().tell('member-joined', ids(10)).wait(10_000).tell('member-failed', ids(12)).wait(5_000)
    expect(watcher.effects.at(-1)).toMatchObject({ kind: 'partition-suspected', id: 2, lost: 12 })
  })

  it('spreads only as long as losses come', () => {
    const watcher = new Watcher(29).tell('member-failed', ids(10))
    expect(watcher.monitor.isSpreading(10_000)).toBe(true)
    expect(watcher.monitor.isSpreading(10_001)).toBe(false)
  })
})
