/**
 * A node as src/node/node.ts composes it, on virtual time: the query plane's own classes (QueryService with Forwarding, PeerExperience, the
 * gate, the load and latency drivers) over a network that is a delay. What is not there: membership, keys, two-hop routes, sessions' clients.
 *
 * Views of self and peers are those of PeerDirectory.localView and #peerView, line by line; all members are alive. Load and latencies come in where
 * node.ts lets them in: snapshots by gossip, digests on datagrams and on the answers of queries, round trips of datagrams and pings.
 */
import { QueryGate } from '../../../src/core/admission/query-gate.ts'
import { ResultCache } from '../../../src/core/cache/result-cache.ts'
import { PeerLatencies, peerStatus, type StatusThresholds } from '../../../src/core/latency/peer-latencies.ts'
import { LoadMonitor } from '../../../src/core/load/load-monitor.ts'
import { PeerLoads, serviceMsOf } from '../../../src/core/load/peer-loads.ts'
import type { LoadSnapshot } from '../../../src/core/load/types.ts'
import type { LoadDigest } from '../../../src/core/membership/types.ts'
import { parseRoutingOptions } from '../../../src/core/routing/options.ts'
import { Hedging } from '../../../src/core/routing/hedging.ts'
import type { ElsewhereInput } from '../../../src/core/routing/comparison.ts'
import { excessRatio } from '../../../src/core/routing/load-sharing.ts'
import { RetryBudget } from '../../../src/core/routing/retry-budget.ts'
import { StrategySet } from '../../../src/core/routing/strategies/registry.ts'
import type { LocalView, PeerView, Site } from '../../../src/core/routing/types.ts'
import type { Random } from '../../../src/core/time/random.ts'
import { HotspotDriver } from '../../../src/node/hotspot-driver.ts'
import { LatencyDriver } from '../../../src/node/latency-driver.ts'
import { LoadDriver } from '../../../src/node/load-driver.ts'
import type { NodeOptions } from '../../../src/node/options.ts'
import { PeerExperience } from '../../../src/node/peer-experience.ts'
import { QueryGateDriver } from '../../../src/node/query-gate-driver.ts'
import { QueryService } from '../../../src/node/query-service.ts'
import { Sessions } from '../../../src/node/sessions.ts'
import { SharedReads } from '../../../src/node/shared-reads.ts'
import type { Log } from '../../../src/ports/log.ts'
import type { QueryRequest, QueryResponse } from '../../../src/query/types.ts'
import { DATABASE, type CpuBoundEngine, type SleepingEngine } from './engines.ts'
import type { VirtualTime } from './virtual-time.ts'

export type BenchEngine = SleepingEngine | CpuBoundEngine

/** What a node asks of the mesh around it. */
export interface Surroundings {
  send(from: SimulatedNode, toPeerId: string, request: QueryRequest, signal: AbortSignal): Promise<QueryResponse>
  publish(from: SimulatedNode, snapshot: LoadSnapshot): void
  /** Resolves with the round trip. */
  ping(from: SimulatedNode, toPeerId: string): Promise<number>
}

export interface SimulatedNodeInit {
  readonly peerId: string
  readonly site: Site
  /** Null: an entry without a copy. */
  readonly engine: BenchEngine | null
  readonly options: NodeOptions
  readonly time: VirtualTime
  readonly random: Random
  readonly surroundings: Surroundings
}

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent }

export class SimulatedNode {
  readonly peerId: string
  readonly site: Site
  readonly engine: BenchEngine | null
  readonly options: NodeOptions
  readonly monitor: LoadMonitor
  readonly loads = new PeerLoads()
  readonly service: QueryService
  readonly experience: PeerExperience
  /** What rides on this node's datagrams. */
  datagramLoad: LoadDigest
  readonly #time: VirtualTime
  readonly #thresholds: StatusThresholds
  readonly #latencies: PeerLatencies
  readonly #latencyDriver: LatencyDriver
  readonly #loadDriver: LoadDriver
  readonly #gate: QueryGateDriver
  readonly #peers = new Map<string, SimulatedNode>()
  /** Queries dispatched to a peer whose answer has not ended (QueryConnections.inFlight). */
  readonly #inFlightTo = new Map<string, number>()

