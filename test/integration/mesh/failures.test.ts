/** What goes wrong, with real processes: each case of the failure table in docs/ARCHITECTURE.md. */
import { createSocket } from 'node:dgram'
import { connect as connectTcp } from 'node:net'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { connect } from '../../../src/client/connect.ts'
import type { MeshError } from '../../../src/errors.ts'
import { type NodeProcess, TestMesh, runRdb, startRdb, until } from '../../support/processes.ts'

const smallSql = 'SELECT prime FROM primes ORDER BY n'
/** Minutes of work before its first row. */
const slowSql = 'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3'
/** Rows from the start, and more of them than any buffer holds. */
const endlessSql = 'SELECT range AS n, range * 3 AS m FROM range(2000000000)'

/** Where the machine is busy, round trips that are long for a while make nobody unhealthy, and none is suspected for a late answer. */
const patient = ['--latency-threshold', '60s', '--membership-ack-timeout-floor', '200ms']
const args = ['--drain', '2s', '--membership-preset', 'local', '--overload-dwell', '0s', ...patient]

// One mesh for all tests; a newcomer takes the place of whom a test has ended, under a name of its own. The first of them lives on.
let mesh: TestMesh
let up: NodeProcess[]
let newcomers = 0
beforeAll(async () => {
  mesh = await TestMesh.create()
  up = await mesh.startAll(['local1', 'remote1', 'remote2'], { args })
})
beforeEach(async () => {
  up = await Promise.all(up.map(async (node) => (node.hasExited ? await join(`newcomer${++newcomers}`) : node)))
  await mesh.untilAllSee(up)
  await pinLoads(up)
})
afterAll(async () => { await mesh.stop() })

async function join(name: string, options: Parameters<TestMesh['start']>[1] = {}): Promise<NodeProcess> {
  const node = await mesh.start(name, { args, seeds: up[0]?.runtime?.tcpMultiaddrs.slice(0, 1) ?? [], ...options })
  await node.ready()
  return node
}

async function end(node: NodeProcess, signal: NodeJS.Signals): Promise<void> {
  node.child.kill(signal)
  await node.exited
}

/**
 * Pins every node's reported load low, so that the load of the machine that runs the tests decides nothing, and waits until all have
 * heard it from all.
 */
async function pinLoads(nodes: readonly NodeProcess[]): Promise<void> {
  for (const node of nodes) await node.drill(5, 5)
  for (const node of nodes) {
    await until(`${node.name} to hear the pinned loads`, async () => {
      const members = await node.members()
      return nodes.every(({ runtime }) => members.some(({ record, load }) => record.peerId === runtime?.peerId && load?.drill === true && !load.overloaded))
    })
  }
}

async function overload(...nodes: NodeProcess[]): Promise<void> {
  for (const node of nodes) await node.drill(97)
}

/** Waits until `observer` knows that `node` is overloaded. */
async function knownOverloaded(observer: NodeProcess, nodes: readonly NodeProcess[]): Promise<void> {
  await until(`${observer.name} to know the overload`, async () => {
    const view = await observer.nodes('numbers')
    return nodes.every(({ name }) => view.nodes.find((node) => node.name === name)?.overloaded)
  })
}

function forwardedTo(stderr: string): string | undefined {
  return /forwarded to (\S+)/i.exec(stderr)?.[1]
}

/** Which peer runs a query now, as its own status says. */
async function busyPeer(nodes: readonly NodeProcess[]): Promise<NodeProcess> {
  return await until('a peer to run the query', async () => {
    for (const node of nodes) if ((await node.status()).load.inFlight > 0) return node
    return null
  })
}

