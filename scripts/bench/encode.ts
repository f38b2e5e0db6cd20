/**
 * What encoding a result costs: 3,000,000 rows of flights streamed through the engine, against DuckDB's scan alone and its rows as JSON; and small results in
 * each candidate format. Run: node scripts/bench/encode.ts. Prints a table and a line of JSON.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, copyFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import duckdb from '@duckdb/node-bindings'
import { DuckDBDataChunk } from '@duckdb/node-api'
import { tableFromIPC, tableFromJSON, tableToIPC } from 'apache-arrow'
import { openDuckDb } from '../../src/adapters/duckdb/duckdb-engine.ts'
import type { Log } from '../../src/ports/log.ts'
import { encodeArrowBatch } from '../../src/wire/results/arrow-batch.ts'
import { decodeArrowSchema, encodeArrowSchema } from '../../src/wire/results/arrow-schema.ts'
import { decodeColumnsBatch, decodeColumnsHeader, encodeColumnsBatch, encodeColumnsHeader } from '../../src/wire/results/columns-format.ts'
import { createResultDecoder } from '../../src/wire/results/decoder.ts'
import { readFlags } from '../flags.ts'

readFlags('npm run bench:encode\n\nIt has no options. Prints a table and a line of JSON.', { options: {} })

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }
const figures: Record<string, number> = {}
const lines: string[] = []
function report(name: string, value: number, unit: string, digits = 2): void {
  figures[`${name} (${unit})`] = Number(value.toFixed(digits))
  lines.push(`${name.padEnd(58)} ${value.toFixed(digits).padStart(10)} ${unit}`)
}

const folder = await mkdtemp(join(tmpdir(), 'reedbase-bench-'))
await mkdir(join(folder, 'data'))
await copyFile(join(MODULES, 'vega-datasets/data/flights-3m.parquet'), join(folder, 'data/flights-3m.parquet'))
const engine = await openDuckDb({ database: 'flights', path: join(folder, 'data'), role: 'replica', memoryLimitBytes: 2 ** 30, threads: 2, tempDir: null, concurrentQueriesMax: 2, log })
const signal = new AbortController().signal
const SQL = 'SELECT * FROM flights_3m'

async function best(rounds: number, work: () => Promise<number>): Promise<number> {
  let rate = 0
  for (let i = 0; i < rounds; i++) {
    const started = performance.now()
    const rows = await work()
    rate = Math.max(rate, rows / (performance.now() - started) / 1000)
  }
  return rate
}

report('scan and encode, Arrow', await best(3, async () => {
  let rows = 0
  for await (const batch of (await engine.execute({ sql: SQL, parameters: [], signal })).batches) rows += batch.rows
  return rows
}), 'M rows/s')

const database = await duckdb.open(':memory:', duckdb.create_config())
const connection = await duckdb.connect(database)
async function chunks(sql: string, each: (chunk: duckdb.DataChunk) => void): Promise<number> {
  const statement = await duckdb.prepare(connection, sql)
  const result = await duckdb.execute_prepared_streaming(statement)
  let rows = 0
  for (;;) {
    const chunk = await duckdb.fetch_chunk(result)
    const count = chunk === null ? 0 : duckdb.data_chunk_get_size(chunk)
    if (chunk === null || count === 0) return rows
    each(chunk)
    rows += count
  }
}
const FILE = `'${join(folder, 'data/flights-3m.parquet')}'`
report('scan alone, chunks dropped', await best(3, () => chunks(`SELECT * FROM ${FILE}`, () => undefined)), 'M rows/s')
const replacer = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)
report('scan and encode, JSON rows', await best(1, () => chunks(`SELECT * FROM ${FILE} LIMIT 300000`, (chunk) => JSON.stringify(new DuckDBDataChunk(chunk).getRows(), replacer))), 'M rows/s')

for (const [name, sql] of [['1 row × 3', 'SELECT count(*) AS flights, avg(delay) AS mean_delay, max(origin) AS last_origin FROM flights_3m'], ['100 rows × 5', `${SQL} LIMIT 100`]] as const) {
  const result = await engine.execute({ sql, parameters: [], signal })
  const batch = (await result.batches[Symbol.asyncIterator]().next()).value
  if (batch === undefined || result.format !== 'columns') throw new Error('a small result was expected')
  const fields = decodeColumnsHeader(result.header)
  const { rows, columns } = decodeColumnsBatch(fields, batch.bytes)
  const decoder = createResultDecoder('columns', result.header)
  const decoded = decoder.decode(batch.bytes)
  const objects = Array.from({ length: rows }, (_, row) => Object.fromEntries(fields.map((field, column) => [field.name, decoded.value(row, column)])))
  const plain = objects.map((object) => JSON.parse(JSON.stringify(object, replacer)) as Record<string, unknown>)
  const read = (format: 'arrow' | 'columns', header: Uint8Array, bytes: Uint8Array): void => {
    const one = createResultDecoder(format, header)
    const values = one.decode(bytes)
    for (let row = 0; row < rows; row++) for (let column = 0; column < fields.length; column++) values.value(row, column)
  }
  const text = new TextDecoder()
  const candidates: Record<string, { encode(): Uint8Array[]; decode(parts: Uint8Array[]): void }> = {
    columns: { encode: () => [encodeColumnsHeader(fields), encodeColumnsBatch(fields, columns, rows)], decode: ([header, bytes]) => read('columns', header as Uint8Array, bytes as Uint8Array) },
    arrow: { encode: () => [encodeArrowSchema(fields), encodeArrowBatch(fields, columns, rows)], decode: ([header, bytes]) => read('arrow', header as Uint8Array, bytes as Uint8Array) },
    // JSON loses types; its columns' names and types go beside it.
    json: { encode: () => [Buffer.from(JSON.stringify({ types: fields.map((field) => [field.name, field.sqlType]), rows: objects.map((object) => Object.values(object)) }, replacer))], decode: ([bytes]) => void JSON.parse(text.decode(bytes)) },
    'apache-arrow': { encode: () => [tableToIPC(tableFromJSON(plain))], decode: ([bytes]) => {
      for (const row of tableFromIPC(bytes as Uint8Array)) (row as { toArray(): unknown }).toArray()
    } },
  }
  for (const [candidate, { encode, decode }] of Object.entries(candidates)) {
    const parts = encode()
    const rounds = candidate === 'apache-arrow' ? 200 : 4000
    for (const measured of [false, true]) {
      const started = performance.now()
      for (let i = 0; i < rounds; i++) encode()
      const encoded = performance.now()
      for (let i = 0; i < rounds; i++) decode(parts)
      const ended = performance.now()
      if (!measured) continue
      report(`${name}, ${candidate}: bytes`, parts.reduce((sum, part) => sum + part.length, 0), 'B', 0)
      report(`${name}, ${candidate}: encode`, ((encoded - started) / rounds) * 1000, 'µs', 1)
      report(`${name}, ${candidate}: decode, every value`, ((ended - encoded) / rounds) * 1000, 'µs', 1)
    }
  }
  if (decodeArrowSchema(encodeArrowSchema(fields)).length !== fields.length) throw new Error('the schema does not come back')
}

for (const [name, sql] of [['SELECT 1', 'SELECT 1'], ['count(*)', 'SELECT count(*) FROM flights_3m']] as const) {
  const rounds = 200
  const started = performance.now()
  for (let i = 0; i < rounds; i++) for await (const batch of (await engine.execute({ sql, parameters: [], signal })).batches) if (batch.rows !== 1) throw new Error('one row was expected')
  report(`engine, ${name}, one at a time`, (performance.now() - started) / rounds, 'ms', 3)
}

function importMs(specifier: string): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(specifier)}); console.log(performance.now() - t)`
  const runs = Array.from({ length: 5 }, () => Number(execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], { cwd: join(MODULES, '..'), encoding: 'utf8' })))
  return Math.min(...runs)
}
const built = fileURLToPath(new URL('../../dist/wire/results/decoder.js', import.meta.url))
if (existsSync(built)) report('import the decoder (built)', importMs(built), 'ms', 1)
report('import apache-arrow', importMs('apache-arrow'), 'ms', 1)

console.log(lines.join('\n'))
console.log(JSON.stringify(figures))
await engine.close()
duckdb.disconnect_sync(connection)
duckdb.close_sync(database)
await rm(folder, { recursive: true })
