import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EventView, MemberEventView, MemberRecordView, MemberView, NodesView, NodeStatusView } from '../../../src/wire/control.ts'
import { FakeProcess } from './fake-context.ts'

const nowWallMs = Date.UTC(2026, 0, 1, 12, 0, 10)
const timezone = process.env['TZ']
beforeAll(() => { process.env['TZ'] = 'UTC' })
afterAll(() => {
  if (timezone === undefined) delete process.env['TZ']
  else process.env['TZ'] = timezone
})

const record = (name: string, host = '10.0.0.1'): MemberRecordView => ({
  peerId: `12D3KooW${name.padStart(8, 'x')}`, name, incarnation: 1, tcpMultiaddrs: [`/ip4/${host}/tcp/7400/p2p/12D3KooW${name}`], udpHost: host, udpPort: 7400, datagramEpoch: 1,
  datacenter: 'default', rack: 'default', capacity: 1, databases: [{ name: 'users', role: 'primary', engine: 'duckdb' }, { name: 'orders', role: 'replica', engine: 'duckdb' }], softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 1,
})

const member = (name: string, changes: Partial<MemberView> = {}): MemberView => ({
  record: record(name), name, local: false, state: 'alive', stateSinceWallMs: nowWallMs - 65_000, suspectedBy: [], status: 'healthy', nameConflict: false,
  denied: false, probationUntilWallMs: null, flapping: false, removedBy: null, path: 'direct',
  latency: { currentMs: 0.7, smoothedMs: 0.42, meanMs: 0.5, p99Ms: 1, minMs: 0.3, maxMs: 2, lossRatio: 0, quality: 1, samples: 4, consecutiveFailures: 0, lastCheckMs: 1 },
  load: { cpuPercent: 20.4, memoryPercent: 41.6, inFlight: 2, overloaded: false, drill: false, ageMs: 100 }, ...changes,
})

