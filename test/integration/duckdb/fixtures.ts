import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { openDuckDb, type DuckDbEngine, type DuckDbOptions } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { silentLog } from './silent-log.ts'

export { silentLog }

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'reedbase-duckdb-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Runs statements on a file of its own connection, outside any sandbox. */
export async function prepareFile(path: string, statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  for (const statement of statements) await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
}

export function openEngine(path: string, more: Partial<DuckDbOptions> = {}): Promise<DuckDbEngine> {
  return openDuckDb({ database: 'test', path, role: 'replica', memoryLimitBytes: 512 * 2 ** 20, threads: 2, tempDir: null, concurrentQueriesMax: 8, log: silentLog, ...more })
}
