import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../../src/core/routing/decide.ts'
import { NO_HINTS, type RouteHints } from '../../src/core/routing/hints.ts'
import { parseRoutingOptions } from '../../src/core/routing/options.ts'
import { createStrategy, STRATEGY_NAMES, type StrategyName } from '../../src/core/routing/strategies/registry.ts'
import type { Decision, LocalView, PeerFeedback, PeerView, RouteRequest, Site } from '../../src/core/routing/types.ts'
import { createRandom } from '../../src/core/time/random.ts'
import { peerView } from '../contract/strategy.ts'

const role = fc.constantFrom<PeerView['role']>('primary', 'replica', null)
const latencyMs = fc.oneof({ weight: 6, arbitrary: fc.double({ min: 0, max: 500, noNaN: true }) }, { weight: 1, arbitrary: fc.constantFrom(null, Infinity) })
const site = fc.constantFrom<Site>({ datacenter: '', rack: '' }, { datacenter: 'north', rack: 'r1' }, { datacenter: 'north', rack: 'r2' }, { datacenter: 'south', rack: 'r1' })
const figureMs = fc.double({ min: 0, max: 10_000, noNaN: true })

const feedback: fc.Arbitrary<PeerFeedback | null> = fc.option(fc.record({
  peakEwmaMs: fc.option(figureMs),
  probe: fc.option(fc.record({ inFlight: fc.nat(100), latencyMs: figureMs, ageMs: fc.nat(1_000) })),
  ejectedForMs: fc.constantFrom(0, 0, 0, 5_000),
  warmth: fc.oneof(fc.constantFrom(0, 1, 1, 1), fc.double({ min: 0, max: 1, noNaN: true })),
}))

const peer: fc.Arbitrary<Omit<PeerView, 'peerId' | 'name'>> = fc.record({
  state: fc.constantFrom('alive', 'alive', 'alive', 'suspect', 'failed', 'left', 'joining'),
  status: fc.constantFrom('healthy', 'healthy', 'degraded', 'unhealthy'),
  role, latencyMs, ready: fc.boolean(), overloaded: fc.boolean(),
  cpuPercent: fc.constantFrom(null, 10, 90), memoryPercent: fc.constantFrom(null, 10, 90),
  inFlightThere: fc.oneof(fc.nat(100), fc.constant(2 ** 32 - 1)), inFlightFromHere: fc.nat(600), loadAgeMs: fc.constantFrom(null, 100, 100_000),
  site, capacity: fc.constantFrom(5e-324, 1, 4, 1_000_000), feedback, lagMs: fc.constantFrom(null, 0, 500),
})

const peers = fc.array(peer, { maxLength: 30 }).map((list): PeerView[] => list.map((fields, index) => ({ ...fields, peerId: `p${index}`, name: `p${index}` })))

const local: fc.Arbitrary<LocalView> = fc.record({
  peerId: fc.constant('self'), name: fc.constant('self'), role, ready: fc.boolean(), draining: fc.boolean(), overloaded: fc.boolean(),
  overloadReason: fc.constant(null), site, cpuPercent: fc.constant(0), memoryPercent: fc.constant(0), inFlight: fc.nat(70), inFlightMax: fc.constant(64),
  excessRatio: fc.double({ min: 0, max: 1, noNaN: true }), lagMs: fc.constantFrom(null, 0, 500),
})

const hints: fc.Arbitrary<RouteHints> = fc.oneof(fc.constant(NO_HINTS), fc.record({
  localOnly: fc.constantFrom(false, false, true), preferRemote: fc.boolean(), zone: fc.constantFrom(null, null, 'north', 'north/r2', 'south'),
  maxStalenessMs: fc.constantFrom(null, null, 0, 100, 1_000), strategy: fc.constantFrom(null, ...STRATEGY_NAMES), pinnedTo: fc.constantFrom(null, null, null, 'self', 'p0', 'p3', 'gone'), stickTo: fc.constantFrom(null, 'p0', 'p1', 'gone'), warmAt: fc.constantFrom(null, 'p0', 'p2', 'gone'),
}))

