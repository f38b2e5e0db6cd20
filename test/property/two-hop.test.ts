/** The two-hop machine against anything that peers may tell and paths may do, and against a search over all relays. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type OwnPath, type PathLatency, TwoHopRoutes } from '../../src/core/latency/two-hop.ts'

const peers = ['a', 'b', 'c', 'd', 'e']
const peer = fc.constantFrom(...peers)
const anyone = fc.constantFrom('self', 'stranger', ...peers)
const rttMs = fc.integer({ min: 0, max: 400 })
const lossRatio = fc.constantFrom(0, 0, 0, 0.1, 0.4, 0.7, 1)
const ownPaths = fc.uniqueArray(fc.record({ peerId: peer, rttMs: fc.option(rttMs), lossRatio, isBroken: fc.constantFrom(false, false, false, true), relays: fc.constantFrom('yes' as const, 'yes' as const, 'if-needed' as const, 'no' as const) }), { selector: ({ peerId }) => peerId })
const told = fc.array(fc.record({ peerId: anyone, rttMs: fc.oneof(rttMs, fc.constantFrom(NaN, -1, Infinity)), lossRatio }), { maxLength: 6 })
const step = fc.oneof(
  fc.record({ kind: fc.constant('vector' as const), peerId: anyone, paths: told }),
  fc.record({ kind: fc.constant('paths' as const), paths: ownPaths }),
  fc.record({ kind: fc.constantFrom('down' as const, 'up' as const, 'remove' as const), peerId: anyone }),
  fc.record({ kind: fc.constant('way-down' as const), peerId: anyone, via: anyone }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 100_000 }) }),
)

function costMs(path: { readonly rttMs: number | null; readonly lossRatio: number } | undefined, lossRatioMax = 0.5): number {
  return path === undefined || path.rttMs === null || !(path.rttMs >= 0 && path.rttMs < Infinity) || path.lossRatio > lossRatioMax || path.lossRatio === 1 ? Infinity : path.rttMs / (1 - path.lossRatio)
}

describe('two-hop routes', () => {
  it('never lead through the target, this node, a stranger, or a peer that is away, broken, unwilling or silent, have one relay, and no way of their own is left on one word', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const routes = new TwoHopRoutes({ selfPeerId: 'self' })
      routes.start(0)
      let nowMs = 0
      let known = new Map<string, OwnPath>()
      const legs = new Map<string, Set<string>>()
      const everDown = new Set<string>()
      for (const input of steps) {
        switch (input.kind) {
          case 'vector':
            routes.handleVector(nowMs, input.peerId, input.paths)
            legs.set(input.peerId, new Set(input.paths.filter((path) => costMs(path) < Infinity).map((path) => path.peerId)))
            break
          case 'paths':
            routes.handlePaths(nowMs, input.paths)
            known = new Map(input.paths.map((path) => [path.peerId, path]))
            break
          case 'down':
            routes.handlePathDown(nowMs, input.peerId)
            everDown.add(input.peerId)
            break
          case 'way-down':
            routes.handleWayDown(nowMs, input.peerId, input.via)
            expect(routes.routeTo(input.peerId)?.via).not.toBe(input.via)
            break
          case 'up':
            routes.handlePathUp(nowMs, input.peerId)
            break
          case 'remove':
            routes.removePeer(nowMs, input.peerId)
            known.delete(input.peerId)
            legs.delete(input.peerId)
            break
          case 'wait':
            nowMs += input.ms
            routes.handleTimeout(nowMs)
        }
        if (input.kind === 'down') for (const { via } of routes.routes().values()) expect(via).not.toBe(input.peerId)
        for (const [target, { via, totalMs, directMs }] of routes.routes()) {
          expect([target, 'self', 'stranger']).not.toContain(via)
          expect(target).not.toBe('self')
          expect(known.get(via)?.isBroken).toBe(false)
          expect(known.get(via)?.relays).not.toBe('no')
          if (directMs !== null) expect(known.get(via)?.relays).toBe('yes')
          expect(known.has(target)).toBe(true)
          expect(legs.get(via)?.has(target)).toBe(true)
          if (directMs !== null && !everDown.has(target)) expect(legs.get(target)?.has(via)).toBe(true)
          if (directMs !== null) expect(totalMs).toBeLessThan(directMs)
        }
      }
    }), { seed: 11, numRuns: 1_500 })
  })

  it('are the shortest of all with one relay, at a first look', () => {
    const matrix = fc.tuple(ownPaths, fc.array(told, { minLength: peers.length, maxLength: peers.length }))
    fc.assert(fc.property(matrix, ([paths, vectors]) => {
      const routes = new TwoHopRoutes({ selfPeerId: 'self', options: { relayMs: 3 } })
      // The worst of what one vector says of one path.
      const legMs = new Map(peers.map((relay, index) => {
        const costs = new Map<string, number>()
        for (const path of vectors[index] as PathLatency[]) if (path.peerId !== relay && costMs(path) < Infinity) costs.set(path.peerId, Math.max(costs.get(path.peerId) ?? 0, costMs(path)))
        return [relay, costs] as const
      }))
      peers.forEach((relay, index) => routes.handleVector(0, relay, vectors[index] as PathLatency[]))
      routes.handlePaths(0, paths)
      for (const target of paths) {
        const directMs = target.isBroken ? Infinity : costMs(target, 1)
        // What only the relay tells is believed where there is no other way.
        const untoldMs = target.isBroken || target.lossRatio === 1 ? 0 : Infinity
        const totalsOf = (relays: OwnPath['relays']): number[] => paths.filter((relay) => relay !== target && relay.relays === relays && !relay.isBroken).map((relay) => (
          costMs(relay) + Math.max(legMs.get(relay.peerId)?.get(target.peerId) ?? Infinity, legMs.get(target.peerId)?.get(relay.peerId) ?? untoldMs) + 3))
        const willingMs = Math.min(Infinity, ...totalsOf('yes'))
        const shortestMs = willingMs === Infinity && directMs === Infinity ? Math.min(Infinity, ...totalsOf('if-needed')) : willingMs
        const isWorth = shortestMs < Infinity && (directMs === Infinity || (shortestMs < directMs * 0.8 && directMs - shortestMs >= 2))
        expect(routes.routeTo(target.peerId)?.totalMs ?? null).toBe(isWorth ? shortestMs : null)
      }
    }), { seed: 12, numRuns: 1_500 })
  })
})
