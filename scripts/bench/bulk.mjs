// Large results from one process to another on loopback, ours encrypted: 1,000,000 rows of flights against the rate at which the answering process
// can encode them for itself and against JSON rows over plain HTTP; and what a large result under way does to small queries of the same pair.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import duckdb from '@duckdb/node-bindings'
import { generateKeyPair } from '@libp2p/crypto/keys'
import Table from 'cli-table3'
import { request as httpRequest } from 'undici'
import { collectBuffersEarly } from '../../dist/adapters/system/buffer-collection.js'
import { createMesh } from '../../dist/adapters/libp2p/mesh.js'
import { systemClock } from '../../dist/adapters/system/clock.js'
import { toRequest } from '../../dist/client/request.js'
import { QueryConnections } from '../../dist/query/client.js'
import { createResultDecoder } from '../../dist/wire/results/decoder.js'
import { readFlags } from '../flags.ts'
import { silentLog } from './hop-parts.mjs'

const usage = `npm run bench:bulk [-- options]
  --check        exit with 1 unless rows are forwarded at 80 % of the rate of encoding them locally or more, at 8 times JSON over HTTP or more,
                 and a result of 64 MB under way adds at most 2 ms to the p99 of small queries
  --only HALF    rows, or small: only the rows of flights, or only the small queries
  --short        1 round, fewer rows and small queries: that it runs to its end, not for figures
  --rounds N     interleaved rounds; the medians count (5)
  --no-direct    over the connection of the mesh (Noise, yamux) instead of a stream beside it
  --json FILE    the figures, for programs
  --help`
const { values: flags } = readFlags(usage, {
  allowNegative: true,
  options: { check: { type: 'boolean' }, short: { type: 'boolean' }, rounds: { type: 'string' }, json: { type: 'string' }, only: { type: 'string' }, direct: { type: 'boolean', default: true } },
})
const rounds = Number(flags.rounds ?? (flags.short === true ? 1 : 5))
const rowsAsked = flags.short === true ? 100_000 : 1_000_000
const smallQueries = flags.short === true ? 200 : 2_000
const heavyBytes = 64 << 20
const sql = 'SELECT * FROM flights'

// A table of so many rows, not a LIMIT over the one of three million: for that the engine reads two row groups a thread ahead and throws most of them away,
// which takes longer than encoding what is asked for.
const folder = mkdtempSync(join(tmpdir(), 'reedbase-bench-'))
const source = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))
const database = await duckdb.open(':memory:', duckdb.create_config())
const connection = await duckdb.connect(database)
await duckdb.query(connection, `COPY (SELECT * FROM '${source}' LIMIT ${rowsAsked}) TO '${join(folder, 'flights.parquet')}'`)
duckdb.disconnect_sync(connection)
duckdb.close_sync(database)
const clusterKey = randomBytes(32)
const server = spawn(process.execPath, [new URL('bulk-server.mjs', import.meta.url).pathname, JSON.stringify({ clusterKey: clusterKey.toString('hex'), folder, sql, heavyBytes })], { stdio: ['pipe', 'pipe', 'inherit'] })
const serverLines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
const addresses = JSON.parse((await serverLines.next()).value)

// As `rdb start` does.
collectBuffersEarly()
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

const bareSmall = connect({ host: '127.0.0.1', port: addresses.bareSmall, noDelay: true })
let onBareSmall = null
bareSmall.on('data', () => onBareSmall())
let onBareHeavy = null
// Into one buffer: a new one for each read would cost this process more than the reading.
const bareHeavy = connect({
  host: '127.0.0.1', port: addresses.bareHeavy,
  onread: {
    buffer: Buffer.alloc(1 << 16),
    callback(bytes) {
      onBareHeavy(bytes)
      return true
    },
  },
})

/** Small and large answers, ours and what the machine itself allows. */
const pairs = {
  ours: {
    smallAnswers: smallQueries,
    small: () => read('small'),
    async heavy() {
      if ((await read('heavy')).bytes !== heavyBytes) throw new Error('a heavy result of the wrong size')
    },
  },
  bare: {
    // Each takes several milliseconds beside the large ones.
    smallAnswers: smallQueries / 4,
    small: () => new Promise((resolve) => {
      onBareSmall = resolve
      bareSmall.write(Buffer.alloc(100))
    }),
    heavy: () => new Promise((resolve) => {
      let left = heavyBytes
      onBareHeavy = (bytes) => {
        left -= bytes
        if (left === 0) resolve()
      }
      bareHeavy.write('x')
    }),
  },
}

/** The p99 of small answers, one after the other, in milliseconds. */
async function smallP99Ms({ small, smallAnswers }) {
  const tookMs = []
  for (let answer = 0; answer < smallAnswers; answer++) {
    const startedMs = performance.now()
    await small()
    tookMs.push(performance.now() - startedMs)
  }
  return tookMs.toSorted((a, b) => a - b)[Math.floor(0.99 * smallAnswers)]
}

