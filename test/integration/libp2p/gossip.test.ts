import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import type { Mesh } from '../../../src/adapters/libp2p/mesh.ts'
import { createGossipService, GOSSIP_PROTOCOL_PREFIX, GOSSIP_TOPICS } from '../../../src/adapters/libp2p/gossip.ts'
import type { GossipVerdict } from '../../../src/adapters/libp2p/gossip.ts'
import { createRig, createTurnableClock, until } from './rig.ts'

const rig = createRig()

afterEach(() => rig.stop())

interface Heard {
  readonly topic: string
  readonly from: string
  readonly text: string
}

function listen(mesh: Mesh, judge: (text: string) => GossipVerdict = () => 'accept'): Heard[] {
  const heard: Heard[] = []
  mesh.onGossip((topic, from, bytes) => {
    const text = Buffer.from(bytes).toString()
    heard.push({ topic, from, text })
    return judge(text)
  })
  return heard
}

/** A line of three: what the last one hears of the first has passed the one between. */
async function line(judge?: (text: string) => GossipVerdict): Promise<{ first: Mesh; middle: Mesh; atMiddle: Heard[]; atLast: Heard[] }> {
  const [first, middle, last] = await Promise.all([rig.mesh(), rig.mesh(), rig.mesh()])
  const atMiddle = listen(middle, judge)
  const atLast = listen(last)
  await first.dial(middle.multiaddrs()[0] ?? '')
  await last.dial(middle.multiaddrs()[0] ?? '')
  await publishUntil(first, 'ready', () => atLast.some((message) => message.text.startsWith('ready')))
  return { first, middle, atMiddle, atLast }
}

async function publishUntil(mesh: Mesh, text: string, condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    await mesh.publish('load', Buffer.from(`${text} ${i}`))
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
}

describe('gossip', () => {
  it('passes messages on, under the name of who signed them', async () => {
    const { first, atLast } = await line()
    await first.publish('members', Buffer.from('news'))
    await publishUntil(first, 'after', () => atLast.some((message) => message.text === 'news'))
    expect(atLast.filter((message) => message.text === 'news')).toEqual([{ topic: 'members', from: first.peerId, text: 'news' }])
  })

  it('counts what could not be published', async () => {
    const { first } = await line()
    const { gossipPublished } = first.counters()
    await expect(first.publish('members', new Uint8Array(1 << 20))).rejects.toThrow('exceeds the limit')
    expect(first.counters()).toMatchObject({ gossipPublished, gossipPublishFailures: 1 })
  })

  it.each(['reject', 'ignore'] as const)('does not pass on what a node between decides to %s', async (verdict) => {
    const { first, middle, atMiddle, atLast } = await line((text) => text === 'bad' ? verdict : 'accept')
    await first.publish('load', Buffer.from('bad'))
    await publishUntil(first, 'good', () => atLast.some((message) => message.text.startsWith('good')))
    expect(atMiddle.some((message) => message.text === 'bad')).toBe(true)
    expect(atLast.some((message) => message.text === 'bad')).toBe(false)
    const counters = middle.counters()
    expect(verdict === 'reject' ? counters.gossipRejected : counters.gossipIgnored).toBe(1)
  })

  it('publishes to nobody without complaint', async () => {
    const alone = await rig.mesh()
    await alone.publish('members', Buffer.from('anyone?'))
    await alone.publish('members', Buffer.from('anyone?'))
    expect(alone.counters().gossipPublished).toBe(2)
  })

  it('refuses to publish more than the limit', async () => {
    const alone = await rig.mesh({ limits: { gossipBytesMax: 100 } })
    await expect(alone.publish('load', new Uint8Array(101))).rejects.toBeInstanceOf(RangeError)
  })

  it('rejects from others what exceeds the limit', async () => {
    const [small, large] = await Promise.all([rig.mesh({ limits: { gossipBytesMax: 100 } }), rig.mesh()])
    const heard = listen(small)
    await large.dial(small.multiaddrs()[0] ?? '')
    await publishUntil(large, 'ready', () => heard.length > 0)
    await large.publish('load', new Uint8Array(101))
    await publishUntil(large, 'after', () => small.counters().gossipRejected > 0)
    expect(small.counters().gossipRejected).toBe(1)
    expect(heard.every((message) => message.text.length < 100)).toBe(true)
  })

  it('gets its stream back after the peer has reset it', async () => {
    const clock = createTurnableClock()
    const mesh = await rig.mesh({ clock })
    const node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      streamMuxers: [yamux()],
      connectionEncrypters: [noise()],
      connectionMonitor: { enabled: false },
      services: { identify: identify(), gossip: createGossipService() },
    })
    try {
      const inbound = () => node.getConnections().flatMap((connection) => connection.streams)
        .filter((stream) => stream.direction === 'inbound' && stream.protocol.startsWith(GOSSIP_PROTOCOL_PREFIX))
      mesh.setMembers([{ peerId: node.peerId.toString(), multiaddrs: node.getMultiaddrs().map(String) }])
      await until(() => node.services.gossip.getSubscribers(GOSSIP_TOPICS.load).length === 1)
      for (const stream of inbound()) stream.abort(new Error('too slow'))
      await until(() => mesh.connectedPeers().length === 1 && inbound().length === 0)
      // The node speaks no ping: its refusal comes after the reset, on the same connection.
      await expect(mesh.ping(node.peerId.toString())).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
      clock.turn(6_000)
      await until(() => inbound().length === 1)
    } finally {
      await node.stop()
    }
  })

  it('tells a stopped mesh apart', async () => {
    const mesh = await rig.mesh()
    await mesh.stop()
    await expect(mesh.publish('load', new Uint8Array(1))).rejects.toMatchObject({ code: 'ERR_NODE_STOPPED' })
  })
})
