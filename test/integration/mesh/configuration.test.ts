/** Databases, thresholds and the interval that change while nodes run, and nodes that run in the background, with real processes. */
import { once } from 'node:events'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../../src/client/connect.ts'
import { callControlOnce } from '../../../src/client/control.ts'
import type { Client } from '../../../src/client/types.ts'
import type { MeasurementView, NodesView } from '../../../src/wire/control.ts'
import type { DatabaseView } from '../../../src/wire/operations-views.ts'
import { type CommandResult, type NodeProcess, type RuntimeFile, runRdb, startRdb, TestMesh, until } from '../../support/processes.ts'

let mesh: TestMesh
/** In the foreground. */
let other: NodeProcess
/** In the background, on a folder of its own. */
let dataDir = ''
let client: Client
/** On a third folder, with a database that is not there; beside all the rest, since it takes a while. */
let failing: Promise<CommandResult>
/** Likewise, with a port for HTTP that is another's. */
let portless: Promise<CommandResult>
let taken: Server
const flags = ['--listen', '127.0.0.1:0', '--http-listen', 'off', '--name', 'back1']
const rdb = (...args: string[]): Promise<CommandResult> => runRdb([...args, '--data-dir', dataDir])
const configuration = (): Promise<string> => readFile(join(dataDir, 'reedbase.yaml'), 'utf8')
const runtime = async (): Promise<RuntimeFile> => JSON.parse(await readFile(join(dataDir, 'node.json'), 'utf8')) as RuntimeFile
const servedBy = async (node: NodeProcess, name: string): Promise<string[]> => (await node.ask<DatabaseView[]>({ method: 'databases' })).find((database) => database.name === name)?.copies.map((copy) => copy.node) ?? []
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

beforeAll(async () => {
  mesh = await TestMesh.create()
  dataDir = join(mesh.folder, 'back1', '.reedbase')
  for (const name of ['users', 'orders']) {
    await mkdir(join(mesh.folder, name))
    await writeFile(join(mesh.folder, name, 'items.csv'), 'id\n1\n2\n3\n')
  }
  failing = runRdb(['db:measure:start', 'users', '--db', `users=${join(mesh.folder, 'missing')}`, '--data-dir', join(mesh.folder, 'nothing')])
  taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  portless = runRdb(['db:measure:start', 'users', '--db', `users=${join(mesh.folder, 'users')}`, '--data-dir', join(mesh.folder, 'portless'), '--', '--listen', '127.0.0.1:0', '--http-listen', `127.0.0.1:${(taken.address() as AddressInfo).port}`])
  other = await mesh.start('front1', { key: 'none', args: ['--http-listen', 'off'] })
  const { tcpMultiaddrs } = await other.ready()
  flags.push('--seed', tcpMultiaddrs[0] ?? '')
})
afterAll(async () => {
  taken.close()
  await client.close()
  const last = await runtime().catch(() => null)
  if (last !== null && isAlive(last.pid)) process.kill(last.pid, 'SIGKILL')
  await mesh.stop()
})

