/**
 * What every `ByteStream` promises, over whatever carries it. An adapter's test calls `byteStreamContract` with a function that connects
 * a fresh pair of ends. Nothing here sleeps: a stall is proved by answers that keep coming the other way.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ByteStream } from '../../src/ports/peer-streams.ts'

export interface ByteStreamPair {
  readonly a: ByteStream
  readonly b: ByteStream
  stop(): Promise<void>
}

const MIB = 1 << 20
const CHUNK_BYTES = 64 * 1024
/** More than any transport may hold between a sender and a reader that reads nothing. */
const HELD_BYTES_MAX = 24 * MIB

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

/** Byte `i` of the pattern depends on `i` alone, so that any loss, repetition or swap shows. */
function pattern(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = ((offset + i) * 31 + ((offset + i) >>> 8)) & 0xff
  return bytes
}

/** Counts and checks pattern bytes, and lets a test wait for a total. */
function collect(stream: ByteStream): { total(): number; calls(): number; intact(): boolean; reached(total: number): Promise<void> } {
  let total = 0
  let calls = 0
  let intact = true
  const waiting: Array<{ total: number; resolve: () => void }> = []
  stream.onBytes((bytes) => {
    if (!equal(bytes, pattern(total, bytes.length))) intact = false
    total += bytes.length
    calls += 1
    for (const waiter of waiting) if (total >= waiter.total) waiter.resolve()
  })
  return {
    total: () => total,
    calls: () => calls,
    intact: () => intact,
    reached: (wanted) => new Promise((resolve) => {
      if (total >= wanted) resolve()
      else waiting.push({ total: wanted, resolve })
    }),
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}

function closed(stream: ByteStream): { calls: Array<Error | null>; first: Promise<Error | null> } {
  const calls: Array<Error | null> = []
  const first = new Promise<Error | null>((resolve) => {
    stream.onClose((error) => {
      calls.push(error)
      resolve(error)
    })
  })
  return { calls, first }
}

async function sendAll(stream: ByteStream, totalBytes: number, progress: (sentBytes: number) => void = () => undefined): Promise<void> {
  for (let sent = 0; sent < totalBytes;) {
    const length = Math.min(CHUNK_BYTES, totalBytes - sent)
    const more = stream.send(pattern(sent, length))
    sent += length
    progress(sent)
    if (!more) await stream.drained()
  }
}

export function byteStreamContract(name: string, connectPair: () => Promise<ByteStreamPair>): void {
  describe(`ByteStream contract: ${name}`, () => {
    let pair: ByteStreamPair

    beforeEach(async () => {
      pair = await connectPair()
    })

    afterEach(async () => {
      await pair.stop()
    })

    it('delivers bytes in order, whatever the sizes of the pieces', async () => {
      const received = collect(pair.b)
      let sent = 0
      for (const length of [1, 7, 1000, 65_536, 3, 300_000, 1, 1, 1]) {
        if (!pair.a.send(pattern(sent, length))) await pair.a.drained()
        sent += length
      }
      await received.reached(sent)
      expect(received.total()).toBe(sent)
      expect(received.intact()).toBe(true)
    })

    it('carries bytes both ways at once', async () => {
      const atA = collect(pair.a)
      const atB = collect(pair.b)
      await Promise.all([sendAll(pair.a, 4 * MIB), sendAll(pair.b, 4 * MIB), atA.reached(4 * MIB), atB.reached(4 * MIB)])
      expect(atA.intact() && atB.intact()).toBe(true)
    })

    it('keeps what arrived before there was a handler', async () => {
      const atA = collect(pair.a)
      pair.a.send(pattern(0, 5000))
      // An answer of `b` that reaches `a` shows that the connection has been working meanwhile.
      pair.b.send(pattern(0, 1))
      await atA.reached(1)
      const received = collect(pair.b)
      await received.reached(5000)
      expect(received.intact()).toBe(true)
    })

    it('holds the sender back while the reader of 64 MiB is paused, and loses nothing', async () => {
      const total = 64 * MIB
      const received = collect(pair.b)
      const atA = collect(pair.a)
      pair.b.pause()
      let sentBytes = 0
      let finished = false
      const sending = sendAll(pair.a, total, (sent) => { sentBytes = sent }).then(() => { finished = true })

      // The sender has stalled when nothing more is sent over many round trips of the same connection.
      let answers = 0
      for (let steadyRounds = 0; steadyRounds < 20 && !finished;) {
        const before = sentBytes
        pair.b.send(pattern(answers, 1))
        answers += 1
        await atA.reached(answers)
        await turn()
        steadyRounds = sentBytes === before ? steadyRounds + 1 : 0
      }
      expect(finished).toBe(false)
      expect(sentBytes).toBeLessThan(HELD_BYTES_MAX)
      expect(received.total()).toBe(0)

      pair.b.resume()
      await sending
      await received.reached(total)
      expect(received.intact()).toBe(true)
    })

    it('stops delivery after the current call when the handler pauses, however often', async () => {
      const total = 16 * MIB
      let got = 0
      let intact = true
      let paused = false
      let calledWhilePaused = 0
      const done = new Promise<void>((resolve) => {
        pair.b.onBytes((bytes) => {
          if (paused) calledWhilePaused += 1
          if (!equal(bytes, pattern(got, bytes.length))) intact = false
          got += bytes.length
          paused = true
          pair.b.pause()
          setImmediate(() => {
            paused = false
            pair.b.resume()
          })
          if (got === total) resolve()
        })
      })
      const end = closed(pair.b)
      await sendAll(pair.a, total)
      await Promise.race([done, end.first])
      expect(end.calls).toEqual([])
      expect(got).toBe(total)
      expect(intact).toBe(true)
      expect(calledWhilePaused).toBe(0)
    })

    it('takes pause and resume inside one call as no pause', async () => {
      let got = 0
      const done = new Promise<void>((resolve) => {
        pair.b.onBytes((bytes) => {
          pair.b.pause()
          pair.b.resume()
          got += bytes.length
          if (got === 2 * MIB) resolve()
        })
      })
      await sendAll(pair.a, 2 * MIB)
      await done
      expect(got).toBe(2 * MIB)
    })

    it('closes one way while the other still carries bytes', async () => {
      const atA = collect(pair.a)
      const atB = collect(pair.b)
      const closeA = closed(pair.a)
      const closeB = closed(pair.b)
      pair.a.send(pattern(0, 10_000))
      await pair.a.close()
      await atB.reached(10_000)
      await sendAll(pair.b, MIB)
      await atA.reached(MIB)
      expect(closeA.calls).toEqual([])
      expect(closeB.calls).toEqual([])
      await pair.b.close()
      expect(await Promise.all([closeA.first, closeB.first])).toEqual([null, null])
      expect(atA.intact() && atB.intact()).toBe(true)
    })

    it('delivers everything queued before it ends', async () => {
      const queuedBytes = 4 * MIB
      const received = collect(pair.b)
      const closeB = closed(pair.b)
      for (let sent = 0; sent < queuedBytes; sent += CHUNK_BYTES) pair.a.send(pattern(sent, CHUNK_BYTES))
      await Promise.all([pair.a.close(), pair.b.close()])
      expect(await closeB.first).toBeNull()
      expect(received.total()).toBe(queuedBytes)
      expect(received.intact()).toBe(true)
    })

    it('delivers what a paused reader had not read when both sides ended', async () => {
      const received = collect(pair.b)
      const closeB = closed(pair.b)
      const closeA = closed(pair.a)
      pair.b.pause()
      pair.a.send(pattern(0, 100_000))
      await Promise.all([pair.a.close(), pair.b.close()])
      expect(await closeA.first).toBeNull()
      expect(received.total()).toBe(0)
      expect(closeB.calls).toEqual([])
      pair.b.resume()
      expect(await closeB.first).toBeNull()
      expect(received.total()).toBe(100_000)
    })

    it('shows an abort to both sides, with an error', async () => {
      collect(pair.a)
      collect(pair.b)
      const closeA = closed(pair.a)
      const closeB = closed(pair.b)
      pair.a.abort(new Error('enough'))
      // Some transports tell the far side only when it sends.
      while (closeB.calls.length === 0) {
        pair.b.send(pattern(0, 1))
        await turn()
      }
      expect((await closeA.first)?.message).toContain('enough')
      expect(await closeB.first).toBeInstanceOf(Error)
    })

    it('rejects drained() of a sender whose stream is aborted', async () => {
      pair.b.onBytes(() => undefined)
      pair.b.pause()
      pair.a.onBytes(() => undefined)
      let sent = 0
      while (pair.a.send(pattern(0, CHUNK_BYTES))) {
        sent += CHUNK_BYTES
        expect(sent).toBeLessThan(HELD_BYTES_MAX)
      }
      const drained = pair.a.drained()
      const outcome = expect(drained).rejects.toBeInstanceOf(Error)
      pair.a.abort(new Error('enough'))
      await outcome
    })

    it('takes nothing more once it is being closed, however full it is, and says so instead of throwing', async () => {
      pair.b.onBytes(() => undefined)
      pair.b.pause()
      pair.a.onBytes(() => undefined)
      let sent = 0
      while (pair.a.send(pattern(0, CHUNK_BYTES))) {
        sent += CHUNK_BYTES
        expect(sent).toBeLessThan(HELD_BYTES_MAX)
      }
      const waiting = expect(pair.a.drained()).rejects.toBeInstanceOf(Error)
      const closing = pair.a.close()
      expect(pair.a.send(pattern(0, 1))).toBe(false)
      await expect(pair.a.drained()).rejects.toBeInstanceOf(Error)
      pair.a.abort(new Error('enough'))
      await Promise.all([waiting, closing])
    })

    it('calls onClose once, also when it is asked late', async () => {
      const early = closed(pair.a)
      collect(pair.a)
      collect(pair.b)
      await Promise.all([pair.a.close(), pair.b.close()])
      await early.first
      pair.a.abort(new Error('after the end'))
      await turn()
      expect(early.calls).toEqual([null])
      const late = closed(pair.b)
      expect(await late.first).toBeNull()
      expect(late.calls).toEqual([null])
    })
  })
}
