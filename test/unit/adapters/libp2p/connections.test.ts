import type { Connection } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { ConnectionTable, preferredConnection } from '../../../../src/adapters/libp2p/connections.ts'
import type { ConnectionEvent } from '../../../../src/adapters/libp2p/connections.ts'
import { createCounters } from '../../../../src/adapters/libp2p/counters.ts'
import { createVirtualClock } from './virtual-clock.ts'

describe('the connection to keep', () => {
  it('is the one that the smaller PeerId dialled, at both ends', () => {
    // The same two connections, seen from the smaller (dialled the first) and from the larger (dialled the second).
    expect(preferredConnection(true, [{ dialledHere: true, openedMs: 10 }, { dialledHere: false, openedMs: 12 }])).toBe(0)
    expect(preferredConnection(false, [{ dialledHere: false, openedMs: 11 }, { dialledHere: true, openedMs: 9 }])).toBe(0)
  })

  it('is the newer one when the other is a leftover', () => {
    expect(preferredConnection(true, [{ dialledHere: true, openedMs: 0 }, { dialledHere: false, openedMs: 60_000 }])).toBe(1)
  })

  it('is the newer of two that the same side dialled', () => {
    expect(preferredConnection(true, [{ dialledHere: true, openedMs: 0 }, { dialledHere: true, openedMs: 1 }])).toBe(1)
    expect(preferredConnection(true, [{ dialledHere: false, openedMs: 0 }, { dialledHere: false, openedMs: 1 }])).toBe(1)
  })
})

interface FakeConnection {
  status: string
  direction: string
  streams: Array<{ protocol: string }>
  closed: number
  remotePeer: { toString(): string }
  close(): Promise<void>
  abort(): void
}

function setUp(self = 'a') {
  const clock = createVirtualClock()
  const counters = createCounters()
  const events: ConnectionEvent[] = []
  const survivors: unknown[] = []
  const carrying = new Set<unknown>()
  const table = new ConnectionTable({
    self,
    clock,
    counters,
    onEvent: (event) => { events.push(event) },
    onDuplicateClosed: (survivor) => { survivors.push(survivor) },
    isSystemProtocol: (protocol) => protocol.startsWith('/system/'),
    isRetiring: () => false,
    isCarrying: (connection) => carrying.has(connection),
  })
  const connect = (peerId: string, direction: 'inbound' | 'outbound', protocols: string[] = []): FakeConnection => {
    const connection: FakeConnection = {
      status: 'open',
      direction,
      streams: protocols.map((protocol) => ({ protocol })),
      closed: 0,
      remotePeer: { toString: () => peerId },
      close: async () => {
        connection.closed += 1
        connection.status = 'closed'
        table.handleClosed(connection as unknown as Connection)
      },
      abort: () => undefined,
    }
    table.handleOpened(connection as unknown as Connection)
    return connection
  }
  return { carrying, clock, counters, events, survivors, table, connect }
}

describe('the connection table', () => {
  it('tells of the first connection to a peer and the end of the last', async () => {
    const { counters, events, table, connect } = setUp()
    const first = connect('b', 'outbound')
    const second = connect('b', 'inbound')
    await first.close()
    expect(events).toEqual([{ peerId: 'b', kind: 'opened', clean: true }])
    await second.close()
    expect(events[1]).toEqual({ peerId: 'b', kind: 'closed', clean: false })
    expect(table.peers).toEqual([])
    expect(counters).toMatchObject({ connections: 0, connectionsOpened: 2, connectionsClosed: 2, connectionsBroken: 1 })
  })

  it('believes a goodbye for a while only', async () => {
    const { clock, events, table, connect } = setUp()
    const soon = connect('b', 'inbound')
    table.handleGoodbye('b')
    await clock.advance(9_000)
    await soon.close()
    const late = connect('c', 'inbound')
    table.handleGoodbye('c')
    await clock.advance(11_000)
    await late.close()
    expect(events.filter((event) => event.kind === 'closed').map((event) => event.clean)).toEqual([true, false])
  })

  it('closes a duplicate after a grace and names the survivor', async () => {
    const { clock, survivors, table, connect } = setUp('a')
    const ours = connect('b', 'outbound')
    const theirs = connect('b', 'inbound')
    expect(table.best('b')).toBe(ours)
    await clock.advance(499)
    expect(theirs.closed).toBe(0)
    await clock.advance(1)
    expect([ours.closed, theirs.closed]).toEqual([0, 1])
    expect(survivors).toEqual([ours])
    expect(clock.armed).toBe(0)
  })

  it('gives a duplicate in use more time, but not for ever', async () => {
    const { clock, connect } = setUp('b')
    const ours = connect('a', 'outbound', ['/reedbase/query/1.0'])
    connect('a', 'inbound')
    await clock.advance(5_000)
    expect(ours.closed).toBe(0)
    await clock.advance(10_000)
    expect(ours.closed).toBe(1)
  })

  it('does not take system streams for use', async () => {
    const { clock, connect, table } = setUp('b')
    const ours = connect('a', 'outbound', ['/system/ping', ''])
    connect('a', 'inbound', ['/reedbase/query/1.0'])
    await clock.advance(500)
    expect(ours.closed).toBe(1)
    await clock.advance(100_000)
    expect(table.idlePeers(60_000)).toEqual([])
  })

  it('knows who has been idle', async () => {
    const { clock, connect, table, carrying } = setUp()
    const used = connect('b', 'inbound', ['/reedbase/query/1.0'])
    connect('c', 'inbound', ['/system/gossip'])
    await clock.advance(60_000)
    expect(table.idlePeers(60_000)).toEqual(['c'])
    used.streams = []
    carrying.add(used)
    await clock.advance(60_000)
    expect(table.idlePeers(60_000)).toEqual(['c'])
    carrying.clear()
    await clock.advance(59_000)
    expect(table.idlePeers(60_000)).toEqual(['c'])
    await clock.advance(1_000)
    expect(table.idlePeers(60_000)).toEqual(['b', 'c'])
  })
})
