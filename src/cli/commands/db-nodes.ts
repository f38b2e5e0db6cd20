import type { Command } from 'commander'
import type { NodesView } from '../../wire/control.ts'
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
    .argument('<database>', 'name of the database')
    .option('-w, --watch', 'once a second: redrawn on a terminal, one after the other elsewhere')
    .option('--json', 'as JSON; with --watch one object a line')
  addDataDirOption(command).addHelpText('after', examples(['rdb db:nodes users_prod', 'rdb db:nodes users_prod --watch', 'rdb db:nodes users_prod --json | jq .nodes[].status']))
  command.action(async (database: string, flags: Flags) => {
    const isJson = flags.json === true
    const render = async (signal: AbortSignal): Promise<string> => {
      const view = await ask<NodesView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'nodes', database }, signal)
      return isJson ? `${JSON.stringify(view, null, flags.watch === true ? 0 : 2)}\n` : await table(view, context)
    }
    // Ends by Ctrl-C, by a closed output, or when the node is gone.
    if (flags.watch === true) await watch(context, { intervalMs, isRedrawn: !isJson }, render)
    else await interruptible(context, async (signal) => { await context.stdout.write(await render(signal)) })
  })
}

async function table(view: NodesView, { stdout, wallMs }: CliContext): Promise<string> {
  const { nodesTable } = await import('../nodes-table.ts')
  return nodesTable(view, { nowWallMs: wallMs(), output: stdout })
}
