/** Thresholds and strategy of each database, and the interval of pings, as they are now: shown, and changed on the running node and in its file alike. */
import type { ConfigFile, ConfigTree } from '../adapters/files/config-file.ts'
import type { PeerLatencies } from '../core/latency/peer-latencies.ts'
import type { LoadMonitor } from '../core/load/load-monitor.ts'
import type { LoadThresholds } from '../core/load/types.ts'
import { MeshError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import type { DatabaseEntry, MeasurementView, RoutingChange, RoutingConfigView } from '../wire/configuration-views.ts'
import type { NodesView } from '../wire/control.ts'
import { winsNote } from './change-notes.ts'
import type { DatabaseStrategies } from './database-strategies.ts'
import { listText } from './event-text.ts'
import type { LatencyDriver } from './latency-driver.ts'
import type { LoadDriver } from './load-driver.ts'
import type { DatabaseOptions, NodeOptions } from './options.ts'
import { writeDuration, writeSize } from './options-values.ts'

export interface RoutingSettingsParts {
  readonly options: Pick<NodeOptions, 'databases' | 'latencyThresholdMs' | 'pingTimeoutMs'>
  /** Of databases whose engines are a program's own. */
  readonly thresholdsOf: ReadonlyMap<string, Readonly<Partial<LoadThresholds>>>
  readonly strategyOf: ReadonlyMap<string, string>
  /** Null where a program gave the options. */
  readonly config: Pick<ConfigFile, 'path' | 'change'> | null
  readonly overriddenBy: ReadonlyMap<string, string>
  readonly nodeName: () => string
  /** Of any database; none where nobody serves it. */
  readonly nodes: (database: string) => NodesView
  readonly served: () => readonly string[]
  /** As it was configured or registered; undefined for a program's own. */
  readonly databaseOf: (name: string) => DatabaseOptions | undefined
  readonly monitor: Pick<LoadMonitor, 'options' | 'thresholdsFor'>
  readonly loadDriver: Pick<LoadDriver, 'setThresholds' | 'lastReadingWallMs'>
  readonly strategies: Pick<DatabaseStrategies, 'nameOf' | 'set'>
  readonly latencies: Pick<PeerLatencies, 'options' | 'size'>
  readonly latencyDriver: Pick<LatencyDriver, 'setPingInterval'>
  readonly uptimeMs: () => number
  readonly logFile: string | null
  readonly log: Log
}

interface Own {
  readonly thresholds: Readonly<Partial<LoadThresholds>>
  readonly strategy: string | null
}

interface State extends Own {
  readonly pingIntervalMs: number
}

const NO_OWN: Own = { thresholds: {}, strategy: null }

export class RoutingSettings {
  readonly #parts: RoutingSettingsParts
  readonly #own = new Map<string, Own>()

  constructor(parts: RoutingSettingsParts) {
    this.#parts = parts
    for (const { name, thresholds, strategy } of parts.options.databases) this.#own.set(name, { thresholds, strategy })
    for (const name of new Set([...parts.thresholdsOf.keys(), ...parts.strategyOf.keys()])) {
      const own = this.#own.get(name) ?? NO_OWN
      this.#own.set(name, { thresholds: parts.thresholdsOf.get(name) ?? own.thresholds, strategy: parts.strategyOf.get(name) ?? own.strategy })
    }
  }

  // --- for the registry -----------------------------------------------------------------------------------------------------

  /** @throws MeshError ERR_OPTION_INVALID */
  adopt(name: string, own: Own): void {
    this.#apply(name, own)
  }

  forget(name: string): void {
    this.#apply(name, NO_OWN)
    this.#own.delete(name)
  }

  ownOf(name: string): Own {
    return this.#own.get(name) ?? NO_OWN
  }

  // --- for operators --------------------------------------------------------------------------------------------------------

  /** @throws MeshError ERR_DATABASE_UNKNOWN */
  view(database: string): RoutingConfigView {
    return this.#view(database, null, [])
  }

  /**
   * First the file, then the node: together, or neither.
   * @throws MeshError ERR_DATABASE_UNKNOWN, ERR_NOT_SERVING, ERR_OPTION_INVALID, ERR_CONFIG_FILE
   */
  async change(database: string, change: RoutingChange, { save }: { readonly save: boolean }): Promise<RoutingConfigView> {
    const { config, overriddenBy, log } = this.#parts
    const { servers } = this.view(database)
    const isOfDatabase = change.cpuThresholdPercent !== undefined || change.memoryThresholdPercent !== undefined || change.strategy !== undefined
    if (isOfDatabase && !this.#parts.served().includes(database)) {
      throw new MeshError('ERR_NOT_SERVING', `${database} is not served here: its thresholds and its strategy are those of the nodes that serve it`, { nextStep: `Run the command beside ${servers.length === 1 ? '' : 'one of '}${listText(servers)}. --interval is this node's own and can be changed here.` })
    }
    const before: State = { ...this.ownOf(database), pingIntervalMs: this.#parts.latencies.options.pingIntervalMs }
    const after = changed(before, change)
    this.#check(database, after)
    const apply = (): void => {
      try {
        this.#applyAll(database, after)
      } catch (error) {
        this.#applyAll(database, before)
        throw error
      }
    }
    const isSaved = save && config !== null
    if (isSaved) await config.change((tree) => { this.#edit(tree, database, change) }, apply)
    else apply()
    log.info({ database, change: { ...change }, saved: isSaved }, `routing of ${database} was changed by rdb db:routing:config`)
    const notes = !isSaved ? [config === null ? 'A program gave this node its options: the change holds until it stops.' : 'Not saved: the change holds until the node stops.'] : [
      ...(isOfDatabase && overriddenBy.has('databases') ? [winsNote(overriddenBy.get('databases') ?? '', 'databases', config.path)] : []),
      ...(change.pingIntervalMs !== undefined && overriddenBy.has('pingInterval') ? [winsNote(overriddenBy.get('pingInterval') ?? '', 'pingInterval', config.path)] : []),
    ]
    return this.#view(database, isSaved, notes)
  }

  /** @throws MeshError ERR_DATABASE_UNKNOWN */
  measurement(database: string | null): MeasurementView {
    const { latencies, monitor, loadDriver, options, nodeName, uptimeMs, served, logFile } = this.#parts
    const nodes = database === null ? null : this.#nodes(database)
    const { cpuPercent, memoryPercent } = database === null ? monitor.options : monitor.thresholdsFor(database)
    const checks = [loadDriver.lastReadingWallMs, ...nodes?.nodes.map(({ lastCheckWallMs }) => lastCheckWallMs) ?? []].filter((atMs) => atMs !== null)
    return {
      node: nodeName(), pid: process.pid, uptimeMs: uptimeMs(), database, databases: served(), pingIntervalMs: latencies.options.pingIntervalMs,
      thresholds: { cpuPercent, memoryPercent, latencyMs: options.latencyThresholdMs }, peers: latencies.size,
      lastCheckWallMs: checks.length === 0 ? null : Math.max(...checks), log: logFile,
    }
  }

  // --- inside ---------------------------------------------------------------------------------------------------------------

  #nodes(database: string): NodesView {
    const view = this.#parts.nodes(database)
    if (view.nodes.length === 0) throw new MeshError('ERR_DATABASE_UNKNOWN', `no node of the mesh serves ${database}`)
    return view
  }

  #view(database: string, isSaved: boolean | null, notes: readonly string[]): RoutingConfigView {
    const { monitor, strategies, latencies, options, nodeName, served, config } = this.#parts
    const { nodes } = this.#nodes(database)
    const { cpuPercent, memoryPercent, leaveMarginPercent, dwellMs } = monitor.thresholdsFor(database)
    const { thresholds, strategy } = this.ownOf(database)
    return {
      database, node: nodeName(), isServedHere: served().includes(database), servers: nodes.map(({ name }) => name),
      cpuThresholdPercent: cpuPercent, memoryThresholdPercent: memoryPercent, overloadLeaveMarginPercent: leaveMarginPercent, overloadDwellMs: dwellMs,
      latencyThresholdMs: options.latencyThresholdMs, strategy: strategies.nameOf(database), pingIntervalMs: latencies.options.pingIntervalMs,
      own: [
        ...(thresholds.cpuPercent === undefined ? [] : ['cpuThreshold' as const]), ...(thresholds.memoryPercent === undefined ? [] : ['memoryThreshold' as const]),
        ...(thresholds.leaveMarginPercent === undefined ? [] : ['overloadLeaveMargin' as const]), ...(thresholds.dwellMs === undefined ? [] : ['overloadDwell' as const]),
        ...(strategy === null ? [] : ['strategy' as const]),
      ],
      file: config?.path ?? null, isSaved, notes,
    }
  }

  /** In the words of the command, before anything is written. */
  #check(database: string, { thresholds, pingIntervalMs }: State): void {
    const { monitor, options } = this.#parts
    const { cpuPercent, memoryPercent, leaveMarginPercent } = { ...monitor.options, ...thresholds }
    if (leaveMarginPercent >= Math.min(cpuPercent, memoryPercent)) {
      throw new MeshError('ERR_OPTION_INVALID', `the overloadLeaveMargin of ${database} is ${leaveMarginPercent}, and both thresholds must be above it: overload could never end`, { nextStep: `Give thresholds above ${leaveMarginPercent}.` })
    }
    if (pingIntervalMs <= options.pingTimeoutMs) {
      throw new MeshError('ERR_OPTION_INVALID', `the interval (${writeDuration(pingIntervalMs)}) must be above pingTimeout (${writeDuration(options.pingTimeoutMs)}), or rounds of pings overlap`, { nextStep: 'Give a longer interval, or start the node with a shorter --ping-timeout.' })
    }
  }

  #apply(database: string, { thresholds, strategy }: Own): void {
    const { strategies, loadDriver } = this.#parts
    strategies.set(database, strategy)
    loadDriver.setThresholds(database, thresholds)
    this.#own.set(database, { thresholds, strategy })
  }

  #applyAll(database: string, state: State): void {
    const { latencies, latencyDriver } = this.#parts
    this.#apply(database, { thresholds: state.thresholds, strategy: state.strategy })
    if (latencies.options.pingIntervalMs !== state.pingIntervalMs) latencyDriver.setPingInterval(state.pingIntervalMs)
  }

  #edit(tree: ConfigTree, database: string, { cpuThresholdPercent, memoryThresholdPercent, strategy, pingIntervalMs }: RoutingChange): void {
    const changes = { cpuThreshold: cpuThresholdPercent, memoryThreshold: memoryThresholdPercent, strategy }
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) continue
      // Given as --db, it is not in the file; its path makes the entry whole.
      const known = this.#parts.databaseOf(database)
      if (!tree.has(['databases', database]) && known !== undefined) tree.set(['databases', database], entryOf({ ...known, ...this.ownOf(database) }))
      tree.set(['databases', database, key], value)
    }
    if (pingIntervalMs !== undefined) tree.set(['pingInterval'], writeDuration(pingIntervalMs))
  }
}

