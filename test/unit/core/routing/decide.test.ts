import { describe, expect, it } from 'vitest'
import { decide, type DecideInput } from '../../../../src/core/routing/decide.ts'
import { NO_HINTS, type RouteHints } from '../../../../src/core/routing/hints.ts'
import { createStrategy, StrategySet } from '../../../../src/core/routing/strategies/registry.ts'
import type { Decision, LocalView, PeerView, RouteRequest } from '../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../src/core/time/random.ts'
import { feedback, peerView } from '../../../contract/strategy.ts'

const read: RouteRequest = { database: 'users', access: 'read', priority: 'normal', forwarded: false, lastResort: false, hints: NO_HINTS }
const write: RouteRequest = { ...read, access: 'write' }
const idle: LocalView = {
  peerId: 'self', name: 'local1', role: 'replica', ready: true, draining: false, overloaded: false, overloadReason: null, site: { datacenter: '', rack: '' },
  cpuPercent: 10, memoryPercent: 20, inFlight: 0, inFlightMax: 64, excessRatio: 0, lagMs: 0,
}
const overloaded: LocalView = { ...idle, overloaded: true, overloadReason: 'CPU 85% exceeds threshold 80%', cpuPercent: 85, excessRatio: 1 }
const absent: LocalView = { ...idle, role: null, ready: false }
const full: LocalView = { ...idle, inFlight: 64 }
const draining: LocalView = { ...idle, draining: true }

function ask(local: LocalView, peers: readonly PeerView[] = [], more: Partial<DecideInput> = {}): Decision {
  return decide({ nowMs: 0, request: read, local, peers: () => peers, random: createRandom(1), options: {}, ...more })
}

/** The kind, with what it leads to: "forward a b", "refuse ERR_DRAINING". */
function outcome(decision: Decision): string {
  if (decision.kind === 'forward') return `forward ${decision.chain.join(' ')}`
  return decision.kind === 'refuse' ? `refuse ${decision.code}` : decision.kind
}

function verdicts(decision: Decision): Record<string, string> {
  return Object.fromEntries(decision.explanation.candidates.map(({ name, verdict }) => [name, verdict]))
}

const near = peerView({ peerId: 'near', latencyMs: 1 })
const far = peerView({ peerId: 'far', latencyMs: 50 })
const stale = peerView({ peerId: 'stale', latencyMs: 1, loadAgeMs: 90_001 })
const degraded = peerView({ peerId: 'degraded', latencyMs: 300, status: 'degraded' })
const ejected = peerView({ peerId: 'ejected', feedback: feedback({ ejectedForMs: 1 }) })
const loaded = peerView({ peerId: 'loaded', overloaded: true, status: 'degraded', cpuPercent: 95 })

