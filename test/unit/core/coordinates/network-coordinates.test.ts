import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COMPONENT_MS_MAX, ERROR_MAX, estimateRttMs, HEIGHT_MIN_MS, isPlausible, originCoordinate, push } from '../../../../src/core/coordinates/coordinate.ts'
import { LatencyFilter } from '../../../../src/core/coordinates/latency-filter.ts'
import { NetworkCoordinates, type NetworkCoordinatesOptions } from '../../../../src/core/coordinates/network-coordinates.ts'
import type { Coordinate } from '../../../../src/core/coordinates/types.ts'
import { createRandom } from '../../../../src/core/time/random.ts'

const random = createRandom(5)

function at(firstMs: number, rest: Partial<Coordinate> = {}): Coordinate {
  return { vectorMs: [firstMs, 0, 0, 0, 0, 0, 0, 0], heightMs: HEIGHT_MIN_MS, adjustmentMs: 0, error: ERROR_MAX, ...rest }
}

function create(options: NetworkCoordinatesOptions = {}): NetworkCoordinates {
  return new NetworkCoordinates({ random: createRandom(9), options })
}

describe('the estimate', () => {
  it('is the distance of the vectors, with heights and adjustments', () => {
    expect(estimateRttMs(at(3, { heightMs: 1 }), { ...at(0, { heightMs: 2 }), vectorMs: [0, 4, 0, 0, 0, 0, 0, 0] })).toBe(8)
    expect(estimateRttMs(at(5, { heightMs: 1, adjustmentMs: -1 }), at(0, { heightMs: 1, adjustmentMs: 0.5 }))).toBe(6.5)
  })

  it('leaves out adjustments that would make it negative', () => {
    expect(estimateRttMs(at(5, { heightMs: 1, adjustmentMs: -9 }), at(0, { heightMs: 1 }))).toBe(7)
  })
})

describe('a push', () => {
  it('moves along the line through both, the height by its share of the distance', () => {
    const pushed = push(at(6, { heightMs: 1 }), { from: at(0, { heightMs: 1 }), forceMs: 4, random })
    expect(pushed.vectorMs[0]).toBe(10)
    expect(pushed.heightMs).toBe(2)
    expect(push(at(6, { heightMs: 1 }), { from: at(0, { heightMs: 1 }), forceMs: -4, random })).toMatchObject({ heightMs: HEIGHT_MIN_MS })
  })

  it('from the same place goes somewhere, and keeps the height', () => {
    const pushed = push(at(6, { heightMs: 1 }), { from: at(6), forceMs: 4, random })
    expect(Math.hypot(...pushed.vectorMs.map((componentMs, i) => componentMs - (i === 0 ? 6 : 0)))).toBeCloseTo(4, 9)
    expect(pushed.heightMs).toBe(1)
    expect(push(at(6), { from: at(6), forceMs: 4, random: () => 0.5 }).vectorMs[0]).toBe(10)
  })
})

describe('the latency filter', () => {
  it('gives the median of the last three of each peer', () => {
    const filter = new LatencyFilter({ peersMax: 10 })
    expect([10, 900, 11, 12, 13].map((rttMs) => filter.add('a', rttMs))).toEqual([10, 900, 11, 12, 12])
    expect(filter.add('b', 5)).toBe(5)
  })

  it('forgets, and is bounded by the peers measured longest ago', () => {
    const filter = new LatencyFilter({ peersMax: 2 })
    for (const peerId of ['a', 'b', 'a', 'c']) filter.add(peerId, 1)
    expect(filter.size).toBe(2)
    filter.add('a', 100)
    expect(filter.add('a', 100)).toBe(100)
    filter.forget('a')
    expect(filter.add('a', 7)).toBe(7)
    expect(filter.add('b', 8)).toBe(8)
  })
})

