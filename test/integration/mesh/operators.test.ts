/** What operators see and do, with real processes: a crash with its story, distances, paths, and members taken off. */
import { createSocket } from 'node:dgram'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EventView, MemberEventView, MemberView, MonitorLine, NodeStatusView, ReachabilityView, RttView } from '../../../src/wire/control.ts'
import { type NodeProcess, type RunningCommand, startRdb, TestMesh, until } from '../../support/processes.ts'

let mesh: TestMesh
let one: NodeProcess
let two: NodeProcess
let three: NodeProcess
const follow = (node: NodeProcess, ...args: string[]): RunningCommand => startRdb([...args, '--data-dir', node.dataDir])
const linesOf = <T>(command: RunningCommand): T[] => command.stdoutSoFar().split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as T)
const stateAt = async (node: NodeProcess, name: string): Promise<MemberView | undefined> => (await node.members()).find((member) => member.name === name)

beforeEach(async () => {
  mesh = await TestMesh.create()
  ;[one, two, three] = await mesh.startAll(['db1', 'db2', 'db3'], { args: ['--datacenter', 'paris'] }) as [NodeProcess, NodeProcess, NodeProcess]
})
afterEach(() => mesh.stop())

/** A door that lets TCP through and swallows datagrams, as a firewall does. */
class TcpOnlyDoor {
  readonly port: number
  targetPort = 0
  readonly #close: () => void

  private constructor(port: number, close: () => void) {
    this.port = port
    this.#close = close
  }

