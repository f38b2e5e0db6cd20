/**
 * What the router costs a query: the load check, a decision that stays here, what that allocates with few and with many peers known, and
 * decisions among 100 and 1,000 candidates by every strategy.
 *
 *   node scripts/bench/decide.mjs [--json] [--check]      after `npm run build`; --check exits 1 when an asked figure is missed
 *
 * All rows take turns in several rounds, so that a neighbour who is busy for a while disturbs one round of each and not one row in all of them.
 * A row is judged by its quietest round, the one with the lowest p50: what else runs on the machine only ever adds time, so that is the nearest
 * to what the code takes. The median of the rounds' p50 is printed beside it; much above, the machine was busy.
 */
import { LoadMonitor } from '../../dist/core/load/load-monitor.js'
import { decide } from '../../dist/core/routing/decide.js'
import { NO_HINTS } from '../../dist/core/routing/hints.js'
import { parseRoutingOptions } from '../../dist/core/routing/options.js'
import { createStrategy, STRATEGY_NAMES } from '../../dist/core/routing/strategies/registry.js'
import { createRandom, randomInteger } from '../../dist/core/time/random.js'
import { readFlags } from '../flags.ts'

const { values: flags } = readFlags('npm run bench:decide [-- --json] [--check]\n\n  --json   figures as JSON\n  --check  exit 1 when an asked figure is missed', { options: { json: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } } })

const random = createRandom(20260101)
const options = parseRoutingOptions()
const request = { database: 'flights', access: 'read', priority: 'normal', forwarded: false, lastResort: false, hints: NO_HINTS }
const local = {
  peerId: 'self', name: 'local1', role: 'replica', ready: true, draining: false, overloaded: false, overloadReason: null, site: { datacenter: 'north', rack: 'r1' },
  cpuPercent: 20, memoryPercent: 30, inFlight: 3, inFlightMax: 64, excessRatio: 0, lagMs: null,
}
const overloaded = { ...local, overloaded: true, overloadReason: 'CPU 95% exceeds threshold 80%', cpuPercent: 95, excessRatio: 0.75 }

/** Peers as a mesh of one region has them: most usable and near, some loaded, slow, suspect, stale or gone. */
function createPeers(count) {
  return Array.from({ length: count }, (_, index) => {
    const dice = random()
    return {
      peerId: `12D3KooW${index}`, name: `remote${index}`, role: index % 50 === 0 ? 'primary' : 'replica', ready: dice > 0.02,
      state: dice > 0.97 ? 'failed' : dice > 0.95 ? 'suspect' : 'alive', status: dice > 0.97 ? 'unhealthy' : dice > 0.9 ? 'degraded' : 'healthy',
      latencyMs: random() < 0.02 ? null : 0.2 + random() * random() * 40, overloaded: dice > 0.8 && dice < 0.9,
      cpuPercent: random() * 90, memoryPercent: random() * 80, inFlightThere: randomInteger(random, 20), inFlightFromHere: randomInteger(random, 8),
      loadAgeMs: random() < 0.05 ? 100_000 : random() * 30_000, lagMs: null, capacity: 1 + randomInteger(random, 4),
      site: { datacenter: random() < 0.5 ? 'north' : 'south', rack: `r${randomInteger(random, 8)}` },
      feedback: random() < 0.2 ? null : {
        peakEwmaMs: random() < 0.1 ? null : 1 + random() * 200, ejectedForMs: random() < 0.02 ? 5_000 : 0, warmth: random() < 0.95 ? 1 : random(),
        probe: random() < 0.3 ? null : { inFlight: randomInteger(random, 30), latencyMs: 1 + random() * 100, ageMs: random() * 1_000 },
      },
    }
  })
}

/** Odd, so that there is a median. */
const roundsCounted = 7

/** Kept and printed, so that the compiler cannot drop what is measured. */
let kept = 0

/** One round: each call timed alone, in µs. */
function timeEach(calls, run) {
  const tookUs = new Float64Array(calls)
  return () => {
    for (let i = 0; i < calls; i++) {
      const startedNs = process.hrtime.bigint()
      kept += run(i)
      tookUs[i] = Number(process.hrtime.bigint() - startedNs) / 1000
    }
    tookUs.sort()
    return { p50Us: tookUs[Math.floor(calls * 0.5)], p99Us: tookUs[Math.floor(calls * 0.99)] }
  }
}

/** One round of what is too short to time alone: the mean of many, for the median and the worst of 15 batches. */
function timeBatches(perBatch, run) {
  const batch = () => {
    const startedNs = process.hrtime.bigint()
    for (let i = 0; i < perBatch; i++) kept += run(i)
    return Number(process.hrtime.bigint() - startedNs) / 1000 / perBatch
  }
  return () => {
    const meansUs = Array.from({ length: 15 }, batch).sort((a, b) => a - b)
    return { p50Us: meansUs[7], p99Us: meansUs[14] }
  }
}

