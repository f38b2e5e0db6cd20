/** Real node processes and real rdb commands for integration tests, each mesh in a folder of its own. Runs what `npm run build` made. */
import { spawn, type ChildProcess } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addKey, generateKey } from '../../src/adapters/files/keyring.ts'
import { callControlOnce } from '../../src/client/control.ts'
import { type ControlRequest, type EventView, isMemberEvent, type MemberEventView, type MeshEventView, type MemberView, type NodesView, type NodeStatusView } from '../../src/wire/control.ts'

const rdbPath = fileURLToPath(new URL('../../bin/rdb.js', import.meta.url))

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCommand {
  readonly child: ChildProcess
  readonly ended: Promise<CommandResult>
  stdoutSoFar(): string
  stderrSoFar(): string
}

export function startRdb(args: readonly string[], { stdin, cwd, env, pauseStdout = false }: { stdin?: string; cwd?: string; env?: NodeJS.ProcessEnv; pauseStdout?: boolean } = {}): RunningCommand {
  const child = spawn(process.execPath, [rdbPath, ...args], { stdio: 'pipe', ...(cwd === undefined ? {} : { cwd }), env: { ...process.env, NO_COLOR: '1', ...env } })
  let stdout = ''
  let stderr = ''
  child.stdin.on('error', () => undefined).end(stdin ?? '')
  child.stdout.setEncoding('utf8')
  if (!pauseStdout) child.stdout.on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject)
    child.once(pauseStdout ? 'exit' : 'close', (code) => resolve({ code, stdout, stderr }))
  })
  return { child, ended, stdoutSoFar: () => stdout, stderrSoFar: () => stderr }
}

export async function runRdb(args: readonly string[], options: Parameters<typeof startRdb>[1] = {}): Promise<CommandResult> {
  return await startRdb(args, options).ended
}

export async function until<T>(what: string, condition: () => T | Promise<T>, timeoutMs = 30_000): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<T>
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

export interface RuntimeFile {
  readonly pid: number
  readonly peerId: string
  readonly tcpMultiaddrs: readonly string[]
  readonly udp: string
  readonly socketPath: string
}

export class NodeProcess {
  readonly name: string
  readonly dataDir: string
  readonly logPath: string
  readonly child: ChildProcess
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  runtime: RuntimeFile | null = null

  readonly #logOfEarlierLivesBytes: number

