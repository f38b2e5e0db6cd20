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
    : rotationSteps(keyFingerprint(key), { path, use }))
}

/** Keys are read at the start, and a node without the new key cannot understand one that has no other. */
function rotationSteps(fingerprint: string, { path, use }: { readonly path: string; readonly use: boolean }): string {
  const add = use
    ? `add the line of ${fingerprint} to the keyring of every other node, below the key in use there, and restart each; restart this node last`
    : `add the line of ${fingerprint} in ${path} to the keyring of every other node, and restart each node`
  return `next, in this order, so that no node is cut off:
  1. ${add}
  2. when every node has both keys: move that line to the top of the keyring on each${use ? ' other node' : ''}, and restart each
  3. when every node uses the new key: delete the line of the old one on each, and restart each
`
}
