/**
 * DuckDB's calls block a thread of libuv's pool for as long as they run: a long query for its whole time. The pool is the process's only one (files,
 * name look-ups and cryptography use it too), so that one thread is kept out of the queries' reach, and the rest are handed out here, over all
 * databases of the process. `UV_THREADPOOL_SIZE`, read by libuv as the process starts, makes the pool larger.
 */
import { cancelledError } from './connection-pool.ts'

const POOL_SIZE_DEFAULT = 4
const POOL_SIZE_MAX = 1024

export class EngineThreads {
  #free: number
  readonly #waiting: Array<() => void> = []

  constructor(threads: number) {
    this.#free = threads
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs the call when a thread is free, in order of asking. The callers' number bounds the queue. @throws MeshError ERR_QUERY_CANCELLED while waiting */
  async run<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    await this.#acquire(signal)
    try {
      return await call()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }

  #acquire(signal: AbortSignal): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--
      return undefined
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1)
        reject(cancelledError())
      }
      const granted = (): void => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      if (signal.aborted) {
        reject(cancelledError())
        return
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(granted)
    })
  }
}

export function threadsForQueries(poolSizeText: string | undefined): number {
  const size = Number.parseInt(poolSizeText ?? '', 10)
  return Math.max(1, (Number.isNaN(size) || size < 1 ? POOL_SIZE_DEFAULT : Math.min(size, POOL_SIZE_MAX)) - 1)
}

export const engineThreads: EngineThreads = new EngineThreads(threadsForQueries(process.env.UV_THREADPOOL_SIZE))
