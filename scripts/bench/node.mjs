// What a whole node costs and gives: idle CPU, a command's start, large results with their memory, joining, and finding a crash.
// Run: npm run bench:node [-- --short] [--check] [--json FILE]
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Table from 'cli-table3'
import { readFlags } from '../flags.ts'
import { commandStart, idle, joinAndCrash, largeResult } from './node-measures.mjs'
import { BenchMesh, until } from './node-mesh.mjs'
import { hasProcessFigures } from './node-process-figures.ts'

const { values: flags } = readFlags(`npm run bench:node [-- --short] [--check] [--json FILE]

Starts three node processes on loopback, encrypted, each beside a copy of 3,000,000 flights, and measures them. About 2 minutes.

  --short      fewer runs, and 10 s of idling instead of 60 s; about 1 minute
  --check      exit 1 when an asked figure is missed
  --json FILE  the figures as JSON`, {
  options: { short: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'string' } },
})
if (!hasProcessFigures) {
  console.error('bench:node reads CPU time and memory of processes from /proc, which this system does not have.')
  process.exit(2)
}

const plan = flags.short ? { settleSeconds: 5, idleSeconds: 10, commandRuns: 7, resultRuns: 1, joinRuns: 3 } : { settleSeconds: 15, idleSeconds: 60, commandRuns: 15, resultRuns: 3, joinRuns: 5 }
const asked = { idleCpuPercent: 1, commandMs: 600, growthBytes: 200e6 }

const say = (text) => { console.error(text) }
const number = (value, digits = 0) => value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits })
const ms = ({ median, max }) => [`${number(median)} ms`, `${number(max)} ms`]
const megabytes = (bytes) => `${number(bytes / 1e6)} MB`

/** One line of the table: what was measured, its value, the worst of its runs, what was asked, and whether that is met (null: nothing asked). */
const rows = []
function report(what, value, worst, askedText = null, met = null) {
  rows.push({ what, value, worst, asked: askedText, met })
}

const figures = { bench: 'node', node: process.version, short: flags.short }
const mesh = await BenchMesh.create()
async function abandon() {
  await mesh.stop()
  process.exit(130)
}
process.once('SIGINT', () => void abandon())
process.once('SIGTERM', () => void abandon())

try {
  say('starting three nodes …')
  const local = await mesh.start('local1', [])
  const remotes = await Promise.all(['remote1', 'remote2'].map((name) => mesh.start(name, [local.seed])))
  const nodes = [local, ...remotes]
  for (const node of nodes) await until(`${node.name} to see all`, () => node.seesAlive(...nodes), { pollMs: 50 })

  say(`idling for ${plan.settleSeconds} s, then measuring for ${plan.idleSeconds} s …`)
  await sleep(plan.settleSeconds * 1000)
  figures.idle = await idle(nodes, plan.idleSeconds)
  const cpu = figures.idle.map(({ cpuPercent }) => cpuPercent).toSorted((a, b) => a - b)
  const rss = figures.idle.map(({ rssBytes }) => rssBytes).toSorted((a, b) => a - b)
  report(`idle node, CPU of one core over ${plan.idleSeconds} s (median and worst of 3 nodes)`, `${number(cpu[1], 2)} %`, `${number(cpu[2], 2)} %`, '< 1 %', cpu[2] < asked.idleCpuPercent)
  report('idle node, RSS (median and worst of 3 nodes)', megabytes(rss[1]), megabytes(rss[2]))

  say('starting commands …')
  for (const node of nodes) await node.drill(5)
  figures.command = await commandStart(local, plan.commandRuns)
  report(`node -e 0, spawn to exit (${plan.commandRuns} runs)`, ...ms(figures.command.bareNode))
  report(`rdb --help (${plan.commandRuns} runs)`, ...ms(figures.command.help))
  report(`rdb db:query flights "SELECT 1 AS one" (${plan.commandRuns} runs)`, ...ms(figures.command.query), '< 600 ms', figures.command.query.median < asked.commandMs)

  say('reading 3,000,000 rows, forwarded …')
  const [answering, other] = remotes
  // Only one peer may answer, so that the warm-up and what is measured fall on the same process.
  for (const node of [local, other]) await node.drill(97)
  await until('local1 to know which peer is free', async () => (await local.ask({ method: 'nodes', database: 'flights' })).nodes.find(({ name }) => name === other.name)?.overloaded)
  figures.forwarded = await largeResult({ entry: local, watched: [local, answering], runs: plan.resultRuns, expected: { decision: 'forward', executedBy: answering.name } })
  say('the same, run locally …')
  await local.drill(5)
  figures.local = await largeResult({ entry: local, watched: [local], runs: plan.resultRuns, expected: { decision: 'local', executedBy: local.name } })
  for (const [where, result] of [['forwarded', figures.forwarded], ['run locally', figures.local]]) {
    const { median, min, runs } = result.rowsPerSecond
    report(`3,000,000 rows ${where}, at the client (${runs} ${runs === 1 ? 'run' : 'runs'})`, `${number(median)} rows/s`, `${number(min)} rows/s`)
    const cpu = Object.entries(result.cpuSeconds).map(([name, seconds]) => `${name} ${number(seconds, 1)}`)
    report('  CPU seconds for them', cpu.join(', '), '')
    for (const { name, growthBytes, beforeBytes } of result.memory) {
      const role = where === 'forwarded' ? (name === local.name ? 'entry node' : 'answering node') : 'node'
      report(`  RSS growth of the ${role}, from ${megabytes(beforeBytes)}`, '', megabytes(growthBytes), '≤ 200 MB', growthBytes <= asked.growthBytes)
    }
  }

  say('joining and killing …')
  figures.membership = await joinAndCrash(mesh, { entry: local, survivors: nodes, runs: plan.joinRuns })
  report(`start of a node, spawn until it answers (${plan.joinRuns} runs)`, ...ms(figures.membership.answeredMs))
  report('join, spawn until both see each other alive', ...ms(figures.membership.joinedMs))
  report('kill -9 until a survivor’s member-failed (3 survivors)', ...ms(figures.membership.detectedMs))
} finally {
  await mesh.stop()
}

const table = new Table({ head: ['Measure', 'Median', 'Worst', 'Asked', ''], colAligns: ['left', 'right', 'right', 'right', 'left'], style: { head: [], border: [] } })
for (const { what, value, worst, asked: askedText, met } of rows) table.push([what, value, worst, askedText ?? '', met === null ? '' : met ? 'met' : 'MISSED'])
console.log(table.toString())
const missed = rows.filter(({ met }) => met === false).map(({ what }) => what.trim())
figures.missed = missed
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(figures, null, 2)}\n`)
else console.log(JSON.stringify(figures))
if (missed.length > 0) console.log(`missed: ${missed.join('; ')}`)
process.exit(flags.check && missed.length > 0 ? 1 : 0)
