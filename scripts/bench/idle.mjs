// What a node costs that does nothing but be there, with everything around it on: HTTP, metrics that a Prometheus scrapes, tables on disk, alerts.
// Run: npm run bench:idle [-- --short] [--check] [--json FILE]
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Table from 'cli-table3'
import { readFlags } from '../flags.ts'
import { BenchMesh, until } from './node-mesh.mjs'
import { cpuSeconds, hasProcessFigures, rssBytes } from './node-process-figures.ts'

const { values: flags } = readFlags(`npm run bench:idle [-- --short] [--check] [--json FILE]

Starts three node processes on loopback, encrypted, without a database, lets them be, and measures CPU and memory: about 11 minutes. Each node's
/metrics is read every 15 s, as Prometheus does.

  --short      one minute
  --check      exit 1 when an asked figure is missed
  --json FILE  the figures as JSON`, {
  options: { short: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'string' } },
})
if (!hasProcessFigures) {
  console.error('bench:idle reads CPU time and memory of processes from /proc, which this system does not have.')
  process.exit(2)
}
// A start's garbage is collected within its first half minute, and belongs to the start.
const plan = flags.short ? { settleSeconds: 30, parts: 4, partSeconds: 15 } : { settleSeconds: 30, parts: 20, partSeconds: 30 }
const asked = { cpuPercent: 1, rssBytes: 160e6 }
const scrapeIntervalMs = 15_000

const mesh = await BenchMesh.create()
const abandon = async () => {
  await mesh.stop()
  process.exit(130)
}
process.once('SIGINT', () => void abandon())
process.once('SIGTERM', () => void abandon())

let samples
try {
  const first = await mesh.start('idle1', [], { hasCopy: false })
  const nodes = [first, ...await Promise.all(['idle2', 'idle3'].map((name) => mesh.start(name, [first.seed], { hasCopy: false })))]
  for (const node of nodes) await until(`${node.name} to see all`, () => node.seesAlive(...nodes), { pollMs: 50 })
  const urls = await Promise.all(nodes.map(async (node) => (await node.status()).http))
  const scraper = setInterval(() => {
    for (const url of urls) fetch(`${url}/metrics`).then((answer) => answer.text(), (error) => { console.error(`/metrics did not answer: ${error.message}`) })
  }, scrapeIntervalMs)
  try {
    console.error(`settling for ${plan.settleSeconds} s, then measuring for ${plan.parts * plan.partSeconds} s …`)
    await sleep(plan.settleSeconds * 1000)
    samples = nodes.map(({ name }) => ({ name, cpuPercents: [], rssBytes: 0 }))
    for (let part = 0; part < plan.parts; part++) {
      const before = nodes.map(({ pid }) => cpuSeconds(pid))
      const startedMs = performance.now()
      await sleep(plan.partSeconds * 1000)
      const tookSeconds = (performance.now() - startedMs) / 1000
      for (const [index, { pid }] of nodes.entries()) {
        samples[index].cpuPercents.push((cpuSeconds(pid) - before[index]) / tookSeconds * 100)
        samples[index].rssBytes = Math.max(samples[index].rssBytes, rssBytes(pid))
      }
    }
  } finally {
    clearInterval(scraper)
  }
} finally {
  await mesh.stop()
}

const mean = (figures) => figures.reduce((sum, figure) => sum + figure, 0) / figures.length
const nodes = samples.map(({ name, cpuPercents, rssBytes: bytes }) => ({ name, cpuPercent: mean(cpuPercents), cpuPercentMin: Math.min(...cpuPercents), cpuPercentMax: Math.max(...cpuPercents), rssBytes: bytes }))
const table = new Table({ head: ['node', 'CPU of one core', `least and most of ${plan.parts} parts`, 'most RSS'], colAligns: ['left', 'right', 'right', 'right'], style: { head: [], border: [] } })
for (const { name, cpuPercent, cpuPercentMin, cpuPercentMax, rssBytes: bytes } of nodes) table.push([name, `${cpuPercent.toFixed(2)} %`, `${cpuPercentMin.toFixed(2)}–${cpuPercentMax.toFixed(2)} %`, `${(bytes / 1e6).toFixed(0)} MB`])
table.push(['asked', '< 1 %', '', '< 160 MB'])
console.log(table.toString())
const worst = { cpuPercent: Math.max(...nodes.map(({ cpuPercent }) => cpuPercent)), rssBytes: Math.max(...nodes.map(({ rssBytes: bytes }) => bytes)) }
const missed = [...(worst.cpuPercent < asked.cpuPercent ? [] : ['CPU']), ...(worst.rssBytes < asked.rssBytes ? [] : ['RSS'])]
const figures = { bench: 'idle', node: process.version, seconds: plan.parts * plan.partSeconds, nodes, missed }
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(figures, null, 2)}\n`)
else console.log(JSON.stringify(figures))
if (missed.length > 0) console.log(`missed: ${missed.join(', ')}`)
process.exit(flags.check && missed.length > 0 ? 1 : 0)
