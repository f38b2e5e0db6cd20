import { Option, type Command } from 'commander'
import type { LogLineLevel, MonitorLine } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { monitorText } from '../monitor-text.ts'
import { untilNodeStops } from '../node-stream.ts'

const levels: readonly LogLineLevel[] = ['debug', 'info', 'warn', 'error']

interface Flags extends DataDirOption {
  readonly level: LogLineLevel
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .addOption(new Option('--level <level>', 'least severity of log lines, whatever the node itself logs').choices(levels).default('info'))
    .option('--json', 'one JSON object a line')
  addDataDirOption(command).addHelpText('after', `
Events are always shown. When this reader is too slow, lines are dropped and counted in their place; the node never waits for it.
Ends with exit code 0 when the node stops, and with 3 when it is gone without a word.
${examples(['rdb monitor', 'rdb monitor --level debug', "rdb monitor --level warn --json | jq 'select(.kind == \"event\").event.type'"])}`)
  command.action((flags: Flags) => interruptible(context, (signal) => monitor(flags, context, signal)))
}

async function monitor(flags: Flags, context: CliContext, signal: AbortSignal): Promise<void> {
  for await (const payload of untilNodeStops(context, dataDirOf(flags, context), { method: 'monitor', level: flags.level }, signal)) {
    const line = payload as MonitorLine
    if (flags.json === true) await context.stdout.write(`${JSON.stringify(line)}\n`)
    else if (line.kind !== 'end') await context.stdout.write(`${monitorText(line, context.stdout)}\n`)
    if (line.kind === 'end') {
      if (flags.json !== true) await context.stderr.write(`The node stops: ${line.reason}.\n`)
      return
    }
  }
  // It had no time to say why.
  if (flags.json !== true) await context.stderr.write('The node has stopped.\n')
}
