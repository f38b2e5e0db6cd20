/**
 * Lets a stream deliver only so much in one turn of the event loop: a fast sender otherwise fills turn after turn with as much as the socket holds, and
 * the small answers of other streams wait for the end of each.
 */
import type { ByteStream } from '../ports/peer-streams.ts'

export class TurnBound {
  readonly #stream: ByteStream
  readonly #bytesMax: number
  #bytes = 0
  #closed = false
  readonly #nextTurn = (): void => {
    const wasPaused = this.#bytes >= this.#bytesMax
    this.#bytes = 0
    if (wasPaused && !this.#closed) this.#stream.resume()
  }

  /** The stream's pauses are its affair from now on. */
  constructor(stream: ByteStream, bytesMax: number) {
    this.#stream = stream
    this.#bytesMax = bytesMax
  }

  /** For each delivery of the stream. */
  handleBytes(bytes: number): void {
    if (this.#bytes === 0 && bytes > 0) setImmediate(this.#nextTurn)
    const wasPaused = this.#bytes >= this.#bytesMax
    this.#bytes += bytes
    if (!wasPaused && this.#bytes >= this.#bytesMax) this.#stream.pause()
  }

  close(): void {
    this.#closed = true
  }
}
