import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../../../src/core/routing/options.ts'
import { peakEwma } from '../../../../../src/core/routing/strategies/peak-ewma.ts'
import type { PeerView } from '../../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { feedback, peerView, strategyContract } from '../../../../contract/strategy.ts'

strategyContract(() => peakEwma, { isLoadAware: true })

const context = { nowMs: 0, site: { datacenter: '', rack: '' }, options: parseRoutingOptions() }

function answering(peerId: string, peakEwmaMs: number | null, fields: Partial<PeerView> = {}): PeerView {
  return peerView({ peerId, feedback: feedback({ peakEwmaMs }), ...fields })
}

function chosen(peers: readonly PeerView[]): Set<string> {
  const random = createRandom(11)
  return new Set(Array.from({ length: 300 }, () => peers[peakEwma.rank(peers, { ...context, random, places: 1 }).order[0] as number]?.peerId ?? ''))
}

describe('peak-ewma', () => {
  it('scores by response time × (in flight + 1), reported and own together', () => {
    const peers = [answering('a', 10), answering('b', 20, { inFlightFromHere: 2 }), answering('c', 5, { inFlightThere: 6, inFlightFromHere: 1, loadAgeMs: 0 })]
    expect(Array.from(peakEwma.score(peers, { ...context, options: parseRoutingOptions({ loadHalfLifeMs: 3_600_000 }) }))).toEqual([10, 60, 40])
  })

  it('never takes the slowest of many, whatever its round trip', () => {
    const peers = [answering('slow', 2_000, { latencyMs: 0.1 }), ...[1, 2, 3, 4].map((n) => answering(`p${n}`, 10 * n, { latencyMs: 50 }))]
    expect(chosen(peers)).toEqual(new Set(['p1', 'p2', 'p3', 'p4'].slice(0, 4)))
  })

  it('takes one that never answered for as slow as the slowest, and at least 200 ms', () => {
    expect(Array.from(peakEwma.score([answering('a', 300), answering('new', null)], context))).toEqual([300, 300])
    expect(Array.from(peakEwma.score([answering('a', 10), peerView({ peerId: 'met nobody' })], context))).toEqual([10, 200])
  })

  it('tries it with one query at a time', () => {
    expect(chosen([answering('a', 10), answering('new', null)])).toEqual(new Set(['new']))
    expect(chosen([answering('a', 10), answering('new', null, { inFlightFromHere: 1 })])).toEqual(new Set(['a']))
  })

  it('counts queries in flight although the peer answered in no time', () => {
    expect(chosen([answering('a', 0, { inFlightFromHere: 5 }), answering('b', 0)])).toEqual(new Set(['b']))
  })
})
