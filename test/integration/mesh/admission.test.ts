/** Lists of peers on a running mesh: what a node refuses, it refuses at once, and the rest of the mesh does not hear of it. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { MemberView, PeersView } from '../../../src/wire/control.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

// One mesh for all tests.
let mesh: TestMesh
let one: NodeProcess
let two: NodeProcess
let three: NodeProcess
beforeAll(async () => {
  mesh = await TestMesh.create()
  ;[one, two, three] = await mesh.startAll(['one', 'two', 'three']) as [NodeProcess, NodeProcess, NodeProcess]
})
afterAll(() => mesh.stop())

const peerIdOf = (node: NodeProcess): string => node.runtime?.peerId ?? 'not started'

async function counter(node: NodeProcess, name: string): Promise<number> {
  return (await node.status()).counters[name] ?? 0
}

// The first, since the log tells of who is refused once a minute.
it('two clusters with one key and other labels never mix', async () => {
  const other = await mesh.start('other', { seeds: [one.runtime?.tcpMultiaddrs[0] ?? ''], args: ['--cluster', 'staging'] })
  await other.ready()
  await until('the other to be told', async () => (await other.log()).includes('another cluster'))
  expect((await one.members()).map(({ record }) => record.name).toSorted()).toEqual(['one', 'three', 'two'])
  expect(await counter(one, 'meshRefusedCluster')).toBeGreaterThan(0)
  expect(await one.log()).toContain('of another cluster')
  other.child.kill('SIGKILL')
})

it('a denied peer is cut off at once, by this node alone, and may come back', async () => {
  const view = JSON.parse((await one.rdb(['peers:deny', peerIdOf(two), '--json'])).stdout) as PeersView
  expect(view).toMatchObject({ entries: [{ list: 'deny', peerId: peerIdOf(two), name: 'two', source: 'command' }], isExclusive: false, refused: [{ name: 'two' }] })
  await until('both to have lost the connection', async () => (await counter(one, 'meshConnections')) === 1 && (await counter(two, 'meshConnections')) === 1)
  await until('datagrams and dials of the denied to be counted', async () => (await counter(one, 'datagramsDroppedDenied')) > 0 && (await counter(one, 'meshDenied')) > 0)
  await until('a datagram to the denied to be held back', async () => (await counter(one, 'datagramsSendsDenied')) > 0)
  expect((await one.members()).map(({ record, denied }) => [record.name, denied]).toSorted()).toEqual([['one', false], ['three', false], ['two', true]])
  expect((await one.nodes('numbers')).nodes.find(({ name }) => name === 'two')).toMatchObject({ status: 'unhealthy', statusReason: 'denied by the lists of peers of this node' })
  expect((await one.rdb(['members'])).stdout).toMatch(/two .*denied here/)
  // The third was told nothing of it by the first, and finds the denied one well.
  expect((await three.members()).find(({ record }) => record.name === 'two')).toMatchObject({ state: 'alive', denied: false })
  expect((await three.events()).filter(({ type, from }) => type === 'member-failed' || (type === 'member-suspected' && from.endsWith('one')))).toEqual([])

  // It holds over a restart.
  one.child.kill('SIGTERM')
  await one.exited
  one = await mesh.start('one', { seeds: [three.runtime?.tcpMultiaddrs[0] ?? ''] })
  await one.ready()
  expect(await one.json<PeersView>(['peers:list'])).toMatchObject({ entries: [{ list: 'deny', peerId: peerIdOf(two) }] })
  await until('the denied one to be counted again', async () => (await counter(one, 'meshDenied')) > 0)

  expect(await one.rdb(['peers:deny', peerIdOf(two), '--remove'])).toMatchObject({ code: 0 })
  await mesh.untilAllSee([one, two, three])
})

it('an allow list lets nobody else in, and does not begin by accident', async () => {
  const stranger = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
  expect(await one.rdb(['peers:allow', stranger])).toMatchObject({ code: 2, stderr: expect.stringMatching(/(two, three|three, two) would be cut off/) as string })
  expect(await one.rdb(['peers:allow', peerIdOf(two), peerIdOf(three)])).toMatchObject({ code: 0, stdout: expect.stringContaining('Only peers on the allow list are let in') as string })
  const four = await mesh.start('four', { seeds: [one.runtime?.tcpMultiaddrs[0] ?? ''] })
  await four.ready()
  await until('the fourth to be refused', async () => (await counter(one, 'meshRefusedDenied')) > 0)
  expect((await one.members()).map(({ record }: MemberView) => record.name).toSorted()).toEqual(['one', 'three', 'two'])
  expect(await one.rdb(['peers:allow', peerIdOf(four)])).toMatchObject({ code: 0 })
  await mesh.untilAllSee([one, two, three, four])
  expect(await one.rdb(['peers:deny', 'nobody'])).toMatchObject({ code: 2, stderr: expect.stringContaining('is no PeerId') as string })
})
