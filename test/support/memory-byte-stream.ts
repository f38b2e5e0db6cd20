/** Two joined `ByteStream`s in memory, with a window, so that backpressure, cuts and chunk boundaries can be tested without sockets. */
import type { ByteStream, StreamRemote } from '../../src/ports/peer-streams.ts'

export interface MemoryStreamOptions {
  /** Bytes under way after which `send` answers false. */
  readonly windowBytes?: number
  /** Cuts each delivery into pieces of this size. */
  readonly pieceBytes?: number
  readonly remoteOfA?: StreamRemote
  readonly remoteOfB?: StreamRemote
  /** Told of what arrives, at either end. */
  readonly onDelivered?: (bytes: number) => void
}

export class MemoryByteStream implements ByteStream {
  readonly remote: StreamRemote
  readonly isAlone: boolean = false
  /** The most that ever waited to be read on this end. */
  unreadBytesMax = 0
  sends = 0
  peer!: MemoryByteStream
  readonly #options: MemoryStreamOptions
  #inbox: Uint8Array[] = []
  #inboxBytes = 0
  #bytesHandler: ((bytes: Uint8Array) => void) | null = null
  #closeHandler: ((error: Error | null) => void) | null = null
  #endHandler: (() => void) | null = null
  #paused = false
  #scheduled = false
  #localEnded = false
  #remoteEnded = false
  #endReported = false
  #closed: { error: Error | null } | null = null
  #drains: Array<PromiseWithResolvers<void>> = []

  constructor(remote: StreamRemote, options: MemoryStreamOptions) {
    this.remote = remote
    this.#options = options
  }

  get isClosed(): boolean {
    return this.#closed !== null
  }

  get isPaused(): boolean {
    return this.#paused
  }

  get unreadBytes(): number {
    return this.#inboxBytes
  }

  send(bytes: Uint8Array): boolean {
    if (this.#closed !== null) return false
    if (this.#localEnded) throw new Error('send after close')
    this.sends++
    this.peer.#take(bytes)
    return this.peer.#inboxBytes < this.#windowBytes
  }

  drained(): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed.error ?? new Error('ended'))
    if (this.peer.#inboxBytes < this.#windowBytes) return Promise.resolve()
    const drain = Promise.withResolvers<void>()
    this.#drains.push(drain)
    return drain.promise
  }

  onBytes(handler: (bytes: Uint8Array) => void): void {
    this.#bytesHandler = handler
    this.#schedule()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  onClose(handler: (error: Error | null) => void): void {
    this.#closeHandler = handler
    const closed = this.#closed
    if (closed !== null) queueMicrotask(() => handler(closed.error))
  }

  onEnd(handler: () => void): void {
    this.#endHandler = handler
    this.#schedule()
  }

  close(): Promise<void> {
    if (!this.#localEnded && this.#closed === null) {
      this.#localEnded = true
      this.peer.#remoteEnded = true
      this.peer.#schedule()
      this.#schedule()
    }
    return Promise.resolve()
  }

  abort(error: Error): void {
    this.#finish(error)
    this.peer.#finish(new Error(`reset by the other side: ${error.message}`))
  }

  get #windowBytes(): number {
    return this.#options.windowBytes ?? 256 << 10
  }

  #take(bytes: Uint8Array): void {
    this.#inbox.push(bytes)
    this.#inboxBytes += bytes.length
    this.unreadBytesMax = Math.max(this.unreadBytesMax, this.#inboxBytes)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed !== null) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    while (this.#bytesHandler !== null && !this.#paused && this.#closed === null) {
      const bytes = this.#inbox.shift()
      if (bytes === undefined) break
      this.#inboxBytes -= bytes.length
      this.#options.onDelivered?.(bytes.length)
      const pieceBytes = this.#options.pieceBytes ?? bytes.length
      for (let at = 0; at < bytes.length; at += pieceBytes) this.#bytesHandler(bytes.subarray(at, at + pieceBytes))
    }
    if (this.#inboxBytes < this.#windowBytes) for (const drain of this.peer.#drains.splice(0)) drain.resolve()
    if (this.#inbox.length > 0 || this.#closed !== null || !this.#remoteEnded) return
    if (!this.#endReported && this.#endHandler !== null) {
      this.#endReported = true
      this.#endHandler()
    }
    if (this.#localEnded) this.#finish(null)
  }

  #finish(error: Error | null): void {
    if (this.#closed !== null) return
    this.#closed = { error }
    if (error !== null) this.#inbox = []
    for (const drain of this.#drains.splice(0)) {
      drain.promise.catch(() => {})
      drain.reject(error ?? new Error('ended'))
    }
    this.#closeHandler?.(error)
  }
}

export function memoryStreamPair(options: MemoryStreamOptions = {}): { readonly a: MemoryByteStream; readonly b: MemoryByteStream } {
  const a = new MemoryByteStream(options.remoteOfA ?? { kind: 'peer', peerId: 'b' }, options)
  const b = new MemoryByteStream(options.remoteOfB ?? { kind: 'peer', peerId: 'a' }, options)
  a.peer = b
  b.peer = a
  return { a, b }
}
