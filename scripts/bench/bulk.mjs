// Large results from one process to another on loopback, ours encrypted: 1,000,000 rows of flights against the rate at which the answering process
// can encode them for itself and against JSON rows over plain HTTP; and what a large result under way does to small queries of the same pair.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { generateKeyPair } from '@libp2p/crypto/keys'
import Table from 'cli-table3'
import { request as httpRequest } from 'undici'
import { createMesh } from '../../dist/adapters/libp2p/mesh.js'
import { systemClock } from '../../dist/adapters/system/clock.js'
import { toRequest } from '../../dist/client/request.js'
import { QueryConnections } from '../../dist/query/client.js'
import { createResultDecoder } from '../../dist/wire/results/decoder.js'
import { silentLog } from './hop-parts.mjs'

const usage = `npm run bench:bulk [-- options]
  --check        exit with 1 unless rows are forwarded at 80 % of the rate of encoding them locally or more, at 8 times JSON over HTTP or more,
                 and a result of 64 MB under way adds at most 2 ms to the p99 of small queries
  --short        1 round, fewer rows and small queries: that it runs to its end, not for figures
  --rounds N     interleaved rounds; the medians count (5)
  --no-direct    over the connection of the mesh (Noise, yamux) instead of a stream beside it
  --json FILE    the figures, for programs
  --help`
const { values: flags } = parseArgs({
  allowNegative: true,
  options: { help: { type: 'boolean' }, check: { type: 'boolean' }, short: { type: 'boolean' }, rounds: { type: 'string' }, json: { type: 'string' }, direct: { type: 'boolean', default: true } },
})
if (flags.help === true) {
  process.stdout.write(`${usage}\n`)
  process.exit(0)
}
const rounds = Number(flags.rounds ?? (flags.short === true ? 1 : 5))
const rowsAsked = flags.short === true ? 100_000 : 1_000_000
const smallQueries = flags.short === true ? 200 : 2_000
const heavyBytes = 64 << 20
const sql = `SELECT * FROM flights_3m LIMIT ${rowsAsked}`

const folder = mkdtempSync(join(tmpdir(), 'reedbase-bench-'))
copyFileSync(fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url)), join(folder, 'flights-3m.parquet'))
const clusterKey = randomBytes(32)
const server = spawn(process.execPath, [new URL('bulk-server.mjs', import.meta.url).pathname, JSON.stringify({ clusterKey: clusterKey.toString('hex'), folder, sql, heavyBytes })], { stdio: ['pipe', 'pipe', 'inherit'] })
const serverLines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
const addresses = JSON.parse((await serverLines.next()).value)

const mesh = await createMesh({ privateKey: await generateKeyPair('Ed25519'), host: '127.0.0.1', port: 0, clusterKeys: [clusterKey], log: silentLog, clock: systemClock })
await mesh.start()
const target = await mesh.dial(addresses.ours)
const client = new QueryConnections({ open: (peerId, protocol, signal) => (flags.direct ? mesh.openDirect(peerId, protocol, signal) : mesh.open(peerId, protocol, signal)) })

async function read(database) {
  const startedMs = performance.now()
  const response = await client.query(target, { ...toRequest(sql, { database, timeoutMs: 60_000 }), access: 'read', visited: [mesh.peerId] })
  const decoder = response.format === 'raw' ? null : createResultDecoder(response.format, response.header)
  let [rows, bytes] = [0, 0]
  for await (const batch of response.batches) {
    rows += decoder === null ? batch.rows : decoder.decode(batch.bytes).rowCount
    bytes += batch.bytes.length
  }
  if (response.trailer()?.rows !== rows) throw new Error('the trailer does not count what came')
  return { rows, bytes, tookMs: performance.now() - startedMs }
}

const contestants = {
  local: {
    title: 'encoded by the answering process, sent nowhere',
    async run() {
      server.stdin.write('\n')
      return JSON.parse((await serverLines.next()).value)
    },
  },
  forwarded: { title: 'forwarded, encrypted; batches decoded', run: () => read('flights') },
  json: {
    title: 'as JSON rows over HTTP, a line each; lines parsed',
    async run() {
      const startedMs = performance.now()
      const { body } = await httpRequest(addresses.http)
      const decoder = new TextDecoder()
      let [rows, bytes, rest] = [0, 0, '']
      for await (const chunk of body) {
        bytes += chunk.length
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
        rest = lines.pop()
        for (const line of lines) if (JSON.parse(line).origin !== undefined) rows++
      }
      return { rows, bytes, tookMs: performance.now() - startedMs }
    },
  },
}

