import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { encrypterProtocol } from '../../../src/adapters/libp2p/encrypters.ts'
import type { MeshOptions } from '../../../src/adapters/libp2p/mesh-options.ts'
import { STRANGER_PROTOCOL } from '../../../src/adapters/libp2p/stranger.ts'
import { REKEY_DEADLINE_MS, REKEY_WAIT_MS } from '../../../src/adapters/libp2p/rekeying.ts'
import { addressOf, createRig, createTurnableClock, silentLog, until } from './rig.ts'

const rig = createRig()
const A = new Uint8Array(32).fill(1)
const B = new Uint8Array(32).fill(2)

afterEach(() => rig.stop())

async function connects(dialler: Uint8Array[], listener: Uint8Array[]): Promise<string> {
  const from = await rig.mesh({ clusterKeys: dialler })
  const to = await rig.mesh({ clusterKeys: listener })
  const peerId = await from.dial(`127.0.0.1:${to.port}`)
  expect(peerId).toBe(to.peerId)
  // The stream shows that the connection carries bytes in both directions, not only that a handshake ended.
  await from.ping(to.peerId)
  return peerId
}

describe('cluster keys', () => {
  it('lets in who has the same key', async () => {
    await connects([A], [A])
  })

  it.each([
    ['the listener still uses the old key and knows the new', [B], [A, B]],
    ['the dialler still uses the old key and knows the new', [A, B], [B]],
    ['both know both, in other orders', [A, B], [B, A]],
    ['neither has a key', [], []],
  ])('connects when %s', async (_case, dialler, listener) => {
    await connects(dialler, listener)
  })

  it.each([
    ['another key', [A], [B]],
    ['no key at the listener', [A], []],
    ['no key at the dialler', [], [A]],
    ['two keys, neither of them shared', [A, new Uint8Array(32).fill(3)], [B]],
  ])('refuses %s with ERR_CLUSTER_KEY', async (_case, dialler, listener) => {
    const from = await rig.mesh({ clusterKeys: dialler })
    const to = await rig.mesh({ clusterKeys: listener })
    await expect(from.dial(`127.0.0.1:${to.port}`)).rejects.toMatchObject({ code: 'ERR_CLUSTER_KEY' })
    expect(from.connectedPeers()).toEqual([])
    expect(to.connectedPeers()).toEqual([])
    expect(from.counters().dialFailures).toBe(1)
  })

  it('keeps out who claims the name of a key without having it', async () => {
    const to = await rig.mesh({ clusterKeys: [A] })
    const attacker = await createLibp2p({
      transports: [tcp()],
      streamMuxers: [yamux()],
      connectionEncrypters: [(components) => Object.assign(noise()(components), { protocol: encrypterProtocol(A) })],
    })
    try {
      await expect(attacker.dial(multiaddr(to.multiaddrs()[0] ?? ''))).rejects.toThrow()
      expect(to.connectedPeers()).toEqual([])
    } finally {
      await attacker.stop()
    }
  })

  it('serves on after garbage on its port', async () => {
    const to = await rig.mesh({ clusterKeys: [A], limits: { handshakeTimeoutMs: 300 } })
    const socket = connect(to.port, '127.0.0.1')
    const ended = new Promise((resolve) => { socket.once('close', resolve) })
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\n\r\n'.repeat(100))
    await ended
    const from = await rig.mesh({ clusterKeys: [A] })
    await from.dial(`127.0.0.1:${to.port}`)
    await until(() => to.connectedPeers().length === 1)
    expect(to.connectedPeers()).toEqual([from.peerId])
  })
})

