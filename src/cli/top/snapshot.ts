/** What `rdb top` shows of one moment, made of what the node beside it says of itself and of its members; rates are differences of its counters. */
import type { PeerStatus } from '../../core/latency/types.ts'
import type { MemberState } from '../../core/membership/types.ts'
import type { MemberView, NodeStatusView } from '../../wire/control.ts'

export interface TopNode {
  readonly name: string
  readonly peerId: string
  readonly isLocal: boolean
  readonly state: MemberState
  readonly status: PeerStatus
  readonly cpuPercent: number | null
  readonly memoryPercent: number | null
  readonly inFlight: number | null
  readonly overloaded: boolean
  readonly drill: boolean
  /** Null for this node, and where nothing is measured yet. */
  readonly latencyMs: number | null
  readonly p99Ms: number | null
  readonly lossPercent: number | null
  /** `datacenter/rack`. */
  readonly place: string
  readonly databases: readonly string[]
}

/** Of the node beside us, a second. */
export interface TopRates {
  readonly queries: number
  readonly local: number
  readonly forwarded: number
  readonly forPeers: number
  readonly failed: number
  readonly datagrams: number
  readonly datagramBytes: number
}

export interface TopSnapshot {
  readonly atWallMs: number
  readonly name: string
  readonly version: string
  readonly uptimeMs: number
  readonly http: string | null
  readonly members: Readonly<Record<MemberState, number>>
  readonly quorum: NodeStatusView['quorum']
  readonly partition: NodeStatusView['partition']
  /** Null for the first one, which has nothing to compare with. */
  readonly rates: TopRates | null
  /** Sentences, the gravest first. */
  readonly attention: readonly string[]
  readonly nodes: readonly TopNode[]
}

export interface TopSample {
  readonly atWallMs: number
  /** Monotonic, of when the status was there. */
  readonly atMs: number
  readonly status: NodeStatusView
  readonly members: readonly MemberView[]
}

export function toSnapshot(sample: TopSample, before: TopSample | null): TopSnapshot {
  const { status, members, atWallMs } = sample
  const nodes = members.filter(({ state }) => state !== 'left').map(toNode)
  return {
    atWallMs, name: status.name, version: status.version, uptimeMs: status.uptimeMs, http: status.http, members: status.members, quorum: status.quorum, partition: status.partition,
    rates: before === null ? null : ratesBetween(before, sample), attention: attentionTo(status, nodes), nodes,
  }
}

function toNode({ record, name, local, state, status, latency, load }: MemberView): TopNode {
  return {
    name, peerId: record.peerId, isLocal: local, state, status,
    cpuPercent: load?.cpuPercent ?? null, memoryPercent: load?.memoryPercent ?? null, inFlight: load?.inFlight ?? null, overloaded: load?.overloaded ?? false, drill: load?.drill ?? false,
    latencyMs: local ? null : latency?.smoothedMs ?? null, p99Ms: local ? null : latency?.p99Ms ?? null, lossPercent: local || latency === null ? null : latency.lossRatio * 100,
    place: `${record.datacenter}/${record.rack}`, databases: record.databases.map((database) => (database.role === 'primary' ? `${database.name} (primary)` : database.name)),
  }
}

const placed = ['queriesLocal', 'queriesLocalOverloaded']
const failed = ['queriesRefused', 'queryServerFailed', 'queryServerTimedOut']

/** Null where the node was started anew between them. */
function ratesBetween(before: TopSample, after: TopSample): TopRates | null {
  const seconds = (after.atMs - before.atMs) / 1_000
  if (before.status.pid !== after.status.pid || !(seconds > 0)) return null
  const rate = (...names: readonly string[]): number => names.reduce((sum, name) => sum + Math.max(0, (after.status.counters[name] ?? 0) - (before.status.counters[name] ?? 0)), 0) / seconds
  return {
    queries: rate(...placed, 'queriesForwarded'), local: rate(...placed), forwarded: rate('queriesForwarded'), forPeers: rate('queriesServedForPeers'), failed: rate(...failed),
    datagrams: rate('datagramsSent', 'datagramsReceived'), datagramBytes: rate('datagramsSentBytes', 'datagramsReceivedBytes'),
  }
}

function attentionTo({ quorum, partition, localHealth, databases, nameConflict, alerts }: NodeStatusView, nodes: readonly TopNode[]): string[] {
  const named = (is: (node: TopNode) => boolean): string => {
    const names = nodes.filter(is).map(({ name }) => name)
    return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
  }
  const sentence = (names: string, text: string): string | null => (names === '' ? null : `${names} ${text}`)
  return [
    quorum.hasQuorum ? null : `quorum lost: ${quorum.reachable} of ${quorum.known} here, ${quorum.needed} needed`,
    partition === null ? null : `partition: ${partition.away} of ${partition.lost} lost members are away`,
    // Of these two the sentences above tell more.
    ...alerts.filter(({ rule }) => rule !== 'quorum' && rule !== 'partition').map(({ rule, severity, subject }) => `${severity} alert ${rule}${subject === '' ? '' : ` (${subject})`}`),
    sentence(named(({ state }) => state === 'failed'), 'failed'),
    sentence(named(({ state }) => state === 'suspect'), 'suspected'),
    sentence(databases.filter(({ ready }) => !ready).map(({ name }) => name).join(', '), 'not ready here'),
    sentence(named(({ overloaded }) => overloaded), 'overloaded'),
    sentence(named(({ state, status, overloaded }) => state === 'alive' && status !== 'healthy' && !overloaded), 'degraded'),
    localHealth.score > 0 ? `this node runs late (local health ${localHealth.score} of ${localHealth.max})` : null,
    nameConflict ? 'another member has this node’s name' : null,
  ].filter((text) => text !== null)
}
