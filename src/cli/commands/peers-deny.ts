import type { Command } from 'commander'
import type { PeersView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { peersText } from '../peers-report.ts'

interface Flags extends DataDirOption {
  readonly remove?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<peerId...>', 'whole PeerIds, as rdb members --wide shows them')
    .option('--remove', 'take them off the list')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
The node beside you closes its connections to the peer at once, and refuses its dials, datagrams and gossip, also after a restart. Other nodes are
not told: deny it at each, or rotate the cluster keys as docs/guides/key-rotation.md says.
${examples(['rdb peers:deny 12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'])}`)
  command.action((peerIds: string[], flags: Flags) => interruptible(context, async (signal) => {
    const view = await ask<PeersView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'peers-change', list: 'deny', peerIds, remove: flags.remove === true, force: false }, signal)
    await context.stdout.write(flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : peersText(view, context.stdout))
  }))
}
