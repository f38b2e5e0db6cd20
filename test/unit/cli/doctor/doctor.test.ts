import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addKey } from '../../../../src/adapters/files/keyring.ts'
import type { Finding } from '../../../../src/cli/doctor/finding.ts'
import { examineFolder } from '../../../../src/cli/doctor/folder-checks.ts'
import { udpBufferFinding, yearFinding } from '../../../../src/cli/doctor/host-checks.ts'
import { meshFindings, type MeshAnswers } from '../../../../src/cli/doctor/mesh-checks.ts'
import { portFindings, seedFindings, seedTarget } from '../../../../src/cli/doctor/network-checks.ts'
import type { KeysView, MemberView, NodeStatusView, ReachabilityView } from '../../../../src/wire/control.ts'
import { FakeProcess } from '../fake-context.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-doctor-')) })
afterEach(() => rm(folder, { recursive: true, force: true }))

const brief = (findings: readonly Finding[]): string[] => findings.map(({ area, level, text }) => `${level} ${area}: ${text}`)
const bad = (findings: readonly Finding[]): Finding[] => findings.filter(({ level }) => level !== 'ok')

describe('the data folder', () => {
  it('is well', async () => {
    await addKey(join(folder, 'data'), new Uint8Array(32), { use: true })
    const state = await examineFolder(join(folder, 'data'))
    expect([state.exists, state.isLocked, state.isAnswering]).toEqual([true, false, false])
    expect(brief(bad(state.findings))).toEqual(['warn node: no node runs here: what only a running one knows is not told'])
  })

  it('is open to others, as are its secrets, each with the command that closes it', async () => {
    await addKey(folder, new Uint8Array(32), { use: true })
    await chmod(folder, 0o755)
    await chmod(join(folder, 'keyring'), 0o644)
    const findings = bad((await examineFolder(folder)).findings)
    expect(findings).toContainEqual(expect.objectContaining({ area: 'data folder', level: 'warn', remedy: `chmod 700 ${folder}` }))
    expect(findings).toContainEqual(expect.objectContaining({ area: 'permissions', level: 'fail', text: `${join(folder, 'keyring')} is open to others (mode 0644)`, remedy: expect.stringContaining(`chmod 600 ${folder}/keyring`) as string }))
    expect(findings).toContainEqual(expect.objectContaining({ area: 'keys', level: 'fail' }))
  })

  it('holds what a process that died has left', async () => {
    await chmod(folder, 0o700)
    await writeFile(join(folder, 'node.json'), JSON.stringify({ pid: 999_999, peerId: 'p', name: 'n', startedWallMs: 1, version: '0', tcpMultiaddrs: [], udp: '127.0.0.1:1', socketPath: join(folder, 'node.sock') }))
    expect(brief((await examineFolder(folder)).findings)).toContain('warn node: process 999999 ended without a word: its node.json and socket are still there')
    await writeFile(join(folder, 'node.json'), '{')
    expect(brief((await examineFolder(folder)).findings)).toContain(`fail data folder: ${join(folder, 'node.json')} is damaged`)
  })

  it('is not there, or no folder', async () => {
    expect(brief((await examineFolder(join(folder, 'none'))).findings)).toEqual([`warn data folder: ${join(folder, 'none')} does not exist yet`])
    await writeFile(join(folder, 'file'), '')
    expect(brief((await examineFolder(join(folder, 'file'))).findings)).toEqual([`fail data folder: ${join(folder, 'file')} is no folder`])
  })
})

describe('the host', () => {
  it('has a clock that can be right', () => {
    expect([yearFinding(0).level, yearFinding(Date.UTC(2026, 1)).level, yearFinding(Date.UTC(2200, 1)).level]).toEqual(['fail', 'ok', 'fail'])
  })

  it('has room for a burst of datagrams', async () => {
    await writeFile(join(folder, 'small'), '212992\n')
    await writeFile(join(folder, 'large'), '4194304\n')
    expect([(await udpBufferFinding(join(folder, 'small')))?.remedy, (await udpBufferFinding(join(folder, 'large')))?.level, await udpBufferFinding(join(folder, 'none'))]).toEqual(['sysctl -w net.core.rmem_max=1048576', 'ok', null])
  })
})

