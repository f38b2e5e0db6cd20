// What a hop costs: two processes on loopback, an engine that does nothing, an answer of 100 bytes; ours encrypted and authenticated, the
// others in the clear. It holds two sets of asked figures: those of issue 4 (bench:hop) and the earlier, weaker ones (bench:forward).
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { Client as GrpcClient, credentials } from '@grpc/grpc-js'
import { generateKeyPair } from '@libp2p/crypto/keys'
import Table from 'cli-table3'
import { ServiceBroker } from 'moleculer'
import { Pool } from 'undici'
import { secureOutbound } from '../../dist/adapters/direct/handshake.js'
import { TICKET_ID_BYTES } from '../../dist/adapters/direct/tickets.js'
import { createMesh } from '../../dist/adapters/libp2p/mesh.js'
import { systemClock } from '../../dist/adapters/system/clock.js'
import { toRequest } from '../../dist/client/request.js'
import { QueryConnections } from '../../dist/query/client.js'
import { readFlags } from '../flags.ts'
import { freePort, grpcAnswer, moleculerOptions, rawFrames, silentLog } from './hop-parts.mjs'

const usage = `npm run bench:hop [-- options]
  --check          exit with 1 unless every asked figure is met
  --asked SET      hop (default): with 64 in flight at least 1.5 times Moleculer's requests a second and 4 times gRPC's; with one in flight a
                   p50 no worse than HTTP's; CPU for a request at most Moleculer's, with one and with 64.
                   forward: with 64 at least Moleculer's requests a second, with one at most twice HTTP's p50
  --short          2 rounds of 100 ms: that it runs to its end, not for figures
  --rounds N       interleaved rounds; the medians count (15)
  --round-ms MS    length of a round (200)
  --only A,B       of ours, moleculer, grpc, http, tls, raw
  --at N,M         calls in flight (1,64)
  --json FILE      the figures, for programs
  --profile FOLDER CPU profile of the answering process; of the asking one by node --cpu-prof
  --help`

const { values: flags } = readFlags(usage, {
  options: {
    check: { type: 'boolean' }, asked: { type: 'string', default: 'hop' }, short: { type: 'boolean' }, rounds: { type: 'string' }, 'round-ms': { type: 'string' },
    only: { type: 'string' }, at: { type: 'string', default: '1,64' }, json: { type: 'string' }, profile: { type: 'string' },
  },
})
if (!['hop', 'forward'].includes(flags.asked)) throw new Error(`--asked is hop or forward, not ${flags.asked}`)
const rounds = Number(flags.rounds ?? (flags.short === true ? 2 : 15))
const roundMs = Number(flags['round-ms'] ?? (flags.short === true ? 100 : 200))
const loads = flags.at.split(',').map(Number)
const sql = 'SELECT id, name, balance FROM accounts WHERE id = ?'
const answerBytes = 100

