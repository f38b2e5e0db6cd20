import type { Command } from 'commander'
import type { DatabaseView } from '../../wire/operations-views.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { watch } from '../watch.ts'

const intervalMs = 1_000

interface Flags extends DataDirOption {
  readonly watch?: true
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .option('-w, --watch', 'again each second: redrawn on a terminal, a block for each change elsewhere')
    .option('--json', 'as JSON; with --watch one array a line')
  addDataDirOption(command).addHelpText('after', `
Every database that a node of the mesh serves, and which node serves which copy. Paths are told for the copies of this node only.
${examples(['rdb db:databases', 'rdb db:databases --watch', "rdb db:databases --json | jq '.[] | select(.name == \"users_prod\").copies[].node'"])}`)
  command.action(async (flags: Flags) => {
    const isJson = flags.json === true
    const render = async (signal: AbortSignal): Promise<string> => {
      const databases = await ask<readonly DatabaseView[]>(context, { dataDir: dataDirOf(flags, context) }, { method: 'databases' }, signal)
      if (isJson) return `${JSON.stringify(databases, null, flags.watch === true ? 0 : 2)}\n`
      const { databasesTable } = await import('../databases-table.ts')
      return databasesTable(databases, context.stdout)
    }
    if (flags.watch === true) await watch(context, { intervalMs, isRedrawn: !isJson }, render)
    else await interruptible(context, async (signal) => { await context.stdout.write(await render(signal)) })
  })
}