describe('a read at its entry node', () => {
  it.each<[string, LocalView, PeerView[], string]>([
    ['runs here while below the thresholds, however near others are', idle, [near], 'local'],
    ['runs on the nearest when here is overloaded', overloaded, [far, near], 'forward near far'],
    ['runs on the nearest when the database is not here', absent, [far, near], 'forward near far'],
    ['runs elsewhere while the local copy is not ready', { ...idle, ready: false }, [near], 'forward near'],
    ['runs elsewhere while this node drains', draining, [near], 'forward near'],
    ['runs elsewhere at the limit of queries', full, [near], 'forward near'],
    ['has peers with old load figures behind the others', overloaded, [stale, far], 'forward far stale'],
    ['has peers without load figures behind the others', overloaded, [{ ...near, loadAgeMs: null }, far], 'forward far near'],
    ['goes to a peer with old load figures rather than stay on an overloaded node', overloaded, [stale], 'forward stale'],
    ['has degraded peers behind all others', absent, [degraded, stale, near], 'forward near stale degraded'],
    ['goes to a degraded peer when it cannot run here', absent, [degraded], 'forward degraded'],
    ['goes to a suspect peer when it cannot run here', full, [{ ...degraded, state: 'suspect' }], 'forward degraded'],
    ['stays on an overloaded node rather than go to a degraded peer', overloaded, [degraded], 'local-overloaded'],
    ['stays on an overloaded node when all others are overloaded', overloaded, [loaded], 'local-overloaded'],
    ['stays on an overloaded node when it is alone', overloaded, [], 'local-overloaded'],
    ['is refused when nobody has the database', absent, [], 'refuse ERR_DATABASE_UNKNOWN'],
    ['is refused when nobody has the database, whoever else is there', absent, [{ ...near, role: null }], 'refuse ERR_DATABASE_UNKNOWN'],
    ['goes to an overloaded peer, behind all others, when it cannot run here', absent, [loaded, degraded], 'forward degraded loaded'],
    ['goes to an ejected peer, behind degraded ones and before overloaded ones', absent, [loaded, ejected, degraded], 'forward degraded ejected loaded'],
    ['stays on an overloaded node when all others are ejected', overloaded, [ejected], 'local-overloaded'],
    ['has a peer whose overload nobody has renewed behind the others, and tries it', overloaded, [{ ...near, overloaded: true, loadAgeMs: 90_001 }, far], 'forward far near'],
    ['is refused when whoever has it has failed', absent, [{ ...near, state: 'failed', status: 'unhealthy' }], 'refuse ERR_NO_HEALTHY_PEER'],
    ['goes to an overloaded peer at the limit of queries', full, [loaded], 'forward loaded'],
    ['is refused at the limit of queries with nobody to help', full, [], 'refuse ERR_OVERLOADED'],
    ['is refused by a draining node with nobody to help', draining, [], 'refuse ERR_DRAINING'],
    ['is refused while the only copy is not ready', { ...idle, ready: false }, [], 'refuse ERR_NOT_SERVING'],
    ['is refused while no copy is ready', { ...idle, ready: false }, [{ ...near, ready: false }], 'refuse ERR_NO_HEALTHY_PEER'],
  ])('%s', (_, local, peers, expected) => {
    expect(outcome(ask(local, peers))).toBe(expected)
  })

  it('is what an unparsed statement counts as', () => {
    expect(outcome(ask(absent, [near], { request: { ...read, access: 'unknown' } }))).toBe('forward near')
  })

  it('has a bounded chain', () => {
    const peers = Array.from({ length: 20 }, (_, index) => peerView({ peerId: `p${index}`, latencyMs: 10 + 10 * index }))
    expect(outcome(ask(absent, peers))).toBe('forward p0 p1 p2 p3')
    expect(outcome(ask(absent, peers, { options: { failoverMax: 0 } }))).toBe('forward p0')
  })

  it('tells the latency of the chosen peer, and none where none was measured', () => {
    expect(ask(absent, [far])).toMatchObject({ latencyMs: 50 })
    expect(ask(absent, [{ ...far, latencyMs: null }])).toMatchObject({ latencyMs: null })
    expect(ask(absent, [{ ...far, latencyMs: Infinity }])).toMatchObject({ latencyMs: null })
  })

  it('skips a peer that has too many of our queries', () => {
    expect(outcome(ask(overloaded, [{ ...near, inFlightFromHere: 16_384 }, far]))).toBe('forward far')
  })
})

describe('a write at its entry node', () => {
  const primary: LocalView = { ...idle, role: 'primary' }
  const remotePrimary = peerView({ peerId: 'primary', role: 'primary', latencyMs: 80 })
  it.each<[string, LocalView, PeerView[], string]>([
    ['runs here on the primary', primary, [near], 'local'],
    ['runs here on an overloaded primary', { ...primary, overloaded: true, overloadReason: 'CPU 85% exceeds threshold 80%' }, [near, remotePrimary], 'local-overloaded'],
    ['goes from a replica to the primary, however far', idle, [near, remotePrimary], 'forward primary'],
    ['goes to a degraded primary', idle, [{ ...remotePrimary, status: 'degraded' }], 'forward primary'],
    ['goes to an overloaded primary', idle, [{ ...remotePrimary, overloaded: true, status: 'degraded' }], 'forward primary'],
    ['is refused when the primary is unhealthy', idle, [{ ...remotePrimary, status: 'unhealthy' }], 'refuse ERR_NO_PRIMARY'],
    ['is refused when there are only replicas', idle, [near], 'refuse ERR_NO_PRIMARY'],
    ['is refused when the primary, here, is not ready', { ...primary, ready: false }, [near], 'refuse ERR_NO_PRIMARY'],
    ['is refused at the limit of queries of the primary', { ...primary, inFlight: 64 }, [near], 'refuse ERR_OVERLOADED'],
    ['is refused by a draining primary', { ...primary, draining: true }, [near], 'refuse ERR_DRAINING'],
    ['is refused when nobody has the database', absent, [], 'refuse ERR_DATABASE_UNKNOWN'],
  ])('%s', (_, local, peers, expected) => {
    expect(outcome(ask(local, peers, { request: write }))).toBe(expected)
  })
})

describe('a forwarded query runs or is refused', () => {
  const primary: LocalView = { ...idle, role: 'primary' }
  it.each<[string, LocalView, RouteRequest, string]>([
    ['read, idle', idle, read, 'local'],
    ['read, overloaded', overloaded, read, 'refuse ERR_OVERLOADED'],
    ['read, overloaded, as a last resort', overloaded, { ...read, lastResort: true }, 'local-overloaded'],
    ['read, at the limit, even as a last resort', full, { ...read, lastResort: true }, 'refuse ERR_OVERLOADED'],
    ['read, at the limit', full, read, 'refuse ERR_OVERLOADED'],
    ['read, draining', draining, read, 'refuse ERR_DRAINING'],
    ['read, not served', absent, read, 'refuse ERR_NOT_SERVING'],
    ['read, not ready', { ...idle, ready: false }, read, 'refuse ERR_NOT_SERVING'],
    ['write, primary', primary, write, 'local'],
    ['write, overloaded primary', { ...primary, overloaded: true }, write, 'local-overloaded'],
    ['write, primary at the limit', { ...primary, inFlight: 64 }, write, 'refuse ERR_OVERLOADED'],
    ['write, primary not ready', { ...primary, ready: false }, write, 'refuse ERR_NOT_SERVING'],
    ['write, replica', idle, write, 'refuse ERR_NOT_PRIMARY'],
    ['write, not served', absent, write, 'refuse ERR_NOT_SERVING'],
  ])('%s', (_, local, request, expected) => {
    expect(outcome(ask(local, [near], { request: { ...request, forwarded: true } }))).toBe(expected)
  })
})

