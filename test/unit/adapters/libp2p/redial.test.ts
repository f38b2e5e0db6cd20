import { describe, expect, it } from 'vitest'
import { choosePeers } from '../../../../src/adapters/libp2p/choose-peers.ts'
import { backoffMs, Redial } from '../../../../src/adapters/libp2p/redial.ts'
import { createRandom } from '../../../../src/core/time/random.ts'
import type { Log } from '../../../../src/ports/log.ts'
import { createVirtualClock } from './virtual-clock.ts'

const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => log }

function peer(peerId: string, port = 1) {
  return { peerId, multiaddrs: [`/ip4/127.0.0.1/tcp/${port}`] }
}

function setUp(options: { self?: string; connectionsMax?: number } = {}) {
  const clock = createVirtualClock()
  const connected = new Set<string>()
  const dials: Array<{ atMs: number; peerId: string; address: string }> = []
  let outcome: (peerId: string) => Promise<void> = () => Promise.reject(new Error('refused'))
  const redial = new Redial({
    self: options.self ?? 'a',
    clock,
    random: createRandom(7),
    log,
    connectionsMax: options.connectionsMax ?? 64,
    baseMs: 500,
    maxMs: 30_000,
    isConnected: (peerId) => connected.has(peerId),
    dial: (target) => {
      dials.push({ atMs: clock.nowMs(), peerId: target.peerId, address: target.multiaddrs[0] ?? '' })
      return outcome(target.peerId)
    },
  })
  return { clock, connected, dials, redial, onDial: (handler: typeof outcome) => { outcome = handler } }
}

describe('redial', () => {
  it('waits longer after each failure, up to its bound, for ever', async () => {
    const { clock, dials, redial } = setUp()
    redial.setMembers([peer('b')])
    await clock.advance(600_000)
    const waits = dials.slice(1).map((dial, index) => dial.atMs - (dials[index]?.atMs ?? 0))
    for (const [index, waitMs] of waits.entries()) {
      const ceilingMs = Math.min(30_000, 500 * 2 ** index)
      expect(waitMs).toBeGreaterThanOrEqual(ceilingMs / 2)
      expect(waitMs).toBeLessThanOrEqual(ceilingMs)
    }
    expect(waits.length).toBeGreaterThan(20)
    expect(new Set(waits.slice(8)).size).toBeGreaterThan(5)
  })

  it('dials at once from the smaller PeerId and later from the larger', async () => {
    const smaller = setUp({ self: 'a' })
    const larger = setUp({ self: 'b' })
    smaller.redial.setMembers([peer('b')])
    larger.redial.setMembers([peer('a')])
    await smaller.clock.advance(0)
    await larger.clock.advance(249)
    expect(smaller.dials.length).toBe(1)
    expect(larger.dials.length).toBe(0)
    await larger.clock.advance(501)
    expect(larger.dials.length).toBe(1)
  })

  it('spreads the first dials where there are many members', async () => {
    const { clock, dials, redial } = setUp({ self: 'a' })
    const members = Array.from({ length: 16 }, (_, index) => peer(`b${String.fromCharCode(97 + index)}`))
    redial.setMembers(members)
    await clock.advance(100)
    expect(dials.length).toBeLessThan(members.length)
    await clock.advance(300)
    expect(new Set(dials.map(({ peerId }) => peerId)).size).toBe(members.length)
    expect(new Set(dials.slice(0, members.length).map(({ atMs }) => atMs)).size).toBeGreaterThan(8)
  })

  it('rests while connected and starts over when the connection ends', async () => {
    const { clock, connected, dials, redial, onDial } = setUp()
    onDial(async (peerId) => {
      connected.add(peerId)
      redial.handleOpened(peerId)
    })
    redial.setMembers([peer('b')])
    await clock.advance(100_000)
    expect(dials.length).toBe(1)
    connected.delete('b')
    redial.handleClosed('b')
    await clock.advance(500)
    expect(dials.length).toBe(2)
  })

  it('starts over at once when a member tells of a new address', async () => {
    const { clock, dials, redial } = setUp()
    redial.setMembers([peer('b', 1)])
    await clock.advance(200_000)
    const before = dials.length
    redial.setMembers([peer('b', 2)])
    await clock.advance(0)
    expect(dials.slice(before)).toEqual([{ atMs: 200_000, peerId: 'b', address: '/ip4/127.0.0.1/tcp/2' }])
  })

  it('lets go of who is no member any more', async () => {
    const { clock, dials, redial } = setUp()
    redial.setMembers([peer('b')])
    await clock.advance(10_000)
    redial.setMembers([])
    const before = dials.length
    await clock.advance(600_000)
    expect(dials.length).toBe(before)
    expect(clock.armed).toBe(0)
    expect(redial.addresses('b')).toBeNull()
  })

  it('has a bounded number of dials under way', async () => {
    const { clock, dials, redial, onDial } = setUp()
    onDial(() => new Promise(() => undefined))
    redial.setMembers(Array.from({ length: 60 }, (_, i) => peer(`b${i}`)))
    await clock.advance(60_000)
    expect(dials.length).toBe(16)
  })

  it('leaves no timer behind', async () => {
    const { clock, dials, redial } = setUp()
    redial.setMembers([peer('b'), peer('c')])
    await clock.advance(10_000)
    redial.stop()
    redial.setMembers([peer('d')])
    redial.handleClosed('b')
    const before = dials.length
    await clock.advance(100_000)
    expect(dials.length).toBe(before)
    expect(clock.armed).toBe(0)
  })
})

describe('backoff', () => {
  it('stays finite after any number of failures', () => {
    expect(backoffMs(1e9, { baseMs: 500, maxMs: 30_000, random: () => 0.999_999 })).toBeLessThanOrEqual(30_000)
  })
})

describe('the choice of peers', () => {
  const members = Array.from({ length: 200 }, (_, i) => `peer-${String((i * 7919) % 1000).padStart(4, '0')}`)

  it('is everyone else when there is room', () => {
    expect(choosePeers('a', ['c', 'a', 'b', 'b'], 5)).toEqual(['b', 'c'])
  })

  it('connects all members when there is not', () => {
    const chosen = new Map(members.map((member) => [member, choosePeers(member, members, 8)]))
    for (const [member, peers] of chosen) {
      expect(new Set(peers).size).toBe(8)
      expect(peers).not.toContain(member)
    }
    const reached = new Set([members[0] as string])
    let hops = 0
    for (let edge = [...reached]; edge.length > 0; hops++) {
      edge = edge.flatMap((member) => chosen.get(member) ?? []).filter((member) => !reached.has(member) && reached.add(member))
    }
    expect(reached.size).toBe(200)
    expect(hops).toBeLessThan(20)
  })

  it('is mutual and does not depend on the order of the list', () => {
    const reversed = [...members].reverse()
    for (const member of members) {
      const chosen = choosePeers(member, members, 12)
      expect(choosePeers(member, reversed, 12)).toEqual(chosen)
      for (const other of chosen) expect(choosePeers(other, members, 12)).toContain(member)
    }
  })
})
