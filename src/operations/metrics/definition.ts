/** What a metric is called and means, and where its figures come from. docs/METRICS.md and the registry are made of these. */
import type { HostTraffic } from '../../adapters/system/host-traffic.ts'
import type { LatencySummary } from '../../core/latency/types.ts'
import type { TrafficSummary } from '../../core/latency/traffic.ts'
import type { LoadReading } from '../../ports/load-probe.ts'
import type { MemberView, NodeStatusView } from '../../wire/control.ts'
import type { AlertView } from '../../wire/operations-views.ts'
import type { TablesSource } from '../types.ts'

export type Labels = Readonly<Record<string, string>>
export type MetricUnit = 'seconds' | 'bytes' | 'bytes per second' | 'ratio' | 'per second' | 'count' | 'state' | 'Unix time'

export interface MetricDefinition {
  /** Complete, with its suffix. */
  readonly name: string
  readonly unit: MetricUnit
  /** One sentence; what each label holds is part of it. */
  readonly help: string
  readonly labels: readonly string[]
}

export type Series = readonly [labels: Labels, value: number]

/** A figure that somebody else keeps, read when it is asked for. */
export interface ReadDefinition extends MetricDefinition {
  readonly type: 'counter' | 'gauge'
  /** Null: unknown now, so that no series is given. */
  readonly read: (sight: Sight) => Iterable<Series> | number | null
  /** Which of the node's counters it shows. */
  readonly counters: readonly string[]
}

/** One that is counted here, as things happen. */
export interface ObservedDefinition extends MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Of a histogram: upper bounds, in its unit. */
  readonly buckets?: readonly number[]
}

/** All that figures are read from, taken once for each reading. */
export interface Sight {
  readonly status: NodeStatusView
  readonly startedWallMs: number
  /** This node. */
  readonly self: MemberView
  /** Those that have series of their own. */
  readonly peers: readonly PeerSight[]
  /** Further ones that are known, without series for lack of room. */
  readonly peersUnlabelled: number
  /** All that are up, labelled or not. */
  readonly health: MeshHealth
  readonly connectedPeers: number
  /** Null before the first. */
  readonly reading: LoadReading | null
  readonly host: HostTraffic | null
  /** By what carries them. */
  readonly connectionBytes: { readonly sent: number; readonly received: number }
  readonly rates: Rates
  readonly alerts: readonly AlertView[] | null
  readonly tables: CountedTables | null
  /** Series that the program's own metrics were not given. */
  readonly seriesDropped: number
}

/** As src/operations/tables has them. */
export type CountedTables = TablesSource & { readonly counters: { readonly rowsWritten: number; readonly rowsDropped: number } }

export interface PeerSight {
  /** As it is shown, and as its series bear it. */
  readonly name: string
  readonly member: MemberView
  readonly latency: LatencySummary | null
  readonly traffic: TrafficSummary | null
}

/** Over the peers that are up; null where none is measured. */
export interface MeshHealth {
  readonly latencyMs: number | null
  readonly lossRatio: number | null
  readonly quality: number | null
  readonly byStatus: Readonly<Record<MemberView['status'], number>>
}

/** Of the last minute, or of the time since the node started where that is less. */
export interface Rates {
  readonly messagesPerSecond: number
  readonly queriesPerSecond: number
  /** Null when no query was decided. */
  readonly forwardRatio: number | null
}

type Shape = Pick<MetricDefinition, 'name' | 'unit' | 'help'>

/** One of the node's counters. */
export function counted(name: string, counter: string, help: string, unit: MetricUnit = 'count'): ReadDefinition {
  return { name: `reedbase_${name}_total`, type: 'counter', unit, help, labels: [], counters: [counter], read: ({ status: { counters } }) => counters[counter] ?? null }
}

/** Several of them, told apart by a label: value → counter. */
export function countedBy(name: string, label: string, counters: Readonly<Record<string, string>>, help: string, unit: MetricUnit = 'count'): ReadDefinition {
  const series = Object.entries(counters).map(([value, counter]) => ({ labels: { [label]: value }, counter }))
  return {
    name: `reedbase_${name}_total`, type: 'counter', unit, help, labels: [label], counters: Object.values(counters),
    read: ({ status }) => series.map(({ labels, counter }) => [labels, status.counters[counter] ?? 0] as const),
  }
}

/** A value among the node's counters that also falls. */
export function held(name: string, counter: string, help: string, unit: MetricUnit = 'count'): ReadDefinition {
  return { name: `reedbase_${name}`, type: 'gauge', unit, help, labels: [], counters: [counter], read: ({ status: { counters } }) => counters[counter] ?? null }
}

export function gauge(shape: Shape, read: (sight: Sight) => number | boolean | null): ReadDefinition {
  return { ...shape, name: `reedbase_${shape.name}`, type: 'gauge', labels: [], counters: [], read: (sight) => asNumber(read(sight)) }
}

export function gaugeBy(shape: Shape & { readonly labels: readonly string[] }, read: (sight: Sight) => Iterable<Series>): ReadDefinition {
  return { ...shape, name: `reedbase_${shape.name}`, type: 'gauge', counters: [], read }
}

export function counterBy(shape: Shape & { readonly labels: readonly string[]; readonly counters?: readonly string[] }, read: (sight: Sight) => Iterable<Series>): ReadDefinition {
  return { counters: [], ...shape, name: `reedbase_${shape.name}_total`, type: 'counter', read }
}

/** One series for each peer that has series at all. */
export function ofPeers(shape: Shape, read: (peer: PeerSight) => number | boolean | null): ReadDefinition {
  return gaugeBy({ ...shape, help: `${shape.help} ${PEER_LABEL}`, labels: ['peer'] }, function* ({ peers }) {
    for (const peer of peers) {
      const value = asNumber(read(peer))
      if (value !== null) yield [{ peer: peer.name }, value]
    }
  })
}

export const PEER_LABEL = 'peer: its name as shown, of at most 256 known members.'
export const DATABASE_LABEL = 'database: its name, of at most 64; the others are other.'

function asNumber(value: number | boolean | null): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0
  return value !== null && Number.isFinite(value) ? value : null
}
