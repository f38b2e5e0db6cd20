/**
 * The options of a node as a program gives them: the configuration file as an object, with units in the values (`'30s'`, `'512MB'`).
 * Ranges, defaults and meanings are in OPTION_TABLE alone, whose keys a test holds these to.
 */
import type { AlertRuleName } from '../core/alerts/rules.ts'
import type { AdmissionOptions } from '../core/admission/options.ts'
import type { TwoHopOptions } from '../core/latency/two-hop-options.ts'
import type { HotspotOptions } from '../core/load/hotspots.ts'
import type { MembershipOptions, MembershipPreset } from '../core/membership/options.ts'
import type { MinorityPolicy } from '../core/membership/quorum.ts'
import type { AffinityOptions } from '../core/routing/affinity.ts'
import type { FeedbackOptions } from '../core/routing/feedback-options.ts'
import type { HedgingOptions } from '../core/routing/hedging.ts'
import type { RoutingOptions } from '../core/routing/options.ts'
import type { OutlierOptions } from '../core/routing/outlier-options.ts'
import type { RetryBudgetOptions } from '../core/routing/retry-budget.ts'
import type { StrategyName } from '../core/routing/strategies/registry.ts'
import type { DatabaseRole, QueryEngine } from '../ports/query-engine.ts'

/** As `500ms`, `30s`, `5m` or `1h`. */
export type Duration = string

/** The name of a built-in strategy, or of one of the program's own. */
export type StrategyChoice = StrategyName | (string & Record<never, never>)

export interface DatabaseSettings {
  /** A .duckdb file, a folder of CSV, JSON and Parquet files, or a postgres:// URL. Relative to the working folder. */
  readonly path: string
  readonly role?: DatabaseRole
  readonly threads?: number
  /** As `1GB`. */
  readonly memory?: string
  readonly strategy?: StrategyChoice
  /** Percent; in place of the node's, for queries on this database, as the three below. */
  readonly cpuThreshold?: number
  readonly memoryThreshold?: number
  readonly overloadLeaveMargin?: number
  readonly overloadDwell?: Duration
}

/** A database behind an engine of the program's own. */
export interface EngineDatabaseSettings {
  /** An engine, or the name of one of the `engines` that were given to `createNode`. */
  readonly engine: QueryEngine | string
  readonly strategy?: StrategyChoice
  readonly cpuThreshold?: number
  readonly memoryThreshold?: number
  readonly overloadLeaveMargin?: number
  readonly overloadDwell?: Duration
  /** For an engine by name: handed to its factory as it is. */
  readonly settings?: unknown
}

/** A duration carries its unit in its value. */
type WithoutUnit<Name extends string> = Name extends `${infer Base}Ms` ? Base : Name extends `${infer Base}MsMax` ? `${Base}Max` : Name extends `${infer Base}MsMin` ? `${Base}Min` : Name
type Group<Options, Elsewhere extends string = never> = { readonly [Name in Exclude<keyof Options & string, Elsewhere> as WithoutUnit<Name>]?: number | Duration }
type WeightName = keyof RoutingOptions & `adaptive${string}`

/** The options of routing's machines by group; docs/OPTIONS.md has them all. */
export interface RoutingSettings {
  readonly adaptive?: { readonly [Name in WeightName as Name extends `adaptive${infer Rest}` ? Uncapitalize<Rest> : never]?: number }
  readonly choice?: Group<RoutingOptions, WeightName | 'failoverMax' | 'staleAfterMs'>
  readonly feedback?: Group<FeedbackOptions>
  readonly outliers?: Group<OutlierOptions>
  readonly gate?: Group<AdmissionOptions, 'limitMax'>
  readonly twoHop?: Group<TwoHopOptions>
  readonly affinity?: Group<AffinityOptions>
  readonly hedging?: Group<HedgingOptions, 'afterMs'>
  readonly retries?: Group<RetryBudgetOptions>
  readonly hotspots?: Group<HotspotOptions, 'queriesPerSecond'>
}

export interface NodeSettings {
  readonly name?: string
  readonly dataDir?: string
  readonly listen?: string
  readonly advertise?: string
  readonly seeds?: readonly string[]
  readonly cluster?: string
  readonly allowPeers?: readonly string[]
  readonly denyPeers?: readonly string[]
  readonly insecure?: boolean
  readonly datacenter?: string
  readonly rack?: string
  readonly capacity?: number
  readonly connectionsMax?: number
  readonly seedRetryMax?: Duration
  /** By name; a text is a path. */
  readonly databases?: Readonly<Record<string, string | DatabaseSettings | EngineDatabaseSettings>>
  readonly pingInterval?: Duration
  readonly pingTimeout?: Duration
  readonly latencyThreshold?: Duration
  readonly unhealthyAfterFailures?: number
  readonly loadInterval?: Duration
  /** Percent. */
  readonly cpuThreshold?: number
  /** Percent. */
  readonly memoryThreshold?: number
  /** Percent. */
  readonly overloadLeaveMargin?: number
  readonly overloadDwell?: Duration
  readonly failoverMax?: number
  readonly strategy?: StrategyChoice
  readonly hedgeAfter?: Duration
  readonly readYourWrites?: Duration
  readonly hotspotRate?: number
  readonly tableAffinity?: boolean
  /** As `256MB`. */
  readonly cacheSize?: string
  readonly cacheAge?: Duration
  readonly coalesce?: boolean
  readonly compression?: 'auto' | 'always' | 'never'
  readonly inFlightMax?: number
  readonly transactionsMax?: number
  readonly transactionIdle?: Duration
  readonly transactionLimit?: Duration
  readonly quorumMin?: number
  readonly minorityPolicy?: MinorityPolicy
  readonly drain?: Duration
  readonly routing?: RoutingSettings
  readonly membership?: { readonly preset?: MembershipPreset } & { readonly [Name in keyof MembershipOptions as WithoutUnit<Name>]?: number | Duration }
  /** For `createNode` the default of `listen` is `off`. */
  readonly http?: { readonly listen?: string; readonly tokenFile?: string; readonly tlsCert?: string; readonly tlsKey?: string; readonly requestsMax?: number; /** As `1MB`. */ readonly bodyMax?: string; readonly rowsMax?: number; readonly timeoutMax?: Duration }
  readonly tables?: { readonly write?: 'on' | 'off'; readonly rawRetention?: Duration; readonly aggregateRetention?: Duration; /** As `1GB`. */ readonly sizeMax?: string; readonly metricsInterval?: Duration }
  readonly queryLog?: 'full' | 'redacted' | 'off'
  /** Rules by name: off, a threshold, or what is to differ. */
  readonly alerts?: { readonly webhook?: string; readonly rules?: { readonly [Rule in AlertRuleName]?: 'off' | number | { readonly above?: number; readonly for?: Duration; readonly severity?: 'warning' | 'critical' } } }
  readonly traces?: { readonly endpoint?: string; readonly sampleRatio?: number }
  /** Of the command line's own log; a program hands `createNode` a log of its own. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
  readonly logFormat?: 'auto' | 'pretty' | 'json'
}