  static async open(): Promise<TcpOnlyDoor> {
    const sockets = new Set<Socket>()
    let door: TcpOnlyDoor | null = null
    const server = createServer((inside) => {
      const outside = connect(door?.targetPort ?? 0, '127.0.0.1')
      for (const [from, to] of [[inside, outside], [outside, inside]] as const) {
        sockets.add(from)
        from.pipe(to)
        from.on('error', () => to.destroy())
        from.on('close', () => { to.destroy() })
      }
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const { port } = server.address() as { port: number }
    const swallower = createSocket('udp4')
    await new Promise<void>((resolve) => { swallower.bind(port, '127.0.0.1', resolve) })
    door = new TcpOnlyDoor(port, () => {
      server.close()
      swallower.close()
      for (const socket of sockets) socket.destroy()
    })
    return door
  }

  close(): void {
    this.#close()
  }
}

describe('operators', () => {
  it('watch a crash with its story, take the member off, and the last one but one leaves', async () => {
    const watch = follow(one, 'members', '--watch')
    const watchJson = follow(two, 'members', '--watch', '--json')
    // The nodes themselves log from info on.
    const monitor = follow(two, 'monitor', '--level', 'debug', '--json')
    await until('the watches to have begun', () => watch.stdoutSoFar().split('\n').length === 4 && linesOf(watchJson).length === 3)
    const query = await two.rdb(['db:query', 'numbers', 'SELECT 1'])
    expect(query.code).toBe(0)

    three.child.kill('SIGKILL')
    const failed = await until('the crash to be told', () => linesOf<EventView>(watchJson).find((event): event is MemberEventView => event.type === 'member-failed'))
    expect(failed).toMatchObject({ name: 'db3', suspectedBy: expect.stringMatching(/^db[12]$/) as string, probeMs: expect.any(Number) as number, suspicionMs: expect.any(Number) as number })
    expect(['refused', 'closed', 'probe']).toContain(failed.evidence)
    await until('the same at the other', () => watch.stdoutSoFar().includes('member-failed'))
    expect(watch.stdoutSoFar()).toMatch(/\n\d\d:\d\d:\d\d\.\d{3} member-failed {4}db3: .+; suspected by db[12] after \d.*, declared (?:by db[12] )?\d+(?:\.\d+)?m?s later\n/)
    expect(await one.log()).toMatch(/"msg":"member-failed db3: .*; suspected by db[12]/)
    const monitored = await until('the monitor to tell it too', () => linesOf<MonitorLine>(monitor).find((line) => line.kind === 'event' && line.event.type === 'member-failed'))
    expect(monitored).toMatchObject({ event: { name: 'db3', evidence: failed.evidence } })
    await until('a line below the level of the node', () => linesOf<MonitorLine>(monitor).some((line) => line.kind === 'log' && line.level === 'debug'))
    expect((await two.log()).includes('"level":"debug"')).toBe(false)

    // Failed: still expected back, no path, and refused by nobody who is asked to take it off.
    expect((await one.json<MemberView[]>(['members', '--state', 'failed,left', '--zone', 'paris', '--database', 'numbers'])).map(({ name }) => name)).toEqual(['db3'])
    expect((await one.status()).quorum.known).toBe(3)
    expect(await one.rdb(['members:force-leave', 'db2'])).toMatchObject({ code: 2, stderr: expect.stringContaining('(ERR_MEMBER_ALIVE)\nnext: Run rdb leave beside it') as string })
    expect(await one.rdb(['members:force-leave', 'db33'])).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean db3? (ERR_MEMBER_UNKNOWN)') as string })
    expect(await one.rdb(['members:force-leave', 'db3'])).toMatchObject({ code: 0, stdout: 'db3 is taken off; the news reaches every member within moments.\n' })
    await until('it to be off everywhere', async () => (await stateAt(two, 'db3'))?.removedBy === 'db1')
    await until('it to count no more', async () => (await two.status()).quorum.known === 2)
    expect(await stateAt(one, 'db3')).toMatchObject({ state: 'left', removedBy: 'db1' })
    await until('the event', () => linesOf<EventView>(watchJson).some((event) => event.type === 'member-left'))

    const leaving = await two.rdb(['leave'])
    expect(leaving).toEqual({ code: 0, stdout: 'db2 leaves the mesh.\ndb2 is gone.\n', stderr: '' })
    expect(await two.exited).toEqual({ code: 0, signal: null })
    expect(await monitor.ended).toMatchObject({ code: 0, stderr: '' })
    expect(linesOf<MonitorLine>(monitor).at(-1)).toEqual({ kind: 'end', reason: 'rdb leave' })
    await until('the farewell', () => /member-left +db2: said farewell\n/.test(watch.stdoutSoFar()))
    watch.child.kill('SIGINT')
    expect(await watch.ended).toMatchObject({ code: 130, stderr: '' })
    expect(await two.rdb(['leave'])).toMatchObject({ code: 3, stderr: expect.stringContaining('ERR_NO_NODE') as string })
  })

  it('a member that was taken off and comes back is in again', async () => {
    three.child.kill('SIGKILL')
    await until('the crash to be seen', async () => (await stateAt(one, 'db3'))?.state === 'failed')
    expect((await one.rdb(['members:force-leave', 'db3'])).code).toBe(0)
    const again = await mesh.start('db3', { seeds: [one.runtime?.tcpMultiaddrs[0] ?? ''] })
    await again.ready()
    await mesh.untilAllSee([one, two, again])
    expect((await one.members()).filter(({ state }) => state !== 'alive')).toEqual([])
  })

  it('see distances and paths, and what this node makes of itself', async () => {
    const pair = await until('coordinates to be known', async () => {
      const view = await one.json<RttView>(['rtt', 'db2', 'db3'])
      return view.estimated === null ? null : view
    })
    expect(pair).toMatchObject({ from: 'db2', to: 'db3', measured: null })
    const rows = await one.json<RttView[]>(['rtt'])
    expect(rows.map(({ from, to, measured }) => [from, to, (measured?.samples ?? 0) > 0])).toEqual([['db1', 'db2', true], ['db1', 'db3', true]])
    expect((await one.rdb(['rtt', 'db2', 'db3'])).stdout).toMatch(/^db2 – db3: ≈\S+ ±\d+% estimated from coordinates\n$/)
    expect((await one.rdb(['rtt', 'db2'])).stdout).toMatch(/^db2 – db1: \S+ms measured, p99 /)
    expect(await one.rdb(['rtt', 'db5'])).toMatchObject({ code: 2, stderr: expect.stringContaining('(ERR_MEMBER_UNKNOWN)') as string })

    const direct = await until('both paths to be known', async () => {
      const view = await one.json<ReachabilityView>(['reachability'])
      return view.paths.every(({ finding }) => finding === 'direct') ? view : null
    })
    expect(direct.paths.map(({ name, state }) => [name, state])).toEqual([['db2', 'alive'], ['db3', 'alive']])
    three.child.kill('SIGSTOP')
    const asked = await one.rdb(['reachability', '--mesh'])
    three.child.kill('SIGCONT')
    expect(asked.code).toBe(0)
    expect(asked.stdout).toContain('2 of 2 members that are up are reached directly from db1.\n2 members answered.\ndb3 did not answer: ')

    const status = await one.rdb(['status'])
    expect(status.stdout).toMatch(/\nHealth: .+\nProbes: .+\nSuspicions: .+\nTopology: .+\nGossip: .+\nDatagrams: .+\n$/)
    // What is measured under these names is kept by dashboards and alerts; a name may be added, none may change.
    const { counters, localHealth } = await one.json<NodeStatusView>(['status'])
    expect(Object.keys(counters)).toEqual(expect.arrayContaining([
      'membershipPingsSent', 'membershipAcksReceived', 'membershipPingRequestsSent', 'membershipIndirectAcks', 'membershipPingsLost', 'membershipSuspicionsRaised', 'membershipSuspicionsConfirmed',
      'membershipRefutations', 'membershipSelfRefutations', 'membershipFailuresDeclared', 'membershipTopologyChanges', 'membershipFlapsDamped', 'membershipLocalHealth', 'membershipGossipPacketsSent',
      'membershipGossipPacketsReceived', 'gossipAnnouncementsSent', 'gossipAnnouncementsReceived', 'gossipSyncs', 'partitionsSuspected', 'partitionsHealed', 'quorumLosses', 'datagramsSent', 'datagramsSentBytes',
      'datagramsReceived', 'datagramsReceivedBytes', 'meshGossipPublished', 'meshGossipReceived', 'coordinatesSamples',
    ]))
    expect(counters).toMatchObject({ membershipLocalHealth: localHealth.score })
    for (const name of ['membershipPingsSent', 'membershipAcksReceived', 'membershipTopologyChanges', 'datagramsSentBytes', 'datagramsReceivedBytes', 'coordinatesSamples']) expect(counters[name], name).toBeGreaterThan(0)
  })

  it('see a member that datagrams do not reach, from several ends', async () => {
    const door = await TcpOnlyDoor.open()
    try {
      const four = await mesh.start('db4', { seeds: [one.runtime?.tcpMultiaddrs[0] ?? ''], args: ['--advertise', `127.0.0.1:${door.port}`] })
      const { udp } = await four.ready()
      door.targetPort = Number(udp.slice(udp.lastIndexOf(':') + 1))
      const seen = await until('the path to be found degraded', async () => {
        const view = await one.json<ReachabilityView>(['reachability', '--mesh'])
        const pairs = view.mesh?.degraded ?? []
        return view.paths[0]?.finding === 'inbound-only' && pairs.some(({ from, to }) => from === 'db2' && to === 'db4') ? view : null
      }, 60_000)
      expect(seen.paths[0]).toMatchObject({ name: 'db4', state: 'alive', udp: `127.0.0.1:${door.port}` })
      expect(seen.mesh?.degraded.filter(({ from, to }) => from !== 'db4' && to !== 'db4')).toEqual([])
      expect((await one.rdb(['reachability'])).stdout).toContain(`db4 is heard here, but does not answer what db1 sends: UDP from db1 to db4 is blocked. Open port ${door.port}/udp at db4 for db1.\n`)
      expect((await one.rdb(['members'])).stdout).toMatch(/db4 .* does not hear this node +│\n/)
      expect((await one.log())).toMatch(/path-degraded db4: /)
    } finally {
      door.close()
    }
  }, 90_000)

  it('a watch ends well when its node leaves', async () => {
    const watch = follow(two, 'members', '--watch')
    await until('lines to come', () => Promise.resolve(watch.stdoutSoFar() !== ''))
    await two.rdb(['leave'])
    expect(await watch.ended).toMatchObject({ code: 0, stderr: 'The node has stopped.\n' })
  })

  it('a monitor and a watch say when their node is gone without a word, and a closed pipe ends it quietly', async () => {
    const monitor = follow(three, 'monitor')
    const watch = follow(three, 'members', '--watch')
    const piped = follow(three, 'monitor', '--level', 'debug')
    // Each of these is a line in the log.
    const stir = async (): Promise<unknown> => await three.rdb(['peers:deny', '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'])
    await until('lines to come', async () => {
      await stir()
      return monitor.stdoutSoFar() !== '' && watch.stdoutSoFar() !== '' && piped.stdoutSoFar() !== ''
    })
    piped.child.stdout?.destroy()
    await until('the writer to notice', async () => {
      await stir()
      return piped.child.exitCode !== null
    })
    expect([piped.child.exitCode, piped.stderrSoFar()]).toEqual([0, ''])
    three.child.kill('SIGKILL')
    for (const { ended } of [monitor, watch]) expect(await ended).toMatchObject({ code: 3, stderr: expect.stringContaining('is gone, without a word (ERR_NO_NODE)\nnext: See the end of its log') as string })
  })
})
