/** The tables of the mesh's own database in an engine, and what its errors say. */
import duckdb from '@duckdb/node-bindings'
import type { DuckDBTableFunction } from '@duckdb/node-api'
import { type DuckDbEngine, type MemoryDuckDbOptions, openMemoryDuckDb } from '../../adapters/duckdb/duckdb-engine.ts'
import { runStatement } from '../../adapters/duckdb/raw-database.ts'
import { MeshError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import { MESH_DATABASE } from '../../wire/operations-views.ts'
import { FILE_TABLES, fileTableView, findTableFiles, tableFolders, tablePaths } from './file-tables.ts'
import type { LiveSources } from './live-table.ts'
import { LIVE_TABLES } from './live-tables.ts'
import { createLiveTables } from './table-functions.ts'

export interface OpenTables {
  readonly engine: DuckDbEngine
  /** Of no query; views are changed on it. */
  readonly connection: duckdb.Connection
  /** Held as long as the engine may call them. */
  readonly functions: readonly DuckDBTableFunction[]
  /** What the views over files were made by. */
  fileViews: string
}

export const MESH_TABLE_NAMES: readonly string[] = [...LIVE_TABLES, ...FILE_TABLES].map(({ name }) => name)

const fileTableNames: ReadonlySet<string> = new Set(FILE_TABLES.map(({ name }) => name))

export async function openTables(sources: LiveSources & { readonly dataDir: string }, options: Omit<MemoryDuckDbOptions, 'database' | 'prepare' | 'allowedPaths' | 'allowedFolders'>): Promise<OpenTables> {
  const { dataDir } = sources
  let own: Omit<OpenTables, 'engine'> | null = null
  const engine = await openMemoryDuckDb({
    ...options, log: quiet(options.log), database: MESH_DATABASE, allowedPaths: tablePaths(dataDir), allowedFolders: tableFolders(dataDir),
    prepare: async (connection) => {
      own = { connection, functions: await createLiveTables(connection, LIVE_TABLES, () => sources), fileViews: await refreshFileViews(connection, dataDir, '') }
    },
  })
  return { ...own as unknown as Omit<OpenTables, 'engine'>, engine }
}

export async function closeTables({ connection, engine, functions }: OpenTables): Promise<void> {
  duckdb.disconnect_sync(connection)
  await engine.close()
  for (const tableFunction of functions) tableFunction.destroySync()
}

/** Makes the views anew where files have come or gone. Answers what they are made by. */
export async function refreshFileViews(connection: duckdb.Connection, dataDir: string, before: string): Promise<string> {
  const files = await findTableFiles(dataDir)
  const statements = FILE_TABLES.map((table) => fileTableView(table, files))
  const now = statements.join(';')
  if (now !== before) for (const statement of statements) await runStatement(connection, statement)
  return now
}

export function touchesFiles(tables: readonly string[]): boolean {
  return tables.some((name) => fileTableNames.has(name))
}

/** The engine's words, and which tables there are. */
export function explainError(error: unknown): unknown {
  if (!(error instanceof MeshError) || error.code !== 'ERR_SQL') return error
  const { kind } = error.details
  if (kind === 'Catalog') return withNextStep(error, `The tables are ${MESH_TABLE_NAMES.join(', ')}; DESCRIBE and a name show the columns of one.`)
  if (kind === 'Binder') return withNextStep(error, 'DESCRIBE and the name of a table show its columns.')
  return error
}

function withNextStep(error: MeshError, nextStep: string): MeshError {
  return new MeshError(error.code, error.message, { nextStep, details: error.details, cause: error })
}

/** It opens and closes as people ask, which is no news. */
function quiet(log: Log): Log {
  return { debug: (fields, message) => { log.debug(fields, message) }, info: (fields, message) => { log.debug(fields, message) }, warn: (fields, message) => { log.warn(fields, message) }, error: (fields, message) => { log.error(fields, message) }, child: (fields) => quiet(log.child(fields)) }
}
