/** What a program adds to its node: strategies and engines of its own, checked where they come in, since a fault in one is easily taken for the mesh's. */
import type { MeshOptions } from '../adapters/libp2p/mesh-options.ts'
import type { LoadThresholds } from '../core/load/types.ts'
import type { StrategyFactory } from '../core/routing/strategies/registry.ts'
import type { RankContext, Ranking, RoutingStrategy } from '../core/routing/strategies/strategy.ts'
import type { PeerView } from '../core/routing/types.ts'
import { MeshError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import type { Tracing } from '../ports/tracing.ts'
import type { QueryEngine } from '../ports/query-engine.ts'
import { engineForm } from '../wire/name-forms.ts'

export interface EngineContext {
  /** The name that the engine's `database` must be. */
  readonly database: string
  /** As the database's settings have it. */
  readonly settings: unknown
  readonly log: Log
}

/** Opens an engine for one database. The node closes it when it stops, or when its start fails. */
export type EngineFactory = (context: EngineContext) => Promise<QueryEngine>

export interface PluginDatabase {
  readonly name: string
  readonly open: (log: Log) => Promise<QueryEngine>
}

export interface NodePlugins {
  readonly databases: readonly PluginDatabase[]
  readonly strategies: Readonly<Record<string, StrategyFactory>>
  /** In place of the option, where that names one of `strategies`. */
  readonly strategy: string | null
  /** By database, likewise. */
  readonly strategyOf: ReadonlyMap<string, string>
  /** By database, likewise. */
  readonly thresholdsOf: ReadonlyMap<string, Readonly<Partial<LoadThresholds>>>
  /** Absent: no query is traced. */
  readonly tracing?: Tracing | undefined
  /** What libp2p tells its own measurements to. */
  readonly libp2pMetrics?: MeshOptions['metrics']
}

export const NO_PLUGINS: NodePlugins = Object.freeze({ databases: [], strategies: {}, strategy: null, strategyOf: new Map<string, string>(), thresholdsOf: new Map<string, LoadThresholds>() })

const methods = ['isReady', 'classify', 'execute', 'close'] as const

/** @throws MeshError ERR_OPTION_INVALID when it is no engine, or one of another database */
export function checkEngine(engine: unknown, database: string): QueryEngine {
  const refuse = (why: string): never => {
    throw new MeshError('ERR_OPTION_INVALID', `the engine of ${database} ${why}`, { nextStep: 'See QueryEngine in docs/guides/library.md.', details: { database } })
  }
  if (typeof engine !== 'object' || engine === null) return refuse('is no object')
  const { database: own, kind, role } = engine as Partial<QueryEngine>
  const missing = methods.filter((method) => typeof (engine as Partial<QueryEngine>)[method] !== 'function')
  if (missing.length > 0) return refuse(`has no ${missing.join(', ')}`)
  if (own !== database) return refuse(`serves ${JSON.stringify(own)}`)
  if (typeof kind !== 'string' || !engineForm.test(kind)) return refuse(`is of the kind ${JSON.stringify(kind)}; a kind has up to 32 lower-case letters, digits and hyphens, a letter first`)
  if (role !== 'primary' && role !== 'replica') return refuse(`has the role ${JSON.stringify(role)}; it is primary or replica`)
  return engine as QueryEngine
}

/**
 * The same factory; what its strategies answer is checked, since an index that is no candidate's would fail far from where it was made.
 * @throws MeshError ERR_OPTION_INVALID when it makes no strategy
 */
export function checkedStrategy(name: string, create: StrategyFactory): StrategyFactory {
  const make: StrategyFactory = (random) => checked(name, create(random))
  make()
  return make
}

function checked(name: string, strategy: RoutingStrategy): RoutingStrategy {
  if (typeof (strategy as Partial<RoutingStrategy> | undefined)?.score !== 'function' || typeof (strategy as Partial<RoutingStrategy>).rank !== 'function') {
    throw new MeshError('ERR_OPTION_INVALID', `the strategy ${name} has no score() or no rank()`, { nextStep: 'createScoringStrategy makes one out of a score.' })
  }
  return {
    name,
    ...(strategy.isStateless === undefined ? {} : { isStateless: strategy.isStateless }),
    ...(strategy.usesProbes === undefined ? {} : { usesProbes: strategy.usesProbes }),
    score: (candidates, context) => strategy.score(candidates, context),
    rank: (candidates: readonly PeerView[], context: RankContext): Ranking => {
      const ranking = strategy.rank(candidates, context)
      const { order } = ranking
      const isSound = order.length === Math.min(context.places, candidates.length) && new Set(order).size === order.length && order.every((index) => candidates[index] !== undefined)
      if (!isSound) throw new MeshError('ERR_INTERNAL', `the strategy ${name} ranked [${order.slice(0, 8).join(', ')}] of ${candidates.length} candidates for ${context.places} places`, { nextStep: 'Correct its rank(): distinct indices of candidates, best first, one for each place.' })
      return ranking
    },
  }
}