/** The p99 of small queries, one after the other, in milliseconds. */
async function smallP99Ms() {
  const tookMs = []
  for (let query = 0; query < smallQueries; query++) tookMs.push((await read('small')).tookMs)
  return tookMs.toSorted((a, b) => a - b)[Math.floor(0.99 * smallQueries)]
}

/** The same while results of 64 MB follow one another, and how many came. */
async function smallP99MsBesideHeavy() {
  let stopped = false
  let results = 0
  const heavy = (async () => {
    for (; !stopped; results++) if ((await read('heavy')).bytes !== heavyBytes) throw new Error('a heavy result of the wrong size')
  })()
  const p99Ms = await smallP99Ms()
  stopped = true
  await heavy
  return { p99Ms, results }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const samples = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
const [alone, beside, heavyResults] = [[], [], []]
for (let round = -1; round < rounds; round++) {
  for (const [name, { run }] of Object.entries(contestants)) {
    const { rows, bytes = null, tookMs } = await run()
    if (rows !== rowsAsked) throw new Error(`${name}: ${rows} rows instead of ${rowsAsked}`)
    // The first round is warm-up.
    if (round >= 0) samples[name].push({ rowsPerSecond: rows / tookMs * 1000, megabytesPerSecond: bytes === null ? null : bytes / tookMs / 1000 })
  }
  const quietMs = await smallP99Ms()
  const { p99Ms, results } = await smallP99MsBesideHeavy()
  if (round < 0) continue
  alone.push(quietMs)
  beside.push(p99Ms)
  heavyResults.push(results)
}
const direct = mesh.counters().direct.opened
await client.close()
await mesh.stop()
server.stdin.end()
await new Promise((resolve) => { server.once('exit', resolve) })
rmSync(folder, { recursive: true })
if (flags.direct && direct === 0) throw new Error('no direct stream was opened')

const results = Object.fromEntries(Object.keys(contestants).map((name) => [name, {
  rowsPerSecond: Math.round(median(samples[name].map(({ rowsPerSecond }) => rowsPerSecond))),
  megabytesPerSecond: samples[name][0].megabytesPerSecond === null ? null : Math.round(median(samples[name].map(({ megabytesPerSecond }) => megabytesPerSecond))),
}]))
const table = new Table({ head: [`${rowsAsked.toLocaleString('en')} rows of flights`, 'rows/s', 'MB/s'], style: { head: [], border: [] }, colAligns: ['left', 'right', 'right'] })
for (const [name, { rowsPerSecond, megabytesPerSecond }] of Object.entries(results)) table.push([contestants[name].title, rowsPerSecond.toLocaleString('en'), megabytesPerSecond ?? ''])
const addedMs = median(alone.map((quiet, round) => beside[round] - quiet))
process.stdout.write(`${table.toString()}\nmedians of ${rounds} interleaved rounds, after one of warm-up
small queries, p99 of ${smallQueries}: ${median(alone).toFixed(2)} ms alone, ${median(beside).toFixed(2)} ms beside results of 64 MB (${median(heavyResults)} came meanwhile)\n`)

/** The median of the rounds' ratios: what moves the machine moves both sides of a round. */
const ratio = (other) => median(samples.forwarded.map(({ rowsPerSecond }, round) => rowsPerSecond / samples[other][round].rowsPerSecond))
const checks = [
  { asked: 'forwarded at 80 % of the local rate or more', value: ratio('local'), isMet: (value) => value >= 0.8 },
  { asked: 'forwarded at 8 times JSON over HTTP or more', value: ratio('json'), isMet: (value) => value >= 8 },
  { asked: 'a result of 64 MB adds at most 2 ms to the p99 of small queries', value: addedMs, isMet: (value) => value <= 2 },
].map(({ asked, value, isMet }) => ({ asked, value: Math.round(100 * value) / 100, met: isMet(value) }))
for (const { asked, value, met } of checks) process.stdout.write(`${met ? 'met' : 'MISSED'}: ${asked} (${value.toFixed(2)})\n`)
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rounds, node: process.version, results, small: { aloneP99Ms: median(alone), besideP99Ms: median(beside) }, checks }, null, 2)}\n`)
process.exitCode = flags.check === true && checks.some(({ met }) => !met) ? 1 : 0
