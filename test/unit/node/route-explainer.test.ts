import { describe, expect, it } from 'vitest'
import { NO_HINTS, type RouteHints } from '../../../src/core/routing/hints.ts'
import { parseRoutingOptions } from '../../../src/core/routing/options.ts'
import type { LocalView, PeerView } from '../../../src/core/routing/types.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import { MeshError } from '../../../src/errors.ts'
import { DatabaseStrategies } from '../../../src/node/database-strategies.ts'
import { type ExplainInput, explainRoute, type RouteExplainerParts } from '../../../src/node/route-explainer.ts'
import type { KeptTo } from '../../../src/node/sessions.ts'
import { NO_QUERY_HINTS } from '../../../src/query/hint-text.ts'

const local: LocalView = {
  peerId: 'self', name: 'local1', role: 'replica', ready: true, draining: false, overloaded: false, overloadReason: null, site: { datacenter: 'eu', rack: 'r1' },
  cpuPercent: 5, memoryPercent: 6, inFlight: 0, inFlightMax: 64, excessRatio: 0, lagMs: 0,
}
const overloaded = { overloaded: true, overloadReason: 'CPU 85% exceeds threshold 80%' } as const
const peer = (peerId: string, changes: Partial<PeerView> = {}): PeerView => ({
  peerId, name: `name-${peerId}`, state: 'alive', status: 'healthy', role: 'replica', ready: true, latencyMs: 10, overloaded: false, cpuPercent: 5, memoryPercent: 5,
  inFlightThere: 0, inFlightFromHere: 0, loadAgeMs: 10, site: { datacenter: 'eu', rack: '' }, capacity: 1, feedback: null, lagMs: null, ...changes,
})

interface Setup extends Partial<Omit<ExplainInput, 'local' | 'hints'>>, Partial<Pick<RouteExplainerParts, 'refusalOf' | 'routeTo'>> {
  readonly local?: Partial<LocalView>
  readonly peers?: readonly PeerView[]
  readonly strategy?: string
  readonly hints?: Partial<RouteHints>
  readonly session?: string
  readonly hotspot?: number
  readonly place?: KeptTo
  readonly look?: RouteExplainerParts['sharedReads']
}

function setUp({ peers = [], strategy = 'nearest', hints = {}, session, hotspot = 0, place, look, refusalOf = () => null, routeTo = () => null, ...input }: Setup) {
  const strategies = new DatabaseStrategies({ standard: strategy, ofDatabase: new Map(), random: createRandom(3) })
  const parts: RouteExplainerParts = {
    self: { peerId: 'self', name: 'local1' }, clock: { nowMs: () => 1_000 }, peerViews: () => [...peers], peerName: (peerId) => `name-${peerId}`, routeTo, refusalOf,
    strategies: (database) => strategies.of(database), sessions: { placeOf: (database, name) => place ?? (name === null ? null : { why: 'session', peerId: `${database}/${name}`, forMs: null }) },
    hotspots: { shareToMove: () => hotspot, hotOf: () => (hotspot > 0 ? [{ scope: 'table', table: 't', ratePerSecond: 1_200 }] : []) }, gate: new QueryGate({ limitMax: 3 }), ...(look === undefined ? {} : { sharedReads: look }), routing: parseRoutingOptions(),
  }
  const explain = () => explainRoute(parts, {
    database: 'db', sql: 'SELECT 1', parameters: [], access: 'read', tables: [], priority: 'normal', canRunHere: () => true, ...input,
    hints: { ...NO_QUERY_HINTS, route: { ...NO_HINTS, ...hints }, session: session ?? null }, local: { ...local, ...input.local },
  })
  return { explain, strategies }
}
const verdicts = (setup: Setup): Array<readonly [string, string, string]> => setUp(setup).explain().candidates.map(({ name, verdict, reason }) => [name, verdict, reason])

