import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ordered, type SortKey } from '../../../../src/cli/top/order.ts'
import { nodeRoom, screenLines } from '../../../../src/cli/top/screen.ts'
import { toSnapshot, type TopNode, type TopSample } from '../../../../src/cli/top/snapshot.ts'
import type { MemberView, NodeStatusView } from '../../../../src/wire/control.ts'
import { FakeProcess } from '../fake-context.ts'

const noonMs = Date.UTC(2026, 0, 1, 12)
const timezone = process.env['TZ']
beforeAll(() => { process.env['TZ'] = 'UTC' })
afterAll(() => {
  if (timezone === undefined) delete process.env['TZ']
  else process.env['TZ'] = timezone
})

const plain = { style: (_style: string, text: string): string => text }

const status: NodeStatusView = {
  peerId: 'a', name: 'local1', nameConflict: false, pid: 42, state: 'alive', version: '0.1.0', uptimeMs: 65_000, http: null, alerts: [], listen: { tcpMultiaddrs: [], udp: '127.0.0.1:7400' },
  databases: [{ name: 'users', role: 'primary', engine: 'duckdb', ready: true, lagMs: null }], load: { cpuPercent: 20, memoryPercent: 40, inFlight: 1, overloaded: false, drill: false },
  members: { joining: 0, alive: 2, suspect: 0, failed: 1, left: 0 }, localHealth: { score: 0, max: 8 }, partition: null, quorum: { hasQuorum: true, reachable: 2, known: 3, needed: 2, policy: 'serve' },
  counters: { queriesLocal: 100, queriesForwarded: 10, queryServerFailed: 3, queriesServedForPeers: 7, datagramsSent: 1_000, datagramsSentBytes: 50_000 },
}

function member(name: string, changes: Partial<MemberView> = {}, load: Partial<NonNullable<MemberView['load']>> = {}): MemberView {
  return {
    record: { peerId: `id-${name}`, name, incarnation: 1, tcpMultiaddrs: [], udpHost: '::1', udpPort: 1, datagramEpoch: 1, datacenter: 'paris', rack: 'r1', capacity: 1, databases: [{ name: 'users', role: 'primary', engine: 'duckdb' }], softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 1 },
    name, local: false, state: 'alive', stateSinceWallMs: 0, suspectedBy: [], status: 'healthy', nameConflict: false, denied: false, probationUntilWallMs: null, flapping: false, removedBy: null, path: 'direct',
    latency: { currentMs: 1, smoothedMs: 4.2, meanMs: 1, p99Ms: 9, minMs: 1, maxMs: 9, lossRatio: 0.02, quality: 1, samples: 4, consecutiveFailures: 0, lastCheckMs: 1 },
    load: { cpuPercent: 50, memoryPercent: 60, inFlight: 3, overloaded: false, drill: false, ageMs: 100, ...load }, ...changes,
  }
}

const members = [member('local1', { local: true, latency: null }, { cpuPercent: 20 }), member('remote1', { status: 'degraded' }, { cpuPercent: 95, overloaded: true }), member('remote2', { state: 'failed', status: 'unhealthy', load: null, latency: null }), member('gone', { state: 'left' })]
const sample = (changes: Partial<TopSample> = {}): TopSample => ({ atWallMs: noonMs, atMs: 10_000, status, members, ...changes })

describe('a snapshot', () => {
  it('has rates from the differences of counters', () => {
    const later = sample({ atMs: 12_000, status: { ...status, counters: { ...status.counters, queriesLocal: 120, queriesLocalOverloaded: 2, queriesForwarded: 16, queryServerFailed: 4, queriesServedForPeers: 8, datagramsSent: 1_100, datagramsReceived: 100, datagramsSentBytes: 60_000 } } })
    expect(toSnapshot(later, sample()).rates).toEqual({ queries: 14, local: 11, forwarded: 3, failed: 0.5, forPeers: 0.5, datagrams: 100, datagramBytes: 5_000 })
  })

  it('has none at first, and after a restart', () => {
    expect(toSnapshot(sample(), null).rates).toBeNull()
    expect(toSnapshot(sample({ atMs: 12_000, status: { ...status, pid: 43 } }), sample()).rates).toBeNull()
  })

  it('says what needs attention, and leaves out who has left', () => {
    const { attention, nodes } = toSnapshot(sample(), null)
    expect(attention).toEqual(['remote2 failed', 'remote1 overloaded'])
    const alarmed = { ...sample().status, alerts: [{ rule: 'peerLatency', severity: 'warning' as const, subject: 'far', summary: '', sinceWallMs: 0 }, { rule: 'quorum', severity: 'critical' as const, subject: '', summary: '', sinceWallMs: 0 }] }
    expect(toSnapshot(sample({ status: alarmed }), null).attention).toContain('warning alert peerLatency (far)')
    expect(toSnapshot(sample({ status: alarmed }), null).attention).not.toContain('critical alert quorum')
    expect(nodes.map(({ name, latencyMs, p99Ms, lossPercent }) => [name, latencyMs, p99Ms, lossPercent])).toEqual([['local1', null, null, null], ['remote1', 4.2, 9, 2], ['remote2', null, null, null]])
    const grave = { ...status, quorum: { ...status.quorum, hasQuorum: false }, partition: { partition: 'p', sinceWallMs: 1, reachable: 1, away: 2, lost: 2 }, localHealth: { score: 3, max: 8 }, nameConflict: true }
    expect(toSnapshot(sample({ status: grave, members: Array.from({ length: 5 }, (_, index) => member(`n${index}`, { state: 'suspect' })) }), null).attention).toEqual([
      'quorum lost: 2 of 3 here, 2 needed', 'partition: 2 of 2 lost members are away', 'n0, n1, n2 and 2 more suspected', 'this node runs late (local health 3 of 8)', 'another member has this node’s name',
    ])
  })
})

