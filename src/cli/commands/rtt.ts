import type { Command } from 'commander'
import type { RttView } from '../../wire/control.ts'
import type { CliContext, TextOutput } from '../context.ts'
import { formatCount, formatDuration, formatPercent } from '../format.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { drawTable } from '../table.ts'

interface Flags extends DataDirOption {
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('[a]', 'a member: its name, its PeerId or the end of it; without it, all members from here')
    .argument('[b]', 'another member; this node by default')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
What this node has measured itself is exact; what is marked ≈ is estimated from both members' network coordinates, which need a few rounds of probes
to settle. The error is that of the less certain coordinate.
${examples(['rdb rtt', 'rdb rtt db2', 'rdb rtt db2 db3', 'rdb rtt --json | jq .[].measured.p99Ms'])}`)
  command.action((a: string | undefined, b: string | undefined, flags: Flags) => interruptible(context, async (signal) => {
    const views = await ask<readonly RttView[]>(context, { dataDir: dataDirOf(flags, context) }, { method: 'rtt', from: a ?? null, to: b ?? null }, signal)
    const [pair] = views
    if (flags.json === true) return await context.stdout.write(`${JSON.stringify(a === undefined ? views : pair, null, 2)}\n`)
    await context.stdout.write(a === undefined ? rttTable(views, context.stdout) : pair === undefined ? '' : `${rttSentence(pair)}\n`)
  }))
}

function rttTable(views: readonly RttView[], output: TextOutput): string {
  if (views.length === 0) return 'No other member is known.\n'
  const rows = views.map(({ to, measured, estimated }) => [
    to, measured === null ? '–' : formatDuration(measured.smoothedMs), measured === null ? '–' : formatDuration(measured.p99Ms),
    measured === null ? '–' : formatCount(measured.samples), estimated === null ? '–' : estimateText(estimated),
  ])
  return drawTable([
    { title: 'Member' }, { title: 'Measured', align: 'right' }, { title: 'p99', align: 'right' }, { title: 'Samples', align: 'right' }, { title: 'Estimated', align: 'right' },
  ], rows, output)
}

function rttSentence({ from, to, measured, estimated }: RttView): string {
  const pair = `${from} – ${to}:`
  const estimate = estimated === null ? null : `${estimateText(estimated)} estimated from coordinates`
  if (measured !== null) return `${pair} ${formatDuration(measured.smoothedMs)} measured, p99 ${formatDuration(measured.p99Ms)} over ${formatCount(measured.samples)} ${measured.samples === 1 ? 'sample' : 'samples'}${estimate === null ? '' : ` (${estimate})`}`
  return `${pair} ${estimate ?? 'not measured from here, and one of the two coordinates is not known yet'}`
}

function estimateText({ rttMs, error }: NonNullable<RttView['estimated']>): string {
  return `≈${formatDuration(rttMs)} ±${formatPercent(error * 100)}`
}
