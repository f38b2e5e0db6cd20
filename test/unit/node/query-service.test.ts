import { describe, expect, it } from 'vitest'
import { Hedging, type HedgingOptions } from '../../../src/core/routing/hedging.ts'
import type { AdmissionOptions } from '../../../src/core/admission/options.ts'
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import { ResultCache } from '../../../src/core/cache/result-cache.ts'
import { SessionAffinity } from '../../../src/core/routing/affinity.ts'
import { RetryBudget } from '../../../src/core/routing/retry-budget.ts'
import { parseRoutingOptions } from '../../../src/core/routing/options.ts'
import { nearest } from '../../../src/core/routing/strategies/nearest.ts'
import type { StrategyFactory } from '../../../src/core/routing/strategies/registry.ts'
import type { LocalView, PeerView } from '../../../src/core/routing/types.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { MeshError, type ErrorCode } from '../../../src/errors.ts'
import { DatabaseStrategies } from '../../../src/node/database-strategies.ts'
import { HotspotDriver } from '../../../src/node/hotspot-driver.ts'
import { QueryGateDriver } from '../../../src/node/query-gate-driver.ts'
import { QueryService } from '../../../src/node/query-service.ts'
import { SharedReads } from '../../../src/node/shared-reads.ts'
import { Sessions } from '../../../src/node/sessions.ts'
import type { Log } from '../../../src/ports/log.ts'
import type { Access, EngineBatch, QueryEngine } from '../../../src/ports/query-engine.ts'
import type { QueryRequest, QueryResponse } from '../../../src/query/types.ts'
import { until, VirtualClock } from '../../support/query-plane.ts'

const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silentLog }
const batch = (text: string): EngineBatch => ({ bytes: Buffer.from(text), rows: 1 })
const load = { cpuPercent: 5, memoryPercent: 5, inFlight: 0, overloaded: false, drill: false, sequence: 1 }

function engineOf({ access = 'read', role = 'replica' }: { access?: Access; role?: 'primary' | 'replica' } = {}): QueryEngine {
  return {
    database: 'db', kind: 'test', role, isReady: () => true,
    classify: () => Promise.resolve(access),
    execute: () => Promise.resolve({ format: 'raw', header: Buffer.from('h'), batches: from([batch('here')]) }),
    close: () => Promise.resolve(),
  }
}

async function* from(batches: readonly EngineBatch[], error?: MeshError): AsyncGenerator<EngineBatch, void, void> {
  yield* batches
  if (error !== undefined) throw error
}

const answer = (batches: AsyncIterable<EngineBatch>): QueryResponse => ({ format: 'raw', header: Buffer.from('h'), route: null, batches, trailer: () => ({ rows: 1, engineMs: 1, load }) })
const fails = (code: ErrorCode, started: 'no' | 'unknown' = 'no') => (): Promise<QueryResponse> => Promise.reject(new MeshError(code, `says ${code}`, { details: { started } }))
const answers = (text: string) => (): Promise<QueryResponse> => Promise.resolve(answer(from([batch(text)])))

interface Setup {
  readonly engine?: QueryEngine | null
  readonly local?: Partial<LocalView>
  readonly peers?: ReadonlyArray<Partial<PeerView> & { peerId: string }>
  readonly behaviour?: Readonly<Record<string, (request: QueryRequest, signal: AbortSignal) => Promise<QueryResponse>>>
  readonly retryBudget?: RetryBudget
  readonly onInFlight?: (inFlight: number) => void
  readonly localLoad?: () => typeof load
  readonly hedging?: Partial<HedgingOptions>
  readonly gate?: Partial<AdmissionOptions>
  readonly cacheBytes?: number
  readonly custom?: Readonly<Record<string, StrategyFactory>>
  readonly refusalOf?: (access: QueryRequest['access']) => MeshError | null
}

