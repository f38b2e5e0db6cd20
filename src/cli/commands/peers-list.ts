import type { Command } from 'commander'
import type { PeersView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { peersText } from '../peers-report.ts'

interface Flags extends DataDirOption {
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command.option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', examples(['rdb peers:list', 'rdb peers:list --json']))
  command.action((flags: Flags) => interruptible(context, async (signal) => {
    const view = await ask<PeersView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'peers-list' }, signal)
    await context.stdout.write(flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : peersText(view, context.stdout))
  }))
}
