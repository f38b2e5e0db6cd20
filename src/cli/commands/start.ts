import { flushCompileCache } from 'node:module'
import { Command, Option } from 'commander'
import { OPTION_TABLE, type Option as NodeOption } from '../../node/options-table.ts'
import type { Log } from '../../ports/log.ts'
import { MeshError } from '../../errors.ts'
import { type CliContext, Exit, type RunningNode, signalExitCodes, type StopSignal } from '../context.ts'
import { examples } from '../local-node.ts'

const startGraceMs = 5_000

export function configure(command: Command, context: CliContext): void {
  addStartOptions(command)
  command.addHelpText('after', `
Every flag has an environment variable (REEDBASE_LISTEN, …) and a key in the configuration file; flags win over the environment,
which wins over the file: that of --config, or else reedbase.yaml in the data folder, if there is one. All are listed in docs/OPTIONS.md. Logs go to stdout, errors that prevent the start to stderr.
${examples([
  'rdb start --db users_prod=./data/users_prod',
  'rdb start --name remote1 --listen 0.0.0.0:7400 --seed 10.0.0.1:7400 --db users_prod=/srv/users.duckdb,role=primary',
  'rdb start --config reedbase.yaml',
])}`)
  command.action(() => start(flagValues(command), context))
}

export function addStartOptions(command: Command): void {
  command.addOption(new Option('--config <file>', 'YAML file with any of these options (env REEDBASE_CONFIG)').helpGroup('Identity and network:'))
  for (const option of OPTION_TABLE) command.addOption(flagOf(option))
}

function flagOf({ flag, form, isList, meaning, default: fallback, group }: NodeOption): Option {
  const value = form.kind === 'switch' ? '' : ` <${placeholder(form.kind)}>`
  const shown = fallback === null || fallback === false ? '' : ` (default ${String(fallback)})`
  const option = new Option(`${flag}${value}`, `${meaning}${shown}`).helpGroup(`${group}:`)
  return isList ? option.argParser((text, previous: string[] | undefined) => [...(previous ?? []), text]) : option
}

function placeholder(kind: NodeOption['form']['kind']): string {
  const words: Partial<Record<typeof kind, string>> = { listen: 'host:port', host: 'host[:port]', seeds: 'address', peers: 'peerId', databases: 'name=path', choice: 'word', count: 'n', number: 'n', text: 'name' }
  return words[kind] ?? kind
}

/** By option key, as `loadNodeOptions` takes them. */
export function flagValues(command: Command): Record<string, unknown> {
  const values = command.opts<Record<string, unknown>>()
  const given: Record<string, unknown> = { config: values['config'] }
  for (const { key, flag } of OPTION_TABLE) given[key] = values[new Option(flag).attributeName()]
  return given
}

/**
 * As a command line of them alone would give them.
 * @param where the arguments stand, for the message
 * @throws MeshError ERR_OPTION_UNKNOWN
 */
export function startFlagsOf(args: readonly string[], where: string): Readonly<Record<string, unknown>> {
  const command = new Command('rdb start').exitOverride().allowExcessArguments(false).configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
  addStartOptions(command)
  try {
    command.parse([...args], { from: 'user' })
  } catch (error) {
    throw new MeshError('ERR_OPTION_UNKNOWN', `${where}: ${(error as Error).message.replace(/^error: /, '')}`, { nextStep: 'rdb start --help lists the options.', cause: error })
  }
  return flagValues(command)
}

async function start(flags: Record<string, unknown>, context: CliContext): Promise<void> {
  const { loadNodeConfiguration } = await import('../../node/options.ts')
  const configuration = loadNodeConfiguration({ flags, env: context.env, cwd: context.cwd })
  const { options } = configuration
  const { createLogger } = await import('../logger.ts')
  const { isTerminal } = context.stdout
  const log = await createLogger({ level: options.logLevel, format: options.logFormat, isTerminal, color: context.stdout.style('bold', 'x') !== 'x' })
  const { collectBuffersEarly } = await import('../../adapters/system/buffer-collection.ts')
  collectBuffersEarly()
  const signals = watchSignals(context)
  try {
    const { readyMessage, startOf } = await import('../start-line.ts')
    const starting = context.parts.node().then(({ startOperatedNode }) => startOperatedNode(options, { log, origin: { configuration, start: startOf(flags, { dataDir: options.dataDir, env: context.env, cwd: context.cwd }) } }))
    const node = await unlessStuck(starting, signals.first, { log, context })
    const { serviceManager } = await import('../../adapters/system/service-manager.ts')
    const manager = serviceManager(context.env, log)
    const { length } = options.databases
    await manager.ready(`${options.name} serves ${length} ${length === 1 ? 'database' : 'databases'}`)
    // Not its node.json, which is there before the seeds are asked and HTTP has its port.
    await context.tellParent(readyMessage)
    // Kept now and not only at the end: who is killed or crashes would compile all of it again at the next start. Takes long the first time only.
    flushCompileCache()
    const signal = await Promise.race([signals.first, node.done.then(() => null)])
    if (signal === null) throw new Exit(0)
    log.info({ signal }, `${signal}: a second one ends the process at once`)
    await manager.stopping()
    await node.stop(signal)
  } finally {
    signals.release()
  }
}

/** A start that hangs, on files that do not answer for one, would never come to where it hears of the signal. */
async function unlessStuck(starting: Promise<RunningNode>, signalled: Promise<StopSignal>, { log, context }: { readonly log: Log; readonly context: CliContext }): Promise<RunningNode> {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const tooLate = signalled.then((signal) => new Promise<StopSignal>((resolve) => {
    if (isOver) return
    log.info({ signal }, `${signal} during the start, which has ${startGraceMs / 1000} s to come to its end; a second one ends the process at once`)
    timer = setTimeout(() => { resolve(signal) }, startGraceMs)
  }))
  const first = await Promise.race([starting, tooLate]).finally(() => {
    isOver = true
    clearTimeout(timer)
  })
  if (typeof first !== 'string') return first
  context.exitNow(first)
  throw new Exit(signalExitCodes[first])
}

/** A signal during the start waits until the node is up and can leave in order, unless that takes too long; the second one never waits. */
function watchSignals(context: CliContext): { readonly first: Promise<StopSignal>; release(): void } {
  const { promise: first, resolve } = Promise.withResolvers<StopSignal>()
  let seen = false
  const release = context.onSignal((signal) => {
    if (seen) context.exitNow(signal)
    seen = true
    resolve(signal)
  })
  return { first, release }
}
