import { Option, type Command } from 'commander'
import { resolve } from 'node:path'
import { isUrl } from '../../adapters/postgres/connection-target.ts'
import { MeshError } from '../../errors.ts'
import { STRATEGY_NAMES } from '../../core/routing/strategies/registry.ts'
import { readNumber } from '../../node/options-values.ts'
import type { DatabaseEntry, RegistryView } from '../../wire/control.ts'
import { offlineConfiguration, thresholdOf, unlessNoNode } from '../configuration-flags.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { callRegistry, keptText } from '../registry-call.ts'

interface Flags extends DataDirOption {
  readonly role?: string
  readonly threads?: string
  readonly memory?: string
  readonly strategy?: string
  readonly cpuThreshold?: string
  readonly memoryThreshold?: string
  readonly save: boolean
  readonly config?: string
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<name>', 'name of the database, the same on each node that serves a copy')
    .argument('<path>', 'a .duckdb file, a folder of CSV, JSON and Parquet files, or a postgres:// URL without a password')
    .addOption(new Option('--role <role>', 'primary takes writes, a replica does not (default replica; a PostgreSQL server says itself what it is)').choices(['primary', 'replica']))
    .option('--threads <n>', 'threads of its engine')
    .option('--memory <size>', 'memory of its engine, such as 1GB')
    .addOption(new Option('--strategy <name>', "how a peer is chosen for its queries (default the node's)").choices(STRATEGY_NAMES))
    .option('--cpu-threshold <percent>', "CPU at which queries on it go elsewhere (default the node's)")
    .option('--memory-threshold <percent>', "memory at which queries on it go elsewhere (default the node's)")
    .option('--no-save', 'on the running node only, and not in its configuration file')
    .option('--config <file>', 'configuration file of a node that does not run')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
The running node opens the database and tells the mesh, without a restart; its configuration file has it from then on. Where no node runs, only the file
is changed. When the database does not open, neither is.
${examples(['rdb db:register users_prod ./data/users_prod', 'rdb db:register users_prod /srv/users.duckdb --role primary', 'rdb db:register orders postgres://app@db1.example.net/orders', 'rdb db:register scratch ./scratch --no-save'])}`)
  command.action((name: string, path: string, flags: Flags) => interruptible(context, async (signal) => {
    const dataDir = dataDirOf(flags, context)
    const entry = entryOf(path, flags, context.cwd)
    const view = await unlessNoNode(dataDir,
      () => callRegistry(context, { dataDir }, { method: 'database-register', name, entry, save: flags.save }, signal),
      () => registerInFile({ name, entry, dataDir }, flags, context))
    await context.stdout.write(flags.json === true ? `${JSON.stringify(view, null, 2)}\n` : `${registeredText(view)}${keptText(view, context.stdout)}`)
  }))
}

function entryOf(path: string, flags: Flags, cwd: string): DatabaseEntry {
  const [cpu, memory] = [thresholdOf('--cpu-threshold', flags.cpuThreshold), thresholdOf('--memory-threshold', flags.memoryThreshold)]
  const threads = flags.threads === undefined ? undefined : readNumber(flags.threads) ?? flags.threads
  return {
    // Absolute: the folder of the file, and of the node, need not be that of the command.
    path: isUrl(path) ? path : resolve(cwd, path),
    ...(flags.role === undefined ? {} : { role: flags.role }), ...(threads === undefined ? {} : { threads }), ...(flags.memory === undefined ? {} : { memory: flags.memory }),
    ...(flags.strategy === undefined ? {} : { strategy: flags.strategy }), ...(typeof cpu === 'number' ? { cpuThreshold: cpu } : {}), ...(typeof memory === 'number' ? { memoryThreshold: memory } : {}),
  }
}

async function registerInFile({ name, entry, dataDir }: { readonly name: string; readonly entry: DatabaseEntry; readonly dataDir: string }, flags: Flags, context: CliContext): Promise<RegistryView> {
  if (!flags.save) throw new MeshError('ERR_NO_NODE', `no node runs on ${dataDir}, and --no-save leaves the file as it is: there is nothing to change`)
  const { configuration, file } = await offlineConfiguration({ dataDir, config: flags.config }, context)
  const { checkOfflineDatabase } = await import('../offline-database.ts')
  await checkOfflineDatabase(name, entry)
  await file.change((tree) => {
    if (tree.has(['databases', name])) throw new MeshError('ERR_DATABASE_IN_USE', `${name} is in ${file.path} already`, { nextStep: `Give it another name, or take the present one out first: rdb db:unregister ${name}` })
    tree.set(['databases', name], Object.keys(entry).length === 1 ? entry.path : entry)
  }, () => undefined)
  const winner = configuration.overriddenBy.get('databases')
  return { name, node: '', database: null, otherNodes: [], ended: 0, file: file.path, isSaved: true, notes: [`No node runs on ${dataDir}: it is served from its next start on.`, ...(winner === undefined ? [] : [`${winner} is set, and wins over databases in the file.`])] }
}

function registeredText({ name, node, database, otherNodes }: RegistryView): string {
  if (database === null) return `${name} is registered.\n`
  const others = otherNodes.length === 0 ? '' : `Also served by ${otherNodes.join(', ')}.\n`
  return `${node} serves ${name} (${database.role}, ${database.engine}${database.ready ? '' : ', not ready yet'}) from ${database.path}.\n${others}`
}

