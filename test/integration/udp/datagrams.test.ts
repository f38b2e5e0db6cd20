import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openDatagrams } from '../../../src/adapters/udp/datagrams.ts'
import type { DatagramPeer, Datagrams } from '../../../src/ports/datagrams.ts'
import { datagramsContract, describeEnd } from '../../contract/datagrams.ts'

const clusterKeys = [new Uint8Array(32).fill(7)]
/** Stands still, as a coarse clock does between two quick starts. */
const clock = { wallMs: () => 1_800_000_000_000 }

const closers: Array<() => Promise<void>> = []

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function openEnd(peerId: string, host = '127.0.0.1', keys: readonly Uint8Array[] = clusterKeys): Promise<Datagrams> {
  const datagrams = await openDatagrams({ host, port: 0, peerId, clusterKeys: keys, clock })
  closers.push(() => datagrams.close())
  return datagrams
}

function introduce(one: Datagrams, other: Datagrams): void {
  one.setPeer(describeEnd('other', other))
  other.setPeer(describeEnd('one', one))
}

function collect(datagrams: Datagrams): string[] {
  const heard: string[] = []
  datagrams.onReceive((from, payload) => {
    heard.push(`${from}: ${Buffer.from(payload).toString()}`)
    return true
  })
  return heard
}

const until = (condition: () => void): Promise<void> => vi.waitFor(condition, { timeout: 5000, interval: 2 })

/** A socket of a stranger, with which to receive and send raw bytes. */
async function openRaw(): Promise<{ socket: Socket; port: number; received: Buffer[]; send(bytes: Uint8Array, port: number): void }> {
  const socket = createSocket('udp4')
  const received: Buffer[] = []
  socket.on('message', (bytes) => { received.push(bytes) })
  await new Promise<void>((resolve) => { socket.bind({ address: '127.0.0.1', port: 0 }, resolve) })
  closers.push(() => new Promise((resolve) => { socket.close(resolve) }))
  return { socket, port: socket.address().port, received, send: (bytes, port) => { socket.send(bytes, port, '127.0.0.1') } }
}

/** Datagrams from `one` to `other`, caught on their way. */
async function catchDatagrams(one: Datagrams, other: DatagramPeer, payloads: readonly string[]): Promise<{ caught: Buffer[]; raw: Awaited<ReturnType<typeof openRaw>> }> {
  const raw = await openRaw()
  one.setPeer({ ...other, port: raw.port })
  for (const payload of payloads) one.send(other.peerId, Buffer.from(payload))
  await until(() => { expect(raw.received).toHaveLength(payloads.length) })
  return { caught: raw.received, raw }
}

datagramsContract('datagrams over UDP', (end) => openDatagrams({ host: '127.0.0.1', port: 0, ...end, clock }))

describe('the UDP socket', () => {
  it('refuses a busy port with ERR_PORT_BUSY, and names it', async () => {
    const { local } = await openEnd('one')
    await expect(openDatagrams({ host: '127.0.0.1', port: local.port, peerId: 'two', clusterKeys, clock })).rejects.toMatchObject({
      code: 'ERR_PORT_BUSY', message: `The UDP port of 127.0.0.1:${local.port} is taken.`,
    })
  })

  it('refuses an address that is not of this host with ERR_ADDRESS_UNAVAILABLE', async () => {
    // 192.0.2.0/24 is for documentation and belongs to nobody.
    await expect(openDatagrams({ host: '192.0.2.1', port: 0, peerId: 'one', clusterKeys, clock })).rejects.toMatchObject({ code: 'ERR_ADDRESS_UNAVAILABLE' })
  })

  it('gives each start of a process an epoch and a key of its own, although the clock stands still', async () => {
    const one = await openEnd('one')
    const two = await openEnd('two')
    expect(two.local.epoch).toBeGreaterThan(one.local.epoch)
    expect(two.local.publicKey).not.toEqual(one.local.publicKey)
  })

  it('delivers a datagram once, however often it arrives', async () => {
    const one = await openEnd('one')
    const other = await openEnd('other')
    introduce(one, other)
    const heard = collect(other)
    const { caught, raw } = await catchDatagrams(one, describeEnd('other', other), ['first', 'second'])
    const [first, second] = caught as [Buffer, Buffer]
    for (const bytes of [second, first, second, first, first]) raw.send(bytes, other.local.port)
    await until(() => { expect(other.counters().received).toBe(5) })
    expect(heard.toSorted()).toEqual(['one: first', 'one: second'])
    expect(other.counters().dropped.replayed).toBe(3)
  })

  it('believes the seal rather than the address it came from, and answers to the address of the record', async () => {
    const one = await openEnd('one')
    const other = await openEnd('other')
    introduce(one, other)
    const heardByOne = collect(one)
    const heard = collect(other)
    const { caught, raw } = await catchDatagrams(one, describeEnd('other', other), ['relayed'])
    raw.send(caught[0] as Buffer, other.local.port)
    await until(() => { expect(heard).toEqual(['one: relayed']) })
    other.send('one', Buffer.from('answer'))
    await until(() => { expect(heardByOne).toEqual(['other: answer']) })
    expect(raw.received).toHaveLength(1)
  })

  it('counts each kind of junk, and serves on', async () => {
    const one = await openEnd('one')
    const other = await openEnd('other')
    introduce(one, other)
    const heard = collect(other)
    const { caught, raw } = await catchDatagrams(one, describeEnd('other', other), ['genuine'])
    const genuine = caught[0] as Buffer
    const changed = (index: number): Buffer => {
      const bytes = Buffer.from(genuine)
      bytes[index] = (bytes[index] as number) ^ 1
      return bytes
    }
    const junk = [
      Buffer.from('hello'), Buffer.concat([genuine, Buffer.alloc(1400)]), changed(0), changed(1), changed(14), changed(20), changed(27),
      changed(32), changed(genuine.length - 1), genuine.subarray(0, -1),
    ]
    for (const bytes of junk) raw.send(bytes, other.local.port)
    raw.send(genuine, other.local.port)
    await until(() => { expect(heard).toEqual(['one: genuine']) })
    expect(other.counters().dropped).toEqual({
      truncated: 1, oversized: 1, version: 1, 'unknown-sender': 1, denied: 0, epoch: 2, replayed: 0, forged: 4, malformed: 0,
    })
  })

  it('counts what cannot be sent, and reaches nobody by a name or at port 0', async () => {
    const one = await openEnd('one')
    const { publicKey } = await openEnd('other').then(({ local }) => local)
    const unreachable = [{ host: 'localhost', port: 7400 }, { host: '127.0.0.1', port: 0 }, { host: '::1', port: 7400 }, { host: '255.255.255.255', port: 7400 }]
    unreachable.forEach((address, index) => {
      one.setPeer({ peerId: `p${index}`, publicKey, epoch: 1, ...address })
      one.send(`p${index}`, Buffer.from('x'))
    })
    await until(() => { expect(one.counters().sendErrors).toBe(unreachable.length) })
  })

  it('counts a peer whose key is a point of low order as a send error', async () => {
    const one = await openEnd('one')
    one.setPeer({ peerId: 'weak', host: '127.0.0.1', port: one.local.port, publicKey: new Uint8Array(32), epoch: 1 })
    one.send('weak', Buffer.from('x'))
    expect(one.counters()).toMatchObject({ sent: 0, sendErrors: 1 })
  })

  it.runIf(hasIpv6())('listens on IPv6, and reaches IPv4 from a socket for both', async () => {
    const one = await openEnd('one', '::1')
    const other = await openEnd('other', '::1')
    introduce(one, other)
    const heard = collect(other)
    one.send('other', Buffer.from('over IPv6'))
    await until(() => { expect(heard).toEqual(['one: over IPv6']) })

    const both = await openEnd('one', '::')
    const old = await openEnd('other')
    old.setPeer({ ...describeEnd('one', both), host: '127.0.0.1' })
    both.setPeer(describeEnd('other', old))
    const heardByBoth = collect(both)
    const heardByOld = collect(old)
    both.send('other', Buffer.from('hello IPv4'))
    await until(() => { expect(heardByOld).toEqual(['one: hello IPv4']) })
    old.send('one', Buffer.from('hello IPv6'))
    await until(() => { expect(heardByBoth).toEqual(['other: hello IPv6']) })
  })
})

