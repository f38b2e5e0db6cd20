/** How many queries may have a connection at once; others wait in a bounded queue. */
import { MeshError } from '../../errors.ts'
import { cancelledError } from './server-error.ts'

interface Waiting {
  readonly grant: () => void
  readonly refuse: (error: MeshError) => void
}

export class Permits {
  readonly #max: number
  readonly #waitingMax: number
  readonly #queue = new Set<Waiting>()
  #taken = 0
  #closed = false
  #whenIdle: (() => void) | null = null

  constructor({ max, waitingMax }: { readonly max: number; readonly waitingMax: number }) {
    this.#max = max
    this.#waitingMax = waitingMax
  }

  get taken(): number {
    return this.#taken
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** @throws MeshError ERR_OVERLOADED, ERR_QUERY_CANCELLED, ERR_NOT_SERVING */
  take(signal: AbortSignal): Promise<void> {
    if (this.#closed) throw closing()
    if (signal.aborted) throw cancelledError()
    if (this.#taken < this.#max) {
      this.#taken++
      return Promise.resolve()
    }
    if (this.#queue.size >= this.#waitingMax) {
      throw new MeshError('ERR_OVERLOADED', `All ${this.#max} connections to the database server are in use, and ${this.#queue.size} queries wait for one.`, { details: { started: 'no' } })
    }
    return new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#queue.delete(entry)
        reject(cancelledError())
      }
      const settle = (): void => {
        this.#queue.delete(entry)
        signal.removeEventListener('abort', leave)
      }
      const entry: Waiting = { grant: () => { settle(); resolve() }, refuse: (error) => { settle(); reject(error) } }
      signal.addEventListener('abort', leave, { once: true })
      this.#queue.add(entry)
    })
  }

  give(): void {
    const [next] = this.#queue
    if (next !== undefined) {
      next.grant()
      return
    }
    this.#taken--
    if (this.#taken === 0) this.#whenIdle?.()
  }

  /** Refuses who waits; resolves when all permits are back. */
  async close(): Promise<void> {
    this.#closed = true
    for (const entry of [...this.#queue]) entry.refuse(closing())
    if (this.#taken > 0) await new Promise<void>((resolve) => { this.#whenIdle = resolve })
  }
}

function closing(): MeshError {
  return new MeshError('ERR_NOT_SERVING', 'The database is being closed on this node.', { details: { started: 'no' } })
}
