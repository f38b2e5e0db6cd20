/** What the router is told of this node and its peers, by the thresholds that hold for the database. */
import { describe, expect, it } from 'vitest'
import { PeerLatencies } from '../../../src/core/latency/peer-latencies.ts'
import { LoadMonitor } from '../../../src/core/load/load-monitor.ts'
import { PeerLoads } from '../../../src/core/load/peer-loads.ts'
import type { Membership } from '../../../src/core/membership/membership.ts'
import type { MemberState } from '../../../src/core/membership/types.ts'
import { NameBook } from '../../../src/core/membership/names.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { ServiceWatch } from '../../../src/node/service-watch.ts'
import { PeerDirectory } from '../../../src/node/peer-directory.ts'
import type { QueryEngine } from '../../../src/ports/query-engine.ts'
import { createTestRecord } from '../../support/member-records.ts'
import { VirtualClock } from '../../support/query-plane.ts'

const offers = (role: 'primary' | 'replica') => ['signups', 'users', 'dashboards'].map((name) => ({ name, role, engine: 'duckdb' }))
const databases = offers('primary')
const thresholdsOf = new Map([['signups', { cpuPercent: 50 }], ['dashboards', { cpuPercent: 95 }]])
const figures = { memoryPercent: 20, memoryBytes: 1e9, processCpuPercent: 5, eventLoopDelayMs: 0.5 }

function setUp({ ownCpu, peerCpu, isPeerOverloaded = peerCpu >= 80, peerState = 'alive', peerReady = databases.map(({ name }) => name), role = 'primary', lagMs = null }: {
  readonly ownCpu: number; readonly peerCpu: number; readonly isPeerOverloaded?: boolean; readonly peerState?: MemberState; readonly peerReady?: readonly string[]
  readonly role?: 'primary' | 'replica'; readonly lagMs?: number | null
}): PeerDirectory {
  const clock = new VirtualClock()
  const monitor = new LoadMonitor({ peerId: 'self', thresholdsOf })
  for (const atMs of [0, 1, 2]) monitor.handleReading(atMs, { ...figures, cpuPercent: ownCpu })
  const loads = new PeerLoads()
  loads.handleSnapshot(0, { ...figures, peerId: 'peer', atWallMs: 1, sequence: 1, cpuPercent: peerCpu, inFlight: 0, overloaded: isPeerOverloaded, drill: false, readyDatabases: peerReady, lagsMs: lagMs === null ? {} : { users: lagMs } })
  const member = { signed: { record: createTestRecord('peer', { name: 'peer', databases: offers(role) }), bytes: new Uint8Array(), signature: new Uint8Array() }, state: peerState, stateSinceMs: 0, suspectedBy: [], probationUntilMs: null, flapping: false, removedBy: null }
  const membership = { self: { record: createTestRecord('self', { name: 'self', databases }) }, selfState: 'alive', members: () => [member], member: () => member, paths: () => [] } as unknown as Membership
  const engines = new Map(offers(role).map(({ name }) => [name, { database: name, kind: 'fake', role, isReady: () => true, lagMs: () => lagMs } as unknown as QueryEngine]))
  return new PeerDirectory({
    membership, names: new NameBook(), latencies: new PeerLatencies({}, createRandom(1)), monitor, loads, engines, clock, startedWallMs: 0,
    thresholds: { cpuPercent: 80, memoryPercent: 90, latencyMs: 200, failures: 3 }, gate: { running: 0, waitingTotal: 0, limit: 10, queueRatio: 0, services: new ServiceWatch(clock) },
    inFlightTo: () => 0, feedback: () => null, routeTo: () => null, isDraining: () => false, isAllowed: () => true, lastReadingWallMs: () => 0,
  })
}

describe('how far copies are behind', () => {
  it('is what their engines tell; a primary is behind nobody', () => {
    const lagging = (role: 'primary' | 'replica'): Array<number | null> => setUp({ ownCpu: 0, peerCpu: 0, role, lagMs: 40.4 }).nodesView('users').nodes.map(({ lagMs }) => lagMs)
    expect([lagging('replica'), lagging('primary')]).toEqual([[40, 40], [null, null]])
    expect(setUp({ ownCpu: 0, peerCpu: 0, role: 'replica' }).nodesView('users').nodes.map(({ lagMs }) => lagMs)).toEqual([null, null])
  })
})

describe('the engines of a database', () => {
  it('are those of other members', () => {
    const directory = setUp({ ownCpu: 0, peerCpu: 0 })
    expect([[...directory.engineKinds('users')], [...directory.engineKinds('unheard-of')]]).toEqual([['duckdb'], []])
  })

  it.each<[MemberState, string[]]>([['alive', ['duckdb']], ['suspect', ['duckdb']], ['joining', []], ['failed', []], ['left', []]])('of a member that is %s are %j', (peerState, expected) => {
    expect([...setUp({ ownCpu: 0, peerCpu: 0, peerState }).engineKinds('users')]).toEqual(expected)
  })

  it('are of copies that are ready', () => {
    const directory = setUp({ ownCpu: 0, peerCpu: 0, peerReady: ['users'] })
    expect(['users', 'signups'].map((name) => [...directory.engineKinds(name)])).toEqual([['duckdb'], []])
  })
})

const names = databases.map(({ name }) => name)

describe('a database with thresholds of its own', () => {
  it.each([[40, [false, false, false]], [60, [true, false, false]], [85, [true, true, false]], [97, [true, true, true]]])('at CPU %i%% here is overloaded: %j', (ownCpu, expected) => {
    const directory = setUp({ ownCpu, peerCpu: 0 })
    expect(names.map((name) => directory.localView(name).overloaded)).toEqual(expected)
    expect(names.map((name) => directory.nodesView(name).nodes[0]?.status === 'degraded')).toEqual(expected)
  })

  it('has its own reason and excess', () => {
    const { overloadReason, excessRatio } = setUp({ ownCpu: 75, peerCpu: 0 }).localView('signups')
    expect([overloadReason, excessRatio]).toEqual(['CPU 75% exceeds threshold 50%', 0.5])
    expect(setUp({ ownCpu: 75, peerCpu: 0 }).localView('users').excessRatio).toBe(0)
  })

  it.each([[40, [false, false, false]], [60, [true, false, false]], [85, [true, true, false]], [97, [true, true, true]]])('judges a peer at CPU %i%% by them: %j', (peerCpu, expected) => {
    const directory = setUp({ ownCpu: 0, peerCpu })
    const views = names.map((name) => directory.peerViews(name)[0])
    expect(views.map((view) => view?.overloaded)).toEqual(expected)
    expect(views.map((view) => view?.status === 'degraded')).toEqual(expected)
    expect(names.map((name) => directory.nodesView(name).nodes[1]?.status === 'degraded')).toEqual(expected)
  })

  it('takes the word of a peer for the others', () => {
    const directory = setUp({ ownCpu: 0, peerCpu: 10, isPeerOverloaded: true })
    expect(names.map((name) => directory.peerViews(name)[0]?.overloaded)).toEqual([false, true, false])
  })

  it('shows them', () => {
    const directory = setUp({ ownCpu: 75, peerCpu: 0 })
    expect(names.map((name) => directory.nodesView(name).thresholds)).toEqual([50, 80, 95].map((cpuPercent) => ({ cpuPercent, memoryPercent: 90, latencyMs: 200 })))
    expect(directory.nodesView('signups').nodes[0]?.statusReason).toBe('CPU 75% exceeds threshold 50%')
    // The node as a whole is not overloaded.
    expect(directory.memberViews().map(({ status }) => status)).toEqual(['healthy', 'healthy'])
  })
})