describe('members', () => {
  const members = [member('local1', { local: true, latency: null, path: null }), member('remote1', { state: 'suspect', suspectedBy: ['a', 'b'], nameConflict: true }), member('remote2', { state: 'failed', latency: null, load: null })]

  it('is a table', async () => {
    expect((await new FakeProcess({ control: () => members }).run('members')).stdout).toBe([
      '┌────────────────────┬────────────────┬───────────┬───────────────┬───────┬─────────────────────────┬─────┬─────┬──────────────────┐',
      '│ Name               │ State          │ Since     │ Address       │   RTT │ Databases               │ CPU │ Mem │ Notes            │',
      '├────────────────────┼────────────────┼───────────┼───────────────┼───────┼─────────────────────────┼─────┼─────┼──────────────────┤',
      '│ local1 (this node) │ alive          │ 1m 5s ago │ 10.0.0.1:7400 │     – │ users (primary), orders │ 20% │ 42% │                  │',
      '│ remote1            │ suspect (by 2) │ 1m 5s ago │ 10.0.0.1:7400 │ 0.4ms │ users (primary), orders │ 20% │ 42% │ name taken twice │',
      '│ remote2            │ failed         │ 1m 5s ago │ 10.0.0.1:7400 │     – │ users (primary), orders │   – │   – │                  │',
      '└────────────────────┴────────────────┴───────────┴───────────────┴───────┴─────────────────────────┴─────┴─────┴──────────────────┘',
      '3 members\n',
    ].join('\n'))
  })

  it('keep to the width of a terminal, and say what they leave out', async () => {
    const { stdout } = await new FakeProcess({ control: () => members, terminal: true, columns: 80 }).run('members')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(stdout).toContain('│ Name               │ State          │')
    expect(stdout).toMatch(/\nToo narrow for: .*Address.*\n3 members\n$/)
  })

  it('mark a drill once', async () => {
    const drilled = member('local1', { local: true, load: { cpuPercent: 95, memoryPercent: 41.6, inFlight: 2, overloaded: true, drill: true, ageMs: 100 } })
    const { stdout } = await new FakeProcess({ control: () => [drilled] }).run('members')
    expect(stdout.match(/\(drill\)/g)).toHaveLength(1)
    expect(stdout).toMatch(/│ alive \(drill\) │.*│ 95% │ 42% │/)
  })

  it('filters by state, and gives whole views as JSON', async () => {
    const { stdout } = await new FakeProcess({ control: () => members }).run('members', '--json', '--state', 'failed', '--state', 'suspect')
    expect(JSON.parse(stdout)).toEqual(members.slice(1))
    expect((await new FakeProcess({ control: () => members }).run('members', '--json', '--state', 'failed,suspect')).stdout).toBe(stdout)
    expect(await new FakeProcess().run('members', '--state', 'dead')).toMatchObject({ code: 2, stderr: expect.stringContaining('--state is "dead"; it takes joining, alive, suspect, failed, left') as string })
  })

  it.each([
    [['--zone', 'paris'], ['remote1', 'remote2']], [['--zone', 'paris/r2'], ['remote2']], [['--zone', 'default,paris/r1'], ['local1', 'remote1']],
    [['--database', 'users'], ['local1', 'remote2']], [['--database', 'users', '--zone', 'paris', '--state', 'failed'], ['remote2']], [['--database', 'none'], []],
  ])('filters with %j', async (flags: string[], names) => {
    const placed = [members[0], member('remote1', { record: { ...record('remote1'), datacenter: 'paris', rack: 'r1', databases: [] } }), member('remote2', { state: 'failed', record: { ...record('remote2'), datacenter: 'paris', rack: 'r2' } })]
    const { stdout } = await new FakeProcess({ control: () => placed }).run('members', '--json', ...flags)
    expect((JSON.parse(stdout) as MemberView[]).map(({ name }) => name)).toEqual(names)
    if (names.length === 2 && names[0] === 'remote1') expect((await new FakeProcess({ control: () => placed }).run('members')).stdout).toContain('│ paris/r2 ')
  })

  it.each([['--zone', 'a/b/c', '--zone is "a/b/c"'], ['--state', 'alive,', '--state is "alive,"'], ['--state', 'alve', 'did you mean alive?']])('refuses %s %s', async (flag, value, message) => {
    const process = new FakeProcess()
    expect(await process.run('members', flag, value)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string })
    expect(process.requests).toEqual([])
  })

  it('notes what is odd about a member', async () => {
    const odd = [
      member('a', { flapping: true, state: 'failed', probationUntilWallMs: nowWallMs + 30_000, path: 'none' }), member('b', { state: 'left', removedBy: 'local1' }), member('c', { path: 'stream-only', denied: true }),
    ]
    const { stdout } = await new FakeProcess({ control: () => odd }).run('members')
    expect(stdout).toContain('│ flapping; returning, taken back at 12:00:40 │')
    expect(stdout).toMatch(/│ removed at local1 +│/)
    expect(stdout).toMatch(/│ denied here; no UDP +│/)
  })

  it('shows whole PeerIds when asked', async () => {
    expect((await new FakeProcess({ control: () => members }).run('members', '--wide')).stdout).toContain('│ 12D3KooWxxlocal1 │')
  })

  const told = (changes: Partial<MemberEventView> & Pick<MemberEventView, 'type' | 'reason'>): MemberEventView => ({
    atWallMs: nowWallMs, record: record('remote1'), name: 'remote1', from: 'remote1', sinceProbeMs: null, evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null, ...changes,
  })
  const events: EventView[] = [
    told({ type: 'member-joined', from: 'local1', reason: 'already known, alive' }),
    told({ type: 'member-failed', atWallMs: nowWallMs + 1_234, from: 'remote2', reason: 'its port refuses connections', evidence: 'refused', suspectedBy: 'local1', confirmedBy: ['remote2', 'remote3'], probeMs: 104, suspicionMs: 12 }),
    { type: 'partition-suspected', atWallMs: nowWallMs + 1_500, partition: 'p1', reason: '4 of 9 members were lost within 0.3 s', reachable: 5, lost: 4, durationMs: null },
  ]
  async function* stream(): AsyncGenerator<EventView> {
    for (const event of events) yield await Promise.resolve(event)
  }

  it('prints events as they happen, and says when the node ends', async () => {
    const process = new FakeProcess({ control: stream })
    expect(await process.run('members', '--watch')).toEqual({
      code: 0,
      stdout: [
        '12:00:10.000 member-joined    remote1: already known, alive (from local1)',
        '12:00:11.234 member-failed    remote1: its port refuses connections; suspected by local1 after 104ms, confirmed by remote2 and remote3, declared by remote2 12ms later',
        '12:00:11.500 partition-suspected 4 of 9 members were lost within 0.3 s\n',
      ].join('\n'),
      stderr: 'The node has stopped.\n',
    })
    expect(process.requests).toEqual([{ method: 'events', snapshot: true }])
  })

  it('tells a node that was killed from one that stopped', async () => {
    expect(await new FakeProcess({ wasKilled: true, control: stream }).run('members', '--watch')).toMatchObject({
      code: 3, stderr: 'error: the node at /srv/.reedbase is gone, without a word (ERR_NO_NODE)\nnext: See the end of its log, and start it again with rdb start.\n',
    })
  })

  it('prints events as JSON lines, those that lead to a state', async () => {
    const { stdout } = await new FakeProcess({ control: stream }).run('members', '--watch', '--json', '--state', 'failed')
    expect(stdout).toBe(`${JSON.stringify(events[1])}\n`)
  })

  it('ends a watch with Ctrl-C', async () => {
    const process: FakeProcess = new FakeProcess({
      control: async function* (_request, _target, signal) {
        yield await Promise.resolve(events[0])
        const aborted = new Promise((_resolve, reject) => { signal?.addEventListener('abort', () => reject(new Error('closed'))) })
        process.signal('SIGINT')
        await aborted
      },
    })
    expect(await process.run('members', '--watch')).toMatchObject({ code: 130, stderr: '' })
  })
})

