/** What every routing strategy promises; each strategy's own test calls this and adds what is its own. */
import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../src/core/routing/options.ts'
import type { RoutingStrategy } from '../../src/core/routing/strategies/strategy.ts'
import type { PeerView } from '../../src/core/routing/types.ts'
import { createRandom, randomInteger } from '../../src/core/time/random.ts'

const options = parseRoutingOptions()
const here = { nowMs: 0, site: { datacenter: '', rack: '' } }

/** A usable peer: healthy, near, idle. */
export function peerView(fields: Partial<PeerView> & { readonly peerId: string }): PeerView {
  return {
    name: fields.peerId, state: 'alive', status: 'healthy', role: 'replica', ready: true, latencyMs: 1, overloaded: false,
    cpuPercent: 10, memoryPercent: 20, inFlightThere: 0, inFlightFromHere: 0, loadAgeMs: 500,
    site: { datacenter: '', rack: '' }, capacity: 1, feedback: null, lagMs: null, ...fields,
  }
}

/** Peers of every sort that a strategy may meet, unmeasured ones among them. */
export function randomPeers(seed: number, count: number): PeerView[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, (_, index) => peerView({
    peerId: `peer${index}`,
    latencyMs: random() < 0.1 ? null : random() < 0.05 ? Infinity : random() * 100,
    cpuPercent: random() < 0.1 ? null : random() * 80,
    memoryPercent: random() < 0.1 ? null : random() * 90,
    inFlightThere: randomInteger(random, 50),
    inFlightFromHere: randomInteger(random, 20),
    loadAgeMs: random() < 0.1 ? null : random() * 90_000,
  }))
}

export function strategyContract(strategy: RoutingStrategy): void {
  describe(`${strategy.name} keeps the contract of strategies`, () => {
    const sizes = [1, 2, 3, 17, 100]

    it.each(sizes)('fills the asked places with distinct candidates (%i candidates)', (count) => {
      for (const places of [1, 2, 4, 16]) {
        const { order } = strategy.rank(randomPeers(count, count), { ...here, options, random: createRandom(places), places })
        expect(order).toHaveLength(Math.min(places, count))
        expect(new Set(order).size).toBe(order.length)
        for (const index of order) expect(index).toSatisfy((value: number) => Number.isInteger(value) && value >= 0 && value < count)
      }
    })

    it.each(sizes)('scores every candidate with a finite figure (%i candidates)', (count) => {
      const { scores } = strategy.rank(randomPeers(count, count), { ...here, options, random: createRandom(1), places: 1 })
      expect(scores).toHaveLength(count)
      for (const score of Array.from(scores)) expect(score).toSatisfy((value: number) => Number.isFinite(value) && value >= 0)
    })

    it('decides alike for the same seed and changes nothing', () => {
      const peers = randomPeers(3, 40)
      const before = structuredClone(peers)
      const orders = [1, 2].map(() => strategy.rank(peers, { ...here, options, random: createRandom(99), places: 4 }).order)
      expect(orders[0]).toEqual(orders[1])
      expect(peers).toEqual(before)
    })

    it('scores without regard to chance', () => {
      const peers = randomPeers(4, 40)
      const scores = [1, 2].map((seed) => Array.from(strategy.rank(peers, { ...here, options, random: createRandom(seed), places: 4 }).scores))
      expect(scores[0]).toEqual(scores[1])
    })

    it('spreads over equal candidates: the busiest of ten gets at most 1.3 times its share', () => {
      const peers = Array.from({ length: 10 }, (_, index) => peerView({ peerId: `peer${index}` }))
      const random = createRandom(5)
      const taken = new Array<number>(10).fill(0)
      for (let i = 0; i < 10_000; i++) {
        const [first] = strategy.rank(peers, { ...here, options, random, places: 1 }).order
        taken[first as number] = (taken[first as number] as number) + 1
      }
      expect(Math.max(...taken)).toBeLessThan(1300)
    })
  })
}
