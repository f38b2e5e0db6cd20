import { describe, expect, it } from 'vitest'
import { datagramBytesMax, headerBytes, payloadBytesMax, readCounter } from '../../../../src/adapters/udp/datagram-header.ts'
import { agree, createLocalKeys, deriveKeys, type DirectionKeys, type LocalKeys } from '../../../../src/adapters/udp/key-agreement.ts'
import { Sealing } from '../../../../src/adapters/udp/sealing.ts'
import type { DatagramPeer } from '../../../../src/ports/datagrams.ts'

const firstKey = new Uint8Array(32).fill(1)
const secondKey = new Uint8Array(32).fill(2)
const hello = Buffer.from('hello')

function describeStart({ peerId, publicKey, epoch }: LocalKeys): DatagramPeer {
  return { peerId, publicKey, epoch, host: '127.0.0.1', port: 7400 }
}

function createPair(keys: { readonly ofOne?: readonly Uint8Array[]; readonly ofTwo?: readonly Uint8Array[] } = {}) {
  const one = createLocalKeys({ peerId: 'one', epoch: 1_800_000_000_000 })
  const two = createLocalKeys({ peerId: 'two', epoch: 1_800_000_000_001 })
  const sender = new Sealing(one, { clusterKeys: keys.ofOne ?? [firstKey] })
  const receiver = new Sealing(two, { clusterKeys: keys.ofTwo ?? [firstKey] })
  sender.setPeer(describeStart(two))
  receiver.setPeer(describeStart(one))
  return { one: describeStart(one), two: describeStart(two), twoKeys: two, sender, receiver }
}

function seal(sealing: Sealing, peerId: string, payload: Uint8Array = hello): Buffer {
  const datagram = sealing.seal(peerId, payload)
  if (datagram === null) throw new Error('not sealed')
  return datagram
}

