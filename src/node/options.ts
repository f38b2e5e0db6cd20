/**
 * A node's options, from all their sources, checked once and frozen. Precedence: flags, then environment, then configuration file, then
 * defaults; a list from a higher source replaces the lower one whole.
 */
import type { AlertRuleOverrides } from '../core/alerts/rules.ts'
import type { CompressionMode } from '../core/latency/compression.ts'
import type { StrategyName } from '../core/routing/strategies/registry.ts'
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { isUrl, parseConnectionTarget } from '../adapters/postgres/connection-target.ts'
import { MeshError } from '../errors.ts'
import { MEMBERSHIP_OPTIONS, MEMBERSHIP_OPTION_NAMES, parseMembershipOptions, type MembershipOptions, type MembershipPreset } from '../core/membership/options.ts'
import type { LoadThresholds } from '../core/load/types.ts'
import type { MinorityPolicy } from '../core/membership/quorum.ts'
import { type ParsedAlertRule, refusedAlertRule } from './options-alerts.ts'
import { type databaseThresholds, optionsSchema, type ParsedDatabase } from './options-schema.ts'
import { fromConfigFile, fromEnvironment, fromFlags, fromTree, type FlagValues, type SourcedOptions, type SourcedValue } from './options-sources.ts'
import { type RoutingMachineOptions, ROUTING_OPTION_TABLE, routingOptionsOf } from './options-routing.ts'
import { CONFIG_ENV, DATA_DIR_CONFIG, membershipKey, OPTION_TABLE } from './options-table.ts'
import { type HostPort, maskPasswords } from './options-values.ts'
import { MESH_DATABASE } from '../wire/operations-views.ts'

export { OPTION_TABLE } from './options-table.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'auto' | 'pretty' | 'json'

export interface DatabaseOptions {
  readonly name: string
  /** Absolute, or the URL of a PostgreSQL database, without a password. */
  readonly path: string
  /** `replica` for a PostgreSQL server too, which says itself what it is. */
  readonly role: 'primary' | 'replica'
  /** Null: the engine's own default. */
  readonly threads: number | null
  readonly memoryBytes: number | null
  /** Null: the node's. */
  readonly strategy: StrategyName | null
  /** Those of its own; for the others the node's hold. */
  readonly thresholds: Readonly<Partial<LoadThresholds>>
}

export interface HttpOptions {
  readonly listen: 'auto' | 'off' | HostPort
  /** Absolute. */
  readonly tokenFile: string | null
  readonly tlsCert: string | null
  readonly tlsKey: string | null
  readonly requestsMax: number
  readonly bodyBytesMax: number
  readonly rowsMax: number
  readonly timeoutMsMax: number
}

export interface TablesOptions {
  readonly isWritten: boolean
  readonly rawRetentionMs: number
  readonly aggregateRetentionMs: number
  readonly bytesMax: number
  readonly metricsIntervalMs: number
}

export interface AlertsOptions {
  readonly webhook: string | null
  /** What differs from the defaults of the rules. */
  readonly rules: AlertRuleOverrides
}

export interface TracesOptions {
  /** Null: no traces. */
  readonly endpoint: string | null
  readonly sampleRatio: number
}