const request: fc.Arbitrary<RouteRequest> = fc.record({
  database: fc.constant('users'), access: fc.constantFrom('read', 'write', 'unknown'), priority: fc.constant('normal'), forwarded: fc.boolean(), lastResort: fc.boolean(), hints,
})

const options = parseRoutingOptions()
const scene = fc.record({ request, local, peers, seed: fc.nat(), explain: fc.boolean(), strategy: fc.constantFrom(...STRATEGY_NAMES) })

interface Scene {
  readonly request: RouteRequest
  readonly local: LocalView
  readonly peers: PeerView[]
  readonly seed: number
  readonly explain: boolean
  readonly strategy: StrategyName
}

function run({ seed, peers: list, strategy, ...rest }: Scene): Decision {
  return decide({ nowMs: 0, ...rest, peers: () => list, random: createRandom(seed), options, strategy: createStrategy(strategy) })
}

/** A deliberately plain restatement of what a query asks of a copy. */
function suits({ request: { access, hints: asked } }: Scene, copy: Pick<PeerView, 'peerId' | 'role' | 'ready' | 'site' | 'lagMs'>): boolean {
  if (copy.role === null || !copy.ready) return false
  if (asked.pinnedTo !== null && asked.pinnedTo !== copy.peerId) return false
  if (access === 'write') return copy.role === 'primary'
  if (asked.zone !== null && ![copy.site.datacenter, `${copy.site.datacenter}/${copy.site.rack}`].includes(asked.zone)) return false
  if (asked.maxStalenessMs === null || copy.role === 'primary') return true
  return copy.lagMs !== null && copy.lagMs <= asked.maxStalenessMs
}

function isReachable(candidate: PeerView): boolean {
  return ['alive', 'suspect'].includes(candidate.state) && candidate.status !== 'unhealthy' && candidate.inFlightFromHere < options.inFlightFromHereMax
}

/** 0 best: as the page on routing has them. */
function tier(candidate: PeerView): number {
  const isFresh = candidate.loadAgeMs !== null && candidate.loadAgeMs <= options.staleAfterMs
  if (candidate.overloaded && isFresh) return 4
  if ((candidate.feedback?.ejectedForMs ?? 0) > 0) return 3
  if (candidate.status === 'degraded') return 2
  return isFresh ? 0 : 1
}

function couldRunHere(input: Scene): boolean {
  return suits(input, input.local) && !input.local.draining && input.local.inFlight < input.local.inFlightMax
}

