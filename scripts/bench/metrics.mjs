// What metrics cost a node that knows 100 peers: the text that Prometheus reads, and a cycle of measurement.
// Run: npm run bench:metrics [-- --short] [--check] [--json]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateKeyPair } from '@libp2p/crypto/keys'
import Table from 'cli-table3'
import { createMesh } from '../../dist/adapters/libp2p/mesh.js'
import { systemClock } from '../../dist/adapters/system/clock.js'
import { LATENCY_OPTIONS } from '../../dist/core/latency/options.js'
import { PeerLatencies } from '../../dist/core/latency/peer-latencies.js'
import { LoadMonitor } from '../../dist/core/load/load-monitor.js'
import { PeerLoads } from '../../dist/core/load/peer-loads.js'
import { NameBook } from '../../dist/core/membership/names.js'
import { LatencyDriver } from '../../dist/node/latency-driver.js'
import { LatencyService } from '../../dist/node/latency-service.js'
import { startNode } from '../../dist/node/node.js'
import { parseNodeOptions } from '../../dist/node/options.js'
import { PeerDirectory } from '../../dist/node/peer-directory.js'
import { NO_PLUGINS } from '../../dist/node/plugins.js'
import { createLibp2pMetrics } from '../../dist/operations/metrics/libp2p-metrics.js'
import { startMetrics } from '../../dist/operations/metrics/start-metrics.js'
import { startTables } from '../../dist/operations/tables/start-tables.js'
import { readFlags } from '../flags.ts'

