import { describe, expect, it } from 'vitest'
import { parseControlRequest } from '../../../src/adapters/local/control-request.ts'
import { PeerLatencies } from '../../../src/core/latency/peer-latencies.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { LatencyDriver } from '../../../src/node/latency-driver.ts'
import { LatencyService } from '../../../src/node/latency-service.ts'
import type { NodesView, NodeView } from '../../../src/wire/control.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { settle, VirtualClock } from '../../support/query-plane.ts'

const node = (name: string, changes: Partial<NodeView> = {}): NodeView => ({
  name, peerId: name, type: 'remote', state: 'alive', status: 'healthy', statusReason: null, role: 'replica', lagMs: null, cpuPercent: 1, memoryPercent: 1, inFlight: 0, overloaded: false, drill: false,
  latencyMs: 1, lastCheckWallMs: 0, ...changes,
})

function setUp(ping: (peerId: string) => Promise<number>) {
  const clock = new VirtualClock()
  const latencies = new PeerLatencies({}, createRandom(1))
  const nodes = (database: string): NodesView => ({ database, pingIntervalMs: 30_000, thresholds: { cpuPercent: 80, memoryPercent: 90, latencyMs: 200 }, nodes: [node('here', { type: 'local' }), node('a', { role: 'primary' }), node('b')] })
  const service = new LatencyService({ clock, thresholdMs: 200, latencyTo: (peerId) => latencies.summary(peerId), nodes })
  const driver = new LatencyDriver({ latencies, clock, log: createRecordingLog(), ping, onRtt: service.handleRtt, onLost: service.handleLost })
  return { clock, driver, service, latencies }
}

describe('passive measurement', () => {
  it('sees every ping and every datagram, answered or lost', async () => {
    const answers = [12, null]
    const { clock, driver, service } = setUp(() => {
      const rttMs = answers.shift() ?? null
      return rttMs === null ? Promise.reject(new Error('no answer')) : Promise.resolve(rttMs)
    })
    driver.addPeer('a')
    clock.advance(300)
    await settle()
    driver.handleRtt('a', 8)
    driver.handleLost('a')
    clock.advance(2_000)
    await settle()
    driver.stop()
    expect(service.traffic('a')).toMatchObject({ roundTrips: { samples: 2, meanMs: 10 }, lossRatio: 0.5, packetLossRatio: 0.5, jitterMs: 4 })
    expect(service.view('users', 1)).toMatchObject({ database: 'users', hours: 1, thresholdMs: 200, nodes: [
      { name: 'a', role: 'primary', currentMs: 8, roundTrips: { samples: 2, meanMs: 10, minMs: 8, maxMs: 12 }, firstBytes: null },
      { name: 'b', currentMs: null, roundTrips: null, traffic: null, quality: null },
    ] })
  })

  it('tells the course of the span, in fewer parts the more nodes there are', () => {
    const { clock, driver, service } = setUp(() => new Promise(() => undefined))
    driver.handleRtt('a', 8.000_4)
    clock.advance(180_000)
    driver.handleRtt('a', 4)
    const view = service.view('users', 1)
    expect([view.pointMs, view.nodes.map(({ points }) => points)]).toEqual([60_000, [[
      { atWallMs: 0, samples: 1, meanMs: 8, minMs: 8, maxMs: 8 }, { atWallMs: 180_000, samples: 1, meanMs: 4, minMs: 4, maxMs: 4 },
    ], []]])
    const many = new LatencyService({ clock, thresholdMs: 200, latencyTo: () => null, nodes: (database) => ({ database, pingIntervalMs: 1, thresholds: { cpuPercent: 80, memoryPercent: 90, latencyMs: 200 }, nodes: Array.from({ length: 600 }, (_, index) => node(`n${index}`)) }) })
    expect(many.view('users', 24).pointMs).toBe(145 * 60_000)
    driver.stop()
  })

  it('reaches back no further than the node', () => {
    const { clock, service } = setUp(() => new Promise(() => undefined))
    const startedWallMs = clock.wallMs()
    clock.advance(120_000)
    expect(service.view('users', 1).sinceWallMs).toBe(startedWallMs)
    clock.advance(7_200_000)
    expect(service.view('users', 1).sinceWallMs).toBe(startedWallMs + 3_720_000)
  })

  it('reaches back to what an earlier run has kept', () => {
    const { clock, service } = setUp(() => new Promise(() => undefined))
    clock.advance(5_000)
    const startedWallMs = clock.wallMs() - 5_000
    const kept = { samples: 2, meanMs: 3, minMs: 2, maxMs: 4 }
    service.restore([
      { peerId: 'a', wallMs: startedWallMs - 600_000, ...kept }, { peerId: 'b', wallMs: startedWallMs - 90 * 60_000, ...kept },
      { peerId: 'a', wallMs: startedWallMs - 25 * 3_600_000, ...kept }, { peerId: 'a', wallMs: NaN, ...kept },
    ])
    const view = service.view('users', 1)
    expect(view.sinceWallMs).toBeLessThanOrEqual(startedWallMs - 3_540_000)
    expect(view.nodes).toMatchObject([
      { currentMs: null, roundTrips: { samples: 2, meanMs: 3, minMs: 2, minAtWallMs: startedWallMs - 600_000, maxMs: 4 }, points: [{ samples: 2, meanMs: 3 }] }, { roundTrips: null, points: [] },
    ])
    expect(service.view('users', 24)).toMatchObject({ sinceWallMs: startedWallMs - 90 * 60_000, nodes: [{ roundTrips: { samples: 2 } }, { roundTrips: { samples: 2 } }] })
  })

  it('takes the quality of the last 100 outcomes where there was no traffic of late', () => {
    const { clock, driver, service, latencies } = setUp(() => new Promise(() => undefined))
    driver.addPeer('a')
    driver.handleRtt('a', 50)
    clock.advance(60_000)
    const [peer] = service.view('users', 1).nodes
    expect([peer?.traffic, peer?.quality]).toEqual([null, latencies.summary('a')?.quality])
    expect(peer?.currentAtWallMs).toBe(0)
    driver.stop()
  })

  it('keeps what queries met apart, and forgets whoever is forgotten', () => {
    const { clock, service } = setUp(() => new Promise(() => undefined))
    clock.advance(5_000)
    service.handleQuery(clock.nowMs(), 'b', { roundTripMs: 40, bytes: 2_000_000, durationMs: 90 })
    const peer = service.view('users', 24).nodes.find(({ name }) => name === 'b')
    expect(peer).toMatchObject({ currentMs: null, roundTrips: null, firstBytes: { samples: 1, meanMs: 40, minAtWallMs: 5_000 }, traffic: { bandwidthBytesPerSecond: 40_000_000 } })
    service.forget('b')
    expect(service.view('users', 24).nodes.find(({ name }) => name === 'b')).toMatchObject({ firstBytes: null, traffic: null })
  })
})

describe('the request', () => {
  const parse = (fields: object): unknown => parseControlRequest(JSON.stringify({ method: 'latency', ...fields }))
  it('names a database and a span', () => {
    expect(parse({ database: 'users', hours: 24 })).toEqual({ method: 'latency', database: 'users', hours: 24 })
  })

  it.each([[{ hours: 1 }], [{ database: 'users' }], [{ database: 'users', hours: 0.05 }], [{ database: 'users', hours: 25 }], [{ database: 'users', hours: '1' }], [{ database: 'x'.repeat(65), hours: 1 }]])('is refused: %j', (fields) => {
    expect(() => parse(fields)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }) as Error)
  })
})