const clusterKey = randomBytes(32)
const [moleculerServerPort, moleculerClientPort] = [await freePort(), await freePort()]
const server = spawn(process.execPath, [
  ...(flags.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval', '200', `--cpu-prof-dir=${flags.profile}`, '--cpu-prof-name=server.cpuprofile']),
  new URL('hop-server.mjs', import.meta.url).pathname,
  JSON.stringify({ clusterKey: clusterKey.toString('hex'), moleculerServerPort, moleculerClientPort, answerBytes }),
], { stdio: ['pipe', 'pipe', 'inherit'] })
const serverLines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
const addresses = JSON.parse((await serverLines.next()).value)

/** Both processes, in microseconds. */
async function cpuUsedUs() {
  server.stdin.write('\n')
  const there = Number((await serverLines.next()).value)
  const { user, system } = process.cpuUsage()
  return there + user + system
}

const contestants = {
  ours: {
    title: 'ReedBase query plane, encrypted',
    async open() {
      const mesh = await createMesh({ privateKey: await generateKeyPair('Ed25519'), host: '127.0.0.1', port: 0, clusterKeys: [clusterKey], log: silentLog, clock: systemClock })
      await mesh.start()
      const target = await mesh.dial(addresses.ours)
      const client = new QueryConnections({ open: (peerId, protocol, signal) => mesh.openDirect(peerId, protocol, signal) })
      let loadReports = 0
      client.onPeerLoad(() => { loadReports++ })
      const request = { ...toRequest(sql, { database: 'bench', parameters: [42n] }), access: 'read', visited: [mesh.peerId] }
      return {
        async call() {
          const response = await client.query(target, request)
          let bytes = 0
          for await (const batch of response.batches) bytes += batch.bytes.length
          if (response.trailer().rows !== 1) throw new Error('the trailer is wrong')
          return bytes
        },
        async close() {
          if (loadReports === 0) throw new Error('no load was reported')
          await client.close()
          await mesh.stop()
        },
      }
    },
  },
  moleculer: {
    title: 'Moleculer TCP transporter',
    async open() {
      const broker = new ServiceBroker(moleculerOptions('client', moleculerClientPort, [['server', moleculerServerPort]]))
      await broker.start()
      await broker.waitForServices('bench', 20_000)
      return {
        call: async () => (await broker.call('bench.answer', { sql, parameters: [42] })).length,
        close: () => broker.stop(),
      }
    },
  },
  grpc: {
    title: '@grpc/grpc-js',
    open() {
      const client = new GrpcClient(`127.0.0.1:${addresses.grpc}`, credentials.createInsecure())
      const request = Buffer.from(JSON.stringify({ sql, parameters: [42] }))
      return {
        call: () => new Promise((resolve, reject) => {
          client.makeUnaryRequest(grpcAnswer.path, grpcAnswer.requestSerialize, grpcAnswer.responseDeserialize, request, (error, answer) => {
            if (error === null) resolve(answer.length)
            else reject(error)
          })
        }),
        close: () => { client.close() },
      }
    },
  },
  http: {
    title: 'node:http, undici keep-alive',
    open() {
      const pool = new Pool(addresses.http, { connections: 64, pipelining: 1 })
      const body = JSON.stringify({ sql, parameters: [42] })
      return {
        async call() {
          const { body: answer } = await pool.request({ path: '/query', method: 'POST', body })
          return (await answer.arrayBuffer()).byteLength
        },
        close: () => pool.close(),
      }
    },
  },
  tls: {
    title: 'raw TLS 1.3, length-prefixed',
    async open() {
      const { socket } = await secureOutbound({ host: '127.0.0.1', port: addresses.tls, id: '0'.repeat(2 * TICKET_ID_BYTES), secret: clusterKey }, AbortSignal.timeout(10_000))
      return echoing(socket)
    },
  },
  raw: {
    title: 'raw TCP, length-prefixed',
    async open() {
      const socket = connect({ port: addresses.raw, host: '127.0.0.1', noDelay: true })
      await new Promise((resolve, reject) => { socket.once('connect', resolve).once('error', reject) })
      return echoing(socket)
    },
  },
}

/** What nothing on such a socket can go below. */
function echoing(socket) {
  const waiting = new Map()
  let lastId = 0
  socket.on('data', rawFrames((id, payload) => {
    waiting.get(id)(payload.length)
    waiting.delete(id)
  })).resume()
  return {
    call: () => new Promise((resolve) => {
      const id = ++lastId
      waiting.set(id, resolve)
      const frame = Buffer.alloc(8 + answerBytes)
      frame.writeUInt32BE(4 + answerBytes)
      frame.writeUInt32BE(id, 4)
      socket.write(frame)
    }),
    close: () => { socket.destroy() },
  }
}

/** Calls for `forMs` with so many under way; each latency in microseconds. */
async function measure(call, inFlight, forMs) {
  const latenciesUs = []
  const cpuBeforeUs = await cpuUsedUs()
  const startedMs = performance.now()
  const endMs = startedMs + forMs
  await Promise.all(Array.from({ length: inFlight }, async () => {
    for (let beforeMs = performance.now(); beforeMs < endMs;) {
      if (await call() !== answerBytes) throw new Error('an answer of the wrong size')
      const afterMs = performance.now()
      latenciesUs.push((afterMs - beforeMs) * 1000)
      beforeMs = afterMs
    }
  }))
  const seconds = (performance.now() - startedMs) / 1000
  const cpuUs = await cpuUsedUs() - cpuBeforeUs
  latenciesUs.sort((left, right) => left - right)
  const quantile = (q) => latenciesUs[Math.min(latenciesUs.length - 1, Math.floor(q * latenciesUs.length))]
  return { requestsPerSecond: latenciesUs.length / seconds, p50Us: quantile(0.5), p99Us: quantile(0.99), cpuSecondsPer100k: cpuUs / latenciesUs.length / 10 }
}

function median(values) {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}

const names = flags.only === undefined ? Object.keys(contestants) : flags.only.split(',')
const open = {}
for (const name of names) open[name] = await contestants[name].open()
// Until V8 has compiled what it will: before, the figures are those of its compiler, and a contestant that was warmed up last has an advantage.
for (let turn = 0; turn < (flags.short === true ? 1 : 4); turn++) {
  for (const load of loads.toReversed()) for (const name of names) await measure(open[name].call, load, flags.short === true ? 100 : 500)
}

const samples = Object.fromEntries(names.map((name) => [name, Object.fromEntries(loads.map((load) => [load, []]))]))
// Interleaved, so that whatever else the machine does falls on all of them.
for (let round = 0; round < rounds; round++) {
  for (const load of loads) for (const name of names) samples[name][load].push(await measure(open[name].call, load, roundMs))
}
for (const name of names) await open[name].close()
server.stdin.end()
await new Promise((resolve) => { server.once('exit', resolve) })

const results = Object.fromEntries(names.map((name) => [name, Object.fromEntries(loads.map((load) => [load, {
  ...Object.fromEntries(['requestsPerSecond', 'p50Us', 'p99Us'].map((figure) => [figure, Math.round(median(samples[name][load].map((sample) => sample[figure])))])),
  cpuSecondsPer100k: Math.round(100 * median(samples[name][load].map((sample) => sample.cpuSecondsPer100k))) / 100,
}]))]))
const table = new Table({ head: ['', ...loads.flatMap((load) => [`${load} in flight: req/s`, 'p50 µs', 'p99 µs', 'CPU s/100k*'])], style: { head: [], border: [] }, colAligns: ['left', ...Array(4 * loads.length).fill('right')] })
for (const name of names) table.push([contestants[name].title, ...loads.flatMap((load) => ['requestsPerSecond', 'p50Us', 'p99Us', 'cpuSecondsPer100k'].map((figure) => results[name][load][figure].toLocaleString('en')))])
process.stdout.write(`${table.toString()}\nmedians of ${rounds} interleaved rounds of ${roundMs} ms; * of both processes together\n`)

/** The median of the rounds' ratios: what moves the machine moves both sides of a round. */
function ratio(figure, load, other) {
  return median(samples.ours[load].map((sample, round) => sample[figure] / samples[other][load][round][figure]))
}

const asked = {
  hop: [
    ['64 in flight: at least 1.5 times Moleculer\'s requests a second', 'requestsPerSecond', 64, 'moleculer', (value) => value >= 1.5],
    ['64 in flight: at least 4 times gRPC\'s requests a second', 'requestsPerSecond', 64, 'grpc', (value) => value >= 4],
    ['1 in flight: p50 no worse than HTTP\'s', 'p50Us', 1, 'http', (value) => value <= 1],
    ['64 in flight: CPU for a request at most Moleculer\'s', 'cpuSecondsPer100k', 64, 'moleculer', (value) => value <= 1],
    ['1 in flight: CPU for a request at most Moleculer\'s', 'cpuSecondsPer100k', 1, 'moleculer', (value) => value <= 1],
  ],
  forward: [
    ['64 in flight: at least Moleculer\'s requests a second', 'requestsPerSecond', 64, 'moleculer', (value) => value >= 1],
    ['1 in flight: p50 at most twice HTTP\'s', 'p50Us', 1, 'http', (value) => value <= 2],
  ],
}[flags.asked]
const checks = asked.filter(([, , load, other]) => loads.includes(load) && names.includes('ours') && names.includes(other)).map(([text, figure, load, other, isMet]) => {
  const value = ratio(figure, load, other)
  return { asked: text, ratio: Math.round(100 * value) / 100, met: isMet(value) }
})
for (const { asked: text, ratio: value, met } of checks) process.stdout.write(`${met ? 'met' : 'MISSED'}: ${text} (ratio ${value.toFixed(2)})\n`)
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rounds, roundMs, node: process.version, results, checks }, null, 2)}\n`)
process.exitCode = flags.check === true && (checks.length < asked.length || checks.some(({ met }) => !met)) ? 1 : 0
