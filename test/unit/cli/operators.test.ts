import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MeshError } from '../../../src/errors.ts'
import type { LeavingView, MeshReachabilityView, MonitorLine, PathView, ReachabilityView, RttView } from '../../../src/wire/control.ts'
import { FakeProcess } from './fake-context.ts'

const nowWallMs = Date.UTC(2026, 0, 1, 12, 0, 10)
const timezone = process.env['TZ']
beforeAll(() => { process.env['TZ'] = 'UTC' })
afterAll(() => {
  if (timezone === undefined) delete process.env['TZ']
  else process.env['TZ'] = timezone
})

async function* streamOf<T>(...items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item)
}

describe('monitor', () => {
  const lines: MonitorLine[] = [
    { kind: 'log', atWallMs: nowWallMs, level: 'info', message: 'db1 listens', fields: { port: 7400 } },
    { kind: 'log', atWallMs: nowWallMs + 5, level: 'warn', message: 'seed a:1 is not reachable', fields: { err: { message: 'refused' }, nextStep: 'Start it.' } },
    { kind: 'log', atWallMs: nowWallMs + 6, level: 'debug', message: 'ping failed', fields: { peerId: 'x', err: { message: 'no answer' } } },
    { kind: 'event', event: { type: 'quorum-lost', atWallMs: nowWallMs + 7, reason: 'sees 1 of 3', reachable: 1, known: 3, needed: 2 } },
    { kind: 'lost', count: 1_200 },
    { kind: 'end', reason: 'SIGTERM' },
  ]

  it('prints events and log lines, what is lost, and that the node stops', async () => {
    const process = new FakeProcess({ control: () => streamOf(...lines) })
    expect(await process.run('monitor', '--level', 'debug')).toEqual({
      code: 0,
      stdout: [
        '12:00:10.000 info             db1 listens', '12:00:10.005 warn             seed a:1 is not reachable: refused Next: Start it.',
        '12:00:10.006 debug            ping failed: no answer {"peerId":"x"}', '12:00:10.007 quorum-lost      sees 1 of 3', '… 1,200 lines were dropped here: this reader is too slow\n',
      ].join('\n'),
      stderr: 'The node stops: SIGTERM.\n',
    })
    expect(process.requests).toEqual([{ method: 'monitor', level: 'debug' }])
  })

  it('is one object a line with --json, the end among them', async () => {
    const { code, stdout, stderr } = await new FakeProcess({ control: () => streamOf(...lines) }).run('monitor', '--json')
    expect(stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(lines)
    expect([code, stderr]).toEqual([0, ''])
  })

  it('says when the node is gone without a word', async () => {
    const quiet = await new FakeProcess({ wasKilled: true, control: () => streamOf(...lines.slice(0, 1)) }).run('monitor')
    expect(quiet).toMatchObject({ code: 3, stderr: expect.stringContaining('the node at /srv/.reedbase is gone, without a word (ERR_NO_NODE)') as string })
    const broken = await new FakeProcess({
      wasKilled: true,
      control: async function* () {
        yield await Promise.resolve(lines[0])
        throw new MeshError('ERR_PEER_UNREACHABLE', 'the local connection broke')
      },
    }).run('monitor')
    expect(broken.stderr).toBe(quiet.stderr)
  })

  it('ends well when the node stopped without time to say why', async () => {
    expect(await new FakeProcess({ control: () => streamOf(...lines.slice(0, 1)) }).run('monitor')).toMatchObject({ code: 0, stderr: 'The node has stopped.\n' })
  })

  it('ends with Ctrl-C, and quietly when its reader goes away', async () => {
    const process: FakeProcess = new FakeProcess({
      control: async function* (_request, _target, signal) {
        yield await Promise.resolve(lines[0])
        const aborted = new Promise((_resolve, reject) => { signal?.addEventListener('abort', () => reject(new Error('closed'))) })
        process.signal('SIGINT')
        await aborted
      },
    })
    expect(await process.run('monitor')).toMatchObject({ code: 130, stderr: '' })
    expect(await new FakeProcess({ control: () => streamOf(...lines), closesAfterWrites: 1 }).run('monitor')).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('rtt', () => {
  const pair: RttView = { from: 'db1', fromPeerId: 'a', to: 'db2', toPeerId: 'b', measured: { smoothedMs: 0.42, p99Ms: 1.3, samples: 57 }, estimated: { rttMs: 0.5, error: 0.12 } }
  const far: RttView = { from: 'db1', fromPeerId: 'a', to: 'db3', toPeerId: 'c', measured: null, estimated: { rttMs: 82.3, error: 0.2 } }
  const unknown: RttView = { from: 'db1', fromPeerId: 'a', to: 'db4', toPeerId: 'd', measured: null, estimated: null }

  it.each([
    [pair, 'db1 – db2: 0.4ms measured, p99 1.3ms over 57 samples (≈0.5ms ±12% estimated from coordinates)\n'],
    [{ ...pair, measured: { smoothedMs: 3, p99Ms: 3, samples: 1 }, estimated: null }, 'db1 – db2: 3ms measured, p99 3ms over 1 sample\n'],
    [far, 'db1 – db3: ≈82ms ±20% estimated from coordinates\n'],
    [unknown, 'db1 – db4: not measured from here, and one of the two coordinates is not known yet\n'],
  ] satisfies ReadonlyArray<readonly [RttView, string]>)('%j', async (view, stdout) => {
    const process = new FakeProcess({ control: () => [view] })
    expect(await process.run('rtt', 'db1', view.to)).toEqual({ code: 0, stdout, stderr: '' })
    expect(process.requests).toEqual([{ method: 'rtt', from: 'db1', to: view.to }])
    expect(JSON.parse((await new FakeProcess({ control: () => [view] }).run('rtt', 'db1', view.to, '--json')).stdout)).toEqual(view)
  })

  it('shows all members from here', async () => {
    const process = new FakeProcess({ control: () => [pair, far, unknown] })
    expect((await process.run('rtt')).stdout).toBe([
      '┌────────┬──────────┬───────┬─────────┬─────────────┐',
      '│ Member │ Measured │   p99 │ Samples │   Estimated │',
      '├────────┼──────────┼───────┼─────────┼─────────────┤',
      '│ db2    │    0.4ms │ 1.3ms │      57 │ ≈0.5ms ±12% │',
      '│ db3    │        – │     – │       – │  ≈82ms ±20% │',
      '│ db4    │        – │     – │       – │           – │',
      '└────────┴──────────┴───────┴─────────┴─────────────┘\n',
    ].join('\n'))
    expect(process.requests).toEqual([{ method: 'rtt', from: null, to: null }])
    expect((await new FakeProcess({ control: () => [] }).run('rtt')).stdout).toBe('No other member is known.\n')
  })
})

describe('reachability', () => {
  const path = (name: string, changes: Partial<PathView> = {}): PathView => ({
    peerId: name, name, state: 'alive', finding: 'direct', sinceWallMs: nowWallMs - 60_000, udp: '10.0.0.2:7400', tcp: '/ip4/10.0.0.2/tcp/7400', lastAckWallMs: nowWallMs - 2_000, lastHeardWallMs: nowWallMs,
    lastIndirectWallMs: null, lastStreamWallMs: null, lostInARow: 0, denied: false, ...changes,
  })
  const view = (paths: readonly PathView[], mesh: MeshReachabilityView | null = null): ReachabilityView => ({ name: 'db1', peerId: 'a', paths, mesh })
  const text = async (shown: ReachabilityView, ...flags: string[]): Promise<string> => (await new FakeProcess({ control: () => shown }).run('reachability', ...flags)).stdout

  it('is a table with advice about each path that is not direct', async () => {
    expect(await text(view([path('db3', { finding: 'stream-only', lastAckWallMs: nowWallMs - 90_000, lostInARow: 12 }), path('db2')]))).toBe([
      '┌────────┬───────┬─────────────┬───────────┬────────────┬────────────┬───────────────┐',
      '│ Member │ State │ Path        │ Since     │ Last ack   │ Last heard │ Lost in a row │',
      '├────────┼───────┼─────────────┼───────────┼────────────┼────────────┼───────────────┤',
      '│ db3    │ alive │ stream-only │ 1m 0s ago │ 1m 30s ago │ now        │            12 │',
      '│ db2    │ alive │ direct      │ 1m 0s ago │ 2s ago     │ now        │             0 │',
      '└────────┴───────┴─────────────┴───────────┴────────────┴────────────┴───────────────┘',
      'db3 answers over TCP, but not over UDP: open port 7400/udp between db1 and db3, in both directions (at db3: 10.0.0.2:7400).',
      '1 of 2 members that are up are reached directly from db1.\n',
    ].join('\n'))
  })

  it.each([
    ['inbound-only', 'db3 is heard here, but does not answer what db1 sends: UDP from db1 to db3 is blocked. Open port 7400/udp at db3 for db1.'],
    ['indirect-only', 'Other members reach db3, db1 does not: look at routes and firewalls between db1 and 10.0.0.2:7400.'],
    ['none', 'Nothing from db3 arrives here, over UDP (10.0.0.2:7400) or TCP (/ip4/10.0.0.2/tcp/7400): see whether its host and process run, and whether db1 has a route to it.'],
  ] as const)('explains %s', async (finding, advice) => {
    expect(await text(view([path('db3', { finding })]))).toContain(`\n${advice}\n0 of 1 member that is up is reached directly from db1.\n`)
  })

  it('looks for the cause here when nobody answers', async () => {
    const lost = { finding: 'unknown' as const, lostInARow: 5 }
    const deaf = 'No member answers datagrams from db1, though db1 is in the mesh: its own UDP port or firewall is the likely cause'
    expect(await text(view([path('db2', lost), path('db3', lost), path('db4', { state: 'failed' })]))).toContain(deaf)
    expect(await text(view([path('db2', lost), path('db3')]))).not.toContain(deaf)
    expect(await text(view([path('db2', lost)]))).not.toContain(deaf)
  })

  it('does not take a failed member for a path', async () => {
    const shown = await text(view([path('db3', { state: 'failed', finding: 'direct' })]))
    // Neither the path nor since when it was so.
    expect(shown).toMatch(/│ db3 +│ failed │ – +│ – +│ 2s ago +│/)
    expect(shown).toContain('rdb members:force-leave db3 takes it off.\n0 of 0 members that are up are reached directly from db1.\n')
  })

  it('takes a peer that is denied here neither for reached nor for a path', async () => {
    const shown = await text(view([path('db2'), path('db3', { denied: true, lostInARow: 12 })]))
    expect(shown).toMatch(/│ db3 +│ alive +│ denied here +│ – +│/)
    expect(shown).toContain('db3 is kept out by a list of peers of db1: rdb peers:list shows it.\n1 of 1 member that is up is reached directly from db1.\n')
  })

  it('is a matrix of the degraded pairs of the mesh, with who did not answer', async () => {
    const degraded = ['db1', 'db2'].map((from) => ({ from, to: 'db3', finding: 'stream-only' as const, forMs: 65_000, lostInARow: 9 }))
    const process = new FakeProcess({ control: () => view([path('db3')], { answered: 3, silent: [{ peerId: 'd', name: 'db4', problem: 'timed out' }], degraded, omitted: 0 }) })
    expect((await process.run('reachability', '--mesh')).stdout).toContain([
      '3 members answered.',
      'db4 did not answer: timed out',
      '┌───────────┬───────────────────┐',
      '│ From \\ to │ db3               │',
      '├───────────┼───────────────────┤',
      '│ db1       │ stream-only 1m 5s │',
      '│ db2       │ stream-only 1m 5s │',
      '└───────────┴───────────────────┘',
      '2 members find db3 stream-only: the cause is likely at db3.\n',
    ].join('\n'))
    expect(process.requests).toEqual([{ method: 'reachability', mesh: true }])
    // One that finds it so may be the cause itself.
    const [single] = degraded
    expect(await text(view([path('db3')], { answered: 3, silent: [], degraded: single === undefined ? [] : [single], omitted: 0 }))).toMatch(/└─+┴─+┘\n$/)
    const many = Array.from({ length: 60 }, (_, index) => ({ from: 'db1', to: `db${index + 10}`, finding: 'none' as const, forMs: 1_000, lostInARow: 9 }))
    const long = await text(view([path('db3')], { answered: 61, silent: [], degraded: many, omitted: 7 }))
    expect(long).toContain('db1 → db59: none for 1s, 9 lost in a row\n… and 17 more; --json lists those that are known.\n')
    expect(await text(view([], { answered: 1, silent: [], degraded: [], omitted: 0 }))).toBe('db1 knows no other member.\n1 member answered.\nNo path between two members that are up is degraded.\n')
  })

  it('is JSON when asked', async () => {
    const shown = view([path('db2')])
    expect(JSON.parse(await text(shown, '--json'))).toEqual(shown)
  })
})

describe('members:force-leave', () => {
  it('says what has come of it', async () => {
    const process = new FakeProcess({ control: () => ({ peerId: 'c', name: 'db3', wasGone: false }) })
    expect(await process.run('members:force-leave', 'db3')).toEqual({ code: 0, stdout: 'db3 is taken off; the news reaches every member within moments.\n', stderr: '' })
    expect(process.requests).toEqual([{ method: 'force-leave', member: 'db3' }])
    const again = new FakeProcess({ control: () => ({ peerId: 'c', name: 'db3', wasGone: true }) })
    expect((await again.run('members:force-leave', 'db3')).stdout).toBe('db3 was off the list already.\n')
    expect(await new FakeProcess().run('members:force-leave')).toMatchObject({ code: 2 })
  })
})

describe('leave', () => {
  const leaving: LeavingView = { pid: 42, name: 'db1', inFlight: 2, drainMs: 10_000 }

  it('waits until the node is gone', async () => {
    let asked = 0
    const process = new FakeProcess({ control: () => leaving, isGone: () => ++asked > 3 })
    expect(await process.run('leave')).toEqual({ code: 0, stdout: 'db1 leaves the mesh; 2 running queries have 10s to end.\ndb1 is gone.\n', stderr: '' })
    expect([process.requests, asked]).toEqual([[{ method: 'leave' }], 4])
  })

  it('says when it is not gone in time', async () => {
    const process = new FakeProcess({ control: () => ({ ...leaving, inFlight: 0 }), isGone: () => false })
    expect(await process.run('leave', '--timeout', '1ms')).toEqual({
      code: 4, stdout: 'db1 leaves the mesh.\n',
      stderr: 'error: db1 was told to leave, and its process 42 still holds /srv/.reedbase (ERR_LEAVE_TIMEOUT)\nnext: Wait on with rdb leave --timeout 5m, or end the process: kill 42.\n',
    })
  })

  it.each(['0s', '5', '25h'])('refuses --timeout %s', async (value) => {
    const process = new FakeProcess()
    expect(await process.run('leave', '--timeout', value)).toMatchObject({ code: 2, stderr: expect.stringContaining(`--timeout is ${JSON.stringify(value)}`) as string })
    expect(process.requests).toEqual([])
  })
})
