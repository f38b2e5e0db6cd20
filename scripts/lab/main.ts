/**
 * `npm run lab -- <experiment> [--nodes N] …`: real processes in network namespaces, this project's and serf's, in the same scenario on the same
 * machine. docs/LAB.md says what is measured and how.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readFlags } from '../flags.ts'
import { experiments, type Settings } from './experiments.ts'
import { compare, drawRows, type Figure } from './figures.ts'
import { Fleet } from './fleet.ts'
import { LabError } from './lab-error.ts'
import { LabNetwork, type PathLimits } from './network.ts'
import { checkMachine, createFolder, removeFolder, removeLeftovers } from './ownership.ts'
import { createMeshProgram, createSerfProgram, type System } from './programs.ts'

interface Step {
  readonly experiment: string
  readonly settings?: Partial<Settings>
}

/** Steps that run on one fleet, in this order. */
interface Part {
  readonly nodes: number
  readonly steps: readonly Step[]
}

interface Lab {
  readonly settings: Settings
  readonly limits: PathLimits
  readonly logFolder: string | null
}

const settleMs = 10_000
const smokeNodes = 4
const reportSmallNodes = 10

const usage = `npm run lab -- <${Object.keys(experiments).join('|')}|report|smoke> [flags]

Runs real processes in network namespaces: this project's and serf's. Needs root and: apt-get install -y iproute2 nftables serf

  --nodes N        hosts, 3 to 60 (default 10; report 30; smoke ${smokeNodes})
  --runs R         repetitions of kill, cut, kill-third, spread and join (default 5; in a report kill-third 3, join 50)
  --seconds S      how long loss, pause, idle and heal last (default 60; heal 120)
  --percent P      packets that loss drops (default 30)
  --only SYSTEM    mesh or serf
  --rate RATE      bandwidth of each host each way, as tc writes it, such as 10mbit
  --delay MS       delay of each packet
  --logs FOLDER    keep what every process says
  --check          exit with 1 when a figure of ours is missed
  --json

report runs all that the project promises; smoke is a short form of kill and join that is skipped where namespaces are not allowed.`

function readArguments() {
  return readFlags(usage, {
    allowPositionals: true,
    options: {
      nodes: { type: 'string' }, runs: { type: 'string' }, seconds: { type: 'string' }, percent: { type: 'string' }, only: { type: 'string' }, rate: { type: 'string' },
      delay: { type: 'string' }, logs: { type: 'string' }, check: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
    },
  })
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments()
  const [name = ''] = positionals
  const whole = (text: string | undefined, fallback: number, least: number, most: number): number => {
    const value = Number(text ?? fallback)
    if (!Number.isInteger(value) || value < least || value > most) throw new LabError(`${text ?? ''} is no whole number from ${least} to ${most}`)
    return value
  }
  const isReport = name === 'report'
  const isSmoke = name === 'smoke'
  if (positionals.length !== 1 || (!isReport && !isSmoke && !Object.hasOwn(experiments, name)) || !['mesh', 'serf', undefined].includes(values.only)) {
    const isUnknown = positionals.length === 1 && !isReport && !isSmoke && !Object.hasOwn(experiments, name)
    process.stderr.write(`${isUnknown ? `error: there is no experiment ${name}\n\n` : ''}${usage}\n`)
    return 2
  }
  const nodes = whole(values.nodes, isReport ? 30 : isSmoke ? smokeNodes : 10, 3, 60)
  const runs = whole(values.runs, 5, 1, 1000)
  const settings: Settings = {
    runs, seconds: whole(values.seconds, name === 'heal' ? 120 : 60, 1, 3600), percent: whole(values.percent, 30, 0, 100), progress: (text) => process.stderr.write(`  ${text}\n`),
  }
  const lab: Lab = { settings, limits: { rate: values.rate ?? null, delayMs: values.delay === undefined ? null : whole(values.delay, 0, 1, 10_000) }, logFolder: values.logs ?? null }
  const systems: readonly System[] = values.only === undefined ? (isSmoke ? ['mesh'] : ['mesh', 'serf']) : [values.only as System]
  try {
    checkMachine(systems.includes('serf') ? ['serf'] : [])
  } catch (error) {
    if (!isSmoke || !(error instanceof LabError)) throw error
    process.stderr.write(`!!! THE LAB WAS SKIPPED: ${error.message}\n`)
    return 0
  }
  const leftovers = removeLeftovers()
  if (leftovers.length > 0) process.stderr.write(`removed what an earlier lab left behind: ${leftovers.length} namespaces and folders\n`)
  const parts = isReport ? reportParts(nodes, values.runs === undefined ? 50 : runs) : isSmoke ? smokeParts(nodes) : [{ nodes, steps: [{ experiment: name }] }]
  const figures = new Map<System, Figure[]>()
  for (const system of systems) figures.set(system, await measure(system, parts, lab))
  const rows = compare(figures)
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : drawRows(rows))
  return values.check && rows.some(({ verdict }) => verdict === 'MISSED' || verdict === 'not compared') ? 1 : 0
}