const { values: flags } = readFlags(`npm run bench:metrics [-- --short] [--check] [--json]

Starts a node, whose members are 100 peers of a second process that answer pings on connections of their own and do nothing else. Times the
text of /metrics, and a cycle of measurement: a ping to each of the 100, all that the node, its metrics and its tables keep of the answers, a
sample of every metric, and the rows of all that on disk. Judged is the quietest round: what else runs on the machine only ever adds time.

  --short   fewer rounds: 15 instead of 25
  --check   exit 1 when an asked figure is missed
  --json    figures as JSON`, {
  options: { short: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
})
const peers = 100
const rounds = flags.short ? 15 : 25
const warmUps = 5
const asked = { textMs: 20, cycleCpuMs: 100 }

const log = { debug() {}, info() {}, warn() {}, error: (fields, message) => { console.error(message, fields) }, child: () => log }
const say = (text) => { console.error(text) }

/** Wall time and CPU time of this process, all its threads, in ms. */
async function timed(run) {
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await run()
  const wallMs = performance.now() - startedMs
  const { user, system } = process.cpuUsage(cpu)
  return { wallMs, cpuMs: (user + system) / 1000 }
}

async function inRounds(run) {
  const all = []
  for (let round = -warmUps; round < rounds; round++) {
    const figures = await timed(run)
    if (round >= 0) all.push(figures)
    // What a round has left to do, such as a collection, is not the next one's.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return all
}

const folder = await mkdtemp(join(tmpdir(), 'reedbase-bench-'))
const libp2p = createLibp2pMetrics()
const node = await startNode(parseNodeOptions({ name: 'measured', dataDir: folder, listen: '127.0.0.1:0' }, folder), { log, plugins: { ...NO_PLUGINS, libp2pMetrics: libp2p.component } })
const mesh = await createMesh({ privateKey: await generateKeyPair('Ed25519'), host: '127.0.0.1', port: 0, client: true, clusterKeys: [], log, clock: systemClock, metrics: libp2p.component })
const child = fork(fileURLToPath(new URL('metrics-peers.mjs', import.meta.url)), [String(peers)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
let isStopping = false
async function stop() {
  isStopping = true
  child.kill('SIGKILL')
  await mesh.stop()
  await node.stop('the bench has ended')
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}
process.once('SIGINT', () => { void stop().then(() => process.exit(130)) })
process.once('SIGTERM', () => { void stop().then(() => process.exit(143)) })
child.once('exit', (code) => { if (!isStopping) throw new Error(`the process of the peers ended with ${code}`) })

/** The node with the peers as its members. What it shows of them comes from the parts that it uses itself. */
function inspectWith(found) {
  const { inspection } = node
  const [{ record: self }] = inspection.members()
  const latencies = new PeerLatencies({ pingIntervalMs: 3_600_000, pingTimeoutMs: 5_000 }, () => 0)
  const service = new LatencyService({ clock: systemClock, thresholdMs: 200, latencyTo: (peerId) => latencies.summary(peerId), nodes: () => ({ nodes: [] }) })
  const loads = new PeerLoads()
  const members = found.map(({ peerId, multiaddr }, index) => {
    loads.handleSnapshot(systemClock.nowMs(), { peerId, atWallMs: 1, sequence: 1, cpuPercent: index % 80, memoryPercent: 40, inFlight: index % 7, overloaded: false, drill: false, readyDatabases: ['flights'], lagsMs: {} })
    const record = { ...self, peerId, name: `peer${index}`, tcpMultiaddrs: [multiaddr], databases: [{ name: 'flights', role: 'replica', engine: 'duckdb' }] }
    return { signed: { record }, state: 'alive', stateSinceMs: 0, suspectedBy: [], probationUntilMs: null, flapping: false, removedBy: null }
  })
  const byPeerId = new Map(members.map((member) => [member.signed.record.peerId, member]))
  const directory = new PeerDirectory({
    membership: { self: { record: self }, selfState: 'alive', members: () => members, member: (peerId) => byPeerId.get(peerId), paths: () => [] },
    names: new NameBook(), latencies, monitor: new LoadMonitor({ peerId: self.peerId }), loads, engines: new Map(), clock: systemClock, startedWallMs: 0, thresholds: { cpuPercent: 80, memoryPercent: 90, latencyMs: 200, failures: 3 },
    isAllowed: () => true, routeTo: () => null, lastReadingWallMs: () => 0,
  })
  const observers = []
  const watched = {
    ...inspection, members: () => directory.memberViews(), latencyTo: (peerId) => latencies.summary(peerId), traffic: (peerId) => service.traffic(peerId), connectedPeers: () => mesh.connectedPeers(),
    observe: (observer) => {
      observers.push(observer)
      return inspection.observe(observer)
    },
  }
  return { watched, observers, latencies, service }
}

/** Tables whose timers the cycles fire. */
function startCycledTables(watched, metrics) {
  const timers = []
  const clock = { ...systemClock, setTimer: (_delayMs, callback) => {
    timers.push(callback)
    return { cancel: () => undefined }
  } }
  let sampled = Promise.resolve()
  const tables = startTables({ inspection: { ...watched, clock }, metrics: { samples: () => sampled = metrics.samples() } })
  return async () => {
    for (const fire of timers.splice(0)) fire()
    await sampled
    await tables.flush()
    return tables.counters.rowsWritten
  }
}

/** What a node does when pings are due, for all peers at once. */
function startPings(peerIds, { observers, latencies, service }) {
  let outstanding = 0
  let onAll = () => undefined
  const driver = new LatencyDriver({
    latencies, clock: systemClock, log, ping: (peerId) => mesh.ping(peerId),
    onRtt: (peerId, rttMs, source) => {
      service.handleRtt(peerId, rttMs, source)
      for (const observer of observers) observer.handleRtt?.(peerId, rttMs, source)
      if (--outstanding === 0) onAll()
    },
    onLost: (peerId) => { throw new Error(`${peerId} did not answer a ping`) },
  })
  const round = () => new Promise((resolve) => {
    outstanding = peerIds.length
    onAll = resolve
    for (const peerId of peerIds) driver.addPeer(peerId)
  })
  return { round, stop: () => { driver.stop() } }
}

const figures = { bench: 'metrics', node: process.version, peers, rounds }
try {
  say(`starting ${peers} peers …`)
  const [{ peers: found }] = await once(child, 'message')
  await mesh.start()
  for (const { multiaddr } of found) await mesh.dial(multiaddr)
  const simulated = inspectWith(found)
  const { metrics } = startMetrics(simulated.watched, libp2p)
  const pings = startPings(found.map(({ peerId }) => peerId), simulated)
  const keep = startCycledTables(simulated.watched, metrics)
  // Newcomers are pinged more often until they have answered a few times.
  for (let answers = 0; answers < LATENCY_OPTIONS.firstAnswers.default; answers++) await pings.round()
  say('measuring …')
  let lines = 0
  figures.text = await inRounds(async () => { lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length })
  let rowsBefore = 0
  let rows = 0
  figures.cycle = await inRounds(async () => {
    await pings.round()
    const written = await keep()
    rows = written - rowsBefore
    rowsBefore = written
  })
  figures.pings = await inRounds(() => pings.round())
  figures.samples = await inRounds(() => metrics.samples())
  Object.assign(figures, { lines, rows })
  pings.stop()
} finally {
  await stop()
}

const quietest = (all, of) => Math.min(...all.map(of))
const median = (all, of) => all.map(of).toSorted((a, b) => a - b)[Math.floor(all.length / 2)]
const worst = (all, of) => Math.max(...all.map(of))
const wall = ({ wallMs }) => wallMs
const cpu = ({ cpuMs }) => cpuMs
const rows = [
  [`text of /metrics, ${figures.lines} lines of figures, time`, figures.text, wall, asked.textMs],
  ['the same, CPU', figures.text, cpu, null],
  [`cycle: ${peers} pings, what is kept of them, samples, ${figures.rows} rows on disk; CPU`, figures.cycle, cpu, asked.cycleCpuMs],
  [`of this, ${peers} pings and what is kept of them; CPU`, figures.pings, cpu, null],
  ['of this, the samples; CPU', figures.samples, cpu, null],
].map(([what, all, of, askedMs]) => ({ what, quietestMs: quietest(all, of), medianMs: median(all, of), worstMs: worst(all, of), askedMs, met: askedMs === null ? null : quietest(all, of) < askedMs }))
figures.rowsJudged = rows
figures.missed = rows.filter(({ met }) => met === false).map(({ what }) => what)

if (flags.json) console.log(JSON.stringify(figures))
else {
  const ms = (value) => `${value.toFixed(1)} ms`
  const table = new Table({ head: ['Measure', 'Quietest', 'Median', 'Worst', 'Asked', ''], colAligns: ['left', 'right', 'right', 'right', 'right', 'left'], style: { head: [], border: [] } })
  for (const { what, quietestMs, medianMs, worstMs, askedMs, met } of rows) table.push([what, ms(quietestMs), ms(medianMs), ms(worstMs), askedMs === null ? '' : `< ${askedMs} ms`, met === null ? '' : met ? 'met' : 'MISSED'])
  console.log(table.toString())
  for (const [name, all, of] of [['text, ms', figures.text, wall], ['cycle, CPU ms', figures.cycle, cpu]]) console.log(`each of ${rounds} rounds of ${name}: ${all.map((round) => of(round).toFixed(1)).join(' ')}`)
}
if (figures.missed.length > 0) console.error(`missed: ${figures.missed.join('; ')}`)
process.exit(flags.check && figures.missed.length > 0 ? 1 : 0)