describe('Sealing', () => {
  it('adds 49 bytes, and fills a datagram of 1,400 with the longest payload', () => {
    const { sender } = createPair()
    expect(seal(sender, 'two').length).toBe(hello.length + 49)
    expect(payloadBytesMax).toBe(1351)
    expect(seal(sender, 'two', Buffer.alloc(payloadBytesMax)).length).toBe(datagramBytesMax)
    expect(sender.seal('two', Buffer.alloc(payloadBytesMax + 1))).toBeNull()
  })

  it('does not show the payload, nor the same bytes for the same payload', () => {
    const { sender } = createPair()
    const [first, second] = [seal(sender, 'two'), seal(sender, 'two')]
    expect(first.includes(hello)).toBe(false)
    expect(first.subarray(headerBytes).equals(second.subarray(headerBytes))).toBe(false)
  })

  it('refuses every change of a single bit', () => {
    const { sender, receiver } = createPair()
    const datagram = seal(sender, 'two')
    for (let bit = 0; bit < datagram.length * 8; bit++) {
      const changed = Buffer.from(datagram)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      if (receiver.open(changed).ok) expect.fail(`bit ${bit} does not matter`)
    }
    expect(receiver.open(datagram)).toEqual({ ok: true, from: 'one', payload: hello })
  })

  it('is not led to skip genuine datagrams by a forged one with a high counter', () => {
    const { sender, receiver } = createPair()
    const ahead = seal(sender, 'two')
    ahead[22] = 0x0f
    expect(receiver.open(ahead)).toEqual({ ok: false, drop: 'forged' })
    expect(receiver.open(seal(sender, 'two')).ok).toBe(true)
  })

  it('agrees on the same keys at both ends, other ones for each direction', () => {
    const one = createLocalKeys({ peerId: 'one', epoch: 1 })
    const two = createLocalKeys({ peerId: 'two', epoch: 2 })
    const derive = (local: LocalKeys, peer: LocalKeys): DirectionKeys => deriveKeys({ local, peer: describeStart(peer) }, agree(local.privateKey, peer.publicKey) ?? Buffer.alloc(0), firstKey, 'reedbase')
    const atOne = derive(one, two)
    const atTwo = derive(two, one)
    expect(atOne.send).toEqual(atTwo.receive)
    expect(atOne.receive).toEqual(atTwo.send)
    const all = [atOne.send.seal, atOne.send.guard, atOne.receive.seal, atOne.receive.guard].map((key) => key?.toString('hex'))
    expect(new Set(all).size).toBe(4)
  })

  it('refuses a datagram that is sent back to its sender', () => {
    const { sender } = createPair()
    expect(sender.open(seal(sender, 'two'))).toEqual({ ok: false, drop: 'unknown-sender' })
  })

  it('accepts nothing twice, even when the sender was forgotten and learned again meanwhile', () => {
    const { one, sender, receiver } = createPair()
    const datagram = seal(sender, 'two')
    expect(receiver.open(datagram).ok).toBe(true)
    expect(receiver.open(datagram)).toEqual({ ok: false, drop: 'replayed' })
    receiver.removePeer('one')
    receiver.setPeer(one)
    expect(receiver.open(datagram)).toEqual({ ok: false, drop: 'replayed' })
    receiver.setPeer({ ...one, epoch: one.epoch + 1 })
    receiver.setPeer(one)
    expect(receiver.open(datagram)).toEqual({ ok: false, drop: 'replayed' })
  })

  it('never uses a counter twice, even when it has forgotten that it knew the peer', () => {
    const one = createLocalKeys({ peerId: 'one', epoch: 1 })
    const two = describeStart(createLocalKeys({ peerId: 'two', epoch: 2 }))
    const sender = new Sealing(one, { clusterKeys: [firstKey], retiredMax: 0 })
    const counters = new Set<number>()
    for (let round = 0; round < 5; round++) {
      sender.setPeer(two)
      for (let i = 0; i < 3; i++) counters.add(readCounter(seal(sender, 'two')))
      sender.removePeer('two')
    }
    expect(counters.size).toBe(15)
  })

  it('keeps at most the peers it was told to', () => {
    const local = createLocalKeys({ peerId: 'one', epoch: 1 })
    const sealing = new Sealing(local, { clusterKeys: [firstKey], peersMax: 2 })
    for (const peerId of ['a', 'b', 'c']) sealing.setPeer({ ...describeStart(local), peerId })
    expect(sealing.peers).toBe(2)
    expect(sealing.seal('c', hello)).toBeNull()
    sealing.removePeer('a')
    sealing.setPeer({ ...describeStart(local), peerId: 'c' })
    expect(sealing.seal('c', hello)).not.toBeNull()
  })

  it.each([
    ['not 32 bytes', new Uint8Array(31)],
    ['a point of low order', new Uint8Array(32)],
  ])('neither seals for nor opens from a peer whose key is %s', (_what, publicKey) => {
    const { one, two, sender, receiver } = createPair()
    const datagram = seal(sender, 'two')
    sender.setPeer({ ...two, publicKey })
    expect(sender.seal('two', hello)).toBeNull()
    receiver.setPeer({ ...one, publicKey })
    expect(receiver.open(datagram)).toEqual({ ok: false, drop: 'forged' })
  })

  it('keeps out who has a signed record but not the cluster key', () => {
    const { sender, receiver } = createPair({ ofOne: [secondKey] })
    expect(receiver.open(seal(sender, 'two'))).toEqual({ ok: false, drop: 'forged' })
    const keyless = createPair({ ofOne: [] })
    expect(keyless.receiver.open(seal(keyless.sender, 'two'))).toEqual({ ok: false, drop: 'forged' })
  })

  it('opens with any key of the keyring, and seals with the first until it has learned which one the peer holds', () => {
    const { sender, receiver } = createPair({ ofOne: [secondKey], ofTwo: [firstKey, secondKey] })
    expect(sender.open(seal(receiver, 'one'))).toEqual({ ok: false, drop: 'forged' })
    expect(receiver.open(seal(sender, 'two')).ok).toBe(true)
    expect(sender.open(seal(receiver, 'one')).ok).toBe(true)
  })

  it('has other keys for each pair of starts', () => {
    const { one, sender, receiver, twoKeys } = createPair()
    const datagram = seal(sender, 'two')
    // The same epochs, so that only the keys differ.
    const restarted = new Sealing(createLocalKeys({ peerId: 'two', epoch: twoKeys.epoch }), { clusterKeys: [firstKey] })
    restarted.setPeer(one)
    expect(restarted.open(datagram)).toEqual({ ok: false, drop: 'forged' })
    expect(receiver.open(datagram).ok).toBe(true)
  })
})