describe('db:nodes', () => {
  const view: NodesView = {
    database: 'users', pingIntervalMs: 30_000, thresholds: { cpuPercent: 80, memoryPercent: 90, latencyMs: 200 },
    nodes: [
      { name: 'local1', peerId: 'a', type: 'local', state: 'alive', status: 'degraded', statusReason: 'CPU 95% exceeds threshold 80%', role: 'primary', lagMs: null, cpuPercent: 95, memoryPercent: 50, inFlight: 3, overloaded: true, drill: true, latencyMs: null, lastCheckWallMs: nowWallMs - 400 },
      { name: 'remote1', peerId: 'b', type: 'remote', state: 'alive', status: 'healthy', statusReason: null, role: 'replica', lagMs: null, cpuPercent: 12.4, memoryPercent: 33.3, inFlight: 0, overloaded: false, drill: false, latencyMs: 45.4, lastCheckWallMs: nowWallMs - 12_000 },
      { name: 'remote2', peerId: 'c', type: 'remote', state: 'failed', status: 'unhealthy', statusReason: 'failed', role: 'replica', lagMs: null, cpuPercent: null, memoryPercent: null, inFlight: null, overloaded: false, drill: false, latencyMs: null, lastCheckWallMs: null },
    ],
  }

  it('shows how far copies are behind, where one knows it', async () => {
    const nodes = view.nodes.map((node, index) => ({ ...node, lagMs: index === 1 ? 1_500 : null }))
    const lines = (await new FakeProcess({ control: () => ({ ...view, nodes }) }).run('db:nodes', 'users')).stdout.split('\n').map((line) => line.split('│').map((cell) => cell.trim()).at(-3))
    expect(lines.slice(4, 9).filter((cell) => cell !== undefined)).toEqual(['Lag', '–', '1.5s', '–'])
  })

  it('is header, table and summary', async () => {
    expect((await new FakeProcess({ control: () => view }).run('db:nodes', 'users')).stdout).toBe([
      'Database: users',
      'Measurement interval: 30s',
      'Thresholds: CPU 80%, memory 90%, latency 200ms',
      '┌──────────────────┬────────┬──────────────────┬─────┬────────┬───────────┬─────────┬────────────┐',
      '│ Location         │ Type   │ Status           │ CPU │ Memory │ In flight │ Latency │ Last check │',
      '├──────────────────┼────────┼──────────────────┼─────┼────────┼───────────┼─────────┼────────────┤',
      '│ local1 (primary) │ local  │ Degraded (drill) │ 95% │    50% │         3 │       – │ now        │',
      '│ remote1          │ remote │ Healthy          │ 12% │    33% │         0 │    45ms │ 12s ago    │',
      '│ remote2          │ remote │ Unhealthy        │   – │      – │         – │       – │ –          │',
      '└──────────────────┴────────┴──────────────────┴─────┴────────┴───────────┴─────────┴────────────┘',
      'local1: CPU 95% exceeds threshold 80%',
      'remote2: failed',
      'Summary: 3 nodes. Healthy: 1 (33%), Degraded: 1 (33%), Unhealthy: 1 (33%)\n',
    ].join('\n'))
  })

  it('keeps to a narrow terminal', async () => {
    const { stdout } = await new FakeProcess({ control: () => view, terminal: true, columns: 42 }).run('db:nodes', 'users')
    expect(stdout).toMatch(/│ Location +│ Status +│/)
    expect(stdout.split('\n').filter((line) => /^[│┌├└]/.test(line) && line.length > 42)).toEqual([])
  })

  it('is JSON when asked', async () => {
    const process = new FakeProcess({ control: () => view })
    expect(JSON.parse((await process.run('db:nodes', 'users', '--json')).stdout)).toEqual(view)
    expect(process.requests).toEqual([{ method: 'nodes', database: 'users' }])
  })

  it('redraws a terminal until Ctrl-C', async () => {
    const process: FakeProcess = new FakeProcess({ terminal: true, control: () => view })
    const outcome = process.run('db:nodes', 'users', '--watch')
    while (process.stdout.text() === '') await new Promise((resolve) => { setImmediate(resolve) })
    process.signal('SIGINT')
    const { code, stdout, stderr } = await outcome
    expect([code, stderr]).toEqual([130, ''])
    expect(stdout.startsWith('\u001b[?2026hDatabase: users\n')).toBe(true)
  })

  it('colours a status only where colour is wanted', async () => {
    expect((await new FakeProcess({ color: true, control: () => view }).run('db:nodes', 'users')).stdout).toContain('<green>Healthy</green>')
  })
})