describe('explanation', () => {
  it.each<[string, Decision, string]>([
    ['local', ask(idle), 'Local node is below its thresholds'],
    ['forward', ask(overloaded, [near]), 'Local CPU 85% exceeds threshold 80%'],
    ['forward, not served', ask(absent, [near]), 'Local node does not serve users'],
    ['forward, full', ask(full, [near]), 'Local node runs 64 queries and its limit is 64'],
    ['forward, write', ask(idle, [{ ...near, role: 'primary' }], { request: write }), 'Writes to users go to its primary'],
    ['local-overloaded', ask(overloaded), 'Local CPU 85% exceeds threshold 80%, but no healthy peer can take the query'],
    ['unknown', ask(absent), 'No node of the mesh serves users'],
    ['nobody healthy', ask(absent, [{ ...near, ready: false }]), 'Local node does not serve users, and every node that does is down, unhealthy or not ready'],
    ['draining', ask(draining), 'Local node is shutting down, and no other node can take the query'],
    ['without a reason given', ask({ ...overloaded, overloadReason: null }, [near]), 'Local node is above its thresholds'],
  ])('%s', (_, decision, reason) => {
    expect(decision.explanation.reason).toBe(reason)
    expect(decision.explanation.strategy).toBe('nearest')
  })

  it('lists no candidates unless asked', () => {
    expect(ask(overloaded, [near]).explanation.candidates).toEqual([])
  })

  it('says of every candidate why it was passed over', () => {
    const peers = [
      near, far, stale, degraded, loaded,
      peerView({ peerId: 'other', role: null }), peerView({ peerId: 'starting', ready: false }), peerView({ peerId: 'dead', state: 'failed', status: 'unhealthy' }),
      peerView({ peerId: 'silent', status: 'unhealthy' }), peerView({ peerId: 'ours', inFlightFromHere: 16_384 }),
    ]
    const decision = ask(overloaded, peers, { explain: true, options: { failoverMax: 1 } })
    expect(outcome(decision)).toBe('forward near far')
    expect(verdicts(decision)).toEqual({
      near: 'chosen', far: 'fallback', stale: 'stale-load', degraded: 'degraded', loaded: 'overloaded', other: 'does-not-serve', starting: 'not-ready',
      dead: 'not-alive', silent: 'unhealthy', ours: 'too-many-in-flight',
    })
    expect(decision.explanation.candidates[1]).toEqual({ peerId: 'far', name: 'far', latencyMs: 50, cpuPercent: 10, memoryPercent: 20, inFlight: 0, score: 50, verdict: 'fallback' })
    expect(decision.explanation.candidates.find(({ name }) => name === 'dead')?.score).toBeNull()
  })

  it('lists them as they would be asked: those of the chain, then by score, then by name', () => {
    const names = (decision: Decision): string[] => decision.explanation.candidates.map(({ name }) => name)
    const peers = [peerView({ peerId: 'b', role: null }), peerView({ peerId: 'a', role: null }), { ...loaded, latencyMs: 7 }, far, near]
    expect(names(ask(overloaded, peers, { explain: true, options: { failoverMax: 1 } }))).toEqual(['near', 'far', 'loaded', 'a', 'b'])
    expect(names(ask(idle, peers, { explain: true }))).toEqual(['near', 'loaded', 'far', 'a', 'b'])
  })

  it('calls the usable peers spare where the local node runs it', () => {
    expect(verdicts(ask(idle, [near, loaded], { explain: true }))).toEqual({ near: 'spare', loaded: 'overloaded' })
  })

  it('says who is not the primary', () => {
    expect(verdicts(ask(idle, [near, peerView({ peerId: 'p', role: 'primary' })], { explain: true, request: write }))).toEqual({ near: 'not-primary', p: 'chosen' })
  })

  it('does not change what is decided, nor what is decided next', () => {
    const peers = Array.from({ length: 9 }, (_, index) => peerView({ peerId: `p${index}` }))
    const runs = [true, false].map((explain) => {
      const random = createRandom(3)
      return Array.from({ length: 20 }, () => outcome(ask(overloaded, peers, { explain, random })))
    })
    expect(runs[0]).toEqual(runs[1])
  })
})