describe('a node in the background', () => {
  it('starts, says where it is, and outlives the command', async () => {
    const { code, stdout, stderr } = await runRdb(['db:measure:start', 'users', '--db', `users=${join(mesh.folder, 'users')}`, '--data-dir', dataDir, '--', ...flags])
    expect([code, stderr]).toEqual([0, ''])
    const { pid } = await runtime()
    expect(stdout).toMatch(new RegExp(`^The node has been started\\.\nNode: +back1, up .*\nPID: +${pid}\nDatabase: +users\nInterval: +30s, \\d peers?\nThresholds: CPU 80%, memory 90%, latency 200ms\nLast check: .*\nLog file: +${dataDir}/node\\.log\n$`))
    // A session of its own, so that it does not end with the terminal; and nobody else reads its log.
    const [, afterName = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')
    expect([Number(afterName.split(' ')[3]), (await stat(join(dataDir, 'node.log'))).mode & 0o777]).toEqual([pid, 0o600])
    expect(await rdb('db:measure:start', 'users')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^A node runs already\./) as string })
    expect((await runtime()).pid).toBe(pid)
    client = await connect({ dataDir })
  })

  it('is started once by two commands at once, of which the second finds it running', async () => {
    const [folder, users] = [join(mesh.folder, 'twice'), join(mesh.folder, 'users')]
    const start = (): Promise<CommandResult> => runRdb(['db:measure:start', 'users', '--db', `users=${users}`, '--data-dir', folder, '--', '--listen', '127.0.0.1:0', '--http-listen', 'off'])
    const results = await Promise.all([start(), start()])
    const file = await readFile(join(folder, 'reedbase.yaml'), 'utf8')
    const stopped = await runRdb(['db:measure:stop', '--data-dir', folder])
    expect([results.map(({ code }) => code), results.map(({ stdout }) => stdout.split('\n')[0]).sort()]).toEqual([[0, 0], ['A node runs already.', 'The node has been started.']])
    expect([file, stopped.code]).toEqual([`databases:\n  users: ${users}\n`, 0])
  })

  it('says why it does not start, and leaves the file as it was', async () => {
    const { code, stdout, stderr } = await failing
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(/^error: the node ended with exit code 2; its log ends with:\n {2}error: .*missing.*\(ERR_DATABASE_PATH\)\n {2}next: .*\n {2}\(ERR_START_FAILED\)\nnext: /)
    await expect(stat(join(mesh.folder, 'nothing/reedbase.yaml'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a node whose port for HTTP is taken', () => {
  it('is not called started, although it has served for a moment', async () => {
    const { code, stdout, stderr } = await portless
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(/^error: the node ended with exit code 2; its log ends with:\n[\s\S]*\(ERR_PORT_BUSY\)\n[\s\S]*\(ERR_START_FAILED\)\nnext: /)
    await expect(stat(join(mesh.folder, 'portless/reedbase.yaml'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('what changes while it runs', () => {
  it('is thresholds, strategy and interval, there and in the file', async () => {
    expect(await rdb('db:routing:config', 'users', '--cpu-threshold', '85', '--strategy', 'adaptive', '--interval', '60')).toMatchObject({ code: 0, stderr: '' })
    expect(await configuration()).toBe(`databases:\n  users:\n    path: ${join(mesh.folder, 'users')}\n    cpuThreshold: 85\n    strategy: adaptive\npingInterval: 1m\n`)
    expect(await callControlOnce({ dataDir }, { method: 'nodes', database: 'users' }) as NodesView).toMatchObject({ pingIntervalMs: 60_000, thresholds: { cpuPercent: 85, memoryPercent: 90 } })
  })

  it('is a database, which all nodes know of then, and which is queried from each', async () => {
    expect(await rdb('db:register', 'orders', join(mesh.folder, 'orders'))).toMatchObject({ code: 0, stdout: expect.stringContaining('back1 serves orders (replica, duckdb)') as string })
    await until('front1 to know of orders', async () => (await servedBy(other, 'orders')).includes('back1'))
    expect(await other.rdb(['db:query', 'orders', 'SELECT count(*) AS n FROM items', '--format', 'csv'])).toMatchObject({ code: 0, stdout: 'n\n3\n' })
    expect(await rdb('db:register', 'broken', join(mesh.folder, 'missing'))).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_DATABASE_PATH') as string })
    expect(await configuration()).toContain(`  orders: ${join(mesh.folder, 'orders')}\n`)
    expect(await configuration()).not.toContain('broken')
  })

  it('is not taken from under a query: that ends first', async () => {
    const result = await client.query('SELECT range AS n FROM range(3000000)', { database: 'orders' })
    const batches = result[Symbol.asyncIterator]()
    await batches.next()
    const leaving = startRdb(['db:unregister', 'orders', '--data-dir', dataDir])
    await until('the query to be waited for', () => leaving.stderrSoFar().includes('1 query still runs'))
    await until('front1 to know', async () => (await servedBy(other, 'orders')).length === 0)
    await expect(client.query('SELECT 1', { database: 'orders' })).rejects.toMatchObject({ code: 'ERR_DATABASE_UNKNOWN' })
    let ended = false
    while (!ended) ended = (await batches.next()).done === true
    expect(await leaving.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^back1 does not serve orders any more\. No other node serves it now\.\nTaken out of /) as string })
    expect(await configuration()).not.toContain('orders')
  })

  it('is not taken from under a transaction, unless forced', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const made = await DuckDBInstance.create(join(mesh.folder, 'ledger.duckdb'))
    made.closeSync()
    expect(await rdb('db:register', 'ledger', join(mesh.folder, 'ledger.duckdb'), '--role', 'primary')).toMatchObject({ code: 0, stderr: '' })
    await client.transaction('ledger', async (transaction) => {
      await transaction.query('CREATE TABLE entries (id INTEGER)')
      expect(await rdb('db:unregister', 'ledger')).toMatchObject({ code: 2, stderr: expect.stringContaining('1 transaction is open on ledger (ERR_DATABASE_IN_USE)') as string })
    })
    expect(await rdb('db:unregister', 'ledger')).toMatchObject({ code: 0 })
  })
})

describe('the end', () => {
  it('is no end with restart: flags and changes are there again', async () => {
    const { pid: before } = await runtime()
    expect(await rdb('db:measure:restart', 'users')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^back1 leaves the mesh\.\nback1 is gone\.\nThe node has been restarted\.\n/) as string })
    const { pid } = await runtime()
    expect(pid).not.toBe(before)
    expect(await callControlOnce({ dataDir }, { method: 'measurement', database: 'users' }) as MeasurementView).toMatchObject({ pid, node: 'back1', pingIntervalMs: 60_000, thresholds: { cpuPercent: 85 }, log: join(dataDir, 'node.log') })
    await until('front1 to see it again', async () => (await servedBy(other, 'users')).includes('back1'))
  })

  it('comes with stop, and is told', async () => {
    const { pid } = await runtime()
    expect(await rdb('db:measure:stop')).toEqual({ code: 0, stderr: '', stdout: 'back1 leaves the mesh.\nback1 is gone.\n' })
    await until('its process to end', () => !isAlive(pid))
    expect(await rdb('db:measure:status')).toEqual({ code: 3, stderr: '', stdout: `No node runs on ${dataDir}.\n` })
  })
})
