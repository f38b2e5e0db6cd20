/** Keyrings of several nodes, joined by calls instead of connections; the files are real. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addKey, loadKeyring } from '../../../src/adapters/files/keyring.ts'
import type { ConnectionEvent } from '../../../src/adapters/libp2p/connections.ts'
import type { RequestHandler } from '../../../src/adapters/libp2p/request.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { MeshError } from '../../../src/errors.ts'
import { KeyringService } from '../../../src/node/keyring-service.ts'
import type { Log } from '../../../src/ports/log.ts'
import { keyFingerprint } from '../../../src/wire/cluster-key.ts'
import { createVirtualClock } from '../adapters/libp2p/virtual-clock.ts'

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const name = (fill: number): string => keyFingerprint(key(fill))
const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }

interface Node {
  readonly peerId: string
  readonly folder: string
  readonly service: KeyringService
  readonly applied: string[][]
  handler: RequestHandler
  onConnection: (event: ConnectionEvent) => void
  isUp: boolean
  isSilent: boolean
  /** What it thinks of the connections of others. */
  proves: boolean
  /** It has no connection that proves a key, in its own eyes. */
  isBlind: boolean
  keysInFile(): Promise<string[]>
}

let folder = ''
const nodes: Node[] = []
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'reedbase-keyring-')) })
afterEach(async () => {
  for (const { service } of nodes.splice(0)) service.stop()
  await rm(folder, { recursive: true })
})

async function start(peerId: string, fills: readonly number[]): Promise<Node> {
  const own = join(folder, peerId)
  for (const fill of fills) await addKey(own, key(fill), { use: false })
  const keyring = await loadKeyring(own)
  const applied: string[][] = []
  const node: Node = {
    peerId, folder: own, applied, isUp: true, isSilent: false, proves: true, isBlind: false, handler: () => new Uint8Array(0), onConnection: () => undefined,
    keysInFile: async () => (await loadKeyring(own)).keys.map(keyFingerprint),
    service: new KeyringService({
      folderPath: own, keyring, self: { peerId, name: peerId }, clock: createVirtualClock(), random: createRandom(1), log,
      members: () => nodes.filter((other) => other !== node).map((other) => ({ peerId: other.peerId, name: other.peerId, isUp: other.isUp })),
      datagrams: { setClusterKeys: () => undefined },
      mesh: {
        setClusterKeys: (keys) => { applied.push(keys.map(keyFingerprint)) },
        hasCurrentKey: () => node.proves && !node.isBlind,
        renew: () => Promise.resolve(),
        connectedPeers: () => [],
        onConnection: (handler) => { node.onConnection = handler },
        onRequest: (_protocol, _bytesMax, handler) => {
          node.handler = handler
          return Promise.resolve()
        },
        request: async (to, _protocol, bytes) => {
          const target = nodes.find((other) => other.peerId === to)
          if (target === undefined || target.isSilent) throw new MeshError('ERR_PEER_UNREACHABLE', 'No /reedbase/keys/1.0 stream to b: Unexpected EOF.')
          return await target.handler(peerId, bytes)
        },
      },
    }),
  }
  nodes.push(node)
  await node.service.start()
  return node
}

describe('a rotation', () => {
  it('goes through its steps at every member, each stored before it is confirmed', async () => {
    const [one, two, three] = [await start('a', [1]), await start('b', [1]), await start('c', [1])]
    await addKey(one.folder, key(2), { use: false })
    expect(await one.service.install()).toMatchObject({ fingerprints: [name(1), name(2)], members: [{ name: 'b', agrees: true }, { name: 'c', agrees: true }] })
    for (const node of [one, two, three]) expect([await node.keysInFile(), node.applied.at(-1)]).toEqual([[name(1), name(2)], [name(1), name(2)]])
    expect(await two.service.use(name(2).slice(0, 6))).toMatchObject({ fingerprints: [name(2), name(1)], members: [{ agrees: true }, { agrees: true }] })
    expect(await three.service.remove(name(1), { force: false })).toMatchObject({ fingerprints: [name(2)], removed: [name(1)], members: [{ agrees: true }, { agrees: true }] })
    for (const node of [one, two, three]) expect([await node.keysInFile(), node.applied.at(-1)]).toEqual([[name(2)], [name(2)]])
    expect((await loadKeyring(two.folder)).removed).toEqual([name(1)])
  })

  it('does not remove what is in use anywhere, nor what somebody may use who does not say', async () => {
    const [one, two] = [await start('a', [1, 2]), await start('b', [1, 2])]
    await expect(one.service.remove(name(1), { force: true })).rejects.toMatchObject({ code: 'ERR_KEY_IN_USE' })
    two.isSilent = true
    await one.service.use(name(2))
    await expect(one.service.remove(name(1), { force: false })).rejects.toMatchObject({ code: 'ERR_KEYS_INCOMPLETE', details: { members: 'b' } })
    two.isSilent = false
    await expect(one.service.remove(name(1), { force: false })).rejects.toMatchObject({ code: 'ERR_KEY_IN_USE', details: { members: 'b' } })
    two.isSilent = true
    expect(await one.service.remove(name(1), { force: true })).toMatchObject({ members: [{ name: 'b', agrees: false, problem: 'no answer: No /reedbase/keys/1.0 stream to b: Unexpected EOF.' }] })
    two.isSilent = false
    // The one that was silent learns all of it with its next connection.
    one.onConnection({ peerId: 'b', kind: 'opened', clean: true })
    await expect.poll(() => two.keysInFile()).toEqual([name(2)])
  })

  it('waits for nobody who is down, and knows no key by a wrong name', async () => {
    const [one, two] = [await start('a', [1, 2]), await start('b', [1])]
    two.isUp = false
    expect(await one.service.use(name(2))).toMatchObject({ members: [{ name: 'b', isUp: false, problem: 'down', fingerprints: null }] })
    for (const wrong of ['00000000', name(1).slice(0, 3)]) await expect(one.service.use(wrong)).rejects.toMatchObject({ code: 'ERR_KEY_UNKNOWN' })
    const none = await start('c', [])
    await expect(none.service.install()).rejects.toMatchObject({ code: 'ERR_KEY_UNKNOWN' })
  })
})

