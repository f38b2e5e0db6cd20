import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDataFolder } from '../../../src/adapters/files/data-folder.ts'
import type { DetachedStart } from '../../../src/cli/daemon.ts'
import { MeshError } from '../../../src/errors.ts'
import type { ControlRequest, MeasurementView, RegistryProgress, RegistryView, RoutingConfigView } from '../../../src/wire/control.ts'
import { type FakeOptions, FakeProcess, type Outcome } from './fake-context.ts'

const nowWallMs = Date.UTC(2026, 0, 1, 12, 0, 10)
const measurement: MeasurementView = {
  node: 'local1', pid: 4711, uptimeMs: 65_000, database: 'users', databases: ['users'], pingIntervalMs: 30_000, thresholds: { cpuPercent: 80, memoryPercent: 90, latencyMs: 200 }, peers: 2, lastCheckWallMs: nowWallMs - 3_000, log: '/srv/node.log',
}
const routing: RoutingConfigView = {
  database: 'users', node: 'local1', isServedHere: true, servers: ['local1', 'remote1'], cpuThresholdPercent: 85, memoryThresholdPercent: 90, overloadLeaveMarginPercent: 5, overloadDwellMs: 10_000, latencyThresholdMs: 200,
  strategy: 'nearest', pingIntervalMs: 60_000, own: ['cpuThreshold'], file: '/srv/reedbase.yaml', isSaved: null, notes: [],
}
const registered: RegistryView = { name: 'users', node: 'local1', database: { path: '/srv/users', role: 'replica', engine: 'duckdb', ready: true }, otherNodes: ['remote1'], ended: 0, file: '/srv/reedbase.yaml', isSaved: true, notes: [] }
const noNode = (): never => { throw new MeshError('ERR_NO_NODE', 'no node runs here') }

let cwd = ''
beforeEach(async () => { cwd = await mkdtemp(join(tmpdir(), 'reedbase-cli-')) })
afterEach(() => rm(cwd, { recursive: true }))
const fileText = (): Promise<string> => readFile(join(cwd, '.reedbase/reedbase.yaml'), 'utf8')

async function* each(...events: RegistryProgress[]): AsyncGenerator<RegistryProgress, void, void> {
  for (const event of events) yield await Promise.resolve(event)
}

function fake(control: FakeOptions['control'], options: Partial<FakeOptions> = {}): { readonly process: FakeProcess; readonly rdb: (line: string) => Promise<Outcome> } {
  const process = new FakeProcess({ control, cwd, ...options } as FakeOptions)
  return { process, rdb: (line) => process.run(...line.split(' ')) }
}