describe('a keyring that changes while the mesh runs', () => {
  it('offers and takes the new keys, and leaves connections as they are', async () => {
    const [one, two] = [await rig.mesh({ clusterKeys: [A] }), await rig.mesh({ clusterKeys: [A] })]
    await one.dial(`127.0.0.1:${two.port}`)
    await until(() => two.connectedPeers().length === 1)
    for (const mesh of [one, two]) mesh.setClusterKeys([B])
    await one.ping(two.peerId)
    expect([one.counters().connectionsClosed, one.hasCurrentKey(two.peerId), two.hasCurrentKey(one.peerId)]).toEqual([0, false, false])

    const old = await rig.mesh({ clusterKeys: [A] })
    await expect(old.dial(`127.0.0.1:${two.port}`)).rejects.toMatchObject({ code: 'ERR_CLUSTER_KEY', details: { reason: 'key' } })
    const fresh = await rig.mesh({ clusterKeys: [B] })
    expect(await fresh.dial(`127.0.0.1:${two.port}`)).toBe(two.peerId)
    expect(fresh.hasCurrentKey(two.peerId)).toBe(true)
    expect(await one.dial(`127.0.0.1:${fresh.port}`)).toBe(fresh.peerId)
  })

  it('replaces what was made with a removed key, and never leaves the two without a connection', async () => {
    const [one, two] = [await rig.mesh({ clusterKeys: [A] }), await rig.mesh({ clusterKeys: [A] })]
    const closed: string[] = []
    for (const mesh of [one, two]) mesh.onConnection(({ kind }) => { if (kind === 'closed') closed.push(mesh.peerId) })
    await one.dial(`127.0.0.1:${two.port}`)
    await until(() => two.connectedPeers().length === 1)
    one.setMembers([addressOf(two)])
    two.setMembers([addressOf(one)])
    for (const mesh of [one, two]) mesh.setClusterKeys([B, A])
    expect([one.hasCurrentKey(two.peerId), one.counters().connectionsOpened]).toEqual([true, 1])
    for (const mesh of [one, two]) mesh.setClusterKeys([B])
    expect(one.hasCurrentKey(two.peerId)).toBe(false)
    await until(() => [one.counters(), two.counters()].every(({ connections, connectionsClosed }) => connections === 1 && connectionsClosed >= 1))
    expect([one.hasCurrentKey(two.peerId), two.hasCurrentKey(one.peerId), closed]).toEqual([true, true, []])
    await one.ping(two.peerId)
  })

  it('lets what runs on an old connection end, and cuts it at the deadline', async () => {
    const clock = createTurnableClock()
    const [one, two] = [await rig.mesh({ clusterKeys: [A], clock }), await rig.mesh({ clusterKeys: [A], clock })]
    await two.handle('/test/1.0', (stream) => { stream.onBytes((bytes) => { stream.send(bytes) }) }, { inboundStreamsMax: 4 })
    await one.dial(`127.0.0.1:${two.port}`)
    await until(() => two.connectedPeers().length === 1)
    one.setMembers([addressOf(two)])
    two.setMembers([addressOf(one)])
    const stream = await one.open(two.peerId, '/test/1.0')
    let echoed = 0
    let ended = false
    stream.onBytes((bytes) => { echoed += bytes.length })
    stream.onClose(() => { ended = true })
    for (const mesh of [one, two]) mesh.setClusterKeys([B])
    clock.turn(REKEY_WAIT_MS)
    await until(() => one.hasCurrentKey(two.peerId) && two.hasCurrentKey(one.peerId))
    clock.turn(REKEY_DEADLINE_MS - REKEY_WAIT_MS - 60_000)
    stream.send(new Uint8Array(3))
    await until(() => echoed === 3)
    expect([ended, one.counters().connections]).toEqual([false, 2])
    clock.turn(60_000)
    await until(() => ended && one.counters().connections === 1)
    expect(one.hasCurrentKey(two.peerId)).toBe(true)
  })

  it('goes from no key to one, and refuses a ring that is none', async () => {
    const [one, two] = [await rig.mesh(), await rig.mesh()]
    for (const mesh of [one, two]) mesh.setClusterKeys([A])
    expect(() => { one.setClusterKeys([A, A]) }).toThrow(expect.objectContaining({ code: 'ERR_KEYRING_DAMAGED' }))
    expect(await one.dial(`127.0.0.1:${two.port}`)).toBe(two.peerId)
    const stock = await rig.mesh()
    await expect(stock.dial(`127.0.0.1:${two.port}`)).rejects.toMatchObject({ code: 'ERR_CLUSTER_KEY' })
  })
})

