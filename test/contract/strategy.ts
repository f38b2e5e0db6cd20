/** What every routing strategy promises; each strategy's own test calls this and adds what is its own. */
import { describe, expect, it } from 'vitest'
import { parseRoutingOptions } from '../../src/core/routing/options.ts'
import type { RoutingStrategy } from '../../src/core/routing/strategies/strategy.ts'
import type { PeerFeedback, PeerView, Site } from '../../src/core/routing/types.ts'
import { createRandom, randomInteger } from '../../src/core/time/random.ts'

const options = parseRoutingOptions()
const here = { nowMs: 0, site: { datacenter: '', rack: '' } }

/** A peer that has answered queries and a probe from here and is warm. */
export function feedback(fields: Partial<PeerFeedback> = {}): PeerFeedback {
  return { peakEwmaMs: 10, probe: { inFlight: 0, latencyMs: 5, ageMs: 10 }, ejectedForMs: 0, warmth: 1, ...fields }
}

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
  const sites: readonly Site[] = [{ datacenter: '', rack: '' }, { datacenter: 'a', rack: '1' }, { datacenter: 'a', rack: '2' }, { datacenter: 'b', rack: '1' }]
  return Array.from({ length: count }, (_, index) => peerView({
    peerId: `peer${index}`,
    latencyMs: random() < 0.1 ? null : random() < 0.05 ? Infinity : random() * 100,
    cpuPercent: random() < 0.1 ? null : random() * 110,
    memoryPercent: random() < 0.1 ? null : random() * 90,
    inFlightThere: random() < 0.02 ? 2 ** 32 - 1 : randomInteger(random, 50),
    inFlightFromHere: randomInteger(random, 20),
    loadAgeMs: random() < 0.1 ? null : random() * 90_000,
    site: sites[randomInteger(random, sites.length)] as Site,
    capacity: [5e-324, 0.5, 1, 4, 1_000_000][randomInteger(random, 5)] as number,
    feedback: random() < 0.3 ? null : feedback({
      peakEwmaMs: random() < 0.2 ? null : random() < 0.1 ? 0 : random() * 500,
      probe: random() < 0.5 ? null : { inFlight: randomInteger(random, 30), latencyMs: random() * 200, ageMs: random() * 1_000 },
      warmth: random() < 0.6 ? 1 : random() < 0.2 ? 0 : random(),
    }),
  }))
}

export interface StrategyTraits {
  /** False for the ones that go by turns, whatever the load. */
  readonly isLoadAware: boolean
}

