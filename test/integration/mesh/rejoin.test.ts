/** A node finds the mesh again by what it remembers: no seed is given at any restart. Real processes. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

const quick = ['--membership-preset', 'local', '--seed-retry-max', '1s', '--membership-reconnect-interval', '1s']
const names = ['local1', 'remote1', 'remote2'] as const

let mesh: TestMesh
beforeEach(async () => { mesh = await TestMesh.create() })
afterEach(async () => { await mesh.stop() })

const portOf = (node: NodeProcess): string => (node.runtime?.udp ?? '').split(':').at(-1) ?? ''

async function end(node: NodeProcess, signal: NodeJS.Signals): Promise<void> {
  node.child.kill(signal)
  await node.exited
}

/** Waits until the node has written down the others. */
async function untilRemembered(node: NodeProcess, others: readonly NodeProcess[]): Promise<void> {
  await until(`${node.name} to remember the others`, async () => {
    const text = await readFile(join(node.dataDir, 'members.json'), 'utf8').catch(() => '')
    return others.every(({ runtime }) => text.includes(runtime?.peerId ?? 'not started'))
  })
}

/** Without any seed; on the port of its last life unless told otherwise. */
async function restart(node: NodeProcess, port = portOf(node)): Promise<NodeProcess> {
  const again = await mesh.start(node.name, { args: [...quick, '--listen', `127.0.0.1:${port}`] })
  await again.ready()
  expect(again.runtime?.peerId).toBe(node.runtime?.peerId)
  return again
}

describe('a node without seeds', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('rejoins after %s, on another port too', async (signal) => {
    const [first, second, third] = await mesh.startAll(names, { args: quick }) as [NodeProcess, NodeProcess, NodeProcess]
    // Who is told to stop writes it down at once.
    if (signal === 'SIGKILL') await untilRemembered(third, [first, second])
    await end(third, signal)
    const again = await restart(third, '0')
    await mesh.untilAllSee([first, second, again])
    expect(await again.log()).toContain('joined through a remembered member at')
  })

  it('rejoins when the whole mesh was down and one of them moved', async () => {
    const nodes = await mesh.startAll(names, { args: quick }) as [NodeProcess, NodeProcess, NodeProcess]
    // One after the other, so that the last one has seen everybody leave.
    for (const node of nodes) await end(node, 'SIGTERM')
    const moved = await restart(nodes[2], '0')
    await until('it to find nobody', async () => (await moved.log()).includes('no remembered member answered'))
    const others = [await restart(nodes[0]), await restart(nodes[1])]
    await mesh.untilAllSee([moved, ...others])
  })

  it('starts with a damaged memory, says so, and runs alone', async () => {
    const [first, second] = await mesh.startAll(['local1', 'remote1'], { args: quick }) as [NodeProcess, NodeProcess]
    await end(second, 'SIGKILL')
    await writeFile(join(second.dataDir, 'members.json'), '{"version":1,"name":"remo')
    const again = await restart(second)
    expect(await again.log()).toContain('members.json is ignored')
    // The other one finds it: membership retries who has failed.
    await mesh.untilAllSee([first, again])
  })
})

describe('two members of one name', () => {
  it('are told apart, and the one that bore it first keeps it over a restart', async () => {
    const [older, other] = await mesh.startAll(['db1', 'other'], { args: quick }) as [NodeProcess, NodeProcess]
    const younger = await mesh.start('db1', { seeds: [other.runtime?.tcpMultiaddrs[0] ?? ''], dataDirName: 'younger', args: quick })
    await younger.ready()
    const shown = `db1~${younger.runtime?.peerId.slice(-6)}`
    const showsBoth = async (node: NodeProcess): Promise<boolean> => {
      const members = await node.members()
      const of = (bearer: NodeProcess): string | undefined => members.find(({ record }) => record.peerId === bearer.runtime?.peerId)?.name
      return of(older) === 'db1' && of(younger) === shown && members.filter(({ nameConflict }) => nameConflict).length === 2
    }
    for (const node of [older, other, younger]) await until(`${node.name} to tell them apart`, () => showsBoth(node))
    expect((await younger.rdb(['status'])).stdout).toContain(`Name:       ${shown}, alive; another member has the same name`)
    expect((await younger.members()).find(({ local }) => local)?.path).toBeNull()
    await end(older, 'SIGTERM')
    await until('the name to go over', async () => (await other.members()).some(({ record, name }) => record.peerId === younger.runtime?.peerId && name === 'db1'))
    await until('its end to be told', async () => (await other.meshEvents()).some(({ type }) => type === 'name-conflict-ended'))
    const again = await restart(older)
    for (const node of [again, other, younger]) await until(`${node.name} to give it back`, () => showsBoth(node))
  })

  it('are one again when a node that lost its data folder comes back as another', async () => {
    const [first, second] = await mesh.startAll(['local1', 'db1'], { args: quick }) as [NodeProcess, NodeProcess]
    await end(second, 'SIGKILL')
    const reborn = await mesh.start('db1', { seeds: [first.runtime?.tcpMultiaddrs[0] ?? ''], dataDirName: 'reborn', args: [...quick, '--listen', `127.0.0.1:${portOf(second)}`] })
    await reborn.ready()
    await until('the name to be its own', async () => {
      const members = await first.members()
      return members.some(({ record, name, nameConflict }) => record.peerId === reborn.runtime?.peerId && name === 'db1' && !nameConflict)
    })
    // The old self is not expected back.
    expect(await until('quorum', async () => {
      const { quorum } = await first.status()
      return quorum.hasQuorum ? quorum : null
    })).toMatchObject({ known: 2, reachable: 2 })
  })
})
