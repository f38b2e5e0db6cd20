/**
 * Everything that is measured of a node, as Prometheus and the tables read it. Figures that the node keeps anyway are read when they are asked for;
 * nothing runs in between but what `Observed` counts.
 */
import { Counter, Gauge, Registry } from 'prom-client'
import { type HostTraffic, readHostTraffic } from '../../adapters/system/host-traffic.ts'
import type { NodeInspection } from '../../node/inspection.ts'
import type { MemberView } from '../../wire/control.ts'
import type { AlertsSource, MetricSample, MetricsSource } from '../types.ts'
import { communicationMetrics } from './communication.ts'
import type { CountedTables, MeshHealth, PeerSight, ReadDefinition, Series, Sight } from './definition.ts'
import { healthMetrics } from './health.ts'
import { PeerLabels } from './label-table.ts'
import { Observed } from './observed.ts'
import { RateWindow } from './rates.ts'
import { routingMetrics } from './routing.ts'
import { topologyMetrics } from './topology.ts'

export const readMetrics: readonly ReadDefinition[] = [...topologyMetrics, ...communicationMetrics, ...routingMetrics, ...healthMetrics]

/** The host's disks and interfaces are looked at no more often. */
const HOST_READING_MS = 15_000

type Inspected = Pick<NodeInspection, 'peerId' | 'startedWallMs' | 'dataDir' | 'clock' | 'log' | 'status' | 'members' | 'latencyTo' | 'traffic' | 'reading' | 'connectedPeers' | 'observe' | 'onClose'>

export interface NodeMetricsParts {
  readonly inspection: Inspected
  /** Of libp2p, the process, and the program. */
  readonly others?: readonly Registry[]
  /** Bytes on connections of libp2p so far. */
  readonly connectionBytes?: () => { readonly sent: number; readonly received: number }
  readonly seriesDropped?: () => number
  readonly readHost?: (folder: string) => Promise<HostTraffic>
}

interface Filled {
  readonly definition: ReadDefinition
  readonly fill: (series: Iterable<Series>) => void
}

export class NodeMetrics implements MetricsSource {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE
  /** Null where there are none. Set when these parts have started, as they start after this one. */
  alerts: Pick<AlertsSource, 'list'> | null = null
  tables: CountedTables | null = null
  readonly #parts: NodeMetricsParts
  readonly #registries: readonly Registry[]
  readonly #filled: readonly Filled[]
  readonly #peers: PeerLabels
  readonly #observed: Observed
  readonly #rates: RateWindow
  #text: Promise<string> | null = null
  #host: HostTraffic | null = null
  #hostReadAtMs = -Infinity
  #hostReading: Promise<void> | null = null

