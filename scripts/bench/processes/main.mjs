// Routing and bounds with a process for each node, where the other routing benches have virtual time.
import { writeFileSync } from 'node:fs'
import { readFlags } from '../../flags.ts'
import { benchNames, runBalance } from './balance.mjs'
import { runConcurrency } from './concurrency.mjs'

const benches = { ...Object.fromEntries(benchNames.map((name) => [name, runBalance])), concurrency: runConcurrency }
const usage = `npm run bench:processes -- <name> [options]

Names: ${Object.keys(benches).join(', ')}

  --check        exit 1 when an asked figure is missed
  --short        fewer queries for a shorter time: that it runs to its end, not for figures
  --rounds N     rounds, in each of which every way has its turn; medians count (1; concurrency: 5)
  --rate N       queries a second, instead of those asked
  --seconds N    of measuring for each way and round, instead of those asked
  --only TEXT    only ways whose name contains it; nothing is judged then
  --seed N       of arrivals and service times (1)
  --json FILE    the figures, for programs
  --help`
const { values: flags, positionals: [name = ''] } = readFlags(usage, {
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false }, short: { type: 'boolean', default: false }, rounds: { type: 'string' }, rate: { type: 'string' }, seconds: { type: 'string' },
    only: { type: 'string' }, seed: { type: 'string', default: '1' }, json: { type: 'string' },
  },
})
const isPositive = (text) => text === undefined || Number(text) > 0
if (!Object.hasOwn(benches, name) || ![flags.rounds, flags.rate, flags.seconds].every(isPositive) || !Number.isInteger(Number(flags.seed))) {
  process.stderr.write(`error: name one of ${Object.keys(benches).join(', ')}; counts, rates and seconds are above 0\n\n${usage}\n`)
  process.exit(2)
}
const optional = (text) => (text === undefined ? undefined : Number(text))
const { text, results, checks } = await benches[name](name, {
  short: flags.short, rounds: optional(flags.rounds) ?? (name === 'concurrency' && !flags.short ? 5 : 1), rate: optional(flags.rate), seconds: optional(flags.seconds),
  only: flags.only, seed: Number(flags.seed), say: (line) => { process.stderr.write(`${line}\n`) },
})
process.stdout.write(`${text}\n`)
for (const { asked, value, met } of checks) process.stdout.write(`${met ? 'met' : 'MISSED'}: ${asked} (${value < 100 ? value.toFixed(4) : Math.round(value).toLocaleString('en')})\n`)
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ bench: name, node: process.version, short: flags.short, ...results, checks }, null, 2)}\n`)
process.exit(flags.check && checks.some(({ met }) => !met) ? 1 : 0)
