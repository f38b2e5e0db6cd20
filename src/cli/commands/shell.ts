import { Option, type Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { readDuration } from '../../node/options-values.ts'
import { type CliContext, Exit } from '../context.ts'
import { addDataDirOption, type DataDirOption, dataDirOf, examples } from '../local-node.ts'
import type { OutputFormat } from '../query/result-writer.ts'
import { helpText } from '../shell/dot-commands.ts'

const timeoutDefault = '5m'
const timeoutMsMax = 24 * 3_600_000

interface Flags extends DataDirOption {
  readonly format?: Exclude<OutputFormat, 'arrow'>
  readonly timeout: string
  readonly bail?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<database>', 'name of the database')
    .addOption(new Option('--format <format>', 'default: table on a terminal, jsonl otherwise').choices(['table', 'json', 'jsonl', 'csv']))
    .option('--timeout <duration>', 'give a statement up after this long (ms, s, m, h)', timeoutDefault)
    .option('--bail', 'end at the first statement that fails, where the input is no terminal')
  addDataDirOption(command).addHelpText('after', `
${helpText()}
Where the input is no terminal, its statements run one after the other, also behind one that failed. It ends with the input: with the exit code of the
first that failed, each of which is told with its line. A transaction that is open at the end is rolled back, which is a failure too.
${examples(['rdb shell users_prod', 'rdb shell users_prod < report.sql > report.jsonl', 'rdb shell users_prod --format csv --bail < load.sql'])}`)
  command.action((database: string, flags: Flags) => shell(database, flags, context))
}

async function shell(database: string, flags: Flags, context: CliContext): Promise<void> {
  const timeoutMs = readDuration(flags.timeout)
  if (timeoutMs === null || timeoutMs < 1 || timeoutMs > timeoutMsMax) throw new MeshError('ERR_OPTION_INVALID', `--timeout is ${JSON.stringify(flags.timeout)}; it takes a duration with its unit (ms, s, m, h) from 1ms to 24h`)
  const { stdin, stdout } = context
  const isInteractive = stdin.isTerminal && stdout.isTerminal
  const { Shell } = await import('../shell/shell.ts')
  const made = new Shell({ database, dataDir: dataDirOf(flags, context), format: flags.format ?? (stdout.isTerminal ? 'table' : 'jsonl'), timeoutMs, isInteractive }, context)
  const code = isInteractive
    ? await (await import('../shell/terminal-shell.ts')).runInteractive(made, context)
    : await (await import('../shell/piped-shell.ts')).runPiped(made, context, { bail: flags.bail === true })
  if (code !== 0) throw new Exit(code)
}