describe('strangers', () => {
  it.each<[string, string, Partial<MeshOptions>, Partial<MeshOptions>, string]>([
    ['another cluster label', 'cluster', { clusterKeys: [A], cluster: 'staging' }, { clusterKeys: [A] }, 'another cluster'],
    ['another cluster label and no key', 'cluster', { cluster: 'staging' }, {}, 'another cluster'],
    ['another key', 'key', { clusterKeys: [B] }, { clusterKeys: [A] }, 'holds no cluster key of this node'],
  ])('with %s are refused, counted and told why', async (_case, reason, theirs, ours, message) => {
    const warnings: string[] = []
    const to = await rig.mesh({ ...ours, log: { ...silentLog, warn: (_fields, text) => { warnings.push(text) } } })
    const from = await rig.mesh(theirs)
    for (let dial = 0; dial < 3; dial++) {
      await expect(from.dial(`127.0.0.1:${to.port}`)).rejects.toMatchObject({ code: 'ERR_CLUSTER_KEY', details: { reason }, message: expect.stringContaining(message) as string })
    }
    await until(() => to.counters().handshakesFailed === 3)
    expect(to.counters().refused).toEqual({ version: 0, cluster: 0, key: 0, denied: 0, junk: 0, [reason]: 3 })
    expect(warnings).toHaveLength(1)
    expect(to.connectedPeers()).toEqual([])
  })

  it('of another wire version are refused for that', async () => {
    const to = await rig.mesh({ clusterKeys: [A] })
    const socket = connect(to.port, '127.0.0.1')
    const line = (text: string): Buffer => Buffer.concat([Buffer.from([text.length + 1]), Buffer.from(`${text}\n`)])
    let received = ''
    socket.on('data', (bytes) => { received += bytes.toString('latin1') })
    socket.write(Buffer.concat([line('/multistream/1.0.0'), line(STRANGER_PROTOCOL), Buffer.from('2 reedbase 01234567\n')]))
    await until(() => received.endsWith('version\n'))
    socket.destroy()
    await until(() => to.counters().refused.version === 1)
  })

  it.each(['', 'no line at all', '1 reedbase', 'x reedbase 01234567\n', '1 UP/PER 01234567\n', `1 reedbase ${'0'.repeat(260)}\n`])('that say %j of themselves are junk', async (text) => {
    const to = await rig.mesh({ clusterKeys: [A], limits: { handshakeTimeoutMs: 300 } })
    const socket = connect(to.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const line = (content: string): Buffer => Buffer.concat([Buffer.from([content.length + 1]), Buffer.from(`${content}\n`)])
    socket.write(Buffer.concat([line('/multistream/1.0.0'), line(STRANGER_PROTOCOL), Buffer.from(text)]))
    await until(() => to.counters().handshakesFailed === 1)
    expect(to.counters().refused).toEqual({ version: 0, cluster: 0, key: 0, denied: 0, junk: 1 })
    socket.destroy()
  })
})

describe('dial', () => {
  it('says that nothing listens', async () => {
    const from = await rig.mesh()
    await expect(from.dial('127.0.0.1:1')).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('nothing listens there') as string })
  })

  it('says that another node answers', async () => {
    const [from, to, other] = await Promise.all([rig.mesh(), rig.mesh(), rig.mesh()])
    await expect(from.dial(`/ip4/127.0.0.1/tcp/${to.port}/p2p/${other.peerId}`)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('Another node answers') as string })
  })

  it('says that a name cannot be resolved', async () => {
    const from = await rig.mesh()
    await expect(from.dial('nowhere.invalid:7400')).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('name cannot be resolved') as string })
  })

  it('says that the address is its own', async () => {
    const from = await rig.mesh()
    await expect(from.dial(`127.0.0.1:${from.port}`)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', details: { self: true } })
  })

  it('gives up on a listener that never speaks', async () => {
    const server = createServer((socket) => { socket.on('error', () => undefined) })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    try {
      const from = await rig.mesh({ limits: { dialTimeoutMs: 300 } })
      const { port } = server.address() as AddressInfo
      await expect(from.dial(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('does not finish the handshake in time') as string })
    } finally {
      server.close()
    }
  })

  it('takes DNS names and IPv6', async () => {
    const from = await rig.mesh()
    const four = await rig.mesh()
    const six = await rig.mesh({ host: '::1' })
    expect(await from.dial(`localhost:${four.port}`)).toBe(four.peerId)
    expect(await from.dial(`[::1]:${six.port}`)).toBe(six.peerId)
  })

  it('ends with the caller\'s signal', async () => {
    const from = await rig.mesh()
    const reason = new Error('the caller left')
    await expect(from.dial('127.0.0.1:1', AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

describe('listening', () => {
  it('says that the port is taken', async () => {
    const first = await rig.mesh()
    await expect(rig.mesh({ port: first.port })).rejects.toMatchObject({ code: 'ERR_PORT_BUSY' })
  })

  it('says that the address is not of this host', async () => {
    await expect(rig.mesh({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'ERR_ADDRESS_UNAVAILABLE' })
  })

  it('announces what it is told to, with the port it got', async () => {
    const mesh = await rig.mesh({ announce: ['/dns4/db1.example.org/tcp/0'] })
    expect(mesh.multiaddrs()).toEqual([`/dns4/db1.example.org/tcp/${mesh.port}/p2p/${mesh.peerId}`])
  })
})