describe('db:routing:config', () => {
  it('shows what holds', async () => {
    const { process, rdb } = fake(() => routing)
    expect((await rdb('db:routing:config users')).stdout).toBe([
      'Database:          users', 'Node:              local1; also served by remote1', 'CPU threshold:     85% (its own)', "Memory threshold:  90% (the node's)", 'Overload ends:     5 points lower, for 10s',
      "Latency threshold: 200ms (the node's)", "Strategy:          nearest (the node's)", "Interval:          1m (the node's, for all its databases)", 'File:              /srv/reedbase.yaml\n',
    ].join('\n'))
    expect(process.requests).toEqual([{ method: 'routing-config', database: 'users', change: null, save: true }])
  })

  it('changes what is given, and says where it is kept and what wins over it', async () => {
    const { process, rdb } = fake(() => ({ ...routing, isSaved: true, notes: ['--db was given at the start.'] }))
    const { stdout } = await rdb('db:routing:config users --cpu-threshold 85% --memory-threshold default --interval 60 --strategy default')
    expect(process.requests).toEqual([{ method: 'routing-config', database: 'users', change: { cpuThresholdPercent: 85, memoryThresholdPercent: null, pingIntervalMs: 60_000, strategy: null }, save: true }])
    expect(stdout).toMatch(/^Changed on local1\.\n/)
    expect(stdout).toMatch(/Kept in \/srv\/reedbase\.yaml\.\nnote: --db was given at the start\.\n$/)
  })

  it('says whose figures count for what is served elsewhere', async () => {
    expect((await fake(() => ({ ...routing, isServedHere: false, servers: ['remote1', 'remote2'] })).rdb('db:routing:config users')).stdout).toContain('set beside the nodes that serve it: remote1, remote2.\n')
  })

  it('takes an interval with its unit, and is JSON when asked', async () => {
    const { process, rdb } = fake(() => routing)
    expect(JSON.parse((await rdb('db:routing:config users --interval 500ms --no-save --json')).stdout)).toEqual(routing)
    expect(process.requests).toMatchObject([{ change: { pingIntervalMs: 500 }, save: false }])
  })

  it('is that of the file where no node runs', async () => {
    await mkdir(join(cwd, '.reedbase'))
    await writeFile(join(cwd, '.reedbase/reedbase.yaml'), 'cpuThreshold: 75\ndatabases:\n  users: /srv/users\n')
    const { stdout } = await fake(noNode).rdb('db:routing:config users --memory-threshold 95 --interval 2m')
    expect(stdout).toContain('Node:              none runs\nCPU threshold:     75% (the node\'s)\nMemory threshold:  95% (its own)\n')
    expect(stdout).toContain(`Kept in ${cwd}/.reedbase/reedbase.yaml.\nnote: No node runs on ${cwd}/.reedbase: only the file was changed.\n`)
    expect(await fileText()).toBe('cpuThreshold: 75\ndatabases:\n  users:\n    path: /srv/users\n    memoryThreshold: 95\npingInterval: 2m\n')
    expect((await fake(noNode).rdb('db:routing:config users')).stdout).toContain('this is what its next start takes')
    expect((await fake(noNode).rdb('db:routing:config orders --cpu-threshold 85')).stderr).toContain('(ERR_DATABASE_UNKNOWN)')
    expect((await fake(noNode).rdb('db:routing:config users --interval 3')).stderr).toContain('(ERR_OPTION_INVALID)')
    expect(await fileText()).toContain('pingInterval: 2m')
  })

  it.each(['--interval 0', '--interval 2h', '--interval soon', '--cpu-threshold 0', '--cpu-threshold 101', '--memory-threshold much'])('refuses %s without asking', async (flags) => {
    const { process, rdb } = fake(noNode)
    expect(await rdb(`db:routing:config users ${flags}`)).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_OPTION_INVALID') as string })
    expect(process.requests).toEqual([])
  })
})

