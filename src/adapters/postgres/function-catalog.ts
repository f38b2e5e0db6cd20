/** Which functions change nothing, by the server's own catalogue: a function that is not volatile may not write (CREATE FUNCTION, "IMMUTABLE STABLE VOLATILE"). */
import { LruMap } from '../duckdb/lru-map.ts'
import { HARMLESS_VOLATILE, KNOWN_READS } from './statement-policy.ts'

const ENTRIES_MAX = 4096

/** Any function of the name, whatever its arguments, decides; without a schema, of any schema. */
const QUERY = `SELECT asked.name, n.nspname, p.provolatile = 'v'
  FROM unnest($1::text[]) AS asked(name)
  JOIN pg_catalog.pg_proc p ON p.proname = regexp_replace(asked.name, '^.*\\.', '')
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND (strpos(asked.name, '.') = 0 OR n.nspname = regexp_replace(asked.name, '\\.[^.]*$', ''))`

/** Answers rows of text; null when the server cannot be asked. */
export type CatalogQuery = (sql: string, values: readonly unknown[]) => Promise<ReadonlyArray<ReadonlyArray<string | null>> | null>

export class FunctionCatalog {
  readonly #query: CatalogQuery
  readonly #known = new LruMap<boolean>(ENTRIES_MAX)

  constructor(query: CatalogQuery) {
    this.#query = query
  }

  /** What the catalogue does not know is let through: the server refuses it, or it is none. What cannot be asked about writes. */
  async areReads(names: readonly string[]): Promise<boolean> {
    const unknown: string[] = []
    for (const name of names) {
      const isRead = this.#known.get(name)
      if (isRead === false) return false
      if (isRead === undefined) unknown.push(name)
    }
    if (unknown.length === 0) return true
    const rows = await this.#query(QUERY, [unknown])
    // A schema of the user's may have a function of the same name; while nobody can be asked, the built-in one is meant.
    if (rows === null) return unknown.every((name) => KNOWN_READS.has(name.replace(/^pg_catalog\./, '')))
    const writing = new Set(rows.filter(([name, schema, isVolatile]) => isVolatile === 't' && !(schema === 'pg_catalog' && HARMLESS_VOLATILE.has(String(name).replace(/^pg_catalog\./, '')))).map(([name]) => name))
    for (const name of unknown) this.#known.set(name, !writing.has(name))
    return writing.size === 0
  }

  /** After anything that may have made or changed a function. */
  forget(): void {
    this.#known.clear()
  }
}
