import { describe, expect, it } from 'vitest'
import { DirectLoss } from '../../../../src/core/membership/direct-loss.ts'

describe('this node’s own loss', () => {
  it('starts as unknown, and is the share of the last pings to each member that were lost', () => {
    const loss = new DirectLoss({ windowMs: 10_000 })
    expect(loss.ratio(0, 'x')).toBe(0.5)
    for (const peerId of ['a', 'b', 'c', 'd']) loss.note(1, peerId, false)
    for (const peerId of ['e', 'f', 'g', 'h']) loss.note(1, peerId, true)
    expect(loss.ratio(2, 'x')).toBe(0.5)
    for (let ping = 0; ping < 3; ping++) loss.note(3, 'e', false)
    // Three pings of e, one of each other: three lost of ten.
    expect(loss.ratio(3, 'x')).toBeCloseTo(4 / 12)
  })

  it('leaves out the member that is being judged, however often it was pinged', () => {
    const loss = new DirectLoss({ windowMs: 10_000 })
    for (const peerId of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) loss.note(1, peerId, false)
    for (let ping = 0; ping < 50; ping++) loss.note(2, 'bad', true)
    expect(loss.ratio(3, 'bad')).toBe(0.1)
    expect(loss.ratio(3, 'a')).toBe(4 / 12)
  })

  it('forgets what is old, and holds no more than it needs', () => {
    const loss = new DirectLoss({ windowMs: 10_000 })
    loss.note(0, 'a', true)
    loss.note(5000, 'b', false)
    expect(loss.ratio(10_001, 'x')).toBeCloseTo(1 / 3)
    for (let index = 0; index < 100; index++) loss.note(10_000, `m${index}`, true)
    expect(loss.ratio(10_001, 'x')).toBeCloseTo(33 / 34)
  })
})
