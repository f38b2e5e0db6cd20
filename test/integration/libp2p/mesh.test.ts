import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, describe, expect, it } from 'vitest'
import type { ConnectionEvent } from '../../../src/adapters/libp2p/connections.ts'
import type { Mesh } from '../../../src/adapters/libp2p/mesh.ts'
import { addressOf, createRig, createTurnableClock, until } from './rig.ts'

const rig = createRig()
const quick = { redialBaseMs: 20, redialMaxMs: 200 }

afterEach(() => rig.stop())

function eventsOf(mesh: Mesh): ConnectionEvent[] {
  const events: ConnectionEvent[] = []
  mesh.onConnection((event) => { events.push(event) })
  return events
}

/** A dial ends when the dialler is done with the handshake; the other side may need a moment more. */
async function join(dialler: Mesh, listener: Mesh): Promise<void> {
  await dialler.dial(listener.multiaddrs()[0] ?? '')
  await until(() => listener.connectedPeers().includes(dialler.peerId))
}

/** A cable that can be cut: what a crash or a broken network looks like from both ends. */
async function cable(port: number): Promise<{ address: string; cut(): void; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
    }
    near.pipe(far)
    far.pipe(near)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => { for (const socket of sockets) socket.destroy() },
    close: () => { server.close() },
  }
}

describe('connections', () => {
  it('are told of on both sides', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    const [atLeft, atRight] = [eventsOf(left), eventsOf(right)]
    await left.dial(right.multiaddrs()[0] ?? '')
    await until(() => atRight.length === 1)
    expect(atLeft).toEqual([{ peerId: right.peerId, kind: 'opened', clean: true }])
    expect(atRight).toEqual([{ peerId: left.peerId, kind: 'opened', clean: true }])
    expect(left.connectedPeers()).toEqual([right.peerId])
  })

  it('end with a goodbye when a node stops', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    await join(left, right)
    const atLeft = eventsOf(left)
    await right.stop()
    await until(() => atLeft.length === 1)
    expect(atLeft).toEqual([{ peerId: right.peerId, kind: 'closed', clean: true }])
    expect(left.counters().connectionsBroken).toBe(0)
  })

  it('end with a goodbye when a node hangs up', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    await join(left, right)
    const [atLeft, atRight] = [eventsOf(left), eventsOf(right)]
    await left.hangUp(right.peerId)
    await until(() => atLeft.length === 1 && atRight.length === 1)
    expect(atRight).toEqual([{ peerId: left.peerId, kind: 'closed', clean: true }])
    expect(atLeft).toEqual([{ peerId: right.peerId, kind: 'closed', clean: true }])
  })

  it('end without a goodbye when they are cut', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    const line = await cable(right.port)
    try {
      await left.dial(line.address)
      await left.ping(right.peerId)
      const [atLeft, atRight] = [eventsOf(left), eventsOf(right)]
      line.cut()
      await until(() => atLeft.length === 1 && atRight.length === 1)
      expect(atLeft).toEqual([{ peerId: right.peerId, kind: 'closed', clean: false }])
      expect(atRight).toEqual([{ peerId: left.peerId, kind: 'closed', clean: false }])
      expect(left.counters().connectionsBroken).toBe(1)
    } finally {
      line.close()
    }
  })

  it('break the streams on them with an error when they are cut', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    const line = await cable(right.port)
    try {
      const far = Promise.withResolvers<Error | null>()
      await right.handle('/test/1', (stream) => {
        stream.onBytes(() => undefined)
        stream.onClose(far.resolve)
      }, { inboundStreamsMax: 1 })
      await left.dial(line.address)
      const stream = await left.open(right.peerId, '/test/1')
      const near = new Promise<Error | null>((resolve) => { stream.onClose(resolve) })
      stream.onBytes(() => undefined)
      line.cut()
      expect(await near).toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
      expect(await far.promise).toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
    } finally {
      line.close()
    }
  })

  it('are one after both sides have dialled at once, and gossip goes on over it', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    const heard = new Set<Mesh>()
    for (const mesh of [left, right]) {
      mesh.onGossip(() => {
        heard.add(mesh)
        return 'accept'
      })
    }
    await Promise.all([left.dial(right.multiaddrs()[0] ?? ''), right.dial(left.multiaddrs()[0] ?? '')])
    await until(() => left.counters().connectionsOpened === 2 && right.counters().connectionsOpened === 2)
    const atLeft = eventsOf(left)
    await until(() => left.counters().connections === 1 && right.counters().connections === 1)
    expect(atLeft).toEqual([])
    expect(left.connectedPeers()).toEqual([right.peerId])
    heard.clear()
    await publishUntil(left, () => heard.has(right))
    await publishUntil(right, () => heard.has(left))
  })

  it('that are refused are told, with the member whose port it was', async () => {
    const [left, right] = await Promise.all([rig.mesh({ limits: quick }), rig.mesh()])
    await join(left, right)
    const atLeft = eventsOf(left)
    left.setMembers([{ peerId: right.peerId, multiaddrs: right.multiaddrs() }])
    await right.stop()
    await until(() => atLeft.some(({ peerId, kind }) => kind === 'refused' && peerId === right.peerId))
  })

  it('stay one when a connected peer is dialled again', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    await join(left, right)
    const atRight = eventsOf(right)
    for (const address of right.multiaddrs().concat(`127.0.0.1:${right.port}`, `localhost:${right.port}`)) {
      expect(await left.dial(address)).toBe(right.peerId)
    }
    await until(() => left.counters().connections === 1 && right.counters().connections === 1)
    expect(atRight).toEqual([])
    expect(await left.ping(right.peerId)).toBeGreaterThan(0)
  })

  it('are accepted from a dozen nodes at once', async () => {
    const hub = await rig.mesh()
    const others = await Promise.all(Array.from({ length: 12 }, () => rig.mesh()))
    expect(await Promise.all(others.map((other) => other.dial(`127.0.0.1:${hub.port}`)))).toEqual(others.map(() => hub.peerId))
    await until(() => hub.connectedPeers().length === 12)
  })

  it('are refused to who is not allowed, in both directions', async () => {
    const [left, right, banned] = await Promise.all([rig.mesh(), rig.mesh(), rig.mesh()])
    left.setAllowed((peerId) => peerId !== banned.peerId)
    await left.dial(`127.0.0.1:${right.port}`)
    await expect(left.dial(banned.multiaddrs()[0] ?? '')).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('not allowed') as string })
    // The dialler learns of the refusal during its handshake or just after it.
    await banned.dial(`127.0.0.1:${left.port}`).catch(() => undefined)
    await until(() => left.counters().denied >= 2 && banned.connectedPeers().length === 0)
    expect(left.connectedPeers()).toEqual([right.peerId])
  })

  it('to peers that are no members are hung up once idle, and only then', async () => {
    const clock = createTurnableClock()
    const hub = await rig.mesh({ clock })
    const [member, client, busy] = await Promise.all([rig.mesh(), rig.mesh(), rig.mesh()])
    await hub.handle('/test/1', (stream) => { stream.onBytes(() => undefined) }, { inboundStreamsMax: 1 })
    for (const other of [member, client, busy]) await other.dial(`127.0.0.1:${hub.port}`)
    const stream = await busy.open(hub.peerId, '/test/1')
    stream.onBytes(() => undefined)
    await until(() => hub.connectedPeers().length === 3)
    hub.setMembers([addressOf(member)])
    const events = eventsOf(client)
    clock.turn(10_000)
    clock.turn(301_000)
    await until(() => events.length === 1)
    expect(events).toEqual([{ peerId: hub.peerId, kind: 'closed', clean: true }])
    await until(() => hub.connectedPeers().length === 2)
    expect(hub.connectedPeers().sort()).toEqual([member.peerId, busy.peerId].sort())
  })
})