describe('every decision, by whatever strategy', () => {
  it('forwards only to peers that may take the query, each once, only so many, the better tiers first', () => {
    fc.assert(fc.property(scene, (input) => {
      const decision = run(input)
      if (decision.kind !== 'forward') return
      expect(input.request.forwarded).toBe(false)
      expect(input.request.hints.localOnly).toBe(false)
      expect(decision.chain.length).toBeGreaterThan(0)
      expect(decision.chain.length).toBeLessThanOrEqual(1 + options.failoverMax)
      expect(new Set(decision.chain).size).toBe(decision.chain.length)
      const chain = decision.chain.map((peerId) => input.peers.find((candidate) => candidate.peerId === peerId) as PeerView)
      for (const target of chain) expect(suits(input, target) && isReachable(target)).toBe(true)
      const isSticky = input.request.access !== 'write' && (decision.chain[0] === input.request.hints.stickTo || decision.chain[0] === input.request.hints.warmAt)
      // A session, or a table, stays with a healthy peer whose figures are old as well.
      if (isSticky) expect(tier(chain[0] as PeerView)).toBeLessThanOrEqual(Math.max(1, Math.min(...input.peers.filter((candidate) => suits(input, candidate) && isReachable(candidate)).map(tier))))
      const ranks = (isSticky ? chain.slice(1) : chain).map(tier)
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b))
      // A degraded, ejected or overloaded copy is better than none, but no better than an overloaded one next door.
      if (couldRunHere(input)) expect(Math.max(0, ...ranks)).toBeLessThanOrEqual(1)
      const best = Math.min(...input.peers.filter((candidate) => suits(input, candidate) && isReachable(candidate)).map(tier))
      if (!isSticky) expect(ranks[0]).toBe(best)
      expect(decision.lastResort).toBe(best === 3 ? 'all-ejected' : best === 4 ? 'all-overloaded' : null)
    }), { numRuns: 4000 })
  })

  it('runs here only where the copy suits, with room, not draining', () => {
    fc.assert(fc.property(scene, (input) => {
      const decision = run(input)
      if (decision.kind !== 'local' && decision.kind !== 'local-overloaded') return
      expect(couldRunHere(input)).toBe(true)
      expect(input.local.overloaded).toBe(decision.kind === 'local-overloaded')
      if (decision.explanation.share?.isKept === true) expect(input.peers.some((candidate) => suits(input, candidate) && isReachable(candidate) && tier(candidate) <= 1)).toBe(true)
    }), { numRuns: 2000 })
  })

  it('refuses only what nobody could run', () => {
    fc.assert(fc.property(scene, (input) => {
      const entry = { ...input, request: { ...input.request, forwarded: false, lastResort: false } }
      const decision = run(entry)
      if (decision.kind !== 'refuse') return
      expect(couldRunHere(entry)).toBe(false)
      const staysHere = entry.request.hints.localOnly || entry.request.hints.pinnedTo === 'self'
      if (!staysHere) expect(entry.peers.filter((candidate) => suits(entry, candidate) && isReachable(candidate))).toEqual([])
    }), { numRuns: 2000 })
  })

  it('is the same for the same seed, explained or not, with a finite score for whoever may take it and a reason for everyone', () => {
    fc.assert(fc.property(scene, (input) => {
      const plain = run({ ...input, explain: false })
      const explained = run({ ...input, explain: true })
      const { explanation } = explained
      expect({ ...explained, explanation: null }).toEqual({ ...plain, explanation: null })
      expect({ ...explanation, candidates: [] }).toEqual(plain.explanation)
      expect(new Set(explanation.candidates.map(({ peerId }) => peerId))).toEqual(new Set(input.peers.map(({ peerId }) => peerId)))
      expect(explanation.candidates).toHaveLength(input.peers.length)
      expect(explanation.candidates.filter(({ verdict }) => verdict === 'chosen')).toHaveLength(plain.kind === 'forward' ? 1 : 0)
      const byPeerId = new Map(input.peers.map((peer) => [peer.peerId, peer]))
      explanation.candidates.forEach(({ peerId, score }) => {
        const candidate = byPeerId.get(peerId) as PeerView
        if (suits(input, candidate) && isReachable(candidate)) expect(score).toSatisfy((value: number | null) => value !== null && Number.isFinite(value) && value >= 0)
        else expect(score).toBeNull()
      })
    }), { numRuns: 2000 })
  })
})

describe('smooth weighted round robin', () => {
  it('gives each exactly its weight in as many turns as the weights add up to, from the start and ever after', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (weights) => {
      const candidates = weights.map((capacity, index) => peerView({ peerId: String(index), capacity }))
      const strategy = createStrategy('weighted-round-robin')
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      for (let round = 0; round < 3; round++) {
        const taken = new Array<number>(weights.length).fill(0)
        for (let turn = 0; turn < total; turn++) {
          const [first] = strategy.rank(candidates, { nowMs: 0, site: { datacenter: '', rack: '' }, options, random: () => 0, places: 1 }).order
          taken[first as number] = (taken[first as number] as number) + 1
        }
        expect(taken).toEqual(weights)
      }
    }), { numRuns: 200 })
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

  it.each(STRATEGY_NAMES)('is nobody in particular among equals, with %s: the busiest of 20 stays near the mean over 10,000 queries of many senders', (name) => {
    // Nobody hears of anybody's load meanwhile, and what was last heard differs: the gossip is as stale as it can be.
    const candidates = Array.from({ length: 20 }, (_, index) => peerView({ peerId: `p${index}`, inFlightThere: index % 4, loadAgeMs: 30_000 }))
    const taken = new Map<string, number>()
    for (let sender = 0; sender < 50; sender++) {
      const random = createRandom(sender + 1)
      const strategy = createStrategy(name, random)
      for (let i = 0; i < 200; i++) {
        const decision = decide({ nowMs: 0, request: read, local: absent, peers: () => candidates, random, options, strategy })
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
