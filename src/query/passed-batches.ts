/**
 * Batches on their way through: who stands between a result and its reader sees each one, and how it ends.
 *
 * Not an async generator. The return() of one that was not started runs no `finally`, and beside a next() that is under way it waits for that: a
 * reader that leaves then would leave everything behind it running. Here leaving is passed on at once, in both cases.
 */
import type { EngineBatch } from '../ports/query-engine.ts'

type Step = IteratorResult<EngineBatch, undefined>

export abstract class PassedBatches implements AsyncIterableIterator<EngineBatch, undefined> {
  readonly #batches: AsyncIterable<EngineBatch>
  #iterator: AsyncIterator<EngineBatch> | null = null
  /** Nothing more is handed out: they ended, failed or were left. */
  #isOver = false
  #isEnded = false

  constructor(batches: AsyncIterable<EngineBatch>) {
    this.#batches = batches
  }

  /** The reader wants the next one. */
  protected handleAsked(): void {}

  /** What the reader gets for it. One that throws or rejects ends the result. */
  protected handleBatch(batch: EngineBatch): EngineBatch | Promise<EngineBatch> {
    return batch
  }

  /** All have come. */
  protected handleCompleted(): void {}

  /** Once, whichever way it ended, and last. */
  protected handleEnded(): void {}

  /** The error that the reader gets for it; before `handleEnded`. */
  protected explain(error: unknown): unknown {
    return error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<Step> {
    if (this.#isOver) return { done: true, value: undefined }
    let step: IteratorResult<EngineBatch>
    try {
      this.handleAsked()
      step = await this.#source().next()
      if (step.done === true && !this.#isLeft()) this.handleCompleted()
    } catch (error) {
      this.#isOver = true
      const explained = this.explain(error)
      this.#end()
      throw explained
    }
    if (this.#isLeft()) return { done: true, value: undefined }
    if (step.done === true) {
      this.#isOver = true
      this.#end()
      return { done: true, value: undefined }
    }
    try {
      const batch = this.handleBatch(step.value)
      return { done: false, value: batch instanceof Promise ? await batch : batch }
    } catch (error) {
      await this.return()
      throw error
    }
  }

  async return(): Promise<Step> {
    if (this.#isOver) return { done: true, value: undefined }
    this.#isOver = true
    try {
      await this.#source().return?.()
    } finally {
      this.#end()
    }
    return { done: true, value: undefined }
  }

  #source(): AsyncIterator<EngineBatch> {
    return (this.#iterator ??= this.#batches[Symbol.asyncIterator]())
  }

  /** It changes across an await, which the type checker does not see. */
  #isLeft(): boolean {
    return this.#isOver
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.handleEnded()
  }
}

/** Whose errors say more. */
export class ExplainedBatches extends PassedBatches {
  readonly #explain: (error: unknown) => unknown

  constructor(batches: AsyncIterable<EngineBatch>, explain: (error: unknown) => unknown) {
    super(batches)
    this.#explain = explain
  }

  protected override explain(error: unknown): unknown {
    return this.#explain(error)
  }
}
