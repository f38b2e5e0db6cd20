/** Starting and stopping real node processes: identity, ports, options, seeds, signals, the log, and the commands that look at a node. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { callControlOnce } from '../../../src/client/control.ts'
import type { MemberEventView } from '../../../src/wire/control.ts'
import { type CommandResult, type NodeProcess, type RunningCommand, runRdb, startRdb, TestMesh, until } from '../../support/processes.ts'

let mesh: TestMesh
/** Commands that would outlive a test that fails. */
const commands: RunningCommand[] = []
// One folder and one cluster key for all tests; each gives its nodes names, and so data folders, of their own.
beforeAll(async () => { mesh = await TestMesh.create() })
afterEach(async () => {
  for (const { child } of commands.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
  for (const node of mesh.nodes) if (!node.hasExited) node.child.kill('SIGKILL')
  await Promise.all(mesh.nodes.map(({ exited }) => exited))
})
afterAll(async () => { await mesh.stop() })

const quickMembership = ['--membership-preset', 'local', '--seed-retry-max', '1s']

function addressOf(node: NodeProcess): string {
  return node.runtime?.tcpMultiaddrs[0] ?? ''
}

function expectRefusal(result: CommandResult, ...texts: readonly string[]): void {
  for (const text of texts) expect(result.stderr).toContain(text)
  expect(result.stderr).toMatch(/^next: \S/m)
  expect([result.code, result.stdout]).toEqual([2, ''])
}

describe('the identity key', () => {
  it('is made at the first start for this user alone, and names the node over restarts', async () => {
    const first = await mesh.start('before')
    const { peerId } = await first.ready()
    const path = join(first.dataDir, 'identity.key')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const bytes = await readFile(path)
    first.child.kill('SIGTERM')
    await first.exited
    const second = await mesh.start('after', { dataDirName: 'before' })
    expect((await second.ready()).peerId).toBe(peerId)
    expect((await readFile(path)).equals(bytes)).toBe(true)
  })

  it('is never replaced when it is damaged', async () => {
    const dataDir = join(mesh.folder, 'damaged')
    await mkdir(dataDir, { mode: 0o700 })
    const path = join(dataDir, 'identity.key')
    await writeFile(path, 'not a key at all', { mode: 0o600 })
    expectRefusal(await runRdb(['start', '--data-dir', dataDir, '--listen', '127.0.0.1:0']), 'ERR_KEY_FILE_DAMAGED', path)
    expect(await readFile(path, 'utf8')).toBe('not a key at all')
  })
})

describe('the port', () => {
  it('0 picks one number that is free for both TCP and UDP', async () => {
    const node = await mesh.start('any-port')
    const { tcpMultiaddrs, udp } = await node.ready()
    const port = Number(udp.split(':').at(-1))
    expect(port).toBeGreaterThan(1023)
    expect(tcpMultiaddrs).toEqual([expect.stringMatching(`^/ip4/127\\.0\\.0\\.1/tcp/${port}(/|$)`)])
  })

  it.each(['TCP', 'UDP'])('that is taken over %s keeps the node from starting', async (protocol) => {
    const holder = protocol === 'TCP' ? createServer().listen(0, '127.0.0.1') : createSocket('udp4').bind(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    try {
      expectRefusal(await runRdb(['start', '--data-dir', join(mesh.folder, 'key'), '--listen', `127.0.0.1:${port}`]), 'ERR_PORT_BUSY', String(port), protocol, '--listen')
    } finally {
      holder.close()
    }
  })
})

describe('options', () => {
  const refused: ReadonlyArray<{ what: string; args?: readonly string[]; env?: NodeJS.ProcessEnv; yaml?: string; texts: readonly string[] }> = [
    { what: 'an unknown flag', args: ['--lisen', '127.0.0.1:0'], texts: ['unknown option', '--lisen', 'Did you mean --listen?', 'ERR_OPTION_UNKNOWN'] },
    { what: 'an unknown key in the file', yaml: 'name: a\npingIntervall: 3s\n', texts: ['ERR_OPTION_UNKNOWN', 'reedbase.yaml', 'pingIntervall', 'pingInterval'] },
    { what: 'an unknown variable', env: { REEDBASE_SEED: '127.0.0.1:1' }, texts: ['ERR_OPTION_UNKNOWN', 'REEDBASE_SEED', 'REEDBASE_SEEDS'] },
    { what: 'a value out of its range', args: ['--cpu-threshold', '800'], texts: ['ERR_OPTION_INVALID', '--cpu-threshold', '800', '100'] },
    { what: 'a duration without a unit in the file', yaml: 'pingInterval: 30\n', texts: ['ERR_OPTION_INVALID', 'reedbase.yaml', 'pingInterval', '30', 'unit'] },
    { what: 'options that contradict each other', args: ['--ping-interval', '1s', '--ping-timeout', '2s'], texts: ['ERR_OPTION_INVALID', '--ping-timeout (2000ms) must be below --ping-interval (1000ms)'] },
    { what: 'a seed that is no address', args: ['--seed', 'http://a'], texts: ['ERR_OPTION_INVALID', '--seed', 'http://a'] },
    { what: 'a file that is no YAML', yaml: 'name: [a\n', texts: ['ERR_CONFIG_FILE', 'reedbase.yaml'] },
    { what: 'a file that is not there', args: ['--config', 'missing.yaml'], texts: ['ERR_CONFIG_FILE', 'missing.yaml'] },
    { what: 'a database whose path is not there', args: ['--listen', '127.0.0.1:0', '--data-dir', 'refused', '--db', 'users=./nowhere'], texts: ['ERR_DATABASE_PATH', 'nowhere'] },
    { what: 'an open address without a cluster key', args: ['--data-dir', 'refused', '--listen', '0.0.0.0:0'], texts: ['ERR_INSECURE_LISTEN', '0.0.0.0', 'keys:generate'] },
  ]
  it.each(refused)('refused: $what', async ({ args = [], env = {}, yaml, texts }) => {
    if (yaml !== undefined) await writeFile(join(mesh.folder, 'reedbase.yaml'), yaml)
    const config = yaml === undefined ? [] : ['--config', 'reedbase.yaml']
    expectRefusal(await runRdb(['start', ...config, ...args], { cwd: mesh.folder, env }), ...texts)
  })

  it('come from the file, over it the environment, over that the flags', async () => {
    await mkdir(join(mesh.folder, 'data'))
    await writeFile(join(mesh.folder, 'data', 'primes.csv'), 'n,prime\n1,2\n2,3\n')
    await writeFile(join(mesh.folder, 'reedbase.yaml'), 'name: file\nrack: file\ndatacenter: file\nlisten: 127.0.0.1:0\ndataDir: ./state\ndatabases:\n  numbers: ./data\n')
    const running = startRdb(['start', '--name', 'flag'], { cwd: mesh.folder, env: { REEDBASE_CONFIG: 'reedbase.yaml', REEDBASE_NAME: 'environment', REEDBASE_RACK: 'environment' } })
    commands.push(running)
    const asked = ['--data-dir', join(mesh.folder, 'state')]
    await until('the node to answer', async () => {
      if (running.child.exitCode !== null) throw new Error(running.stderrSoFar())
      return await callControlOnce({ dataDir: join(mesh.folder, 'state') }, { method: 'status' }).then(() => true, () => false)
    })
    expect((await runRdb(['status', ...asked])).code).toBe(0)
    expect(JSON.parse((await runRdb(['members', '--json', ...asked])).stdout)).toMatchObject([{ record: { name: 'flag', rack: 'environment', datacenter: 'file' } }])
    expect(await runRdb(['db:query', 'numbers', 'SELECT max(prime) AS most FROM primes', '--format', 'csv', ...asked])).toMatchObject({ code: 0, stdout: 'most\n3\n' })
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('an unreachable seed', () => {
  it('leaves the node running alone, which says so, and is joined once it comes up', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    await new Promise((resolve) => holder.close(resolve))
    const early = await mesh.start('early', { seeds: [`127.0.0.1:${port}`], args: quickMembership })
    await early.ready()
    await until('the log to say that the node is alone', async () => (await early.log()).includes('runs on alone'))
    expect(await early.log()).toContain(`seed 127.0.0.1:${port} is not reachable`)
    expect(await early.rdb(['db:query', 'numbers', 'SELECT 1 AS one', '--format', 'csv'])).toMatchObject({ code: 0, stdout: 'one\n1\n' })
    const late = await mesh.start('late', { args: [...quickMembership, '--listen', `127.0.0.1:${port}`] })
    await late.ready()
    await mesh.untilAllSee([early, late])
    expect(await early.log()).toContain(`joined through seed 127.0.0.1:${port}`)
  })
})

describe('signals and the log', () => {
  it('SIGINT and SIGTERM make a node leave and exit with 0; the log tells each change of membership once, as JSON', async () => {
    const [observer, interrupted, terminated] = await mesh.startAll(['observer', 'interrupted', 'terminated']) as [NodeProcess, NodeProcess, NodeProcess]
    interrupted.child.kill('SIGINT')
    expect(await interrupted.exited).toEqual({ code: 0, signal: null })
    terminated.child.kill('SIGTERM')
    expect(await terminated.exited).toEqual({ code: 0, signal: null })
    const events = await until('both farewells', async () => {
      const all = await observer.events()
      return all.filter(({ type }) => type === 'member-left').length === 2 ? all : null
    })
    for (const name of ['interrupted', 'terminated']) {
      const told = events.filter(({ record }) => record.name === name && record.peerId !== observer.runtime?.peerId)
      const count = (wanted: MemberEventView['type']): number => told.filter(({ type }) => type === wanted).length
      expect([count('member-joined'), count('member-left'), count('member-failed')]).toEqual([1, 1, 0])
    }
    for (const line of (await observer.log()).trimEnd().split('\n')) {
      const { time, level, msg, event } = JSON.parse(line) as { time: string; level: string; msg: string; event?: MemberEventView }
      expect(Date.parse(time)).toBeGreaterThan(0)
      expect(level).toMatch(/^(info|warn)$/)
      expect(msg).not.toBe('')
      if (event === undefined) continue
      // Who, what, why, and on whose word, also for people.
      for (const text of [event.type, event.record.name, event.reason, event.from]) expect([text !== '', msg.includes(text)]).toEqual([true, true])
    }
    // The socket file and node.json go with the process, so that the next command says at once that nobody is there.
    expect(await terminated.rdb(['status'])).toMatchObject({ code: 3, stderr: expect.stringContaining('ERR_NO_NODE') as string })
  })
})

describe('rdb members --watch --json', () => {
  it('shows a node join and fail, until Ctrl-C', async () => {
    const local = await mesh.start('watcher', { args: quickMembership })
    await local.ready()
    const watch = startRdb(['members', '--watch', '--json', '--data-dir', local.dataDir])
    commands.push(watch)
    const seen = (): MemberEventView[] => watch.stdoutSoFar().split('\n').slice(0, -1).map((line) => JSON.parse(line) as MemberEventView)
    await until('the snapshot', () => seen().some(({ type, record }) => type === 'member-joined' && record.name === 'watcher'))
    const other = await mesh.start('watched', { seeds: [addressOf(local)], args: quickMembership })
    await other.ready()
    const joined = await until('the join', () => seen().find(({ type, record }) => type === 'member-joined' && record.name === 'watched'))
    expect(joined.record).toMatchObject({ peerId: other.runtime?.peerId, databases: [{ name: 'numbers' }] })
    other.child.kill('SIGKILL')
    const failed = await until('the failure', () => seen().find(({ type, record }) => type === 'member-failed' && record.name === 'watched'))
    expect([failed.from, failed.sinceProbeMs !== null]).toEqual(['watcher', true])
    watch.child.kill('SIGINT')
    expect((await watch.ended).code).toBe(130)
  })
})

describe('rdb drill', () => {
  it('pins the load that every node sees, ends by itself, and ends when told', async () => {
    const [local, other] = await mesh.startAll(['drilled', 'witness'], { args: quickMembership }) as [NodeProcess, NodeProcess]
    const seenByOther = async () => (await other.members()).find(({ record }) => record.name === 'drilled')?.load
    expect((await local.rdb(['drill', '--cpu', '95', '--memory', '50', '--for', '1s'])).stdout).toMatch(/CPU 95.*memory 50.*overloaded/s)
    // Which of both is true is up to the load of the machine that runs the tests.
    await until('the log to say what it leads to', async () => /overloaded: [^"]*; (?:a share of its reads goes to peers|its queries stay, since no peer can take them)/.test(await local.log()))
    await until('the drill to end by itself', async () => !(await local.status()).load.drill)
    await until('the other node to hear of the end', async () => (await seenByOther())?.drill === false)

    expect((await local.rdb(['drill', '--cpu', '96', '--for', '10m'])).code).toBe(0)
    expect((await local.status()).load).toMatchObject({ cpuPercent: 96, overloaded: true, drill: true })
    expect(await until('the other node to hear of the drill', async () => {
      const load = await seenByOther()
      return load?.drill === true ? load : null
    })).toMatchObject({ cpuPercent: 96, overloaded: true })
    expect(await local.rdb(['drill', '--end'])).toMatchObject({ code: 0, stdout: expect.stringContaining('The drill is over') as string })
    expect((await local.status()).load.drill).toBe(false)
  })
})

describe('rdb keys', () => {
  it('makes a key for this user alone, lists fingerprints, and never shows a secret unasked', async () => {
    const dataDir = join(mesh.folder, 'fresh')
    const asked = ['--data-dir', dataDir]
    const made = await runRdb(['keys:generate', ...asked])
    expect(made.code).toBe(0)
    const path = join(dataDir, 'keyring')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const added = await runRdb(['keys:generate', ...asked])
    expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining('not in use yet') as string })
    const listed = await runRdb(['keys:list', '--json', ...asked])
    const keys = JSON.parse(listed.stdout) as Array<{ fingerprint: string; inUse: boolean }>
    expect(keys.map(({ inUse }) => inUse)).toEqual([true, false])
    expect([made, added].map(({ stdout }, index) => stdout.includes(keys[index]?.fingerprint ?? 'none'))).toEqual([true, true])
    const secrets = (await readFile(path, 'utf8')).split('\n').map((line) => line.split('#')[0]?.trim() ?? '').filter((secret) => secret !== '')
    expect(secrets).toHaveLength(2)
    const printed = [made, added, listed, await runRdb(['keys:list', ...asked])].map(({ stdout, stderr }) => stdout + stderr).join('')
    for (const secret of secrets) expect(printed).not.toContain(secret)
  })
})