function setUp({ engine = engineOf(), local = {}, peers = [], behaviour = {}, retryBudget = new RetryBudget(), onInFlight, localLoad = () => load, refusalOf = () => null, hedging = {}, gate = {}, cacheBytes = 0, custom = {} }: Setup) {
  const asked: string[] = []
  const inFlight: number[] = []
  const outcomes: string[] = []
  const probed: string[] = []
  const clock = new VirtualClock()
  const strategies = new DatabaseStrategies({ standard: 'nearest', ofDatabase: new Map(), custom, random: createRandom(3) })
  const service = new QueryService({
    self: { peerId: 'self', name: 'local1' },
    engines: engine === null ? new Map() : new Map([['db', engine]]),
    localView: () => ({ peerId: 'self', name: 'local1', role: engine?.role ?? null, ready: true, draining: false, overloaded: false, overloadReason: null, site: { datacenter: '', rack: '' }, cpuPercent: 5, memoryPercent: 5, inFlight: 0, inFlightMax: 64, excessRatio: 1, lagMs: 0, ...local }),
    peerViews: () => peers.map((peer, index): PeerView => ({
      name: peer.peerId, state: 'alive', status: 'healthy', role: 'replica', ready: true, latencyMs: 10 * (index + 1), overloaded: false, cpuPercent: 5, memoryPercent: 5,
      inFlightThere: 0, inFlightFromHere: 0, loadAgeMs: 10, site: { datacenter: '', rack: '' }, capacity: 1, feedback: null, lagMs: null, ...peer,
    })),
    peerName: (peerId) => peerId,
    forward: (peerId, request, { signal }) => {
      asked.push(peerId)
      return (behaviour[peerId] ?? answers(peerId))(request, signal)
    },
    classifyUnserved: (_database, sql) => Promise.resolve(sql.startsWith('SELECT') ? 'read' : 'unknown'),
    localLoad, refusalOf,
    inFlightChanged: (count) => {
      inFlight.push(count)
      onInFlight?.(count)
    },
    latencyTo: (peerId) => 10 * (peers.findIndex((peer) => peer.peerId === peerId) + 1),
    sessions: new Sessions({ affinity: new SessionAffinity(), readYourWritesMs: 5_000, isTableAffine: true, clock }),
    hotspots: new HotspotDriver({ options: { queriesPerSecond: 1_000 }, otherCopies: () => 1, onEvent: () => undefined, clock, random: createRandom(2), log: silentLog }),
    strategies: (database) => strategies.of(database),
    sharedReads: new SharedReads({ cache: new ResultCache({ bytesMax: cacheBytes }), coalescer: null, clock }),
    gate: new QueryGateDriver(new QueryGate({ limitMax: 64, ...gate }), clock),
    requestProbes: (candidates) => { probed.push(...candidates.map(({ peerId }) => peerId)) },
    routeTo: () => null, onDelivered: () => undefined, isReachable: () => true,
    onDispatch: () => undefined,
    onOutcome: (peerId, { outcome }) => { outcomes.push(`${peerId} ${outcome}`) },
    hedging: new Hedging(hedging), retryBudget, routing: parseRoutingOptions(), clock, random: createRandom(1),
  })
  const ask = (overrides: Partial<QueryRequest> = {}, signal = new AbortController().signal): Promise<QueryResponse> => service.handle(
    { database: 'db', sql: 'SELECT 1', parameters: [], access: 'unknown', priority: 'normal', timeoutMs: 10_000, visited: [], explain: false, lastResort: false, finalPeerId: '', hints: '', ...overrides },
    { remote: { kind: 'local-client' }, signal },
  )
  return { service, asked, inFlight, outcomes, probed, clock, ask }
}

async function read(response: QueryResponse): Promise<string[]> {
  const texts: string[] = []
  for await (const { bytes } of response.batches) texts.push(Buffer.from(bytes).toString())
  return texts
}

const overloaded = { overloaded: true, overloadReason: 'CPU 95% exceeds threshold 80%' } as const
const primary = { role: 'primary' } as const