describe('the order', () => {
  const { nodes } = toSnapshot(sample(), null)
  const names = (key: SortKey, isReversed = false): string[] => ordered(nodes, { key, isReversed }).map(({ name }) => name)

  it('has the greatest or worst first, and who has no figure last either way', () => {
    expect([names('name'), names('name', true)]).toEqual([['local1', 'remote1', 'remote2'], ['remote2', 'remote1', 'local1']])
    expect([names('cpu'), names('cpu', true)]).toEqual([['remote1', 'local1', 'remote2'], ['local1', 'remote1', 'remote2']])
    expect([names('state'), names('status'), names('latency')]).toEqual([['remote2', 'local1', 'remote1'], ['remote2', 'remote1', 'local1'], ['remote1', 'local1', 'remote2']])
    expect(names('in flight')).toEqual(['local1', 'remote1', 'remote2'])
  })
})

describe('the screen', () => {
  const snapshot = toSnapshot(sample({ atMs: 12_000 }), sample())
  const screen = (columns: number, rows: number, nodes: readonly TopNode[] = snapshot.nodes, offset = 0): string[] => screenLines({ snapshot, nodes, events: ['12:00:00.000 member-joined remote1'], sort: { key: 'cpu', isReversed: false }, offset, isPaused: false, problem: null }, { columns, rows }, plain)

  it.each([[160, 40], [80, 24], [40, 12], [20, 6], [1, 2]])('fits %d columns and %d rows', (columns, rows) => {
    const lines = screen(columns, rows)
    expect(lines).toHaveLength(rows)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
  })

  it('shows the mesh, the rates, the nodes and the events', () => {
    const text = screen(160, 24).join('\n')
    expect(text).toMatch(/^rdb top {2}local1 {2}version 0\.1\.0 {2}up 1m 5s +12:00:00\n/)
    expect(text).toContain('Members: 2 alive, 1 failed.  Quorum: yes (2 of 3).  Partition: none\nQueries: 0/s (0 here, 0 forwarded, 0 failed, 0 for peers).  Datagrams: 0/s, 0 B/s\nAttention: remote2 failed; remote1 overloaded\n')
    expect(text).toContain('  remote1  alive   Overloaded   95%  ████████  60%       3    4.2ms  9ms    2%  paris/r1  users (primary)')
    expect(text).toContain('Events\n12:00:00.000 member-joined remote1')
    expect(text.endsWith('q leave  ←→ sort  r reverse  ↑↓ scroll  space pause')).toBe(true)
  })

  it('gives up columns for room, but never that of its order', () => {
    expect(screen(80, 24)[5]).toBe('Node       State   Status      CPU▾  Mem  Flight  Latency  p99  Databases')
    expect(screen(34, 24)[5]).toBe('Node       Status      CPU▾')
  })

  it('scrolls', () => {
    const many = Array.from({ length: 30 }, (_, index) => ({ ...snapshot.nodes[0] as TopNode, name: `n${index}` }))
    const room = nodeRoom({ columns: 80, rows: 24 })
    const text = screen(80, 24, many, 5).join('\n')
    expect(text).toContain(`nodes 6 to ${5 + room} of 30`)
    expect([text.includes(' n5 '), text.includes(` n${4 + room} `), text.includes(' n4 '), text.includes(` n${5 + room} `)]).toEqual([true, true, false, false])
  })

  it('shows names that would move the cursor as escapes', () => {
    expect(screen(80, 24, [{ ...snapshot.nodes[0] as TopNode, name: 'evil\u001b[2J' }]).join('\n')).toContain('evil\\u001b[2J')
  })
})

describe('rdb top in a pipe', () => {
  const control = ({ method }: { readonly method: string }): unknown => (method === 'status' ? status : members)

  it('is one snapshot', async () => {
    const { code, stdout } = await new FakeProcess({ control }).run('top', '--interval', '200ms', '--sort', 'cpu')
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(4, 7).map((line) => line.split(/ +/).slice(0, 3).join(' '))).toEqual(['Node State Status', ' remote1 alive', '● local1 alive'])
  })

  it('is JSON', async () => {
    const { stdout } = await new FakeProcess({ control }).run('top', '--interval', '200ms', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ name: 'local1', rates: { queries: 0 }, nodes: [{ name: 'local1' }, { name: 'remote1' }, { name: 'remote2' }] })
  })

  it.each(['1', '100ms', '2m', ''])('refuses --interval %j', async (interval) => {
    expect((await new FakeProcess({ control }).run('top', `--interval=${interval}`)).code).toBe(2)
  })
})
