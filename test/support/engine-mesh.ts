/** Node processes with engines that do as the test says, and a client of each. Runs what `npm run build` made. */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { callControl, callControlOnce } from '../../src/client/control.ts'
import { connect, type Client, type EventView, type NodeSettings, type NodeStatusView, type QueryOptions, type RouteReport } from '../../src/index.ts'
import type { EngineBehaviour, EngineCounters, EngineNodeOptions, FromEngineNode, ToEngineNode } from './engine-node.ts'
import { until } from './processes.ts'

const enginePath = fileURLToPath(new URL('engine-node.ts', import.meta.url))

export interface Answer {
  /** Whose engine answered, as the engine itself says. */
  readonly node: string
  /** What was written there last; 0 for nothing. */
  readonly written: number
  readonly route: RouteReport
}

export class EngineNode {
  readonly name: string
  readonly dataDir: string
  readonly child: ChildProcess
  readonly exited: Promise<void>
  peerId = ''
  seeds: readonly string[] = []
  #client: Client | null = null
  #calls = 0
  readonly #answers = new Map<number, (counters: EngineCounters) => void>()
  readonly #ready: Promise<void>

  constructor(name: string, dataDir: string, child: ChildProcess) {
    this.name = name
    this.dataDir = dataDir
    this.child = child
    this.exited = new Promise((resolve) => child.once('exit', () => { resolve() }))
    this.#ready = new Promise((resolve, reject) => {
      child.once('exit', (code) => { reject(new Error(`${name} ended at start with ${code}`)) })
      child.on('message', (message: FromEngineNode) => {
        if ('ready' in message) {
          this.peerId = message.ready.peerId
          this.seeds = message.ready.tcpMultiaddrs.slice(0, 1)
          resolve()
        } else {
          this.#answers.get(message.id)?.(message.counters)
          this.#answers.delete(message.id)
        }
      })
    })
  }

  async ready(): Promise<this> {
    await this.#ready
    this.#client = await connect({ dataDir: this.dataDir })
    return this
  }

  /** Tells the engine, and answers with what it has counted by then. `forgets`: earlier statements are not told again. */
  async engine(behaviour: EngineBehaviour = {}, { forgets = false } = {}): Promise<EngineCounters> {
    const id = this.#calls++
    return await new Promise((resolve) => {
      this.#answers.set(id, resolve)
      this.child.send({ id, behaviour, forgets } satisfies ToEngineNode)
    })
  }

  /** One query to its end; `client`: another one than the node's own. */
  async ask(sql: string, options: Partial<QueryOptions> = {}, client: Client | null = this.#client): Promise<Answer> {
    if (client === null) throw new Error(`${this.name} is not ready`)
    const result = await client.query(sql, { database: 'd', ...options })
    const rows: Array<Readonly<Record<string, unknown>>> = []
    for await (const row of result.rows()) rows.push(row)
    return { ...(rows[0] as { node: string; written: number }), route: result.route as RouteReport }
  }

  async status(): Promise<NodeStatusView> {
    return await callControlOnce({ dataDir: this.dataDir }, { method: 'status' }) as NodeStatusView
  }

  async counter(name: string): Promise<number> {
    return (await this.status()).counters[name] ?? 0
  }

  /** Pins what the node says of its load, so that the load of the machine decides nothing. */
  async drill(cpuPercent: number): Promise<void> {
    await callControlOnce({ dataDir: this.dataDir }, { method: 'drill-start', cpuPercent, memoryPercent: 5, forMs: 3_600_000 })
  }

  /** Collects its events from now on. */
  async events(): Promise<{ readonly seen: readonly EventView[]; stop(): Promise<void> }> {
    const seen: EventView[] = []
    const stop = new AbortController()
    const answers = callControl({ dataDir: this.dataDir }, { method: 'events', snapshot: true }, stop.signal)
    const first = await answers.next()
    if (first.done !== true) seen.push(first.value as EventView)
    const reading = (async () => {
      for await (const event of answers) seen.push(event as EventView)
    })().catch((error: unknown) => { if (!stop.signal.aborted) throw error })
    return {
      seen,
      stop: async () => {
        stop.abort()
        await reading
      },
    }
  }

  async knows(others: readonly EngineNode[]): Promise<boolean> {
    const members = await callControlOnce({ dataDir: this.dataDir }, { method: 'members' }) as ReadonlyArray<{ record: { peerId: string }; state: string; status: string; latency: unknown; load: { drill: boolean; overloaded: boolean } | null }>
    return others.every(({ peerId }) => members.some(({ record, state, status, latency, load }) => record.peerId === peerId && state === 'alive' && status === 'healthy' && latency !== null && load?.drill === true && !load.overloaded))
  }

  async stop(): Promise<void> {
    await this.#client?.close()
    this.child.kill('SIGKILL')
    await this.exited
  }
}

export class EngineMesh {
  readonly nodes: EngineNode[] = []
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async create(): Promise<EngineMesh> {
    return new EngineMesh(await mkdtemp(join(tmpdir(), 'reedbase-engines-')))
  }

  async start(name: string, settings: NodeSettings): Promise<EngineNode> {
    const dataDir = join(this.#folder, name)
    const options: EngineNodeOptions = { settings: { name, dataDir, listen: '127.0.0.1:0', overloadDwell: '0ms', latencyThreshold: '60s', ...settings } }
    const node = new EngineNode(name, dataDir, fork(enginePath, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
    this.nodes.push(node)
    return await node.ready()
  }

  /** Pins every load low, and waits until each finds all others well and measured. */
  async settle(nodes: readonly EngineNode[] = this.nodes): Promise<void> {
    await Promise.all(nodes.map((node) => node.drill(5)))
    await Promise.all(nodes.map((node) => until(`${node.name} to find the others well`, () => node.knows(nodes.filter((other) => other !== node)))))
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    await rm(this.#folder, { recursive: true, force: true })
  }
}