describe('a query', () => {
  it('runs here, is counted while it runs, and ends with the load of this node', async () => {
    const { ask, inFlight } = setUp({})
    const response = await ask()
    expect(response.route).toMatchObject({ decision: 'local', executedBy: { name: 'local1' } })
    expect(response.trailer()).toBeNull()
    expect(await read(response)).toEqual(['here'])
    expect(response.trailer()).toMatchObject({ rows: 1, load })
    expect(inFlight).toEqual([1, 0])
  })

  it('reports the load that it leaves behind, without itself', async () => {
    let inFlight = 0
    const seen = setUp({ onInFlight: (count) => { inFlight = count }, localLoad: () => ({ ...load, inFlight }) })
    const response = await seen.ask()
    await read(response)
    expect(response.trailer()?.load?.inFlight).toBe(0)
  })

  it('is not counted for ever when its caller leaves before the first batch', async () => {
    const { ask, inFlight } = setUp({})
    const controller = new AbortController()
    await ask({}, controller.signal)
    controller.abort()
    expect(inFlight).toEqual([1, 0])
  })

  it('is not counted when the engine refuses it', async () => {
    const engine = { ...engineOf(), execute: () => Promise.reject(new MeshError('ERR_SQL', 'no such column')) }
    const { ask, inFlight } = setUp({ engine })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_SQL' })
    expect(inFlight).toEqual([1, 0])
  })

  it('goes to the nearest peer when this node is overloaded, with what is left of its deadline and this node as visited', async () => {
    const requests: QueryRequest[] = []
    const { ask, clock } = setUp({ local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: (request) => { requests.push(request); return answers('near')() } } })
    clock.advance(1)
    const response = await ask()
    expect(response.route).toMatchObject({ decision: 'forward', executedBy: { peerId: 'near' }, latencyMs: 10, reason: 'Local CPU 95% exceeds threshold 80%' })
    expect(await read(response)).toEqual(['near'])
    expect(requests).toMatchObject([{ visited: ['self'], timeoutMs: 10_000, access: 'read' }])
  })
})