describe('overload is shared', () => {
  /** How many of 1,000 reads leave. */
  function forwardedOf(local: LocalView, more: Partial<DecideInput> = {}): number {
    const random = createRandom(8)
    return Array.from({ length: 1_000 }, () => ask(local, [near, far], { random, ...more })).filter(({ kind }) => kind === 'forward').length
  }

  it('in a share that grows with the excess, from shareMin at the threshold to all of it at shareFullAt', () => {
    const [atThreshold, between, full, beyond] = [0, 0.25, 0.5, 1].map((excessRatio) => forwardedOf({ ...overloaded, excessRatio })) as [number, number, number, number]
    expect(atThreshold).toBeGreaterThan(460)
    expect(atThreshold).toBeLessThan(540)
    expect(between).toBeGreaterThan(710)
    expect(between).toBeLessThan(790)
    expect([full, beyond]).toEqual([1_000, 1_000])
    expect(forwardedOf({ ...overloaded, excessRatio: 0 }, { options: { shareMin: 1 } })).toBe(1_000)
  })

  it('and the explanation says so', () => {
    const kept = ask({ ...overloaded, excessRatio: 0 }, [near], { random: () => 0.5, explain: true })
    expect(kept).toMatchObject({
      kind: 'local-overloaded', lastResort: null,
      explanation: { reason: 'Local CPU 85% exceeds threshold 80%; at this load 50% of the reads go to peers, and this one is of the share that stays', share: { forwardedRatio: 0.5, isKept: true } },
    })
    expect(verdicts(kept)).toEqual({ near: 'spare' })
    expect(ask({ ...overloaded, excessRatio: 0.1 }, [near], { random: () => 0.59 })).toMatchObject({ kind: 'forward', explanation: { reason: 'Local CPU 85% exceeds threshold 80%', share: { forwardedRatio: 0.6, isKept: false } } })
    expect(ask(idle).explanation.share).toBeNull()
    expect(ask(absent, [near]).explanation.share).toBeNull()
  })

  it('with nobody where no peer is healthy, and then draws no chance', () => {
    const random = (): never => { throw new Error('drawn') }
    expect(ask({ ...overloaded, excessRatio: 0 }, [degraded, loaded], { random })).toMatchObject({ kind: 'local-overloaded', explanation: { share: null } })
  })

  it('never where the query cannot run here', () => {
    expect(forwardedOf({ ...absent, excessRatio: 0 })).toBe(1_000)
    expect(forwardedOf({ ...full, overloaded: true, excessRatio: 0 })).toBe(1_000)
  })
})

describe('a node that is slower than the others', () => {
  const slow: LocalView = { ...idle, comparison: { hereMs: 800, elsewhereMs: 50, elsewhereName: 'fast1', forwardedRatio: 1 } }
  const slowPeer = peerView({ peerId: 'slow', latencyMs: 0.5, serviceMs: 700 })

  function share(forwardedRatio: number): LocalView {
    return { ...slow, comparison: { hereMs: 800, elsewhereMs: 50, elsewhereName: 'fast1', forwardedRatio } }
  }

  it('sends its reads to those that are not, and says by how much', () => {
    expect(ask(slow, [slowPeer, far, near], { explain: true })).toMatchObject({
      kind: 'forward', chain: ['near', 'far'], lastResort: null,
      explanation: { reason: 'A query takes 800 ms here, 16 × as long as at fast1', share: { forwardedRatio: 1, isKept: false } },
    })
    expect(verdicts(ask(slow, [slowPeer, near], { explain: true }))).toEqual({ slow: 'slow', near: 'chosen' })
  })

  it('keeps the share that stays, without a warning', () => {
    expect(ask(share(0.3), [near], { random: () => 0.3 })).toMatchObject({ kind: 'local', explanation: { reason: 'A query takes 800 ms here, 16 × as long as at fast1; so 30% of the reads go to peers, and this one is of the share that stays' } })
    expect(outcome(ask(share(0.3), [near], { random: () => 0.29 }))).toBe('forward near')
    expect(outcome(ask(share(0), [near]))).toBe('local')
  })

  it('keeps all reads where nobody healthy is faster', () => {
    for (const peers of [[], [slowPeer], [degraded], [loaded]]) expect(outcome(ask(slow, peers))).toBe('local')
  })

  it('keeps writes, what others send, and what asks to stay', () => {
    expect(outcome(ask({ ...slow, role: 'primary' }, [near], { request: write }))).toBe('local')
    expect(outcome(ask(slow, [near], { request: { ...read, forwarded: true } }))).toBe('local')
    expect(outcome(ask(slow, [near], { request: { ...read, hints: { ...NO_HINTS, localOnly: true } } }))).toBe('local')
  })

  it('and overloaded as well sends the larger of both shares', () => {
    const both = { ...share(0.9), overloaded: true, excessRatio: 0 }
    expect(outcome(ask(both, [near], { random: () => 0.89 }))).toBe('forward near')
    expect(outcome(ask(both, [near], { random: () => 0.9 }))).toBe('local-overloaded')
    expect(outcome(ask({ ...share(0), overloaded: true, excessRatio: 0 }, [near], { random: () => 0.49 }))).toBe('forward near')
  })

  it('is behind all that are healthy where another chooses, and no worse than nobody', () => {
    const gateway: LocalView = { ...absent, comparison: { hereMs: null, elsewhereMs: 50, elsewhereName: 'near', forwardedRatio: 0 } }
    expect(outcome(ask(gateway, [slowPeer, near]))).toBe('forward near slow')
    expect(outcome(ask(gateway, [slowPeer]))).toBe('forward slow')
    // Less than three times, or less than 50 ms more: nothing that counts.
    expect(outcome(ask(gateway, [{ ...slowPeer, serviceMs: 149 }, far]))).toBe('forward slow far')
    expect(outcome(ask({ ...gateway, comparison: { hereMs: null, elsewhereMs: 1, elsewhereName: 'near', forwardedRatio: 0 } }, [{ ...slowPeer, serviceMs: 49 }, far]))).toBe('forward slow far')
  })
})

