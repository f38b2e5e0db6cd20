/**
 * What watching the load costs an idle node: CPU of this process with one reading a second, less the same time without.
 *
 *   node scripts/bench/load.mjs [--seconds 10] [--json] [--check]      after `npm run build`; --check exits 1 above 1 % of a core
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createSystemLoadProbe } from '../../dist/adapters/system/load-probe.js'
import { readFlags } from '../flags.ts'

const { values: flags } = readFlags('npm run bench:load [-- --seconds 10] [--json] [--check]\n\n  --check  exit 1 above 1 % of a core', { options: { seconds: { type: 'string', default: '10' }, json: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } } })
const seconds = Number(flags.seconds)
const askedPercent = 1

/** Per cent of one core over the given seconds, doing `each` once a second. */
async function cpuPercent(each) {
  await each()
  const before = process.cpuUsage()
  const startedMs = performance.now()
  for (let i = 0; i < seconds; i++) {
    await sleep(1000)
    await each()
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 10 / (performance.now() - startedMs)
}

const idlePercent = await cpuPercent(async () => {})
const probe = createSystemLoadProbe()
await probe.read()
const probingPercent = await cpuPercent(() => probe.read())
probe.close()

const result = { bench: 'load', node: process.version, seconds, idlePercent, probingPercent, costPercent: Math.max(0, probingPercent - idlePercent), askedPercent }
if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
else {
  for (const [name, percent] of [['timer alone', idlePercent], ['with one reading a second', probingPercent], ['cost of the readings', result.costPercent], ['asked, of the whole node', askedPercent]]) {
    process.stdout.write(`${name.padEnd(28)}${percent.toFixed(3).padStart(8)} % of a core\n`)
  }
}
if (flags.check && result.costPercent >= askedPercent) process.exitCode = 1
