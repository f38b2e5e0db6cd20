import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import type { RegistryView } from '../../wire/control.ts'
import { offlineConfiguration, unlessNoNode } from '../configuration-flags.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { callRegistry, keptText } from '../registry-call.ts'

interface Flags extends DataDirOption {
  readonly save: boolean
  readonly force?: true
  readonly config?: string
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<name>', 'name of the database')
    .option('--force', 'also with open transactions, which are rolled back if they do not end within the --drain of the node')
    .option('--no-save', 'on the running node only, and not in its configuration file')
    .option('--config <file>', 'configuration file of a node that does not run')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
The mesh is told first, so that queries go to other nodes; those that run here have the --drain of the node to end; then the engine closes. The data stay
where they are. Where no node runs, only the file is changed. Ctrl-C ends the waiting, and not what was begun.
${examples(['rdb db:unregister users_prod', 'rdb db:unregister users_prod --force', 'rdb db:unregister scratch --no-save'])}`)
  command.action((name: string, flags: Flags) => interruptible(context, async (signal) => {
    const dataDir = dataDirOf(flags, context)
    const view = await unlessNoNode(dataDir,
      () => callRegistry(context, { dataDir }, { method: 'database-unregister', name, save: flags.save, force: flags.force === true }, signal),
      () => unregisterInFile(name, dataDir, flags, context))
    await context.stdout.write(flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : `${unregisteredText(view)}${keptText(view, context.stdout, 'Taken out of')}`)
  }))
}

async function unregisterInFile(name: string, dataDir: string, flags: Flags, context: CliContext): Promise<RegistryView> {
  if (!flags.save) throw new MeshError('ERR_NO_NODE', `no node runs on ${dataDir}, and --no-save leaves the file as it is: there is nothing to change`)
  const { file } = await offlineConfiguration({ dataDir, config: flags.config }, context)
  await file.change((tree) => {
    if (!tree.has(['databases', name])) throw new MeshError('ERR_DATABASE_UNKNOWN', `${name} is not in ${file.path}, and no node runs on ${dataDir}`)
    tree.set(['databases', name], null)
  }, () => undefined)
  return { name, node: '', database: null, otherNodes: [], ended: 0, file: file.path, isSaved: true, notes: [`No node runs on ${dataDir}: only the file was changed.`] }
}

function unregisteredText({ name, node, otherNodes, ended }: RegistryView): string {
  if (node === '') return `${name} is unregistered.\n`
  const others = otherNodes.length === 0 ? 'No other node serves it now' : `Still served by ${otherNodes.join(', ')}`
  const cut = ended === 0 ? '' : `${ended} ${ended === 1 ? 'query was' : 'queries were'} ended with an error, since the time was over.\n`
  return `${node} does not serve ${name} any more. ${others}.\n${cut}`
}