describe('db:register', () => {
  it('gives the node an absolute path and the settings', async () => {
    const { process, rdb } = fake(() => each({ kind: 'done', view: registered }))
    expect(await rdb('db:register users ./u --role primary --threads 2 --memory 1GB --cpu-threshold 70 --strategy adaptive')).toEqual({ code: 0, stderr: '', stdout: 'local1 serves users (replica, duckdb) from /srv/users.\nAlso served by remote1.\nKept in /srv/reedbase.yaml.\n' })
    expect(process.requests).toEqual([{ method: 'database-register', name: 'users', save: true, entry: { path: join(cwd, 'u'), role: 'primary', threads: 2, memory: '1GB', strategy: 'adaptive', cpuThreshold: 70 } }])
  })

  it('leaves the URL of a server as it is', async () => {
    const { process, rdb } = fake(() => each({ kind: 'done', view: registered }))
    expect(JSON.parse((await rdb('db:register users postgres://app@db1/users --no-save --json')).stdout)).toEqual(registered)
    expect(process.requests).toEqual([{ method: 'database-register', name: 'users', save: false, entry: { path: 'postgres://app@db1/users' } }])
  })

  it('changes the file where no node runs, and says so', async () => {
    await mkdir(join(cwd, 'u'))
    expect(await fake(noNode).rdb('db:register users ./u')).toMatchObject({ code: 0, stdout: `users is registered.\nKept in ${cwd}/.reedbase/reedbase.yaml.\nnote: No node runs on ${cwd}/.reedbase: it is served from its next start on.\n` })
    expect(await fileText()).toBe(`databases:\n  users: ${cwd}/u\n`)
    expect(await fake(noNode).rdb('db:register users ./u')).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_DATABASE_IN_USE') as string })
    expect(await fake(noNode).rdb('db:unregister users')).toMatchObject({ code: 0, stdout: expect.stringContaining('users is unregistered.\nTaken out of') as string })
    expect(await fileText()).toBe('databases: {}\n')
  })

  it.each([
    ['a path that is not there', 'db:register users ./nothing', 'ERR_DATABASE_PATH'],
    ['a password', 'db:register users postgres://app:secret@db1/users', 'ERR_OPTION_INVALID'],
    ['a password in a URL in capitals', 'db:register users POSTGRES://app:secret@db1/users', 'ERR_OPTION_INVALID'],
    ['a password in a URL of another kind', 'db:register users mysql://app:secret@db1/users', 'ERR_OPTION_INVALID'],
    ['a password in a URL with a slash too few', 'db:register users Postgres:/app:secret@db1/users', 'ERR_OPTION_INVALID'],
    ['the name of the mesh', 'db:register reedbase .', 'ERR_OPTION_INVALID'],
    ['--no-save', 'db:register users . --no-save', 'ERR_NO_NODE'],
    ['what is not in the file', 'db:unregister users', 'ERR_DATABASE_UNKNOWN'],
  ])('leaves the file with %s', async (_what, line, code) => {
    const { stderr } = await fake(noNode).rdb(line)
    expect(stderr).toContain(`(${code})`)
    expect(stderr).not.toContain('secret')
    await expect(fileText()).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('db:unregister', () => {
  it('tells what is still waited for, each figure once', async () => {
    const gone: RegistryView = { ...registered, database: null, otherNodes: [], ended: 1, isSaved: false }
    const { process, rdb } = fake(() => each({ kind: 'draining', running: 2, leftMs: 9_900 }, { kind: 'draining', running: 2, leftMs: 9_400 }, { kind: 'draining', running: 1, leftMs: 400 }, { kind: 'done', view: gone }))
    expect(await rdb('db:unregister users --force')).toEqual({
      code: 0, stderr: '2 queries still run; 10s left before the engine closes.\n1 query still runs; 1s left before the engine closes.\n',
      stdout: 'local1 does not serve users any more. No other node serves it now.\n1 query was ended with an error, since the time was over.\n',
    })
    expect(process.requests).toEqual([{ method: 'database-unregister', name: 'users', save: true, force: true }])
  })
})

describe('db:databases', () => {
  const copy = { peerId: 'a', node: 'local1', isLocal: true, role: 'primary', engine: 'duckdb', ready: true }
  const databases = [{ name: 'users', path: '/srv/users', copies: [copy, { ...copy, peerId: 'b', node: 'remote1', isLocal: false, role: 'replica', ready: false }] }]

  it('is a line a copy', async () => {
    expect((await fake(() => databases).rdb('db:databases')).stdout.split('\n').filter((line) => !/^[┌├└]/.test(line))).toEqual([
      '│ Database │ Node           │ Role    │ Engine │ Ready │ Path       │', '│ users    │ local1 (local) │ primary │ duckdb │ yes   │ /srv/users │', '│          │ remote1        │ replica │ duckdb │ no    │ –          │',
      'Total: 1 database, 2 copies, 1 served here', '',
    ])
    expect((await fake(() => []).rdb('db:databases')).stdout).toBe('No node of the mesh serves a database.\n')
  })

  it('is JSON, and a line a change when watched', async () => {
    expect(JSON.parse((await fake(() => databases).rdb('db:databases --json')).stdout)).toEqual(databases)
    const { process, rdb } = fake(() => {
      process.signal('SIGINT')
      return databases
    })
    expect(await rdb('db:databases --json --watch')).toMatchObject({ code: 130, stdout: `${JSON.stringify(databases)}\n` })
  })
})

describe('db:measure:status', () => {
  it('shows what is measured', async () => {
    const { process, rdb } = fake(() => measurement)
    expect(await rdb('db:measure:status users')).toMatchObject({ code: 0, stdout: [
      'Node:       local1, up 1m 5s', 'PID:        4711', 'Database:   users', 'Interval:   30s, 2 peers', 'Thresholds: CPU 80%, memory 90%, latency 200ms', 'Last check: 3s ago', 'Log file:   /srv/node.log\n',
    ].join('\n') })
    expect(process.requests).toEqual([{ method: 'measurement', database: 'users' }])
  })

  it('ends with 3 when no node runs', async () => {
    expect(await fake(noNode).rdb('db:measure:status')).toEqual({ code: 3, stdout: `No node runs on ${cwd}/.reedbase.\n`, stderr: '' })
    expect(JSON.parse((await fake(noNode).rdb('db:measure:status --json')).stdout)).toEqual({ running: false, dataDir: `${cwd}/.reedbase` })
  })

  it('does not take for none a node that starts or stops', async () => {
    const folder = await openDataFolder(join(cwd, '.reedbase'))
    const { code, stdout, stderr } = await fake(noNode).rdb('db:measure:status')
    await folder.release()
    expect([code, stdout, stderr]).toEqual([3, '', expect.stringContaining('a node that starts or stops at this moment uses')])
  })

  it('goes on watching while none runs', async () => {
    const { process, rdb } = fake(() => {
      process.signal('SIGINT')
      return noNode()
    })
    expect(await rdb('db:measure:status --watch')).toMatchObject({ code: 130, stdout: `No node runs on ${cwd}/.reedbase.\n` })
  })
})

describe('db:measure:start', () => {
  /** Answers once a node was started. */
  function starting({ fails }: { readonly fails?: MeshError } = {}) {
    const starts: DetachedStart[] = []
    const { process, rdb } = fake(() => (starts.length === 0 ? noNode() : measurement), { env: { HOME: '/home/me' }, daemon: () => Promise.resolve({ startDetached: async (start: DetachedStart) => {
      starts.push(start)
      await start.onWaiting(1_000)
      if (fails !== undefined) throw fails
      return { pid: 4711, logFile: '/srv/node.log' }
    } }) })
    return { starts, process, rdb }
  }

  it('starts a node with what the file and the flags say, and keeps --db and --interval in the file', async () => {
    const { starts, rdb } = starting()
    const { code, stdout } = await rdb('db:measure:start users --db users=./u,cpuThreshold=70 --interval 60 -- --name local1 --listen 127.0.0.1:0')
    expect([code, stdout.split('\n').slice(0, 3)]).toEqual([0, ['The node has been started.', 'Node:       local1, up 1m 5s', 'PID:        4711']])
    expect(starts).toMatchObject([{ args: ['--name', 'local1', '--listen', '127.0.0.1:0', `--data-dir=${cwd}/.reedbase`], cwd, env: { HOME: '/home/me' }, dataDir: `${cwd}/.reedbase`, waitMsMax: 30_000 }])
    expect(await fileText()).toBe(`databases:\n  users:\n    path: ${cwd}/u\n    cpuThreshold: 70\npingInterval: 1m\n`)
  })

  it('puts the file back when the node does not start', async () => {
    const { rdb } = starting({ fails: new MeshError('ERR_START_FAILED', 'the node ended with exit code 2') })
    expect(await rdb('db:measure:start users --db users=./u')).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('ERR_START_FAILED') as string })
    await expect(fileText()).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('joins the node that another command starts at the same moment, and leaves the file to it', async () => {
    let asked = 0
    const { rdb } = fake(() => (++asked < 4 ? noNode() : measurement), { daemon: () => Promise.resolve({ startDetached: () => Promise.reject(new MeshError('ERR_DATA_DIR_LOCKED', 'another node was started')) }) })
    const { code, stdout, stderr } = await rdb('db:measure:start users --db users=./u -- --name local1')
    expect([code, stdout.split('\n')[0], stderr]).toEqual([0, 'A node runs already.', 'Another command starts a node on the data folder, with its own options; those after -- are not used.\n'])
    expect(await fileText()).toBe(`databases:\n  users: ${cwd}/u\n`)
  })

  it('waits for a node that starts and does not answer yet', async () => {
    const folder = await openDataFolder(join(cwd, '.reedbase'))
    let asked = 0
    const { code, stdout } = await fake(() => (++asked < 3 ? noNode() : measurement)).rdb('db:measure:start users')
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'A node runs already.'])
    await folder.release()
  })

  it.each([
    ['a database that nothing names', 'db:measure:start users', 'ERR_DATABASE_UNKNOWN'],
    ['a data folder behind --', 'db:measure:start users --db users=. -- --data-dir x', 'ERR_OPTION_INVALID'],
    ['an option that rdb start does not have', 'db:measure:start users --db users=. -- --colour red', 'ERR_OPTION_UNKNOWN'],
    ['a value that rdb start refuses', 'db:measure:start users --db users=. -- --capacity none', 'ERR_OPTION_INVALID'],
    ['an interval within the timeout', 'db:measure:start users --db users=. --interval 2', 'ERR_OPTION_INVALID'],
  ])('starts nothing with %s', async (_what, line, code) => {
    const { starts, rdb } = starting()
    expect((await rdb(line)).stderr).toContain(`(${code})`)
    expect(starts).toEqual([])
  })

  it('shows the figures of a node that runs, and changes its interval', async () => {
    const { process, rdb } = fake((request) => (request.method === 'measurement' ? measurement : { ...routing, isSaved: true }))
    expect(await rdb('db:measure:start users')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^A node runs already\.\nNode: {7}local1/) as string })
    expect(process.requests.map(({ method }: ControlRequest) => method)).toEqual(['measurement', 'measurement'])
    expect((await rdb('db:measure:start users --interval 60')).stdout).toContain('The interval was 30s and is 1m now.\nKept in /srv/reedbase.yaml.\n')
    expect(process.requests).toContainEqual({ method: 'routing-config', database: 'users', change: { pingIntervalMs: 60_000 }, save: true })
  })

  it('points to db:register for a database that the running node lacks', async () => {
    expect((await fake(() => measurement).rdb('db:measure:start orders --db orders=./o')).stderr).toContain('rdb db:register orders ./o lets it serve')
    expect((await fake(() => measurement).rdb('db:measure:start users -- --name x')).stderr).toContain('ERR_OPTION_INVALID')
  })
})