describe('failover', () => {
  it.each(['ERR_PEER_UNREACHABLE', 'ERR_OVERLOADED', 'ERR_NOT_SERVING', 'ERR_DRAINING', 'ERR_QUORUM_LOST', 'ERR_HOP_LIMIT'] as const)('moves on after %s and says so', async (code) => {
    const { ask, asked } = setUp({ local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: fails(code) } })
    const response = await ask()
    expect(asked).toEqual(['near', 'far'])
    expect(response.route).toMatchObject({ executedBy: { peerId: 'far' }, failedAttempts: [{ peerId: 'near', code }] })
    expect(await read(response)).toEqual(['far'])
  })

  it('moves on when the peer breaks after the head and before the first row', async () => {
    const { ask } = setUp({ local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: () => Promise.resolve(answer(from([], new MeshError('ERR_QUERY_BROKEN', 'gone')))) } })
    expect(await read(await ask())).toEqual(['far'])
  })

  it('does not move on after the first row', async () => {
    const { ask, asked } = setUp({ local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: () => Promise.resolve(answer(from([batch('near')], new MeshError('ERR_QUERY_BROKEN', 'gone')))) } })
    await expect(read(await ask())).rejects.toMatchObject({ code: 'ERR_QUERY_BROKEN' })
    expect(asked).toEqual(['near'])
  })

  it.each(['ERR_SQL', 'ERR_READ_ONLY', 'ERR_QUERY_TIMEOUT', 'ERR_QUERY_CANCELLED'] as const)('never repeats what ended with %s', async (code) => {
    const { ask, asked } = setUp({ local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: fails(code) } })
    await expect(ask()).rejects.toMatchObject({ code })
    expect(asked).toEqual(['near'])
  })

  it('runs here after all when no peer answers', async () => {
    const { ask, service } = setUp({ local: overloaded, peers: [{ peerId: 'near' }], behaviour: { near: fails('ERR_PEER_UNREACHABLE') } })
    const response = await ask()
    expect(response.route).toMatchObject({ decision: 'local-overloaded', failedAttempts: [{ peerId: 'near' }] })
    expect(await read(response)).toEqual(['here'])
    expect(service.counters).toMatchObject({ localOverloaded: 1, forwarded: 0 })
  })

  it.each<[string, Partial<QueryRequest>, Partial<LocalView>, string]>([
    ['a wish', { hints: 'prefer-remote' }, {}, 'The query prefers another node; no peer could answer'],
    ['slowness', {}, { comparison: { hereMs: 900, elsewhereMs: 90, elsewhereName: 'near', forwardedRatio: 1 } }, 'A query takes 900 ms here, 10 × as long as at near; no peer could answer'],
  ])('calls this node overloaded only where it is: not after %s', async (_, request, local, reason) => {
    const { ask, service } = setUp({ local, peers: [{ peerId: 'near' }], behaviour: { near: fails('ERR_PEER_UNREACHABLE') } })
    expect((await ask(request)).route).toMatchObject({ decision: 'local', reason, failedAttempts: [{ peerId: 'near' }] })
    expect(service.counters).toMatchObject({ local: 1, localOverloaded: 0, forwarded: 0 })
  })

  it('names every attempt when this node has no copy either', async () => {
    const { ask } = setUp({ engine: null, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: fails('ERR_PEER_UNREACHABLE'), far: fails('ERR_OVERLOADED') } })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_NO_HEALTHY_PEER', message: expect.stringMatching(/near: .*far: /) as string })
  })

  it('asks an overloaded peer as a last resort where this node has no copy, after everybody else', async () => {
    const requests: Array<[string, boolean]> = []
    const refuseOnce = (name: string) => (request: QueryRequest): Promise<QueryResponse> => {
      requests.push([name, request.lastResort])
      return request.lastResort ? answers(name)() : fails('ERR_OVERLOADED')()
    }
    const { ask } = setUp({ engine: null, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: refuseOnce('near'), far: refuseOnce('far') } })
    expect(await read(await ask())).toEqual(['near'])
    expect(requests).toEqual([['near', false], ['far', false], ['near', true]])
  })

  it('does not hand what broke two peers to a third, nor run it here: it may be what broke them', async () => {
    const peers = [{ peerId: 'near' }, { peerId: 'far' }, { peerId: 'farther' }]
    const { ask, asked, service } = setUp({ local: overloaded, peers, behaviour: { near: fails('ERR_PEER_UNREACHABLE', 'unknown'), far: fails('ERR_PEER_UNREACHABLE', 'unknown') } })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_NO_HEALTHY_PEER', message: expect.stringContaining('not given to another') as string })
    expect(asked).toEqual(['near', 'far'])
    expect(service.inFlight).toBe(0)
  })

  it('stops when the retry budget is used up', async () => {
    const retryBudget = new RetryBudget({ perSecond: 0, requestRatio: 0 })
    const { ask, asked, service } = setUp({ local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: fails('ERR_PEER_UNREACHABLE') }, retryBudget })
    expect((await ask()).route?.decision).toBe('local-overloaded')
    expect(asked).toEqual(['near'])
    expect(service.counters.retryBudgetExhausted).toBe(1)
  })

  it('moves on as soon as membership says that the peer failed', async () => {
    const { ask, asked, service } = setUp({
      local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }],
      behaviour: { near: (_request, signal) => new Promise((_resolve, reject) => { signal.addEventListener('abort', () => reject(new MeshError('ERR_QUERY_CANCELLED', 'cancelled'))) }) },
    })
    const asking = ask()
    await until('it is asked', () => asked.length > 0)
    service.handlePeerDown('near')
    expect((await asking).route).toMatchObject({ executedBy: { peerId: 'far' }, failedAttempts: [{ code: 'ERR_PEER_UNREACHABLE' }] })
  })

  it('ends with the caller’s cancel, without another attempt', async () => {
    const controller = new AbortController()
    const { ask, asked } = setUp({
      local: overloaded, peers: [{ peerId: 'near' }, { peerId: 'far' }],
      behaviour: { near: (_request, signal) => new Promise((_resolve, reject) => { signal.addEventListener('abort', () => reject(new MeshError('ERR_QUERY_CANCELLED', 'cancelled'))) }) },
    })
    const asking = ask({}, controller.signal)
    await until('it is asked', () => asked.length > 0)
    controller.abort(new MeshError('ERR_QUERY_CANCELLED', 'the caller left'))
    await expect(asking).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    expect(asked).toEqual(['near'])
  })
})

