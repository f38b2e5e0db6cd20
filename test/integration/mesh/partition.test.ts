/** Many members lost at once, with real processes: one event with both sides' sizes, and what a minority does. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type NodeProcess, startRdb, TestMesh, until } from '../../support/processes.ts'
import type { EventView } from '../../../src/wire/control.ts'

const quick = ['--membership-preset', 'local', '--seed-retry-max', '1s', '--cpu-threshold', '100']
const names = ['local1', 'remote1', 'remote2', 'remote3', 'remote4'] as const

// One mesh for both tests: whom the first has stopped goes on, and the second ends them.
let mesh: TestMesh
let nodes: [NodeProcess, NodeProcess, ...NodeProcess[]]
beforeAll(async () => {
  mesh = await TestMesh.create()
  nodes = await mesh.startAll(names, { args: [...quick, '--minority-policy', 'refuse'] }) as typeof nodes
})
afterAll(async () => { await mesh.stop() })

function signal(nodes: readonly NodeProcess[], name: NodeJS.Signals): void {
  for (const node of nodes) node.child.kill(name)
}

it('the greater part stops answering, and comes back: told once each, the minority refuses meanwhile', async () => {
  const [local, other, ...lost] = nodes
  const watch = startRdb(['members', '--watch', '--json', '--data-dir', local.dataDir])
  try {
    const seen = (): EventView[] => watch.stdoutSoFar().split('\n').slice(0, -1).map((line) => JSON.parse(line) as EventView)
    const count = (type: EventView['type']): number => seen().filter((event) => event.type === type).length
    await until('the snapshot', () => count('member-joined') === 5)
    signal(lost, 'SIGSTOP')
    const suspected = await until('the partition', () => seen().find((event) => event.type === 'partition-suspected'))
    expect(suspected).toMatchObject({ partition: 'partition-1', durationMs: null })
    const cut = await until('the whole size', async () => {
      const { partition, quorum } = await local.status()
      return partition?.lost === 3 && quorum.reachable === 2 ? { partition, quorum } : null
    })
    expect(cut).toMatchObject({ partition: { reachable: 2, away: 3 }, quorum: { hasQuorum: false, reachable: 2, known: 5, needed: 3, policy: 'refuse' } })
    for (const node of [local, other]) {
      await until(`${node.name} to lose quorum`, async () => !(await node.status()).quorum.hasQuorum)
      expect(await node.rdb(['db:query', 'numbers', 'SELECT 1'])).toMatchObject({ code: 3, stderr: expect.stringMatching(/sees 2 of 5 expected members.*needs 3.*ERR_QUORUM_LOST/s) as string })
    }
    expect((await local.rdb(['status'])).stdout).toMatch(/Quorum: +lost, 2 of 5.*refuses all queries\n(.*\n)*Partition: +suspected.*3 away of 3 lost, 2 here/)
    signal(lost, 'SIGCONT')
    const healed = await until('the heal', () => seen().find((event) => event.type === 'partition-healed'))
    expect(healed).toMatchObject({ partition: 'partition-1', lost: 3, reachable: 5 })
    await until('quorum', async () => (await local.status()).quorum.hasQuorum)
    expect((await local.rdb(['db:query', 'numbers', 'SELECT 1 AS one', '--format', 'csv'])).stdout).toBe('one\n1\n')
    expect(['partition-suspected', 'partition-healed', 'quorum-lost'].map((type) => count(type as EventView['type']))).toEqual([1, 1, 1])
    // Merged without flapping: each was lost once.
    for (const node of lost) expect(seen().filter((event) => event.type === 'member-failed' && event.record.peerId === node.runtime?.peerId).length).toBeLessThanOrEqual(1)
    // The partition is the warning; those that went with it are details.
    const warned = (await local.log()).split('\n').filter((line) => line.includes('"level":"warn"') && line.includes('"msg":"member-failed'))
    expect(warned.length).toBeLessThan(3)
  } finally {
    watch.child.kill('SIGKILL')
  }
})

it('a node that would serve does not route to one that refuses', async () => {
  const [refusing, ...doomed] = nodes
  const asking = await mesh.start('without-copy', { seeds: [refusing.runtime?.tcpMultiaddrs[0] ?? ''], args: quick, databaseArgs: [] })
  await asking.ready()
  await mesh.untilAllSee([...nodes, asking])
  expect((await refusing.status()).quorum.hasQuorum).toBe(true)
  signal(doomed, 'SIGKILL')
  await until('the minority', async () => !(await refusing.status()).quorum.hasQuorum)
  const result = await asking.rdb(['db:query', 'numbers', 'SELECT 1'])
  expect(result.code).toBe(3)
  expect(result.stderr).toMatch(/ERR_(QUORUM_LOST|NO_HEALTHY_PEER)/)
})
