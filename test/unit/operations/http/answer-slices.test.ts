import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openAnswer } from '../../../../src/operations/http/answer.ts'
import { inSlices, PIECE_BYTES, SLICE_MS } from '../../../../src/operations/http/answer-slices.ts'
import { type AnswerFormat, createWriter } from '../../../../src/operations/http/answer-writers.ts'
import { responseOf } from './fake-node.ts'

async function* ready(count: number, part: string | Uint8Array): AsyncGenerator<string | Uint8Array, void, void> {
  for (let i = 0; i < count; i++) yield await Promise.resolve(part)
}

describe('an answer whose rows are all ready', () => {
  it('lets other work have its turn after each 10 ms', async () => {
    let nowMs = 0
    let turns = 0
    let isOver = false
    const others = (async () => {
      while (!isOver) {
        await nextTurn()
        turns++
      }
    })()
    for await (const piece of inSlices(ready(100, 'x'), () => nowMs)) nowMs += piece.length
    isOver = true
    await others
    expect(turns).toBeGreaterThanOrEqual(Math.floor(99 / SLICE_MS))
  })

  it.each(['ü'.repeat(PIECE_BYTES), new Uint8Array(3 * PIECE_BYTES + 1).fill(7)])('goes in pieces that a reader takes one by one', async (part) => {
    const pieces: Uint8Array[] = []
    for await (const piece of inSlices(ready(2, part), () => 0)) pieces.push(piece)
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(PIECE_BYTES)
    expect(Buffer.concat(pieces).equals(Buffer.concat([Buffer.from(part), Buffer.from(part)]))).toBe(true)
  })

  it.each<AnswerFormat>(['json', 'ndjson', 'csv'])('is written as %s some rows at a time, not a batch', async (format) => {
    const answer = await openAnswer(responseOf([{ name: 'text', type: 'text' }], Array.from({ length: 100 }, () => ['x'.repeat(10_000)])), { rowsMax: 1_000, elapsedMs: () => 0 })
    const lengths: number[] = []
    for await (const part of (await createWriter(format))(answer)) lengths.push(part.length)
    expect(Math.max(...lengths)).toBeLessThan(100_000)
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBeGreaterThan(1_000_000)
  })
})
