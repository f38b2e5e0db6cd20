import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../../../src/core/routing/options.ts'
import { nearest } from '../../../../../src/core/routing/strategies/nearest.ts'
import type { PeerView } from '../../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { peerView, strategyContract } from '../../../../contract/strategy.ts'

strategyContract(() => nearest, { isLoadAware: true })

const options = parseRoutingOptions()
const here = { nowMs: 0, site: { datacenter: '', rack: '' } }

/** Who is chosen over many draws. */
function chosen(peers: readonly PeerView[]): Set<string> {
  const random = createRandom(11)
  return new Set(Array.from({ length: 200 }, () => peers[nearest.rank(peers, { ...here, options, random, places: 1 }).order[0] as number]?.peerId ?? ''))
}

function withLatencies(latencies: Readonly<Record<string, number | null>>): PeerView[] {
  return Object.entries(latencies).map(([peerId, latencyMs]) => peerView({ peerId, latencyMs }))
}

/** The nearest one is so busy that whoever counts as equally near is taken instead of it. */
function withBusyNearest(latencies: Readonly<Record<string, number>>): PeerView[] {
  return Object.entries(latencies).map(([peerId, latencyMs]) => peerView({ peerId, latencyMs, inFlightThere: peerId === 'near' ? 100 : 0 }))
}

describe('nearest', () => {
  it('takes the nearest when nobody is as near', () => {
    expect(chosen(withLatencies({ far: 50, near: 10, middle: 12.1 }))).toEqual(new Set(['near']))
  })

  it('takes peers within 20 % for as near', () => {
    expect(chosen(withBusyNearest({ far: 50, near: 10, middle: 12 }))).toEqual(new Set(['middle']))
    expect(chosen(withBusyNearest({ far: 50, near: 10, middle: 12.1 }))).toEqual(new Set(['near']))
  })

  it('takes peers within 1 ms for as near, whatever the share', () => {
    expect(chosen(withBusyNearest({ near: 0.2, next: 1.2, far: 1.21 }))).toEqual(new Set(['next']))
  })

  it('takes the less busy of two near ones', () => {
    expect(chosen([peerView({ peerId: 'busy', inFlightThere: 3 }), peerView({ peerId: 'calm', inFlightFromHere: 1 })])).toEqual(new Set(['calm']))
  })

  it('takes the one that answers sooner of two near ones, and knows nothing of one that never did', () => {
    const answering = (peerId: string, peakEwmaMs: number | null, inFlightFromHere = 0): PeerView =>
      peerView({ peerId, inFlightFromHere, feedback: { peakEwmaMs, probe: null, ejectedForMs: 0, warmth: 1 } })
    expect(chosen([answering('slow', 2_000), answering('quick', 200, 5)])).toEqual(new Set(['quick']))
    // As many in flight as its answers are sooner.
    expect(chosen([answering('slow', 2_000), answering('quick', 200, 11)])).toEqual(new Set(['slow']))
    expect(chosen([answering('new', null), answering('slow', 2_000), answering('quick', 200, 5)])).toEqual(new Set(['new']))
    expect(chosen([answering('new', null, 1), answering('slow', 200)])).toEqual(new Set(['slow']))
  })

  it('takes for as near who is farther by little beside what the answers take, and never by much', () => {
    const busyNear = (latencyMs: number, peakEwmaMs: number): PeerView[] =>
      [{ peerId: 'near', latencyMs: 0.4, inFlightThere: 100 }, { peerId: 'other', latencyMs, inFlightThere: 0 }].map((peer) => peerView({ ...peer, feedback: { peakEwmaMs, probe: null, ejectedForMs: 0, warmth: 1 } }))
    expect(chosen(busyNear(20, 170))).toEqual(new Set(['other']))
    expect(chosen(busyNear(20, 90))).toEqual(new Set(['near']))
    expect(chosen(busyNear(21, 5_000))).toEqual(new Set(['near']))
  })

  it('never takes the busiest of several near ones', () => {
    const peers = [3, 2, 1, 0].map((inFlightThere) => peerView({ peerId: `with${inFlightThere}`, inFlightThere }))
    expect(chosen(peers)).toEqual(new Set(['with0', 'with1', 'with2']))
  })

  it('takes an unmeasured peer for as far as the farthest, and at least 200 ms away', () => {
    const peers = withLatencies({ new: null, a: 300, b: 1 })
    expect(Array.from(nearest.score(peers, { ...here, options }))).toEqual([300, 300, 1])
    expect(nearest.rank(peers, { ...here, options, random: createRandom(1), places: 3 }).order[0]).toBe(2)
    expect(Array.from(nearest.score(withLatencies({ new: null, silent: Infinity }), { ...here, options }))).toEqual([200, 200])
  })

  it('orders the rest by score', () => {
    const peers = [
      peerView({ peerId: 'a', latencyMs: 10 }), peerView({ peerId: 'b', latencyMs: 40 }), peerView({ peerId: 'c', latencyMs: 15, inFlightThere: 9 }),
      peerView({ peerId: 'd', latencyMs: 20 }), peerView({ peerId: 'e', latencyMs: 60 }),
    ]
    const { order } = nearest.rank(peers, { ...here, options, random: createRandom(1), places: 4 })
    expect(order.map((index) => peers[index]?.peerId)).toEqual(['a', 'd', 'b', 'e'])
  })
})