/** The same while answers of 64 MB follow one another, and how fast those came. */
async function smallP99MsBesideHeavy(pair) {
  let stopped = false
  let results = 0
  const startedMs = performance.now()
  const heavy = (async () => {
    for (; !stopped; results++) await pair.heavy()
  })()
  const p99Ms = await smallP99Ms(pair)
  stopped = true
  await heavy
  return { p99Ms, megabytesPerSecond: results * heavyBytes / (performance.now() - startedMs) / 1000 }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const samples = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
const smallSamples = { ours: [], bare: [] }
for (let round = -1; round < rounds; round++) {
  for (const [name, { run }] of flags.only === 'small' ? [] : Object.entries(contestants)) {
    const { rows, bytes = null, tookMs } = await run()
    if (rows !== rowsAsked) throw new Error(`${name}: ${rows} rows instead of ${rowsAsked}`)
    // The first round is warm-up.
    if (round >= 0) samples[name].push({ rowsPerSecond: rows / tookMs * 1000, megabytesPerSecond: bytes === null ? null : bytes / tookMs / 1000 })
  }
  for (const [name, pair] of flags.only === 'rows' ? [] : Object.entries(pairs)) {
    const aloneMs = await smallP99Ms(pair)
    const { p99Ms, megabytesPerSecond } = await smallP99MsBesideHeavy(pair)
    if (round >= 0) smallSamples[name].push({ aloneMs, besideMs: p99Ms, addedMs: p99Ms - aloneMs, megabytesPerSecond })
  }
}
const direct = mesh.counters().direct.opened
bareSmall.destroy()
bareHeavy.destroy()
await client.close()
await mesh.stop()
server.stdin.end()
await new Promise((resolve) => { server.once('exit', resolve) })
rmSync(folder, { recursive: true })
if (flags.direct && direct === 0) throw new Error('no direct stream was opened')

const medianOf = (list, key) => median(list.map((sample) => sample[key]))
process.stdout.write(`medians of ${rounds} interleaved rounds, after one of warm-up\n`)
const results = {}
const checks = []
if (flags.only !== 'small') {
  const table = new Table({ head: [`${rowsAsked.toLocaleString('en')} rows of flights`, 'rows/s', 'MB/s'], style: { head: [], border: [] }, colAligns: ['left', 'right', 'right'] })
  for (const [name, { title }] of Object.entries(contestants)) {
    const megabytesPerSecond = samples[name][0].megabytesPerSecond === null ? null : Math.round(medianOf(samples[name], 'megabytesPerSecond'))
    results[name] = { rowsPerSecond: Math.round(medianOf(samples[name], 'rowsPerSecond')), megabytesPerSecond }
    table.push([title, results[name].rowsPerSecond.toLocaleString('en'), megabytesPerSecond ?? ''])
  }
  process.stdout.write(`${table.toString()}\n`)
  /** The median of the rounds' ratios: what moves the machine moves both sides of a round. */
  const ratio = (other) => median(samples.forwarded.map(({ rowsPerSecond }, round) => rowsPerSecond / samples[other][round].rowsPerSecond))
  checks.push(
    { asked: 'forwarded at 80 % of the local rate or more', value: ratio('local'), isMet: (value) => value >= 0.8 },
    { asked: 'forwarded at 8 times JSON over HTTP or more', value: ratio('json'), isMet: (value) => value >= 8 },
  )
}
const small = {}
if (flags.only !== 'rows') {
  const table = new Table({ head: ['p99 of small answers, ms', 'alone', 'beside 64 MB', 'added', 'MB/s beside'], style: { head: [], border: [] }, colAligns: ['left', 'right', 'right', 'right', 'right'] })
  for (const [name, title] of Object.entries({ ours: 'queries, encrypted', bare: 'bare TCP: what the machine allows' })) {
    small[name] = Object.fromEntries(['aloneMs', 'besideMs', 'addedMs', 'megabytesPerSecond'].map((key) => [key, medianOf(smallSamples[name], key)]))
    const { aloneMs, besideMs, addedMs, megabytesPerSecond } = small[name]
    table.push([title, aloneMs.toFixed(2), besideMs.toFixed(2), addedMs.toFixed(2), Math.round(megabytesPerSecond)])
  }
  process.stdout.write(`${table.toString()}\n`)
  checks.push({ asked: 'a result of 64 MB adds at most 2 ms to the p99 of small queries', value: small.ours.addedMs, isMet: (value) => value <= 2 })
}
for (const check of checks) Object.assign(check, { value: Math.round(100 * check.value) / 100, met: check.isMet(check.value) })
for (const { asked, value, met } of checks) process.stdout.write(`${met ? 'met' : 'MISSED'}: ${asked} (${value.toFixed(2)})\n`)
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rounds, node: process.version, results, small, checks: checks.map(({ asked, value, met }) => ({ asked, value, met })) }, null, 2)}\n`)
process.exitCode = flags.check === true && checks.some(({ met }) => !met) ? 1 : 0