/** `create` makes a new instance, with a cursor of its own if it has one. */
export function strategyContract(create: () => RoutingStrategy, { isLoadAware }: StrategyTraits): void {
  /** How often each is chosen by one instance. */
  function chosenCounts(peers: readonly PeerView[], { draws, seed = 5 }: { readonly draws: number; readonly seed?: number }): number[] {
    const strategy = create()
    const random = createRandom(seed)
    const taken = new Array<number>(peers.length).fill(0)
    for (let i = 0; i < draws; i++) {
      const [first] = strategy.rank(peers, { ...here, options, random, places: 1 }).order
      taken[first as number] = (taken[first as number] as number) + 1
    }
    return taken
  }

  /** Queries that were dispatched and not answered, after so many. */
  function dispatched(count: number, peers: readonly PeerView[]): number[] {
    const strategy = create()
    const random = createRandom(77)
    const inFlight = new Array<number>(peers.length).fill(0)
    for (let i = 0; i < count; i++) {
      const views = peers.map((peer, index) => ({ ...peer, inFlightFromHere: inFlight[index] as number }))
      const [first] = strategy.rank(views, { ...here, options, random, places: 1 }).order
      inFlight[first as number] = (inFlight[first as number] as number) + 1
    }
    return inFlight
  }

  describe(`${create().name} keeps the contract of strategies`, () => {
    const sizes = [1, 2, 3, 17, 100]

    it.each(sizes)('fills the asked places with distinct candidates (%i candidates)', (count) => {
      const strategy = create()
      for (const places of [1, 2, 4, 16]) {
        const { order } = strategy.rank(randomPeers(count, count), { ...here, options, random: createRandom(places), places })
        expect(order).toHaveLength(Math.min(places, count))
        expect(new Set(order).size).toBe(order.length)
        for (const index of order) expect(index).toSatisfy((value: number) => Number.isInteger(value) && value >= 0 && value < count)
      }
    })

    it.each(sizes)('scores every candidate with a finite figure (%i candidates)', (count) => {
      for (let seed = 1; seed <= 20; seed++) {
        const scores = create().score(randomPeers(seed, count), { ...here, site: { datacenter: 'a', rack: '1' }, options })
        expect(scores).toHaveLength(count)
        for (const score of Array.from(scores)) expect(score).toSatisfy((value: number) => Number.isFinite(value) && value >= 0)
      }
    })

    it('decides alike for the same seed and changes nothing', () => {
      const peers = randomPeers(3, 40)
      const before = structuredClone(peers)
      const orders = [1, 2].map(() => create().rank(peers, { ...here, options, random: createRandom(99), places: 4 }).order)
      expect(orders[0]).toEqual(orders[1])
      expect(peers).toEqual(before)
    })

    it('scores without regard to chance, and orders the rest behind its choice by the scores beforehand', () => {
      const strategy = create()
      for (let turn = 1; turn <= 20; turn++) {
        const peers = randomPeers(turn, 5 * turn)
        const beforehand = Array.from(strategy.score(peers, { ...here, options }))
        expect(Array.from(strategy.score(peers, { ...here, options }))).toEqual(beforehand)
        const [first, ...rest] = strategy.rank(peers, { ...here, options, random: createRandom(turn), places: 4 }).order
        const byScore = peers.map((_, index) => index).filter((index) => index !== first).sort((a, b) => (beforehand[a] as number) - (beforehand[b] as number) || a - b)
        expect(rest).toEqual(byScore.slice(0, 3))
      }
    })

    it('hands out scores that later choices leave alone', () => {
      const strategy = create()
      const scores = strategy.score(randomPeers(1, 40), { ...here, options })
      const before = Array.from(scores)
      strategy.score(randomPeers(2, 50), { ...here, options })
      strategy.rank(randomPeers(3, 60), { ...here, options, random: createRandom(1), places: 4 })
      expect(Array.from(scores)).toEqual(before)
    })

    it('spreads over equal candidates, whatever is known of them: the busiest of ten gets at most 1.3 times its share', () => {
      for (const known of [null, feedback(), feedback({ probe: null }), feedback({ peakEwmaMs: null, probe: null })]) {
        const peers = Array.from({ length: 10 }, (_, index) => peerView({ peerId: `peer${index}`, feedback: known }))
        expect(Math.max(...chosenCounts(peers, { draws: 10_000 }))).toBeLessThan(1_300)
      }
    })

    it('spreads over three equal candidates, which are all compared', () => {
      const peers = Array.from({ length: 3 }, (_, index) => peerView({ peerId: `peer${index}` }))
      expect(Math.max(...chosenCounts(peers, { draws: 3_000 }))).toBeLessThan(1_150)
    })

    it('gives a newcomer its share and no more, though it is idle and as good as the others', () => {
      const peers = Array.from({ length: 10 }, (_, index) => peerView({ peerId: `peer${index}`, feedback: feedback({ warmth: index === 3 ? 0.25 : 1 }) }))
      const [, , , newcomer, next] = chosenCounts(peers, { draws: 20_000 }) as [number, number, number, number, number]
      const fairShare = 20_000 * (0.25 / 9.25)
      expect(newcomer).toBeGreaterThan(0.7 * fairShare)
      expect(newcomer).toBeLessThan(1.3 * fairShare)
      expect(next).toBeLessThan(1.3 * (20_000 / 9.25))
    })

    it('takes candidates that are all cold rather than nobody', () => {
      const peers = Array.from({ length: 5 }, (_, index) => peerView({ peerId: `peer${index}`, feedback: feedback({ warmth: 0 }) }))
      expect(Math.min(...chosenCounts(peers, { draws: 1_000 }))).toBeGreaterThan(100)
    })

    it('counts from dispatch: queries that nobody has answered or reported are spread evenly', () => {
      for (const known of [null, feedback(), feedback({ probe: null })]) {
        const peers = Array.from({ length: 20 }, (_, index) => peerView({ peerId: `peer${index}`, feedback: known }))
        // Two choices exceed the mean by O(log log n), here by a handful, a quantile by a little more; one choice would give about 25.
        expect(Math.max(...dispatched(2_000, peers)) - 100).toBeLessThanOrEqual(8)
      }
    })

    if (isLoadAware) {
      it.each([4, 10])('never takes the busiest of %i otherwise equal candidates, be it by its word or by our own queries', (count) => {
        for (const busy of [{ inFlightThere: 9 }, { inFlightFromHere: 9 }]) {
          for (const known of [null, feedback({ probe: null })]) {
            const peers = Array.from({ length: count }, (_, index) => peerView({ peerId: `peer${index}`, inFlightFromHere: 1, feedback: known, ...(index === 2 ? busy : {}) }))
            expect(chosenCounts(peers, { draws: 1_000 })[2]).toBe(0)
          }
        }
      })

      it('compares all of three candidates', () => {
        const peers = [5, 3, 4].map((inFlightThere, index) => peerView({ peerId: `peer${index}`, inFlightThere, inFlightFromHere: 1 }))
        expect(chosenCounts(peers, { draws: 300 })).toEqual([0, 300, 0])
      })

      it('forgets old reports: of ten that reported 0 to 9 queries half an hour ago, nobody is preferred', () => {
        const peers = Array.from({ length: 10 }, (_, index) => peerView({ peerId: `peer${index}`, inFlightThere: index, loadAgeMs: 1_800_000 }))
        expect(Math.max(...chosenCounts(peers, { draws: 10_000 }))).toBeLessThan(1_300)
      })
    }
  })
}