describe('copies that are all overloaded', () => {
  const queueing: LocalView = { ...overloaded, inFlight: 60, comparison: { hereMs: 1_000, elsewhereMs: 300, elsewhereName: 'x', forwardedRatio: 0 } }
  const busy = peerView({ peerId: 'busy', overloaded: true, status: 'degraded', latencyMs: 1, serviceMs: 499, inFlightThere: 40 })

  it('help the one where a query would take twice as long', () => {
    expect(ask(queueing, [busy])).toMatchObject({ kind: 'forward', chain: ['busy'], isRelief: true, explanation: { reason: 'Local CPU 85% exceeds threshold 80%; busy is overloaded too, but would answer in 499 ms what takes 1000 ms here' } })
    expect(outcome(ask(queueing, [{ ...busy, serviceMs: 500 }]))).toBe('local-overloaded')
  })

  it('help the one that has twice as many, if they take no longer', () => {
    const emptier = { ...busy, serviceMs: 900, inFlightThere: 29 }
    expect(outcome(ask(queueing, [emptier]))).toBe('forward busy')
    expect(outcome(ask(queueing, [{ ...emptier, inFlightThere: 30 }]))).toBe('local-overloaded')
    // Sent since it told.
    expect(outcome(ask(queueing, [{ ...emptier, inFlightFromHere: 30 }]))).toBe('local-overloaded')
    expect(outcome(ask(queueing, [{ ...emptier, serviceMs: 1_100, inFlightThere: 0 }]))).toBe('local-overloaded')
  })

  it('are sent no more than there are here, however short a time they told', () => {
    expect(outcome(ask(queueing, [{ ...busy, serviceMs: 100, inFlightFromHere: 59 }]))).toBe('forward busy')
    expect(outcome(ask(queueing, [{ ...busy, serviceMs: 100, inFlightFromHere: 60 }]))).toBe('local-overloaded')
  })

  it('keep their own where times are not known', () => {
    expect(outcome(ask(queueing, [{ ...busy, serviceMs: null }]))).toBe('local-overloaded')
    expect(outcome(ask(overloaded, [busy]))).toBe('local-overloaded')
  })

  it('are no relief for one that is merely slow, nor where a healthy one is chosen', () => {
    expect(outcome(ask({ ...idle, comparison: { hereMs: 1_000, elsewhereMs: 300, elsewhereName: 'x', forwardedRatio: 1 } }, [busy]))).toBe('local')
    expect(ask(queueing, [near])).toMatchObject({ kind: 'forward', isRelief: false })
    // Where it cannot run here that is the last resort and not a favour.
    expect(ask(absent, [busy])).toMatchObject({ kind: 'forward', isRelief: false, lastResort: 'all-overloaded' })
  })
})

describe('what others send to an overloaded node', () => {
  const refusedOf = (local: LocalView, request: Partial<RouteRequest> = {}): number => {
    const random = createRandom(3)
    return Array.from({ length: 1_000 }, () => ask(local, [], { random, request: { ...read, forwarded: true, ...request } })).filter(({ kind }) => kind === 'refuse').length
  }

  it('is refused in a share that grows with the excess', () => {
    expect(refusedOf({ ...overloaded, excessRatio: 0 })).toBe(0)
    const quarter = refusedOf({ ...overloaded, excessRatio: 0.25 })
    expect(quarter).toBeGreaterThan(200)
    expect(quarter).toBeLessThan(300)
    expect(refusedOf({ ...overloaded, excessRatio: 1 })).toBe(1_000)
  })

  it('is taken where the sender knows no better place', () => {
    expect(refusedOf({ ...overloaded, excessRatio: 1 }, { lastResort: true })).toBe(0)
  })
})

