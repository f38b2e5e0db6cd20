import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { PING_PROTOCOL } from '../../../src/adapters/libp2p/ping.ts'
import { createRig, createTurnableClock, until } from './rig.ts'

const rig = createRig()
const stops: Array<() => Promise<void>> = []

afterEach(async () => {
  await rig.stop()
  for (const stop of stops.splice(0)) await stop()
})

async function stockNode() {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    streamMuxers: [yamux()],
    connectionEncrypters: [noise()],
    connectionMonitor: { enabled: false },
    services: { ping: ping(), identify: identify() },
  })
  stops.push(async () => { await node.stop() })
  return node
}

describe('ping', () => {
  it('measures fractions of a millisecond on one stream, round after round', async () => {
    const [from, to] = await Promise.all([rig.mesh(), rig.mesh()])
    await from.dial(to.multiaddrs()[0] ?? '')
    const rttMs: number[] = []
    for (let i = 0; i < 50; i++) rttMs.push(await from.ping(to.peerId))
    expect(rttMs.every((value) => value > 0)).toBe(true)
    // Whole milliseconds, as the stock client gives them, would make every value an integer.
    expect(rttMs.every((value) => !Number.isInteger(value))).toBe(true)
    expect(new Set(rttMs).size).toBeGreaterThan(10)
    expect(to.counters().pingsAnswered).toBe(50)
    expect(from.counters().pings).toBe(50)
  })

  it('makes one round of pings asked for at once', async () => {
    const [from, to] = await Promise.all([rig.mesh(), rig.mesh()])
    await from.dial(to.multiaddrs()[0] ?? '')
    const answers = await Promise.all([from.ping(to.peerId), from.ping(to.peerId), from.ping(to.peerId)])
    expect(new Set(answers).size).toBe(1)
    expect(to.counters().pingsAnswered).toBe(1)
  })

  it('answers the stock client', async () => {
    const mesh = await rig.mesh()
    const node = await stockNode()
    const target = multiaddr(mesh.multiaddrs()[0] ?? '')
    for (let i = 0; i < 5; i++) expect(await node.services.ping.ping(target)).toBeGreaterThanOrEqual(0)
    await until(() => mesh.counters().pingsAnswered === 5)
    expect(mesh.counters().pingsAnswered).toBe(5)
  })

  it('is answered by the stock server, on one stream', async () => {
    const mesh = await rig.mesh()
    const node = await stockNode()
    const peerId = await mesh.dial(node.getMultiaddrs()[0]?.toString() ?? '')
    for (let i = 0; i < 5; i++) expect(await mesh.ping(peerId)).toBeGreaterThan(0)
    const streams = node.getConnections().flatMap((connection) => connection.streams).filter((stream) => stream.protocol === PING_PROTOCOL)
    expect(streams.length).toBe(1)
  })

  it('opens another stream when the other side has ended the one it had', async () => {
    const mesh = await rig.mesh()
    const node = await stockNode()
    const peerId = await mesh.dial(node.getMultiaddrs()[0]?.toString() ?? '')
    await mesh.ping(peerId)
    // As the stock server does after 10 s.
    for (const stream of node.getConnections().flatMap((connection) => connection.streams)) {
      if (stream.protocol === PING_PROTOCOL) stream.abort(new Error('Ping timed out'))
    }
    expect(await mesh.ping(peerId)).toBeGreaterThan(0)
    expect(mesh.counters().pingFailures).toBe(0)
  })

  it('fails after its timeout when there is no answer, and works again later', async () => {
    let mute = true
    const from = await rig.mesh({ limits: { pingTimeoutMs: 200 } })
    const node = await stockNode()
    await node.unhandle(PING_PROTOCOL)
    await node.handle(PING_PROTOCOL, (stream) => {
      stream.addEventListener('message', (event) => { if (!mute) stream.send(event.data) })
    })
    const peerId = await from.dial(node.getMultiaddrs()[0]?.toString() ?? '')
    await expect(from.ping(peerId)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE', message: expect.stringContaining('within 200 ms') as string })
    expect(from.counters().pingFailures).toBe(1)
    mute = false
    expect(await from.ping(peerId)).toBeGreaterThan(0)
  })

  it('refuses an echo of other bytes', async () => {
    const from = await rig.mesh()
    const node = await stockNode()
    await node.unhandle(PING_PROTOCOL)
    await node.handle(PING_PROTOCOL, (stream) => {
      stream.addEventListener('message', () => { stream.send(new Uint8Array(32)) })
    })
    const peerId = await from.dial(node.getMultiaddrs()[0]?.toString() ?? '')
    await expect(from.ping(peerId)).rejects.toMatchObject({ code: 'ERR_PROTOCOL' })
  })

  it('ends with the signal of its caller alone', async () => {
    const [from, to] = await Promise.all([rig.mesh(), rig.mesh()])
    await from.dial(to.multiaddrs()[0] ?? '')
    const controller = new AbortController()
    const left = from.ping(to.peerId, controller.signal)
    const stays = from.ping(to.peerId)
    controller.abort(new Error('the caller left'))
    await expect(left).rejects.toThrow('the caller left')
    expect(await stays).toBeGreaterThan(0)
  })

  it('says at once that a peer is unknown', async () => {
    const [from, to] = await Promise.all([rig.mesh(), rig.mesh()])
    await expect(from.ping(to.peerId)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
  })

  it('lets an answering stream go on which nothing was asked for a long time', async () => {
    const clock = createTurnableClock()
    const to = await rig.mesh({ clock, limits: { pingIdleMs: 120_000 } })
    const from = await rig.mesh()
    await from.dial(to.multiaddrs()[0] ?? '')
    await from.ping(to.peerId)
    clock.turn(121_000)
    await until(() => to.counters().streamResets === 1)
    // The asker opens another.
    expect(await from.ping(to.peerId)).toBeGreaterThan(0)
    expect(to.counters().pingsAnswered).toBe(2)
  })
})