describe('the network', () => {
  it('has a port that is taken, and then free; a seed that is there, and then refuses', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const { port } = server.address() as { port: number }
    const taken = await portFindings({ host: '127.0.0.1', port })
    const there = await seedFindings([`127.0.0.1:${port}`])
    await new Promise((resolve) => { server.close(resolve) })
    expect(taken.map(({ level, remedy }) => [level, remedy])).toEqual([['fail', `ss -ltnp 'sport = :${port}' shows which; or choose another with --listen`], ['ok', null]])
    expect([brief(there), (await portFindings({ host: '127.0.0.1', port })).map(({ level }) => level)]).toEqual([[`ok reachability: the seed 127.0.0.1:${port} takes TCP connections`], ['ok', 'ok']])
    expect(brief(await seedFindings([`127.0.0.1:${port}`]))).toEqual([`fail reachability: the seed 127.0.0.1:${port} refuses: its host is there, and no node listens on ${port}`])
  })

  it.each([['10.0.0.1:7400', '10.0.0.1', 7400], ['dns:mesh.local:7400', 'mesh.local', 7400], ['[::1]:7400', '::1', 7400], ['/ip4/10.0.0.1/tcp/7400/p2p/12D3', '10.0.0.1', 7400], ['/dns4/a.example/tcp/1', 'a.example', 1]])('reads the seed %s', (seed, host, port) => {
    expect(seedTarget(seed)).toEqual({ host, port })
  })
})

const status = {
  name: 'local1', version: '0.1.0', listen: { tcpMultiaddrs: ['/ip4/127.0.0.1/tcp/7400'], udp: '127.0.0.1:7400' }, http: null, alerts: [], nameConflict: false, partition: null, localHealth: { score: 0, max: 8 },
  quorum: { hasQuorum: true, reachable: 3, known: 3, needed: 2, policy: 'serve' }, databases: [{ name: 'users', ready: true }], load: { cpuPercent: 1, memoryPercent: 1, overloaded: false, drill: false },
} as unknown as NodeStatusView
const member = (name: string, clockAheadMs: number | null, record: object = {}): MemberView => ({ name, state: 'alive', clockAheadMs, record: { softwareVersion: '0.1.0', wireVersion: 1, ...record } }) as unknown as MemberView
const key = (name: string, changes: object = {}): KeysView['members'][number] => ({ peerId: name, name, isUp: true, fingerprints: ['a'], problem: null, agrees: true, ...changes })
const path = (name: string, finding: string): ReachabilityView['paths'][number] => ({ name, state: 'alive', denied: false, finding, udp: '10.0.0.2:7400' }) as unknown as ReachabilityView['paths'][number]
const answers = (changes: Partial<MeshAnswers> = {}): MeshAnswers => ({
  status, members: [member('local1', null), member('b', 3), member('c', -4)], keys: { fingerprints: ['a'], removed: [], members: [key('b'), key('c')] },
  reachability: { name: 'local1', peerId: 'a', paths: [path('b', 'direct'), path('c', 'direct')], mesh: { answered: 3, silent: [], degraded: [], omitted: 0 } }, ...changes,
})
const judged = (changes: Partial<MeshAnswers> = {}): Finding[] => bad(meshFindings(answers(changes), { version: '0.1.0' }))

