import duckdb from '@duckdb/node-bindings'
import { DuckDBVector } from '@duckdb/node-api'

export async function openDatabase(path: string, settings: Readonly<Record<string, string | number | boolean>>): Promise<duckdb.Database> {
  const config = duckdb.create_config()
  for (const [name, value] of Object.entries(settings)) duckdb.set_config(config, name, String(value))
  return duckdb.open(path, config)
}

/** All of a small result as text. */
export async function strings(result: duckdb.Result): Promise<string[][]> {
  const rows: string[][] = []
  for (;;) {
    const chunk = await duckdb.fetch_chunk(result)
    const count = chunk === null ? 0 : duckdb.data_chunk_get_size(chunk)
    if (chunk === null || count === 0) return rows
    const columns = Array.from({ length: duckdb.data_chunk_get_column_count(chunk) }, (_, index) => DuckDBVector.create(duckdb.data_chunk_get_vector(chunk, index), count))
    for (let row = 0; row < count; row++) rows.push(columns.map((column) => String(column.getItem(row))))
  }
}

/** @throws the engine's own error */
export async function runStatement(connection: duckdb.Connection, sql: string): Promise<void> {
  await duckdb.query(connection, sql)
}

export function sqlString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function sqlIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