describe('a node', () => {
  it('begins at the origin, knowing nothing', () => {
    expect(create().self).toEqual({ vectorMs: [0, 0, 0, 0, 0, 0, 0, 0], heightMs: 0.01, adjustmentMs: 0, error: 1.5 })
  })

  it('comes to the distance that it measures, and grows sure of it', () => {
    const node = create()
    const peer = at(50, { error: 0.1 })
    for (let i = 0; i < 200; i++) node.handleSample('a', 12, peer)
    expect(Math.abs(estimateRttMs(node.self, peer) - 12)).toBeLessThan(0.12)
    expect(node.self.error).toBeLessThan(0.05)
    expect(node.counters).toMatchObject({ samples: 200, resets: 0 })
  })

  it('moves the less the surer it is of itself, and the more the surer the other is', () => {
    const moved = (own: number, other: number): number => {
      const node = create({ initial: at(0, { error: own }) })
      node.handleSample('a', 20, at(100, { error: other }))
      return Math.abs(node.self.vectorMs[0] as number)
    }
    expect(moved(0.1, 1)).toBeLessThan(moved(1, 1))
    expect(moved(1, 1)).toBeLessThan(moved(1, 0.1))
    // Vivaldi §3.4 by hand: cc · 1/(1 + 1) of the displacement; gravity moves it by no more than a nanosecond.
    expect(moved(1, 1)).toBeCloseTo(0.25 * 0.5 * (100.02 - 20), 3)
  })

  it('carries half the mean of the last 20 residuals as its adjustment', () => {
    const node = create()
    const residualsMs: number[] = []
    const peer = at(50, { error: 0.1 })
    for (let i = 0; i < 30; i++) {
      node.handleSample('a', 12, peer)
      // Gravity acts after the adjustment is made, by less than a nanosecond here.
      residualsMs.push(12 - estimateRttMs({ ...node.self, adjustmentMs: 0 }, peer))
    }
    expect(node.self.adjustmentMs).toBeCloseTo(residualsMs.slice(-20).reduce((sum, residualMs) => sum + residualMs, 0) / 40, 3)
  })

  it('is not thrown about by one late answer', () => {
    const node = create()
    for (let i = 0; i < 100; i++) node.handleSample('a', 12, at(12, { error: 0.1 }))
    const before = node.self
    node.handleSample('a', 5000, at(12, { error: 0.1 }))
    expect(estimateRttMs(before, node.self)).toBeLessThan(0.5)
  })

  it('takes a round trip of zero', () => {
    const node = create()
    for (let i = 0; i < 100; i++) expect(node.handleSample('a', 0, at(1))).toBe(true)
    expect(isPlausible(node.self)).toBe(true)
    expect(estimateRttMs(node.self, at(1))).toBeLessThan(0.5)
  })

  it('refuses and counts absurd round trips', () => {
    const node = create()
    for (const rttMs of [NaN, Infinity, -0.001, 10_001]) expect(node.handleSample('a', rttMs, at(1))).toBe(false)
    expect(node.handleSample('a', 10_000, at(1))).toBe(true)
    expect(node.counters).toEqual({ samples: 1, rttsRefused: 4, coordinatesRefused: 0, resets: 0 })
  })

  it('refuses and counts absurd coordinates, and remembers none of them', () => {
    const node = create()
    const absurd: Coordinate[] = [
      { ...at(1), vectorMs: [1, 2, 3] }, { ...at(1), vectorMs: [0, 0, 0, 0, 0, 0, 0, 0, 0] }, at(NaN), at(-Infinity), at(60_001), at(1, { heightMs: -1 }), at(1, { heightMs: NaN }),
      at(1, { heightMs: 60_001 }), at(1, { adjustmentMs: NaN }), at(1, { adjustmentMs: 60_001 }), at(1, { error: NaN }), at(1, { error: -0.1 }), at(1, { error: 1.6 }),
    ]
    for (const coordinate of absurd) expect(node.handleSample('a', 1, coordinate)).toBe(false)
    expect(node.counters).toEqual({ samples: 0, rttsRefused: 0, coordinatesRefused: absurd.length, resets: 0 })
    expect(node.self).toEqual(originCoordinate())
    expect(node.of('a')).toBeNull()
  })

  it('begins anew when it has left the range, so that nobody has to refuse it', () => {
    const node = create({ initial: at(COMPONENT_MS_MAX, { error: 1 }) })
    // Pushed outwards by a peer right behind it.
    expect(node.handleSample('a', 10_000, at(COMPONENT_MS_MAX - 1, { error: 0 }))).toBe(true)
    expect(node.counters.resets).toBe(1)
    expect(node.self).toEqual(originCoordinate())
    node.handleSample('b', 1, at(1))
    // Nothing of the residuals before is left in it: one of 20, and half of that.
    expect(Math.abs(node.self.adjustmentMs)).toBeLessThan(0.05)
  })

  it('stays plausible, whatever plausible it hears', () => {
    const component = fc.oneof(fc.constantFrom(0, COMPONENT_MS_MAX, -COMPONENT_MS_MAX, 1e-300), fc.double({ min: -COMPONENT_MS_MAX, max: COMPONENT_MS_MAX, noNaN: true }))
    const coordinate = fc.record({
      vectorMs: fc.array(component, { minLength: 8, maxLength: 8 }), heightMs: fc.double({ min: 0, max: COMPONENT_MS_MAX, noNaN: true }),
      adjustmentMs: component, error: fc.double({ min: 0, max: ERROR_MAX, noNaN: true }),
    })
    const sample = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.double({ min: 0, max: 10_000, noNaN: true }), coordinate)
    fc.assert(fc.property(fc.array(sample, { maxLength: 60 }), (samples) => {
      const node = create()
      for (const [peerId, rttMs, heard] of samples) {
        expect(node.handleSample(peerId, rttMs, heard)).toBe(true)
        expect(isPlausible(node.self)).toBe(true)
      }
    }), { numRuns: 100 })
  })

  it('goes on from an earlier run, unless that is not plausible', () => {
    const earlier = at(42, { error: 0.2 })
    expect(create({ initial: earlier }).self).toEqual(earlier)
    expect(create({ initial: at(NaN) }).self).toEqual(originCoordinate())
  })

  it('remembers the last coordinate of each peer, up to a bound', () => {
    const node = create({ peersMax: 2 })
    node.handleSample('a', 1, at(1))
    node.handleSample('b', 1, at(2))
    node.handleSample('a', 1, at(3))
    node.handleSample('c', 1, at(4))
    expect(node.size).toBe(2)
    expect([node.of('a'), node.of('b'), node.of('c')]).toEqual([at(3), null, at(4)])
    node.forget('a')
    expect(node.of('a')).toBeNull()
  })

  it('forgets the round trips of a peer with it: another that comes under its name is measured afresh', () => {
    const node = create()
    const peer = at(100, { error: 0.5 })
    for (let i = 0; i < 3; i++) node.handleSample('a', 5000, peer)
    const beforeMs = estimateRttMs(node.self, peer)
    node.forget('a')
    node.handleSample('a', 1, peer)
    expect(estimateRttMs(node.self, peer)).toBeLessThan(beforeMs)
  })
})