describe('the mesh', () => {
  it('is well', () => {
    expect(brief(meshFindings(answers(), { version: '0.1.0' }))).toEqual([
      'ok ports: the node listens on /ip4/127.0.0.1/tcp/7400, udp 127.0.0.1:7400', 'ok mesh: quorum: 3 of 3 members are here', 'ok versions: all 3 members run version 0.1.0, wire version 1',
      'ok clock: agrees with 2 other members within 2s', 'ok keys: all 2 other members have the same', 'ok reachability: all 2 other members are reached over UDP and TCP, and reach this node',
    ])
  })

  it.each<[string, Partial<MeshAnswers>, string]>([
    ['a clock that is off there', { members: [member('b', 3), member('c', -40_000)] }, 'fail clock: clocks differ: c is 40s ahead'],
    ['a clock that is off here', { members: [member('b', 5_000), member('c', 5_100)] }, 'warn clock: the clock of this host is 5s ahead of those of 2 of 2 other members'],
    ['versions', { members: [member('b', 1), member('c', 1, { softwareVersion: '0.2.0' })] }, 'warn versions: members run different versions: b 0.1.0, c 0.2.0'],
    ['wire versions', { members: [member('b', 1), member('c', 1, { wireVersion: 2 })] }, 'warn versions: members speak different wire versions: b 1, c 2'],
    ['keys', { keys: { fingerprints: ['a'], removed: [], members: [key('b', { agrees: false }), key('c')] } }, 'fail keys: b has other keys than this node, or another one in use'],
    ['keys that nobody told', { keys: { fingerprints: ['a'], removed: [], members: [key('b', { fingerprints: null, problem: 'timed out' })] } }, 'warn keys: b: timed out'],
    ['UDP that is blocked', { reachability: { ...answers().reachability, paths: [path('b', 'stream-only')] } }, 'fail reachability: b answers over TCP, not over UDP'],
    ['paths elsewhere', { reachability: { ...answers().reachability, mesh: { answered: 3, silent: [], omitted: 0, degraded: [{ from: 'b', to: 'c', finding: 'none', forMs: 1, lostInARow: 9 }] } } }, 'warn reachability: 1 path between members is degraded: b → c none'],
    ['loneliness', { reachability: { ...answers().reachability, paths: [] } }, 'warn reachability: this node knows no other member'],
    ['a lost quorum', { status: { ...status, quorum: { ...status.quorum, hasQuorum: false } } }, 'fail mesh: quorum is lost: 3 of 3 members are here, 2 are needed'],
    ['another version of the node', { status: { ...status, version: '0.0.9' } }, 'warn versions: the node runs version 0.0.9, and this is 0.1.0'],
    ['a database that is not ready', { status: { ...status, databases: [{ ...status.databases[0], name: 'users', ready: false }] as NodeStatusView['databases'] } }, 'fail databases: users is not ready here'],
  ])('has %s', (_what, changes, text) => {
    const findings = judged(changes)
    expect(brief(findings)).toEqual([text])
    expect(findings.every(({ remedy }) => remedy !== null)).toBe(true)
  })
})

describe('a node that is overloaded', () => {
  const overloaded = { ...status, load: { ...status.load, overloaded: true } }
  const remedies = (changes: Partial<MeshAnswers>): Array<string | null> => judged({ status: overloaded, ...changes }).filter(({ area }) => area === 'mesh').map(({ remedy }) => remedy)

  it('is said to give queries away only where somebody takes them', () => {
    const self = member('a', null, { databases: [{ name: 'users', role: 'primary', engine: 'duckdb' }] })
    const copy = member('b', 1, { databases: [{ name: 'users', role: 'replica', engine: 'duckdb' }] })
    expect(remedies({ members: [{ ...self, local: true }] })).toEqual(['rdb top shows its load; its queries stay, since no peer can take them.'])
    expect(remedies({ members: [{ ...self, local: true }, { ...copy, status: 'healthy', denied: false }] })).toEqual(['rdb top shows its load; a share of its reads goes to peers.'])
  })
})

