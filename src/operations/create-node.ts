/** `createNode()`: a node inside a program, with options as an object and with what the program adds of its own. */
import type { StrategyFactory } from '../core/routing/strategies/registry.ts'
import { MeshError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import type { QueryEngine } from '../ports/query-engine.ts'
import { databaseNameForm } from '../wire/name-forms.ts'
import type { EngineDatabaseSettings, NodeSettings } from '../node/node-settings.ts'
import type { LoadThresholds } from '../core/load/types.ts'
import { databaseThresholds, thresholdsSchema } from '../node/options-schema.ts'
import { parseNodeOptions, thresholdsOf } from '../node/options.ts'
import { checkedStrategy, checkEngine, type EngineFactory, type NodePlugins, type PluginDatabase } from '../node/plugins.ts'
import { type OperatedNode, startOperatedNode } from './start-operated-node.ts'

export interface NodeAdditions {
  /** Default: nothing is logged. pino's loggers fit. */
  readonly log?: Log
  /** By the name that databases give as their `engine`. */
  readonly engines?: Readonly<Record<string, EngineFactory>>
  /** By the name that options, databases and hints give; one of them may stand in for a built-in one. */
  readonly strategies?: Readonly<Record<string, StrategyFactory>>
}

const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silentLog }
/** As a hint can name it. */
const strategyPattern = /^[\w-]{1,40}$/

/**
 * Starts a node and joins its mesh; relative paths are relative to the working folder. It neither reads the environment or a configuration file
 * nor touches the process: signals are the program's to handle. Engines that were handed over are closed when the node
 * stops, and when it does not start.
 * @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID, and whatever keeps a node from starting: its data folder, key, keyring,
 * databases, address or port. An unreachable seed does not: it is retried.
 */
export async function createNode(settings: NodeSettings = {}, additions: NodeAdditions = {}): Promise<OperatedNode> {
  const log = additions.log ?? silentLog
  const handedOver = new Set<Pick<QueryEngine, 'close'>>()
  try {
    const { tree, plugins } = separate(settings, additions, handedOver)
    return await startOperatedNode(parseNodeOptions(tree, process.cwd()), { log, plugins })
  } catch (error) {
    // Those that the start did not get to.
    await Promise.allSettled([...handedOver].map((engine) => engine.close()))
    throw error
  }
}

/** The options that the schema knows, and those that are the program's own. */
function separate(settings: NodeSettings, { engines = {}, strategies: factories = {} }: NodeAdditions, handedOver: Set<Pick<QueryEngine, 'close'>>): { readonly tree: object; readonly plugins: NodePlugins } {
  const unnamed = Object.keys(factories).find((name) => !strategyPattern.test(name))
  if (unnamed !== undefined) throw new MeshError('ERR_OPTION_INVALID', `a strategy cannot be called ${JSON.stringify(unnamed)}: up to 40 letters, digits, hyphens and underscores`)
  const strategies = Object.fromEntries(Object.entries(factories).map(([name, create]) => [name, checkedStrategy(name, create)]))
  const isOwn = (name: unknown): name is string => typeof name === 'string' && Object.hasOwn(strategies, name)
  const databases: PluginDatabase[] = []
  const strategyOf = new Map<string, string>()
  const thresholdsOfDatabase = new Map<string, Readonly<Partial<LoadThresholds>>>()
  const given = isMapping(settings.databases) ? Object.entries(settings.databases) : []
  // All of them first, so that a refusal leaves none open.
  for (const [, database] of given) if (isMapping(database) && hasClose(database['engine'])) handedOver.add(database['engine'])
  const known: Array<readonly [string, unknown]> = []
  for (const [name, database] of given) {
    let rest: unknown = database
    // The schema knows the databases that it opens; of one with an engine of its own, the set of strategies is asked.
    if (isMapping(database) && (isOwn(database['strategy']) || ('engine' in database && typeof database['strategy'] === 'string'))) {
      const { strategy, ...others } = database as Readonly<Record<string, unknown>>
      strategyOf.set(name, strategy as string)
      rest = others
    }
    if (isEngineDatabase(rest)) {
      const own = Object.entries(rest).filter(([key]) => isThreshold(key))
      if (own.length > 0) thresholdsOfDatabase.set(name, readThresholds(name, Object.fromEntries(own)))
      databases.push(pluginDatabase(name, rest, { engines, handedOver }))
    } else known.push([name, rest])
  }
  const { strategy, databases: _, ...others } = settings as NodeSettings & Record<string, unknown>
  return {
    tree: {
      ...others,
      // A program that wants a port opened says so.
      http: { listen: 'off', ...settings.http },
      ...(strategy === undefined || isOwn(strategy) ? {} : { strategy }),
      ...(settings.databases === undefined ? {} : { databases: isMapping(settings.databases) ? Object.fromEntries(known) : settings.databases }),
    },
    plugins: { databases, strategies, strategy: isOwn(strategy) ? strategy : null, strategyOf, thresholdsOf: thresholdsOfDatabase },
  }
}

