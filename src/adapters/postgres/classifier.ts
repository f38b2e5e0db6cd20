/** Read or write, by PostgreSQL's own parser and the catalogue's word on functions. What it cannot tell is a write. */
import type { Access } from '../../ports/query-engine.ts'
import { LruMap } from '../duckdb/lru-map.ts'
import { FunctionCatalog, type CatalogQuery } from './function-catalog.ts'
import type { StatementFacts } from './statement-facts.ts'
import { StatementParser } from './statement-parser.ts'
import { checkStatement, hasFormOfRead } from './statement-policy.ts'

const CACHE_ENTRIES_MAX = 1024
/** Longer statements are parsed each time rather than kept. */
const CACHED_CHARACTERS_MAX = 8192

export interface Inspection {
  readonly access: Access
  readonly facts: StatementFacts
}

export class StatementClassifier {
  readonly #parser = new StatementParser()
  readonly #functions: FunctionCatalog
  readonly #facts = new LruMap<StatementFacts>(CACHE_ENTRIES_MAX)

  constructor(query: CatalogQuery) {
    this.#functions = new FunctionCatalog(query)
  }

  /** @throws MeshError ERR_SQL when it does not parse, is more than one statement, or of a kind that is refused; ERR_QUERY_TOO_LARGE; ERR_OVERLOADED */
  async inspect(sql: string): Promise<Inspection> {
    const facts = await this.#factsOf(sql)
    checkStatement(facts)
    const access = hasFormOfRead(facts) && (facts.functions.length === 0 || (await this.#functions.areReads(facts.functions))) ? 'read' : 'write'
    return { access, facts }
  }

  async #factsOf(sql: string): Promise<StatementFacts> {
    const known = this.#facts.get(sql)
    if (known !== undefined) return known
    const facts = await this.#parser.parse(sql)
    if (sql.length <= CACHED_CHARACTERS_MAX) this.#facts.set(sql, facts)
    return facts
  }

  /** As the latest inspection found them; empty where that is not known any more. */
  tablesOf(sql: string): readonly string[] {
    return this.#facts.get(sql)?.tables ?? []
  }

  forget(): void {
    this.#functions.forget()
  }

  close(): void {
    this.#parser.close()
  }
}
