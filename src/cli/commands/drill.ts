import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { readDuration, readPercent } from '../../node/options-values.ts'
import type { LoadView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { formatDuration, formatPercent } from '../format.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

const forMsMax = 24 * 3_600_000

interface Flags extends DataDirOption {
  readonly cpu?: string
  readonly memory?: string
  readonly for: string
  readonly end?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .option('--cpu <percent>', 'CPU that the node reports meanwhile')
    .option('--memory <percent>', 'memory that the node reports meanwhile')
    .option('--for <duration>', 'when the drill ends by itself (ms, s, m, h), at most 24h', '30s')
    .option('--end', 'end the drill now')
  addDataDirOption(command).addHelpText('after', `
Nothing is burnt: the node beside you only reports this load, and routing acts on it. Every table marks it as a drill.
${examples(['rdb drill --cpu 95 --for 30s', 'rdb drill --cpu 95 --memory 50 --for 5m', 'rdb drill --end'])}`)
  command.action((flags: Flags) => interruptible(context, (signal) => drill(flags, context, signal)))
}

async function drill(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const target = { dataDir: dataDirOf(flags, context) }
  const [cpuPercent, memoryPercent] = [percentOf('--cpu', flags.cpu), percentOf('--memory', flags.memory)]
  if (flags.end === true) {
    if (cpuPercent !== null || memoryPercent !== null) throw new MeshError('ERR_OPTION_INVALID', '--end goes with neither --cpu nor --memory')
    const load = await ask<LoadView>(context, target, { method: 'drill-end' }, signal)
    return await context.stdout.write(`The drill is over. Measured: CPU ${formatPercent(load.cpuPercent)}, memory ${formatPercent(load.memoryPercent)}${overloadText(load)}\n`)
  }
  if (cpuPercent === null && memoryPercent === null) throw new MeshError('ERR_OPTION_INVALID', 'a drill needs --cpu, --memory or both; --end ends one', { nextStep: 'For example: rdb drill --cpu 95 --for 30s' })
  const forMs = readDuration(flags.for)
  if (forMs === null || forMs <= 0 || forMs > forMsMax) throw new MeshError('ERR_OPTION_INVALID', `--for is ${JSON.stringify(flags.for)}; it takes a duration with its unit (ms, s, m, h) up to 24h`)
  const load = await ask<LoadView>(context, target, { method: 'drill-start', cpuPercent, memoryPercent, forMs }, signal)
  await context.stdout.write(`Drill for ${formatDuration(forMs)}: this node reports CPU ${formatPercent(load.cpuPercent)}, memory ${formatPercent(load.memoryPercent)}${overloadText(load)}\nrdb drill --end ends it now.\n`)
}

function overloadText({ overloaded }: LoadView): string {
  return overloaded ? '; it counts as overloaded' : ''
}

function percentOf(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const percent = readPercent(text)
  if (percent === null || percent < 0 || percent > 100) throw new MeshError('ERR_OPTION_INVALID', `${flag} is ${JSON.stringify(text)}; it takes a percentage from 0 to 100`)
  return percent
}