function pluginDatabase(
  name: string, database: EngineDatabaseSettings, { engines, handedOver }: { readonly engines: Readonly<Record<string, EngineFactory>>; readonly handedOver: Set<Pick<QueryEngine, 'close'>> },
): PluginDatabase {
  if (!databaseNameForm.test(name)) throw new MeshError('ERR_OPTION_INVALID', `a database cannot be called ${JSON.stringify(name)}: a letter or underscore, then up to 62 letters, digits, underscores and hyphens`)
  const { engine, settings, ...unknown } = database
  const odd = Object.keys(unknown).filter((key) => !isThreshold(key))
  if (odd.length > 0) throw new MeshError('ERR_OPTION_UNKNOWN', `${odd.join(', ')} of the database ${name} is not known: one with an engine of its own takes engine, strategy, thresholds and settings`, { nextStep: 'A strategy is one of the built-in ones or of those in `strategies`; what the engine needs goes into settings.' })
  if (typeof engine !== 'string') {
    checkEngine(engine, name)
    return {
      name, open: () => {
        handedOver.delete(engine)
        return Promise.resolve(engine)
      },
    }
  }
  const create = Object.hasOwn(engines, engine) ? engines[engine] : undefined
  if (create === undefined) throw new MeshError('ERR_OPTION_INVALID', `no engine is called ${JSON.stringify(engine)}, which the database ${name} names`, { nextStep: Object.keys(engines).length === 0 ? 'Give it to createNode under engines.' : `Those that were given are ${Object.keys(engines).join(', ')}.` })
  return {
    name, open: async (log) => {
      const opened = await create({ database: name, settings, log: log.child({ database: name }) })
      try {
        return checkEngine(opened, name)
      } catch (error) {
        if (typeof (opened as Partial<QueryEngine> | undefined)?.close === 'function') await opened.close()
        throw error
      }
    },
  }
}

function isThreshold(key: string): boolean {
  return (databaseThresholds as readonly string[]).includes(key)
}

function readThresholds(name: string, given: object): Readonly<Partial<LoadThresholds>> {
  const outcome = thresholdsSchema.safeParse(given)
  if (outcome.success) return thresholdsOf(outcome.data)
  throw new MeshError('ERR_OPTION_INVALID', outcome.error.issues.map(({ path: [key = ''], message }) => `the option databases.${name}.${String(key)} is ${JSON.stringify((given as Record<PropertyKey, unknown>)[key])}; it takes ${message}`).join('. '))
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether it is an engine is checked later. */
function hasClose(value: unknown): value is Pick<QueryEngine, 'close'> {
  return isMapping(value) && typeof value['close'] === 'function'
}

function isEngineDatabase(value: unknown): value is EngineDatabaseSettings {
  return isMapping(value) && 'engine' in value
}
