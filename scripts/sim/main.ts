/**
 * The laboratory: membership experiments in virtual time. `npm run sim -- --help` says what there is. The same seed gives the same figures on every
 * machine; stdout carries figures only, progress goes to stderr.
 */
import { readFlags } from '../flags.ts'
import type { ExperimentInput } from './experiment.ts'
import { EXPERIMENTS } from './experiments/index.ts'
import { report } from './report.ts'
import type { Figures } from './statistics.ts'

const NODES_MAX = 10_000
const SEEDS_MAX = 1000

const USAGE = `npm run sim -- <experiment> [--nodes 2–${NODES_MAX}] [--seed integer] [--quick | --full] [--no-gossipsub] [--json]
npm run sim -- report [--quick] [--seeds 1–${SEEDS_MAX}] [--only experiment,…] [--check] [--write] [--json]

Experiments (default nodes):
${Object.entries(EXPERIMENTS).map(([name, { summary, nodes }]) => `  ${`${name} (${nodes})`.padEnd(20)}${summary}`).join('\n')}

  --quick         a smaller form of the experiment; of the report, what continuous integration runs
  --full          the whole published grid, where there is one
  --no-gossipsub  piggyback alone carries the news (join to partition, and bootstrap)
  --json          figures as JSON
report runs all that is asked under several seeds (5; with --quick 1) and prints one table of medians;
  --check         exits 1 when a figure is missed
  --write         writes docs/EXPERIMENTS.md`

function integer(text: string | undefined, fallback: number, min: number, max: number): number | null {
  const value = text === undefined ? fallback : Number(text)
  return Number.isInteger(value) && value >= min && value <= max ? value : null
}

function refuse(message: string): number {
  process.stderr.write(`error: ${message}\n\n${USAGE}\n`)
  return 2
}

function runOne(name: string, figures: Figures, input: ExperimentInput, isJson: boolean): void {
  const all = { experiment: name, nodes: input.nodes, seed: input.seed, ...figures }
  process.stdout.write(isJson ? `${JSON.stringify(all)}\n` : Object.entries(all).map(([key, value]) => `${key.padEnd(32)}${value}\n`).join(''))
}

function main(): number {
  const { values, positionals } = readFlags(USAGE, {
    allowPositionals: true,
    options: {
      nodes: { type: 'string' }, seed: { type: 'string' }, seeds: { type: 'string' }, only: { type: 'string' }, quick: { type: 'boolean', default: false }, full: { type: 'boolean', default: false },
      'no-gossipsub': { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, write: { type: 'boolean', default: false },
    },
  })
  const [name, ...rest] = positionals
  if (name === undefined || rest.length > 0) return refuse('name one experiment, or report')
  if (values.quick && values.full) return refuse('--quick and --full exclude each other')
  if (name === 'report') {
    const seeds = integer(values.seeds, values.quick ? 1 : 5, 1, SEEDS_MAX)
    const only = values.only?.split(',') ?? null
    const unknown = only?.find((one) => !Object.hasOwn(EXPERIMENTS, one))
    if (seeds === null) return refuse(`--seeds takes an integer from 1 to ${SEEDS_MAX}`)
    if (unknown !== undefined) return refuse(`there is no experiment ${unknown}`)
    if (values.write && only !== null) return refuse('--write takes the whole report')
    return report({ seeds, only, isQuick: values.quick, check: values.check, write: values.write, json: values.json })
  }
  const experiment = Object.hasOwn(EXPERIMENTS, name) ? EXPERIMENTS[name] : undefined
  if (experiment === undefined) return refuse(`there is no experiment ${name}`)
  const nodes = integer(values.nodes, values.quick ? experiment.quickNodes ?? experiment.nodes : experiment.nodes, 2, NODES_MAX)
  const seed = integer(values.seed, 1, 0, 2 ** 31)
  if (nodes === null) return refuse(`--nodes takes an integer from 2 to ${NODES_MAX}`)
  if (seed === null) return refuse('--seed takes an integer from 0 on')
  const input: ExperimentInput = {
    nodes, seed, extent: values.full ? 'full' : values.quick ? 'quick' : 'normal', gossipsub: !values['no-gossipsub'],
    progress: (text) => { process.stderr.write(`${name}: ${text}\n`) },
  }
  const startedMs = performance.now()
  runOne(name, experiment.run(input), input, values.json)
  const { heapUsed, rss } = process.memoryUsage()
  input.progress(`took ${((performance.now() - startedMs) / 1000).toFixed(1)} s; ${(heapUsed / 1e9).toFixed(2)} GB in use at the end, ${(rss / 1e9).toFixed(2)} GB resident`)
  return 0
}

process.exitCode = main()