describe('rdb doctor', () => {
  it('ends with 1 when something fails, and says what to do', async () => {
    await mkdir(join(folder, 'data'), { mode: 0o700 })
    await writeFile(join(folder, 'data', 'keyring'), 'nonsense', { mode: 0o600 })
    const { code, stdout } = await new FakeProcess({ env: { REEDBASE_LISTEN: '127.0.0.1:0' } }).run('doctor', '--data-dir', join(folder, 'data'), '--json')
    const report = JSON.parse(stdout) as { ok: boolean; counts: Record<string, number>; findings: Finding[] }
    expect([code, report.ok, report.counts['fail']]).toEqual([1, false, 1])
    expect(report.findings.find(({ level }) => level === 'fail')).toMatchObject({ area: 'keys', remedy: expect.stringContaining('Copy the keyring again') as string })
  })

  it('ends with 0 where there is only something to note', async () => {
    const { code, stdout } = await new FakeProcess({ env: { REEDBASE_LISTEN: '127.0.0.1:0' } }).run('doctor', '--data-dir', join(folder, 'none'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/findings: nothing fails, [1-9]/)
    expect(stdout).toContain(`→ rdb keys:generate --data-dir ${join(folder, 'none')}`)
  })

  describe('beside a node that does not run any more', () => {
    const lastStart = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
      const dataDir = join(folder, 'data')
      await mkdir(dataDir, { mode: 0o700 })
      await writeFile(join(dataDir, 'start.json'), JSON.stringify({ args, cwd: folder, env, withheld: [], logFile: null }))
      return dataDir
    }

    it('looks at the ports that it had, and starts it as it was', async () => {
      const dataDir = await lastStart(['--listen=127.0.0.2:0', '--name=two'])
      const { code, stdout } = await new FakeProcess({ env: { REEDBASE_LISTEN: '127.0.0.1:0' } }).run('doctor', '--data-dir', dataDir)
      expect(code).toBe(0)
      expect(stdout).toMatch(/ok +ports +any free port of 127\.0\.0\.2\n/)
      expect(stdout).toContain(`→ rdb db:measure:restart --data-dir ${dataDir}\n`)
      expect(stdout).toContain('what the node was started with is valid')
    })

    it('has its variables, and the file that is named now before them', async () => {
      const dataDir = await lastStart([], { REEDBASE_LISTEN: '127.0.0.2:0' })
      await writeFile(join(folder, 'other.yaml'), 'listen: "[::1]:0"\n')
      expect((await new FakeProcess().run('doctor', '--data-dir', dataDir)).stdout).toContain('any free port of 127.0.0.2\n')
      expect((await new FakeProcess().run('doctor', '--data-dir', dataDir, '--config', join(folder, 'other.yaml'))).stdout).toContain('any free port of ::1\n')
    })

    it('says what is wrong with how it was started', async () => {
      const dataDir = await lastStart(['--gone=1'])
      expect(await new FakeProcess().run('doctor', '--data-dir', dataDir)).toMatchObject({ code: 1, stdout: expect.stringMatching(/fail +configuration +start\.json: unknown option '--gone=1'/) as string })
      await writeFile(join(dataDir, 'start.json'), '{')
      expect((await new FakeProcess({ env: { REEDBASE_LISTEN: '127.0.0.1:0' } }).run('doctor', '--data-dir', dataDir)).stdout).toMatch(/fail +data folder +\S+start\.json is damaged\n/)
    })
  })

  it('reads the configuration in the data folder where none is named', async () => {
    await mkdir(join(folder, 'data'), { mode: 0o700 })
    await writeFile(join(folder, 'data', 'reedbase.yaml'), 'listen: 127.0.0.1:0\n')
    const { stdout } = await new FakeProcess().run('doctor', '--data-dir', join(folder, 'data'))
    expect(stdout).toContain(`${join(folder, 'data', 'reedbase.yaml')} is valid`)
    expect(stdout).toMatch(/ok +ports +any free port of 127\.0\.0\.1/)
  })

  it('tells what is wrong with the configuration', async () => {
    await writeFile(join(folder, 'c.yaml'), 'listn: 1\n')
    const { code, stdout } = await new FakeProcess().run('doctor', '--config', join(folder, 'c.yaml'), '--data-dir', join(folder, 'none'))
    expect(code).toBe(1)
    expect(stdout).toMatch(/fail +configuration .*c\.yaml:1 listn is not an option; did you mean listen\?/)
  })
})
