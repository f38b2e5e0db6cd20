/** Live tables as table functions of DuckDB, each under a view of the table's name. */
import duckdb from '@duckdb/node-bindings'
import { BIGINT, BOOLEAN, DOUBLE, DuckDBListType, DuckDBListValue, DuckDBTableFunction, DuckDBTimestampTZValue, type DuckDBType, type DuckDBValue, TIMESTAMPTZ, VARCHAR } from '@duckdb/node-api'
import { runStatement, sqlIdentifier } from '../../adapters/duckdb/raw-database.ts'
import type { LiveSources, LiveTable, LiveType, LiveValue } from './live-table.ts'

/** Of a vector of DuckDB. */
const CHUNK_ROWS_MAX = 2_048

const TYPES: Readonly<Record<LiveType, DuckDBType>> = { VARCHAR, DOUBLE, BIGINT, BOOLEAN, TIMESTAMPTZ, 'VARCHAR[]': new DuckDBListType(VARCHAR) }

interface Scan {
  readonly rows: readonly LiveValue[][]
  next: number
}

/**
 * Each scan reads the table once, at its beginning, on the event loop: DuckDB's threads wait for it. What a table throws becomes the query's error.
 * Answers what has to live as long as the database.
 */
export async function createLiveTables(connection: duckdb.Connection, tables: readonly LiveTable[], sources: () => LiveSources): Promise<readonly DuckDBTableFunction[]> {
  const functions: DuckDBTableFunction[] = []
  for (const table of tables) {
    const name = `live_${table.name}`
    const tableFunction = DuckDBTableFunction.create({
      name,
      bindFunction: (info) => {
        for (const column of table.columns) info.addResultColumn(column.name, TYPES[column.type])
      },
      initFunction: (info) => {
        info.setMaxThreads(1)
        const scan: Scan = { rows: table.rows(sources()), next: 0 }
        info.setInitData(scan)
      },
      mainFunction: (info, chunk) => {
        const scan = info.initData as Scan
        const rows = scan.rows.slice(scan.next, scan.next + CHUNK_ROWS_MAX)
        scan.next += rows.length
        chunk.rowCount = rows.length
        if (rows.length > 0) chunk.setColumns(table.columns.map(({ type }, index) => rows.map((row) => engineValue(type, row[index] ?? null))))
      },
    })
    duckdb.register_table_function(connection, tableFunction.table_function)
    functions.push(tableFunction)
    await runStatement(connection, `CREATE VIEW ${sqlIdentifier(table.name)} AS SELECT * FROM ${name}()`)
  }
  return functions
}

function engineValue(type: LiveType, value: LiveValue): DuckDBValue {
  if (value === null) return null
  switch (type) {
    case 'BIGINT': return BigInt(Math.trunc(value as number))
    case 'TIMESTAMPTZ': return new DuckDBTimestampTZValue(BigInt(Math.round(value as number)) * 1_000n)
    case 'VARCHAR[]': return new DuckDBListValue(value as readonly string[])
    case 'VARCHAR':
    case 'DOUBLE':
    case 'BOOLEAN': return value as string | number | boolean
  }
}
