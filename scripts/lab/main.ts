/**
 * `npm run lab -- <experiment> [--nodes N] [--runs R] [--seconds S] [--percent P] [--only mesh|serf] [--check] [--json]`: real processes in network
 * namespaces, this project's and serf's, in the same scenario on the same machine. See docs/LAB.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join as joinPath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drawTable } from '../../src/cli/table.ts'
import { readFlags } from '../flags.ts'
import * as experiments from './experiments.ts'
import { median } from './experiments.ts'
import { Fleet, type System } from './fleet.ts'
import { checkHost, LabError, LabNetwork, removeLeftovers } from './network.ts'

interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: 'ms' | 'count' | 'percent' | 'B/s' | 'MB'
  /** What the issue asks of this project; `serf` means no more than serf's own figure of the same run. */
  readonly asked?: number | 'serf'
}

interface Settings {
  readonly nodes: number
  readonly runs: number
  readonly seconds: number
  readonly percent: number
  readonly progress: (text: string) => void
}

type Experiment = (fleet: Fleet, settings: Settings) => Promise<Figure[]>

const lasts = (found: ReadonlyArray<experiments.Detection>): number[] => found.map(({ lastMs }) => lastMs)

const catalogue: Readonly<Record<string, Experiment>> = {
  kill: async (fleet, { runs, progress }) => {
    const found = await experiments.kill(fleet, runs, progress)
    return [
      { name: 'SIGKILL of one: first report, median', value: median(found.map(({ firstMs }) => firstMs)), unit: 'ms' },
      { name: 'SIGKILL of one: last survivor, median', value: median(lasts(found)), unit: 'ms' },
      { name: 'SIGKILL of one: last survivor, worst', value: Math.max(...lasts(found)), unit: 'ms', asked: 1000 },
    ]
  },
  cut: async (fleet, { runs, progress }) => {
    const found = await experiments.cut(fleet, runs, progress)
    return [
      { name: 'host cut off: last survivor, median', value: median(lasts(found)), unit: 'ms' },
      { name: 'host cut off: last survivor, worst', value: Math.max(...lasts(found)), unit: 'ms', asked: 5000 },
    ]
  },
  'kill-third': async (fleet) => [{ name: 'SIGKILL of a third: all agree', value: (await experiments.killThird(fleet)).lastMs, unit: 'ms', asked: 5000 }],
  loss: async (fleet, { percent, seconds }) => {
    const { failures, suspicions } = await experiments.loss(fleet, percent, seconds)
    return [
      { name: `${percent} % loss, ${seconds} s: false failures`, value: failures, unit: 'count', asked: 0 },
      { name: `${percent} % loss, ${seconds} s: suspicions`, value: suspicions, unit: 'count' },
    ]
  },
  pause: async (fleet, { seconds }) => {
    const { failures, suspicions } = await experiments.pause(fleet, seconds)
    return [
      { name: `paused 3 s of 6, ${seconds} s: false failures`, value: failures, unit: 'count', asked: 0 },
      { name: `paused 3 s of 6, ${seconds} s: suspicions`, value: suspicions, unit: 'count' },
    ]
  },
  spread: async (fleet, { runs, progress }) => {
    const spans = await experiments.spread(fleet, runs, progress)
    return [
      { name: 'news, first to last: median', value: median(spans), unit: 'ms', asked: 50 },
      { name: 'news, first to last: worst', value: Math.max(...spans), unit: 'ms' },
    ]
  },
  idle: async (fleet, { seconds }) => {
    const { cpuPercent, sentBytesPerSecond, receivedBytesPerSecond, rssBytes } = await experiments.idle(fleet, seconds)
    return [
      { name: 'idle: CPU a node', value: cpuPercent, unit: 'percent', asked: 1 },
      { name: 'idle: datagrams sent', value: sentBytesPerSecond, unit: 'B/s', asked: 'serf' },
      { name: 'idle: datagrams received', value: receivedBytesPerSecond, unit: 'B/s', asked: 'serf' },
      { name: 'idle: resident memory', value: rssBytes / 1e6, unit: 'MB' },
    ]
  },
  join: async (fleet, { runs, progress }) => {
    const waitedMs = await experiments.join(fleet, runs, progress)
    return [
      { name: `join: sees all and is seen, median of ${runs}`, value: median(waitedMs), unit: 'ms', asked: 500 },
      { name: `join: sees all and is seen, worst of ${runs}`, value: Math.max(...waitedMs), unit: 'ms', asked: 2000 },
    ]
  },
  heal: async (fleet, { seconds }) => [{ name: `heal after ${seconds} s apart: all see all`, value: await experiments.heal(fleet, seconds), unit: 'ms' }],
}

/** In this order on one fleet; the last leaves a third of it dead. */
const reported: ReadonlyArray<{ readonly name: string; readonly settings?: Partial<Settings> }> = [
  { name: 'idle' }, { name: 'kill' }, { name: 'cut' }, { name: 'spread' }, { name: 'join', settings: { runs: 50 } },
  { name: 'loss', settings: { percent: 10 } }, { name: 'loss', settings: { percent: 30 } }, { name: 'pause' }, { name: 'kill-third' },
]

const usage = `npm run lab -- <${Object.keys(catalogue).join('|')}|report|smoke> [--nodes 3-60] [--runs R] [--seconds S] [--percent P] [--only mesh|serf] [--check] [--json]

Real processes in network namespaces, this project's and serf's side by side. Needs root and: apt-get install -y iproute2 nftables serf
report runs all that the project promises; smoke is a short form; --check exits with 1 when a figure of ours is missed.`

