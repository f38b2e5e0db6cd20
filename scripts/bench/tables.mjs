/**
 * What the tables on disk cost: one node's samples with 100 peers, written into a temporary folder by the clock of a simulated hour, and the CPU time
 * of all of it (user and system, the threads that write included) as a share of that hour.
 *
 *   node scripts/bench/tables.mjs [--peers 100] [--series 600] [--minutes 60] [--json] [--check]      after `npm run build`
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseNodeOptions } from '../../dist/node/options.js'
import { startTables } from '../../dist/operations/tables/start-tables.js'
import { readFlags } from '../flags.ts'

const { values: flags } = readFlags('npm run bench:tables [-- --peers 100] [--series 600] [--minutes 60] [--json] [--check]\n\n  --json   figures as JSON\n  --check  exit 1 when more than 0.1 % of a core is taken, or rows are dropped', {
  options: { peers: { type: 'string', default: '100' }, series: { type: 'string', default: '600' }, minutes: { type: 'string', default: '60' }, json: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
})
const [peers, series, minutes] = [flags.peers, flags.series, flags.minutes].map(Number)
const SHARE_MAX = 0.001

class SimulatedClock {
  ms = 0
  timers = new Set()
  nowMs() { return this.ms }
  wallMs() { return Date.parse('2026-11-20T08:00:00Z') + this.ms }
  setTimer(delayMs, callback) {
    const timer = { atMs: this.ms + delayMs, callback }
    this.timers.add(timer)
    return { cancel: () => this.timers.delete(timer) }
  }
}

const dataDir = await mkdtemp(join(tmpdir(), 'reedbase-bench-tables-'))
const clock = new SimulatedClock()
const log = { debug() {}, info() {}, warn(_fields, message) { console.error(message) }, error(_fields, message) { console.error(message) }, child: () => log }
const members = Array.from({ length: peers + 1 }, (_, index) => ({
  record: { peerId: `12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSC${String(index).padStart(5, '0')}`, databases: [{ name: 'users_prod', role: 'replica' }] },
  name: `node-${index}`, state: 'alive', status: 'healthy', latency: { smoothedMs: 1.234 }, load: { cpuPercent: 12, memoryPercent: 30, inFlight: 1 },
}))
let observer
let close
// A third of the series moves between two samples, as those of a mesh that works.
let round = 0
const samples = async () => {
  round++
  return Array.from({ length: series }, (_, index) => ({ name: `reedbase_metric_${index % 60}_total`, labels: { peer: String(index) }, value: index % 3 === 0 ? round * index : index }))
}
const tables = startTables({
  metrics: { samples },
  inspection: { clock, log, dataDir, options: parseNodeOptions({ name: 'bench', dataDir }, '/'), pingIntervalMs: () => 30_000, members: () => members, observe: (given) => { observer = given; return () => {} }, onClose: (_what, given) => { close = given } },
})
await tables.flush()

const settled = () => new Promise((resolve) => { setImmediate(resolve) })
const started = process.cpuUsage()
const startedMs = performance.now()
for (let second = 0; second < minutes * 60; second++) {
  clock.ms += 1_000
  observer.handleReading({ cpuPercent: 10 + second % 7, memoryPercent: 40, memoryBytes: 1, processCpuPercent: 1, eventLoopDelayMs: 1 })
  // Each peer is pinged every 30 s, and answers a datagram of this node's about as often as there are peers.
  for (let peer = 1 + second % 30; peer <= peers; peer += 30) observer.handleRtt(members[peer].record.peerId, 1 + peer % 10, 'ping')
  observer.handleRtt(members[1 + second % peers].record.peerId, 1.5, 'datagram')
  for (const timer of [...clock.timers]) {
    if (timer.atMs > clock.ms) continue
    clock.timers.delete(timer)
    timer.callback()
  }
  // A write that its timer began ends before the next one is due, as it would.
  if (second % 5 === 4) await tables.flush()
  await settled()
}
await close()
const { user, system } = process.cpuUsage(started)
const cpuMs = (user + system) / 1_000
const share = cpuMs / (minutes * 60_000)
let bytes = 0
for (const folder of [dataDir, join(dataDir, 'metrics'), join(dataDir, 'history')]) {
  for (const name of await readdir(folder)) if (name.endsWith('.csv')) bytes += (await stat(join(folder, name))).size
}
await rm(dataDir, { recursive: true })
const { rowsWritten, rowsDropped } = tables.counters
const figures = { bench: 'tables', peers, minutes, series, cpuMs: Math.round(cpuMs), cpuPercent: Number((share * 100).toFixed(4)), rowsWritten, rowsDropped, bytesPerDay: Math.round(bytes / minutes * 1_440), wallMs: Math.round(performance.now() - startedMs) }
if (flags.json) console.log(JSON.stringify(figures))
else console.table([figures])
if (flags.check && (share > SHARE_MAX || rowsDropped > 0)) {
  console.error(`the tables take ${(share * 100).toFixed(3)} % of a core, which is more than ${SHARE_MAX * 100} %, or drop rows`)
  process.exitCode = 1
}