describe('a write', () => {
  it('goes from a replica to the primary', async () => {
    const { ask, asked } = setUp({ engine: engineOf({ access: 'write' }), peers: [{ peerId: 'replica' }, { peerId: 'main', ...primary }] })
    await ask()
    expect(asked).toEqual(['main'])
  })

  it('whose connection broke after it was sent is ambiguous, and never sent twice', async () => {
    const { ask, asked } = setUp({ engine: engineOf({ access: 'write' }), peers: [{ peerId: 'main', ...primary }, { peerId: 'main2', ...primary }], behaviour: { main: fails('ERR_PEER_UNREACHABLE', 'unknown'), main2: fails('ERR_PEER_UNREACHABLE', 'unknown') } })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
    expect(asked).toHaveLength(1)
  })

  it.each(['ERR_DRAINING', 'ERR_OVERLOADED', 'ERR_INTERNAL'] as const)('that ended with %s after it may have begun is ambiguous as well', async (code) => {
    const { ask, asked } = setUp({ engine: engineOf({ access: 'write' }), peers: [{ peerId: 'main', ...primary }, { peerId: 'main2', ...primary }], behaviour: { main: fails(code, 'unknown'), main2: fails(code, 'unknown') } })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
    expect(asked).toHaveLength(1)
  })

  it('to an engine that only reads is refused for what it is, wherever it was sent', async () => {
    const { ask, asked } = setUp({ engine: { ...engineOf({ access: 'write' }), isReadOnly: true }, peers: [{ peerId: 'main', ...primary }] })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_READ_ONLY', message: 'db cannot be written: its test engine only reads' })
    expect(asked).toEqual([])
  })

  it('that provably never started may be sent again', async () => {
    const { ask } = setUp({ engine: engineOf({ access: 'write' }), peers: [{ peerId: 'main', ...primary }, { peerId: 'main2', ...primary }], behaviour: { main: fails('ERR_PEER_UNREACHABLE', 'no') } })
    expect(await read(await ask())).toEqual(['main2'])
  })

  it('found by a replica, where nobody could parse it here, goes to the primary', async () => {
    const { ask, asked } = setUp({ engine: null, peers: [{ peerId: 'replica' }, { peerId: 'main', latencyMs: 90, ...primary }], behaviour: { replica: fails('ERR_NOT_PRIMARY') } })
    expect(await read(await ask({ sql: 'UPSERT …' }))).toEqual(['main'])
    expect(asked).toEqual(['replica', 'main'])
  })

  it('without a primary is refused with its own code', async () => {
    const { ask } = setUp({ engine: engineOf({ access: 'write' }), peers: [{ peerId: 'replica' }] })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_NO_PRIMARY' })
  })
})

describe('a node without a copy', () => {
  it('repeats a read on another peer when the first one breaks after it was sent', async () => {
    const { ask } = setUp({ engine: null, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: fails('ERR_PEER_UNREACHABLE', 'unknown') } })
    expect(await read(await ask())).toEqual(['far'])
  })

  it('does not repeat what it cannot tell from a write', async () => {
    const { ask, asked } = setUp({ engine: null, peers: [{ peerId: 'near' }, { peerId: 'far' }], behaviour: { near: fails('ERR_PEER_UNREACHABLE', 'unknown') } })
    await expect(ask({ sql: 'CALL something()' })).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
    expect(asked).toEqual(['near'])
  })
})

