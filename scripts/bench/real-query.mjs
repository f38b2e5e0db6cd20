// What forwarding adds to a query that has work to do: a group-by over 3,000,000 flights, asked of the node that has them and of a node that
// has none and forwards it there. Two node processes on loopback, encrypted, and one client.
import { writeFileSync } from 'node:fs'
import Table from 'cli-table3'
import { connect } from '../../dist/client/connect.js'
import { readFlags } from '../flags.ts'
import { BenchMesh, until } from './node-mesh.mjs'

const usage = `npm run bench:real-query [-- options]
  --check        exit with 1 unless forwarding takes at most 5 % longer than asking the node that has the data
  --short        3 rounds of 3 pairs: that it runs to its end, not for figures
  --rounds N     rounds (30); each has as many pairs as --pairs says
  --pairs N      queries each way in a round, in turns (10)
  --sql TEXT     another query over flights
  --json FILE    the figures, for programs
  --help`
const { values: flags } = readFlags(usage, {
  options: { check: { type: 'boolean' }, short: { type: 'boolean' }, rounds: { type: 'string' }, pairs: { type: 'string' }, sql: { type: 'string' }, json: { type: 'string' } },
})
const rounds = Number(flags.rounds ?? (flags.short === true ? 3 : 30))
const pairs = Number(flags.pairs ?? (flags.short === true ? 3 : 10))
if (![rounds, pairs].every((count) => Number.isInteger(count) && count >= 1)) {
  process.stderr.write(`error: --rounds and --pairs take whole numbers from 1 on\n${usage}\n`)
  process.exit(2)
}
const sql = flags.sql ?? 'SELECT origin, count(*) AS flights, avg(delay) AS delay, max(distance) AS farthest FROM flights GROUP BY origin ORDER BY origin'
const asked = 1.05

const sorted = (values) => values.toSorted((a, b) => a - b)
const quantile = (values, share) => sorted(values)[Math.min(values.length - 1, Math.floor(share * values.length))]
const median = (values) => quantile(values, 0.5)

/** One query to its last row, in milliseconds; and what the engine took of it, as the answer says. */
async function run({ client, decision }) {
  const startedMs = performance.now()
  const result = await client.query(sql, { database: 'flights', timeoutMs: 60_000 })
  let rows = 0
  for await (const batch of result) rows += batch.rowCount
  const tookMs = performance.now() - startedMs
  if (result.route?.decision !== decision) throw new Error(`${result.route?.decision} where ${decision} was to be measured: ${result.route?.reason}`)
  return { rows, tookMs, engineMs: result.trailer().engineMs }
}

const mesh = await BenchMesh.create()
async function abandon() {
  await mesh.stop()
  process.exit(130)
}
process.once('SIGINT', () => void abandon())
process.once('SIGTERM', () => void abandon())

const samples = { direct: [], forwarded: [] }
try {
  const holder = await mesh.start('holder', [])
  const entry = await mesh.start('entry', [holder.seed], { hasCopy: false })
  for (const node of [holder, entry]) {
    // So that the load of this very bench makes nobody refuse.
    await node.drill(5)
    await until(`${node.name} to see both`, () => node.seesAlive(holder, entry), { pollMs: 50 })
  }
  const ways = {
    direct: { client: await connect({ dataDir: holder.dataDir }), decision: 'local' },
    forwarded: { client: await connect({ dataDir: entry.dataDir }), decision: 'forward' },
  }
  await until('entry to forward', () => run(ways.forwarded).catch((error) => { if (error.code !== 'ERR_DATABASE_UNKNOWN') throw error }), { pollMs: 50 })
  // The first round is warm-up. Who goes first changes with every pair, since the second of two finds warmer caches.
  for (let round = -1; round < rounds; round++) {
    const taken = { direct: [], forwarded: [] }
    for (let pair = 0; pair < pairs; pair++) {
      for (const way of (round + pair) % 2 === 0 ? ['direct', 'forwarded'] : ['forwarded', 'direct']) taken[way].push(await run(ways[way]))
    }
    if (new Set(Object.values(taken).flat().map(({ rows }) => rows)).size !== 1) throw new Error('the answers differ in their rows')
    if (round >= 0) for (const way of Object.keys(samples)) samples[way].push(taken[way])
  }
  await Promise.all(Object.values(ways).map(({ client }) => client.close()))
} finally {
  await mesh.stop()
}

const figuresOf = (way) => {
  const all = samples[way].flat()
  return { medianMs: median(all.map(({ tookMs }) => tookMs)), p99Ms: quantile(all.map(({ tookMs }) => tookMs), 0.99), engineMs: median(all.map(({ engineMs }) => engineMs)), besideEngineMs: median(all.map(({ tookMs, engineMs }) => tookMs - engineMs)) }
}
const results = { direct: figuresOf('direct'), forwarded: figuresOf('forwarded') }
/** Of each round, the median of one way to that of the other: what moves the machine moves both. */
const ratios = samples.direct.map((direct, round) => median(samples.forwarded[round].map(({ tookMs }) => tookMs)) / median(direct.map(({ tookMs }) => tookMs)))
const ratio = median(ratios)
const spread = [quantile(ratios, 0.25), quantile(ratios, 0.75)]
const addedMs = results.forwarded.besideEngineMs - results.direct.besideEngineMs

const ms = (value) => `${value.toFixed(2)} ms`
const table = new Table({ head: ['group-by over 3,000,000 rows', 'median', 'p99', 'in the engine', 'beside it'], style: { head: [], border: [] }, colAligns: ['left', 'right', 'right', 'right', 'right'] })
for (const [way, title] of [['direct', 'asked of the node that has them'], ['forwarded', 'asked of another node, forwarded']]) {
  const { medianMs, p99Ms, engineMs, besideEngineMs } = results[way]
  table.push([title, ms(medianMs), ms(p99Ms), ms(engineMs), ms(besideEngineMs)])
}
process.stdout.write(`${table.toString()}\n${rounds} rounds of ${pairs} pairs after one of warm-up; forwarding adds ${ms(addedMs)} beside the engine, ${(100 * addedMs / results.direct.engineMs).toFixed(1)} % of what that takes
ratio of the medians of a round: ${ratio.toFixed(3)} (quartiles ${spread.map((value) => value.toFixed(3)).join(' and ')})\n`)
const check = { asked: 'forwarding takes at most 5 % longer', value: ratio, met: ratio <= asked }
process.stdout.write(`${check.met ? 'met' : 'MISSED'}: ${check.asked} (${((ratio - 1) * 100).toFixed(1)} %)\n`)
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ bench: 'real-query', node: process.version, rounds, pairs, sql, results, addedMs, ratio, ratioQuartiles: spread, checks: [check] }, null, 2)}\n`)
process.exitCode = flags.check === true && !check.met ? 1 : 0