describe('drill', () => {
  const load = { cpuPercent: 95, memoryPercent: 50, inFlight: 0, overloaded: true, drill: true }

  it('starts and ends', async () => {
    const process = new FakeProcess({ control: ({ method }) => (method === 'drill-end' ? { ...load, cpuPercent: 7, overloaded: false, drill: false } : load) })
    expect(await process.run('drill', '--cpu', '95', '--memory', '50%', '--for', '2m')).toMatchObject({ code: 0 })
    await process.run('drill', '--end')
    expect(process.requests).toEqual([{ method: 'drill-start', cpuPercent: 95, memoryPercent: 50, forMs: 120_000 }, { method: 'drill-end' }])
    expect(process.stdout.text()).toBe('Drill for 2m 0s: this node reports CPU 95%, memory 50%; it counts as overloaded\nrdb drill --end ends it now.\nThe drill is over. Measured: CPU 7%, memory 50%\n')
  })

  it.each([
    [['drill'], 'a drill needs --cpu, --memory or both'], [['drill', '--cpu', '101'], '--cpu is "101"; it takes a percentage from 0 to 100'],
    [['drill', '--cpu', '5', '--for', '30'], '--for is "30"'], [['drill', '--end', '--cpu', '5'], '--end goes with neither'], [['drill', '--cpu', '5', '--for', '25h'], 'up to 24h'],
  ])('refuses %j', async (args: string[], message) => {
    const process = new FakeProcess()
    const { code, stderr } = await process.run(...args)
    expect([code, process.requests]).toEqual([2, []])
    expect(stderr).toContain(message)
  })
})

