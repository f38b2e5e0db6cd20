/**
 * A libp2p stream as a `ByteStream`. libp2p 3 streams push: reading stops only by `pause()`, whose window then holds the sender back.
 * Four things about them shape this file.
 *
 * 1. `pause()` called while `resume()` delivers is lost: `resume()` grants window again after the handler returns. So bytes delivered by
 *    `resume()` are only queued, and the pause is given once it has returned (`#flow`).
 * 2. A `pause()` before the first frame would overwrite the state that still has to carry SYN or ACK. So the transport is paused only
 *    when bytes have arrived that nobody wants yet.
 * 3. `onDrain()` works once a stream; the `drain` event comes before the queue is sent on, so it is looked at one microtask later.
 * 4. `close` without an error is also what a vanished connection gives. Only two ends that were seen make a clean close.
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { MeshError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { ByteStream, StreamRemote } from '../../ports/peer-streams.ts'

export interface Libp2pByteStreamInit {
  readonly stream: Stream
  readonly remotePeerId: string
  readonly clock: Clock
  /** See `MeshLimits.halfOpenMs`. */
  readonly halfOpenMs: number
  readonly onReset?: () => void
}

export class Libp2pByteStream implements ByteStream {
  readonly remote: StreamRemote
  readonly isAlone = false
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #halfOpenMs: number
  readonly #onReset: () => void
  /** Arrived and not delivered; never more than the transport's read buffer. */
  #queue: Uint8Array[] = []
  #bytesHandler: ((bytes: Uint8Array) => void) | null = null
  #closeHandler: ((error: Error | null) => void) | null = null
  #endHandler: (() => void) | null = null
  #paused = false
  #flowing = false
  #localEnding = false
  #remoteEnded: boolean
  #endReported = false
  #closed: { readonly error: Error | null } | null = null
  #closeReported = false
  #drain: PromiseWithResolvers<void> | null = null
  #halfOpenTimer: Timer | null = null
  #sentSinceTimer = false

