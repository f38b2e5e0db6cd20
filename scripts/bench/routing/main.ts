/**
 * The routing benches: the node's own query plane in virtual time. The same seed gives the same figures on every machine; stdout carries
 * figures only, progress goes to stderr.
 */
import Table from 'cli-table3'
import { readFlags } from '../../flags.ts'
import { maximaOf, mediansOf } from '../../sim/statistics.ts'
import { type Figures, isMet, type RoutingBench } from './bench.ts'
import { fastSlow } from './fast-slow.ts'
import { herd } from './herd.ts'
import { lossCase } from './loss-case.ts'
import { tail } from './tail.ts'

const BENCHES: Readonly<Record<string, RoutingBench>> = { tail, 'fast-slow': fastSlow, 'loss-case': lossCase, herd }
const SEEDS = 5
const SEEDS_MAX = 100

const USAGE = `npm run bench:<name> [-- --seeds N] [--seed S] [--only text] [--short] [--check] [--json]

Names: ${Object.keys(BENCHES).join(', ')}

  --seeds N    runs of each configuration, 1–${SEEDS_MAX}; medians are shown (${SEEDS})
  --seed S     the first seed; the others follow it (1)
  --only text  only configurations whose name contains it
  --short      smaller runs and one seed, for continuous integration
  --check      exit 1 when an asked figure is missed
  --json       figures as JSON`

function refuse(message: string): number {
  process.stderr.write(`error: ${message}\n\n${USAGE}\n`)
  return 2
}

async function main(): Promise<number> {
  const { values: flags, positionals } = readFlags(USAGE, {
    allowPositionals: true,
    options: {
      seeds: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' },
      short: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
    },
  })
  const [name = ''] = positionals
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
  if (bench === undefined || positionals.length !== 1) return refuse(`name one of ${Object.keys(BENCHES).join(', ')}`)
  const seedCount = Number(flags.seeds ?? (flags.short ? 1 : SEEDS))
  const firstSeed = Number(flags.seed ?? 1)
  if (!Number.isInteger(seedCount) || seedCount < 1 || seedCount > SEEDS_MAX) return refuse(`--seeds takes an integer from 1 to ${SEEDS_MAX}`)
  if (!Number.isInteger(firstSeed) || firstSeed < 0) return refuse('--seed takes an integer from 0 on')
  const configurations = bench.configurations(flags.short).filter((configuration) => flags.only === undefined || configuration.name.includes(flags.only))
  if (configurations.length === 0) return refuse(`no configuration has "${flags.only ?? ''}" in its name`)
  const seeds = Array.from({ length: seedCount }, (_, index) => firstSeed + index)

  const runs = new Map<string, Figures[]>(configurations.map((configuration) => [configuration.name, []]))
  // Seed by seed, so that an interrupted run has told something of every configuration.
  for (const seed of seeds) {
    for (const configuration of configurations) {
      const startedMs = performance.now()
      const figures = await configuration.run(seed)
      runs.get(configuration.name)?.push(figures)
      process.stderr.write(`${name}, seed ${seed}: ${configuration.name}: ${JSON.stringify(figures, (_key, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value))} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`)
    }
  }
  const medians = new Map([...runs].map(([configuration, figures]) => [configuration, mediansOf(figures)]))
  const bySeed = seeds.map((_, index) => bench.verdicts(new Map([...runs].map(([configuration, figures]) => [configuration, figures[index] ?? {}]))))
  const verdicts = bench.verdicts(medians).flatMap((verdict, place) => {
    if (Number.isNaN(verdict.measured)) return []
    const each = bySeed.map((all) => all[place]?.measured ?? NaN)
    return [{ ...verdict, isMet: isMet(verdict), worst: 'atLeast' in verdict.bound ? Math.min(...each) : Math.max(...each) }]
  })
  const missed = verdicts.filter((verdict) => verdict.isAsked && !verdict.isMet)

  if (flags.json) {
    const worst = Object.fromEntries([...runs].map(([configuration, figures]) => [configuration, maximaOf(figures)]))
    process.stdout.write(`${JSON.stringify({ bench: name, node: process.version, short: flags.short, seeds, medians: Object.fromEntries(medians), highest: worst, runs: Object.fromEntries(runs), verdicts, missed: missed.map(({ configuration }) => configuration) })}\n`)
  } else {
    const table = new Table({ head: ['configuration', ...bench.columns.map(({ title }) => title)], colAligns: ['left', ...bench.columns.map(() => 'right' as const)], style: { head: [], border: [], compact: true } })
    for (const [configuration, figures] of medians) table.push([configuration, ...bench.columns.map(({ figure, show }) => show(figures[figure] ?? NaN))])
    const judged = new Table({ head: ['asked', 'of', 'median', 'worst seed', ''], style: { head: [], border: [], compact: true } })
    for (const { asked, configuration, measured, worst, show, isMet: met, isAsked } of verdicts) judged.push([asked, configuration, show(measured), show(worst), `${met ? 'met' : 'missed'}${isAsked ? '' : ' (told only)'}`])
    process.stdout.write(`${bench.summary}\nMedians over the seeds ${seeds.join(', ')}${flags.short ? ', short form' : ''}.\n${table.toString()}\n${judged.toString()}\n`)
  }
  return flags.check && missed.length > 0 ? 1 : 0
}

process.exitCode = await main()
