import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addDataDirOption, type DataDirOption, dataDirOf, examples } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command.option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', examples(['rdb keys:list', 'rdb keys:list --json']))
  command.action((flags: Flags) => list(flags, context))
}

async function list(flags: Flags, context: CliContext): Promise<void> {
  const { listKeys, loadKeyring } = await import('../../adapters/files/keyring.ts')
  const dataDir = dataDirOf(flags, context)
  const keys = listKeys(await loadKeyring(dataDir))
  if (flags.json === true) return await context.stdout.write(`${JSON.stringify(keys, null, 2)}\n`)
  for (const { fingerprint, inUse } of keys) await context.stdout.write(`${fingerprint}${inUse ? ' in use' : ''}\n`)
  if (keys.length === 0) await context.stderr.write(`There is no cluster key in ${dataDir}; rdb keys:generate makes one.\n`)
}
