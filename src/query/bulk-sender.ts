/** One query's use of a bulk stream: batches go out while the consumer's credit lasts, so that a consumer at rest stops the engine. */
import { MeshError } from '../errors.ts'
import type { EngineBatch } from '../ports/query-engine.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import type { FrameWriter } from '../wire/framing.ts'
import { encodeBatch, encodeBatchHead } from '../wire/query-messages.ts'
import { creditOfBatch } from './batch-credit.ts'
import { BATCH_BYTES_MAX, BULK_SEND_BYTES, FRAGMENT_ALONE_BYTES, FRAGMENT_BYTES } from './limits.ts'
import type { ServerContext } from './server.ts'

export class BulkSender {
  readonly #context: ServerContext
  readonly #stream: ByteStream
  readonly #writer: FrameWriter
  readonly #id: number
  #creditBytes: number
  #ended = false
  #error: MeshError | null = null
  #wake: (() => void) | null = null
  /** Frames not pushed yet, so that small batches share a send. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #flushing: NodeJS.Immediate | null = null
  /** Set by the query: the consumer cancelled, or its stream closed. */
  onStopped: ((error: MeshError) => void) | null = null

  constructor(context: ServerContext, stream: ByteStream, writer: FrameWriter, id: number, creditBytes: number) {
    this.#context = context
    this.#stream = stream
    this.#writer = writer
    this.#id = id
    this.#creditBytes = creditBytes
  }

  /** The last frame of this query is on its way, or the stream is gone. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * Resolves when the batch has been handed to the transport.
   * @throws MeshError when the query is stopped or the consumer took nothing for the stall bound
   */
  async send(batch: EngineBatch): Promise<void> {
    const { bytes, rows, rawBytes } = batch
    if (bytes.length > BATCH_BYTES_MAX) {
      throw new MeshError('ERR_QUERY_TOO_LARGE', `a batch of the result takes ${bytes.length} bytes; at most ${BATCH_BYTES_MAX} can be sent`, {
        nextStep: 'Select fewer or smaller columns: single rows of this result are too large.',
      })
    }
    let at = 0
    do {
      while (this.#creditBytes <= 0 || this.#writer.isBlocked) {
        if (this.#error !== null) throw this.#error
        this.#pushHeld()
        await this.#progress()
      }
      if (this.#error !== null) throw this.#error
      const fragment = bytes.subarray(at, at + (this.#stream.isAlone ? FRAGMENT_ALONE_BYTES : FRAGMENT_BYTES))
      at += fragment.length
      this.#creditBytes -= creditOfBatch(fragment.length)
      if (fragment.length < BULK_SEND_BYTES) this.#hold(encodeBatch(this.#id, rows, fragment, at < bytes.length, rawBytes))
      else {
        this.#pushHeld()
        this.#writer.pushLarge(encodeBatchHead(this.#id, rows, fragment.length, at < bytes.length, rawBytes), fragment)
      }
    } while (at < bytes.length)
  }

  /** Sends the last frame, End or Failure, behind everything else. */
  finish(frame: Uint8Array): void {
    if (this.#ended) return
    this.#hold(frame)
    this.#pushHeld()
    this.#ended = true
  }

  /** Makes a waiting `send` throw. */
  stop(error: MeshError): void {
    this.#error ??= error
    this.#wake?.()
  }

  handleCredit(id: number, bytes: number): void {
    if (id !== this.#id) return
    this.#creditBytes = Math.min(this.#creditBytes + bytes, Number.MAX_SAFE_INTEGER)
    this.#wake?.()
  }

  handleCancel(id: number): void {
    if (id === this.#id && !this.#ended) this.onStopped?.(new MeshError('ERR_QUERY_CANCELLED', 'the caller cancelled the query'))
  }

  handleClosed(): void {
    if (this.#ended) return
    this.#ended = true
    this.#held = []
    this.onStopped?.(new MeshError('ERR_QUERY_CANCELLED', 'the bulk stream of the query closed'))
  }

  handleUnblocked(): void {
    this.#wake?.()
  }

  /** Waits for credit, for a writable stream, or for the end of the query. */
  async #progress(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#context.clock.setTimer(this.#context.stallMs, () => {
        this.#context.counters.stalled++
        this.#error ??= new MeshError('ERR_QUERY_CANCELLED', `the consumer took nothing of the result for ${this.#context.stallMs} ms`, {
          nextStep: 'Read the result without long pauses, or ask for less.',
        })
        // What the transport holds cannot be taken back: a stream that is not read is of no use to the next query either.
        if (this.#writer.isBlocked) this.#stream.abort(this.#error)
        resolve()
      })
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#wake = null
  }

  #hold(frame: Uint8Array): void {
    this.#held.push(frame)
    this.#heldBytes += frame.length
    if (this.#heldBytes >= BULK_SEND_BYTES) this.#pushHeld()
    else this.#flushing ??= setImmediate(() => this.#pushHeld())
  }

  #pushHeld(): void {
    if (this.#flushing !== null) clearImmediate(this.#flushing)
    this.#flushing = null
    if (this.#heldBytes === 0) return
    for (const frame of this.#held) this.#writer.push(frame)
    this.#held = []
    this.#heldBytes = 0
    this.#writer.flush()
  }
}