describe('db:measure:restart', () => {
  const start = { args: ['--config=my.yaml', '--name=local1', `--data-dir=old`], cwd: '/srv/app', env: { REEDBASE_RACK: 'r1' }, withheld: [] as string[], logFile: null }

  async function restarting(kept: object, env: Record<string, string> = {}) {
    await mkdir(join(cwd, '.reedbase'))
    await writeFile(join(cwd, '.reedbase/start.json'), JSON.stringify(kept))
    const starts: DetachedStart[] = []
    const { process, rdb } = fake(({ method }) => (method === 'leave' ? { pid: 1, name: 'local1', inFlight: 0, drainMs: 0 } : measurement), { env: { REEDBASE_NAME: 'mine', PGPASSWORD: 'p', ...env }, daemon: () => Promise.resolve({ startDetached: (given: DetachedStart) => {
      starts.push(given)
      return Promise.resolve({ pid: 4711, logFile: '' })
    } }) })
    return { starts, process, rdb }
  }

  it('starts it as it was started, and not as this command was', async () => {
    const { starts, process, rdb } = await restarting(start)
    expect((await rdb('db:measure:restart')).stdout).toMatch(/^local1 leaves the mesh\.\nlocal1 is gone\.\nThe node has been restarted\.\n/)
    expect(process.requests.map(({ method }) => method)).toEqual(['leave', 'measurement'])
    expect(starts).toMatchObject([{ args: ['--config=my.yaml', '--name=local1', `--data-dir=${cwd}/.reedbase`], cwd: '/srv/app' }])
    expect(starts[0]?.env).toEqual({ REEDBASE_RACK: 'r1', PGPASSWORD: 'p' })
  })

  it('asks for what is not kept, before it stops anything', async () => {
    const withheld = { ...start, withheld: ['--alerts-webhook'] }
    const without = await restarting(withheld)
    expect((await without.rdb('db:measure:restart')).stderr).toContain('Set REEDBASE_ALERTS_WEBHOOK for this command')
    expect([without.process.requests, without.starts]).toEqual([[], []])
    await rm(join(cwd, '.reedbase'), { recursive: true })
    const given = await restarting(withheld, { REEDBASE_ALERTS_WEBHOOK: 'https://example.net/t' })
    expect((await given.rdb('db:measure:restart --json')).code).toBe(0)
    expect(given.starts[0]?.env).toMatchObject({ REEDBASE_ALERTS_WEBHOOK: 'https://example.net/t' })
  })

  it('needs a node that a command has started', async () => {
    expect(await fake(noNode).rdb('db:measure:restart')).toMatchObject({ code: 3, stderr: expect.stringContaining('ever started') as string })
  })
})

describe('db:measure:stop', () => {
  it('leaves in order', async () => {
    const { process, rdb } = fake(() => ({ pid: 1, name: 'local1', inFlight: 0, drainMs: 0 }))
    expect(await rdb('db:measure:stop users')).toEqual({ code: 0, stderr: '', stdout: 'local1 leaves the mesh.\nlocal1 is gone.\n' })
    expect(process.requests).toEqual([{ method: 'leave' }])
  })
})