describe('two members that meet', () => {
  it('give each other the keys that they lack', async () => {
    const [one, two] = [await start('a', [1, 2]), await start('b', [1, 3])]
    one.onConnection({ peerId: 'b', kind: 'opened', clean: true })
    await expect.poll(async () => [(await one.keysInFile()).toSorted(), (await two.keysInFile()).toSorted()]).toEqual([[1, 2, 3].map(name).toSorted(), [1, 2, 3].map(name).toSorted()])
  })

  it('do not bring a removed key back', async () => {
    const [one, two] = [await start('a', [1, 2]), await start('b', [1, 2])]
    two.isUp = false
    two.isSilent = true
    await one.service.use(name(2))
    await one.service.remove(name(1), { force: false })
    two.isSilent = false
    one.onConnection({ peerId: 'b', kind: 'opened', clean: true })
    await expect.poll(() => two.keysInFile()).toEqual([name(2)])
    expect(await one.keysInFile()).toEqual([name(2)])
  })

  it('give no key over a connection that proves none', async () => {
    const [one, two] = [await start('a', [1, 2]), await start('b', [1])]
    one.isBlind = true
    expect(await one.service.install()).toMatchObject({ members: [{ agrees: false, problem: expect.stringContaining('no connection') as string }] })
    expect(await two.keysInFile()).toEqual([name(1)])
  })

  it('tell a stranger nothing, and are told nothing by one', async () => {
    const [one, two] = [await start('a', [1, 2]), await start('b', [1])]
    one.proves = false
    expect(await two.service.list(true)).toMatchObject({ members: [{ fingerprints: null, problem: expect.stringMatching(/^refused \(stranger\): /) as string }] })
    expect(JSON.stringify(await two.service.install())).not.toContain(name(2))
    expect([one.service.counters.strangers > 0, await one.keysInFile(), await two.keysInFile()]).toEqual([true, [name(1), name(2)], [name(1)]])
  })
})

describe('what does not go well', () => {
  it('is refused and counted when it is no question', async () => {
    const one = await start('a', [1])
    for (const text of ['', '{}', '[]', '{"ring":null,"keys":["x"],"wanted":[]}', `{"ring":null,"keys":[],"wanted":["${'z'.repeat(16)}"]}`]) {
      await expect(one.handler('b', Buffer.from(text))).rejects.toMatchObject({ code: 'ERR_PROTOCOL' })
    }
    expect(one.service.counters.malformed).toBe(5)
  })

  it('is neither used nor confirmed when the file is damaged', async () => {
    const [one, two] = [await start('a', [1, 2]), await start('b', [1, 2])]
    await chmod(join(two.folder, 'keyring'), 0o644)
    expect(await one.service.use(name(2))).toMatchObject({ members: [{ agrees: false, problem: expect.stringMatching(/^refused \(failed\): /) as string }] })
    expect(two.applied).toEqual([])
    await chmod(join(two.folder, 'keyring'), 0o600)
  })

  it('keeps a key that was added to the file meanwhile', async () => {
    const [one] = [await start('a', [1, 2]), await start('b', [1, 2])]
    await addKey(one.folder, key(3), { use: false })
    await one.service.use(name(2))
    expect(await one.keysInFile()).toEqual([name(2), name(1), name(3)])
    expect(one.applied.at(-1)).toEqual([name(2), name(1)])
  })

  it('does not install a key that was removed from the whole mesh', async () => {
    const one = await start('a', [1, 2])
    await one.service.use(name(2))
    await one.service.remove(name(1), { force: false })
    await addKey(one.folder, key(1), { use: false })
    expect(await one.service.install()).toMatchObject({ fingerprints: [name(2)], removed: [name(1)] })
  })
})
