/**
 * How long commands take from their start to their end, beside a bare `node -e 0`: the help, the version, and a small query of a running node.
 *
 *   node scripts/bench/startup.mjs [--json] [--check] [--short]      after `npm run build`; --check exits 1 when an asked figure is missed
 *
 * All commands take turns within a round, so that a neighbour who is busy for a while disturbs one round of each. Each is judged by its quietest round.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { callControlOnce } from '../../dist/client/control.js'
import { startNode } from '../demo/mesh.mjs'
import { readFlags } from '../flags.ts'
import { judge } from './startup-figures.ts'

const { values: flags } = readFlags('npm run bench:startup [-- --json] [--check] [--short]\n\n  --json   figures as JSON\n  --check  exit 1 when an asked figure is missed\n  --short  fewer rounds and runs', {
  options: { json: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, short: { type: 'boolean', default: false } },
})
const rounds = flags.short ? 3 : 7
const runsOfRound = flags.short ? 5 : 11

const rdbPath = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'reedbase-startup-'))
const dataDir = join(folder, '.reedbase')
await mkdir(join(folder, 'numbers'))
await writeFile(join(folder, 'numbers', 'primes.csv'), 'n,prime\n1,2\n2,3\n3,5\n4,7\n')

const commands = {
  'node -e 0': ['-e', '0'],
  'rdb --help': [rdbPath, '--help'],
  'rdb version': [rdbPath, 'version'],
  'rdb db:query': [rdbPath, 'db:query', 'numbers', 'SELECT prime FROM primes WHERE n = 3', '--data-dir', dataDir],
}

function run(args) {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now()
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000, killSignal: 'SIGKILL' })
    let output = ''
    child.stdout.on('data', () => undefined)
    child.stderr.setEncoding('utf8').on('data', (text) => { output += text })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(performance.now() - startedMs)
      else reject(new Error(`${args.join(' ')} ended with ${code}: ${output}`))
    })
  })
}

async function measureRound() {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let index = 0; index < runsOfRound; index++) {
    for (const [name, args] of Object.entries(commands)) times[name].push(await run(args))
  }
  return times
}

const node = await startNode({ name: 'startup', dataDir, logPath: join(folder, 'log.jsonl'), args: ['--listen', '127.0.0.1:0', '--db', `numbers=${join(folder, 'numbers')}`, '--http-listen', 'off'] })
try {
  const deadlineMs = performance.now() + 60_000
  while (await callControlOnce({ dataDir }, { method: 'status' }).then((status) => !status.databases.every(({ ready }) => ready), () => true)) {
    if (performance.now() > deadlineMs || node.child.exitCode !== null) throw new Error(`the node did not start: ${await readFile(join(folder, 'log.jsonl'), 'utf8')}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  // What the load of this machine makes of routing is not what is measured. The first runs of all compile, and keep what they compiled.
  await callControlOnce({ dataDir }, { method: 'drill-start', cpuPercent: 10, memoryPercent: 20, forMs: 3_600_000 })
  for (const args of Object.values(commands)) await run(args)
  const measured = []
  for (let round = 0; round < rounds; round++) measured.push(await measureRound())
  const rows = judge(measured)
  if (flags.json) process.stdout.write(`${JSON.stringify({ node: process.versions.node, cpu: cpus()[0]?.model ?? '', cpus: cpus().length, rounds, runsOfRound, rows }, null, 2)}\n`)
  else print(rows)
  if (flags.check && rows.some(({ isMet }) => !isMet)) process.exitCode = 1
} finally {
  node.child.kill('SIGTERM')
  await node.exited
  await rm(folder, { recursive: true, force: true })
}

function print(rows) {
  const number = (ms) => ms.toFixed(1)
  const line = (name, quietest, asked, all) => { process.stdout.write(`${name.padEnd(16)}${quietest.padStart(10)}${asked.padStart(10)}   ${all}\n`) }
  process.stdout.write(`From start to end, Node ${process.versions.node}; ${rounds} rounds of ${runsOfRound} runs each, in turns.\n`)
  line('ms', 'quietest', 'asked', 'medians of the rounds')
  for (const { name, quietestMs, askedMs, isMet, mediansMs } of rows) line(name, number(quietestMs), askedMs === null ? '–' : `≤ ${number(askedMs)}`, `${mediansMs.map(number).join(' ')}${isMet ? '' : '  missed'}`)
}
