/**
 * Tells reads from the rest at a node without a copy of the database, by the engine's parser alone: a read may be repeated on another peer
 * when the first one breaks. It has no catalogue, so what it does not know for certain stays unknown, and the peer decides.
 */
import type { Access } from '../ports/query-engine.ts'

interface Classifier {
  classify(sql: string): Promise<Access>
  close(): Promise<void>
}

export class UnservedClassifier {
  readonly #create: () => Promise<Classifier>
  #classifier: Promise<Classifier> | null = null

  /** `create` is called by the first query that needs it: most nodes never do. */
  constructor(create: () => Promise<Classifier>) {
    this.#create = create
  }

  readonly classify = async (sql: string): Promise<'read' | 'unknown'> => {
    this.#classifier ??= this.#create().catch((error: unknown) => {
      this.#classifier = null
      throw error
    })
    try {
      return await (await this.#classifier).classify(sql) === 'read' ? 'read' : 'unknown'
    } catch {
      // It does not parse here, or there is no parser; the engine that serves the database may be another, and its error is the one to show.
      return 'unknown'
    }
  }

  async close(): Promise<void> {
    const classifier = await this.#classifier?.catch(() => null)
    await classifier?.close()
  }
}
