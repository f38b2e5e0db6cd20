/**
 * What compression does for a result of 20 MB between two sites: real rows of flights, over loopback with a relay that lets so much through a second.
 * `first` is a result to a peer that nothing is known of, `next` the one after it. Both sides and the relay are one process, so that the time of a
 * processor is that of all three. Run: node --experimental-transform-types scripts/bench/slow-link.ts [--check]. Prints a table and a line of JSON.
 */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { openDuckDb } from '../../src/adapters/duckdb/duckdb-engine.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import type { CompressionMode } from '../../src/core/latency/compression.ts'
import type { Log } from '../../src/ports/log.ts'
import { Compression } from '../../src/query/compression.ts'
import { localRoute, request } from '../../test/support/query-plane.ts'
import { readFlags } from '../flags.ts'
import { openSlowLink } from '../../test/support/slow-link.ts'

const { values } = readFlags('npm run bench:slow-link [-- --check]\n\n  --check  exit 1 when an asked figure is missed', { options: { check: { type: 'boolean', default: false } } })
const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }
const folder = await mkdtemp(join(tmpdir(), 'reedbase-bench-'))
await mkdir(join(folder, 'data'))
await copyFile(fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url)), join(folder, 'data/flights-3m.parquet'))
const engine = await openDuckDb({ database: 'flights', path: join(folder, 'data'), role: 'replica', memoryLimitBytes: 2 ** 30, threads: 2, tempDir: null, concurrentQueriesMax: 2, log })
const rows = 530_000

interface Figure { readonly link: string; readonly compression: CompressionMode; readonly result: 'first' | 'next'; readonly seconds: number; readonly linkMegabytes: number; readonly cpuSeconds: number }
const figures: Figure[] = []

async function measure(megabitsPerSecond: number, mode: CompressionMode): Promise<void> {
  const link = await openSlowLink(async ({ sql, parameters }, { signal }) => ({ ...await engine.execute({ sql, parameters, signal }), route: localRoute(), trailer: () => ({ rows, engineMs: 0, load: null }) }), megabitsPerSecond * 125_000, new Compression(mode, systemClock))
  const client = link.connect(new Compression(mode, systemClock))
  for (const result of ['first', 'next'] as const) {
    const bytes = link.bytes()
    const cpu = process.cpuUsage()
    const startedMs = performance.now()
    let seen = 0
    for await (const batch of (await client.query('far', request({ sql: `SELECT * FROM flights_3m LIMIT ${rows}`, timeoutMs: 120_000 }))).batches) seen += batch.rows
    if (seen !== rows) throw new Error(`${seen} rows of ${rows}`)
    const { user, system } = process.cpuUsage(cpu)
    figures.push({ link: `${megabitsPerSecond} Mbit/s`, compression: mode, result, seconds: (performance.now() - startedMs) / 1_000, linkMegabytes: (link.bytes() - bytes) / 1e6, cpuSeconds: (user + system) / 1e6 })
  }
  await link.close()
}

for (const megabits of [20, 100, 8_000]) for (const mode of ['never', 'auto'] as const) await measure(megabits, mode)
await engine.close()
await rm(folder, { recursive: true })

const table = new Table({ head: ['Link', 'Compression', 'Result', 'Time', 'Over the link', 'CPU'] })
for (const { link, compression, result, seconds, linkMegabytes, cpuSeconds } of figures) table.push([link, compression, result, `${seconds.toFixed(2)} s`, `${linkMegabytes.toFixed(1)} MB`, `${cpuSeconds.toFixed(2)} s`])
process.stdout.write(`${table.toString()}\n${JSON.stringify({ figures })}\n`)
const timeOf = (compression: CompressionMode): number => figures.find((figure) => figure.link === '20 Mbit/s' && figure.compression === compression && figure.result === 'next')?.seconds ?? Number.NaN
const ratio = timeOf('never') / timeOf('auto')
process.stdout.write(`At 20 Mbit/s the next result takes ${ratio.toFixed(1)} times as long without compression.\n`)
if (values.check && !(ratio >= 1.5)) process.exitCode = 1