  constructor(init: Libp2pByteStreamInit) {
    this.#stream = init.stream
    this.#clock = init.clock
    this.#halfOpenMs = init.halfOpenMs
    this.#onReset = init.onReset ?? (() => undefined)
    this.remote = { kind: 'peer', peerId: init.remotePeerId }
    const stream = init.stream
    this.#remoteEnded = stream.remoteWriteStatus === 'closed'
    stream.addEventListener('message', (event: StreamMessageEvent) => { this.#handleMessage(event) })
    stream.addEventListener('remoteCloseWrite', () => {
      this.#remoteEnded = true
      this.#settle()
    })
    stream.addEventListener('drain', () => { queueMicrotask(() => { this.#handleDrain() }) })
    stream.addEventListener('close', (event: StreamCloseEvent) => { this.#handleClose(event.error ?? null) })
    if (stream.status !== 'open' && stream.status !== 'closing') this.#handleClose(null)
  }

  /** Queues by reference: the bytes must not change afterwards. More than 8 MiB unsent breaks the stream, so mind the answer. */
  send(bytes: Uint8Array): boolean {
    if (this.#closed !== null || this.#localEnding) return false
    this.#sentSinceTimer = true
    try {
      return this.#stream.send(bytes)
    } catch (reason) {
      // libp2p throws on a stream that is on its way out by itself; whoever sends learns of that by the close.
      this.abort(reason instanceof Error ? reason : closedError(this.#peerId, 'could not be written to'))
      return false
    }
  }

  drained(): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed.error ?? closedError(this.#peerId, 'ended'))
    if (this.#localEnding) return Promise.reject(closedError(this.#peerId, 'is being ended'))
    if (!this.#stream.writableNeedsDrain) return Promise.resolve()
    this.#drain ??= Promise.withResolvers<void>()
    return this.#drain.promise
  }

  onBytes(handler: (bytes: Uint8Array) => void): void {
    this.#bytesHandler = handler
    this.#flow()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#flow()
  }

  onClose(handler: (error: Error | null) => void): void {
    this.#closeHandler = handler
    if (this.#closed !== null) queueMicrotask(() => { this.#settle() })
  }

  /** Calls once when the far side has ended and everything from it is delivered; our side may go on sending. */
  onEnd(handler: () => void): void {
    this.#endHandler = handler
    queueMicrotask(() => { this.#settle() })
  }

  /** Resolves when our end is on its way, or the stream is gone; what went wrong is told to `onClose`. */
  async close(): Promise<void> {
    if (this.#closed !== null || this.#localEnding) return
    this.#localEnding = true
    this.#drain?.reject(closedError(this.#peerId, 'is being ended'))
    this.#drain = null
    try {
      await this.#stream.close()
    } catch (reason) {
      // Mostly the close event itself, which `#handleClose` has seen already; anything else breaks the stream.
      if (!this.#isClosed()) this.abort(reason instanceof Error ? reason : closedError(this.#peerId, 'could not be ended'))
    }
  }

  abort(error: Error): void {
    if (this.#closed !== null) return
    this.#stream.abort(error)
    // libp2p reports an abort through the close event, unless the stream had ended before.
    this.#handleClose(error)
  }

  get #peerId(): string {
    return this.remote.kind === 'peer' ? this.remote.peerId : ''
  }

  /** A getter's worth of indirection: the state changes across an await, which the type checker does not see. */
  #isClosed(): boolean {
    return this.#closed !== null
  }

  #handleMessage(event: StreamMessageEvent): void {
    if (event.data instanceof Uint8Array) this.#queue.push(event.data)
    else for (const chunk of event.data) this.#queue.push(chunk)
    this.#flow()
  }

  #isReading(): boolean {
    return this.#bytesHandler !== null && !this.#paused
  }

  /** Delivers what may be delivered and sets the transport to the state that is left. */
  #flow(): void {
    if (this.#flowing) return
    this.#flowing = true
    try {
      for (;;) {
        while (this.#isReading()) {
          const bytes = this.#queue.shift()
          if (bytes === undefined) break
          this.#bytesHandler?.(bytes)
        }
        if (!this.#isReading() || this.#stream.readStatus !== 'paused') break
        this.#resumeStream()
        if (this.#queue.length === 0) break
      }
    } finally {
      this.#flowing = false
    }
    if (this.#queue.length > 0 && this.#stream.readStatus === 'readable') this.#stream.pause()
    this.#settle()
  }

  #resumeStream(): void {
    try {
      this.#stream.resume()
    } catch (reason) {
      // The buffered bytes were delivered before the window update failed; on a stream that is over there is nobody to grant window to.
      if (this.#stream.status === 'open') this.abort(reason instanceof Error ? reason : closedError(this.#peerId, 'could not be read on'))
    }
  }

  #handleDrain(): void {
    if (this.#drain === null || this.#stream.writableNeedsDrain || this.#closed !== null) return
    const drain = this.#drain
    this.#drain = null
    drain.resolve()
  }

  #handleClose(reason: Error | null): void {
    if (this.#closed !== null) return
    const stream = this.#stream
    const clean = reason === null && this.#localEnding && this.#remoteEnded && stream.writeBufferLength === 0
    let error: Error | null = null
    if (!clean) {
      error = stream.status === 'aborted' && reason !== null
        ? reason
        : closedError(this.#peerId, stream.status === 'reset' ? 'was reset by the peer' : 'broke with its connection', reason)
    }
    this.#closed = { error }
    this.#halfOpenTimer?.cancel()
    this.#halfOpenTimer = null
    if (error !== null) {
      this.#queue = []
      this.#onReset()
    }
    this.#drain?.reject(error ?? closedError(this.#peerId, 'ended'))
    this.#drain = null
    this.#settle()
  }

  /** Reports the far side's end and the close, once each and only after the last bytes. */
  #settle(): void {
    const unread = this.#queue.length > 0 || this.#stream.readBufferLength > 0
    const broken = this.#closed !== null && this.#closed.error !== null
    if (this.#remoteEnded && !unread && !broken && !this.#endReported) this.#reportEnd()
    if (this.#closed === null || this.#closeReported || this.#closeHandler === null) return
    if (this.#closed.error === null && unread) return
    this.#closeReported = true
    this.#closeHandler(this.#closed.error)
  }

  #reportEnd(): void {
    if (this.#endHandler !== null) {
      this.#endReported = true
      this.#endHandler()
    } else if (this.#closed === null && !this.#localEnding && this.#halfOpenTimer === null) {
      this.#armHalfOpen()
    }
  }

  /** An owner that never learns of the far end would keep the stream for ever; while it goes on sending, it may. */
  #armHalfOpen(): void {
    this.#sentSinceTimer = false
    this.#halfOpenTimer = this.#clock.setTimer(this.#halfOpenMs, () => {
      this.#halfOpenTimer = null
      if (this.#closed !== null || this.#localEnding || this.#endReported) return
      if (this.#sentSinceTimer) this.#armHalfOpen()
      else void this.close()
    })
  }
}

function closedError(peerId: string, what: string, cause: Error | null = null): MeshError {
  return new MeshError('ERR_PEER_UNREACHABLE', `The stream to ${peerId} ${what}.`, cause === null ? { details: { peerId } } : { details: { peerId }, cause })
}
