import { claim as anyClaim } from './fixtures.ts'
import { describe, expect, it } from 'vitest'
import { BroadcastQueue, CLAIM_BYTES, retransmitLimit, updateBytes, updateSubject } from '../../../../src/core/membership/dissemination.ts'
import type { Update } from '../../../../src/core/membership/types.ts'
import { signed } from './fixtures.ts'

const claim = (peerId: string, kind: 'suspect' | 'failed' = 'suspect'): Update => anyClaim(kind, peerId, 1, 'x')

describe('retransmitLimit', () => {
  it.each([[4, 1, 4], [4, 9, 4], [4, 10, 8], [4, 99, 8], [4, 100, 12], [3, 999, 9], [4, 1000, 16]])('λ = %d, N = %d: %d', (multiplier, members, limit) => {
    expect(retransmitLimit(multiplier, members)).toBe(limit)
  })
})

describe('BroadcastQueue', () => {
  it('sends each update exactly as often as the limit, the least-sent first, the newest first among equals', () => {
    const queue = new BroadcastQueue()
    queue.push(claim('a'))
    queue.push(claim('b'))
    expect(queue.take(CLAIM_BYTES, 2).map(updateSubject)).toEqual(['b'])
    expect(queue.take(CLAIM_BYTES, 2).map(updateSubject)).toEqual(['a'])
    queue.push(claim('c'))
    expect(queue.take(2 * CLAIM_BYTES, 2).map(updateSubject)).toEqual(['c', 'a'])
    expect(queue.take(9 * CLAIM_BYTES, 2).map(updateSubject)).toEqual(['c', 'b'])
    expect([queue.size, queue.take(9999, 2)]).toEqual([0, []])
  })

  it('a newer update about a member replaces the older and starts anew', () => {
    const queue = new BroadcastQueue()
    queue.push(claim('a'))
    queue.take(9999, 3)
    queue.push(claim('a', 'failed'))
    expect(queue.size).toBe(1)
    expect(queue.take(9999, 1)).toEqual([claim('a', 'failed')])
  })

  it('packs by size: a smaller one further back takes the room that a larger one cannot', () => {
    const queue = new BroadcastQueue()
    const record: Update = { kind: 'record', signed: signed('big', 1, 500) }
    queue.push(record)
    queue.push(claim('small'))
    expect(queue.take(updateBytes(record) - 1, 9).map(updateSubject)).toEqual(['small'])
    expect(queue.take(updateBytes(record), 9).map(updateSubject)).toEqual(['big'])
  })

  it('skips members that the packet already speaks of', () => {
    const queue = new BroadcastQueue()
    queue.push(claim('a'))
    queue.push(claim('b'))
    expect(queue.take(9999, 9, ['a']).map(updateSubject)).toEqual(['b'])
    queue.markSent('a', 1)
    expect(queue.has('a')).toBe(false)
  })
})
