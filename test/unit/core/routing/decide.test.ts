import { describe, expect, it } from 'vitest'
import { decide, type DecideInput } from '../../../../src/core/routing/decide.ts'
import { NO_HINTS } from '../../../../src/core/routing/hints.ts'
import type { Decision, LocalView, PeerView, RouteRequest } from '../../../../src/core/routing/types.ts'
import { createRandom } from '../../../../src/core/time/random.ts'
import { peerView } from '../../../contract/strategy.ts'

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
    expect(outcome(ask(overloaded, [{ ...near, inFlightFromHere: 512 }, far]))).toBe('forward far')
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
      peerView({ peerId: 'silent', status: 'unhealthy' }), peerView({ peerId: 'ours', inFlightFromHere: 512 }),
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

  it('calls the usable peers slower than a local node that runs it', () => {
    expect(verdicts(ask(idle, [near, loaded], { explain: true }))).toEqual({ near: 'slower', loaded: 'overloaded' })
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

describe('the local path', () => {
  it('looks at no peer', () => {
    const peers = (): never => { throw new Error('looked at') }
    expect(ask(idle, [], { peers }).kind).toBe('local')
  })
})

it('refuses options out of range', () => {
  expect(() => ask(absent, [near], { options: { failoverMax: -1 } })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
})