describe('nodes that nothing happens to', () => {
  let local: NodeProcess
  let peers: NodeProcess[]
  beforeEach(() => { [local, ...peers] = up as [NodeProcess, ...NodeProcess[]] })

  it('run a query here, with a warning, when everybody is overloaded', async () => {
    await overload(...up)
    await knownOverloaded(local, up)
    const result = await local.rdb(['db:query', 'numbers', smallSql, '--format', 'csv'])
    expect(result).toMatchObject({ code: 0, stdout: 'prime\n2\n3\n5\n7\n' })
    expect(result.stderr).toMatch(/warning/i)
  })

  it('know no database that nobody serves: exit 2 and its code', async () => {
    const result = await local.rdb(['db:query', 'nowhere', smallSql])
    expect(result.code).toBe(2)
    expect(result.stderr).toContain('ERR_DATABASE_UNKNOWN')
  })

  it('answer for a node without a copy', async () => {
    const without = await join('gateway', { databaseArgs: [] })
    await until('the gateway to know the copy', async () => await without.nodes('numbers').then(({ nodes }) => nodes.length > 0, () => false))
    const result = await without.rdb(['db:query', 'numbers', smallSql, '--format', 'csv'])
    expect(result).toMatchObject({ code: 0, stdout: 'prime\n2\n3\n5\n7\n' })
    expect(up.map(({ name }) => name)).toContain(forwardedTo(result.stderr))
    await end(without, 'SIGTERM')
  })

  it('are not held up by a reader that stops reading; the engine is', async () => {
    await overload(local)
    const reader = startRdb(['db:query', 'numbers', endlessSql, '--format', 'csv', '--timeout', '5m', '--data-dir', local.dataDir], { pauseStdout: true })
    const peer = await busyPeer(peers)
    for (let i = 0; i < 2; i++) expect((await local.rdb(['db:query', 'numbers', smallSql])).code).toBe(0)
    reader.child.kill('SIGKILL')
    await until('the engine to be released', async () => (await peer.status()).load.inFlight === 0)
  })

  /** Its counters of dropped datagrams, together. */
  const droppedAt = (counters: Readonly<Record<string, number>>): number => Object.entries(counters).filter(([name]) => name.startsWith('datagramsDropped')).reduce((sum, [, count]) => sum + count, 0)
  const handshakesFailed = async (): Promise<number> => (await local.status()).counters['meshHandshakesFailed'] ?? 0

  it('keep a node with another cluster key outside, and both sides say why', async () => {
    const failedBefore = await handshakesFailed()
    const stranger = await join('stranger', { key: 'own' })
    await until('the refusal in the log', async () => (await stranger.log()).includes('ERR_CLUSTER_KEY'))
    await until('the refusal at the other side', async () => (await handshakesFailed()) > failedBefore)
    expect(await local.log()).toContain('without a cluster key that this node holds')
    expect((await local.members()).map(({ record }) => record.name)).not.toContain('stranger')
    expect((await stranger.rdb(['db:query', 'numbers', smallSql])).code).toBe(0)
    await end(stranger, 'SIGKILL')
  })

  it('count and drop garbage on their TCP and UDP ports, and serve on', async () => {
    const [droppedBefore, failedBefore] = [droppedAt((await local.status()).counters), await handshakesFailed()]
    const { udp } = local.runtime as { udp: string }
    const port = Number(udp.split(':').at(-1))
    const socket = createSocket('udp4')
    for (let i = 0; i < 200; i++) await new Promise((resolve) => socket.send(randomBytes(1 + (i * 7) % 1500), port, '127.0.0.1', resolve))
    socket.close()
    await Promise.all(Array.from({ length: 5 }, () => new Promise<void>((resolve) => {
      const connection = connectTcp(port, '127.0.0.1', () => connection.write(randomBytes(4096)))
      connection.on('error', () => undefined).on('close', () => resolve())
      connection.resume()
    })))
    await until('the drops to be counted', async () => droppedAt((await local.status()).counters) - droppedBefore >= 190)
    expect(await handshakesFailed()).toBeGreaterThanOrEqual(failedBefore + 5)
    expect((await local.rdb(['db:query', 'numbers', smallSql])).code).toBe(0)
    for (const node of up) expect((await node.events()).filter(({ type }) => type === 'member-failed')).toEqual([])
  })

  it('have their data folders to themselves: a second process is told which one has it', async () => {
    const second = await runRdb(['start', '--data-dir', local.dataDir, '--listen', '127.0.0.1:0'])
    expect(second.code).toBe(2)
    expect(second.stderr + second.stdout).toContain('ERR_DATA_DIR_LOCKED')
    expect(second.stderr + second.stdout).toContain(String(local.child.pid))
  })
})

it('two nodes of one name are both visible, marked and logged', async () => {
  const first = up[0] as NodeProcess
  const second = await join(first.name, { dataDirName: 'twin' })
  await mesh.untilAllSee([first, second])
  const members = (await first.members()).filter(({ record }) => record.name === first.name)
  expect(members.map(({ record, nameConflict }) => [record.name, nameConflict])).toEqual([[first.name, true], [first.name, true]])
  expect((await first.meshEvents()).map(({ type }) => type)).toEqual(['name-conflict'])
  await end(second, 'SIGTERM')
})

