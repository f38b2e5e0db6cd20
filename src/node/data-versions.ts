/**
 * Which version of its data a read at this node would see, asked of the engine each time: an answer from before the question would say nothing
 * about what was committed since. Questions that come while one is under way share the next one, as a group commit does, so that one
 * connection bears any number of reads.
 */
import type { Clock } from '../ports/clock.ts'
import type { QueryEngine } from '../ports/query-engine.ts'

export interface DataVersionsParts {
  readonly engines: ReadonlyMap<string, Pick<QueryEngine, 'dataVersion'>>
  /** Before any of those who asked goes on. */
  readonly onVersion: (database: string, version: string) => void
  readonly clock: Clock
}

/** Whoever has waited for so long had better ask the engine for the rows. */
export const VERSION_WAIT_MS_MAX = 1000

interface Question {
  /** It has, and is still under way. */
  isOverdue: boolean
  /** Of those who came meanwhile: the one under way can be of no use to them. */
  next: { readonly answer: PromiseWithResolvers<string | null>; waiting: number } | null
}

export class DataVersions {
  readonly #parts: DataVersionsParts
  /** Under way, one a database. */
  readonly #questions = new Map<string, Question>()
  #asked = 0
  #unknown = 0

  constructor(parts: DataVersionsParts) {
    this.#parts = parts
  }

  /** Questions to engines, and those that they could not answer. */
  get counters(): { readonly versionsAsked: number; readonly versionsUnknown: number } {
    return { versionsAsked: this.#asked, versionsUnknown: this.#unknown }
  }

  /** Whether the engine names versions at all. */
  isNamed(database: string): boolean {
    return this.#parts.engines.get(database)?.dataVersion !== undefined
  }

  /**
   * As of some moment after this call; null when the engine cannot say, or not within `VERSION_WAIT_MS_MAX` of being asked.
   * @throws the reason of the signal, and nothing else
   */
  async current(database: string, signal: AbortSignal): Promise<string | null> {
    signal.throwIfAborted()
    const question = this.#questions.get(database)
    if (question === undefined) return await unlessAborted(this.#ask(database), signal)
    // Another one would only wait behind it.
    if (question.isOverdue) return null
    const next = (question.next ??= { answer: Promise.withResolvers(), waiting: 0 })
    next.waiting++
    try {
      return await unlessAborted(next.answer.promise, signal)
    } finally {
      next.waiting--
    }
  }

  #ask(database: string): Promise<string | null> {
    this.#asked++
    const { promise, resolve } = Promise.withResolvers<string | null>()
    const question: Question = { isOverdue: false, next: null }
    this.#questions.set(database, question)
    const timer = this.#parts.clock.setTimer(VERSION_WAIT_MS_MAX, () => {
      question.isOverdue = true
      this.#unknown++
      resolve(null)
      question.next?.answer.resolve(null)
    })
    void this.#answer(database).then((version) => {
      timer.cancel()
      this.#questions.delete(database)
      // Too late: what was committed since may have been told already.
      if (question.isOverdue) return
      if (version === null) this.#unknown++
      else this.#parts.onVersion(database, version)
      resolve(version)
      const { next } = question
      // Nobody is asked for those who have left.
      if (next !== null && next.waiting > 0) void this.#ask(database).then(next.answer.resolve)
    })
    return promise
  }

  async #answer(database: string): Promise<string | null> {
    try {
      return await this.#parts.engines.get(database)?.dataVersion?.() ?? null
    } catch {
      // An engine from elsewhere that throws knows no version either; its queries will say what is wrong with it.
      return null
    }
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => { reject(signal.reason as Error) }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => { signal.removeEventListener('abort', onAbort) })
  })
}
