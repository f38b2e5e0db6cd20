import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { MeshError } from '../../errors.ts'
import { OPTION_TABLE } from '../../node/options-table.ts'
import { maskPasswords, writeDuration } from '../../node/options-values.ts'
import type { MeasurementView, RoutingConfigView } from '../../wire/control.ts'
import { reportMeasurement, startInBackground, waitMsMax } from '../background-node.ts'
import { intervalMsOf, unlessNoNode } from '../configuration-flags.ts'
import type { CliContext } from '../context.ts'
import { addDataDirOption, ask, type DataDirOption, dataDirOf, examples, interruptible } from '../local-node.ts'
import { keptText } from '../registry-call.ts'
import { startFlagsOf } from './start.ts'

const joinCheckMs = 50

interface Flags extends DataDirOption {
  readonly interval?: string
  readonly db?: readonly string[]
  readonly json?: true
}

interface Asked {
  readonly database: string
  readonly startArgs: readonly string[]
  readonly intervalMs: number | null
  readonly dataDir: string
}

export function configure(command: Command, context: CliContext): void {
  command
    .argument('<database>', 'name of the database that is to be measured')
    .argument('[start-options...]', 'after --: options of rdb start')
    .option('--interval <seconds>', 'time between two pings of each member: 60, or 500ms, 2m; kept in the configuration file')
    .option('--db <name=path>', 'a database that the file does not have yet, as rdb start takes it; kept in the file. Repeatable.', (text: string, previous: string[] = []) => [...previous, text])
    .option('--json', 'as JSON')
  addDataDirOption(command).addHelpText('after', `
Where no node runs on the data folder, one is started in the background, with the options of its configuration file (reedbase.yaml in the data folder,
unless --config after -- or REEDBASE_CONFIG names another) and with those after --. It ends with rdb db:measure:stop, and not with the terminal. Its log
is appended to node.log in the data folder. Where a node runs, its figures are shown, and --interval changes them.
${examples(['rdb db:measure:start users_prod --db users_prod=./data/users_prod', 'rdb db:measure:start users_prod --interval 60', 'rdb db:measure:start users_prod -- --listen 0.0.0.0:7400 --seed 10.0.0.1:7400'])}`)
  const { outputError } = command.configureOutput()
  command.configureOutput({ outputError: (text, write) => { outputError?.(text.replace(/^(error: unknown option '(--[\w-]+)(?:=[^']*)?')/, (said, _whole, flag: string) => (OPTION_TABLE.some((option) => option.flag === flag) ? `${said}: options of rdb start follow --, as in … -- ${flag} …` : said)), write) } })
  command.action((database: string, startArgs: readonly string[], flags: Flags) => interruptible(context, async (signal) => {
    const asked: Asked = { database, startArgs, intervalMs: intervalMsOf(flags.interval), dataDir: dataDirOf(flags, context) }
    const started = await startOrJoin(asked, flags, context, signal)
    await reportMeasurement(context, { dataDir: asked.dataDir, database, isJson: flags.json === true, did: started ? 'started' : 'running' }, signal)
  }))
}

/** Whether a node was started. Another command may do so at this moment: then its node is waited for, and is one that runs already. */
async function startOrJoin(asked: Asked, flags: Flags, context: CliContext, signal: AbortSignal): Promise<boolean> {
  const untilMs = context.nowMs() + waitMsMax
  let isSecond = false
  for (;;) {
    try {
      return await unlessNoNode(asked.dataDir, () => adjust(isSecond ? { ...asked, startArgs: [] } : asked, flags, context, signal), async () => {
        if (await start(asked, flags, context, signal)) return true
        throw new MeshError('ERR_NO_NODE', `a node that was started at the same moment on ${asked.dataDir} does not answer yet`)
      })
    } catch (error) {
      // With a pid a node is there and does not answer: it was asked for long enough.
      const isStarting = error instanceof MeshError && error.code === 'ERR_NO_NODE' && error.details['pid'] === undefined
      if (!isStarting || context.nowMs() >= untilMs) throw error
    }
    if (!isSecond && asked.startArgs.length > 0) await context.stderr.write('Another command starts a node on the data folder, with its own options; those after -- are not used.\n')
    isSecond = true
    await delay(joinCheckMs, undefined, { signal })
  }
}

/** A node runs. Answers that nothing was started. */
async function adjust({ database, startArgs, intervalMs, dataDir }: Asked, flags: Flags, context: CliContext, signal: AbortSignal): Promise<false> {
  const { databases, pingIntervalMs } = await ask<MeasurementView>(context, { dataDir }, { method: 'measurement', database: null }, signal)
  const given = flags.db?.find((text) => text.startsWith(`${database}=`))
  if (given !== undefined && !databases.includes(database)) {
    throw new MeshError('ERR_NOT_SERVING', `a node runs on ${dataDir} already, and does not serve ${database}`, { nextStep: `rdb db:register ${database} ${maskPasswords(given.slice(database.length + 1)).split(',')[0] ?? ''} lets it serve the database without a restart.` })
  }
  if (startArgs.length > 0) throw new MeshError('ERR_OPTION_INVALID', `a node runs on ${dataDir} already, and options of its start cannot be given now`, { nextStep: 'End it with rdb db:measure:stop first, or leave out what follows --.' })
  if (intervalMs === null || intervalMs === pingIntervalMs) return false
  const view = await ask<RoutingConfigView>(context, { dataDir }, { method: 'routing-config', database, change: { pingIntervalMs: intervalMs }, save: true }, signal)
  if (flags.json !== true) await context.stdout.write(`The interval was ${writeDuration(pingIntervalMs)} and is ${writeDuration(view.pingIntervalMs)} now.\n${keptText(view, context.stdout)}`)
  return false
}

/** False where another node was quicker: then the file stays as it is, since that node may have been started with it. */
async function start({ database, startArgs, intervalMs, dataDir }: Asked, flags: Flags, context: CliContext, signal: AbortSignal): Promise<boolean> {
  const [{ loadNodeConfiguration }, { databasesOfTexts }, { ConfigFile }] = await Promise.all([import('../../node/options.ts'), import('../database-texts.ts'), import('../../adapters/files/config-file.ts')])
  const { env, cwd } = context
  const startFlags = startFlagsOf(startArgs, 'after --')
  if (startFlags['dataDir'] !== undefined) throw new MeshError('ERR_OPTION_INVALID', '--data-dir goes before --', { nextStep: `rdb db:measure:start ${database} --data-dir PATH -- …` })
  const configuration = loadNodeConfiguration({ flags: { ...startFlags, dataDir }, env, cwd })
  let { options } = configuration
  const file = new ConfigFile({ path: configuration.file, check: (text) => { options = configuration.withText(text) } })
  const entries = databasesOfTexts(flags.db ?? [], cwd)
  // The file goes back to what it was when the node does not start with it.
  return await file.change((tree) => {
    for (const { name, entry } of entries) tree.set(['databases', name], entry)
    if (intervalMs !== null) tree.set(['pingInterval'], writeDuration(intervalMs))
  }, async () => {
    if (!options.databases.some(({ name }) => name === database)) {
      const winner = entries.some(({ name }) => name === database) ? configuration.overriddenBy.get('databases') : undefined
      throw new MeshError('ERR_DATABASE_UNKNOWN', winner === undefined ? `${database} is neither in ${file.path} nor given with --db` : `${winner} wins over databases in ${file.path}, and does not name ${database}`, {
        nextStep: `rdb db:measure:start ${database} --db ${database}=./path/of/its/data`, details: { path: file.path },
      })
    }
    try {
      await startInBackground(context, { args: [...startArgs, `--data-dir=${dataDir}`], env, cwd, dataDir }, signal)
      return true
    } catch (error) {
      if (error instanceof MeshError && error.code === 'ERR_DATA_DIR_LOCKED') return false
      throw error
    }
  })
}