describe('a decision that is explained', () => {
  it('stays here, and says of each peer that it could take it', () => {
    const view = setUp({ peers: [peer('b'), peer('a')], tables: ['t'] }).explain()
    expect(view).toMatchObject({ decision: 'local', code: null, target: { peerId: 'self', name: 'local1' }, strategy: 'nearest', forwardedRatio: null, tables: ['t'], omitted: 0 })
    expect(view.candidates.map(({ name, verdict, reason, place, isLocal }) => [name, verdict, reason, place, isLocal])).toEqual([
      ['local1', 'chosen', 'Local node is below its thresholds', 'eu/r1', true],
      ['name-a', 'spare', 'It could take it, but it stays here', 'eu', false],
      ['name-b', 'spare', 'It could take it, but it stays here', 'eu', false],
    ])
  })

  it('goes to the best of a share that goes, whatever chance would say', () => {
    const view = setUp({ local: { ...overloaded, excessRatio: 0 }, peers: [peer('far', { latencyMs: 50 }), peer('near', { latencyMs: 5 })] }).explain()
    expect(view).toMatchObject({ decision: 'forward', forwardedRatio: 0.5, target: { name: 'name-near', latencyMs: 5, via: null } })
    expect(view.candidates.map(({ name, verdict, reason }) => [name, verdict, reason])).toEqual([
      ['local1', 'fallback', 'Local CPU 85% exceeds threshold 80%; it runs here if no peer answers'],
      ['name-near', 'chosen', 'First by nearest'],
      ['name-far', 'fallback', 'Number 2, if those before it fail or refuse'],
    ])
  })

  it('does as the strategy does and not by score alone: nearest keeps near ones together first', () => {
    const busy = { inFlightThere: 9 }
    const setup: Setup = { local: { ...overloaded, excessRatio: 1 }, peers: [peer('idle', { latencyMs: 50 }), peer('busy', { latencyMs: 10, ...busy })] }
    expect(setUp(setup).explain().target?.name).toBe('name-busy')
  })

  it('is no fallback where something else speaks against running it here', () => {
    expect(verdicts({ local: { ...overloaded, excessRatio: 1 }, canRunHere: () => false, peers: [peer('a')] })[0]).toEqual(['local1', 'passed-over', 'Local CPU 85% exceeds threshold 80%'])
  })

  it.each(['round-robin', 'weighted-round-robin'])('takes no turn of %s: told twice it is the same, and the query that follows goes there', (strategy) => {
    const peers = [peer('a'), peer('b'), peer('c')]
    const { explain, strategies } = setUp({ local: { role: null }, peers, strategy })
    const first = explain()
    expect(explain()).toEqual(first)
    const { standard } = strategies.of('db')
    const [index = -1] = standard.rank(peers, { options: parseRoutingOptions(), random: createRandom(1), nowMs: 1_000, site: local.site, places: 3 }).order
    expect(peers[index]?.peerId).toBe(first.target?.peerId)
    // The turn that was taken shows.
    expect(explain().target?.peerId).not.toBe(first.target?.peerId)
  })

  it('shows the relay of a two-hop route', () => {
    const view = setUp({ local: { role: null }, peers: [peer('a')], routeTo: () => ({ via: 'r' }) }).explain()
    expect([view.target, view.candidates[1]?.via]).toEqual([{ peerId: 'a', name: 'name-a', latencyMs: 10, via: 'name-r' }, 'name-r'])
  })

  it('goes where its session is', () => {
    const view = setUp({ session: 's', peers: [peer('a'), peer('db/s', { latencyMs: 80 })] }).explain()
    expect(view).toMatchObject({ decision: 'forward', session: 's', reason: 'The session is with another node', target: { peerId: 'db/s' }, keptTo: { why: 'session', peerId: 'db/s', name: 'name-db/s', forMs: null } })
  })

  it('goes where its session wrote, and nowhere else', () => {
    const view = setUp({ place: { why: 'written', peerId: 'b', forMs: 3_000 }, session: 's', peers: [peer('a'), peer('b', { latencyMs: 80 })] }).explain()
    expect(view).toMatchObject({ decision: 'forward', reason: 'Its session wrote at name-b', target: { peerId: 'b' }, keptTo: { why: 'written', name: 'name-b', forMs: 3_000 }, queue: null, shared: null })
    expect(view.candidates.map(({ verdict }) => verdict)).toEqual(['fallback', 'chosen', 'pinned-elsewhere'])
  })

  it('goes first where its tables are warm, if it leaves this node', () => {
    const setup: Setup = { place: { why: 'tables', peerId: 'far', forMs: null }, peers: [peer('near', { latencyMs: 5 }), peer('far', { latencyMs: 50 })] }
    expect(setUp(setup).explain()).toMatchObject({ decision: 'local', keptTo: { why: 'tables', name: 'name-far' } })
    expect(setUp({ ...setup, local: { role: null } }).explain().target?.name).toBe('name-far')
    expect(setUp({ peers: [peer('near')] }).explain().keptTo).toBeNull()
  })

  it('says whether it would share, where it runs here', () => {
    const asked: unknown[] = []
    const look = { look: (read: unknown) => {
      asked.push(read)
      return 'held' as const
    } }
    expect(setUp({ look, parameters: [42] }).explain()).toMatchObject({ shared: 'held', queue: null })
    expect(asked).toEqual([{ database: 'db', sql: 'SELECT 1', parameters: [42], priority: 'normal' }])
    // It would not be given a kept one.
    expect(setUp({ look, hints: { maxStalenessMs: 5_000 }, local: { role: 'primary' } }).explain().shared).toBeNull()
    expect(setUp({ look, access: 'write', local: { role: 'primary' } }).explain().shared).toBeNull()
    expect(setUp({ look, local: { role: null }, peers: [peer('a')] }).explain().shared).toBeNull()
    expect(setUp({}).explain().shared).toBeNull()
  })

  it('says where it would stand at the gate, where it runs here', () => {
    expect(setUp({ priority: 'low' }).explain().queue).toEqual({ running: 0, limit: 3, position: 0, waiting: 0, waitingMax: 12_288, refusal: null })
    expect(setUp({ local: { role: null }, peers: [peer('a')] }).explain().queue).toBeNull()
  })

  it('leaves a hotspot, and says how many do', () => {
    expect(setUp({ hotspot: 0.25, peers: [peer('a')] }).explain()).toMatchObject({ decision: 'forward', hotspotRatio: 0.25, hotspots: [{ table: 't', ratePerSecond: 1_200 }], reason: 'The query prefers another node' })
    expect(setUp({ hotspot: 0.25, hints: { localOnly: true }, peers: [peer('a')] }).explain()).toMatchObject({ decision: 'local', reason: 'Local node is below its thresholds' })
  })

  it('is refused with the code that the query would get', () => {
    expect(setUp({ access: 'write', peers: [peer('a')] }).explain()).toMatchObject({ decision: 'refuse', code: 'ERR_NO_PRIMARY', target: null, reason: 'No reachable node serves db as its primary' })
    const refusal = new MeshError('ERR_QUORUM_LOST', 'this node sees 1 of 3 members')
    const view = setUp({ refusalOf: () => refusal, local: { role: null }, peers: [peer('a')] }).explain()
    expect(view).toMatchObject({ decision: 'refuse', code: 'ERR_QUORUM_LOST', target: null, reason: 'this node sees 1 of 3 members' })
    expect(view.candidates.map(({ verdict, reason }) => [verdict, reason])).toEqual([['passed-over', 'this node sees 1 of 3 members'], ['chosen', 'It would be the first, if this node passed it on']])
  })

  it('refuses a strategy that does not exist', () => {
    expect(setUp({ hints: { strategy: 'best' }, local: { role: null } }).explain).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }) as Error)
  })

  it.each<[string, Partial<PeerView>, string, Setup?]>([
    ['not-ready', { ready: false }, 'Its copy of db is not ready'],
    ['not-alive', { state: 'failed' }, 'It has failed'],
    ['unhealthy', { status: 'unhealthy' }, 'It is unhealthy; rdb db:nodes says why'],
    ['overloaded', { overloaded: true, cpuPercent: 93.4 }, 'It is overloaded: CPU 93%, memory 5%', { local: { ...overloaded, excessRatio: 1 } }],
    ['stale-load', { loadAgeMs: null }, 'It has not told its load yet', { local: {} }],
    ['stale-load', { loadAgeMs: 600_000 }, 'Its load figures are 10m 0s old', { local: {} }],
    ['too-many-in-flight', { inFlightFromHere: 100_000 }, '100000 queries from here are under way there'],
    ['degraded', { status: 'degraded', latencyMs: 250 }, 'It is degraded: latency 250ms', { local: {} }],
    ['degraded', { status: 'degraded', state: 'suspect' }, 'It is suspected to have failed', { local: {} }],
    ['ejected', { feedback: { peakEwmaMs: null, probe: null, ejectedForMs: 12_000, warmth: 1 } }, 'It is kept out for its errors, for another 12s', { local: {} }],
    ['too-stale', { lagMs: 9_000 }, 'It is 9s behind; the query allows 5s', { hints: { maxStalenessMs: 5_000 } }],
    ['too-stale', { lagMs: null }, 'It does not know how far it is behind; the query allows 5s', { hints: { maxStalenessMs: 5_000 } }],
    ['other-zone', {}, 'It is not in zone us', { hints: { zone: 'us' } }],
    ['pinned-elsewhere', {}, 'Its session wrote at name-z', { hints: { pinnedTo: 'z' } }],
    ['not-primary', {}, 'It is a replica, and writes go to the primary', { access: 'write' }],
    ['does-not-serve', { role: null }, 'It does not serve db'],
  ])('says why a peer is %s', (verdict, changes, reason, setup = { local: { role: null } }) => {
    expect(verdicts({ ...setup, peers: [peer('a', changes)] })[1]).toEqual(['name-a', verdict, reason])
  })

  it('names 1,000 candidates at most, and counts the others', () => {
    const view = setUp({ local: { role: null }, peers: Array.from({ length: 1_010 }, (_, index) => peer(`p${index}`, { latencyMs: 2_000 - index })) }).explain()
    expect([view.candidates.length, view.omitted, view.candidates[1]?.name]).toEqual([1_000, 11, view.target?.name])
  })
})