describe('the last resort', () => {
  it.each<[string, LocalView, PeerView[], string, string | null]>([
    ['is none where a healthy peer takes it', overloaded, [near, ejected], 'forward near', null],
    ['is none where this node takes it', idle, [ejected], 'local', null],
    ['is none where a degraded peer is left', overloaded, [degraded, ejected], 'local-overloaded', null],
    ['is none where nobody is left', overloaded, [], 'local-overloaded', null],
    ['here, all ejected', overloaded, [ejected], 'local-overloaded', 'all-ejected'],
    ['here, all overloaded', overloaded, [loaded], 'local-overloaded', 'all-overloaded'],
    ['here, the ejected ones before the overloaded ones', overloaded, [loaded, ejected], 'local-overloaded', 'all-ejected'],
    ['elsewhere, all ejected', absent, [ejected], 'forward ejected', 'all-ejected'],
    ['elsewhere, all overloaded', full, [loaded], 'forward loaded', 'all-overloaded'],
    ['does not count who could not take it anyway', absent, [ejected, { ...near, ready: false }], 'forward ejected', 'all-ejected'],
  ])('%s', (_, local, peers, expected, lastResort) => {
    const decision = ask(local, peers)
    expect(outcome(decision)).toBe(expected)
    expect(decision.lastResort).toBe(lastResort)
  })
})

