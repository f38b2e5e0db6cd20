/** Run as a process of its own: executes the statements of its standard input (JSON: path, then [sql, parameters] each) and prints a line for each. */
import { text } from 'node:stream/consumers'
import { silentLog } from './silent-log.ts'
import { openDuckDb } from '../../../src/adapters/duckdb/duckdb-engine.ts'
import { MeshError } from '../../../src/errors.ts'

const { path, statements } = JSON.parse(await text(process.stdin)) as { path: string; statements: Array<[sql: string, parameters: string[]]> }
const engine = await openDuckDb({ database: 'd', path, role: 'primary', memoryLimitBytes: 512 << 20, threads: 1, tempDir: null, concurrentQueriesMax: 1, log: silentLog })
for (const [sql, parameters] of statements) {
  let outcome: string
  try {
    let rows = 0
    for await (const batch of (await engine.execute({ sql, parameters, signal: new AbortController().signal })).batches) rows += batch.rows
    outcome = `${rows} rows`
  } catch (error) {
    outcome = error instanceof MeshError ? `${error.code} ${String(error.details['kind'])}` : String(error)
  }
  process.stdout.write(`${outcome}\n`)
}
await engine.close()
