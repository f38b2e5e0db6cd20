/** One call at a time, in order of asking, in a bounded queue that a caller can leave. */
import { MeshError } from '../../errors.ts'
import { cancelledError } from './connection-pool.ts'

export class SerialQueue {
  readonly #waitingMax: number
  readonly #waiting: Array<() => void> = []
  #busy = false

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** `bounded: false` for the later steps of what the queue has already let in. @throws MeshError ERR_OVERLOADED; ERR_QUERY_CANCELLED while waiting */
  async run<T>(call: () => Promise<T>, options: { readonly signal?: AbortSignal | undefined; readonly bounded?: boolean } = {}): Promise<T> {
    if (options.signal?.aborted === true) throw cancelledError()
    if (this.#busy) await this.#turn(options.signal, options.bounded !== false)
    this.#busy = true
    try {
      return await call()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#busy = false
      else next()
    }
  }

  /** The place passes from caller to caller, so that nobody comes in between. */
  #turn(signal: AbortSignal | undefined, bounded: boolean): Promise<void> {
    if (bounded && this.#waiting.length >= this.#waitingMax) {
      throw new MeshError('ERR_OVERLOADED', `${this.#waiting.length} statements wait for the parser, which is the limit.`)
    }
    return new Promise((resolve, reject) => {
      const granted = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1)
        reject(cancelledError())
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(granted)
    })
  }
}