function reportParts(nodes: number, joins: number): Part[] {
  const small: Part[] = nodes === reportSmallNodes ? [] : [{ nodes: reportSmallNodes, steps: [{ experiment: 'kill' }] }]
  return [...small, {
    nodes, steps: [
      { experiment: 'idle' }, { experiment: 'kill' }, { experiment: 'cut' }, { experiment: 'spread' }, { experiment: 'join', settings: { runs: joins } },
      { experiment: 'loss', settings: { percent: 10 } }, { experiment: 'loss', settings: { percent: 30 } }, { experiment: 'pause' },
      { experiment: 'heal', settings: { seconds: 120 } }, { experiment: 'kill-third', settings: { runs: 3 } },
    ],
  }]
}

function smokeParts(nodes: number): Part[] {
  return [{ nodes, steps: [{ experiment: 'kill', settings: { runs: 1 } }, { experiment: 'join', settings: { runs: 2 } }] }]
}

async function measure(system: System, parts: readonly Part[], lab: Lab): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const { nodes, steps } of parts) {
    let left = steps
    // A fleet that an experiment has left in disorder is replaced, so that the next one begins like all.
    while (left.length > 0) left = await onOneFleet({ system, nodes, steps: left, lab, figures })
  }
  return figures
}

/** Adds to `figures`; returns the steps that are left when one failed. */
async function onOneFleet({ system, nodes, steps, lab, figures }: { readonly system: System; readonly nodes: number; readonly steps: readonly Step[]; readonly lab: Lab; readonly figures: Figure[] }): Promise<readonly Step[]> {
  const folder = createFolder()
  const { settings, limits, logFolder } = lab
  let network: LabNetwork | null = null
  // Also when the process ends otherwise than by returning from here; nothing of it may wait.
  const cleanUp = (): void => {
    process.removeListener('exit', cleanUp)
    network?.remove()
    removeFolder(folder)
  }
  process.on('exit', cleanUp)
  try {
    network = new LabNetwork(nodes, limits)
    await network.ready()
    const fleet = new Fleet({ network, program: system === 'mesh' ? createMeshProgram(folder) : createSerfProgram(folder), logFolder: logFolder === null ? null : join(logFolder, `${system}${nodes}`) })
    await fleet.startAll((text) => process.stderr.write(`${system}: ${text}\n`))
    await delay(settleMs)
    for (const [index, { experiment, settings: own }] of steps.entries()) {
      process.stderr.write(`${system}, ${nodes} hosts: ${experiment}\n`)
      try {
        figures.push(...await (experiments[experiment] as (typeof experiments)[string])(fleet, { ...settings, ...own }))
        if (index < steps.length - 1) {
          await fleet.agreed()
          await delay(settleMs)
        }
      } catch (error) {
        if (!(error instanceof LabError)) throw error
        process.stderr.write(`${system}, ${nodes} hosts: ${experiment} was given up: ${error.message}\n`)
        figures.push({ name: `${experiment} of ${nodes}: ${error.message}`, value: Infinity, unit: 'count', asked: 0 })
        return steps.slice(index + 1)
      }
    }
    await fleet.stop()
    return []
  } finally {
    cleanUp()
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    process.stderr.write(`\n${signal}: removing the lab\n`)
    process.exit(130)
  })
}
try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof LabError)) throw error
  process.stderr.write(`error: ${error.message}\n`)
  process.exitCode = 1
}