describe('a forwarded query', () => {
  it.each([['twice forwarded', ['entry', 'other']], ['come back', ['self']]])('that is %s is refused', async (_, visited) => {
    const { ask } = setUp({})
    await expect(ask({ visited })).rejects.toMatchObject({ code: 'ERR_HOP_LIMIT' })
  })

  it('runs here and is never forwarded again', async () => {
    const { ask, asked, service } = setUp({ peers: [{ peerId: 'other' }] })
    expect(await read(await ask({ visited: ['entry'] }))).toEqual(['here'])
    expect(asked).toEqual([])
    expect(service.counters.servedForPeers).toBe(1)
  })

  it('is refused by an overloaded node, so that the sender moves on', async () => {
    const { ask, asked } = setUp({ local: overloaded, peers: [{ peerId: 'other' }] })
    await expect(ask({ visited: ['entry'] })).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
    expect(asked).toEqual([])
  })

  it('runs on an overloaded node that is its sender’s last resort', async () => {
    const { ask } = setUp({ local: overloaded })
    expect(await read(await ask({ visited: ['entry'], lastResort: true }))).toEqual(['here'])
  })

  it('is judged by this engine, not by what its sender says of it', async () => {
    const { ask } = setUp({ engine: engineOf({ access: 'write' }) })
    await expect(ask({ visited: ['entry'], access: 'read' })).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY' })
  })
})

describe('a node in a minority', () => {
  const lost = new MeshError('ERR_QUORUM_LOST', 'local1 sees 1 of 3', { details: { started: 'no' } })
  const refusesAll = { refusalOf: () => lost } as const
  const readOnly = { refusalOf: (access: QueryRequest['access']) => (access === 'read' ? null : lost) } as const

  it.each([['asked by a client', []], ['asked by a peer', ['entry']]])('that refuses runs and forwards nothing, %s', async (_, visited) => {
    const { ask, asked, inFlight, service } = setUp({ ...refusesAll, peers: [{ peerId: 'other' }] })
    await expect(ask({ visited })).rejects.toMatchObject({ code: 'ERR_QUORUM_LOST', details: { started: 'no' } })
    expect([asked, inFlight, service.counters.refused]).toEqual([[], [], 1])
  })

  it('that is read-only reads, and refuses what is or may be a write, also for the primary elsewhere', async () => {
    expect(await read(await setUp(readOnly).ask())).toEqual(['here'])
    const writer = setUp({ ...readOnly, engine: engineOf({ access: 'write' }), peers: [{ peerId: 'primary', role: 'primary' }] })
    await expect(writer.ask()).rejects.toMatchObject({ code: 'ERR_QUORUM_LOST' })
    const unserved = setUp({ ...readOnly, engine: null, peers: [{ peerId: 'primary', role: 'primary' }] })
    await expect(unserved.ask({ sql: 'CALL something()' })).rejects.toMatchObject({ code: 'ERR_QUORUM_LOST' })
    expect([...writer.asked, ...unserved.asked]).toEqual([])
  })

  it('still sends a forwarded write on to the primary, when it is a replica', async () => {
    const { ask } = setUp({ ...readOnly, engine: engineOf({ access: 'write' }) })
    await expect(ask({ visited: ['entry'] })).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY' })
  })

  it('is what a sender reports when all its peers are in one', async () => {
    const { ask } = setUp({ engine: null, peers: [{ peerId: 'a' }, { peerId: 'b' }], behaviour: { a: fails('ERR_QUORUM_LOST'), b: fails('ERR_QUORUM_LOST') } })
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_QUORUM_LOST' })
    const mixed = setUp({ engine: null, peers: [{ peerId: 'a' }, { peerId: 'b' }], behaviour: { a: fails('ERR_QUORUM_LOST'), b: fails('ERR_DRAINING') } })
    await expect(mixed.ask()).rejects.toMatchObject({ code: 'ERR_NO_HEALTHY_PEER' })
  })
})

