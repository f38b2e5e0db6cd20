/** The tables and columns of a database, as the shell completes and lists them: asked of the mesh like any query, by what both engines call them. */
import type { Client } from '../../client/types.ts'

export interface CatalogTable {
  /** With its schema in front where that is not the usual one. */
  readonly name: string
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string }>
}

export const CATALOG_COLUMNS_MAX = 20_000
const timeoutMs = 5_000
/** Somebody else may have changed them meanwhile. */
const freshMs = 60_000
const usualSchemas: ReadonlySet<string> = new Set(['main', 'public'])

const sql = `SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema NOT IN ('information_schema', 'pg_catalog') ORDER BY table_schema, table_name, ordinal_position LIMIT ${CATALOG_COLUMNS_MAX}`

export async function readCatalog(client: Pick<Client, 'query'>, database: string, signal?: AbortSignal): Promise<CatalogTable[]> {
  const result = await client.query(sql, { database, priority: 'high', timeoutMs, ...(signal === undefined ? {} : { signal }) })
  const tables = new Map<string, Array<{ name: string; type: string }>>()
  for await (const batch of result) {
    for (let row = 0; row < batch.rowCount; row++) {
      const [schema, table, column, type] = [0, 1, 2, 3].map((index) => asText(batch.value(row, index))) as [string, string, string, string]
      const name = usualSchemas.has(schema) ? quoted(table) : `${quoted(schema)}.${quoted(table)}`
      const columns = tables.get(name) ?? []
      columns.push({ name: quoted(column), type })
      tables.set(name, columns)
    }
  }
  return [...tables].map(([name, columns]) => ({ name, columns }))
}

/** What is known of them now, without waiting; asks for more behind the back of whoever types. */
export class Catalog {
  readonly #read: () => Promise<CatalogTable[]>
  readonly #nowMs: () => number
  #tables: readonly CatalogTable[] = []
  #readAtMs: number | null = null
  #reading: Promise<void> | null = null

  constructor({ read, nowMs }: { readonly read: () => Promise<CatalogTable[]>; readonly nowMs: () => number }) {
    this.#read = read
    this.#nowMs = nowMs
  }

  get tables(): readonly CatalogTable[] {
    return this.#tables
  }

  /** After a statement that may have changed them. */
  forget(): void {
    this.#readAtMs = null
  }

  /** Never rejects: without a node there is less to complete, and the next statement says why. */
  refresh(): Promise<void> {
    if (this.#readAtMs !== null && this.#nowMs() - this.#readAtMs < freshMs) return Promise.resolve()
    return this.#reading ??= this.#read().then((tables) => {
      this.#tables = tables
      this.#readAtMs = this.#nowMs()
    }, () => undefined).finally(() => { this.#reading = null })
  }
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}

/** A name that SQL would otherwise read as something else. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
