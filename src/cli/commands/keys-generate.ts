import { join } from 'node:path'
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addDataDirOption, type DataDirOption, dataDirOf, examples } from '../local-node.ts'

interface Flags extends DataDirOption {
  readonly use?: true
  readonly print?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .option('--use', 'put the new key in use at once; without it only the first key of a keyring is')
    .option('--print', 'also print the secret; whoever reads it can join the mesh')
  addDataDirOption(command).addHelpText('after', examples(['rdb keys:generate', 'rdb keys:generate --data-dir /var/lib/reedbase']))
  command.action((flags: Flags) => generate(flags, context))
}

async function generate(flags: Flags, context: CliContext): Promise<void> {
  const { addKey, generateKey, loadKeyring } = await import('../../adapters/files/keyring.ts')
  const { keyFingerprint } = await import('../../wire/cluster-key.ts')
  const dataDir = dataDirOf(flags, context)
  const isFirst = (await loadKeyring(dataDir)).inUse === null
  const use = isFirst || flags.use === true
  const key = generateKey()
  await addKey(dataDir, key, { use })
  const path = join(dataDir, 'keyring')
  await context.stdout.write(`Cluster key ${keyFingerprint(key)} is in ${path}${use ? ' and in use' : ', not in use yet'}.\n`)
  if (flags.print === true) await context.stdout.write(`${Buffer.from(key).toString('base64url')}\n`)
  await context.stderr.write(isFirst
    ? `next: copy ${path} to the data folder of every other node, with mode 0600, then start them.\n`
    : `next: copy ${path} to every other node and restart each: they accept both keys while they overlap.\n`)
}
