import { describe, expect, it } from 'vitest'
import { parseRoutingOptions, type RoutingOptions } from '../../../../../src/core/routing/options.ts'
import { probePool } from '../../../../../src/core/routing/strategies/probe-pool.ts'
import type { PeerView } from '../../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { feedback, peerView, strategyContract } from '../../../../contract/strategy.ts'

strategyContract(() => probePool, { isLoadAware: true })

const here = { nowMs: 0, site: { datacenter: '', rack: '' } }

function probed(peerId: string, inFlight: number, latencyMs: number, fields: Partial<PeerView> = {}): PeerView {
  return peerView({ peerId, latencyMs: 1, feedback: feedback({ probe: { inFlight, latencyMs, ageMs: 5 } }), ...fields })
}

function unprobed(peerId: string, peakEwmaMs: number | null, fields: Partial<PeerView> = {}): PeerView {
  return peerView({ peerId, feedback: feedback({ peakEwmaMs, probe: null }), ...fields })
}

function chosen(peers: readonly PeerView[], given: Partial<RoutingOptions> = {}): Set<string> {
  const random = createRandom(11)
  const options = { probeShare: 1, ...given }
  return new Set(Array.from({ length: 200 }, () => peers[probePool.rank(peers, { ...here, options: parseRoutingOptions(options), random, places: 1 }).order[0] as number]?.peerId ?? ''))
}

describe('probe pool (Prequal, NSDI 2024 §4)', () => {
  it('takes the cold one with the lowest latency, although others have fewer requests in flight', () => {
    const peers = [probed('idle but slow', 0, 90), probed('fast', 4, 10), probed('middle', 2, 40), probed('hot', 9, 1), probed('hot too', 8, 2)]
    expect(chosen(peers, { hotQuantile: 0.6 })).toEqual(new Set(['fast']))
  })

  it('takes the one with fewest requests in flight where the quantile leaves none cold but it', () => {
    const peers = [probed('fewest', 3, 90), probed('fast', 4, 10), probed('faster', 5, 1)]
    expect(chosen(peers, { hotQuantile: 0 })).toEqual(new Set(['fewest']))
  })

  it('finds the quantile of large figures, too', () => {
    const peers = [probed('fast', 300, 10), probed('b', 299, 20), probed('c', 298, 30), probed('hot', 301, 1)]
    expect(chosen(peers, { hotQuantile: 0.75 })).toEqual(new Set(['fast']))
  })

  it('adds what this node has in flight to the probe, so that its own queries make a peer hot', () => {
    const peers = [probed('fast', 0, 10, { inFlightFromHere: 7 }), probed('b', 1, 20), probed('c', 1, 30), probed('d', 2, 40)]
    expect(chosen(peers, { hotQuantile: 0.75 })).toEqual(new Set(['b']))
  })

  it('takes the best of a random part of the probes, so that senders with the same probes do not all choose one', () => {
    const peers = Array.from({ length: 9 }, (_, index) => probed(String(index), 1, 10 * (index + 1)))
    // Three take part: the two slowest are never the best of three.
    expect([...chosen(peers, { probeShare: 1 / 3 })].sort()).toEqual(['0', '1', '2', '3', '4', '5', '6'])
    expect([...chosen(peers, { probeShare: 0.01, scanMax: 2 })].sort()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
  })

  it('adds the round trip to the latency', () => {
    expect(chosen([probed('fast but far', 1, 10, { latencyMs: 80 }), probed('near', 1, 40)])).toEqual(new Set(['near']))
  })

  it('orders cold by latency, then hot by requests in flight, then those without a probe', () => {
    const peers = [unprobed('unprobed', 1), probed('hot 9', 9, 1), probed('cold 20', 1, 20), probed('hot 8', 8, 5), probed('cold 10', 2, 10)]
    const { order } = probePool.rank(peers, { ...here, options: parseRoutingOptions({ hotQuantile: 0.5 }), random: createRandom(1), places: 5 })
    expect(order.map((index) => peers[index]?.peerId)).toEqual(['cold 10', 'cold 20', 'hot 8', 'hot 9', 'unprobed'])
  })

  it('does not fall upon newcomers because they alone have a probe', () => {
    const cold = (peerId: string): PeerView => probed(peerId, 0, 1, { feedback: feedback({ warmth: 0, probe: { inFlight: 0, latencyMs: 1, ageMs: 5 } }) })
    expect(chosen([cold('new'), unprobed('warm', 50), cold('new too')])).toEqual(new Set(['warm']))
  })

  it('chooses as peak-ewma where there are too few probes', () => {
    const peers = [unprobed('slow', 90), unprobed('fast', 10), probed('probed', 0, 1, { feedback: feedback({ peakEwmaMs: 500, probe: { inFlight: 0, latencyMs: 1, ageMs: 5 } }) })]
    expect(chosen(peers)).toEqual(new Set(['fast']))
    expect(chosen(peers, { probesMin: 1 })).toEqual(new Set(['probed']))
  })
})
