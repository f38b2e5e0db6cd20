import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { LATENCY_HOURS_MAX, LATENCY_HOURS_MIN, type LatencyView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { watch } from '../watch.ts'

const watchIntervalMs = 1_000

interface Flags extends DataDirOption {
  readonly hours: string
  readonly wide?: true
  readonly chart?: string
  readonly watch?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<database>', 'name of the database')
    .option('--hours <n>', `how far back, ${LATENCY_HOURS_MIN} to ${LATENCY_HOURS_MAX}`, '1')
    .option('--wide', 'also loss, jitter and what queries met, of the last seconds')
    .option('--chart <file.svg>', 'write the course of the round trips as an SVG, too')
    .option('-w, --watch', 'once a second: redrawn on a terminal, one after the other elsewhere')
    .option('--json', 'as JSON, with the course in points; with --watch one object a line')
  addDataDirOption(command).addHelpText('after', `
Measured by the node beside you on what it sends anyway: round trips of pings and of acks to its datagrams, those before its start as its tables have
them. What queries met since then, with the time that they took at the other node, is told apart (--wide, First byte). Minutes are the finest that is kept of the past. On a terminal, Trend
shows the means of the span, from 0 to the greatest of them.
${examples(['rdb db:latency users_prod', 'rdb db:latency users_prod --hours 24', 'rdb db:latency users_prod --wide', 'rdb db:latency users_prod --hours 6 --chart latency.svg', 'rdb db:latency users_prod --json | jq .nodes[].roundTrips.maxMs'])}`)
  command.action((database: string, flags: Flags) => show({ database, hours: hoursOf(flags.hours) }, flags, context))
}

async function show(asked: { readonly database: string; readonly hours: number }, flags: Flags, context: CliContext): Promise<void> {
  const look = (signal: AbortSignal): Promise<LatencyView> => ask<LatencyView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'latency', ...asked }, signal)
  if (flags.watch === true) {
    if (flags.chart !== undefined) throw new MeshError('ERR_OPTION_INVALID', '--chart writes one chart, and --watch goes on', { nextStep: 'Give one of them.' })
    return await watch(context, { intervalMs: watchIntervalMs, isRedrawn: flags.json !== true }, async (signal) => await text(await look(signal), flags, context))
  }
  await interruptible(context, async (signal) => {
    const view = await look(signal)
    await context.stdout.write(await text(view, flags, context))
    if (flags.chart !== undefined) await writeChart(flags.chart, view, context)
  })
}

async function text(view: LatencyView, flags: Flags, { stdout, wallMs }: CliContext): Promise<string> {
  if (flags.json === true) return `${JSON.stringify(view, null, flags.watch === true ? 0 : 2)}\n`
  const { latencyTable } = await import('../latency-table.ts')
  return latencyTable(view, { isWide: flags.wide === true, output: stdout, nowWallMs: wallMs() })
}

/** @throws MeshError ERR_OPTION_INVALID when the file cannot be written */
async function writeChart(path: string, view: LatencyView, { cwd, stderr, wallMs }: CliContext): Promise<void> {
  const { latencyChart } = await import('../latency-chart.ts')
  try {
    await writeFile(resolve(cwd, path), latencyChart(view, { nowWallMs: wallMs() }))
  } catch (error) {
    throw new MeshError('ERR_OPTION_INVALID', `--chart ${path} cannot be written: ${(error as Error).message}`, { nextStep: 'Name a file in a folder that you may write to.', cause: error })
  }
  await stderr.write(`Chart: ${path}\n`)
}

function hoursOf(text: string): number {
  const hours = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (hours >= LATENCY_HOURS_MIN && hours <= LATENCY_HOURS_MAX) return hours
  throw new MeshError('ERR_OPTION_INVALID', `--hours ${JSON.stringify(text)} is not a number from ${LATENCY_HOURS_MIN} to ${LATENCY_HOURS_MAX}`, { nextStep: 'Give hours, as in --hours 1 or --hours 0.5.' })
}
