/**
 * Tells reads from the rest at a node without a copy of the database, by the parser of the engine that its copies have: a read may be repeated on
 * another peer when the first one breaks. It has no catalogue, so what it does not know for certain stays unknown, and the peer decides.
 *
 * Engines of programs' own go by DuckDB's parser, whose dialect is the wider one: SQL that it knows to be a read must be none that writes there.
 */
import type { Access } from '../ports/query-engine.ts'

interface Classifier {
  classify(sql: string): Promise<Access>
  close(): Promise<void>
}

type Dialect = 'duckdb' | 'postgres'

export interface UnservedClassifierParts {
  /** Kinds of the engines that members have for it, as their records say. */
  readonly kindsOf: (database: string) => Iterable<string>
  /** Each is called by the first query that needs it: most nodes never do. */
  readonly create: Readonly<Record<Dialect, () => Promise<Classifier>>>
}

export class UnservedClassifier {
  readonly #parts: UnservedClassifierParts
  readonly #classifiers = new Map<Dialect, Promise<Classifier>>()

  constructor(parts: UnservedClassifierParts) {
    this.#parts = parts
  }

  /** Where its copies are of several kinds, a read is what all of them call one. */
  readonly classify = async (database: string, sql: string): Promise<'read' | 'unknown'> => {
    const dialects = new Set(Array.from(this.#parts.kindsOf(database), (kind): Dialect => (kind === 'postgres' ? 'postgres' : 'duckdb')))
    if (dialects.size === 0) return 'unknown'
    try {
      for (const dialect of dialects) if (await (await this.#classifier(dialect)).classify(sql) !== 'read') return 'unknown'
      return 'read'
    } catch {
      // It does not parse here, or there is no parser; the engine that serves the database may be newer, and its error is the one to show.
      return 'unknown'
    }
  }

  async close(): Promise<void> {
    for (const creating of this.#classifiers.values()) {
      const classifier = await creating.catch(() => null)
      await classifier?.close()
    }
  }

  #classifier(dialect: Dialect): Promise<Classifier> {
    const known = this.#classifiers.get(dialect)
    if (known !== undefined) return known
    const creating = this.#parts.create[dialect]().catch((error: unknown) => {
      this.#classifiers.delete(dialect)
      throw error
    })
    this.#classifiers.set(dialect, creating)
    return creating
  }
}
