import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addDataDirOption, examples, interruptible } from '../local-node.ts'
import { leave, type LeaveFlags } from './leave.ts'

export function configure(command: Command, context: CliContext): void {
  command
    .argument('[database]', 'taken for the shape of the other commands; the node ends with all its databases')
    .option('--timeout <duration>', 'how long to wait until the node is gone (ms, s, m, h); its --drain and 20s by default')
  addDataDirOption(command).addHelpText('after', `
The node leaves the mesh as with rdb leave: it says farewell, lets running queries end within its --drain, closes its databases and ends. To take one
database off and let the node run: rdb db:unregister.
${examples(['rdb db:measure:stop', 'rdb db:measure:stop --timeout 2m'])}`)
  command.action((_database: string | undefined, flags: LeaveFlags) => interruptible(context, (signal) => leave(flags, context, signal)))
}
