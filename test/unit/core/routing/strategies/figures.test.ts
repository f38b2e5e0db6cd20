import { describe, expect, it } from 'vitest'
import { capacityOf, distanceTo, inFlightFigures, resourceUse, warmthOf } from '../../../../../src/core/routing/strategies/figures.ts'
import { feedback, peerView } from '../../../../contract/strategy.ts'

function figures(...reports: ReadonlyArray<readonly [inFlightThere: number, loadAgeMs: number | null, inFlightFromHere?: number]>): number[] {
  return Array.from(inFlightFigures(reports.map(([inFlightThere, loadAgeMs, inFlightFromHere = 0], index) => peerView({ peerId: String(index), inFlightThere, loadAgeMs, inFlightFromHere })), { loadHalfLifeMs: 5_000 }))
}

describe('queries in flight', () => {
  it('are the reported ones and our own while the report is new', () => {
    expect(figures([3, 0, 2], [0, 0, 1])).toEqual([5, 1])
  })

  it('are half-way to the mean after a half-life', () => {
    // Mean 4 of 8 and 0.
    expect(figures([8, 5_000], [0, 5_000])).toEqual([6, 2])
  })

  it('are the mean, and our own, once the report says nothing any more', () => {
    expect(figures([8, 60_000, 1], [0, 60_000])).toEqual([5, 4])
  })

  it('weigh newer reports more in the mean', () => {
    const [, , unknown] = figures([2, 0], [4, 5_000], [0, null])
    expect(unknown).toBeCloseTo((2 + 0.5 * 4) / 1.5)
  })

  it('are the mean of the others for one that never reported, and 0 where nobody did', () => {
    expect(figures([4, 0], [2, 0], [0, null, 7])).toEqual([4, 2, 10])
    expect(figures([0, null], [0, null, 2])).toEqual([0, 2])
  })

  it('stay apart although one report is absurd', () => {
    const [idle, busy] = figures([0, 500], [3, 500], [4_294_967_295, 500]) as [number, number]
    expect(busy - idle).toBeGreaterThan(2.5)
    expect(busy).toBeLessThan(4)
  })

  it('do not come from the future', () => {
    expect(figures([8, -5_000], [0, 0])).toEqual([8, 0])
  })
})

it('a capacity next to nothing can be divided by', () => {
  expect(capacityOf(peerView({ peerId: 'a', capacity: 5e-324 }))).toBe(0.001)
  expect(capacityOf(peerView({ peerId: 'a', capacity: 3 }))).toBe(3)
})

it.each([[40, 70, 0.7], [90, 10, 0.9], [null, 10, 1], [10, null, 1], [150, 0, 1]])('resource use of CPU %s and memory %s is %d', (cpuPercent, memoryPercent, expected) => {
  expect(resourceUse(peerView({ peerId: 'a', cpuPercent, memoryPercent }))).toBeCloseTo(expected)
})

it('a peer that nothing is known of is warm', () => {
  expect([null, feedback({ warmth: 0.3 })].map((known) => warmthOf(peerView({ peerId: 'a', feedback: known })))).toEqual([1, 0.3])
})

it.each([
  [{ datacenter: 'a', rack: '1' }, { datacenter: 'a', rack: '1' }, 0],
  [{ datacenter: 'a', rack: '2' }, { datacenter: 'a', rack: '1' }, 1],
  [{ datacenter: 'b', rack: '1' }, { datacenter: 'a', rack: '1' }, 2],
  [{ datacenter: 'a', rack: '' }, { datacenter: 'a', rack: '' }, 1],
  [{ datacenter: '', rack: '' }, { datacenter: '', rack: '' }, 2],
] as const)('%j is from %j at distance %d', (there, here, expected) => {
  expect(distanceTo(there, here)).toBe(expected)
})
