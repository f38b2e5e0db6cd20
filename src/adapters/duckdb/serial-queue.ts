/** One call at a time, in order of asking, in a bounded queue that a caller can leave. */
import { MeshError } from '../../errors.ts'
import { cancelledError } from './connection-pool.ts'

export interface SerialQueueOptions {
  readonly waitingMax: number
  /** Of all that wait together. */
  readonly waitingWeightMax: number
}

export interface SerialCall {
  readonly signal?: AbortSignal | undefined
  /** Default 0: only the number counts. */
  readonly weight?: number
  /** A later step of what the queue has let in already. */
  readonly isLaterStep?: boolean
}

interface Waiter {
  readonly weight: number
  readonly grant: () => void
}

export class SerialQueue {
  readonly #options: SerialQueueOptions
  readonly #waiting: Waiter[] = []
  #waitingWeight = 0
  #busy = false

  constructor(options: SerialQueueOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @throws MeshError ERR_OVERLOADED; ERR_QUERY_CANCELLED while waiting */
  async run<T>(call: () => Promise<T>, { signal, weight = 0, isLaterStep = false }: SerialCall = {}): Promise<T> {
    if (signal?.aborted === true) throw cancelledError()
    if (this.#busy) {
      if (!isLaterStep) this.#checkBounds(weight)
      await this.#turn(signal, weight)
    }
    this.#busy = true
    try {
      return await call()
    } finally {
      // The place passes from caller to caller, so that nobody comes in between.
      const next = this.#waiting[0]
      if (next === undefined) this.#busy = false
      else {
        this.#leave(next)
        next.grant()
      }
    }
  }

  #checkBounds(weight: number): void {
    const { waitingMax, waitingWeightMax } = this.#options
    if (this.#waiting.length < waitingMax && (weight === 0 || this.#waitingWeight + weight <= waitingWeightMax)) return
    throw new MeshError('ERR_OVERLOADED', `${this.#waiting.length} statements wait for the parser, which is as much as may wait.`)
  }

  #turn(signal: AbortSignal | undefined, weight: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#leave(waiter)
        reject(cancelledError())
      }
      const waiter: Waiter = {
        weight,
        grant: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
      this.#waitingWeight += weight
    })
  }

  #leave(waiter: Waiter): void {
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
    this.#waitingWeight -= waiter.weight
  }
}
