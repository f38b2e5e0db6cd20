/**
 * What every `Datagrams` promises, over sockets or in memory. An adapter's test calls `datagramsContract` with a function that opens an end;
 * ends opened by one `opener` must reach each other. Arrivals are waited for, and an absence is proved by a later arrival.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { DatagramPeer, Datagrams } from '../../src/ports/datagrams.ts'

export interface OpenEnd {
  readonly peerId: string
  /** The one in use first. */
  readonly clusterKeys: readonly Uint8Array[]
}

export function datagramsContract(what: string, open: (end: OpenEnd) => Promise<Datagrams>): void {
  const oneKey = new Uint8Array(32).fill(1)
  const otherKey = new Uint8Array(32).fill(2)
  const opened: Datagrams[] = []

  async function openEnd(peerId: string, clusterKeys: readonly Uint8Array[] = [oneKey]): Promise<End> {
    const datagrams = await open({ peerId, clusterKeys })
    opened.push(datagrams)
    const heard: string[] = []
    datagrams.onReceive((from, payload) => {
      const text = Buffer.from(payload).toString()
      heard.push(`${from}: ${text}`)
      return text !== 'nonsense'
    })
    return { peerId, datagrams, heard, record: describeEnd(peerId, datagrams) }
  }

  async function openPair(): Promise<[End, End]> {
    const pair: [End, End] = [await openEnd('one'), await openEnd('two')]
    introduce(...pair)
    return pair
  }

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((datagrams) => datagrams.close()))
  })

  describe(what, () => {
    it('carries payloads both ways and names their sender', async () => {
      const [one, two] = await openPair()
      one.datagrams.send('two', Buffer.from('ping'))
      await heard(two, ['one: ping'])
      two.datagrams.send('one', Buffer.from('ack'))
      await heard(one, ['two: ack'])
      expect(one.datagrams.counters()).toMatchObject({ sent: 1, received: 1, sendErrors: 0 })
      expect(two.datagrams.counters()).toMatchObject({ sent: 1, received: 1, sendErrors: 0 })
    })

    it('carries an empty payload and the longest one, and counts one that is longer as a send error', async () => {
      const [one, two] = await openPair()
      const longest = 'x'.repeat(one.datagrams.payloadBytesMax)
      one.datagrams.send('two', Buffer.from(`${longest}y`))
      one.datagrams.send('two', Buffer.from(''))
      one.datagrams.send('two', Buffer.from(longest))
      await heard(two, ['one: ', `one: ${longest}`])
      expect(one.datagrams.counters()).toMatchObject({ sent: 2, sendErrors: 1 })
    })

    it('counts what is sent to a stranger as a send error', async () => {
      const [one] = await openPair()
      one.datagrams.send('three', Buffer.from('ping'))
      expect(one.datagrams.counters()).toMatchObject({ sent: 0, sendErrors: 1 })
    })

    it('drops what a stranger sends', async () => {
      const [one, two] = await openPair()
      const three = await openEnd('three')
      three.datagrams.setPeer(two.record)
      three.datagrams.send('two', Buffer.from('let me in'))
      await dropped(two, 'unknown-sender', 1)
      one.datagrams.send('two', Buffer.from('still there?'))
      await heard(two, ['one: still there?'])
    })

    it('drops what a removed peer sends, and hears it again when it is set again', async () => {
      const [one, two] = await openPair()
      one.datagrams.send('two', Buffer.from('before'))
      await heard(two, ['one: before'])
      two.datagrams.removePeer('one')
      one.datagrams.send('two', Buffer.from('meanwhile'))
      await dropped(two, 'unknown-sender', 1)
      two.datagrams.setPeer(one.record)
      one.datagrams.send('two', Buffer.from('after'))
      await heard(two, ['one: before', 'one: after'])
    })

    it('drops what belongs to another start of either side, until the new start is known', async () => {
      const [one, two] = await openPair()
      await one.datagrams.close()
      const restarted = await openEnd('one')
      expect(restarted.record.epoch).not.toBe(one.record.epoch)
      restarted.datagrams.setPeer(two.record)
      restarted.datagrams.send('two', Buffer.from('I am new'))
      await dropped(two, 'epoch', 1)
      two.datagrams.setPeer(restarted.record)
      restarted.datagrams.send('two', Buffer.from('and now?'))
      await heard(two, ['one: and now?'])
      restarted.datagrams.setPeer({ ...two.record, epoch: two.record.epoch + 1 })
      restarted.datagrams.send('two', Buffer.from('to a later start'))
      await dropped(two, 'epoch', 2)
    })

    it('follows a peer to another address', async () => {
      const [one, two] = await openPair()
      const elsewhere = await openEnd('elsewhere')
      one.datagrams.setPeer({ ...two.record, port: elsewhere.record.port })
      one.datagrams.send('two', Buffer.from('lost'))
      await dropped(elsewhere, 'unknown-sender', 1)
      one.datagrams.setPeer(two.record)
      one.datagrams.send('two', Buffer.from('found'))
      await heard(two, ['one: found'])
    })

    it('counts a payload that the handler refuses as malformed', async () => {
      const [one, two] = await openPair()
      one.datagrams.send('two', Buffer.from('nonsense'))
      await dropped(two, 'malformed', 1)
    })

    it('drops as forged what was sealed without a common cluster key', async () => {
      const one = await openEnd('one', [oneKey])
      const two = await openEnd('two', [otherKey])
      introduce(one, two)
      one.datagrams.send('two', Buffer.from('hello'))
      await dropped(two, 'forged', 1)
      expect(two.heard).toEqual([])
    })

    it('bridges a rotation: each side may use another key as long as both hold both', async () => {
      const one = await openEnd('one', [oneKey, otherKey])
      const two = await openEnd('two', [otherKey, oneKey])
      introduce(one, two)
      one.datagrams.send('two', Buffer.from('old key'))
      await heard(two, ['one: old key'])
      two.datagrams.send('one', Buffer.from('new key'))
      await heard(one, ['two: new key'])
    })

    it('takes another keyring while it is open', async () => {
      const [one, two] = await openPair()
      two.datagrams.setClusterKeys([oneKey, otherKey])
      one.datagrams.setClusterKeys([otherKey])
      one.datagrams.send('two', Buffer.from('under the new key'))
      await heard(two, ['one: under the new key'])
      two.datagrams.setClusterKeys([oneKey])
      one.datagrams.send('two', Buffer.from('under a removed key'))
      await vi.waitFor(() => { expect(two.datagrams.counters().dropped.forged).toBeGreaterThan(0) })
      expect(two.heard).toEqual(['one: under the new key'])
    })

    it('neither hears nor sends to a peer that is denied, for as long as it is', async () => {
      const [one, two] = [await openEnd('one'), await openEnd('two')]
      two.datagrams.setAllowed((peerId) => peerId !== 'one')
      introduce(one, two)
      one.datagrams.send('two', Buffer.from('unheard'))
      await vi.waitFor(() => { expect(two.datagrams.counters().dropped.denied).toBe(1) })
      two.datagrams.send('one', Buffer.from('unsent'))
      expect(two.datagrams.counters()).toMatchObject({ sent: 0, sendErrors: 0, sendsDenied: 1 })
      // Forgotten and learned again, it is denied all the same.
      two.datagrams.removePeer('one')
      two.datagrams.setPeer(one.record)
      one.datagrams.send('two', Buffer.from('unheard'))
      await vi.waitFor(() => { expect(two.datagrams.counters().dropped.denied).toBe(2) })
      two.datagrams.setAllowed(() => true)
      one.datagrams.send('two', Buffer.from('heard again'))
      await heard(two, ['one: heard again'])
      expect(one.heard).toEqual([])
    })

    it('does without a cluster key when neither side has one', async () => {
      const one = await openEnd('one', [])
      const two = await openEnd('two', [])
      introduce(one, two)
      one.datagrams.send('two', Buffer.from('open'))
      await heard(two, ['one: open'])
    })

    it('closes more than once, and counts a send after that as an error', async () => {
      const [one] = await openPair()
      await one.datagrams.close()
      await one.datagrams.close()
      one.datagrams.send('two', Buffer.from('too late'))
      expect(one.datagrams.counters()).toMatchObject({ sent: 0, sendErrors: 1 })
    })
  })
}

interface End {
  readonly peerId: string
  readonly datagrams: Datagrams
  readonly heard: readonly string[]
  readonly record: DatagramPeer
}

export function describeEnd(peerId: string, { local }: Datagrams): DatagramPeer {
  return { peerId, host: local.host, port: local.port, publicKey: local.publicKey, epoch: local.epoch }
}

function introduce(one: End, other: End): void {
  one.datagrams.setPeer(other.record)
  other.datagrams.setPeer(one.record)
}

async function heard(end: End, expected: readonly string[]): Promise<void> {
  await vi.waitFor(() => { expect(end.heard).toEqual(expected) }, { timeout: 5000, interval: 2 })
}

async function dropped(end: End, drop: keyof ReturnType<Datagrams['counters']>['dropped'], count: number): Promise<void> {
  await vi.waitFor(() => { expect(end.datagrams.counters().dropped[drop]).toBe(count) }, { timeout: 5000, interval: 2 })
}
