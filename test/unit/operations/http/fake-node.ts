/** A node as HTTP sees it, with one database that answers as a test says. */
import type { FastifyInstance } from 'fastify'
import type { NodeObserver } from '../../../../src/node/observers.ts'
import { parseNodeOptions } from '../../../../src/node/options.ts'
import type { EngineBatch } from '../../../../src/ports/query-engine.ts'
import type { QueryRequest, QueryResponse, RouteReport } from '../../../../src/query/types.ts'
import { createHttpApp, type HttpApp } from '../../../../src/operations/http/http-app.ts'
import type { HttpInspection, HttpSources } from '../../../../src/operations/http/http-room.ts'
import type { Protection } from '../../../../src/operations/http/protection.ts'
import type { NodeStatusView } from '../../../../src/wire/control.ts'
import type { QueryRecord } from '../../../../src/wire/operations-views.ts'
import { createRowsResult, type RowsColumn, type RowsValue } from '../../../../src/wire/results/rows-result.ts'
import { VirtualClock } from '../../../support/query-plane.ts'
import { createRecordingLog, type RecordingLog } from '../../../support/recording-log.ts'

export const selfPeerId = '12D3KooWself'

export const healthyStatus: NodeStatusView = {
  peerId: selfPeerId, name: 'near', nameConflict: false, pid: 1, state: 'alive', version: '0.1.0', uptimeMs: 5_000,
  listen: { tcpMultiaddrs: ['/ip4/127.0.0.1/tcp/7400'], udp: '127.0.0.1:7400' }, http: null, alerts: [],
  databases: [{ name: 'users', role: 'primary', engine: 'duckdb', ready: true, lagMs: null }],
  load: { cpuPercent: 12, memoryPercent: 30, inFlight: 0, overloaded: false, drill: false }, members: { joining: 0, alive: 1, suspect: 0, failed: 0, left: 0 },
  localHealth: { score: 0, max: 8 }, partition: null, quorum: { hasQuorum: true, reachable: 1, known: 1, needed: 1, policy: 'serve' }, counters: {},
}

export const route: RouteReport = {
  decision: 'forward', executedBy: { peerId: '12D3KooWfar', name: 'remote1' }, latencyMs: 12.3456, reason: 'Local CPU 85% exceeds 80% – über',
  strategy: 'nearest', failedAttempts: [], candidates: [], decisionUs: 12,
}

export interface FakeNode {
  readonly inspection: HttpInspection
  readonly clock: VirtualClock
  readonly log: RecordingLog
  readonly requests: QueryRequest[]
  readonly signals: AbortSignal[]
  status: NodeStatusView
  isDraining: boolean
  /** What the next queries answer. */
  answer: (request: QueryRequest, signal: AbortSignal) => Promise<QueryResponse>
  readonly tell: Required<Pick<NodeObserver, 'handleEvent' | 'handleQuery' | 'handleReading'>>
  readonly ended: Array<() => Promise<void> | void>
}

export function responseOf(columns: readonly RowsColumn[], rows: Iterable<readonly RowsValue[]> | AsyncIterable<readonly RowsValue[]>): QueryResponse {
  const { format, header, batches } = createRowsResult(columns, rows)
  return respond({ format, header, batches })
}

export function respond({ format, header, batches }: Pick<QueryResponse, 'format' | 'header' | 'batches'>): QueryResponse {
  let total = 0
  let isDone = false
  async function* counted(): AsyncGenerator<EngineBatch, void, void> {
    for await (const batch of batches) {
      total += batch.rows
      yield batch
    }
    isDone = true
  }
  return { format, header, route, batches: counted(), trailer: () => (isDone ? { rows: total, engineMs: 1.5, load: null } : null) }
}

