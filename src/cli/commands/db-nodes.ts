import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import type { NodesView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'

const redrawIntervalMs = 1_000
const clearScreen = '\u001b[H\u001b[J'

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
  command.action((database: string, flags: Flags) => interruptible(context, (signal) => show(database, flags, context, signal)))
}

async function show(database: string, flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  const { stdout } = context
  const isRedrawn = flags.watch === true && flags.json !== true && stdout.isTerminal
  // Ends by Ctrl-C, by a closed output, or when the node is gone.
  do {
    const view = await ask<NodesView>(context, { dataDir: dataDirOf(flags, context) }, { method: 'nodes', database }, signal)
    const text = flags.json === true ? `${JSON.stringify(view, null, flags.watch === true ? 0 : 2)}\n` : await table(view, context)
    await stdout.write(isRedrawn ? `${clearScreen}${text}` : text)
    if (flags.watch === true) await delay(redrawIntervalMs, undefined, { signal })
  } while (flags.watch === true)
}

async function table(view: NodesView, { stdout, wallMs }: CliContext): Promise<string> {
  const { nodesTable } = await import('../nodes-table.ts')
  return nodesTable(view, { nowWallMs: wallMs(), output: stdout })
}
