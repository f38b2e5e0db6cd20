/** A node as metrics see it, with as many members as a test wants, and a clock that it sets. */
import type { HostTraffic } from '../../../../src/adapters/system/host-traffic.ts'
import type { NodeInspection } from '../../../../src/node/inspection.ts'
import type { NodeObserver } from '../../../../src/node/observers.ts'
import { NodeMetrics } from '../../../../src/operations/metrics/node-metrics.ts'
import type { LatencySummary } from '../../../../src/core/latency/types.ts'
import type { MemberView, NodeStatusView } from '../../../../src/wire/control.ts'
import type { QueryRecord } from '../../../../src/wire/operations-views.ts'
import { createTestRecord } from '../../../support/member-records.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

export function member(peerId: string, { name = peerId, datacenter = 'north', rack = 'r1', ...fields }: Partial<MemberView> & { readonly datacenter?: string; readonly rack?: string } = {}): MemberView {
  const { datagramPublicKey: _, ...record } = createTestRecord(peerId, { name, datacenter, rack })
  return {
    record, name, local: false, state: 'alive', stateSinceWallMs: 0, suspectedBy: [], status: 'healthy', latency: null, load: null, nameConflict: false, denied: false,
    probationUntilWallMs: null, flapping: false, removedBy: null, path: 'direct', ...fields,
  }
}

export function latency(smoothedMs: number, fields: Partial<LatencySummary> = {}): LatencySummary {
  return { currentMs: smoothedMs, smoothedMs, meanMs: smoothedMs, p99Ms: 2 * smoothedMs, minMs: smoothedMs, maxMs: 2 * smoothedMs, lossRatio: 0, quality: 0.9, samples: 10, consecutiveFailures: 0, lastCheckMs: 0, ...fields }
}

export const query: QueryRecord = {
  id: 1, startedWallMs: 0, durationMs: 20, firstAnswerMs: 5, database: 'flights', sql: '', access: 'read', priority: 'normal', sentBy: null, decision: 'local', executedBy: { peerId: 'self', name: 'self' },
  latencyMs: null, reason: '', strategy: 'nearest', failedAttempts: [], decisionUs: 40, rows: 3, engineMs: 1, outcome: 'ok', code: null, traceId: null,
}

export class InspectedNode {
  nowMs = 1_000_000
  members: MemberView[] = [member('self', { local: true })]
  counters: Record<string, number> = {}
  latencies = new Map<string, LatencySummary>()
  status: Partial<NodeStatusView> = {}
  reading: ReturnType<NodeInspection['reading']> = null
  hostReads = 0
  host: () => Promise<HostTraffic> = () => Promise.resolve({ disk: { readBytes: 7, writtenBytes: 8 }, interfaces: [{ name: 'eth0', receivedBytes: 9, sentBytes: 10, errors: 0 }], folder: { sizeBytes: 100, availableBytes: 40 } })
  readonly observers = new Set<NodeObserver>()
  readonly closing: Array<() => unknown> = []

  metrics(): NodeMetrics {
    const log = createRecordingLog()
    return new NodeMetrics({
      inspection: {
        peerId: 'self', startedWallMs: 0, dataDir: '/data', log,
        clock: { nowMs: () => this.nowMs, wallMs: () => this.nowMs, setTimer: () => ({ cancel: () => undefined }) },
        status: () => this.#status(), members: () => this.members, latencyTo: (peerId) => this.latencies.get(peerId) ?? null, traffic: () => null, reading: () => this.reading,
        connectedPeers: () => ['b'],
        observe: (observer) => {
          this.observers.add(observer)
          return () => { this.observers.delete(observer) }
        },
        onClose: (_what, close) => { this.closing.push(close) },
      },
      readHost: async () => {
        this.hostReads++
        return await this.host()
      },
    })
  }

  tell(tell: (observer: NodeObserver) => void): void {
    for (const observer of this.observers) tell(observer)
  }

  #status(): NodeStatusView {
    return {
      peerId: 'self', name: 'self', nameConflict: false, pid: 1, state: 'alive', version: '1.2.3', uptimeMs: 0, listen: { tcpMultiaddrs: [], udp: '' }, http: null, alerts: [], databases: [],
      load: { cpuPercent: 25, memoryPercent: 50, inFlight: 2, overloaded: false, drill: false }, members: { joining: 0, alive: 1, suspect: 0, failed: 0, left: 0 }, localHealth: { score: 0, max: 8 }, partition: null,
      quorum: { hasQuorum: true, reachable: 1, known: 1, needed: 1, policy: 'serve' }, counters: this.counters, ...this.status,
    }
  }
}

/** The lines of one family, without HELP and TYPE. */
export function linesOf(text: string, name: string): string[] {
  return text.split('\n').filter((line) => line === name || line.startsWith(`${name} `) || line.startsWith(`${name}{`))
}