/** All in turn, `roundsCounted` times after two rounds that warm up. */
function inRounds(measurements) {
  const rounds = measurements.map(() => [])
  for (let round = -2; round < roundsCounted; round++) {
    for (const [index, { time }] of measurements.entries()) {
      const figures = time()
      if (round >= 0) rounds[index].push(figures)
    }
  }
  return measurements.map(({ name, askedP50Us, askedP99Us }, index) => {
    const byP50 = rounds[index].toSorted((a, b) => a.p50Us - b.p50Us)
    return { name, ...byP50[0], medianP50Us: byP50[(roundsCounted - 1) / 2].p50Us, askedP50Us, askedP99Us }
  })
}

// Several tables in turn: a branch predictor that has learnt one table by heart would flatter the figure.
const createTables = (count) => Array.from({ length: 16 }, () => createPeers(count))
const few = createTables(100)
const many = createTables(1_000)

function decideAmong(tables, input) {
  return (i) => {
    const decision = decide({ nowMs: 0, request, local: overloaded, peers: () => tables[i & 15], random, options, ...input })
    return decision.kind === 'forward' ? decision.chain.length : 1
  }
}

/**
 * Bytes that one decision that stays here leaves on the heap, with so many peers known: what grows with them must not be there. Measured
 * without a collection in between, or not at all.
 */
function localBytes(peersKnown) {
  const run = decideAmong(createTables(peersKnown), { local })
  for (let i = 0; i < 20_000; i++) kept += run(i)
  const perRound = 2_000
  const rounds = Array.from({ length: 21 }, () => {
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < perRound; i++) kept += run(i)
    return (process.memoryUsage().heapUsed - before) / perRound
  })
  return rounds.filter((bytes) => bytes >= 0).sort((x, y) => x - y)[10] ?? Number.NaN
}

const monitor = new LoadMonitor({ peerId: 'self' })
for (let second = 0; second < 5; second++) {
  monitor.handleReading(second * 1000, { cpuPercent: 40, memoryPercent: 30, memoryBytes: 1e9, processCpuPercent: 10, eventLoopDelayMs: 0.2 })
}

const rows = inRounds([
  { name: 'load check', time: timeBatches(100_000, () => (monitor.overloaded || monitor.inFlight >= 64 ? 1 : 0)), askedP50Us: 1, askedP99Us: 1 },
  { name: 'local, 1,000 peers known', time: timeBatches(10_000, decideAmong(many, { local })), askedP50Us: null, askedP99Us: null },
  { name: 'forward, 100 candidates', time: timeEach(5_000, decideAmong(few, {})), askedP50Us: 100, askedP99Us: 100 },
  { name: 'forward, 100 candidates, explained', time: timeEach(1_000, decideAmong(few, { explain: true })), askedP50Us: null, askedP99Us: null },
  ...STRATEGY_NAMES.map((name) => ({ name: `forward, 1,000 candidates, ${name}`, time: timeEach(1_000, decideAmong(many, { strategy: createStrategy(name, random) })), askedP50Us: 100, askedP99Us: null })),
])
const allocatedBytes = { with10: Math.round(localBytes(10)), with1000: Math.round(localBytes(1_000)) }
// A decision itself is an object or two; a list of a thousand peers would be 8,000 bytes at least.
const allocatesWithPeers = !(allocatedBytes.with1000 < allocatedBytes.with10 + 500)
const missed = rows.filter(({ p50Us, p99Us, askedP50Us, askedP99Us }) => (askedP50Us !== null && p50Us >= askedP50Us) || (askedP99Us !== null && p99Us >= askedP99Us))
const missedNames = [...missed.map(({ name }) => name), ...(allocatesWithPeers ? ['local, bytes allocated with 1,000 peers known'] : [])]

if (flags.json) {
  process.stdout.write(`${JSON.stringify({ bench: 'decide', node: process.version, rows, allocatedBytes, missed: missedNames })}\n`)
} else {
  const number = (value) => (value === null ? '–' : value < 0.1 ? value.toFixed(4) : value.toFixed(2))
  const line = (...cells) => process.stdout.write(`${cells[0].padEnd(48)}${cells.slice(1).map((cell) => cell.padStart(12)).join('')}\n`)
  line('µs', 'p50', 'p99', 'median p50', 'asked p50', 'asked p99')
  for (const row of rows) line(row.name, number(row.p50Us), number(row.p99Us), number(row.medianP50Us), number(row.askedP50Us), number(row.askedP99Us))
  process.stdout.write(`p50 and p99 of the quietest of ${roundsCounted} rounds; median p50: of all rounds\n`)
  process.stdout.write(`local decision: ${allocatedBytes.with10} bytes allocated with 10 peers known, ${allocatedBytes.with1000} with 1,000; asked: no growth\n`)
  process.stdout.write(`load check and local decision: means of batches, the worst batch as p99; checksum ${kept}\n`)
  if (missedNames.length > 0) process.stdout.write(`missed: ${missedNames.join(', ')}\n`)
}
if (flags.check && missedNames.length > 0) process.exitCode = 1