describe('a peer is killed', () => {
  it('before a forwarded query: the next peer answers', async () => {
    const [local, ...peers] = up as [NodeProcess, ...NodeProcess[]]
    await overload(local)
    const first = forwardedTo((await local.rdb(['db:query', 'numbers', smallSql])).stderr)
    const victim = peers.find(({ name }) => name === first) as NodeProcess
    await end(victim, 'SIGKILL')
    const result = await local.rdb(['db:query', 'numbers', smallSql, '--format', 'csv'])
    expect(result).toMatchObject({ code: 0, stdout: 'prime\n2\n3\n5\n7\n' })
    expect(forwardedTo(result.stderr)).not.toBe(victim.name)
  })

  it('while it works on the query, before its first row: failover, and the client sees nothing of it but the explanation', async () => {
    const [local, ...peers] = up as [NodeProcess, ...NodeProcess[]]
    await overload(local)
    const running = startRdb(['db:query', 'numbers', slowSql, '--timeout', '5m', '--data-dir', local.dataDir])
    const victim = await busyPeer(peers)
    await end(victim, 'SIGKILL')
    const other = peers.find((node) => node !== victim) as NodeProcess
    await until('the other peer to take over', async () => (await other.status()).load.inFlight > 0)
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
    await until('the cancel to reach the engine', async () => (await other.status()).load.inFlight === 0)
  })

  it('after its first rows: a clear error that says how many came', async () => {
    const [local, ...peers] = up as [NodeProcess, ...NodeProcess[]]
    await overload(local)
    const client = await connect({ dataDir: local.dataDir })
    const result = await client.query(endlessSql, { database: 'numbers', timeoutMs: 120_000 })
    const peer = await busyPeer(peers)
    let rows = 0
    const reading = (async () => {
      for await (const batch of result) {
        rows += batch.rowCount
        peer.child.kill('SIGKILL')
      }
    })()
    const error = await reading.then(() => null, (caught: unknown) => caught as MeshError)
    expect(error?.code).toBe('ERR_QUERY_BROKEN')
    expect(rows).toBeGreaterThan(0)
    expect(error?.details['rowsDelivered']).toBe(rows)
    expect(error?.message).toContain(String(rows))
    await peer.exited
    await client.close()
  })

  it('is reported by every survivor, with who noticed and why', async () => {
    const [local, victim, other] = up as [NodeProcess, NodeProcess, NodeProcess]
    await end(victim, 'SIGKILL')
    for (const node of [local, other]) {
      const failed = await until('the failure', async () => (await node.events()).find(({ type, record }) => type === 'member-failed' && record.peerId === victim.runtime?.peerId))
      expect(failed.reason).not.toBe('')
      expect((await node.members()).find(({ record }) => record.peerId === victim.runtime?.peerId)).toMatchObject({ state: 'failed', status: 'unhealthy' })
    }
  })
})

describe('the local node', () => {
  it('killed under a client: exit 3 and a next step', async () => {
    const [, local] = up as [NodeProcess, NodeProcess]
    const running = startRdb(['db:query', 'numbers', slowSql, '--timeout', '5m', '--data-dir', local.dataDir])
    await busyPeer([local])
    await end(local, 'SIGKILL')
    const result = await running.ended
    expect(result.code).toBe(3)
    expect(result.stderr).toMatch(/ERR_/)
    const again = await local.rdb(['db:query', 'numbers', smallSql])
    expect(again.code).toBe(3)
    expect(again.stderr).toContain('ERR_NO_NODE')
    expect(again.stderr).toContain('rdb start')
  })

  it('told to stop while a query runs: the query gets its error, the node leaves and exits with 0', async () => {
    const [other, local] = up as [NodeProcess, NodeProcess]
    const running = startRdb(['db:query', 'numbers', slowSql, '--timeout', '5m', '--data-dir', local.dataDir])
    await busyPeer([local])
    const toldOfIt = async (): Promise<string[]> => (await other.events()).filter(({ record }) => record.peerId === local.runtime?.peerId).map(({ type }) => type)
    const toldBefore = (await toldOfIt()).length
    local.child.kill('SIGTERM')
    expect(await local.exited).toEqual({ code: 0, signal: null })
    expect((await running.ended).code).not.toBe(0)
    await until('the leave', async () => (await toldOfIt()).includes('member-left'))
    expect((await toldOfIt()).slice(toldBefore).filter((type) => type === 'member-failed')).toEqual([])
  })

  it('told twice to stop: ends at once', async () => {
    const [, local] = up as [NodeProcess, NodeProcess]
    const running = startRdb(['db:query', 'numbers', slowSql, '--timeout', '5m', '--data-dir', local.dataDir])
    await busyPeer([local])
    local.child.kill('SIGTERM')
    await until('the first signal to be heard', async () => (await local.log()).includes('SIGTERM'))
    local.child.kill('SIGTERM')
    expect(await local.exited).toEqual({ code: null, signal: 'SIGTERM' })
    await running.ended
  })
})

describe('a peer that stops', () => {
  it('answering (SIGSTOP) while it has the query: failover as soon as membership declares it failed', async () => {
    const own = await TestMesh.create()
    onTestFinished(() => own.stop())
    // On a busy machine timers are late all the time, and a node that trusts itself less than here would judge nobody.
    const nodes = await own.startAll(['local1', 'remote1', 'remote2'], { args: [...args, '--membership-suspicion-max-multiplier', '1', '--membership-stall-tolerance', '2s'] })
    await pinLoads(nodes)
    const [local, ...peers] = nodes as [NodeProcess, ...NodeProcess[]]
    await overload(local)
    const running = startRdb(['db:query', 'numbers', slowSql, '--timeout', '5m', '--data-dir', local.dataDir])
    const stopped = await busyPeer(peers)
    stopped.child.kill('SIGSTOP')
    const other = peers.find((node) => node !== stopped) as NodeProcess
    await until('the other peer to take over', async () => (await other.status()).load.inFlight > 0, 45_000)
    stopped.child.kill('SIGCONT')
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
  }, 90_000)
})