  constructor({ peerId, site, engine, options, time, random, surroundings }: SimulatedNodeInit) {
    this.peerId = peerId
    this.site = site
    this.engine = engine
    this.options = options
    this.#time = time
    this.#thresholds = { cpuPercent: options.cpuThresholdPercent, memoryPercent: options.memoryThresholdPercent, latencyMs: options.latencyThresholdMs, failures: options.unhealthyAfterFailures }
    const common = { clock: time, random, log: silent }
    this.#latencies = new PeerLatencies({ pingIntervalMs: options.pingIntervalMs, pingTimeoutMs: options.pingTimeoutMs }, random)
    this.#latencyDriver = new LatencyDriver({ ...common, latencies: this.#latencies, ping: (to) => surroundings.ping(this, to), onRtt: () => undefined, onLost: () => undefined })
    this.monitor = new LoadMonitor({
      peerId, intervalMs: options.loadIntervalMs,
      thresholds: { cpuPercent: options.cpuThresholdPercent, memoryPercent: options.memoryThresholdPercent, leaveMarginPercent: options.overloadLeaveMarginPercent, dwellMs: options.overloadDwellMs },
    })
    this.monitor.setReadyDatabases(engine === null ? [] : [DATABASE])
    this.datagramLoad = this.monitor.digest()
    this.experience = new PeerExperience({
      ...common, nameOf: (id) => id, onEvent: () => undefined,
      inFlightAt: (id) => this.loads.get(id)?.inFlight ?? null, roundTripMs: (id) => this.#latencyTo(id), ping: (id) => surroundings.ping(this, id),
    })
    this.#loadDriver = new LoadDriver({
      ...common, monitor: this.monitor,
      probe: {
        read: () => Promise.resolve({ cpuPercent: engine?.readCpuPercent() ?? 5, memoryPercent: 20, memoryBytes: 1e8, processCpuPercent: 0, eventLoopDelayMs: 0 }),
        close: () => undefined,
      },
      publish: (snapshot) => { surroundings.publish(this, snapshot) },
      serviceTimesMs: () => this.#gate.services.expected(this.#gate.queueRatio),
      onDigest: (digest) => { this.datagramLoad = digest },
      onReading: ({ eventLoopDelayMs: delayMs }) => { this.experience.handleLoopDelay(delayMs) },
    })
    this.#gate = new QueryGateDriver(new QueryGate({ limitMax: options.inFlightMax }), time)
    const byName = new StrategySet({ random })
    const standard = byName.get(options.strategy)
    this.service = new QueryService({
      ...common,
      self: { peerId, name: peerId },
      engines: new Map(engine === null ? [] : [[DATABASE, engine]]),
      localView: (_database, isForwarded = false) => this.#localView(isForwarded),
      peerViews: () => this.#peerViews(),
      peerName: (id) => id,
      latencyTo: (id) => this.#latencyTo(id),
      isReachable: () => true,
      routeTo: () => null,
      forward: async (to, request, { signal }) => {
        this.#countInFlight(to, 1)
        try {
          return await surroundings.send(this, to, request, signal)
        } finally {
          this.#countInFlight(to, -1)
        }
      },
      localLoad: () => this.monitor.digest(),
      classifyUnserved: () => Promise.resolve('read'),
      inFlightChanged: (inFlight) => { this.#loadDriver.setInFlight(inFlight) },
      refusalOf: () => null,
      onDelivered: () => undefined,
      onDispatch: (to, request) => {
        this.experience.handleDispatch(to)
        this.#gate.services.handleDispatch(request)
      },
      onOutcome: (to, attempt) => {
        this.experience.handleOutcome(to, attempt)
        this.#gate.services.handleOutcome(attempt)
      },
      requestProbes: (candidates) => { this.experience.requestProbes(candidates) },
      // Off, as by default.
      sharedReads: new SharedReads({ cache: new ResultCache({ bytesMax: options.cacheBytes, ageMsMax: options.cacheAgeMs }), coalescer: null, clock: time }),
      retryBudget: new RetryBudget(), hedging: new Hedging({ afterMs: options.hedgeAfterMs }),
      hotspots: new HotspotDriver({
        ...common, options: { queriesPerSecond: options.hotspotPerSecond }, onEvent: () => undefined,
        otherCopies: () => this.#peerViews().filter(({ status, ready, overloaded }) => status === 'healthy' && ready && !overloaded).length,
      }),
      sessions: new Sessions({ affinity: this.experience.affinity, readYourWritesMs: options.readYourWritesMs, warmPlaces: this.experience.warmPlaces, clock: time }),
      strategies: () => ({ standard, byName }),
      gate: this.#gate,
      routing: parseRoutingOptions({ failoverMax: options.failoverMax, staleAfterMs: 3 * options.loadIntervalMs }),
    })
  }

  /** As when they join: measured from now on, and given little at first (slow start). */
  meet(peers: readonly SimulatedNode[]): void {
    for (const peer of peers) {
      if (peer === this) continue
      this.#peers.set(peer.peerId, peer)
      this.#latencyDriver.addPeer(peer.peerId)
      if (peer.engine === null) continue
      this.experience.handleServing(peer.peerId, [DATABASE], true)
    }
  }

  start(): void {
    this.#loadDriver.start().catch((error: unknown) => { this.#time.fail(error) })
  }

  /** As `rdb drill`. */
  drill(cpuPercent: number, forMs: number): void {
    this.#loadDriver.startDrill({ cpuPercent, memoryPercent: null, forMs })
  }

  handleRtt(peerId: string, rttMs: number): void {
    this.#latencyDriver.handleRtt(peerId, rttMs)
  }

  handleDigest(peerId: string, digest: LoadDigest): void {
    this.loads.handleDigest(this.#time.nowMs(), peerId, digest)
  }

  handleSnapshot(snapshot: LoadSnapshot): void {
    this.loads.handleSnapshot(this.#time.nowMs(), snapshot)
  }

  /** Running and waiting here. */
  get queriesHere(): number {
    return this.#gate.running + this.#gate.waitingTotal
  }

  get limit(): number {
    return this.#gate.limit
  }

  #countInFlight(peerId: string, change: 1 | -1): void {
    this.#inFlightTo.set(peerId, (this.#inFlightTo.get(peerId) ?? 0) + change)
  }

  #latencyTo(peerId: string): number | null {
    const summary = this.#latencies.summary(peerId)
    return summary !== null && summary.samples > 0 ? summary.smoothedMs : null
  }

  #localView(isForwarded: boolean): LocalView {
    const { monitor } = this
    const { running, waitingTotal, limit } = this.#gate
    const isQueueing = waitingTotal > (isForwarded ? limit : 0)
    return {
      peerId: this.peerId, name: this.peerId, site: this.site, role: this.engine?.role ?? null, ready: this.engine !== null, draining: false,
      overloaded: monitor.overloaded || isQueueing,
      overloadReason: monitor.overloadReason ?? (isQueueing ? `queue holds ${waitingTotal} behind ${running} that run` : null),
      cpuPercent: monitor.cpuPercent, memoryPercent: monitor.memoryPercent,
      inFlight: running + waitingTotal, inFlightMax: Infinity,
      excessRatio: Math.max(excessRatio(monitor, monitor.options), Math.min(1, waitingTotal / limit)),
      lagMs: null,
      ...(isForwarded ? {} : { comparison: this.#gate.services.compare(DATABASE, this.#gate.queueRatio, () => this.#elsewhere()) }),
    }
  }

  #elsewhere(): ElsewhereInput[] {
    const told: ElsewhereInput[] = []
    for (const { name, status, ready, serviceMs = null, latencyMs } of this.#peerViews()) {
      if (status !== 'unhealthy' && ready && serviceMs !== null) told.push({ name, expectedMs: serviceMs + (latencyMs ?? 0) })
    }
    return told
  }

  #peerViews(): PeerView[] {
    const views: PeerView[] = []
    for (const peer of this.#peers.values()) if (peer.engine !== null) views.push(this.#peerView(peer.peerId, peer.engine.role, peer))
    return views
  }

  #peerView(peerId: string, role: 'replica', { site, options: { capacity } }: SimulatedNode): PeerView {
    const load = this.loads.get(peerId)
    return {
      peerId, name: peerId, role, site, capacity, lagMs: null,
      feedback: this.experience.feedback(peerId),
      state: 'alive',
      status: peerStatus({ state: 'alive', latency: this.#latencies.summary(peerId), load, thresholds: this.#thresholds }).status,
      ready: load?.readyDatabases?.includes(DATABASE) ?? true,
      latencyMs: this.#latencyTo(peerId),
      overloaded: load?.overloaded ?? false,
      cpuPercent: load?.cpuPercent ?? null, memoryPercent: load?.memoryPercent ?? null,
      inFlightThere: load?.inFlight ?? 0, serviceMs: load === null ? null : serviceMsOf(load, DATABASE), inFlightFromHere: this.#inFlightTo.get(peerId) ?? 0,
      loadAgeMs: load === null ? null : this.#time.nowMs() - load.reportedAtMs,
    }
  }
}
