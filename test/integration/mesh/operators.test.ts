/** What operators see and do, with real processes: a crash with its story, distances, paths, and members taken off. */
import { createSocket } from 'node:dgram'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EventView, MemberEventView, MemberView, MonitorLine, NodeStatusView, ReachabilityView, RttView } from '../../../src/wire/control.ts'
import { type NodeProcess, type RunningCommand, startRdb, TestMesh, until } from '../../support/processes.ts'

let mesh: TestMesh
let one: NodeProcess
let two: NodeProcess
let three: NodeProcess
const follow = (node: NodeProcess, ...args: string[]): RunningCommand => {
  const command = startRdb([...args, '--data-dir', node.dataDir])
  commands.push(command)
  return command
}
const linesOf = <T>(command: RunningCommand): T[] => command.stdoutSoFar().split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as T)
const ofParis = { args: ['--datacenter', 'paris'] }
const stateAt = async (node: NodeProcess, name: string): Promise<MemberView | undefined> => (await node.members()).find((member) => member.name === name)

/** Of the test that runs. */
const commands: RunningCommand[] = []
beforeAll(async () => {
  mesh = await TestMesh.create()
  ;[one, two, three] = await mesh.startAll(['db1', 'db2', 'db3'], ofParis) as [NodeProcess, NodeProcess, NodeProcess]
})
// One mesh for all tests: whom the one before has ended comes back. None is killed three times, since then it would be flapping.
beforeEach(async () => {
  if (!two.hasExited && !three.hasExited) return
  ;[two, three] = await Promise.all([two, three].map(async (node) => (node.hasExited ? await comeBack(node) : node))) as [NodeProcess, NodeProcess]
  await mesh.untilAllSee([one, two, three])
})
afterEach(() => {
  for (const { child } of commands.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})
afterAll(() => mesh.stop())

async function comeBack(node: NodeProcess): Promise<NodeProcess> {
  const again = await mesh.start(node.name, { ...ofParis, seeds: [one.runtime?.tcpMultiaddrs[0] ?? ''] })
  await again.ready()
  return again
}

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
  it('see distances and paths, and what this node makes of itself', async () => {
    await until('coordinates to be known', async () => (await one.ask<RttView[]>({ method: 'rtt', from: 'db2', to: 'db3' })).every(({ estimated }) => estimated !== null))
    expect(await one.json<RttView>(['rtt', 'db2', 'db3'])).toMatchObject({ from: 'db2', to: 'db3', measured: null })
    const rows = await one.json<RttView[]>(['rtt'])
    expect(rows.map(({ from, to, measured }) => [from, to, (measured?.samples ?? 0) > 0])).toEqual([['db1', 'db2', true], ['db1', 'db3', true]])
    expect((await one.rdb(['rtt', 'db2', 'db3'])).stdout).toMatch(/^db2 – db3: ≈\S+ ±\d+% estimated from coordinates\n$/)
    expect((await one.rdb(['rtt', 'db2'])).stdout).toMatch(/^db2 – db1: \S+ms measured, p99 /)
    expect(await one.rdb(['rtt', 'db5'])).toMatchObject({ code: 2, stderr: expect.stringContaining('(ERR_MEMBER_UNKNOWN)') as string })

    await until('both paths to be known', async () => (await one.ask<ReachabilityView>({ method: 'reachability', mesh: false })).paths.every(({ finding }) => finding === 'direct'))
    const direct = await one.json<ReachabilityView>(['reachability'])
    expect(direct.paths.map(({ finding }) => finding)).toEqual(['direct', 'direct'])
    expect(direct.paths.map(({ name, state }) => [name, state])).toEqual([['db2', 'alive'], ['db3', 'alive']])
    three.child.kill('SIGSTOP')
    // While it waits for the silent one, the rest is looked at.
    const asking = one.rdb(['reachability', '--mesh'])

    const status = await one.rdb(['status'])
    expect(status.stdout).toMatch(/\nHealth: .+\nAlerts: .+\nProbes: .+\nSuspicions: .+\nTopology: .+\nGossip: .+\nDatagrams: .+\n$/)
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

    const asked = await asking
    three.child.kill('SIGCONT')
    expect(asked.code).toBe(0)
    expect(asked.stdout).toContain('2 of 2 members that are up are reached directly from db1.\n2 members answered.\ndb3 did not answer: ')
  })

  it('see a member that datagrams do not reach, from several ends', async () => {
    const door = await TcpOnlyDoor.open()
    const ownMesh = await TestMesh.create()
    try {
      // A finding takes a number of pings: here they come faster.
      const args = ['--membership-preset', 'local', '--membership-probe-interval', '250ms']
      const own = await ownMesh.start('db1', { args })
      const seeds = (await own.ready()).tcpMultiaddrs.slice(0, 1)
      const [four] = await Promise.all([ownMesh.start('db4', { seeds, args: [...args, '--advertise', `127.0.0.1:${door.port}`] }), ownMesh.start('db2', { seeds, args })])
      const { udp } = await four.ready()
      door.targetPort = Number(udp.slice(udp.lastIndexOf(':') + 1))
      const seen = await until('the path to be found degraded', async () => {
        const view = await own.ask<ReachabilityView>({ method: 'reachability', mesh: true })
        const pairs = view.mesh?.degraded ?? []
        return view.paths[0]?.finding === 'inbound-only' && pairs.some(({ from, to }) => from === 'db2' && to === 'db4') ? view : null
      }, 60_000)
      expect((await own.json<ReachabilityView>(['reachability', '--mesh'])).mesh?.degraded).toContainEqual(expect.objectContaining({ from: 'db2', to: 'db4' }))
      expect(seen.paths[0]).toMatchObject({ name: 'db4', state: 'alive', udp: `127.0.0.1:${door.port}` })
      expect(seen.mesh?.degraded.filter(({ from, to }) => from !== 'db4' && to !== 'db4')).toEqual([])
      expect((await own.rdb(['reachability'])).stdout).toContain(`db4 is heard here, but does not answer what db1 sends: UDP from db1 to db4 is blocked. Open port ${door.port}/udp at db4 for db1.\n`)
      expect((await own.rdb(['members'])).stdout).toMatch(/db4 .* does not hear this node +│\n/)
      expect((await own.log())).toMatch(/path-degraded db4: /)
    } finally {
      door.close()
      await ownMesh.stop()
    }
  }, 90_000)

  it('a member that was taken off and comes back is in again', async () => {
    three.child.kill('SIGKILL')
    await until('the crash to be seen', async () => (await stateAt(one, 'db3'))?.state === 'failed')
    expect((await one.rdb(['members:force-leave', 'db3'])).code).toBe(0)
    three = await comeBack(three)
    await mesh.untilAllSee([one, two, three])
    expect((await one.members()).filter(({ state }) => state !== 'alive')).toEqual([])
  })

  it('a watch ends well when its node leaves', async () => {
    const watch = follow(two, 'members', '--watch')
    await until('lines to come', () => Promise.resolve(watch.stdoutSoFar() !== ''))
    await two.rdb(['leave'])
    expect(await watch.ended).toMatchObject({ code: 0, stderr: 'The node has stopped.\n' })
    await two.exited
  })

  it('a monitor and a watch say when their node is gone without a word, and a closed pipe ends it quietly', async () => {
    const monitor = follow(two, 'monitor')
    const watch = follow(two, 'members', '--watch')
    const piped = follow(two, 'monitor', '--level', 'debug')
    // Each of these is a line in the log.
    const stir = async (): Promise<unknown> => await two.rdb(['peers:deny', '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'])
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
    two.child.kill('SIGKILL')
    await two.exited
    for (const { ended } of [monitor, watch]) expect(await ended).toMatchObject({ code: 3, stderr: expect.stringContaining('is gone, without a word (ERR_NO_NODE)\nnext: See the end of its log') as string })
  })

  it('watch a crash with its story, take the member off, and the last one but one leaves', async () => {
    const watch = follow(one, 'members', '--watch')
    const watchJson = follow(two, 'members', '--watch', '--json')
    // The nodes themselves log from info on.
    const monitor = follow(two, 'monitor', '--level', 'debug', '--json')
    await until('the watches to have begun', () => watch.stdoutSoFar().split('\n').length === 4 && linesOf(watchJson).length === 3)
    const query = await two.rdb(['db:query', 'numbers', 'SELECT 1'])
    expect(query.code).toBe(0)

    const toldBefore = (await one.log()).length
    three.child.kill('SIGKILL')
    const failed = await until('the crash to be told', () => linesOf<EventView>(watchJson).find((event): event is MemberEventView => event.type === 'member-failed'))
    expect(failed).toMatchObject({ name: 'db3', suspectedBy: expect.stringMatching(/^db[12]$/) as string, probeMs: expect.any(Number) as number, suspicionMs: expect.any(Number) as number })
    expect(['refused', 'closed', 'probe']).toContain(failed.evidence)
    await until('the same at the other', () => watch.stdoutSoFar().includes('member-failed'))
    expect(watch.stdoutSoFar()).toMatch(/\n\d\d:\d\d:\d\d\.\d{3} member-failed {4}db3: .+; suspected by db[12] after \d.*, declared (?:by db[12] )?\d+(?:\.\d+)?m?s later\n/)
    expect((await one.log()).slice(toldBefore)).toMatch(/"msg":"member-failed db3: .*; suspected by db[12]/)
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
})
