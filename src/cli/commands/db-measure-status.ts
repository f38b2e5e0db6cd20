import type { Command } from 'commander'
import type { MeasurementView } from '../../wire/control.ts'
import { unlessNoNode } from '../configuration-flags.ts'
import { type CliContext, Exit } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { measurementReport } from '../measurement-report.ts'
import { watch } from '../watch.ts'

const intervalMs = 1_000
const notRunningExitCode = 3

interface Flags extends DataDirOption {
  readonly watch?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('[database]', 'name of a database, for its own thresholds and checks')
    .option('-w, --watch', 'again each second: redrawn on a terminal, a block for each change elsewhere; goes on while no node runs')
    .option('--json', 'as JSON; with --watch one object a line')
  addDataDirOption(command).addHelpText('after', `
Ends with exit code 3 when no node runs.
${examples(['rdb db:measure:status', 'rdb db:measure:status users_prod --watch', 'rdb db:measure:status --json | jq .pid'])}`)
  command.action(async (database: string | undefined, flags: Flags) => {
    const dataDir = dataDirOf(flags, context)
    const look = (signal: AbortSignal): Promise<MeasurementView | null> => unlessNoNode(dataDir,
      () => ask<MeasurementView>(context, { dataDir }, { method: 'measurement', database: database ?? null }, signal), () => Promise.resolve(null))
    const text = (view: MeasurementView | null): string => {
      if (flags.json === true) return `${JSON.stringify(view === null ? { running: false, dataDir } : { running: true, ...view }, null, flags.watch === true ? 0 : 2)}\n`
      return view === null ? `No node runs on ${dataDir}.\n` : measurementReport(view, { output: context.stdout, nowWallMs: context.wallMs() })
    }
    if (flags.watch === true) await watch(context, { intervalMs, isRedrawn: flags.json !== true }, async (signal) => text(await look(signal)))
    await interruptible(context, async (signal) => {
      const view = await look(signal)
      await context.stdout.write(text(view))
      if (view === null) throw new Exit(notRunningExitCode)
    })
  })
}
