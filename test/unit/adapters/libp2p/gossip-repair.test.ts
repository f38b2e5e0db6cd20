import type { Connection } from '@libp2p/interface'
import { describe, expect, it } from 'vitest'
import { GossipRepair } from '../../../../src/adapters/libp2p/gossip-repair.ts'
import { createVirtualClock } from './virtual-clock.ts'

const gossiping = { streams: [{ direction: 'outbound', status: 'open', protocol: '/meshsub/1.2.0' }] } as unknown as Connection
const silent = { streams: [{ direction: 'inbound', status: 'open', protocol: '/meshsub/1.2.0' }, { direction: 'outbound', status: 'reset', protocol: '/meshsub/1.2.0' }] } as unknown as Connection

function setUp() {
  const clock = createVirtualClock()
  const done: string[] = []
  const state = { connection: silent }
  const repair = new GossipRepair({
    clock,
    connections: () => [state.connection],
    announce: (peerId) => { done.push(`announce ${peerId} at ${clock.nowMs()}`) },
    reconnect: (peerId) => { done.push(`reconnect ${peerId} at ${clock.nowMs()}`) },
  })
  const lookFor = async (forMs: number, isMember = true): Promise<void> => {
    for (let atMs = 0; atMs < forMs; atMs += 5_000) {
      repair.look(['b'], () => isMember)
      await clock.advance(5_000)
    }
  }
  return { done, state, lookFor }
}

describe('gossip repair', () => {
  it('announces first, then reconnects, ever more seldom', async () => {
    const { done, lookFor } = setUp()
    await lookFor(215_000)
    expect(done).toEqual(['announce b at 0', 'reconnect b at 30000', 'reconnect b at 90000', 'reconnect b at 210000'])
  })

  it('starts over once gossip has come back', async () => {
    const { done, state, lookFor } = setUp()
    await lookFor(35_000)
    state.connection = gossiping
    await lookFor(60_000)
    state.connection = silent
    await lookFor(5_000)
    expect(done).toEqual(['announce b at 0', 'reconnect b at 30000', 'announce b at 95000'])
  })

  it('leaves alone who is no member', async () => {
    const { done, lookFor } = setUp()
    await lookFor(60_000, false)
    expect(done).toEqual([])
  })
})
