import type { EngineBatch } from '../../ports/query-engine.ts'
import type { QueryRun } from './query-run.ts'
import type { ResultEncoder } from './result-encoder.ts'

/**
 * The batches of one result, pulled one by one. Not a generator: `return()` before the first pull must give the connection back as well, which an
 * unstarted generator would not do.
 */
export class BatchStream implements AsyncIterableIterator<EngineBatch> {
  readonly #run: Pick<QueryRun, 'end'>
  readonly #fail: (error: unknown) => Promise<Error>
  #first: EngineBatch | null
  #encoder: ResultEncoder | null
  #pull: Promise<unknown> = Promise.resolve()

  /** `encoder` is null when `first` is all there is; `fail` ends the run and says what to throw. */
  constructor(run: Pick<QueryRun, 'end'>, first: EngineBatch | null, encoder: ResultEncoder | null, fail: (error: unknown) => Promise<Error>) {
    this.#run = run
    this.#first = first
    this.#encoder = encoder
    this.#fail = fail
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<EngineBatch, undefined>> {
    const result = this.#pull.then(() => this.#next())
    this.#pull = result.catch(() => undefined)
    return result
  }

  async #next(): Promise<IteratorResult<EngineBatch, undefined>> {
    const first = this.#first
    if (first !== null) {
      this.#first = null
      return { done: false, value: first }
    }
    const encoder = this.#encoder
    if (encoder === null) return { done: true, value: undefined }
    try {
      const batch = await encoder.next()
      if (batch !== null) return { done: false, value: batch }
    } catch (error) {
      this.#leaveEncoder()
      throw await this.#fail(error)
    }
    this.#encoder = null
    await this.#run.end()
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<EngineBatch, undefined>> {
    this.#first = null
    this.#leaveEncoder()
    await this.#run.end()
    return { done: true, value: undefined }
  }

  #leaveEncoder(): void {
    this.#encoder?.close()
    this.#encoder = null
  }
}
