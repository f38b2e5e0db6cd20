import { describe, expect, it } from 'vitest'
import { TwoHopRoutes } from '../../../src/core/latency/two-hop.ts'
import type { LatencySummary } from '../../../src/core/latency/types.ts'
import type { MemberState, PathFinding } from '../../../src/core/membership/types.ts'
import { TwoHopDriver } from '../../../src/node/two-hop-driver.ts'
import { VirtualClock } from '../../support/query-plane.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

interface Peer {
  readonly rttMs: number | null
  readonly state?: MemberState
  readonly failures?: number
  readonly finding?: PathFinding
  readonly isConnected?: boolean
  readonly isAllowed?: boolean
  readonly canRelay?: boolean
}

const summary = (rttMs: number, consecutiveFailures: number): LatencySummary => ({
  currentMs: rttMs, smoothedMs: rttMs, meanMs: rttMs, p99Ms: rttMs, minMs: rttMs, maxMs: rttMs, lossRatio: 0, quality: 1, samples: 9, consecutiveFailures, lastCheckMs: 0,
})

function setUp(initial: Readonly<Record<string, Peer>>) {
  const peers = new Map(Object.entries(initial))
  const clock = new VirtualClock()
  const log = createRecordingLog()
  const driver = new TwoHopDriver({
    routes: new TwoHopRoutes({ selfPeerId: 'self', options: { relayMs: 0 } }), clock, log, failuresMax: 3, vectorIntervalMs: 45_000, nameOf: (peerId) => peerId.toUpperCase(),
    members: () => Array.from(peers, ([peerId, { state = 'alive' }]) => ({ peerId, state })),
    paths: () => Array.from(peers, ([peerId, { finding = 'direct' }]) => ({ peerId, finding })),
    latencyTo: (peerId) => {
      const { rttMs = null, failures = 0 } = peers.get(peerId) ?? {}
      return rttMs === null ? null : summary(rttMs, failures)
    },
    connectedPeers: () => [...peers].filter(([, { isConnected = true }]) => isConnected).map(([peerId]) => peerId),
    isAllowed: (peerId) => peers.get(peerId)?.isAllowed ?? true, canRelay: (peerId) => peers.get(peerId)?.canRelay ?? true,
  })
  driver.start()
  return { peers, clock, log, driver }
}

describe('the two-hop driver', () => {
  it('looks at its paths each minute, takes a route, says so, and leaves it', () => {
    const { peers, clock, log, driver } = setUp({ relay: { rttMs: 10 }, target: { rttMs: 100 } })
    const tellBoth = (): void => {
      driver.handleVector('relay', [{ peerId: 'target', rttMs: 20, lossRatio: 0 }])
      driver.handleVector('target', [{ peerId: 'relay', rttMs: 20, lossRatio: 0 }])
    }
    tellBoth()
    clock.advance(59_999)
    expect(driver.routeTo('target')).toBeNull()
    clock.advance(1)
    expect(driver.routeTo('target')).toEqual({ via: 'relay', totalMs: 30, directMs: 100 })
    peers.set('target', { rttMs: 25 })
    tellBoth()
    clock.advance(60_000)
    expect(driver.routeTo('target')).toBeNull()
    expect(log.lines).toEqual(['info queries to TARGET go via RELAY: 30 ms instead of 100 ms', 'info queries to TARGET go directly again'])
    expect(driver.counters).toEqual({ vectors: 2, routes: 0, looks: 2, routesTaken: 1, routesLeft: 1 })
  })

  it('acts on a failed path at once', () => {
    const { clock, log, driver } = setUp({ relay: { rttMs: 10 }, target: { rttMs: 5 } })
    clock.advance(60_000)
    driver.handleVector('relay', [{ peerId: 'target', rttMs: 20, lossRatio: 0 }])
    driver.handlePathDown('target')
    clock.advance(100)
    expect(driver.routeTo('target')).toEqual({ via: 'relay', totalMs: 30, directMs: null })
    expect(log.lines).toEqual(['info queries to TARGET go via RELAY: the direct path is broken'])
    driver.stop()
    driver.removePeer('relay')
    clock.advance(100_000)
    expect([driver.routeTo('target'), log.lines.length]).toEqual([null, 1])
    expect(driver.counters.looks).toBe(2)
  })

  it('acts on the ping that makes a path a broken one', () => {
    const { peers, clock, driver } = setUp({ relay: { rttMs: 10 }, target: { rttMs: 5, failures: 2 } })
    driver.handleVector('relay', [{ peerId: 'target', rttMs: 20, lossRatio: 0 }])
    driver.handleLost('target')
    clock.advance(1_000)
    expect(driver.counters.looks).toBe(0)
    peers.set('target', { rttMs: 5, failures: 3 })
    driver.handleLost('target')
    clock.advance(0)
    expect(driver.routeTo('target')?.via).toBe('relay')
    driver.handleWayDown('target', 'relay')
    expect(driver.routeTo('target')).toBeNull()
  })

  it.each<[string, Peer, boolean]>([
    ['whose pings are answered', { rttMs: 1 }, true],
    ['whose datagrams are blocked while its connection works', { rttMs: 1, finding: 'stream-only' }, true],
    ['that does not hear datagrams, but is connected', { rttMs: 1, finding: 'inbound-only' }, true],
    ['that only others reach', { rttMs: 1, finding: 'indirect-only', isConnected: false }, false],
    ['that was not dialled yet', { rttMs: null, finding: 'unknown', isConnected: false }, true],
    ['whose pings fail', { rttMs: 1, failures: 3 }, false],
    ['that is suspected', { rttMs: 1, state: 'suspect' }, true],
    ['that failed', { rttMs: 1, state: 'failed' }, false],
    ['that is denied', { rttMs: 1, isAllowed: false }, false],
  ])('reaches a peer %s: %j %s', (_what, peer, isReachable) => {
    expect(setUp({ peer }).driver.isReachable('peer')).toBe(isReachable)
  })

  it('reaches no stranger', () => {
    expect(setUp({}).driver.isReachable('stranger')).toBe(false)
  })

  it('tells the paths that work, of members that it deals with', () => {
    const { driver, clock } = setUp({ far: { rttMs: 9 }, near: { rttMs: 1, canRelay: false }, new: { rttMs: null }, denied: { rttMs: 2, isAllowed: false }, failed: { rttMs: 3, state: 'failed' }, broken: { rttMs: 4, failures: 3 } })
    expect(driver.vector()).toEqual([{ peerId: 'near', rttMs: 1, lossRatio: 0 }, { peerId: 'far', rttMs: 9, lossRatio: 0 }])
    // Not in every snapshot: it is several times the size of the rest.
    expect(driver.vector()).toEqual([])
    clock.advance(45_000)
    expect(driver.vector()).toHaveLength(2)
  })

  it.each<[string, Peer]>([['overloaded', { rttMs: 1, canRelay: false }], ['suspected', { rttMs: 1, state: 'suspect' }], ['denied', { rttMs: 1, isAllowed: false }]])('uses no relay that is %s', (_what, relay) => {
    const { clock, driver } = setUp({ relay, target: { rttMs: 100 } })
    driver.handleVector('relay', [{ peerId: 'target', rttMs: 1, lossRatio: 0 }])
    driver.handleVector('target', [{ peerId: 'relay', rttMs: 1, lossRatio: 0 }])
    clock.advance(60_000)
    expect(driver.routeTo('target')).toBeNull()
  })
})