describe('status', () => {
  const status: NodeStatusView = {
    peerId: '12D3KooWlocal1', name: 'local1', nameConflict: false, pid: 42, state: 'alive', version: '0.1.0', uptimeMs: 65_000, http: null, alerts: [], listen: { tcpMultiaddrs: ['/ip4/127.0.0.1/tcp/7400'], udp: '127.0.0.1:7400' },
    databases: [{ name: 'users', role: 'primary', engine: 'duckdb', ready: true, lagMs: null }, { name: 'orders', role: 'replica', engine: 'duckdb', ready: false, lagMs: null }],
    load: { cpuPercent: 85, memoryPercent: 40, inFlight: 1, overloaded: true, drill: false }, members: { joining: 0, alive: 3, suspect: 0, failed: 1, left: 0 }, localHealth: { score: 0, max: 8 },
    counters: { membershipPingsSent: 1_204, membershipAcksReceived: 1_203, membershipPingsLost: 1, datagramsSent: 2_500, datagramsSentBytes: 512_340, datagramsDroppedForged: 2, datagramsDroppedReplayed: 1, partitionsSuspected: 1 },
    partition: null, quorum: { hasQuorum: true, reachable: 3, known: 4, needed: 3, policy: 'serve' },
  }

  it('is a few lines, or JSON with all counters', async () => {
    expect((await new FakeProcess({ control: () => status }).run('status')).stdout).toBe([
      'Name:       local1, alive', 'PeerId:     12D3KooWlocal1', 'Process:    42, version 0.1.0, up 1m 5s', 'Listens on: /ip4/127.0.0.1/tcp/7400, udp 127.0.0.1:7400',
      'Databases:  users (primary, duckdb), orders (replica, duckdb, not ready)', 'Load:       CPU 85%, memory 40%, 1 in flight, overloaded', 'Members:    3 alive, 1 failed', 'Quorum:     yes, 3 of 4 members here, 3 needed', 'Health:     good (0 of 8)', 'Alerts:     none',
      'Probes:     1,204 pings, 1,203 acks, 1 lost; 0 indirect pings, 0 of them helped', 'Suspicions: 0 raised here, 0 refuted, 0 about this node; 0 failures declared here',
      'Topology:   0 changes, 0 members found flapping, 1 partition suspected', 'Gossip:     0 packets sent, 0 received; 0 announcements sent, 0 received; 0 syncs',
      'Datagrams:  2,500 sent (512 kB), 0 received (0 B), 3 dropped\n',
    ].join('\n'))
    const stalled = { ...status, localHealth: { score: 3, max: 8 } }
    expect((await new FakeProcess({ control: () => stalled }).run('status')).stdout).toContain('Health:     impaired (3 of 8): this node misses answers or runs late, and waits 4 times as long before it accuses another\n')
    const cut: NodeStatusView = {
      ...status, partition: { partition: 'partition-2', sinceWallMs: nowWallMs, reachable: 2, away: 2, lost: 3 }, quorum: { hasQuorum: false, reachable: 2, known: 5, needed: 3, policy: 'read-only' },
    }
    expect((await new FakeProcess({ control: () => cut }).run('status')).stdout).toContain([
      'Quorum:     lost, 2 of 5 members here, 3 needed; this node refuses writes', 'Health:     good (0 of 8)', 'Alerts:     none', 'Partition:  suspected since 12:00:10.000 (partition-2): 2 away of 3 lost, 2 here',
    ].join('\n'))
    const contested = { ...status, name: 'local1~abc123', nameConflict: true }
    expect((await new FakeProcess({ control: () => contested }).run('status')).stdout).toContain('Name:       local1~abc123, alive; another member has the same name: give each node a --name of its own\n')
    const alarmed: NodeStatusView = { ...status, alerts: [{ rule: 'cpu', severity: 'critical', subject: '', summary: 'CPU is 97 %, above 90 %.', sinceWallMs: nowWallMs }, { rule: 'peerLatency', severity: 'warning', subject: 'far', summary: 'Far.', sinceWallMs: nowWallMs }] }
    expect((await new FakeProcess({ control: () => alarmed }).run('status')).stdout).toContain('Alerts:     critical since 12:00:10.000: CPU is 97 %, above 90 %.\n            warning since 12:00:10.000: Far.\n')
    const drilled = { ...status, load: { ...status.load, drill: true } }
    expect((await new FakeProcess({ control: () => drilled }).run('status')).stdout).toContain('Load:       CPU 85%, memory 40%, 1 in flight (drill), overloaded\n')
    expect(JSON.parse((await new FakeProcess({ control: () => status }).run('status', '--json')).stdout)).toEqual(status)
  })
})
