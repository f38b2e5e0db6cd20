import { join } from 'node:path'
import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

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
  const { inUse } = await loadKeyring(dataDir)
  const isFirst = inUse === null
  const use = isFirst || flags.use === true
  if (use && !isFirst && await isNodeRunning(dataDir, context)) {
    throw new MeshError('ERR_OPTION_INVALID', 'a node runs on this data folder, and --use would change only its file', { nextStep: 'Generate the key without --use, then rdb keys:install and rdb keys:use.' })
  }
  const key = generateKey()
  await addKey(dataDir, key, { use })
  const path = join(dataDir, 'keyring')
  await context.stdout.write(`Cluster key ${keyFingerprint(key)} is in ${path}${use ? ' and in use' : ', not in use yet'}.\n`)
  if (flags.print === true) await context.stdout.write(`${Buffer.from(key).toString('base64url')}\n`)
  await context.stderr.write(inUse === null
    ? `next: copy ${path} to the data folder of every other node, with mode 0600, then start them.\n`
    : rotationSteps(keyFingerprint(key), keyFingerprint(inUse), { path, use }))
}

async function isNodeRunning(dataDir: string, context: CliContext): Promise<boolean> {
  try {
    await interruptible(context, (signal) => ask(context, { dataDir }, { method: 'keys-list', mesh: false }, signal))
    return true
  } catch (error) {
    if (error instanceof MeshError && error.code === 'ERR_NO_NODE') return false
    throw error
  }
}

/** A running node takes the file's new key when it is told to; where none runs, the file is all there is. */
function rotationSteps(fingerprint: string, oldFingerprint: string, { path, use }: { readonly path: string; readonly use: boolean }): string {
  return `next, in this order, so that no node is cut off:
  1. rdb keys:install                  gives ${fingerprint} to every member of the running mesh
  2. rdb keys:use ${fingerprint}     puts it in use everywhere
  3. rdb keys:remove ${oldFingerprint}  takes the old one out everywhere
where no node runs: copy ${path} to every node before its start${use ? '; those that lack the new key cannot be joined with it' : ''}
`
}
