import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../../../../src/core/routing/options.ts'
import { leastConnections } from '../../../../../src/core/routing/strategies/least-connections.ts'
import { createRandom } from '../../../../../src/core/time/random.ts'
import { peerView, strategyContract } from '../../../../contract/strategy.ts'

strategyContract(() => leastConnections, { isLoadAware: true })

const context = { nowMs: 0, site: { datacenter: '', rack: '' }, options: parseRoutingOptions(), random: createRandom(1) }

describe('least connections', () => {
  it('takes the one with fewest in flight, reported and own, however far it is', () => {
    const peers = [peerView({ peerId: 'near', inFlightThere: 3, inFlightFromHere: 1 }), peerView({ peerId: 'far', latencyMs: 500, inFlightThere: 1, inFlightFromHere: 2 })]
    expect(leastConnections.rank(peers, { ...context, places: 2 }).order).toEqual([1, 0])
  })

  it('counts them for each unit of capacity', () => {
    const peers = [peerView({ peerId: 'small', inFlightThere: 2, loadAgeMs: 0 }), peerView({ peerId: 'large', capacity: 4, inFlightThere: 7, loadAgeMs: 0 })]
    expect(Array.from(leastConnections.score(peers, context))).toEqual([3, 2])
  })
})
