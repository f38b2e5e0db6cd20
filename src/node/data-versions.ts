/**
 * Which version of its data a read at this node would see, asked of the engine each time: an answer from before the question would say nothing
 * about what was committed since. Questions that come while one is under way share the next one, as a group commit does, so that one
 * connection bears any number of reads.
 */
import type { QueryEngine } from '../ports/query-engine.ts'

export interface DataVersionsParts {
  readonly engines: ReadonlyMap<string, Pick<QueryEngine, 'dataVersion'>>
  /** Before any of those who asked goes on. */
  readonly onVersion: (database: string, version: string) => void
}

interface Questions {
  /** The one under way can be of no use to who asks now. */
  readonly underWay: Promise<string | null>
  next: Promise<string | null> | null
}

export class DataVersions {
  readonly #parts: DataVersionsParts
  /** Of databases with a question under way. */
  readonly #questions = new Map<string, Questions>()
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

  /** As of some moment after this call; null when the engine cannot say. Never rejects. */
  current(database: string): Promise<string | null> {
    const questions = this.#questions.get(database)
    if (questions === undefined) return this.#ask(database)
    questions.next ??= questions.underWay.then(() => this.#ask(database))
    return questions.next
  }

  #ask(database: string): Promise<string | null> {
    this.#asked++
    const underWay = this.#answer(database)
    const questions: Questions = { underWay, next: null }
    this.#questions.set(database, questions)
    void underWay.then(() => { if (questions.next === null) this.#questions.delete(database) })
    return underWay
  }

  async #answer(database: string): Promise<string | null> {
    let version: string | null = null
    try {
      version = await this.#parts.engines.get(database)?.dataVersion?.() ?? null
    } catch {
      // An engine from elsewhere that throws knows no version either; its queries will say what is wrong with it.
    }
    if (version === null) this.#unknown++
    else this.#parts.onVersion(database, version)
    return version
  }
}
