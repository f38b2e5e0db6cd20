import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { LATENCY_HOURS_MAX, LATENCY_HOURS_MIN, type LatencyView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly hours: string
  readonly wide?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<database>', 'name of the database')
    .option('--hours <n>', `how far back, ${LATENCY_HOURS_MIN} to ${LATENCY_HOURS_MAX}`, '1')
    .option('--wide', 'also loss, jitter and what queries met, of the last seconds')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Measured by the node beside you, since its start, on what it sends anyway: round trips of pings and of acks to its datagrams. What queries met, with
the time that they took at the other node, is told apart (--wide, First byte). Minutes are the finest that is kept of the past.
${examples(['rdb db:latency users_prod', 'rdb db:latency users_prod --hours 24', 'rdb db:latency users_prod --wide', 'rdb db:latency users_prod --json | jq .nodes[].roundTrips.maxMs'])}`)
  command.action((database: string, flags: Flags) => interruptible(context, async (signal) => {
    const view = await ask<LatencyView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'latency', database, hours: hoursOf(flags.hours) }, signal)
    if (flags.json === true) return await context.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
    const { latencyTable } = await import('../latency-table.ts')
    await context.stdout.write(latencyTable(view, { isWide: flags.wide === true, output: context.stdout, nowWallMs: context.wallMs() }))
  }))
}

function hoursOf(text: string): number {
  const hours = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (hours >= LATENCY_HOURS_MIN && hours <= LATENCY_HOURS_MAX) return hours
  throw new MeshError('ERR_OPTION_INVALID', `--hours ${JSON.stringify(text)} is not a number from ${LATENCY_HOURS_MIN} to ${LATENCY_HOURS_MAX}`, { nextStep: 'Give hours, as in --hours 1 or --hours 0.5.' })
}
