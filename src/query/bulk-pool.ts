/** The few bulk streams to one target: opened when first needed, lent to one large result after the other, and waited for in turn. */
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { ByteStream } from '../ports/peer-streams.ts'
import type { End } from '../wire/generated/query.ts'
import { BulkReceiver } from './bulk-receiver.ts'
import type { ClientQuery } from './client-query.ts'
import { openWithin } from './stream-lifetime.ts'

export interface BulkPoolOptions {
  readonly open: (signal: AbortSignal) => Promise<ByteStream>
  readonly token: Uint8Array
  readonly streamsMax: number
  readonly waitersMax: number
  readonly windowBytes: number
  readonly openTimeoutMs: number
  readonly clock: Clock
  readonly log: Log | null
  readonly onEnd: (end: End) => void
}

export class BulkPool {
  readonly #options: BulkPoolOptions
  readonly #idle: BulkReceiver[] = []
  readonly #open = new Set<BulkReceiver>()
  readonly #waiting: Array<{ readonly id: number; readonly query: ClientQuery }> = []
  readonly #opening = new AbortController()
  #openingCount = 0
  #closed = false

  constructor(options: BulkPoolOptions) {
    this.#options = options
  }

  /** Finds the query a bulk stream, at once or in its turn; failing that, fails the query. */
  attach(id: number, query: ClientQuery): void {
    const receiver = this.#idle.pop()
    if (receiver !== undefined) {
      receiver.attach(id, query)
      return
    }
    if (this.#waiting.length >= this.#options.waitersMax) {
      query.stop(new MeshError('ERR_OVERLOADED', `${this.#waiting.length} large results from this node wait for a stream, which is the limit`))
      return
    }
    this.#waiting.push({ id, query })
    if (this.#open.size + this.#openingCount >= this.#options.streamsMax) return
    this.#openingCount++
    this.#openOne().catch((error: unknown) => this.#failFirst(error)).finally(() => { this.#openingCount-- })
  }

  close(): void {
    this.#closed = true
    this.#opening.abort(new Error('the session of the bulk stream ended'))
    for (const receiver of this.#open) receiver.abort(new Error('the session of the bulk stream ended'))
    this.#waiting.length = 0
  }

  async #openOne(): Promise<void> {
    const timeout = new AbortController()
    const timer = this.#options.clock.setTimer(this.#options.openTimeoutMs, () => timeout.abort(new Error(`no bulk stream within ${this.#options.openTimeoutMs} ms`)))
    let stream: ByteStream
    try {
      stream = await openWithin(this.#options.open, AbortSignal.any([timeout.signal, this.#opening.signal]))
    } finally {
      timer.cancel()
    }
    // Closed between the arrival of the stream and this line.
    if (this.#closed) {
      stream.abort(new Error('the session of the bulk stream ended'))
      return
    }
    const receiver: BulkReceiver = new BulkReceiver(stream, {
      ...this.#options,
      onFree: () => this.#lend(receiver),
      onClosed: () => {
        this.#open.delete(receiver)
        const at = this.#idle.indexOf(receiver)
        if (at >= 0) this.#idle.splice(at, 1)
        this.#reopenForWaiting()
      },
    })
    this.#open.add(receiver)
    this.#lend(receiver)
  }

  #lend(receiver: BulkReceiver): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.query.ended) continue
      receiver.attach(next.id, next.query)
      return
    }
    this.#idle.push(receiver)
  }

  /** Those that wait must not wait for a stream that will never come back. */
  #reopenForWaiting(): void {
    if (this.#closed || this.#waiting.length === 0 || this.#open.size + this.#openingCount > 0) return
    const next = this.#waiting.shift()
    if (next !== undefined) this.attach(next.id, next.query)
  }

  #failFirst(error: unknown): void {
    if (this.#closed) return
    this.#options.log?.debug({ error: String(error) }, 'opening a bulk stream failed')
    // Others are in use and will come back: let it wait for them.
    if (this.#open.size > 0) return
    for (const { query } of this.#waiting.splice(0)) {
      query.breakOff('no bulk stream could be opened', error)
      query.connection?.cancel(query)
    }
  }
}