describe('a node with one place', () => {
  const onePlace = { limitMax: 1, waitingMax: 1, waitingPerClassMax: 1 }
  const drain = async (response: QueryResponse): Promise<void> => {
    for await (const { rows } of response.batches) expect(rows).toBe(1)
  }

  it('lets a second query wait until the first has been read, and turns a third away', async () => {
    const { service, ask } = setUp({ gate: onePlace })
    const first = await ask()
    const second = ask()
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no' } })
    expect(service.inFlight).toBe(2)
    await drain(first)
    await drain(await second)
    expect(service.inFlight).toBe(0)
  })

  it('lets the one that is more urgent displace the one that waits', async () => {
    const { ask } = setUp({ gate: onePlace })
    const first = await ask()
    const low = ask({ priority: 'low' })
    const refused = expect(low).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
    const critical = ask({ hints: 'priority=critical' })
    await refused
    await drain(first)
    await drain(await critical)
  })

  it('frees its place when the caller is gone, waiting or running', async () => {
    const { service, ask } = setUp({ gate: onePlace })
    const [first, second] = [new AbortController(), new AbortController()]
    await ask({}, first.signal)
    const waiting = ask({}, second.signal)
    second.abort(new MeshError('ERR_QUERY_CANCELLED', 'gone'))
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    first.abort(new MeshError('ERR_QUERY_CANCELLED', 'gone'))
    expect(service.inFlight).toBe(0)
    await drain(await ask())
  })

  it('tells a query whose deadline passes while it waits', async () => {
    const { clock, ask } = setUp({ gate: onePlace })
    await ask()
    const late = ask({ timeoutMs: 50 })
    await new Promise((resolve) => { setImmediate(resolve) })
    clock.advance(50)
    await expect(late).rejects.toMatchObject({ code: 'ERR_QUERY_TIMEOUT', details: { started: 'no' } })
  })
})

