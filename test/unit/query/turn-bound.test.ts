import { describe, expect, it } from 'vitest'
import { TurnBound } from '../../../src/query/turn-bound.ts'
import { memoryStreamPair } from '../../support/memory-byte-stream.ts'
import { settle } from '../../support/query-plane.ts'

describe('TurnBound', () => {
  it('pauses a stream that delivers more in a turn, and goes on in the next', async () => {
    const { a, b } = memoryStreamPair()
    const bound = new TurnBound(b, 1000)
    bound.handleBytes(999)
    expect(b.isPaused).toBe(false)
    bound.handleBytes(1)
    expect(b.isPaused).toBe(true)
    await settle(2)
    expect(b.isPaused).toBe(false)
    // What one turn left over is not held against the next.
    bound.handleBytes(999)
    expect(b.isPaused).toBe(false)
    a.abort(new Error('done'))
  })

  it('loses and reorders nothing', async () => {
    const { a, b } = memoryStreamPair({ pieceBytes: 300 })
    const bound = new TurnBound(b, 1000)
    const received: number[] = []
    let pauses = 0
    b.onBytes((bytes) => {
      received.push(...bytes)
      bound.handleBytes(bytes.length)
      if (b.isPaused) pauses++
    })
    const sent = Uint8Array.from({ length: 10_000 }, (_, i) => i & 0xff)
    for (let at = 0; at < sent.length; at += 900) a.send(sent.subarray(at, at + 900))
    await settle(20)
    expect(received).toEqual([...sent])
    expect(pauses).toBeGreaterThan(3)
  })

  it('leaves a stream alone once it is closed', async () => {
    const { b } = memoryStreamPair()
    const bound = new TurnBound(b, 1000)
    bound.handleBytes(1000)
    bound.close()
    await settle(2)
    expect(b.isPaused).toBe(true)
  })
})
