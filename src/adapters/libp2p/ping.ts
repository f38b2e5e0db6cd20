/**
 * `/ipfs/ping/1.0.0`, both sides: 32 random bytes are echoed, any number of rounds on one stream. The stock client opens a stream for each
 * round and gives whole milliseconds; here one stream a peer stays open and the clock is finer, so that a LAN can be measured. Stock
 * servers end a stream after 10 s: the next round opens another.
 */
import { randomBytes } from 'node:crypto'
import { MeshError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Libp2pByteStream } from './byte-stream.ts'
import type { MeshCounters } from './counters.ts'
import { withDeadline } from './deadline.ts'

export const PING_PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32
/** "The listening peer SHOULD accept at most two streams per peer" (libp2p ping specification). */
export const PING_INBOUND_STREAMS_MAX = 2

export interface PingClientInit {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly counters: MeshCounters
  readonly open: (peerId: string, signal: AbortSignal) => Promise<Libp2pByteStream>
}

export class PingClient {
  readonly #init: PingClientInit
  readonly #streams = new Map<string, PingStream>()
  /** One round a peer at a time; who asks meanwhile gets the same answer. */
  readonly #rounds = new Map<string, Promise<number>>()

  constructor(init: PingClientInit) {
    this.#init = init
  }

  /** @throws MeshError ERR_PEER_UNREACHABLE */
  async ping(peerId: string, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted()
    let round = this.#rounds.get(peerId)
    if (round === undefined) {
      round = this.#round(peerId).finally(() => { this.#rounds.delete(peerId) })
      this.#rounds.set(peerId, round)
    }
    return signal === undefined ? await round : await raceSignal(round, signal)
  }

  stop(): void {
    for (const stream of this.#streams.values()) stream.abort(new Error('The node stops.'))
    this.#streams.clear()
  }

  async #round(peerId: string): Promise<number> {
    const { clock, counters, timeoutMs } = this.#init
    counters.pings += 1
    try {
      return await withDeadline({
        clock,
        timeoutMs,
        timeoutError: () => new MeshError('ERR_PEER_UNREACHABLE', `${peerId} did not answer a ping within ${timeoutMs} ms.`, { details: { peerId } }),
      }, async (signal) => {
        const kept = this.#streams.get(peerId)
        if (kept !== undefined) {
          const rttMs = await kept.round()
          if (rttMs !== null) return rttMs
          // The kept stream had been ended by the other side, which says nothing about the way: once more on a fresh one.
        }
        const fresh = await this.#openStream(peerId, signal)
        const rttMs = await fresh.round()
        if (rttMs === null) throw new MeshError('ERR_PEER_UNREACHABLE', `The ping stream to ${peerId} broke.`, { details: { peerId } })
        return rttMs
      })
    } catch (error) {
      counters.pingFailures += 1
      this.#streams.get(peerId)?.abort(new Error('The ping failed.'))
      this.#streams.delete(peerId)
      throw error
    }
  }

  async #openStream(peerId: string, signal: AbortSignal): Promise<PingStream> {
    const bytes = await this.#init.open(peerId, signal)
    const stream = new PingStream(bytes, this.#init.clock, () => {
      if (this.#streams.get(peerId) === stream) this.#streams.delete(peerId)
    })
    if (signal.aborted) stream.abort(new Error('The ping was given up while its stream was being opened.'))
    else this.#streams.set(peerId, stream)
    return stream
  }
}

/** The asking end of one ping stream. */
class PingStream {
  readonly #stream: Libp2pByteStream
  readonly #clock: Clock
  #closed = false
  #waiting: { readonly expected: Buffer; readonly sentMs: number; received: Buffer; readonly settle: (rttMs: number | null, error?: Error) => void } | null = null

  constructor(stream: Libp2pByteStream, clock: Clock, onClosed: () => void) {
    this.#stream = stream
    this.#clock = clock
    stream.onBytes((bytes) => { this.#handleBytes(bytes) })
    stream.onEnd(() => {
      this.#end(onClosed)
      void stream.close()
    })
    stream.onClose(() => { this.#end(onClosed) })
  }

  /** The round-trip time; null when the stream ended first; rejects when the echo is wrong. */
  round(): Promise<number | null> {
    if (this.#closed) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      const expected = randomBytes(PING_BYTES)
      this.#waiting = {
        expected,
        received: Buffer.alloc(0),
        settle: (rttMs, error) => {
          this.#waiting = null
          if (error === undefined) resolve(rttMs)
          else reject(error)
        },
        sentMs: this.#clock.nowMs(),
      }
      this.#stream.send(expected)
    })
  }

  abort(error: Error): void {
    this.#stream.abort(error)
  }

  #handleBytes(bytes: Uint8Array): void {
    const nowMs = this.#clock.nowMs()
    const waiting = this.#waiting
    if (waiting === null || waiting.received.length + bytes.length > PING_BYTES) {
      this.#stream.abort(new Error('More was echoed than was sent.'))
      return
    }
    waiting.received = waiting.received.length === 0 && bytes.length === PING_BYTES ? Buffer.from(bytes) : Buffer.concat([waiting.received, bytes])
    if (waiting.received.length < PING_BYTES) return
    if (waiting.received.equals(waiting.expected)) waiting.settle(nowMs - waiting.sentMs)
    else {
      waiting.settle(null, new MeshError('ERR_PROTOCOL', 'A ping was answered with other bytes than it carried.'))
      this.#stream.abort(new Error('The echo differs.'))
    }
  }

  #end(onClosed: () => void): void {
    this.#closed = true
    onClosed()
    this.#waiting?.settle(null)
  }
}

/** The answering end: echoes until the asker ends, or asks nothing for `idleMs`. */
export function answerPings(stream: Libp2pByteStream, options: { readonly clock: Clock; readonly idleMs: number; readonly counters: MeshCounters }): void {
  const { clock, idleMs, counters } = options
  let heardMs = clock.nowMs()
  let timer: Timer
  const watch = (delayMs: number): void => {
    timer = clock.setTimer(delayMs, () => {
      const quietMs = clock.nowMs() - heardMs
      if (quietMs >= idleMs) stream.abort(new Error('No ping came for a long time.'))
      else watch(idleMs - quietMs)
    })
  }
  watch(idleMs)
  let pending = 0
  stream.onBytes((bytes) => {
    heardMs = clock.nowMs()
    pending += bytes.length
    counters.pingsAnswered += Math.floor(pending / PING_BYTES)
    pending %= PING_BYTES
    if (stream.send(bytes)) return
    stream.pause()
    // A stream that closes meanwhile has told `onClose`; there is nothing left to resume.
    stream.drained().then(() => { stream.resume() }, () => undefined)
  })
  stream.onEnd(() => { void stream.close() })
  stream.onClose(() => { timer.cancel() })
}

function raceSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => { reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason))) }
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([promise, aborted]).finally(() => { signal.removeEventListener('abort', onAbort) })
}
