import { Option, type Command } from 'commander'
import type { QueryResult } from '../../client/types.ts'
import type { Priority } from '../../core/routing/types.ts'
import { ERRORS, MeshError } from '../../errors.ts'
import { readDuration } from '../../node/options-values.ts'
import type { RouteReport } from '../../query/types.ts'
import { defaultClusterLabel } from '../../wire/cluster.ts'
import type { CliContext } from '../context.ts'
import { formatCount, formatDuration } from '../format.ts'
import { addDataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { parseParameter } from '../query/parameters.ts'
import { Progress } from '../query/progress.ts'
import { loadWriter, resultFormats, type OutputFormat } from '../query/result-writer.ts'
import { routeNotice, routingDecision, routingTimes } from '../query/route-text.ts'
import { sqlExcerpt } from '../query/sql-excerpt.ts'
import { readStatements } from '../query/sql-source.ts'

const timeoutDefault = '30s'
const timeoutMsMax = 24 * 3_600_000

/** What stands around and between the results of several statements, so that the whole can be read by a program: with json one array of arrays. */
const joints: Readonly<Record<OutputFormat | 'none', { readonly open: string; readonly between: string; readonly close: string }>> = {
  none: { open: '', between: '', close: '' },
  table: { open: '', between: '', close: '' },
  jsonl: { open: '', between: '', close: '' },
  json: { open: '[', between: ',', close: ']\n' },
  csv: { open: '', between: '\n', close: '' },
  arrow: { open: '', between: '', close: '' },
}

interface Flags {
  readonly file?: string
  readonly format?: OutputFormat
  readonly param: readonly string[]
  readonly priority: Priority
  readonly timeout: string
  readonly route?: string
  readonly session?: string
  readonly transaction?: true
  readonly readOnly?: true
  readonly verbose?: true
  readonly explain?: true
  readonly dataDir?: string
  readonly node?: string
  readonly cluster?: string
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<database>', 'name of the database')
    .argument('[sql...]', 'one statement, or those of a transaction; absent or -: from the standard input')
    .option('-f, --file <path>', 'read the SQL from a file; - is the standard input')
    .addOption(new Option('--format <format>', 'default: table on a terminal, jsonl otherwise').choices(resultFormats))
    .option('-p, --param <value>', 'value of the next placeholder (?, in PostgreSQL $1, $2, …), repeatable: a JSON number, true, false, null or "text", or any value with its type, as in 2024-05-06::DATE; anything else is a text as it stands', (text: string, previous: string[]) => [...previous, text], [])
    .addOption(new Option('--priority <priority>', 'how urgent it is; orders who waits and who is turned away under load').choices(['critical', 'high', 'normal', 'low']).default('normal'))
    .option('--route <hints>', 'what is asked of the route: local-only, prefer-remote, zone=…, max-staleness=…, strategy=…, separated by commas')
    .option('--session <name>', 'what belongs together: its reads stay on one node and see what it has written')
    .option('-t, --transaction', 'run the statements, each an argument, on one copy: all of them or none')
    .option('--read-only', 'with --transaction: on any copy, the statements only read')
    .option('--timeout <duration>', 'give up after this long (ms, s, m, h)', timeoutDefault)
    .option('-v, --verbose', 'show on stderr where the query ran, why, the loads and the times')
    .option('--explain', 'the same decision in full as one JSON object on stderr')
    .option('--node <host:port>', 'ask this node over the network instead of the one beside you; the keyring of --data-dir opens it')
    .option('--cluster <label>', 'with --node: the label of its cluster (env REEDBASE_CLUSTER, default reedbase)')
  addDataDirOption(command).addHelpText('after', `
The result alone goes to stdout, everything else to stderr. In JSON, 64-bit integers keep all their digits and decimals are strings; blobs
are \\x and hexadecimal digits. In CSV, null is empty and an empty text is "". Columns that share a name are told apart in both: a, a_1.

A --param takes the type that it names behind ::, with the value as a result shows it: 12.340::DECIMAL(18,3), 2024-05-06T07:08:09Z::TIMESTAMPTZ,
1 day 02:00:00::INTERVAL, \\x00ff::BLOB, null::DATE; lists and structs are JSON: [1, 2]::BIGINT[], {"a": 1}::STRUCT(a BIGINT).

With --transaction the results come in the order of the statements, before the commit: only the exit code 0 says that they are kept. Those of
several statements are one array of arrays in JSON, and stand with an empty line between in CSV.
${examples([
  'rdb db:query users_prod "SELECT * FROM users LIMIT 10"',
  'rdb db:query users_prod "SELECT * FROM users WHERE id = ?" --param 42 --verbose',
  'rdb db:query shop "SELECT * FROM sales WHERE price = ? AND day = ?" --param "12.340::DECIMAL(18,3)" --param 2024-05-06::DATE',
  'rdb db:query users_prod --transaction "UPDATE accounts SET amount = amount - 5 WHERE id = 1" "UPDATE accounts SET amount = amount + 5 WHERE id = 2"',
  'rdb db:query users_prod --file report.sql --format csv > report.csv',
  'echo "SELECT 1" | rdb db:query users_prod --node 10.0.0.1:7400',
])}`)
  command.action((database: string, sql: readonly string[], flags: Flags) => query(database, sql, flags, context))
}

async function query(database: string, given: readonly string[], flags: Flags, context: CliContext): Promise<void> {
  const timeoutMs = parseTimeout(flags.timeout)
  const parameters = flags.param.map(parseParameter)
  const format = flags.format ?? (context.stdout.isTerminal ? 'table' : 'jsonl')
  if (format === 'arrow' && context.stdout.isTerminal) throw new MeshError('ERR_OPTION_INVALID', '--format arrow is binary and would garble the terminal', { nextStep: 'Send it to a file or another program.' })
  const statements = await readStatements(given, flags, context)
  if (format === 'arrow' && statements.length > 1) throw new MeshError('ERR_OPTION_INVALID', '--format arrow holds one result, and there are several statements', { nextStep: 'Choose jsonl, csv or json.' })
  const dataDir = dataDirOf(flags, context)
  await interruptible(context, async (signal) => {
    const [{ connect }, writeResult] = await Promise.all([context.parts.client(), loadWriter(format)])
    // Reaching the node takes from the same time, so that a node which hangs holds nobody longer than asked.
    const beganMs = context.nowMs()
    const client = await connect({ dataDir, timeoutMs, signal, ...(flags.node === undefined ? {} : { node: flags.node, keyringDir: dataDir, cluster: flags.cluster ?? context.env['REEDBASE_CLUSTER'] ?? defaultClusterLabel }) })
      .catch((error: unknown) => { throw withNodeFlag(error) })
    const progress = new Progress({ output: context.stderr, nowMs: () => context.nowMs(), sharesTerminal: context.stdout.isTerminal })
    let current = statements[0] ?? ''
    /** A transaction. */
    let hasBegun = false
    const leftMs = (nowMs = context.nowMs()): number => Math.max(1, Math.round(timeoutMs - (nowMs - beganMs)))
    const show = async (ask: (timeoutMs: number) => Promise<QueryResult>): Promise<void> => {
      const startedMs = context.nowMs()
      const result = await ask(leftMs(startedMs))
      const firstAnswerMs = context.nowMs() - startedMs
      if (flags.transaction !== true) await sayRoute(result.route, flags, context, progress)
      const { shortened } = await writeResult(observe(result, progress), context.stdout)
      await progress.end()
      await sayEnd(result, { firstAnswerMs, totalMs: context.nowMs() - startedMs, shortened }, { flags, format }, context)
    }
    const asked = { priority: flags.priority, signal, explain: flags.verbose === true || flags.explain === true, ...(flags.route === undefined ? {} : { route: flags.route }), ...(flags.session === undefined ? {} : { session: flags.session }) }
    try {
      if (flags.transaction === true) {
        await client.transaction(database, async (transaction) => {
          hasBegun = true
          await sayRoute(transaction.route, flags, context, progress)
          const { open, between, close } = statements.length === 1 ? joints.none : joints[format]
          for (const [index, sql] of statements.entries()) {
            current = sql
            const joint = index === 0 ? open : between
            if (joint !== '') await context.stdout.write(joint)
            await show((stepTimeoutMs) => transaction.query(sql, { timeoutMs: stepTimeoutMs, signal }))
          }
          if (close !== '') await context.stdout.write(close)
        }, { ...asked, readOnly: flags.readOnly === true, timeoutMs: leftMs() })
        if (flags.verbose === true || context.stderr.isTerminal) await context.stderr.write(`Committed ${formatCount(statements.length)} ${statements.length === 1 ? 'statement' : 'statements'} in ${formatDuration(context.nowMs() - beganMs)}\n`)
      } else await show((queryTimeoutMs) => client.query(current, { ...asked, database, parameters, timeoutMs: queryTimeoutMs }))
    } catch (caught) {
      await progress.end()
      const error = caught instanceof MeshError && caught.code === 'ERR_QUERY_TIMEOUT' ? tooLate(caught, flags, hasBegun) : caught
      if (signal.aborted) await context.stderr.write(cancelledText(error, flags))
      else if (error instanceof MeshError && typeof error.details['position'] === 'number') await context.stderr.write(sqlExcerpt(current, error.details['position']))
      throw error
    } finally {
      await client.close()
    }
  })
}

/** With the time that was asked for: what is told on the way is what was left of it. What never started says itself where it waited. */
function tooLate(error: MeshError, { timeout }: Flags, hasBegun: boolean): MeshError {
  const asked = formatDuration(parseTimeout(timeout))
  if (!hasBegun && error.details['started'] === 'no') return error
  if (!hasBegun) return new MeshError('ERR_QUERY_TIMEOUT', `no complete answer within ${asked}`, { nextStep: error.nextStep, details: error.details, cause: error })
  return new MeshError('ERR_QUERY_TIMEOUT', `the transaction took longer than ${asked} and was rolled back: nothing of it was kept`, { nextStep: 'Give it more time with --timeout, or do less in one.', details: { ...error.details, started: 'no' }, cause: error })
}

function cancelledText(error: unknown, { transaction }: Flags): string {
  if (transaction !== true) return 'Query cancelled.\n'
  return error instanceof MeshError && error.code === 'ERR_QUERY_AMBIGUOUS' ? 'Cancelled during the commit: look whether the transaction took effect.\n' : 'Transaction cancelled and rolled back: nothing of it was kept.\n'
}

/** This command alone can ask a node elsewhere. */
function withNodeFlag(error: unknown): unknown {
  if (!(error instanceof MeshError && error.code === 'ERR_NO_NODE' && error.nextStep === ERRORS.ERR_NO_NODE.nextStep)) return error
  return new MeshError('ERR_NO_NODE', error.message, { nextStep: 'Start one with rdb start, or the last one again with rdb db:measure:restart, or point --data-dir or --node at a running one.', details: error.details, cause: error })
}

function parseTimeout(text: string): number {
  const timeoutMs = readDuration(text)
  if (timeoutMs !== null && timeoutMs >= 1 && timeoutMs <= timeoutMsMax) return timeoutMs
  throw new MeshError('ERR_OPTION_INVALID', `--timeout is ${JSON.stringify(text)}; it takes a duration with its unit (ms, s, m, h) from 1ms to 24h`)
}

async function sayRoute(route: RouteReport | null, flags: Flags, { stderr }: CliContext, progress: Progress): Promise<void> {
  if (route === null) return
  await progress.pause()
  if (flags.explain === true) await stderr.write(`${JSON.stringify(route)}\n`)
  if (flags.verbose === true) {
    await stderr.write(routingDecision(route))
    if (route.decision === 'forward') return
  }
  const notice = routeNotice(route)
  if (notice !== null) await stderr.write(`${route.decision === 'forward' ? notice : stderr.style('yellow', notice)}\n`)
}

/** The same result, with the progress told of each batch before its rows are written. */
function observe(result: QueryResult, progress: Progress): QueryResult {
  return {
    columns: result.columns,
    route: result.route,
    rows: () => result.rows(),
    trailer: () => result.trailer(),
    async *arrowStream() {
      for await (const bytes of result.arrowStream()) yield bytes
    },
    async *[Symbol.asyncIterator]() {
      for await (const batch of result) {
        await progress.addRows(batch.rowCount)
        yield batch
      }
    },
  }
}

async function sayEnd(
  result: QueryResult, times: { readonly firstAnswerMs: number; readonly totalMs: number; readonly shortened: number },
  { flags, format }: { readonly flags: Flags; readonly format: OutputFormat }, { stderr }: CliContext,
): Promise<void> {
  const trailer = result.trailer()
  if (times.shortened > 0) await stderr.write(`${formatCount(times.shortened)} ${times.shortened === 1 ? 'value was' : 'values were'} cut to fit the terminal; --format jsonl shows all of it.\n`)
  if (trailer === null) return
  if (flags.verbose === true && result.route !== null) await stderr.write(routingTimes(result.route, trailer, times))
  else if (format === 'table' && stderr.isTerminal) await stderr.write(`${formatCount(trailer.rows)} ${trailer.rows === 1 ? 'row' : 'rows'} in ${formatDuration(times.totalMs)}\n`)
}
