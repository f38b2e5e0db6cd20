import { Option, type Command } from 'commander'
import type { Priority } from '../../core/routing/types.ts'
import { MeshError } from '../../errors.ts'
import { CONTROL_LINE_BYTES_MAX, type ExplainView } from '../../wire/control.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../format.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { sqlExcerpt } from '../query/sql-excerpt.ts'
import { readSql } from '../query/sql-source.ts'

interface Flags extends DataDirOption {
  readonly file?: string
  readonly priority: Priority
  readonly route?: string
  readonly session?: string
  readonly param: readonly string[]
  readonly json?: true
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<database>', 'name of the database')
    .argument('[sql]', 'one statement; absent or -: from the standard input')
    .option('-f, --file <path>', 'read the SQL from a file; - is the standard input')
    .addOption(new Option('--priority <priority>', 'how urgent it is').choices(['critical', 'high', 'normal', 'low']).default('normal'))
    .option('--route <hints>', 'what is asked of the route: local-only, prefer-remote, zone=…, max-staleness=…, strategy=…, separated by commas')
    .option('--session <name>', 'the session that it belongs to')
    .option('-p, --param <value>', 'value of the next placeholder, as rdb db:query takes it, repeatable', (text: string, previous: string[]) => [...previous, text], [])
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Nothing runs, and nothing changes: the node beside you decides as it would now, and shows every candidate with its figures. Where chance would choose,
the likeliest outcome is shown: of a share that goes to peers, a query that goes; of peers that are as good, the best.
${examples([
  'rdb db:explain-route users_prod "SELECT * FROM users LIMIT 10"',
  'rdb db:explain-route users_prod "SELECT * FROM users" --route "zone=eu-west, strategy=peak-ewma"',
  'rdb db:explain-route users_prod "SELECT * FROM users WHERE id = ?" --param 42',
  'rdb db:explain-route users_prod --file report.sql --json',
])}`)
  command.action((database: string, sql: string | undefined, flags: Flags) => interruptible(context, async (signal) => {
    const text = await readSql(sql, flags.file, context)
    const view = await explain(context, { database, sql: text, flags }, signal)
    if (flags.json === true) return await context.stdout.write(`${JSON.stringify(view, null, 2)}\n`)
    const { explainTable } = await import('../explain-table.ts')
    await context.stdout.write(explainTable(view, context.stdout))
  }))
}

async function explain(context: CliContext, { database, sql, flags }: { readonly database: string; readonly sql: string; readonly flags: Flags }, signal: AbortSignal): Promise<ExplainView> {
  const hints = [flags.route, flags.session === undefined ? undefined : `session=${flags.session}`].filter((word) => word !== undefined).join(', ')
  const parameters = await parametersOf(flags.param)
  const request = { method: 'explain', database, sql, hints, priority: flags.priority, ...(parameters.length === 0 ? {} : { parameters }) } as const
  if (Buffer.byteLength(JSON.stringify(request)) >= CONTROL_LINE_BYTES_MAX) throw new MeshError('ERR_QUERY_TOO_LARGE', `a statement to explain has at most ${formatBytes(CONTROL_LINE_BYTES_MAX)}`, { nextStep: 'rdb db:query --explain shows the decision for a longer one, and runs it.' })
  try {
    return await ask<ExplainView>(context, { dataDir: dataDirOf(flags, context) }, request, signal)
  } catch (error) {
    if (error instanceof MeshError && typeof error.details['position'] === 'number') await context.stderr.write(sqlExcerpt(sql, error.details['position']))
    throw error
  }
}

/** Only those who give some load what writes them. */
async function parametersOf(given: readonly string[]): Promise<string[]> {
  if (given.length === 0) return []
  const [{ parseParameter }, { parametersToTexts }] = await Promise.all([import('../query/parameters.ts'), import('../../wire/control-values.ts')])
  return parametersToTexts(given.map(parseParameter))
}