describe('a client', () => {
  it('dials and opens streams, but neither listens nor takes part in gossip', async () => {
    const [client, node] = [await rig.mesh({ client: true, clusterKeys: [new Uint8Array(32)] }), await rig.mesh({ clusterKeys: [new Uint8Array(32)] })]
    await node.onRequest('/test/1', 10, (from) => Buffer.from(from === client.peerId ? 'yes' : 'no'))
    await client.dial(`127.0.0.1:${node.port}`)
    expect(Buffer.from(await client.request(node.peerId, '/test/1', new Uint8Array(0), { timeoutMs: 1_000, responseBytesMax: 10 })).toString()).toBe('yes')
    expect(client.port).toBe(0)
    expect(client.multiaddrs()).toEqual([])
    await client.publish('load', new Uint8Array(1))
    expect(client.counters().gossipPublished).toBe(0)
  })
})

describe('members', () => {
  it('are connected, five of them, each to each', async () => {
    const meshes = await Promise.all(Array.from({ length: 5 }, () => rig.mesh({ limits: quick })))
    for (const mesh of meshes) mesh.setMembers(meshes.map(addressOf))
    await until(() => meshes.every((mesh) => mesh.connectedPeers().length === 4 && mesh.counters().connections === 4))
    const heard = new Map(meshes.map((mesh) => [mesh, new Set<string>()]))
    for (const [mesh, texts] of heard) {
      mesh.onGossip((_topic, _from, bytes) => {
        texts.add(Buffer.from(bytes).toString())
        return 'accept'
      })
    }
    const [first, ...others] = meshes as [Mesh, ...Mesh[]]
    await publishUntil(first, () => others.every((mesh) => (heard.get(mesh)?.size ?? 0) > 0))
  })

  it('are dialled again when one comes back on its port', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const left = await rig.mesh({ limits: quick })
    const right = await rig.mesh({ privateKey })
    left.setMembers([addressOf(right)])
    await until(() => left.connectedPeers().length === 1)
    const events = eventsOf(left)
    await right.stop()
    await until(() => left.connectedPeers().length === 0 && left.counters().dialFailures > 0)
    const again = await rig.mesh({ privateKey, port: right.port })
    await until(() => left.connectedPeers().length === 1)
    expect(again.peerId).toBe(right.peerId)
    expect(events.map((event) => event.kind).filter((kind) => kind !== 'refused')).toEqual(['closed', 'opened'])
  })

  it('are dialled at their new address when they move', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const left = await rig.mesh({ limits: { redialBaseMs: 10, redialMaxMs: 3_600_000 } })
    const right = await rig.mesh({ privateKey })
    left.setMembers([addressOf(right)])
    await until(() => left.connectedPeers().length === 1)
    await right.stop()
    const again = await rig.mesh({ privateKey })
    left.setMembers([addressOf(again)])
    await until(() => left.connectedPeers().length === 1)
  })

  it('are connected to no more than the limit, and opened to all the same', async () => {
    const hub = await rig.mesh({ limits: { ...quick, connectionsMax: 2 } })
    const others = await Promise.all(Array.from({ length: 4 }, () => rig.mesh()))
    for (const other of others) await other.handle('/test/1', (stream) => { stream.onBytes(() => undefined) }, { inboundStreamsMax: 1 })
    hub.setMembers(others.map(addressOf))
    await until(() => hub.connectedPeers().length === 2)
    expect(hub.counters().dials).toBe(2)
    const unconnected = others.find((other) => !hub.connectedPeers().includes(other.peerId))
    const stream = await hub.open(unconnected?.peerId ?? '', '/test/1')
    expect(stream.remote).toEqual({ kind: 'peer', peerId: unconnected?.peerId })
    stream.abort(new Error('enough'))
  })
})