async function main(): Promise<number> {
  const { values, positionals } = readFlags(usage, {
    allowPositionals: true,
    options: {
      nodes: { type: 'string' }, runs: { type: 'string', default: '5' }, seconds: { type: 'string', default: '60' }, percent: { type: 'string', default: '30' },
      only: { type: 'string' }, check: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
    },
  })
  const [name = ''] = positionals
  const isSmoke = name === 'smoke'
  const nodes = Number(values.nodes ?? (isSmoke ? 4 : 10))
  const settings: Settings = { nodes, runs: Number(values.runs), seconds: Number(values.seconds), percent: Number(values.percent), progress: (text) => process.stderr.write(`  ${text}\n`) }
  const isValid = (name === 'report' || isSmoke || Object.hasOwn(catalogue, name)) && [settings.nodes, settings.runs, settings.seconds].every((value) => Number.isInteger(value) && value > 0)
    && nodes >= 3 && nodes <= 60 && settings.percent >= 0 && settings.percent <= 100 && ['mesh', 'serf', undefined].includes(values.only)
  if (!isValid) {
    process.stderr.write(`${usage}\n`)
    return 2
  }
  const systems: System[] = values.only === undefined ? (isSmoke ? ['mesh'] : ['mesh', 'serf']) : [values.only as System]
  try {
    checkHost(systems.includes('serf') ? ['serf'] : [])
  } catch (error) {
    if (!isSmoke || !(error instanceof LabError)) throw error
    process.stderr.write(`!!! the lab was SKIPPED: ${error.message}\n`)
    return 0
  }
  const plan = name === 'report' ? reported : isSmoke ? [{ name: 'kill', settings: { runs: 1 } }, { name: 'join', settings: { runs: 2 } }] : [{ name }]
  const results = new Map<System, Figure[]>()
  for (const system of systems) results.set(system, await inLab(system, settings, plan))
  return print(results, { isCheck: values.check, isJson: values.json })
}

async function inLab(system: System, settings: Settings, plan: ReadonlyArray<{ readonly name: string; readonly settings?: Partial<Settings> }>): Promise<Figure[]> {
  const folder = mkdtempSync(joinPath(tmpdir(), 'rdb-lab-'))
  const network = new LabNetwork(settings.nodes)
  const rdb = joinPath(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'rdb.js')
  const fleet = new Fleet({ system, network, rdb, folder })
  const cleanUp = (): void => {
    network.remove()
    rmSync(folder, { recursive: true, force: true })
  }
  const interrupted = (signal: NodeJS.Signals): void => {
    process.stderr.write(`\n${signal}: removing the lab\n`)
    cleanUp()
    process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupted)
  try {
    await fleet.startAll(settings.nodes)
    // Until connections, coordinates and the second syncs are done.
    await new Promise((resolve) => { setTimeout(resolve, 10_000) })
    const figures: Figure[] = []
    for (const { name, settings: own } of plan) {
      process.stderr.write(`${system}: ${name}\n`)
      const experiment = catalogue[name] as Experiment
      figures.push(...await experiment(fleet, { ...settings, ...own }))
    }
    return figures
  } finally {
    await fleet.stop()
    cleanUp()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(signal, interrupted)
  }
}

function print(results: ReadonlyMap<System, readonly Figure[]>, { isCheck, isJson }: { readonly isCheck: boolean; readonly isJson: boolean }): number {
  const mesh = results.get('mesh') ?? []
  const serf = results.get('serf') ?? []
  const names = [...new Set([...mesh, ...serf].map((figure) => figure.name))]
  let missed = 0
  const rows = names.map((name) => {
    const [ours, theirs] = [mesh, serf].map((figures) => figures.find((figure) => figure.name === name))
    const asked = ours?.asked === 'serf' ? theirs?.value : ours?.asked
    const isMissed = ours !== undefined && asked !== undefined && ours.value > asked
    if (isMissed) missed++
    return { name, asked, mesh: ours?.value, serf: theirs?.value, unit: (ours ?? theirs)?.unit ?? 'ms', verdict: ours === undefined || asked === undefined ? '' : isMissed ? 'MISSED' : 'met' }
  })
  if (isJson) {
    process.stdout.write(`${JSON.stringify(rows)}\n`)
  } else {
    const text = (value: number | undefined, unit: string): string => (value === undefined ? '' : `${unit === 'percent' || unit === 'MB' ? value.toFixed(2) : Math.round(value)} ${unit === 'count' ? '' : unit === 'percent' ? '%' : unit}`.trim())
    process.stdout.write(drawTable([{ title: 'figure' }, { title: 'asked', align: 'right' }, { title: 'this project', align: 'right' }, { title: 'serf', align: 'right' }, { title: '' }],
      rows.map((row) => [row.name, row.asked === undefined ? '' : `<= ${text(row.asked, row.unit)}`, text(row.mesh, row.unit), text(row.serf, row.unit), row.verdict]), { style: (_style, value) => value } as Parameters<typeof drawTable>[2]))
  }
  return isCheck && missed > 0 ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof LabError)) throw error
  process.stderr.write(`error: ${error.message}\n`)
  removeLeftovers()
  process.exitCode = 1
}