describe('hints and sessions', () => {
  it('keep a query here, or send it away, or name its strategy', async () => {
    const { ask, asked } = setUp({ peers: [{ peerId: 'near' }] })
    expect((await ask({ sql: '/*+ rdb: prefer-remote, strategy=least-connections */ SELECT 1' })).route).toMatchObject({ decision: 'forward', executedBy: { peerId: 'near' }, strategy: 'least-connections' })
    expect((await ask({ sql: '/*+ rdb: prefer-remote */ SELECT 1', hints: 'local-only' })).route).toMatchObject({ decision: 'local' })
    expect(asked).toEqual(['near'])
    await expect(ask({ hints: 'strategy=best' })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  it('that are the cause of a refusal are named in its next step', async () => {
    const { ask } = setUp({ engine: engineOf({ access: 'write' }), peers: [{ peerId: 'main', ...primary }] })
    await expect(ask({ hints: 'local-only' })).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY', nextStep: 'Leave out the hint local-only, which keeps the query on this node.' })
    expect((await ask()).route).toMatchObject({ decision: 'forward', executedBy: { peerId: 'main' } })
  })

  it('have the candidates probed for a strategy that rests on probes, whatever it is called, and for no other', async () => {
    const peers = [{ peerId: 'a' }, { peerId: 'b' }]
    const { ask, probed } = setUp({ engine: null, peers, custom: { own: () => ({ ...nearest, name: 'own', usesProbes: true }) } })
    await ask()
    expect(probed).toEqual([])
    await ask({ hints: 'strategy=probe-pool' })
    expect(probed).toEqual(['a', 'b'])
    await ask({ hints: 'strategy=own' })
    expect(probed).toEqual(['a', 'b', 'a', 'b'])
    const substitute = setUp({ engine: null, peers, custom: { 'probe-pool': () => ({ ...nearest, name: 'probe-pool' }) } })
    await substitute.ask({ hints: 'strategy=probe-pool' })
    expect(substitute.probed).toEqual([])
  })

  it('keep the reads of a session where they were, also when this node could run them', async () => {
    const { ask, asked } = setUp({ peers: [{ peerId: 'near' }, { peerId: 'far' }] })
    await ask({ hints: 'session=s, prefer-remote' })
    expect((await ask({ hints: 'session=s' })).route).toMatchObject({ executedBy: { peerId: 'near' }, reason: 'The session is with another node' })
    expect((await ask({ hints: 'session=t' })).route).toMatchObject({ decision: 'local' })
    expect(asked).toEqual(['near', 'near'])
  })

  it('let a session read what it has written', async () => {
    const access = { of: 'write' as Access }
    const engine: QueryEngine = { ...engineOf(), classify: () => Promise.resolve(access.of) }
    const { clock, ask, asked } = setUp({ engine, peers: [{ peerId: 'main', role: 'primary' }] })
    await ask({ hints: 'session=s' })
    access.of = 'read'
    expect((await ask({ hints: 'session=s' })).route).toMatchObject({ executedBy: { peerId: 'main' }, reason: 'Its session wrote at main' })
    expect((await ask()).route).toMatchObject({ decision: 'local' })
    clock.advance(5_000)
    expect((await ask({ hints: 'session=s' })).route).toMatchObject({ decision: 'local' })
    expect(asked).toEqual(['main', 'main'])
  })
})

describe('a session whose write is doubtful or slow', () => {
  it('reads where it may have been written', async () => {
    const access = { of: 'write' as Access }
    const engine: QueryEngine = { ...engineOf(), classify: () => Promise.resolve(access.of) }
    const { ask, asked } = setUp({ engine, peers: [{ peerId: 'main', role: 'primary' }], behaviour: { main: (request) => request.access === 'write' ? fails('ERR_QUERY_BROKEN', 'unknown')() : answers('main')() } })
    await expect(ask({ hints: 'session=s' })).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
    access.of = 'read'
    await ask({ hints: 'session=s' })
    expect(asked).toEqual(['main', 'main'])
  })

  it('reads here for a while after the write has ended', async () => {
    const access = { of: 'write' as Access }
    const engine: QueryEngine = { ...engineOf({ role: 'primary' }), classify: () => Promise.resolve(access.of) }
    const { clock, ask } = setUp({ engine, peers: [{ peerId: 'near' }] })
    const written = await ask({ hints: 'session=s' })
    clock.advance(60_000)
    for await (const { rows } of written.batches) expect(rows).toBe(1)
    access.of = 'read'
    expect((await ask({ hints: 'session=s, prefer-remote' })).route).toMatchObject({ decision: 'local' })
    clock.advance(5_000)
    expect((await ask({ hints: 'session=s, prefer-remote' })).route).toMatchObject({ decision: 'forward' })
  })
})

describe('the cache of a node that forwards a write', () => {
  it('gives nothing from before it, however the write ends', async () => {
    for (const ends of [answers('main'), fails('ERR_QUERY_BROKEN', 'unknown')]) {
      const access = { of: 'read' as Access }
      const runs = { count: 0 }
      const engine: QueryEngine = {
        ...engineOf(), classify: () => Promise.resolve(access.of),
        execute: () => Promise.resolve({ format: 'raw', header: Buffer.from('h'), batches: from([batch(`run ${++runs.count}`)]) }),
      }
      const { ask } = setUp({ engine, peers: [{ peerId: 'main', role: 'primary' }], behaviour: { main: ends }, cacheBytes: 1 << 20 })
      const read = async (hints = ''): Promise<void> => {
        for await (const { rows } of (await ask({ hints })).batches) expect(rows).toBe(1)
      }
      await read()
      await read()
      expect(runs.count).toBe(1)
      access.of = 'write'
      await ask().catch(() => undefined)
      access.of = 'read'
      await read()
      expect(runs.count).toBe(2)
    }
  })
})
