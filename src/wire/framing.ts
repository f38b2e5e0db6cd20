/**
 * Frames on a byte stream: four bytes of length, big-endian, then that many bytes. A fixed-size length can be filled in after the frame has
 * been written, and is read without a loop.
 */
import { Buffer } from 'node:buffer'
import type { ByteStream } from '../ports/peer-streams.ts'

/** The body of a frame: 1 MiB, and 64 KiB for what surrounds it. */
export const FRAME_BYTES_MAX = (1 << 20) + (64 << 10)
const lengthBytes = 4
/** A frame that arrives in pieces gets so much memory first, and the rest when that is full: a length alone costs the receiver next to nothing. */
const firstGrantBytes = 64 << 10

/** What is chained to it runs in the same microtask round as with `queueMicrotask`, which makes an async resource and a bound function each time. */
const settled = Promise.resolve()

/** Large frames go to the transport in pieces of this size, each when the one before is through: to seal and write a megabyte at once takes a millisecond. */
const pieceBytesMax = 128 << 10

export class OversizedFrameError extends Error {
  override readonly name = 'OversizedFrameError'
}

/** Cuts a stream of bytes into frames. A frame handed on is a view; whoever keeps it, keeps the chunk that it came in. */
export class FrameReader {
  readonly #frameBytesMax: number
  readonly #onFrame: (frame: Uint8Array) => void
  /** The unfinished frame with its length bytes, `#filled` of them received. */
  #partial: Uint8Array | null = null
  #filled = 0

  constructor(onFrame: (frame: Uint8Array) => void, frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#onFrame = onFrame
    this.#frameBytesMax = frameBytesMax
  }