function changed({ thresholds, strategy, pingIntervalMs }: State, change: RoutingChange): State {
  const { cpuPercent, memoryPercent, ...others } = thresholds
  const cpu = change.cpuThresholdPercent === undefined ? cpuPercent : change.cpuThresholdPercent ?? undefined
  const memory = change.memoryThresholdPercent === undefined ? memoryPercent : change.memoryThresholdPercent ?? undefined
  return {
    thresholds: { ...others, ...(cpu === undefined ? {} : { cpuPercent: cpu }), ...(memory === undefined ? {} : { memoryPercent: memory }) },
    strategy: change.strategy === undefined ? strategy : change.strategy, pingIntervalMs: change.pingIntervalMs ?? pingIntervalMs,
  }
}

/** As the configuration file has a database. */
export function entryOf({ path, role, threads, memoryBytes, strategy, thresholds: { cpuPercent, memoryPercent, leaveMarginPercent, dwellMs } }: Omit<DatabaseOptions, 'strategy' | 'name'> & { readonly strategy: string | null }): DatabaseEntry {
  return {
    path, ...(role === 'primary' ? { role } : {}), ...(threads === null ? {} : { threads }), ...(memoryBytes === null ? {} : { memory: writeSize(memoryBytes) }), ...(strategy === null ? {} : { strategy }),
    ...(cpuPercent === undefined ? {} : { cpuThreshold: cpuPercent }), ...(memoryPercent === undefined ? {} : { memoryThreshold: memoryPercent }),
    ...(leaveMarginPercent === undefined ? {} : { overloadLeaveMargin: leaveMarginPercent }), ...(dwellMs === undefined ? {} : { overloadDwell: writeDuration(dwellMs) }),
  }
}
