/**
 * Databases that come and go while the node runs. What is registered is opened, and then the mesh is told; what is unregistered is first taken from the
 * mesh, then given the time to end what runs on it, and only then closed. The file has it in either case before anybody else does, and never has what
 * does not open; other changes of the file do not wait while a database opens.
 */
import type { ConfigFile } from '../adapters/files/config-file.ts'
import { MeshError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { QueryEngine } from '../ports/query-engine.ts'
import type { DatabaseEntry, RegistryProgress, RegistryView } from '../wire/configuration-views.ts'
import type { DatabaseView } from '../wire/operations-views.ts'
import { winsNote } from './change-notes.ts'
import { openInTime, REGISTER_OPEN_TIMEOUT_MS } from './engine-opening.ts'
import type { EngineStates } from './engine-states.ts'
import type { EngineUses } from './engine-uses.ts'
import { type DatabaseOptions, type NodeOptions, parseNodeOptions } from './options.ts'
import type { RoutingSettings } from './routing-settings.ts'

const progressMs = 500
const databasesMax = 256

export interface DatabaseRegistryParts {
  readonly options: Pick<NodeOptions, 'databases' | 'drainMs' | 'cpuThresholdPercent' | 'memoryThresholdPercent' | 'overloadLeaveMarginPercent'>
  /** Those of the node, which everybody else only reads. */
  readonly engines: Map<string, QueryEngine>
  readonly engineStates: Pick<EngineStates, 'handleAdded' | 'handleRemoved'>
  readonly uses: Pick<EngineUses, 'openTransactions' | 'running' | 'untilIdle' | 'cutOff'>
  readonly settings: Pick<RoutingSettings, 'adopt' | 'forget'>
  readonly open: (database: DatabaseOptions) => Promise<QueryEngine>
  /** What is kept of results of that name is of another database from now on. */
  readonly forgetResults: (database: string) => void
  /** Null where a program gave the options. */
  readonly config: Pick<ConfigFile, 'path' | 'change'> | null
  readonly overriddenBy: ReadonlyMap<string, string>
  readonly nodeName: () => string
  readonly databases: () => readonly DatabaseView[]
  readonly isDraining: () => boolean
  readonly clock: Clock
  readonly log: Log
}

export interface RegisterRequest {
  readonly name: string
  readonly entry: DatabaseEntry
  readonly save: boolean
}

export interface UnregisterRequest {
  readonly name: string
  readonly save: boolean
  /** Also with transactions open on it, which are lost if they do not end in time. */
  readonly force: boolean
}

interface Closing {
  readonly engine: QueryEngine
  readonly done: Promise<number>
  readonly untilMs: number
}

export class DatabaseRegistry {
  readonly #parts: DatabaseRegistryParts
  readonly #databases: Map<string, DatabaseOptions>
  readonly #opening = new Set<string>()
  readonly #closing = new Map<string, Closing>()
  #stop = Promise.withResolvers<void>()
  readonly #stopping = new AbortController()

  constructor(parts: DatabaseRegistryParts) {
    this.#parts = parts
    this.#databases = new Map(parts.options.databases.map((database) => [database.name, database]))
  }

  /** Those that were configured or registered, without a program's own. */
  list(): DatabaseOptions[] {
    return [...this.#databases.values()]
  }

  get(name: string): DatabaseOptions | undefined {
    return this.#databases.get(name)
  }

  /**
   * When the signal aborts before the database is open, nothing is changed.
   * @throws MeshError ERR_DATABASE_IN_USE, ERR_DATABASE_PATH, ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_CONFIG_FILE, ERR_DRAINING; the signal's reason
   */
  async register({ name, entry, save }: RegisterRequest, callers?: AbortSignal): Promise<RegistryView> {
    const { config, engines, log, open, clock } = this.#parts
    const database = this.#parse(name, entry)
    this.#checkFree(name)
    this.#opening.add(name)
    try {
      const isSaved = save && config !== null
      const signal = callers === undefined ? this.#stopping.signal : AbortSignal.any([callers, this.#stopping.signal])
      const engine = await openInTime({ database: name, open: () => open(database), timeoutMs: REGISTER_OPEN_TIMEOUT_MS, signal, clock, log })
      try {
        if (isSaved) await config.change((tree) => { tree.set(['databases', name], shortened(entry)) }, () => { this.#adopt(database, engine) })
        else this.#adopt(database, engine)
      } catch (error) {
        await engine.close()
        throw error
      }
      log.info({ database: name, path: database.path }, `${name} is served here from now on: rdb db:register`)
      return this.#view(name, engines.get(name) ?? null, { isSaved, ended: 0 })
    } finally {
      this.#opening.delete(name)
    }
  }

  /**
   * Answers while it is waiting; what it has begun goes on when nobody listens any more.
   * @throws MeshError ERR_DATABASE_UNKNOWN, ERR_DATABASE_IN_USE, ERR_OPTION_INVALID, ERR_CONFIG_FILE
   */
  async *unregister({ name, save, force }: UnregisterRequest): AsyncGenerator<RegistryProgress, void, void> {
    const { config, engines, uses, clock, log, nodeName } = this.#parts
    const engine = engines.get(name)
    if (engine !== undefined && !this.#databases.has(name)) throw new MeshError('ERR_OPTION_INVALID', `${name} has an engine of the program's own, or of the node, and stays until the node stops`)
    this.#checkIdle(name, { force })
    const isSaved = save && config !== null
    let wasInFile = false
    const close = (): Closing | null => (engine === undefined ? null : this.#close(name, engine))
    const closing = !isSaved ? close() : await config.change((tree) => {
      wasInFile = tree.has(['databases', name])
      // Another call may have come first.
      if (engines.get(name) !== engine) throw new MeshError('ERR_DATABASE_IN_USE', `${name} is being unregistered already`)
      if (engine === undefined && !wasInFile) return
      this.#checkIdle(name, { force })
      tree.set(['databases', name], null)
    }, close)
    if (closing === null && !wasInFile) throw new MeshError('ERR_DATABASE_UNKNOWN', `${nodeName()} does not serve ${name}`)
    let ended = 0
    if (closing !== null) {
      log.info({ database: name, running: uses.running(name) }, `${name} is not served here any more: rdb db:unregister`)
      let isDone = false
      const done = closing.done.then((count) => {
        isDone = true
        ended = count
      })
      while (!isDone) {
        if (uses.running(name) > 0) yield { kind: 'draining', running: uses.running(name), leftMs: Math.max(0, Math.round(closing.untilMs - clock.nowMs())) }
        await Promise.race([done, new Promise<void>((resolve) => { clock.setTimer(progressMs, resolve) })])
      }
    }
    yield { kind: 'done', view: this.#view(name, null, { isSaved: wasInFile && isSaved, ended }) }
  }

  /** When the node stops: what is being closed is closed now. */
  async stop(): Promise<void> {
    this.#stopping.abort(new MeshError('ERR_DRAINING', 'this node is leaving the mesh'))
    this.#stop.resolve()
    await Promise.all([...this.#closing.values()].map(({ done }) => done))
  }

  #parse(name: string, entry: DatabaseEntry): DatabaseOptions {
    const { cpuThresholdPercent, memoryThresholdPercent, overloadLeaveMarginPercent } = this.#parts.options
    const tree = { cpuThreshold: cpuThresholdPercent, memoryThreshold: memoryThresholdPercent, overloadLeaveMargin: overloadLeaveMarginPercent, databases: { [name]: entry } }
    const [database] = parseNodeOptions(tree, '/').databases
    if (database === undefined) throw new MeshError('ERR_OPTION_INVALID', 'no database is named')
    return database
  }

  #checkFree(name: string): void {
    const { engines, isDraining } = this.#parts
    if (isDraining()) throw new MeshError('ERR_DRAINING', 'this node is leaving the mesh')
    if (engines.has(name)) {
      const path = this.#databases.get(name)?.path
      throw new MeshError('ERR_DATABASE_IN_USE', `${name} is served here already${path === undefined ? '' : `, from ${path}`}`, { nextStep: `Give it another name, or take the present one off first: rdb db:unregister ${name}`, details: { database: name } })
    }
    if (this.#opening.has(name) || this.#closing.has(name)) {
      throw new MeshError('ERR_DATABASE_IN_USE', `${name} is being ${this.#opening.has(name) ? 'registered' : 'closed'} at this moment`, { nextStep: 'Run the command again in a moment.', details: { database: name } })
    }
    if (engines.size >= databasesMax) throw new MeshError('ERR_OPTION_INVALID', `this node serves ${databasesMax} databases, which is the most`)
  }

  #checkIdle(name: string, { force }: { readonly force: boolean }): void {
    const open = this.#parts.uses.openTransactions(name)
    if (open === 0 || force) return
    throw new MeshError('ERR_DATABASE_IN_USE', `${open} ${open === 1 ? 'transaction is' : 'transactions are'} open on ${name}`, {
      nextStep: 'Wait until they have ended: rdb status --json | jq .counters shows how many are open. --force gives them the time of --drain and then ends them.', details: { database: name, transactions: open },
    })
  }

  #adopt(database: DatabaseOptions, engine: QueryEngine): void {
    const { engines, engineStates, settings, forgetResults, isDraining } = this.#parts
    const { name, thresholds, strategy } = database
    if (isDraining()) throw new MeshError('ERR_DRAINING', 'this node is leaving the mesh')
    settings.adopt(name, { thresholds, strategy })
    forgetResults(name)
    engines.set(name, engine)
    this.#databases.set(name, database)
    engineStates.handleAdded(engine)
  }

  #close(name: string, engine: QueryEngine): Closing {
    const { engines, engineStates, settings, forgetResults, options, clock } = this.#parts
    // From here on queries go to other nodes, and so do those of other nodes as soon as they know.
    engines.delete(name)
    this.#databases.delete(name)
    engineStates.handleRemoved(engine)
    forgetResults(name)
    settings.forget(name)
    const closing: Closing = { engine, untilMs: clock.nowMs() + options.drainMs, done: this.#drainAndClose(name, engine) }
    this.#closing.set(name, closing)
    return closing
  }

  /** How many it ended. Never rejects. */
  async #drainAndClose(name: string, engine: QueryEngine): Promise<number> {
    const { uses, options, clock, log } = this.#parts
    const timeIsUp = Promise.withResolvers<void>()
    const timer = clock.setTimer(options.drainMs, timeIsUp.resolve)
    await Promise.race([uses.untilIdle(name), timeIsUp.promise, this.#stop.promise])
    timer.cancel()
    const ended = uses.cutOff(name)
    try {
      await engine.close()
    } catch (error) {
      log.error({ err: error, database: name }, `${name} did not close in order`)
    }
    this.#closing.delete(name)
    return ended
  }

  #view(name: string, engine: QueryEngine | null, { isSaved, ended }: { readonly isSaved: boolean; readonly ended: number }): RegistryView {
    const { config, overriddenBy, nodeName, databases } = this.#parts
    const winner = overriddenBy.get('databases')
    const copies = databases().find((database) => database.name === name)?.copies ?? []
    return {
      name, node: nodeName(), otherNodes: copies.filter(({ isLocal }) => !isLocal).map(({ node }) => node), ended, file: config?.path ?? null, isSaved,
      database: engine === null ? null : { path: this.#databases.get(name)?.path ?? '', role: engine.role, engine: engine.kind, ready: engine.isReady() },
      notes: [
        ...(config === null ? ['A program gave this node its options: this holds until it stops.'] : winner === undefined ? [] : [winsNote(winner, 'databases', config.path)]),
        ...(config !== null && winner === undefined && !isSaved ? [`${config.path} was left as it was, and holds at the next start.`] : []),
      ],
    }
  }
}

/** A path alone needs no mapping. */
export function shortened(entry: DatabaseEntry): string | DatabaseEntry {
  return Object.keys(entry).length === 1 ? entry.path : entry
}
