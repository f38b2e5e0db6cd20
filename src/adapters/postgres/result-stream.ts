import type { EngineBatch } from '../../ports/query-engine.ts'
import type { EncodedStart, ResultEncoder } from './result-encoder.ts'

export interface ResultStreamParts {
  readonly start: EncodedStart
  /** Gives what follows the first batch, when that is not all. */
  readonly encoder: Pick<ResultEncoder, 'next'>
  /** After the last batch; a failure is the result's. */
  readonly finish: () => Promise<void>
  /** When its reader leaves. */
  readonly leave: () => Promise<void>
  /** Ends the run and says what to throw. */
  readonly fail: (error: unknown) => Promise<Error>
}

/** Batches pulled one by one. No generator: its `return()` before the first pull would not give the connection back. */
export class ResultStream implements AsyncIterableIterator<EngineBatch> {
  readonly #parts: ResultStreamParts
  #first: EngineBatch | null
  #isOpen: boolean
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: ResultStreamParts) {
    this.#parts = parts
    this.#first = parts.start.first
    this.#isOpen = !parts.start.complete
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<EngineBatch, undefined>> {
    const pulled = this.#last.then(() => this.#pull())
    this.#last = pulled.catch(() => undefined)
    return pulled
  }

  async #pull(): Promise<IteratorResult<EngineBatch, undefined>> {
    const first = this.#first
    this.#first = null
    if (first !== null) return { done: false, value: first }
    if (!this.#isOpen) return { done: true, value: undefined }
    try {
      const value = await this.#parts.encoder.next()
      if (value !== null) return { done: false, value }
      this.#isOpen = false
      await this.#parts.finish()
      return { done: true, value: undefined }
    } catch (error) {
      this.#isOpen = false
      throw await this.#parts.fail(error)
    }
  }

  async return(): Promise<IteratorResult<EngineBatch, undefined>> {
    this.#first = null
    this.#isOpen = false
    await this.#parts.leave()
    return { done: true, value: undefined }
  }
}