describe('hints', () => {
  const north = { datacenter: 'north', rack: 'r1' }
  const here: LocalView = { ...idle, site: north }
  const hinted = (hints: Partial<RouteHints>, base: RouteRequest = read): Partial<DecideInput> => ({ request: { ...base, hints: { ...NO_HINTS, ...hints } } })
  const primary = peerView({ peerId: 'primary', role: 'primary', latencyMs: 80 })
  const southern = peerView({ peerId: 'southern', site: { datacenter: 'south', rack: 'r1' }, latencyMs: 30, lagMs: 100 })
  const late = peerView({ peerId: 'late', lagMs: 5_000, site: north })

  it.each<[string, Partial<RouteHints>, LocalView, PeerView[], string]>([
    ['localOnly runs here', { localOnly: true }, here, [near], 'local'],
    ['localOnly runs here, overloaded or not', { localOnly: true }, overloaded, [near], 'local-overloaded'],
    ['localOnly is refused where the database is not', { localOnly: true }, absent, [near], 'refuse ERR_NOT_SERVING'],
    ['localOnly is refused at the limit', { localOnly: true }, full, [near], 'refuse ERR_OVERLOADED'],
    ['localOnly is refused by a draining node', { localOnly: true }, draining, [near], 'refuse ERR_DRAINING'],
    ['localOnly is stronger than preferRemote', { localOnly: true, preferRemote: true }, here, [near], 'local'],
    ['preferRemote goes to a peer', { preferRemote: true }, here, [far, near], 'forward near far'],
    ['preferRemote stays rather than go to a degraded or ejected peer', { preferRemote: true }, here, [degraded, ejected, loaded], 'local'],
    ['preferRemote gives nothing away by shares', { preferRemote: true }, { ...overloaded, excessRatio: 0 }, [near], 'forward near'],
    ['zone keeps to a datacenter', { zone: 'south' }, overloaded, [near, southern], 'forward southern'],
    ['zone keeps to a rack', { zone: 'south/r1' }, overloaded, [near, southern], 'forward southern'],
    ['zone is the whole name', { zone: 'sou' }, here, [southern], 'refuse ERR_NO_HEALTHY_PEER'],
    ['zone is not another rack', { zone: 'south/r2' }, here, [southern], 'refuse ERR_NO_HEALTHY_PEER'],
    ['zone sends a query away that could run here', { zone: 'south' }, here, [southern], 'forward southern'],
    ['zone lets it run here when here is in it', { zone: 'north/r1' }, here, [southern], 'local'],
    ['maxStalenessMs runs here when the copy is fresh enough', { maxStalenessMs: 1_000 }, { ...here, lagMs: 1_000 }, [near], 'local'],
    ['maxStalenessMs leaves a copy that is too old', { maxStalenessMs: 1_000 }, { ...here, lagMs: 1_001 }, [late, southern], 'forward southern'],
    ['maxStalenessMs leaves a copy that does not know its age', { maxStalenessMs: 1_000 }, { ...here, lagMs: null }, [near, southern], 'forward southern'],
    ['maxStalenessMs finds the primary always fresh', { maxStalenessMs: 0 }, { ...here, lagMs: 5 }, [southern, primary], 'forward primary'],
    ['maxStalenessMs finds the primary here always fresh', { maxStalenessMs: 0 }, { ...here, role: 'primary', lagMs: null }, [], 'local'],
    ['maxStalenessMs is refused where nobody is fresh enough', { maxStalenessMs: 50 }, absent, [late, southern], 'refuse ERR_TOO_STALE'],
    ['maxStalenessMs is refused where here is too old and nobody else is there', { maxStalenessMs: 50 }, { ...here, lagMs: 60 }, [], 'refuse ERR_TOO_STALE'],
    ['maxStalenessMs is not what refuses it where the others are down', { maxStalenessMs: 50 }, absent, [{ ...primary, state: 'failed', status: 'unhealthy' }], 'refuse ERR_NO_HEALTHY_PEER'],
    ['pinnedTo here runs here, overloaded or not', { pinnedTo: 'self' }, { ...overloaded, excessRatio: 0 }, [near], 'local-overloaded'],
    ['pinnedTo here is refused when it cannot run here', { pinnedTo: 'self' }, full, [near], 'refuse ERR_OVERLOADED'],
    ['pinnedTo a peer goes there from an idle node', { pinnedTo: 'far' }, here, [near, far], 'forward far'],
    ['pinnedTo an overloaded peer goes there', { pinnedTo: 'loaded' }, here, [near, loaded], 'forward loaded'],
    ['pinnedTo an ejected peer goes there', { pinnedTo: 'ejected' }, here, [near, ejected], 'forward ejected'],
    ['pinnedTo a failed peer is refused', { pinnedTo: 'far' }, here, [near, { ...far, state: 'failed', status: 'unhealthy' }], 'refuse ERR_NO_HEALTHY_PEER'],
    ['pinnedTo nobody that is known is refused', { pinnedTo: 'gone' }, here, [near], 'refuse ERR_NO_HEALTHY_PEER'],
    ['stickTo a well peer goes there from an idle node, then as usual', { stickTo: 'far' }, here, [near, far], 'forward far near'],
    ['stickTo here stays here', { stickTo: 'self' }, here, [near, far], 'local'],
    ['stickTo an overloaded peer stays on an idle node', { stickTo: 'loaded' }, here, [near, loaded], 'local'],
    ['stickTo an ejected peer stays on an idle node', { stickTo: 'ejected' }, here, [near, ejected], 'local'],
    ['stickTo a peer that is gone stays on an idle node', { stickTo: 'gone' }, here, [near], 'local'],
    ['stickTo a well peer goes there from an overloaded node, whatever its share', { stickTo: 'far' }, { ...overloaded, excessRatio: 0 }, [near, far], 'forward far near'],
    ['warmAt a well peer goes there first when it leaves', { warmAt: 'far' }, overloaded, [near, far], 'forward far near'],
    ['warmAt a peer is no reason to leave', { warmAt: 'far' }, here, [near, far], 'local'],
    ['warmAt an overloaded peer is nothing', { warmAt: 'loaded' }, overloaded, [near, loaded], 'forward near'],
    ['warmAt gives way to the session', { warmAt: 'near', stickTo: 'far' }, here, [near, far], 'forward far near'],
    ['stickTo an overloaded peer goes as any other read from an overloaded node', { stickTo: 'loaded' }, overloaded, [near, loaded], 'forward near'],
    ['pinnedTo a peer is refused where it must stay here', { pinnedTo: 'far', localOnly: true }, here, [near, far], 'refuse ERR_NOT_SERVING'],
  ])('%s', (_, hints, local, peers, expected) => {
    expect(outcome(ask(local, peers, hinted(hints)))).toBe(expected)
  })

  it.each<[string, Partial<RouteHints>, LocalView, PeerView[], string]>([
    ['goes to the primary, whatever zone, age or distance is asked', { zone: 'south', maxStalenessMs: 0, preferRemote: true }, here, [southern, primary], 'forward primary'],
    ['stays on the primary', { preferRemote: true, zone: 'south' }, { ...here, role: 'primary' }, [southern], 'local'],
    ['is refused by a replica that it must not leave', { localOnly: true }, here, [primary], 'refuse ERR_NOT_PRIMARY'],
    ['is pinned like a read', { pinnedTo: 'primary' }, here, [primary], 'forward primary'],
  ])('a write %s', (_, hints, local, peers, expected) => {
    expect(outcome(ask(local, peers, hinted(hints, write)))).toBe(expected)
  })

  it('bind whoever a query was forwarded to, except for preferences', () => {
    const forwarded = { ...read, forwarded: true }
    expect(outcome(ask({ ...here, lagMs: 60 }, [], hinted({ maxStalenessMs: 50 }, forwarded)))).toBe('refuse ERR_TOO_STALE')
    expect(outcome(ask(here, [], hinted({ zone: 'south' }, forwarded)))).toBe('refuse ERR_NOT_SERVING')
    expect(outcome(ask(here, [], hinted({ preferRemote: true }, forwarded)))).toBe('local')
    expect(outcome(ask(here, [], hinted({ pinnedTo: 'self' }, forwarded)))).toBe('local')
    expect(outcome(ask({ ...overloaded, excessRatio: 0 }, [], hinted({ pinnedTo: 'self' }, forwarded)))).toBe('local-overloaded')
  })

  it.each<[string, Partial<RouteHints>, LocalView, PeerView[], string]>([
    ['zone', { zone: 'south' }, here, [near], 'No node in zone south can take the query'],
    ['zone, elsewhere', { zone: 'south' }, here, [southern], 'Local node is not in zone south'],
    ['staleness', { maxStalenessMs: 50 }, { ...here, lagMs: 60.4 }, [southern], 'Local copy of users is 60 ms behind and the query allows 50 ms, and no other node can take the query'],
    ['unknown staleness', { maxStalenessMs: 500 }, { ...here, lagMs: null }, [southern], 'Local copy of users does not know how far it is behind and the query allows 500 ms'],
    ['staleness of others', { maxStalenessMs: 50 }, absent, [late], 'Local node does not serve users, and no other copy is known to be at most 50 ms behind'],
    ['pinned elsewhere', { pinnedTo: 'far' }, here, [near, far], 'Its session wrote at far'],
    ['pinned here', { pinnedTo: 'self' }, overloaded, [near], 'Local CPU 85% exceeds threshold 80%, and its session wrote here'],
    ['pinned elsewhere, and local only', { pinnedTo: 'far', localOnly: true }, here, [far], 'Its session wrote at another node, and the query asks to stay here'],
    ['pinned', { pinnedTo: 'far' }, here, [{ ...far, ready: false }], 'Its session wrote at far, which cannot take the query'],
    ['pinned to one that left', { pinnedTo: 'gone' }, here, [far], 'Its session wrote at a node that is gone, which cannot take the query'],
    ['local only', { localOnly: true }, overloaded, [near], 'Local CPU 85% exceeds threshold 80%, and the query asks to stay here'],
    ['prefer remote', { preferRemote: true }, here, [near], 'The query prefers another node'],
    ['prefer remote, in vain', { preferRemote: true }, here, [], 'The query prefers another node, but no healthy peer can take the query'],
  ])('are named in the reason: %s', (_, hints, local, peers, reason) => {
    expect(ask(local, peers, hinted(hints)).explanation.reason).toBe(reason)
  })

  it('are why a candidate was passed over', () => {
    expect(verdicts(ask(overloaded, [near, southern, { ...late, site: southern.site }, ejected], { ...hinted({ zone: 'south', maxStalenessMs: 500 }), explain: true }))).toEqual({ near: 'other-zone', southern: 'chosen', late: 'too-stale', ejected: 'other-zone' })
    expect(verdicts(ask(here, [near, far], { ...hinted({ pinnedTo: 'far' }), explain: true }))).toEqual({ near: 'pinned-elsewhere', far: 'chosen' })
    expect(verdicts(ask(overloaded, [near, ejected], { explain: true }))).toEqual({ near: 'chosen', ejected: 'ejected' })
  })

  it('choose the strategy, with the cursor that it has', () => {
    const strategies = new StrategySet()
    const peers = [near, far]
    const turns = [0, 1, 2].map(() => ask(absent, peers, { ...hinted({ strategy: 'round-robin' }), strategies }))
    expect(turns.map(outcome)).toEqual(['forward near far', 'forward far near', 'forward near far'])
    expect(turns[0]?.explanation.strategy).toBe('round-robin')
    expect(ask(absent, peers, { strategies, strategy: strategies.get('adaptive') }).explanation.strategy).toBe('adaptive')
    expect(ask(absent, peers, hinted({ strategy: 'peak-ewma' })).explanation.strategy).toBe('peak-ewma')
    expect(() => ask(idle, [], hinted({ strategy: 'fastest' }))).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    // Its entry node's own, which others need not know.
    expect(ask(idle, [], { request: { ...read, forwarded: true, hints: { ...NO_HINTS, strategy: 'fastest' } } })).toMatchObject({ kind: 'local' })
  })
})

describe('a strategy with a cursor', () => {
  it('counts only the turns of the best tier', () => {
    const strategy = createStrategy('round-robin')
    // Two fresh ones and one stale: a cursor that moved for both tiers would always meet the same fresh one.
    const turns = [0, 1, 2, 3].map(() => outcome(ask(absent, [near, far, stale], { strategy })))
    expect(turns).toEqual(['forward near far stale', 'forward far near stale', 'forward near far stale', 'forward far near stale'])
  })

  it('is not moved by an explanation, nor by a query that stays', () => {
    const strategy = createStrategy('weighted-round-robin')
    const peers = [near, far]
    ask(idle, peers, { strategy, explain: true })
    ask(overloaded, peers, { strategy, request: { ...read, forwarded: true } })
    const explained = [0, 1].map(() => ask(absent, peers, { strategy, explain: true }))
    expect(explained.map(outcome)).toEqual(['forward near far', 'forward far near'])
  })
})

describe('the local path', () => {
  it('looks at no peer', () => {
    const peers = (): never => { throw new Error('looked at') }
    expect(ask(idle, [], { peers }).kind).toBe('local')
  })
})

it('refuses options out of range', () => {
  expect(() => ask(absent, [near], { options: { failoverMax: -1 } })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
})
