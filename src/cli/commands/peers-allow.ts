import type { Command } from 'commander'
import type { PeersView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { peersText } from '../peers-report.ts'

interface Flags extends DataDirOption {
  readonly remove?: true
  readonly force?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<peerId...>', 'whole PeerIds, as rdb members --wide shows them')
    .option('--remove', 'take them off the list')
    .option('--force', 'also when members that are not named are cut off by it')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
As soon as one peer is on this list, only those on it are let in by the node beside you. It is kept over restarts.
${examples(['rdb peers:allow 12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'])}`)
  command.action((peerIds: string[], flags: Flags) => interruptible(context, async (signal) => {
    const view = await ask<PeersView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'peers-change', list: 'allow', peerIds, remove: flags.remove === true, force: flags.force === true }, signal)
    await context.stdout.write(flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : peersText(view, context.stdout))
  }))
}
