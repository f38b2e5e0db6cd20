import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { reportMeasurement, startInBackground } from '../background-node.ts'
import { unlessNoNode } from '../configuration-flags.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { leave, type LeaveFlags } from './leave.ts'

interface Flags extends LeaveFlags {
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('[database]', 'name of a database, for its own thresholds in the report')
    .option('--timeout <duration>', 'how long to wait until the node is gone (ms, s, m, h); its --drain and 20s by default')
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
The node leaves as with rdb leave, and is started again in the background, in the same folder and with the flags and REEDBASE_… variables that it was
started with last (start.json in the data folder). Where it does not run, it is only started. Addresses of webhooks and collectors are not kept there:
set their variables again, or have them in the configuration file. So are other variables, such as PGPASSWORD, those of this command.
${examples(['rdb db:measure:restart', 'rdb db:measure:restart users_prod --timeout 1m'])}`)
  command.action((database: string | undefined, flags: Flags) => interruptible(context, async (signal) => {
    const dataDir = dataDirOf(flags, context)
    const { readStartFile } = await import('../../adapters/files/start-file.ts')
    const last = await readStartFile(dataDir)
    if (last === null) throw new MeshError('ERR_NO_NODE', `no node was ever started on ${dataDir} by a command`, { nextStep: 'Start one with rdb db:measure:start or rdb start; a program restarts its own node.' })
    const missing = last.withheld.filter((name) => context.env[name] === undefined && context.env[variableOf(name)] === undefined)
    if (missing.length > 0) {
      throw new MeshError('ERR_OPTION_INVALID', `${missing.join(', ')} was given at the last start and is not kept, since such an address may hold a secret`, { nextStep: `Set ${variableOf(missing[0] ?? '')} for this command, or have it in the configuration file and start the node anew.` })
    }
    // Its own output is JSON alone.
    const quiet: CliContext = flags.json === true ? { ...context, stdout: { ...context.stdout, write: () => Promise.resolve() } } : context
    await unlessNoNode(dataDir, () => leave(flags, quiet, signal), () => Promise.resolve())
    const others = Object.fromEntries(Object.entries(context.env).filter(([name]) => !name.startsWith('REEDBASE_')))
    const given = Object.fromEntries(last.withheld.map(variableOf).map((name) => [name, context.env[name]]))
    const args = last.args.filter((arg) => !arg.startsWith('--data-dir='))
    await startInBackground(context, { args: [...args, `--data-dir=${dataDir}`], env: { ...others, ...last.env, ...given }, cwd: last.cwd, dataDir }, signal)
    await reportMeasurement(context, { dataDir, database: database ?? null, isJson: flags.json === true, did: 'restarted' }, signal)
  }))
}

/** The variable of a flag; a variable itself. */
function variableOf(name: string): string {
  return name.startsWith('--') ? `REEDBASE_${name.slice(2).replaceAll('-', '_').toUpperCase()}` : name
}
