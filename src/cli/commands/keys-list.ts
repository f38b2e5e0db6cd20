import type { Command } from 'commander'
import type { KeysView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly json?: true
  readonly mesh?: true
}

export function configure(command: Command, context: CliContext): void {
  command.option('--mesh', 'ask every member which keys it holds, through the node beside you').option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', examples(['rdb keys:list', 'rdb keys:list --mesh']))
  command.action((flags: Flags) => (flags.mesh === true ? interruptible(context, (signal) => listMesh(flags, context, signal)) : list(flags, context)))
}

async function list(flags: Flags, context: CliContext): Promise<void> {
  const { listKeys, loadKeyring } = await import('../../adapters/files/keyring.ts')
  const dataDir = dataDirOf(flags, context)
  const keys = listKeys(await loadKeyring(dataDir))
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(keys, null, 2)}\n`)
  for (const { fingerprint, inUse } of keys) await context.stdout.write(`${fingerprint}${inUse ? ' in use' : ''}\n`)
  if (keys.length === 0) await context.stderr.write(`There is no cluster key in ${dataDir}; rdb keys:generate makes one.\n`)
}

async function listMesh(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const view = await ask<KeysView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'keys-list', mesh: true }, signal)
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
  const { keysTable } = await import('../keys-report.ts')
  await context.stdout.write(keysTable(view, context.stdout))
  const open = view.members.filter(({ isUp, agrees }) => isUp && !agrees)
  if (open.length > 0) await context.stderr.write(`next: the step is not complete at ${open.map(({ name }) => name).join(', ')}; repeat rdb keys:install or rdb keys:use.\n`)
}
