/** A connected socket, local or under TLS, as a `ByteStream`. Node's own stream does the work; this holds it to the port's promises. */
import type { Socket } from 'node:net'
import { MeshError } from '../../errors.ts'
import type { ByteStream, StreamRemote } from '../../ports/peer-streams.ts'

export interface SocketByteStreamOptions {
  /** What broke, in messages. Default `the local connection`. */
  readonly title?: string
  /** Destroys the connection so that the far side does not take it for an end. Default: the socket's own `destroy`, which over a local socket cannot be told from an end. */
  readonly reset?: () => void
}

export class SocketByteStream implements ByteStream {
  readonly remote: StreamRemote
  readonly isAlone = true
  readonly #socket: Socket
  readonly #title: string
  readonly #reset: () => void
  #bytesHandler: ((bytes: Uint8Array) => void) | null = null
  #closeHandler: ((error: Error | null) => void) | null = null
  #endHandler: (() => void) | null = null
  #paused = false
  #remoteEnded = false
  #localEnded = false
  #error: Error | null = null
  #closed: { readonly error: Error | null } | null = null
  #drain: PromiseWithResolvers<void> | null = null

  /** The socket must allow half-open and be paused. */
  constructor(socket: Socket, remote: StreamRemote, options: SocketByteStreamOptions = {}) {
    this.#socket = socket
    this.#title = options.title ?? 'the local connection'
    this.#reset = options.reset ?? (() => { socket.destroy() })
    this.remote = remote
    socket.on('end', () => {
      this.#remoteEnded = true
      this.#endHandler?.()
    })
    socket.on('drain', () => {
      this.#drain?.resolve()
      this.#drain = null
    })
    socket.on('error', (error) => { this.#error ??= error })
    socket.on('close', () => this.#handleClose())
  }

  send(bytes: Uint8Array): boolean {
    if (this.#closed !== null || this.#localEnded || this.#socket.destroyed) return false
    return this.#socket.write(bytes)
  }

  drained(): Promise<void> {
    if (this.#closed !== null || this.#localEnded || this.#socket.destroyed) return Promise.reject(this.#closed?.error ?? this.#broken(this.#error))
    if (!this.#socket.writableNeedDrain) return Promise.resolve()
    this.#drain ??= Promise.withResolvers<void>()
    return this.#drain.promise
  }

  onBytes(handler: (bytes: Uint8Array) => void): void {
    const first = this.#bytesHandler === null
    this.#bytesHandler = handler
    if (!first) return
    this.#socket.on('data', (bytes: Buffer) => this.#bytesHandler?.(bytes))
    if (!this.#paused) this.#socket.resume()
    else this.#socket.pause()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#bytesHandler !== null) this.#socket.resume()
  }

  onClose(handler: (error: Error | null) => void): void {
    this.#closeHandler = handler
    const closed = this.#closed
    if (closed !== null) queueMicrotask(() => handler(closed.error))
  }

  /** Calls once when the far side has ended and everything from it is delivered; our side may go on sending. */
  onEnd(handler: () => void): void {
    this.#endHandler = handler
    if (this.#remoteEnded) queueMicrotask(handler)
  }

  async close(): Promise<void> {
    if (this.#closed !== null || this.#localEnded) return
    this.#localEnded = true
    await new Promise<void>((resolve) => {
      // Either may come first, and after an error only the second comes.
      this.#socket.once('close', () => resolve())
      this.#socket.end(() => resolve())
    })
  }

  abort(error: Error): void {
    if (this.#closed !== null) return
    this.#error ??= error
    this.#reset()
  }

  #handleClose(): void {
    if (this.#closed !== null) return
    const clean = this.#error === null && this.#remoteEnded && this.#localEnded
    this.#closed = { error: clean ? null : this.#error ?? this.#broken(null) }
    this.#drain?.reject(this.#closed.error ?? this.#broken(null))
    this.#drain = null
    this.#closeHandler?.(this.#closed.error)
  }

  #broken(cause: Error | null): MeshError {
    return new MeshError('ERR_PEER_UNREACHABLE', cause === null ? `${this.#title} broke` : `${this.#title} broke: ${cause.message}`, { cause })
  }
}
