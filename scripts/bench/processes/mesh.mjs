// Meshes of node processes on loopback, encrypted, with sleeping engines that are told what to do.
import { fork } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addKey, generateKey } from '../../../dist/adapters/files/keyring.js'
import { connect } from '../../../dist/client/connect.js'
import { callControlOnce } from '../../../dist/client/control.js'
import { until } from '../node-mesh.mjs'

const serverPath = new URL('server.mjs', import.meta.url).pathname

class SleepingNode {
  constructor(name, dataDir, child) {
    Object.assign(this, { name, dataDir, child })
    this.exited = new Promise((resolve) => { child.once('exit', resolve) })
    this.answers = new Map()
    this.calls = 0
    this.ready = new Promise((resolve, reject) => {
      child.once('exit', (code) => { reject(new Error(`${name} ended with ${code}`)) })
      child.on('message', (message) => {
        if (message.ready !== undefined) {
          this.seed = message.ready.tcpMultiaddrs[0]
          resolve(this)
        } else {
          this.answers.get(message.id)?.(message)
          this.answers.delete(message.id)
        }
      })
    })
  }

  /** Tells the engine, where something is given, and answers with what the process has counted and takes. */
  engine(service) {
    const id = this.calls++
    return new Promise((resolve) => {
      this.answers.set(id, resolve)
      this.child.send({ id, service })
    })
  }

  async counters() {
    return (await callControlOnce({ dataDir: this.dataDir }, { method: 'status' })).counters
  }

  async open() {
    this.client = await connect({ dataDir: this.dataDir })
  }

  async stop() {
    await this.client?.close()
    this.child.kill('SIGKILL')
    await this.exited
  }
}

export class SleepingMesh {
  nodes = []
  started = 0

  static async create(seed) {
    const mesh = new SleepingMesh()
    mesh.seed = seed
    mesh.folder = await mkdtemp(join(tmpdir(), 'reedbase-bench-'))
    await addKey(join(mesh.folder, 'key'), generateKey(), { use: true })
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => { void mesh.stop().finally(() => process.exit(130)) })
    return mesh
  }

  /** `hasCopy` false: it only passes on. */
  async start(name, { hasCopy = true, ...settings } = {}) {
    const dataDir = join(this.folder, `${name}-${this.started++}`)
    await mkdir(dataDir, { mode: 0o700 })
    await copyFile(join(this.folder, 'key', 'keyring'), join(dataDir, 'keyring'))
    const given = {
      // Timers of many busy processes on few cores are late: nobody is to be thought dead or far for that.
      name, dataDir, listen: '127.0.0.1:0', membership: { preset: 'wan' }, latencyThreshold: '1m', ...settings,
      seeds: this.nodes.slice(0, 1).map(({ seed }) => seed), databases: hasCopy ? { d: { engine: 'sleeping' } } : {},
    }
    const child = fork(serverPath, [JSON.stringify({ settings: given, seed: this.seed + this.started })], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const node = new SleepingNode(name, dataDir, child)
    this.nodes.push(node)
    await node.ready
    await callControlOnce({ dataDir }, { method: 'drill-start', cpuPercent: 5, memoryPercent: 20, forMs: 3_600_000 })
    await node.open()
    return node
  }

  /** Waits until `node` finds all others alive and measured. */
  async settled(node) {
    await until(`${node.name} to see all`, async () => {
      const members = await callControlOnce({ dataDir: node.dataDir }, { method: 'members' })
      return members.filter(({ local, state, latency, load }) => !local && state === 'alive' && latency !== null && load?.drill === true).length >= this.nodes.length - 1
    }, { timeoutMs: 60_000, pollMs: 100 })
  }

  /** It leaves, so that nobody looks for it. */
  async remove(node) {
    this.nodes = this.nodes.filter((other) => other !== node)
    await callControlOnce({ dataDir: node.dataDir }, { method: 'leave' })
    await node.stop()
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()))
    await rm(this.folder, { recursive: true, force: true })
  }
}
