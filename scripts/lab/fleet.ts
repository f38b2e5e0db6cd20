/** Real processes on the lab's hosts, ours or serf's, and what each of them says about the others, with the time at which it was read. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { copyFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { cpuSeconds, rssBytes } from '../bench/node-process-figures.ts'
import { LabError, type LabNetwork } from './network.ts'

export type System = 'mesh' | 'serf'
export type Sighting = 'ready' | 'joined' | 'suspected' | 'refuted' | 'failed' | 'left'

export interface Seen {
  readonly atMs: number
  readonly by: number
  readonly what: Sighting
  /** The host that it is about. */
  readonly about: number
}

interface Running {
  readonly host: number
  readonly process: ChildProcess
  readonly exited: Promise<void>
}

export class Fleet {
  readonly system: System
  readonly network: LabNetwork
  readonly seen: Seen[] = []
  readonly #rdb: string
  readonly #folder: string
  readonly #serfKey = randomBytes(16).toString('base64')
  readonly #running = new Map<number, Running>()
  readonly #waiters = new Set<() => void>()
  #starts = 0

  constructor(init: { readonly system: System; readonly network: LabNetwork; readonly rdb: string; readonly folder: string }) {
    this.system = init.system
    this.network = init.network
    this.#rdb = init.rdb
    this.#folder = join(init.folder, init.system)
    mkdirSync(this.#folder, { recursive: true })
    if (this.system === 'mesh') execFileSync(process.execPath, [this.#rdb, 'keys:generate', '--data-dir', this.#folder], { stdio: 'ignore' })
  }

  get hosts(): number[] {
    return [...this.#running.keys()].sort((a, b) => a - b)
  }

  /** Starts all hosts a few at a time, and waits until all see all. */
  async startAll(count: number, { atOnce = 3, withinMs = 180_000 }: { readonly atOnce?: number; readonly withinMs?: number } = {}): Promise<void> {
    await this.start(0)
    for (let first = 1; first < count; first += atOnce) {
      await Promise.all(Array.from({ length: Math.min(atOnce, count - first) }, (_, index) => this.start(first + index)))
      process.stderr.write(`\r${this.system}: ${Math.min(first + atOnce, count)} of ${count} started `)
    }
    await this.until('all see all', () => this.hosts.every((by) => this.view(by).size === count - 1), withinMs)
    process.stderr.write('and see one another\n')
  }

  /** Resolves when its ports are open. */
  async start(host: number): Promise<void> {
    const sinceIndex = this.seen.length
    this.#launch(host)
    await this.until(`host ${host} to be ready`, () => this.seen.slice(sinceIndex).some((one) => one.what === 'ready' && one.by === host), 60_000)
  }

  /** Whom a host holds for present at the moment: what it has said of each last. */
  view(by: number): Set<number> {
    const present = new Set<number>()
    for (const one of this.seen) {
      if (one.by !== by) continue
      if (one.what === 'ready') present.clear()
      else if (one.what === 'joined') present.add(one.about)
      else if (one.what === 'failed' || one.what === 'left') present.delete(one.about)
    }
    return present
  }

  /** The earliest time at which each of `by` said so, from `sinceMs` on; undefined while one has not. */
  timesOf(what: Sighting, about: number, by: readonly number[], sinceMs: number): number[] | undefined {
    const times = by.map((host) => this.seen.find((one) => one.by === host && one.what === what && one.about === about && one.atMs >= sinceMs)?.atMs)
    return times.every((atMs) => atMs !== undefined) ? times : undefined
  }

  signal(host: number, signal: NodeJS.Signals): void {
    this.#running.get(host)?.process.kill(signal)
  }

  /** SIGKILL; it is no longer one of `hosts`. */
  kill(host: number): void {
    this.signal(host, 'SIGKILL')
    this.#running.delete(host)
  }

  /** A graceful leave; resolves when the process has ended. */
  async leave(host: number): Promise<void> {
    const running = this.#running.get(host)
    if (running === undefined) return
    this.#running.delete(host)
    running.process.kill(this.system === 'mesh' ? 'SIGTERM' : 'SIGINT')
    await running.exited
  }

  pid(host: number): number {
    const pid = this.#running.get(host)?.process.pid
    if (pid === undefined) throw new LabError(`host ${host} runs nothing`)
    return pid
  }

  figures(host: number): { readonly cpuSeconds: number; readonly rssBytes: number; readonly sent: number; readonly received: number } {
    const { sent, received } = this.network.datagramBytes(host)
    return { cpuSeconds: cpuSeconds(this.pid(host)), rssBytes: rssBytes(this.pid(host)), sent, received }
  }

  /** @throws LabError when the condition has not come true in time */
  async until(what: string, condition: () => boolean, withinMs: number): Promise<void> {
    if (condition()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = (): void => { if (condition()) resolve() }
    const timer = setTimeout(() => { reject(new LabError(`${this.system}: waited ${withinMs / 1000} s in vain for ${what}`)) }, withinMs)
    this.#waiters.add(look)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(look)
    }
  }

  async stop(): Promise<void> {
    const ends = [...this.#running.values()].map(({ process: child, exited }) => {
      child.kill('SIGKILL')
      return exited
    })
    this.#running.clear()
    await Promise.all(ends)
  }

  #launch(host: number): void {
    if (this.#running.has(host)) throw new LabError(`host ${host} runs already`)
    const [program = '', ...args] = [...this.network.on(host), ...(this.system === 'mesh' ? this.#meshCommand(host) : this.#serfCommand(host))]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const exited = new Promise<void>((resolve) => { child.once('exit', () => { resolve() }) })
    this.#running.set(host, { host, process: child, exited })
    const parse = this.system === 'mesh' ? parseMeshLine : parseSerfLine
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const found = parse(line)
        if (found === null || (found.about !== null && found.about === host && found.what !== 'ready')) return
        this.seen.push({ atMs: performance.now(), by: host, what: found.what, about: found.about ?? host })
        for (const look of this.#waiters) look()
      })
    }
  }

  #meshCommand(host: number): string[] {
    // A new folder, and so a new identity, for each start.
    const folder = join(this.#folder, `start${this.#starts++}`)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    copyFileSync(join(this.#folder, 'keyring'), join(folder, 'keyring'))
    const seed = host === 0 ? [] : ['--seed', `${this.network.address(0)}:7400`]
    return [process.execPath, this.#rdb, 'start', '--data-dir', folder, '--name', name(host), '--listen', `${this.network.address(host)}:7400`, '--log-format', 'json', ...seed]
  }

  #serfCommand(host: number): string[] {
    const config = join(this.#folder, `serf${host}.json`)
    writeFileSync(config, JSON.stringify({ encrypt_key: this.#serfKey, leave_on_terminate: true, skip_leave_on_interrupt: false }))
    const seed = host === 0 ? [] : ['-join', this.network.address(0)]
    return ['serf', 'agent', `-node=${name(host)}`, `-bind=${this.network.address(host)}:7946`, '-rpc-addr=127.0.0.1:7373', '-profile=lan', '-log-level=info', `-config-file=${config}`, ...seed]
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function name(host: number): string {
  return `host${host}`
}

function hostOf(nodeName: string): number | null {
  const match = /^host(\d+)/.exec(nodeName)
  return match === null ? null : Number(match[1])
}

interface Found {
  readonly what: Sighting
  readonly about: number | null
}

const meshTypes: Readonly<Record<string, Sighting>> = {
  'member-joined': 'joined', 'member-suspected': 'suspected', 'member-refuted': 'refuted', 'member-failed': 'failed', 'member-left': 'left',
}

/** A line of this project's JSON log. */
export function parseMeshLine(line: string): Found | null {
  if (!line.startsWith('{')) return null
  const entry = JSON.parse(line) as { msg?: string; event?: { type?: string; record?: { name: string } } }
  if (entry.msg?.includes(' listens on ') === true) return { what: 'ready', about: null }
  const what = meshTypes[entry.event?.type ?? '']
  const about = hostOf(entry.event?.record?.name ?? '')
  return what === undefined || about === null ? null : { what, about }
}

/** A line of serf's log. */
export function parseSerfLine(line: string): Found | null {
  if (line.includes('Serf agent starting')) return { what: 'ready', about: null }
  const event = /serf: EventMember(Join|Failed|Leave): (host\d+)/.exec(line)
  if (event !== null) return { what: ({ Join: 'joined', Failed: 'failed', Leave: 'left' } as const)[event[1] as 'Join' | 'Failed' | 'Leave'], about: hostOf(event[2] ?? '') }
  const suspect = /memberlist: Suspect (host\d+) has failed/.exec(line)
  return suspect === null ? null : { what: 'suspected', about: hostOf(suspect[1] ?? '') }
}
