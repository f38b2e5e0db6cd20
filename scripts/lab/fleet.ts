/** One process of a program on each of the lab's hosts, and what all of them say. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuSeconds, rssBytes } from '../bench/node-process-figures.ts'
import { addressOf } from './addresses.ts'
import { LabError } from './lab-error.ts'
import type { HostBytes, LabNetwork } from './network.ts'
import type { Program } from './programs.ts'
import { Sightings } from './sightings.ts'

const portPollMs = 5
const startMs = 60_000
const agreementMs = 180_000
/** So many processes start at a time, so that they do not starve one another, and those that run. */
const startsAtOnce = 3

interface Running {
  readonly child: ChildProcess
  readonly exited: Promise<void>
}

export interface HostFigures extends HostBytes {
  readonly cpuSeconds: number
  readonly rssBytes: number
}

export class Fleet {
  readonly program: Program
  readonly network: LabNetwork
  readonly sightings = new Sightings()
  readonly #logFolder: string | null
  readonly #running = new Map<number, Running>()
  readonly #looks = new Set<() => void>()

  /** `logFolder`: where all output of every process is kept; null for nowhere. */
  constructor({ program, network, logFolder }: { readonly program: Program; readonly network: LabNetwork; readonly logFolder: string | null }) {
    this.program = program
    this.network = network
    this.#logFolder = logFolder
    if (logFolder !== null) mkdirSync(logFolder, { recursive: true })
  }

  get hosts(): number[] {
    return [...this.#running.keys()].sort((a, b) => a - b)
  }

  /** @throws LabError unless all hosts run and see one another in time */
  async startAll(progress: (text: string) => void): Promise<void> {
    const size = this.network.size
    await this.start(0)
    for (let first = 1; first < size; first += startsAtOnce) {
      await Promise.all(Array.from({ length: Math.min(startsAtOnce, size - first) }, (_, index) => this.start(first + index)))
      progress(`${Math.min(first + startsAtOnce, size)} of ${size} started`)
    }
    await this.agreed()
  }

  /**
   * Resolves with the time at which its TCP and UDP ports were open.
   * @throws LabError when it ends before, or takes longer than 60 s
   */
  async start(host: number, { isNew = false }: { readonly isNew?: boolean } = {}): Promise<number> {
    const running = this.#launch(host, isNew)
    const deadlineMs = performance.now() + startMs
    while (!this.#isListening(host, running)) {
      if (running.child.exitCode !== null) throw new LabError(`${this.program.system} on host ${host} ended with ${running.child.exitCode} at its start; --logs FOLDER keeps what it said`)
      if (performance.now() > deadlineMs) throw new LabError(`${this.program.system} on host ${host} has not opened its ports in ${startMs / 1000} s`)
      await delay(portPollMs)
    }
    return performance.now()
  }

  signal(host: number, signal: NodeJS.Signals): void {
    this.#running.get(host)?.child.kill(signal)
  }

  /** SIGKILL; it is no longer one of `hosts`. */
  kill(host: number): void {
    this.signal(host, 'SIGKILL')
    this.#running.delete(host)
  }

  /** Resolves when the process has said good-bye and ended. */
  async leave(host: number): Promise<void> {
    const running = this.#running.get(host)
    if (running === undefined) return
    this.#running.delete(host)
    running.child.kill(this.program.leaveSignal)
    await running.exited
  }

  figures(): HostFigures[] {
    const bytes = this.network.bytes()
    return this.hosts.map((host) => {
      const pid = this.#running.get(host)?.child.pid ?? 0
      return { ...bytes[host] as HostBytes, cpuSeconds: cpuSeconds(pid), rssBytes: rssBytes(pid) }
    })
  }

  /** Looks at each new sighting; false when it has not come true in time. */
  async until(condition: () => boolean, withinMs: number): Promise<boolean> {
    if (condition()) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const look = (): void => { if (condition()) resolve(true) }
    const timer = setTimeout(() => { resolve(false) }, withinMs)
    this.#looks.add(look)
    const isTrue = await promise
    clearTimeout(timer)
    this.#looks.delete(look)
    return isTrue
  }

  /**
   * Waits until all that run see one another, and nobody else.
   * @throws LabError when they do not in three minutes
   */
  async agreed(): Promise<void> {
    if (await this.until(() => this.sightings.isAgreed(this.hosts), agreementMs)) return
    const lines = this.hosts.flatMap((by) => {
      const present = this.sightings.present(by)
      const missing = this.hosts.filter((host) => host !== by && !present.has(host))
      const extra = [...present].filter((host) => !this.#running.has(host))
      return missing.length + extra.length === 0 ? [] : [`host ${by} misses ${missing.join(' ') || 'nobody'}${extra.length > 0 ? ` and still has ${extra.join(' ')}` : ''}`]
    })
    throw new LabError(`${this.program.system}: after ${agreementMs / 1000} s not all see one another: ${lines.slice(0, 5).join('; ')}`)
  }

  async stop(): Promise<void> {
    const all = [...this.#running.values()]
    this.#running.clear()
    for (const { child } of all) child.kill('SIGKILL')
    await Promise.all(all.map(({ exited }) => exited))
  }

  #launch(host: number, isNew: boolean): Running {
    if (this.#running.has(host)) throw new LabError(`host ${host} runs already`)
    const [command = '', ...args] = this.network.on(host, this.program.command(host, { own: addressOf(host), seed: host === 0 ? null : addressOf(0), isNew }))
    this.sightings.noteStart(host)
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const running = { child, exited: new Promise<void>((resolve) => { child.once('exit', () => { resolve() }) }) }
    this.#running.set(host, running)
    const log = this.#logFolder === null ? null : createWriteStream(join(this.#logFolder, `host${host}.log`), { flags: 'a' })
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => { this.#heard(host, line, log) })
    return running
  }

  #heard(by: number, line: string, log: WriteStream | null): void {
    const atMs = performance.now()
    log?.write(`${(performance.timeOrigin + atMs).toFixed(1)} ${line}\n`)
    const said = this.program.read(line)
    if (said === null) return
    this.sightings.note({ ...said, by, atMs })
    for (const look of this.#looks) look()
  }

  /** As the kernel sees it, which is the same for both programs and before anything that they say. */
  #isListening(host: number, { child }: Running): boolean {
    const local = `${hexAddress(addressOf(host))}:${this.program.port.toString(16).toUpperCase().padStart(4, '0')} `
    try {
      const sockets = (protocol: string): string => readFileSync(`/proc/${child.pid ?? 0}/net/${protocol}`, 'utf8')
      return sockets('tcp').includes(local) && sockets('udp').includes(local)
    } catch (error) {
      if (['ENOENT', 'ESRCH', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
      throw error
    }
  }
}

/** As /proc/net writes it: the four bytes in the order of a little-endian number. */
function hexAddress(address: string): string {
  return address.split('.').reverse().map((byte) => Number(byte).toString(16).padStart(2, '0')).join('').toUpperCase()
}
