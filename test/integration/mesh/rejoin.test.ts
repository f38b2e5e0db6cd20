/** A node finds the mesh again by what it remembers: no seed is given at any restart. Real processes. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

const quick = ['--membership-preset', 'local', '--seed-retry-max', '1s', '--membership-reconnect-interval', '1s']
const names = ['local1', 'remote1', 'remote2'] as const

// One mesh for all tests: each leaves it with three members that are up.
let mesh: TestMesh
let first: NodeProcess
let second: NodeProcess
let third: NodeProcess
beforeAll(async () => {
  mesh = await TestMesh.create()
  ;[first, second, third] = await mesh.startAll(names, { args: quick }) as [NodeProcess, NodeProcess, NodeProcess]
})
afterAll(async () => { await mesh.stop() })

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
    // Who is told to stop writes it down at once.
    if (signal === 'SIGKILL') await untilRemembered(third, [first, second])
    await end(third, signal)
    third = await restart(third, '0')
    await mesh.untilAllSee([first, second, third])
    expect(await third.logOfThisLife()).toContain('joined through a remembered member at')
  })

  it('rejoins when the whole mesh was down and one of them moved', async () => {
    // One after the other, so that the last one has seen everybody leave.
    for (const node of [first, second, third]) await end(node, 'SIGTERM')
    third = await restart(third, '0')
    await until('it to find nobody', async () => (await third.logOfThisLife()).includes('no remembered member answered'))
    ;[first, second] = await Promise.all([restart(first), restart(second)])
    await mesh.untilAllSee([first, second, third])
  })

  it('starts with a damaged memory, says so, and runs alone', async () => {
    await end(second, 'SIGKILL')
    await writeFile(join(second.dataDir, 'members.json'), '{"version":1,"name":"remo')
    second = await restart(second)
    expect(await second.logOfThisLife()).toContain('members.json is ignored')
    // The others find it: membership retries who has failed.
    await mesh.untilAllSee([first, second, third])
  })
})

describe('two members of one name', () => {
  it('are told apart, and the one that bore it first keeps it over a restart', async () => {
    const [older, other] = [first, second]
    const younger = await mesh.start('local1', { seeds: [other.runtime?.tcpMultiaddrs[0] ?? ''], dataDirName: 'younger', args: quick })
    await younger.ready()
    const shown = `local1~${younger.runtime?.peerId.slice(-6)}`
    const showsBoth = async (node: NodeProcess): Promise<boolean> => {
      const members = await node.members()
      const of = (bearer: NodeProcess): string | undefined => members.find(({ record }) => record.peerId === bearer.runtime?.peerId)?.name
      return of(older) === 'local1' && of(younger) === shown && members.filter(({ nameConflict }) => nameConflict).length === 2
    }
    for (const node of [older, other, younger]) await until(`${node.name} to tell them apart`, () => showsBoth(node))
    expect((await younger.rdb(['status'])).stdout).toContain(`Name:       ${shown}, alive; another member has the same name`)
    expect((await younger.members()).find(({ local }) => local)?.path).toBeNull()
    await end(older, 'SIGTERM')
    await until('the name to go over', async () => (await other.members()).some(({ record, name }) => record.peerId === younger.runtime?.peerId && name === 'local1'))
    await until('its end to be told', async () => (await other.meshEvents()).some(({ type }) => type === 'name-conflict-ended'))
    first = await restart(older)
    for (const node of [first, other, younger]) await until(`${node.name} to give it back`, () => showsBoth(node))
    await end(younger, 'SIGTERM')
  })

  it('are one again when a node that lost its data folder comes back as another', async () => {
    await end(second, 'SIGKILL')
    const reborn = await mesh.start(second.name, { seeds: [first.runtime?.tcpMultiaddrs[0] ?? ''], dataDirName: 'reborn', args: [...quick, '--listen', `127.0.0.1:${portOf(second)}`] })
    await reborn.ready()
    await until('the name to be its own', async () => {
      const members = await first.members()
      return members.some(({ record, name, nameConflict }) => record.peerId === reborn.runtime?.peerId && name === second.name && !nameConflict)
    })
    // The old self is not expected back.
    expect(await until('quorum', async () => {
      const { quorum } = await first.status()
      return quorum.hasQuorum && quorum.reachable === 3 ? quorum : null
    })).toMatchObject({ known: 3, reachable: 3 })
  })
})
