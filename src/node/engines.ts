/** Opens an engine for each configured database. */
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { isUrl } from '../adapters/postgres/connection-target.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { QueryEngine } from '../ports/query-engine.ts'
import { openInTime, START_OPEN_TIMEOUT_MS } from './engine-opening.ts'
import type { DatabaseOptions, NodeOptions } from './options.ts'
import type { PluginDatabase } from './plugins.ts'

/** Of the memory that the cgroup or the host grants; the application beside the node needs the rest. */
const memoryShareDefault = 0.25

export interface EngineSurroundings {
  readonly log: Log
  readonly tempDir: string
}

/** Apart from all else in the data folder, since databases may be called as files there are. */
export function spillFolderOf(dataDir: string): string {
  return join(dataDir, 'spill')
}

/** @throws MeshError ERR_DATABASE_PATH, and what a plug-in throws; what was opened before is closed again */
export async function openEngines(options: NodeOptions, { plugins, clock, ...surroundings }: EngineSurroundings & { readonly plugins: readonly PluginDatabase[]; readonly clock: Clock }): Promise<Map<string, QueryEngine>> {
  const engines = new Map<string, QueryEngine>()
  try {
    for (const { name, open } of plugins) engines.set(name, await open(surroundings.log))
    for (const database of options.databases) {
      const open = (): Promise<QueryEngine> => openEngine(database, options, surroundings)
      engines.set(database.name, await openInTime({ database: database.name, open, timeoutMs: START_OPEN_TIMEOUT_MS, clock, log: surroundings.log }))
    }
  } catch (error) {
    await Promise.allSettled([...engines.values()].map((engine) => engine.close()))
    throw error
  }
  return engines
}

/** @throws MeshError ERR_DATABASE_PATH, ERR_OPTION_INVALID */
export async function openEngine({ name, path, role, threads, memoryBytes }: DatabaseOptions, options: Pick<NodeOptions, 'inFlightMax' | 'transactionsMax'>, { log, tempDir }: EngineSurroundings): Promise<QueryEngine> {
  // The engines' libraries are large: a node does without those that it has no database for.
  if (isUrl(path)) {
    const { openPostgres } = await import('../adapters/postgres/postgres-engine.ts')
    return await openPostgres({ database: name, url: path, log })
  }
  const { openDuckDb } = await import('../adapters/duckdb/duckdb-engine.ts')
  return await openDuckDb({
    database: name, path, role, threads: threads ?? availableParallelism(), memoryLimitBytes: memoryBytes ?? grantedMemoryBytes() * memoryShareDefault, tempDir,
    concurrentQueriesMax: options.inFlightMax, transactionsMax: options.transactionsMax, log,
  })
}

function grantedMemoryBytes(): number {
  // 0 or a figure beyond the host's memory both mean: no limit.
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}