export function fakeNode(http: object = {}): FakeNode {
  const clock = new VirtualClock()
  const log = createRecordingLog()
  const observers: NodeObserver[] = []
  const options = parseNodeOptions({ name: 'near', dataDir: 'data', http }, '/')
  const node: FakeNode = {
    clock, log, requests: [], signals: [], status: healthyStatus, isDraining: false, ended: [],
    answer: () => Promise.resolve(responseOf([{ name: 'id', type: 'bigint' }, { name: 'name', type: 'text' }], [[1n, 'ada'], [2n, null]])),
    tell: {
      handleEvent: (event) => { for (const observer of observers) observer.handleEvent?.(event) },
      handleQuery: (query) => { for (const observer of observers) observer.handleQuery?.(query) },
      handleReading: (reading) => { for (const observer of observers) observer.handleReading?.(reading) },
    },
    inspection: {
      peerId: selfPeerId, name: 'near', startedWallMs: 1_000_000, options, clock, log,
      status: () => node.status,
      members: () => [{
        record: {
          peerId: selfPeerId, name: 'near', incarnation: 1, tcpMultiaddrs: [], udpHost: '127.0.0.1', udpPort: 7400, datagramEpoch: 1, datacenter: 'eu', rack: 'r1', capacity: 1,
          databases: [{ name: 'users', role: 'primary', engine: 'duckdb' }], softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 0,
        },
        name: 'near', local: true, state: 'alive', stateSinceWallMs: 0, suspectedBy: [], status: 'healthy', latency: null, load: { ...node.status.load, ageMs: 0 }, nameConflict: false, denied: false,
        probationUntilWallMs: null, flapping: false, removedBy: null, path: null,
      }],
      databases: () => [{ name: 'users', path: '/data/users', copies: [{ peerId: selfPeerId, node: 'near', isLocal: true, role: 'primary', engine: 'duckdb', ready: node.status.databases[0]?.ready ?? false }] }],
      nodes: (database) => ({ database, pingIntervalMs: 30_000, thresholds: { cpuPercent: 80, memoryPercent: 90, latencyMs: 200 }, nodes: [] }),
      latency: (database, hours) => ({ database, hours, sinceWallMs: 0, thresholdMs: 200, pointMs: 60_000, nodes: [] }),
      traffic: () => null,
      distances: { nearest: () => [] },
      reading: () => null, connectedPeers: () => [], recentEvents: () => [], recentQueries: () => [queryRecord(1), queryRecord(2)],
      observe: (observer) => {
        observers.push(observer)
        return () => undefined
      },
      query: (request, signal) => {
        node.requests.push(request)
        node.signals.push(signal)
        return node.answer(request, signal)
      },
      explain: () => Promise.reject(new Error('not asked here')),
      isDraining: () => node.isDraining,
      onClose: (_what, close) => { node.ended.push(close) },
      announceHttp: () => Promise.resolve(),
    },
  }
  return node
}

export async function fakeApp(node: FakeNode, { protection = { token: null, tls: null }, ...sources }: { readonly protection?: Protection } & Partial<HttpSources> = {}): Promise<HttpApp & { readonly app: FastifyInstance }> {
  return await createHttpApp({ inspection: node.inspection, metrics: null, alerts: null, tables: null, files: null, observer: null, tracing: null, ...sources }, protection)
}

export function queryRecord(id: number, changes: Partial<QueryRecord> = {}): QueryRecord {
  return {
    id, startedWallMs: id, durationMs: 1, firstAnswerMs: 1, database: 'users', sql: 'SELECT 1', access: 'read', priority: 'normal', sentBy: null, decision: 'local', executedBy: { peerId: selfPeerId, name: 'near' },
    latencyMs: null, reason: '', strategy: 'nearest', failedAttempts: [], decisionUs: 1, rows: 1, engineMs: 1, outcome: 'ok', code: null, traceId: null, ...changes,
  }
}

/** The body of a POST, as a program on this host sends it. */
export function posted(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): { readonly method: 'POST'; readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly payload: string } {
  return { method: 'POST', url, headers: { 'host': '127.0.0.1:7480', 'content-type': 'application/json', ...headers }, payload: typeof body === 'string' ? body : JSON.stringify(body) }
}
