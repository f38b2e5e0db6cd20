import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../../src/core/routing/decide.ts'
import { NO_HINTS } from '../../src/core/routing/hints.ts'
import { parseRoutingOptions } from '../../src/core/routing/options.ts'
import type { Decision, LocalView, PeerView, RouteRequest } from '../../src/core/routing/types.ts'
import { createRandom } from '../../src/core/time/random.ts'
import { peerView } from '../contract/strategy.ts'

const role = fc.constantFrom<PeerView['role']>('primary', 'replica', null)
const latencyMs = fc.oneof({ weight: 6, arbitrary: fc.double({ min: 0, max: 500, noNaN: true }) }, { weight: 1, arbitrary: fc.constantFrom(null, Infinity) })

const peer: fc.Arbitrary<Omit<PeerView, 'peerId' | 'name'>> = fc.record({
  state: fc.constantFrom('alive', 'alive', 'alive', 'suspect', 'failed', 'left', 'joining'),
  status: fc.constantFrom('healthy', 'healthy', 'degraded', 'unhealthy'),
  role, latencyMs, ready: fc.boolean(), overloaded: fc.boolean(),
  cpuPercent: fc.constantFrom(null, 10, 90), memoryPercent: fc.constantFrom(null, 10, 90),
  inFlightThere: fc.nat(100), inFlightFromHere: fc.nat(600), loadAgeMs: fc.constantFrom(null, 100, 100_000),
  site: fc.constant({ datacenter: '', rack: '' }), capacity: fc.constantFrom(1, 4), feedback: fc.constant(null), lagMs: fc.constantFrom(null, 0, 500),
})

const peers = fc.array(peer, { maxLength: 30 }).map((list): PeerView[] => list.map((fields, index) => ({ ...fields, peerId: `p${index}`, name: `p${index}` })))

const local: fc.Arbitrary<LocalView> = fc.record({
  peerId: fc.constant('self'), name: fc.constant('self'), role, ready: fc.boolean(), draining: fc.boolean(), overloaded: fc.boolean(),
  overloadReason: fc.constant(null), site: fc.constant({ datacenter: '', rack: '' }), cpuPercent: fc.constant(0), memoryPercent: fc.constant(0), inFlight: fc.nat(70), inFlightMax: fc.constant(64), excessRatio: fc.double({ min: 0, max: 1, noNaN: true }), lagMs: fc.constantFrom(null, 0, 500),
})

const request: fc.Arbitrary<RouteRequest> = fc.record({
  database: fc.constant('users'), access: fc.constantFrom('read', 'write', 'unknown'), priority: fc.constant('normal'), forwarded: fc.boolean(), lastResort: fc.boolean(), hints: fc.constant(NO_HINTS),
})

const options = parseRoutingOptions()
const scene = fc.record({ request, local, peers, seed: fc.nat(), explain: fc.boolean() })

function run({ seed, peers: list, ...rest }: { request: RouteRequest; local: LocalView; peers: PeerView[]; seed: number; explain: boolean }): Decision {
  return decide({ nowMs: 0, ...rest, peers: () => list, random: createRandom(seed), options })
}

describe('every decision', () => {
  it('forwards only to peers that may take the query, each once, and only so many', () => {
    fc.assert(fc.property(scene, (input) => {
      const decision = run(input)
      if (decision.kind !== 'forward') return
      expect(input.request.forwarded).toBe(false)
      expect(decision.chain.length).toBeGreaterThan(0)
      expect(decision.chain.length).toBeLessThanOrEqual(1 + options.failoverMax)
      expect(new Set(decision.chain).size).toBe(decision.chain.length)
      const isWrite = input.request.access === 'write'
      for (const peerId of decision.chain) {
        const target = input.peers.find((candidate) => candidate.peerId === peerId)
        expect(target).toMatchObject({ ready: true, role: isWrite ? 'primary' : expect.stringMatching(/primary|replica/), state: expect.stringMatching(/alive|suspect/) })
        expect(target?.status).not.toBe('unhealthy')
        // An overloaded copy is better than none, but no better than an overloaded one next door.
        const { local } = input
        const couldRunHere = local.role !== null && local.ready && !local.draining && local.inFlight < local.inFlightMax && !isWrite
        if (couldRunHere) {
          expect(target?.status).toBe('healthy')
          expect(target?.overloaded === true && target.loadAgeMs !== null && target.loadAgeMs <= options.staleAfterMs).toBe(false)
        }
      }
    }), { numRuns: 2000 })
  })

  it('runs here only where the database is, ready, with room, not draining, and as the primary for a write', () => {
    fc.assert(fc.property(scene, (input) => {
      const decision = run(input)
      if (decision.kind !== 'local' && decision.kind !== 'local-overloaded') return
      expect(input.local.role).not.toBeNull()
      expect(input.local).toMatchObject({ ready: true, draining: false, overloaded: decision.kind === 'local-overloaded' })
      expect(input.local.inFlight).toBeLessThan(input.local.inFlightMax)
      if (input.request.access === 'write') expect(input.local.role).toBe('primary')
    }), { numRuns: 2000 })
  })

  it('refuses only what nobody could run', () => {
    fc.assert(fc.property(scene, (input) => {
      const decision = run({ ...input, request: { ...input.request, forwarded: false, lastResort: false } })
      if (decision.kind !== 'refuse') return
      const isWrite = input.request.access === 'write'
      // A deliberately plain restatement of who may take it.
      const able = input.peers.filter((candidate) => candidate.ready && candidate.role !== null && (!isWrite || candidate.role === 'primary')
        && ['alive', 'suspect'].includes(candidate.state) && candidate.status !== 'unhealthy' && candidate.inFlightFromHere < 512)
      expect(able).toEqual([])
    }), { numRuns: 2000 })
  })

  it('is the same for the same seed, explained or not', () => {
    fc.assert(fc.property(scene, (input) => {
      const plain = run({ ...input, explain: false })
      const explained = run({ ...input, explain: true })
      const { explanation } = explained
      expect({ ...explained, explanation: null }).toEqual({ ...plain, explanation: null })
      expect(explanation.reason).toBe(plain.explanation.reason)
      expect(explanation.candidates).toHaveLength(input.peers.length)
      expect(explanation.candidates.filter(({ verdict }) => verdict === 'chosen')).toHaveLength(plain.kind === 'forward' ? 1 : 0)
    }), { numRuns: 1000 })
  })
})

