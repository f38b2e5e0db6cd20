import { describe, expect, it } from 'vitest'
import { completeChecksum } from '../../../../scripts/lab/frames.ts'

/** An Ethernet frame with IPv4 from 10.77.0.1 to 10.77.0.2. */
function frame(protocol: number, segment: readonly number[], trailer = 0): Uint8Array {
  const length = 20 + segment.length
  return Uint8Array.from([...Array.from({ length: 12 }, () => 2), 8, 0, 0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2, ...segment, ...Array.from({ length: trailer }, () => 9)])
}

/** Of a receiver: all words with the pseudo header add up to 0xffff. */
function adds(bytes: Uint8Array, segmentBytes: number): number {
  const segment = [...bytes.subarray(34, 34 + segmentBytes), ...(segmentBytes % 2 === 1 ? [0] : [])]
  const words = [10 << 8 | 77, 1, 10 << 8 | 77, 2, 6, segmentBytes]
  for (let at = 0; at < segment.length; at += 2) words.push((segment[at] ?? 0) << 8 | (segment[at + 1] ?? 0))
  return words.reduce((sum, word) => (sum + word) % 0xffff, 0)
}

describe('checksums', () => {
  const header = [0x1c, 0xe8, 0x9c, 0x40, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0xab, 0xcd, 0, 0]

  it.each([[0, 0], [1, 0], [6, 0], [1001, 0], [5, 3]])('of TCP with %i bytes, and %i of padding', (bytes, padding) => {
    const segment = [...header, ...Array.from({ length: bytes }, (_, index) => (index * 37 + 200) & 255)]
    const made = frame(6, segment, padding)
    expect(adds(made, segment.length)).not.toBe(0)
    completeChecksum(made)
    expect(adds(made, segment.length)).toBe(0)
  })

  it('of UDP is none', () => {
    const made = frame(17, [0, 1, 0, 2, 0, 9, 0xab, 0xcd, 7])
    completeChecksum(made)
    expect([...made.subarray(34)]).toEqual([0, 1, 0, 2, 0, 9, 0, 0, 7])
  })

  it('what is cut short, or something else, stays as it is', () => {
    for (const made of [frame(6, header).subarray(0, 40), frame(1, header), frame(17, [1, 2]), new Uint8Array(3)]) {
      const before = [...made]
      completeChecksum(made)
      expect([...made]).toEqual(before)
    }
  })
})
