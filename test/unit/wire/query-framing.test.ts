import { describe, expect, it } from 'vitest'
import { FRAME_BYTES_MAX, FrameReader, FrameWriter, OversizedFrameError } from '../../../src/wire/framing.ts'
import { memoryStreamPair } from '../../support/memory-byte-stream.ts'
import { settle } from '../../support/query-plane.ts'

function framed(payload: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(payload.length)
  return Buffer.concat([length, payload])
}

describe('FrameReader', () => {
  const payloads = [0, 1, 3, 4, 5, 300, 65_536, 200_000, 7].map((length, k) => new Uint8Array(length).map((_, i) => (i + k) & 0xff))
  const bytes = Buffer.concat(payloads.map(framed))

  it.each([1, 2, 3, 4, 5, 7, 100, 65_536, bytes.length])('finds the same frames in pieces of %i bytes', (pieceBytes) => {
    const frames: Buffer[] = []
    const reader = new FrameReader((frame) => frames.push(Buffer.from(frame)))
    for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
    expect(frames.map((frame, k) => frame.equals(payloads[k] as Uint8Array))).toEqual(payloads.map(() => true))
  })

  it('takes the largest allowed frame and refuses one byte more before it has arrived', () => {
    const frames: number[] = []
    const reader = new FrameReader((frame) => frames.push(frame.length))
    reader.push(framed(new Uint8Array(FRAME_BYTES_MAX)))
    expect(frames).toEqual([FRAME_BYTES_MAX])
    const header = Buffer.alloc(4)
    header.writeUInt32BE(FRAME_BYTES_MAX + 1)
    expect(() => new FrameReader(() => {}).push(header)).toThrow(OversizedFrameError)
    const trickle = new FrameReader(() => {})
    for (const byte of header.subarray(0, 3)) trickle.push(Uint8Array.of(byte))
    expect(() => trickle.push(header.subarray(3))).toThrow(OversizedFrameError)
  })

  it('grants memory as bytes arrive, not as a length promises', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 200 }, () => new FrameReader(() => {}))
    const header = Buffer.alloc(5)
    header.writeUInt32BE(FRAME_BYTES_MAX)
    for (const reader of readers) reader.push(header)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * 100_000)
  })
})

describe('FrameWriter', () => {
  it('joins the frames of one round into one send and tells which were sent', async () => {
    const { a, b } = memoryStreamPair()
    const frames: number[] = []
    const reader = new FrameReader((frame) => frames.push(frame[0] as number))
    b.onBytes((chunk) => reader.push(chunk))
    const writer = new FrameWriter(a)
    const numbers = [1, 2, 3].map((value) => writer.push(Uint8Array.of(value)))
    expect(numbers.map((number) => writer.isSent(number))).toEqual([false, false, false])
    await settle(2)
    expect(numbers.map((number) => writer.isSent(number))).toEqual([true, true, true])
    expect(a.sends).toBe(1)
    expect(frames).toEqual([1, 2, 3])
  })

  it('sends within the round once enough waits', async () => {
    const { a, b } = memoryStreamPair()
    b.onBytes(() => {})
    const writer = new FrameWriter(a)
    writer.sendBytes = 100
    const numbers = [40, 40, 40, 40].map((bytes) => writer.push(new Uint8Array(bytes)))
    expect([a.sends, ...numbers.map((number) => writer.isSent(number))]).toEqual([1, true, true, true, false])
    await settle(2)
    expect([a.sends, writer.queuedBytes]).toEqual([2, 0])
  })

  it('keeps frames while the transport is full and says when it can go on', async () => {
    const { a, b } = memoryStreamPair({ windowBytes: 1000 })
    let unblocked = 0
    const writer = new FrameWriter(a, () => { unblocked++ })
    writer.push(new Uint8Array(2000))
    await settle(2)
    expect(writer.isBlocked).toBe(true)
    const held = writer.push(new Uint8Array(10))
    await settle(2)
    expect([writer.queuedBytes, writer.isSent(held), unblocked]).toEqual([14, false, 0])
    b.onBytes(() => {})
    await settle(3)
    expect([writer.queuedBytes, writer.isSent(held), unblocked]).toEqual([0, true, 1])
  })

  it('sends a large frame at once, uncopied and behind what waits, and keeps it while the transport is full', async () => {
    const { a, b } = memoryStreamPair({ windowBytes: 5000 })
    const frames: Buffer[] = []
    const reader = new FrameReader((frame) => frames.push(Buffer.from(frame)))
    const writer = new FrameWriter(a)
    const sent: Uint8Array[] = []
    const send = a.send.bind(a)
    a.send = (bytes) => {
      sent.push(bytes)
      return send(bytes)
    }
    const data = new Uint8Array(4000).fill(2)
    writer.push(Uint8Array.of(1))
    writer.pushLarge(Uint8Array.of(9), data)
    expect(sent).toHaveLength(3)
    expect(sent[2]).toBe(data)
    writer.pushLarge(Uint8Array.of(8), data)
    expect(writer.isBlocked).toBe(true)
    writer.pushLarge(Uint8Array.of(7), data)
    expect(writer.queuedBytes).toBe(4 + 4001)
    b.onBytes((chunk) => reader.push(chunk))
    await settle(4)
    expect(frames.map((frame) => [frame[0], frame.length])).toEqual([[1, 1], [9, 4001], [8, 4001], [7, 4001]])
    expect(frames[3]?.subarray(1).equals(data)).toBe(true)
  })

  it('sends a large frame in pieces, each when the transport has taken the one before, with nothing in between', async () => {
    const { a, b } = memoryStreamPair({ windowBytes: 100_000 })
    const sizes: number[] = []
    const send = a.send.bind(a)
    a.send = (bytes) => {
      sizes.push(bytes.length)
      return send(bytes)
    }
    const frames: Buffer[] = []
    const reader = new FrameReader((frame) => frames.push(Buffer.from(frame)))
    let unblocked = 0
    const writer = new FrameWriter(a, () => { unblocked++ })
    const data = Uint8Array.from({ length: 300_000 }, (_, i) => i >> 3)
    writer.pushLarge(Uint8Array.of(9), data)
    writer.push(Uint8Array.of(1))
    expect(sizes).toEqual([5, 131_072])
    b.onBytes((chunk) => reader.push(chunk))
    await settle(8)
    expect(sizes).toEqual([5, 131_072, 131_072, 300_000 - 2 * 131_072, 5])
    expect(frames.map((frame) => frame.length)).toEqual([300_001, 1])
    expect(frames[0]?.subarray(1).equals(data)).toBe(true)
    expect([writer.isBlocked, unblocked]).toEqual([false, 1])
  })
})
