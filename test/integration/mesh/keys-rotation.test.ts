/** One rotation of the cluster key on a running mesh, from the first command to the node that slept through it. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KeysView, MemberView } from '../../../src/wire/control.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

// One mesh for both tests.
let mesh: TestMesh
let nodes: NodeProcess[]
beforeAll(async () => {
  mesh = await TestMesh.create()
  nodes = await mesh.startAll(['one', 'two', 'three', 'four'])
})
afterAll(() => mesh.stop())

/** Fingerprints in the keyring file, the one in use first. */
async function keysInFile(node: NodeProcess): Promise<string[]> {
  return [...(await readFile(join(node.dataDir, 'keyring'), 'utf8')).matchAll(/^[A-Za-z0-9_-]{43} # ([0-9a-f]{16})$/gm)].map((match) => match[1] as string)
}

it('a rotation loses nobody, takes in who joins with the old key meanwhile, and keeps out who slept through it', async () => {
  const [one, two] = nodes as [NodeProcess, NodeProcess]
  const seed = one.runtime?.tcpMultiaddrs[0] ?? ''
  const [old] = await keysInFile(one) as [string]

  // Somebody queries all the time.
  const failures: string[] = []
  let queries = 0
  let rotating = true
  const querying = (async () => {
    for (; rotating; queries++) {
      const { code, stderr } = await two.rdb(['db:query', 'numbers', 'SELECT sum(prime) FROM primes'])
      if (code !== 0) failures.push(stderr)
    }
  })()

  const generated = await one.rdb(['keys:generate'])
  const fresh = /[0-9a-f]{16}/.exec(generated.stdout)?.[0] ?? 'none'
  expect(await one.rdb(['keys:remove', old])).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_KEY_IN_USE') as string })
  expect(await one.rdb(['keys:use', fresh])).toMatchObject({ code: 2, stderr: expect.stringContaining('ERR_KEY_UNKNOWN') as string })
  expect(await one.rdb(['keys:install'])).toMatchObject({ code: 0, stderr: expect.stringContaining(`rdb keys:use ${fresh}`) as string })
  for (const node of nodes) {
    expect((await keysInFile(node)).toSorted()).toEqual([old, fresh].toSorted())
    expect((await stat(join(node.dataDir, 'keyring'))).mode & 0o777).toBe(0o600)
  }

  // The fifth is started with the old key alone, and is given the new one.
  const five = await mesh.start('five', { seeds: [seed] })
  await five.ready()
  await until('the fifth to be given the new key', async () => (await keysInFile(five)).length === 2)
  const all = [...nodes, five]
  await mesh.untilAllSee(all)

  expect(await two.rdb(['keys:use', fresh.slice(0, 8)])).toMatchObject({ code: 0, stderr: expect.stringContaining(`rdb keys:remove ${old}`) as string })
  for (const node of all) expect((await keysInFile(node))[0]).toBe(fresh)
  expect(await five.rdb(['keys:remove', old])).toMatchObject({ code: 0 })
  for (const node of all) expect(await keysInFile(node)).toEqual([fresh])
  const view = await one.json<KeysView>(['keys:list', '--mesh'])
  expect(view).toMatchObject({ fingerprints: [fresh], removed: [old] })
  expect(view.members.map(({ name, agrees }) => [name, agrees])).toEqual([['five', true], ['four', true], ['three', true], ['two', true]])

  // Who comes back with the old one still in its ring, and in use, learns of the choice and of the removal.
  five.child.kill('SIGTERM')
  await five.exited
  const lines = [await readFile(join(mesh.folder, 'key', 'keyring'), 'utf8'), (await readFile(join(one.dataDir, 'keyring'), 'utf8')).replaceAll(/^#!.*$/gm, '')]
  await writeFile(join(five.dataDir, 'keyring'), lines.join('\n'))
  expect(await keysInFile(five)).toEqual([old, fresh])
  const again = await mesh.start('five', { seeds: [seed], key: 'none' })
  await again.ready()
  await until('the fifth to follow', async () => (await keysInFile(again)).join() === fresh)
  again.child.kill('SIGTERM')
  await again.exited

  // Who holds nothing but the old key is kept out, and told what to do.
  const late = await mesh.start('late', { seeds: [seed] })
  await late.ready()
  await until('the late one to be told', async () => (await late.log()).includes('ERR_CLUSTER_KEY'))
  expect(await late.log()).toMatch(/the keys may have been rotated.*|Copy the keyring file of a running node/)
  expect((await late.members()).filter(({ local }) => !local)).toEqual([])
  expect((await one.status()).counters['meshRefusedKey']).toBeGreaterThanOrEqual(1)
  late.child.kill('SIGKILL')

  rotating = false
  await querying
  expect([failures, queries > 3]).toEqual([[], true])
  for (const node of nodes) {
    const events = await node.events()
    expect(events.filter(({ type }) => type === 'member-failed')).toEqual([])
    const members = await node.json<MemberView[]>(['members', '--state', 'alive'])
    expect(members.map(({ record }) => record.name).toSorted()).toEqual(['four', 'one', 'three', 'two'])
  }
})

it('names the members that did not take part, and what to do', async () => {
  const [one, two] = nodes as [NodeProcess, NodeProcess]
  const [old] = await keysInFile(one) as [string]
  const fresh = /[0-9a-f]{16}/.exec((await one.rdb(['keys:generate'])).stdout)?.[0] ?? 'none'
  expect(await one.rdb(['keys:generate', '--use'])).toMatchObject({ code: 2, stderr: expect.stringContaining('a node runs on this data folder') as string })
  two.child.kill('SIGSTOP')
  const installed = await one.rdb(['keys:install'])
  two.child.kill('SIGCONT')
  expect(installed.stdout).toContain('did not confirm')
  expect(installed).toMatchObject({ code: 3, stderr: expect.stringContaining('not at two (ERR_KEYS_INCOMPLETE)') as string })
  await until('the other to take part', async () => (await one.rdb(['keys:install'])).code === 0)
  expect((await keysInFile(two)).toSorted()).toEqual([old, fresh].toSorted())
})