describe('cluster keys that overlap', () => {
  const [newKey, oldKey, olderKey] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array]

  it.each([
    ['of which one side uses a key that the other lacks', [newKey, oldKey], [oldKey]],
    ['of which each side uses a key that the other lacks', [newKey, oldKey], [olderKey, oldKey]],
    ['of which only the last is in common', [newKey, oldKey], [olderKey, new Uint8Array(32).fill(4), new Uint8Array(32).fill(5), oldKey]],
  ])('carry the first payload already, %s', async (_what, ofOne, ofOther) => {
    const one = await openEnd('one', '127.0.0.1', ofOne)
    const other = await openEnd('other', '127.0.0.1', ofOther)
    introduce(one, other)
    const [heardByOne, heard] = [collect(one), collect(other)]
    one.send('other', Buffer.from('ping'))
    await until(() => { expect(heard).toEqual(['one: ping']) })
    other.send('one', Buffer.from('ack'))
    await until(() => { expect(heardByOne).toEqual(['other: ack']) })
    // The other has learned the key from the ping, and this end from the ack: no copies any more.
    expect([one.counters().sent, other.counters().sent]).toEqual([ofOne.length, 1])
    one.send('other', Buffer.from('again'))
    await until(() => { expect(heard).toEqual(['one: ping', 'one: again']) })
    expect(one.counters().sent).toBe(ofOne.length + 1)
  })

  it('lose nobody while each of three restarts to add the new key, to use it, and to remove the old one', async () => {
    const names = ['a', 'b', 'c']
    const ends = new Map<string, { datagrams: Datagrams; heard: string[] }>()
    const restart = async (name: string, keys: readonly Uint8Array[]): Promise<void> => {
      await ends.get(name)?.datagrams.close()
      const datagrams = await openEnd(name, '127.0.0.1', keys)
      ends.set(name, { datagrams, heard: collect(datagrams) })
      for (const [other, { datagrams: known }] of ends) {
        if (other === name) continue
        known.setPeer(describeEnd(name, datagrams))
        datagrams.setPeer(describeEnd(other, known))
      }
    }
    const allTalk = async (round: string): Promise<void> => {
      for (const { datagrams } of ends.values()) for (const to of names) if (ends.get(to)?.datagrams !== datagrams) datagrams.send(to, Buffer.from(round))
      await until(() => {
        for (const [name, { heard }] of ends) {
          expect(heard.filter((line) => line.endsWith(`: ${round}`)).toSorted()).toEqual(names.filter((from) => from !== name).map((from) => `${from}: ${round}`))
        }
      })
    }
    for (const name of names) await restart(name, [oldKey])
    for (const [step, keys] of [[oldKey, newKey], [newKey, oldKey], [newKey]].entries()) {
      for (const name of names) {
        await restart(name, keys)
        await allTalk(`${step} ${name}`)
      }
    }
  })
})

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1') ?? false)
}