  constructor(parts: NodeMetricsParts) {
    const { inspection, others = [] } = parts
    const registry = new Registry()
    this.#parts = parts
    this.#registries = [registry, ...others]
    this.#filled = readMetrics.map((definition) => ({ definition, fill: createMetric(definition, registry) }))
    this.#peers = new PeerLabels({ onGone: (name) => { this.#observed.forgetPeer(name) } })
    const members = inspection.members()
    this.#observed = new Observed({ registry, self: selfOf(members).record, peers: this.#peers })
    this.#peers.update(members)
    this.#rates = new RateWindow(inspection.clock.nowMs() - (inspection.clock.wallMs() - inspection.startedWallMs))
    inspection.onClose('metrics', inspection.observe(this.#observed))
  }

  /** Whoever asks while it is being written gets the same. */
  text(): Promise<string> {
    return this.#text ??= this.#write().finally(() => { this.#text = null })
  }

  async samples(): Promise<MetricSample[]> {
    await this.#read()
    const metrics = (await Promise.all(this.#registries.map((registry) => registry.getMetricsAsJSON()))).flat()
    const samples: MetricSample[] = []
    for (const { name: family, values } of metrics) {
      for (const { value, labels, ...rest } of values) {
        const name = 'metricName' in rest && typeof rest.metricName === 'string' ? rest.metricName : family
        if (name === `${family}_bucket`) continue
        samples.push({ name, labels: Object.fromEntries(Object.entries(labels).map(([label, text]) => [label, String(text)])), value })
      }
    }
    return samples
  }

  async #write(): Promise<string> {
    await this.#read()
    const parts = await Promise.all(this.#registries.map((registry) => registry.metrics()))
    return parts.filter((part) => part.trim() !== '').join('\n')
  }

  async #read(): Promise<void> {
    await this.#refreshHost()
    const sight = this.#look()
    for (const { definition, fill } of this.#filled) {
      const figures = definition.read(sight)
      fill(figures === null ? [] : typeof figures === 'number' ? [[{}, figures]] : figures)
    }
  }

  #look(): Sight {
    const { inspection, connectionBytes, seriesDropped } = this.#parts
    const { clock, startedWallMs } = inspection
    const members = inspection.members()
    const status = inspection.status()
    const labelled = this.#peers.update(members)
    return {
      status, startedWallMs, self: selfOf(members),
      peers: labelled.map((member): PeerSight => ({ name: member.name, member, latency: measured(inspection.latencyTo(member.record.peerId)), traffic: inspection.traffic(member.record.peerId) })),
      peersUnlabelled: this.#peers.unlabelled, health: healthOf(members), connectedPeers: inspection.connectedPeers().length, reading: inspection.reading(), host: this.#host,
      connectionBytes: connectionBytes?.() ?? { sent: 0, received: 0 }, rates: this.#rates.read(clock.nowMs(), status.counters),
      alerts: this.alerts?.list() ?? null, tables: this.tables, seriesDropped: seriesDropped?.() ?? 0,
    }
  }

  /** Waited for only the first time; later the last figures serve, while new ones are read. */
  async #refreshHost(): Promise<void> {
    const { inspection: { clock, dataDir, log }, readHost = readHostTraffic } = this.#parts
    if (clock.nowMs() - this.#hostReadAtMs < HOST_READING_MS) return
    this.#hostReading ??= readHost(dataDir).then((host) => { this.#host = host }, (error: unknown) => {
      this.#host = null
      log.debug({ err: error }, 'the disks and interfaces of this host could not be read')
    }).finally(() => {
      this.#hostReadAtMs = clock.nowMs()
      this.#hostReading = null
    })
    if (this.#hostReadAtMs === -Infinity) await this.#hostReading
  }
}

/** Answers how to give it all its series anew. */
function createMetric({ type, name, help, labels }: ReadDefinition, registry: Registry): (series: Iterable<Series>) => void {
  const configuration = { name, help, labelNames: [...labels], registers: [registry] }
  if (type === 'gauge') {
    const metric = new Gauge(configuration)
    return (series) => {
      metric.reset()
      // Without labels a reset metric would still show 0, where the figure is not known.
      if (labels.length === 0) metric.remove()
      for (const [own, value] of series) metric.set({ ...own }, value)
    }
  }
  const metric = new Counter(configuration)
  return (series) => {
    metric.reset()
    if (labels.length === 0) metric.remove()
    for (const [own, value] of series) metric.inc({ ...own }, value)
  }
}

function selfOf(members: readonly MemberView[]): MemberView {
  const [self] = members
  if (self === undefined) throw new Error('a node is its own first member')
  return self
}

/** A window without an answer yet measures nothing but its losses. */
function measured(latency: PeerSight['latency']): PeerSight['latency'] {
  return latency !== null && (latency.samples > 0 || latency.consecutiveFailures > 0) ? latency : null
}

function healthOf(members: readonly MemberView[]): MeshHealth {
  const byStatus = { healthy: 0, degraded: 0, unhealthy: 0 }
  const latencies: Array<NonNullable<MemberView['latency']>> = []
  for (const { local, state, status, latency } of members) {
    if (local || state === 'left') continue
    byStatus[status]++
    if (state !== 'failed' && latency !== null) latencies.push(latency)
  }
  const mean = (of: (latency: NonNullable<MemberView['latency']>) => number): number | null => (latencies.length === 0 ? null : latencies.reduce((sum, latency) => sum + of(latency), 0) / latencies.length)
  return { byStatus, latencyMs: mean(({ smoothedMs }) => smoothedMs), lossRatio: mean(({ lossRatio }) => lossRatio), quality: mean(({ quality }) => quality) }
}