  /** @throws OversizedFrameError when a length exceeds the bound; the stream is of no use afterwards */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#partial !== null) {
        at += this.#fill(this.#partial, chunk, at)
        continue
      }
      const left = chunk.length - at
      if (left >= lengthBytes) {
        const frameBytes = this.#checked(readLength(chunk, at))
        if (left >= lengthBytes + frameBytes) {
          this.#onFrame(chunk.subarray(at + lengthBytes, at + lengthBytes + frameBytes))
          at += lengthBytes + frameBytes
          continue
        }
        // Not cleared: every byte is written before it is read.
        this.#partial = Buffer.allocUnsafeSlow(Math.min(lengthBytes + frameBytes, Math.max(firstGrantBytes, left)))
      } else this.#partial = new Uint8Array(lengthBytes)
      this.#filled = 0
    }
  }

  /** Returns how many bytes of the chunk it took. */
  #fill(partial: Uint8Array, chunk: Uint8Array, at: number): number {
    const taken = Math.min(partial.length - this.#filled, chunk.length - at)
    partial.set(chunk.subarray(at, at + taken), this.#filled)
    this.#filled += taken
    if (this.#filled < partial.length) return taken
    const wholeBytes = lengthBytes + this.#checked(readLength(partial, 0))
    if (this.#filled === wholeBytes) {
      this.#partial = null
      this.#onFrame(partial.subarray(lengthBytes))
      return taken
    }
    // So much has come that the rest is granted at once: growing step by step would copy a large frame as often as it doubles.
    const grown = Buffer.allocUnsafeSlow(partial.length < firstGrantBytes ? Math.min(wholeBytes, firstGrantBytes) : wholeBytes)
    grown.set(partial)
    this.#partial = grown
    return taken
  }

  #checked(frameBytes: number): number {
    if (frameBytes > this.#frameBytesMax) throw new OversizedFrameError(`a frame of ${frameBytes} bytes is announced; at most ${this.#frameBytesMax} are allowed`)
    return frameBytes
  }
}

function readLength(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
}

/**
 * Joins the frames of one microtask round into one send: with encryption and multiplexing below, a send costs far more than a frame. From
 * `sendBytes` on it does not wait for the round's end: otherwise all that is asked at once is answered at once, and each side rests while
 * the other works.
 * While the transport is full, frames wait here; the owner looks at `queuedBytes` and stops what produces them.
 */
export class FrameWriter {
  readonly #stream: ByteStream
  readonly #onUnblocked: () => void
  /** Queued bytes from which `push` sends at once; unlimited unless set, for owners that choose themselves when to `flush`. */
  sendBytes = Infinity
  #frames: Uint8Array[] = []
  #queuedBytes = 0
  #pushedFrames = 0
  #sentFrames = 0
  #scheduled = false
  #blocked = false
  #closed = false
  /** Of a large frame that is under way; nothing else may go before it. */
  #rest: Uint8Array | null = null
  readonly #flushTask = (): void => {
    this.#scheduled = false
    this.flush()
  }

  constructor(stream: ByteStream, onUnblocked: () => void = () => {}) {
    this.#stream = stream
    this.#onUnblocked = onUnblocked
  }

  /** Bytes that the transport has not taken yet. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** The transport said: no more for now. */
  get isBlocked(): boolean {
    return this.#blocked
  }

  /** Returns the frame's number, for `isSent`. May send, and so learn that the stream is closed, before it returns. */
  push(frame: Uint8Array): number {
    const frameNumber = ++this.#pushedFrames
    if (this.#closed) return frameNumber
    this.#frames.push(frame)
    this.#queuedBytes += lengthBytes + frame.length
    if (this.#queuedBytes >= this.sendBytes) this.flush()
    else if (!this.#scheduled && !this.#blocked) {
      this.#scheduled = true
      void settled.then(this.#flushTask)
    }
    return frameNumber
  }

  /** Whether a frame was handed to the transport; if not, the other side cannot have seen it. */
  isSent(frameNumber: number): boolean {
    return frameNumber <= this.#sentFrames
  }

  flush(): void {
    if (this.#blocked || this.#closed || this.#frames.length === 0) return
    const joined = this.#join()
    this.#sentFrames = this.#pushedFrames
    if (!this.#stream.send(joined)) this.#block()
  }

  /**
   * A frame in two parts, begun at once behind what waits. The data goes to the transport as it is, uncopied and as fast as the transport takes
   * it, so it must not change any more.
   */
  pushLarge(head: Uint8Array, data: Uint8Array): void {
    this.flush()
    if (this.#blocked || this.#closed) {
      this.push(Buffer.concat([head, data]))
      return
    }
    this.#sentFrames = ++this.#pushedFrames
    const start = Buffer.allocUnsafe(lengthBytes + head.length)
    start.writeUInt32BE(head.length + data.length)
    start.set(head, lengthBytes)
    this.#stream.send(start)
    this.#sendInPieces(data)
  }

  #sendInPieces(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += pieceBytesMax) {
      const piece = data.length <= pieceBytesMax ? data : data.subarray(at, at + pieceBytesMax)
      if (this.#stream.send(piece)) continue
      if (at + piece.length < data.length) this.#rest = data.subarray(at + piece.length)
      this.#block()
      return
    }
  }

  #block(): void {
    this.#blocked = true
    this.#stream.drained().then(() => {
      this.#blocked = false
      const rest = this.#rest
      this.#rest = null
      if (rest !== null) this.#sendInPieces(rest)
      this.flush()
      if (!this.#blocked) this.#onUnblocked()
    }, () => this.close())
  }

  /** Drops what waits; the stream itself is the owner's. */
  close(): void {
    this.#closed = true
    this.#frames = []
    this.#queuedBytes = 0
    this.#rest = null
  }

  #join(): Uint8Array {
    // Every byte is written below. Small ones come from Node's pool: an ArrayBuffer of its own costs more than what goes into it.
    const joined = Buffer.allocUnsafe(this.#queuedBytes)
    let at = 0
    for (const frame of this.#frames) {
      const frameBytes = frame.length
      joined[at] = frameBytes >>> 24
      joined[at + 1] = frameBytes >>> 16
      joined[at + 2] = frameBytes >>> 8
      joined[at + 3] = frameBytes
      joined.set(frame, at + lengthBytes)
      at += lengthBytes + frameBytes
    }
    this.#frames = []
    this.#queuedBytes = 0
    return joined
  }
}
