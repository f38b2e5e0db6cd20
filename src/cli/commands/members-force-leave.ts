import type { Command } from 'commander'
import type { ForceLeaveView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<member>', 'a failed member: its name, its PeerId or the end of it')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
For a member that will not come back: every node stops retrying it, and it counts for no quorum any more. Should it be alive after all, it answers
that with its own word and is back.
${examples(['rdb members --state failed', 'rdb members:force-leave db3'])}`)
  command.action((member: string, flags: Flags) => interruptible(context, async (signal) => {
    const view = await ask<ForceLeaveView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'force-leave', member }, signal)
    const text = view.wasGone ? `${view.name} was off the list already.\n` : `${view.name} is taken off; the news reaches every member within moments.\n`
    await context.stdout.write(flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : text)
  }))
}
