// The mesh that bench:node and bench:real-query measure: real processes on loopback, encrypted, each beside its own copy of the flights unless told otherwise.
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callControl, callControlOnce } from '../../dist/client/control.js'
import { copyFlights, rdb, startNode } from '../demo/mesh.mjs'

export async function until(what, condition, { timeoutMs = 30_000, pollMs = 5 } = {}) {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs / 1000} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** One running node, asked over its local socket by this process itself: a command would add its own start to every figure. */
class BenchNode {
  constructor(process, logPath) {
    Object.assign(this, process)
    this.logPath = logPath
  }

  ask(request) {
    return callControlOnce({ dataDir: this.dataDir }, request)
  }

  /** Null while it does not answer yet. */
  members() {
    return this.ask({ method: 'members' }).catch(() => null)
  }

  async seesAlive(...others) {
    const members = await this.members()
    return members !== null && others.every(({ name }) => members.some(({ record, state }) => record.name === name && state === 'alive'))
  }

  /** Calls back with each event and the time it came, until stopped. */
  watch(onEvent) {
    const stop = new AbortController()
    const reading = (async () => {
      for await (const event of callControl({ dataDir: this.dataDir }, { method: 'events', snapshot: false }, stop.signal)) onEvent(event, performance.now())
    })()
    reading.catch((error) => { if (!stop.signal.aborted) throw error })
    return () => { stop.abort() }
  }

  /** Pins what the node reports, so that the load of this machine decides nothing. */
  async drill(cpuPercent) {
    await this.ask({ method: 'drill-start', cpuPercent, memoryPercent: 20, forMs: 3_600_000 })
  }

  async status() {
    return await this.ask({ method: 'status' })
  }

  get hasExited() {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  async kill(signal) {
    this.child.kill(signal)
    await this.exited
  }
}

export class BenchMesh {
  nodes = []

  static async create() {
    const mesh = new BenchMesh()
    mesh.folder = await mkdtemp(join(tmpdir(), 'reedbase-bench-'))
    const { code, stderr } = await rdb(['keys:generate', '--data-dir', join(mesh.folder, 'key')])
    if (code !== 0) throw new Error(`keys:generate failed: ${stderr}`)
    return mesh
  }

  /** Lays out the folders, so that only the process is left to start. */
  async prepare(name) {
    const dataDir = join(this.folder, name, '.reedbase')
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await copyFile(join(this.folder, 'key', 'keyring'), join(dataDir, 'keyring'))
    await copyFlights(join(this.folder, name, 'flights'))
    return { name, dataDir, logPath: join(this.folder, name, 'log.jsonl') }
  }

  async spawn({ name, dataDir, logPath }, seeds, { hasCopy = true } = {}) {
    const args = ['--listen', '127.0.0.1:0', ...(hasCopy ? ['--db', `flights=${join(this.folder, name, 'flights')}`] : []), ...seeds.flatMap((seed) => ['--seed', seed])]
    const node = new BenchNode(await startNode({ name, dataDir, args, logPath, detached: false }), logPath)
    this.nodes.push(node)
    return node
  }

  async start(name, seeds, options) {
    const node = await this.spawn(await this.prepare(name), seeds, options)
    await this.ready(node)
    return node
  }

  async ready(node) {
    await until(`${node.name} to answer`, async () => {
      if (node.hasExited) throw new Error(`${node.name} ended at start: ${await readFile(node.logPath, 'utf8')}`)
      return await node.members()
    })
    node.seed = (await node.status()).listen.tcpMultiaddrs[0]
  }

  async stop() {
    for (const node of this.nodes) if (!node.hasExited) node.child.kill('SIGKILL')
    await Promise.all(this.nodes.map(({ exited }) => exited))
    await rm(this.folder, { recursive: true, force: true })
  }
}
