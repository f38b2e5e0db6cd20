/** One reader's server-sent events, as the body of an answer. Who reads too slowly is cut off: its queue is bounded, and the node waits for nobody. */
import { Readable } from 'node:stream'

/** That wait for one reader, here and in its connection's buffer each. */
export const EVENT_BYTES_MAX = 4 << 20

export class EventBody extends Readable {
  readonly #onSlow: () => void

  constructor(onSlow: () => void) {
    super({ highWaterMark: EVENT_BYTES_MAX })
    this.#onSlow = onSlow
  }

  override _read(): void {
    // Events come when they happen.
  }

  send(name: string, json: string, id: string | null = null): void {
    this.#push(`${id === null ? '' : `id: ${id}\n`}event: ${name}\ndata: ${json}\n\n`)
  }

  comment(text: string): void {
    this.#push(`: ${text}\n\n`)
  }

  finish(): void {
    if (!this.destroyed) this.push(null)
  }

  #push(text: string): void {
    if (this.destroyed || this.readableEnded || this.push(text)) return
    this.#onSlow()
    this.destroy(new Error('the reader of an event stream is too slow'))
  }
}