  constructor(name: string, dataDir: string, logPath: string, child: ChildProcess, logOfEarlierLivesBytes = 0) {
    this.name = name
    this.dataDir = dataDir
    this.logPath = logPath
    this.child = child
    this.#logOfEarlierLivesBytes = logOfEarlierLivesBytes
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  async log(): Promise<string> {
    return await readFile(this.logPath, 'utf8')
  }

  /** Without what it wrote before its last start. */
  async logOfThisLife(): Promise<string> {
    return (await readFile(this.logPath)).subarray(this.#logOfEarlierLivesBytes).toString('utf8')
  }

  async ready(): Promise<RuntimeFile> {
    this.runtime = await until(`${this.name} to start`, async () => {
      if (this.hasExited) throw new Error(`${this.name} ended at start: ${await this.log()}`)
      const file = await readFile(join(this.dataDir, 'node.json'), 'utf8').then((text) => JSON.parse(text) as RuntimeFile, () => null)
      return file?.pid === this.child.pid ? file : null
    })
    return this.runtime
  }

  async rdb(args: readonly string[], options: Parameters<typeof startRdb>[1] = {}): Promise<CommandResult> {
    return await runRdb([...args, '--data-dir', this.dataDir], options)
  }

  async json<T>(args: readonly string[]): Promise<T> {
    const result = await this.rdb([...args, '--json'])
    if (result.code !== 0) throw new Error(`rdb ${args.join(' ')} at ${this.name} ended with ${result.code}: ${result.stderr}`)
    return JSON.parse(result.stdout) as T
  }

  /** As the commands ask, without a process for each question: tests ask again and again until something has come about. */
  async ask<T>(request: ControlRequest): Promise<T> {
    return await callControlOnce({ dataDir: this.dataDir }, request) as T
  }

  members(): Promise<MemberView[]> { return this.ask({ method: 'members' }) }
  nodes(database: string): Promise<NodesView> { return this.ask({ method: 'nodes', database }) }
  status(): Promise<NodeStatusView> { return this.ask({ method: 'status' }) }
  async drill(cpuPercent: number, memoryPercent: number | null = null): Promise<void> { await this.ask({ method: 'drill-start', cpuPercent, memoryPercent, forMs: 3_600_000 }) }

  /** Resolves with the events about members in this node's log so far. */
  async events(): Promise<MemberEventView[]> {
    return (await this.allEvents()).filter(isMemberEvent)
  }

  /** Those about the mesh as a whole. */
  async meshEvents(): Promise<MeshEventView[]> {
    return (await this.allEvents()).filter((event) => !isMemberEvent(event))
  }

  async allEvents(): Promise<EventView[]> {
    return (await this.log()).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { event?: EventView }).flatMap(({ event }) => (event === undefined ? [] : [event]))
  }
}

/**
 * Nodes that share one cluster key and one database `numbers`, a folder with one CSV file unless told otherwise. Its engines compute on one
 * thread each, so that a query that is to run for minutes leaves the other nodes a processor. They load no HTTP server; with
 * `args: ['--http-listen', 'auto']` they do.
 */
export class TestMesh {
  readonly folder: string
  readonly nodes: NodeProcess[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(): Promise<TestMesh> {
    const mesh = new TestMesh(await mkdtemp(join(tmpdir(), 'reedbase-test-')))
    await addKey(join(mesh.folder, 'key'), generateKey(), { use: true })
    return mesh
  }

  async start(name: string, { seeds = [], args = [], databaseArgs, key = 'shared', dataDirName = name }: { seeds?: readonly string[]; args?: readonly string[]; databaseArgs?: readonly string[]; key?: 'shared' | 'own' | 'none'; dataDirName?: string } = {}): Promise<NodeProcess> {
    const dataDir = join(this.folder, dataDirName, '.reedbase')
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    if (key === 'shared') await copyFile(join(this.folder, 'key', 'keyring'), join(dataDir, 'keyring'))
    if (key === 'own') await runRdb(['keys:generate', '--data-dir', dataDir])
    const database = join(this.folder, dataDirName, 'numbers')
    await mkdir(database, { recursive: true })
    await writeFile(join(database, 'primes.csv'), 'n,prime\n1,2\n2,3\n3,5\n4,7\n')
    const logPath = join(this.folder, dataDirName, 'log.jsonl')
    const log = await open(logPath, 'a', 0o600)
    const { size: logOfEarlierLivesBytes } = await log.stat()
    const child = spawn(process.execPath, [rdbPath, 'start', '--name', name, '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--http-listen', 'off',
      ...seeds.flatMap((seed) => ['--seed', seed]), ...(databaseArgs ?? ['--db', `numbers=${database},threads=1`]), ...args], { stdio: ['ignore', log.fd, log.fd] })
    await log.close()
    const node = new NodeProcess(name, dataDir, logPath, child, logOfEarlierLivesBytes)
    this.nodes.push(node)
    return node
  }

  /** Starts the named nodes and waits until each sees all of them alive and measured. */
  async startAll(names: readonly string[], options: Parameters<TestMesh['start']>[1] = {}): Promise<NodeProcess[]> {
    const [firstName, ...otherNames] = names
    const first = await this.start(firstName ?? 'local1', options)
    const { tcpMultiaddrs } = await first.ready()
    const others = await Promise.all(otherNames.map((name) => this.start(name, { ...options, seeds: [tcpMultiaddrs[0] ?? ''] })))
    await Promise.all(others.map((node) => node.ready()))
    const all = [first, ...others]
    await this.untilAllSee(all)
    return all
  }

  async untilAllSee(nodes: readonly NodeProcess[]): Promise<void> {
    for (const node of nodes) {
      await until(`${node.name} to see ${nodes.length} members`, async () => {
        const members = await node.members()
        return nodes.every(({ runtime }) => members.some((member) => member.record.peerId === runtime?.peerId && member.state === 'alive' && (member.local || member.latency !== null)))
      })
    }
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) if (!node.hasExited) node.child.kill('SIGKILL')
    await Promise.all(this.nodes.map(({ exited }) => exited))
    await rm(this.folder, { recursive: true, force: true })
  }
}