/** Plain, checked, frozen. Units and ranges: OPTION_TABLE. */
export interface NodeOptions {
  readonly name: string
  /** Absolute. */
  readonly dataDir: string
  readonly listen: HostPort
  readonly advertise: { readonly host: string; readonly port: number | null } | null
  readonly seeds: readonly string[]
  readonly cluster: string
  readonly allowPeers: readonly string[]
  readonly denyPeers: readonly string[]
  readonly databases: readonly DatabaseOptions[]
  readonly insecure: boolean
  readonly datacenter: string
  readonly rack: string
  readonly capacity: number
  readonly connectionsMax: number
  readonly seedRetryMaxMs: number
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  readonly latencyThresholdMs: number
  readonly unhealthyAfterFailures: number
  readonly loadIntervalMs: number
  readonly cpuThresholdPercent: number
  readonly memoryThresholdPercent: number
  readonly overloadLeaveMarginPercent: number
  readonly overloadDwellMs: number
  readonly failoverMax: number
  readonly strategy: StrategyName
  /** 0: never. */
  readonly hedgeAfterMs: number
  readonly readYourWritesMs: number
  readonly tableAffinity: boolean
  readonly hotspotPerSecond: number
  /** 0: no cache of results. */
  readonly cacheBytes: number
  readonly cacheAgeMs: number
  readonly coalesce: boolean
  readonly compression: CompressionMode
  readonly inFlightMax: number
  readonly transactionsMax: number
  readonly transactionIdleMs: number
  readonly transactionLimitMs: number
  /** Null: more than half of those that are expected. */
  readonly quorumMin: number | null
  readonly minorityPolicy: MinorityPolicy
  readonly drainMs: number
  /** Of routing's machines; those that options above set are in it too. */
  readonly routing: RoutingMachineOptions
  readonly http: HttpOptions
  readonly tables: TablesOptions
  readonly alerts: AlertsOptions
  readonly traces: TracesOptions
  readonly queryLog: 'full' | 'redacted' | 'off'
  readonly membership: MembershipOptions
  readonly membershipPreset: MembershipPreset
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

export interface OptionSources {
  /** By option key; `config` names the file. */
  readonly flags: FlagValues
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** What a node is started with, and where its changes are kept. */
export interface NodeConfiguration {
  readonly options: NodeOptions
  /** Absolute: the file that was named, or else that in the data folder, which need not exist. */
  readonly file: string
  /** By option key: the flag or the variable that wins over the file, at the next start as at this one. */
  readonly overriddenBy: ReadonlyMap<string, string>
  /**
   * The options as they were if that were the content of the file.
   * @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID, ERR_CONFIG_FILE
   */
  readonly withText: (text: string) => NodeOptions
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID, ERR_CONFIG_FILE */
export function loadNodeOptions(sources: OptionSources): NodeOptions {
  return loadNodeConfiguration(sources).options
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID, ERR_CONFIG_FILE */
export function loadNodeConfiguration({ flags, env, cwd }: OptionSources): NodeConfiguration {
  const named = flags['config'] ?? env[CONFIG_ENV]
  if (named !== undefined && (typeof named !== 'string' || named === '')) throw new MeshError('ERR_OPTION_INVALID', '--config needs the path of a file')
  const higher = [fromFlags(flags, cwd), fromEnvironment(env, cwd)]
  const file = named === undefined ? resolve(cwd, dataDirAsGiven(higher), DATA_DIR_CONFIG) : resolve(cwd, named)
  const load = (lower: readonly SourcedOptions[]): NodeOptions => {
    const options = build([...higher, ...lower], cwd)
    if (named === undefined && options.dataDir !== dirname(file)) {
      throw new MeshError('ERR_OPTION_INVALID', `${file} is read because its folder is the data folder, and names ${options.dataDir} as that`, { nextStep: 'Take dataDir out of the file, or name the file with --config.' })
    }
    return options
  }
  return {
    options: load(named !== undefined || existsSync(file) ? [fromConfigFile(file, cwd)] : []), file,
    overriddenBy: new Map(higher.toReversed().flatMap((source) => [...source].map(([key, { source: by }]) => [key, by] as const))),
    withText: (text) => load([fromConfigFile(file, cwd, text)]),
  }
}

/** Before all the rest is known; what is no path is refused with it. */
function dataDirAsGiven(sources: readonly SourcedOptions[]): string {
  const given = sources.find((source) => source.has('dataDir'))?.get('dataDir')?.value
  return typeof given === 'string' && given !== '' && !given.includes('\0') ? given : String(OPTION_TABLE.find(({ key }) => key === 'dataDir')?.default)
}

/**
 * The same for a program: an object of the configuration file's shape, without environment and file.
 *
 * @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID
 */
export function parseNodeOptions(tree: object, cwd: string): NodeOptions {
  return build([fromTree(tree, { at: (keyPath) => `the option ${keyPath.join('.')}`, folder: cwd })], cwd)
}

function build(sources: readonly SourcedOptions[], cwd: string): NodeOptions {
  const merged = new Map<string, SourcedValue>()
  for (const { key, default: fallback } of OPTION_TABLE) {
    const given = sources.find((source) => source.has(key))?.get(key)
    if (given !== undefined) merged.set(key, given)
    else if (fallback !== null) merged.set(key, { value: fallback, source: `the default of ${key}`, folder: cwd })
  }
  for (const { key } of ROUTING_OPTION_TABLE) {
    const given = sources.find((source) => source.has(key))?.get(key)
    if (given !== undefined) merged.set(key, given)
  }
  const outcome = optionsSchema.safeParse(Object.fromEntries([...merged].map(([key, { value }]) => [key, value])))
  if (!outcome.success) throw refusal(outcome.error.issues, merged)
  checkMembershipRules(outcome.data, merged)
  const options = typed(outcome.data, merged)
  checkRules(options, merged)
  return freeze(options)
}

function typed(values: Record<string, unknown>, merged: SourcedOptions): NodeOptions {
  // The schema has just checked each key's type; the table's keys and these fields are held together by a test.
  const get = <T>(key: string): T => values[key] as T
  const inFolderOf = (key: string, path: string): string => resolve(merged.get(key)?.folder ?? '.', path)
  const fileOf = (key: string): string | null => {
    const path = get<string | undefined>(key)
    return path === undefined ? null : inFolderOf(key, path)
  }
  const overrides = Object.fromEntries(MEMBERSHIP_OPTION_NAMES.flatMap((name) => {
    const value = get<number | undefined>(`membership.${membershipKey(name)}`)
    return value === undefined ? [] : [[name, value]]
  })) as Partial<MembershipOptions>
  return {
    name: get<string | undefined>('name') ?? nameOfHost(),
    dataDir: inFolderOf('dataDir', get('dataDir')),
    listen: get('listen'),
    advertise: get<NodeOptions['advertise'] | undefined>('advertise') ?? null,
    seeds: get<string[] | undefined>('seeds') ?? [],
    cluster: get('cluster'),
    allowPeers: get<string[] | undefined>('allowPeers') ?? [], denyPeers: get<string[] | undefined>('denyPeers') ?? [],
    databases: (get<ParsedDatabase[] | undefined>('databases') ?? []).map(({ name, path, role, threads, memory, strategy, ...thresholds }) => (
      { name, path: isUrl(path) ? path : inFolderOf('databases', path), role: role ?? 'replica', threads, memoryBytes: memory, strategy, thresholds: thresholdsOf(thresholds) })),
    insecure: get('insecure'),
    datacenter: get('datacenter'), rack: get('rack'), capacity: get('capacity'),
    connectionsMax: get('connectionsMax'), seedRetryMaxMs: get('seedRetryMax'),
    pingIntervalMs: get('pingInterval'), pingTimeoutMs: get('pingTimeout'),
    latencyThresholdMs: get('latencyThreshold'), unhealthyAfterFailures: get('unhealthyAfterFailures'),
    loadIntervalMs: get('loadInterval'),
    cpuThresholdPercent: get('cpuThreshold'), memoryThresholdPercent: get('memoryThreshold'),
    overloadLeaveMarginPercent: get('overloadLeaveMargin'), overloadDwellMs: get('overloadDwell'),
    strategy: get('strategy'), hedgeAfterMs: get('hedgeAfter'), readYourWritesMs: get('readYourWrites'), hotspotPerSecond: get('hotspotRate'),
    cacheBytes: get('cacheSize'), cacheAgeMs: get('cacheAge'), coalesce: get('coalesce'), compression: get('compression'),
    tableAffinity: get('tableAffinity'),
    failoverMax: get('failoverMax'), inFlightMax: get('inFlightMax'), drainMs: get('drain'),
    transactionsMax: get('transactionsMax'), transactionIdleMs: get('transactionIdle'), transactionLimitMs: get('transactionLimit'),
    quorumMin: get<number | undefined>('quorumMin') ?? null, minorityPolicy: get('minorityPolicy'),
    routing: routingOptionsOf(values, merged, { failoverMax: get('failoverMax'), loadIntervalMs: get('loadInterval'), inFlightMax: get('inFlightMax'), hedgeAfterMs: get('hedgeAfter'), hotspotPerSecond: get('hotspotRate') }),
    http: {
      listen: get('http.listen'), tokenFile: fileOf('http.tokenFile'), tlsCert: fileOf('http.tlsCert'), tlsKey: fileOf('http.tlsKey'),
      requestsMax: get('http.requestsMax'), bodyBytesMax: get('http.bodyMax'), rowsMax: get('http.rowsMax'), timeoutMsMax: get('http.timeoutMax'),
    },
    tables: {
      isWritten: get('tables.write') === 'on', rawRetentionMs: get('tables.rawRetention'), aggregateRetentionMs: get('tables.aggregateRetention'),
      bytesMax: get('tables.sizeMax'), metricsIntervalMs: get('tables.metricsInterval'),
    },
    alerts: { webhook: get<string | undefined>('alerts.webhook') ?? null, rules: Object.fromEntries((get<ParsedAlertRule[] | undefined>('alerts.rules') ?? []).map(({ rule, ...settings }) => [rule, settings])) },
    traces: { endpoint: get<string | undefined>('traces.endpoint') ?? null, sampleRatio: get('traces.sampleRatio') },
    queryLog: get('queryLog'),
    membership: parseMembershipOptions(overrides, get<MembershipPreset>('membership.preset')),
    membershipPreset: get('membership.preset'),
    logLevel: get('logLevel'), logFormat: get('logFormat'),
  }
}

/** As the load machine calls them. */
export function thresholdsOf({ cpuThreshold, memoryThreshold, overloadLeaveMargin, overloadDwell }: Pick<ParsedDatabase, (typeof databaseThresholds)[number]>): Readonly<Partial<LoadThresholds>> {
  return {
    ...(cpuThreshold === undefined ? {} : { cpuPercent: cpuThreshold }), ...(memoryThreshold === undefined ? {} : { memoryPercent: memoryThreshold }),
    ...(overloadLeaveMargin === undefined ? {} : { leaveMarginPercent: overloadLeaveMargin }), ...(overloadDwell === undefined ? {} : { dwellMs: overloadDwell }),
  }
}

/** Those of core/membership/options.ts, which knows the values and not what the user called them, so that each side is named with its source. */
function checkMembershipRules(values: Record<string, unknown>, merged: SourcedOptions): void {
  const preset = values['membership.preset'] as MembershipPreset
  const side = (name: keyof MembershipOptions): { readonly ms: number; readonly text: string } => {
    const key = `membership.${membershipKey(name)}`
    const ms = (values[key] as number | undefined) ?? MEMBERSHIP_OPTIONS[name].presets[preset]
    return { ms, text: `${merged.get(key)?.source ?? `${key} of the preset ${preset}`} (${ms}ms)` }
  }
  const [probe, ack, floor] = [side('probeIntervalMs'), side('ackTimeoutMs'), side('ackTimeoutFloorMs')]
  if (ack.ms >= probe.ms) {
    throw new MeshError('ERR_OPTION_INVALID', `${ack.text} must be below ${probe.text}`, { nextStep: 'Shorten the timeout or lengthen the interval: helpers are asked in what is left of the period.' })
  }
  if (floor.ms > ack.ms) {
    throw new MeshError('ERR_OPTION_INVALID', `${floor.text} must not exceed ${ack.text}`, { nextStep: 'Lower the floor or raise the timeout.' })
  }
}

/** Rules between options; each message names both sides with their sources. */
function checkRules(options: NodeOptions, merged: SourcedOptions): void {
  const from = (key: string): string => merged.get(key)?.source ?? key
  const refuse = (message: string, nextStep: string): never => {
    throw new MeshError('ERR_OPTION_INVALID', message, { nextStep })
  }
  if (options.pingTimeoutMs >= options.pingIntervalMs) {
    refuse(`${from('pingTimeout')} (${options.pingTimeoutMs}ms) must be below ${from('pingInterval')} (${options.pingIntervalMs}ms)`, 'Shorten the timeout or lengthen the interval; otherwise rounds of pings overlap.')
  }
  const lowest = options.cpuThresholdPercent <= options.memoryThresholdPercent ? 'cpuThreshold' : 'memoryThreshold'
  const lowestPercent = Math.min(options.cpuThresholdPercent, options.memoryThresholdPercent)
  if (options.overloadLeaveMarginPercent >= lowestPercent) {
    refuse(`${from('overloadLeaveMargin')} (${options.overloadLeaveMarginPercent}) must be below ${from(lowest)} (${lowestPercent})`, 'Lower the margin; otherwise overload could never end.')
  }
  for (const { name, thresholds } of options.databases) {
    const margin = thresholds.leaveMarginPercent ?? options.overloadLeaveMarginPercent
    const lowest = Math.min(thresholds.cpuPercent ?? options.cpuThresholdPercent, thresholds.memoryPercent ?? options.memoryThresholdPercent)
    if (margin >= lowest) refuse(`${from('databases')} gives ${name} an overloadLeaveMargin (${margin}) that is not below its lower threshold (${lowest}); what it does not set is the node's`, 'Lower the margin; otherwise overload could never end.')
  }
  for (const { name, path } of options.databases) if (isUrl(path)) parseConnectionTarget(name, path)
  if (options.tables.aggregateRetentionMs < options.tables.rawRetentionMs) {
    refuse(`${from('tables.aggregateRetention')} (${options.tables.aggregateRetentionMs}ms) must not be below ${from('tables.rawRetention')} (${options.tables.rawRetentionMs}ms)`, 'Keep aggregates at least as long as the samples they are made of.')
  }
  if (options.databases.some(({ name }) => name === MESH_DATABASE)) {
    refuse(`${from('databases')} names a database ${MESH_DATABASE}, which is that of the mesh itself on every node`, 'Give it another name.')
  }
  const names = options.databases.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) refuse(`${from('databases')} names the database ${twice} twice`, 'Give each database a name of its own.')
}

interface SchemaIssue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** All that is wrong at once, so that nobody corrects one value a start. */
function refusal(issues: readonly SchemaIssue[], merged: SourcedOptions): MeshError {
  const sentences = issues.map(({ path: [key, ...rest], message }) => {
    const entry = merged.get(String(key))
    const value = rest.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], entry?.value)
    const database = key === 'databases' && typeof rest[0] === 'number' ? (entry?.value as ReadonlyArray<{ readonly name?: unknown }>)[rest[0]]?.name : undefined
    const where = database === undefined || rest[1] === 'name' ? '' : ` for ${String(database)}: ${String(rest[1])}`
    const rule = key === 'alerts.rules' ? refusedAlertRule(value) : null
    if (rule !== null) return `${entry?.source ?? String(key)} ${rule}`
    return maskPasswords(`${entry?.source ?? String(key)}${where} is ${value === undefined ? 'incomplete' : JSON.stringify(value)}; it takes ${message}`)
  })
  return new MeshError('ERR_OPTION_INVALID', sentences.join('. '))
}

/** The host name, with what a name may not hold replaced, since it was not the user who chose it. */
function nameOfHost(): string {
  const name = hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, 63)
  return name === '' ? 'node' : name
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner as object)
  return Object.freeze(value)
}