describe('the chosen peer', () => {
  const absent: LocalView = {
    peerId: 'self', name: 'self', role: null, ready: false, draining: false, overloaded: false, overloadReason: null, site: { datacenter: '', rack: '' }, cpuPercent: 0, memoryPercent: 0, inFlight: 0, inFlightMax: 64, excessRatio: 1, lagMs: 0,
  }
  const read: RouteRequest = { database: 'users', access: 'read', priority: 'normal', forwarded: false, lastResort: false, hints: NO_HINTS }

  it('is within the tie band of the nearest one of its tier', () => {
    const healthy = fc.array(fc.record({ latencyMs, inFlightThere: fc.nat(100) }), { minLength: 1, maxLength: 40 })
    fc.assert(fc.property(healthy, fc.nat(), (list, seed) => {
      const candidates = list.map((fields, index) => peerView({ peerId: `p${index}`, ...fields }))
      const decision = decide({ nowMs: 0, request: read, local: absent, peers: () => candidates, random: createRandom(seed), options })
      if (decision.kind !== 'forward') throw new Error(`not forwarded: ${decision.kind}`)
      const measured = list.map((fields) => fields.latencyMs).filter((value): value is number => value !== null && Number.isFinite(value))
      const prior = Math.max(200, ...measured)
      const effective = (value: number | null | undefined): number => (value === null || value === undefined || !Number.isFinite(value) ? prior : value)
      const best = Math.min(...list.map((fields) => effective(fields.latencyMs)))
      const chosen = candidates.find(({ peerId }) => peerId === decision.chain[0])
      expect(effective(chosen?.latencyMs)).toBeLessThanOrEqual(Math.max(best * 1.2, best + 1))
    }), { numRuns: 2000 })
  })

  it('is nobody in particular among equals: the busiest of 20 stays near the mean over 10,000 queries of many senders', () => {
    // Nobody hears of anybody's load meanwhile: the gossip is as stale as it can be.
    const candidates = Array.from({ length: 20 }, (_, index) => peerView({ peerId: `p${index}`, inFlightThere: 2 }))
    const taken = new Map<string, number>()
    for (let sender = 0; sender < 50; sender++) {
      const random = createRandom(sender + 1)
      for (let i = 0; i < 200; i++) {
        const decision = decide({ nowMs: 0, request: read, local: absent, peers: () => candidates, random, options })
        if (decision.kind !== 'forward') throw new Error(`not forwarded: ${decision.kind}`)
        const [first = ''] = decision.chain
        taken.set(first, (taken.get(first) ?? 0) + 1)
      }
    }
    expect(taken.size).toBe(20)
    expect(Math.max(...taken.values())).toBeLessThan(1.2 * 500)
    expect(Math.min(...taken.values())).toBeGreaterThan(0.8 * 500)
  })

  it('is spread by own dispatches even where chance alone would cluster', () => {
    const inFlight = new Array<number>(20).fill(0)
    const random = createRandom(77)
    for (let i = 0; i < 2_000; i++) {
      const candidates = inFlight.map((inFlightFromHere, index) => peerView({ peerId: String(index), inFlightFromHere }))
      const decision = decide({ nowMs: 0, request: read, local: absent, peers: () => candidates, random, options })
      if (decision.kind !== 'forward') throw new Error(`not forwarded: ${decision.kind}`)
      const first = Number(decision.chain[0])
      inFlight[first] = (inFlight[first] as number) + 1
    }
    // Two choices: the maximum exceeds the mean by O(log log n), here by a handful, where one choice would give about 25.
    expect(Math.max(...inFlight) - 100).toBeLessThanOrEqual(5)
  })
})