describe('streams', () => {
  it('fail at once to a peer that nobody knows', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    await expect(left.open(right.peerId, '/test/1')).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
  })

  it('fail for a protocol that the peer does not speak', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    await left.dial(right.multiaddrs()[0] ?? '')
    await expect(left.open(right.peerId, '/test/1')).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('does not speak /test/1') as string })
  })

  it('are bounded for each protocol and peer', async () => {
    const [left, right] = await Promise.all([rig.mesh(), rig.mesh()])
    let accepted = 0
    await right.handle('/test/1', (stream) => {
      accepted += 1
      stream.onBytes(() => undefined)
    }, { inboundStreamsMax: 2 })
    await left.dial(right.multiaddrs()[0] ?? '')
    const ends: Array<Promise<Error | null>> = []
    for (let i = 0; i < 3; i++) {
      const stream = await left.open(right.peerId, '/test/1')
      stream.onBytes(() => undefined)
      ends.push(new Promise((resolve) => { stream.onClose(resolve) }))
    }
    expect(await ends[2]).toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
    expect(accepted).toBe(2)
  })

  it('end by themselves when the far side has ended and the owner does not notice', async () => {
    const clock = createTurnableClock()
    const [left, right] = [await rig.mesh(), await rig.mesh({ clock })]
    const far = Promise.withResolvers<Error | null>()
    const ended = Promise.withResolvers<void>()
    await right.handle('/test/1', (stream) => {
      stream.onBytes(() => { ended.resolve() })
      stream.onClose(far.resolve)
    }, { inboundStreamsMax: 1 })
    await left.dial(right.multiaddrs()[0] ?? '')
    const stream = await left.open(right.peerId, '/test/1')
    stream.onBytes(() => undefined)
    const near = new Promise<Error | null>((resolve) => { stream.onClose(resolve) })
    stream.send(new Uint8Array(1))
    await stream.close()
    await ended.promise
    // A round trip later the end has arrived as well.
    await left.ping(right.peerId)
    clock.turn(31_000)
    expect(await Promise.all([near, far.promise])).toEqual([null, null])
  })
})

/** gossipsub needs a moment to exchange subscriptions, so one message may find nobody. */
async function publishUntil(mesh: Mesh, condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    await mesh.publish('load', Buffer.from(`probe ${i}`))
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
}
