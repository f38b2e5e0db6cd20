import { describe, expect, it } from 'vitest'
import { MeshLayout } from '../../../../src/operations/dashboard/page/mesh-layout.ts'
import { radiusOf } from '../../../../src/operations/dashboard/page/rtt-scale.ts'
import type { LiveStateView } from '../../../../src/wire/operations-views.ts'
import { SimulatedMesh } from '../../../support/simulated-mesh.ts'

function placesOf(layout: MeshLayout, { members }: LiveStateView): Map<string, string> {
  return new Map(members.map(({ peerId, name }) => {
    const { x, y } = layout.position(peerId) ?? { x: Number.NaN, y: Number.NaN }
    return [name, `${x.toFixed(6)} ${y.toFixed(6)}`]
  }))
}

describe('the layout of the map', () => {
  it('puts the node that tells in the middle and the others at their round trip, none upon another', () => {
    const state = new SimulatedMesh({ nodes: 30, seed: 3, isCalm: true }).state(0)
    const layout = new MeshLayout()
    layout.update(state.members, state.distances)
    const points = state.members.map((member) => ({ member, at: layout.position(member.peerId) ?? { x: Number.NaN, y: Number.NaN } }))
    expect(points[0]?.at).toMatchObject({ x: 0, y: 0 })
    for (const { member, at } of points.slice(1)) expect(Math.abs(Math.hypot(at.x, at.y) - radiusOf(layout.scale, member.latencyMs))).toBeLessThan(0.06)
    const gaps = points.flatMap(({ at }, index) => points.slice(index + 1).map((other) => Math.hypot(at.x - other.at.x, at.y - other.at.y)))
    expect(Math.min(...gaps)).toBeGreaterThan(0.06)
  })

  it('is the same for the same mesh', () => {
    const [one, other] = [1, 2].map(() => {
      const mesh = new SimulatedMesh({ nodes: 40, seed: 3 })
      // Half of them say nothing of their place.
      for (const { name } of mesh.members.slice(20)) mesh.change(name, { place: '' })
      const state = mesh.state(0)
      const layout = new MeshLayout()
      layout.update(state.members, state.distances)
      return placesOf(layout, state)
    })
    expect(one).toEqual(other)
  })

  it('rests while round trips only tremble, and moves nobody but who comes or moves far', () => {
    const mesh = new SimulatedMesh({ nodes: 40, seed: 3, isCalm: true })
    const layout = new MeshLayout()
    const first = mesh.state(0)
    expect(layout.update(first.members, first.distances)).toBe(true)
    const before = placesOf(layout, first)
    for (let second = 0; second < 20; second++) {
      mesh.advance()
      const state = mesh.state(second)
      expect(layout.update(state.members, state.distances)).toBe(false)
    }
    const far = mesh.members.find(({ latencyMs }) => latencyMs !== null && latencyMs < 1)
    mesh.change(far?.name ?? '', { latencyMs: 60 })
    const state = mesh.state(30)
    expect(layout.update(state.members, state.distances)).toBe(true)
    const after = placesOf(layout, state)
    expect([...after].filter(([name, place]) => before.get(name) !== place).map(([name]) => name)).toEqual([far?.name])
    expect(layout.update(state.members.filter((member) => member.name !== far?.name), state.distances)).toBe(true)
    expect(layout.position(far?.peerId ?? '')).toBeUndefined()
  })

  it('leaves a member that failed where it was, and puts one without a round trip outside', () => {
    const mesh = new SimulatedMesh({ nodes: 5, seed: 3, isCalm: true })
    const layout = new MeshLayout()
    const first = mesh.state(0)
    layout.update(first.members, first.distances)
    const [, second, third] = first.members
    const before = layout.position(second?.peerId ?? '')
    const { x, y } = before ?? { x: 0, y: 0 }
    mesh.change(second?.name ?? '', { state: 'failed', latencyMs: null })
    const state = mesh.state(1)
    expect(layout.update(state.members, state.distances)).toBe(false)
    expect(layout.position(second?.peerId ?? '')).toMatchObject({ x, y })
    const fresh = new MeshLayout()
    fresh.update(state.members.map((member) => (member === state.members[2] ? { ...member, latencyMs: null } : member)), [])
    const outside = fresh.position(third?.peerId ?? '')
    expect(Math.hypot(outside?.x ?? 0, outside?.y ?? 0)).toBeCloseTo(1, 1)
  })
})
