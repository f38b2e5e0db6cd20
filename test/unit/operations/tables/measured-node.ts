/** A node that measures what a test says, as the tables see it, with a data folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeObserver } from '../../../../src/node/observers.ts'
import { type NodeOptions, parseNodeOptions } from '../../../../src/node/options.ts'
import type { TablesParts } from '../../../../src/operations/tables/start-tables.ts'
import type { MetricSample } from '../../../../src/operations/types.ts'
import type { MemberView } from '../../../../src/wire/control.ts'
import { VirtualClock } from '../../../support/query-plane.ts'
import { createRecordingLog, type RecordingLog } from '../../../support/recording-log.ts'

class DatedClock extends VirtualClock {
  #startWallMs: number

  constructor(startWallMs: number) {
    super()
    this.#startWallMs = startWallMs
  }

  override wallMs(): number {
    return this.#startWallMs + this.nowMs()
  }

  setWallForward(byMs: number): void {
    this.#startWallMs += byMs
  }
}

export interface MeasuredNode {
  readonly dataDir: string
  readonly clock: DatedClock
  readonly log: RecordingLog
  readonly inspection: TablesParts['inspection']
  readonly tell: Required<Pick<NodeObserver, 'handleRtt' | 'handleLost' | 'handleReading'>>
  members: MemberView[]
  pingIntervalMs: number
  samples: () => Promise<MetricSample[]>
  load(cpuPercent: number, memoryPercent: number): void
  /** As a node does when it stops. */
  close(): Promise<void>
  remove(): Promise<void>
}

export async function measuredNode(at: string, options: object = {}): Promise<MeasuredNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'reedbase-tables-'))
  const observers = new Set<NodeObserver>()
  const closers: Array<() => Promise<void> | void> = []
  const clock = new DatedClock(Date.parse(at))
  const log = createRecordingLog()
  const parsed: NodeOptions = parseNodeOptions({ name: 'near', dataDir, ...options }, '/')
  const node: MeasuredNode = {
    dataDir, clock, log, pingIntervalMs: parsed.pingIntervalMs, members: [memberView('near', { local: true }), memberView('far')], samples: () => Promise.resolve([]),
    inspection: {
      clock, log, dataDir, options: parsed, pingIntervalMs: () => node.pingIntervalMs, members: () => node.members, onClose: (_what, close) => { closers.push(close) },
      observe: (observer) => {
        observers.add(observer)
        return () => { observers.delete(observer) }
      },
    },
    tell: {
      handleRtt: (...told) => { for (const observer of observers) observer.handleRtt?.(...told) },
      handleLost: (...told) => { for (const observer of observers) observer.handleLost?.(...told) },
      handleReading: (reading) => { for (const observer of observers) observer.handleReading?.(reading) },
    },
    load: (cpuPercent, memoryPercent) => { node.tell.handleReading({ cpuPercent, memoryPercent, memoryBytes: 1, processCpuPercent: 1, eventLoopDelayMs: 1 }) },
    close: async () => { for (const close of closers.splice(0).reverse()) await close() },
    remove: () => rm(dataDir, { recursive: true, force: true }),
  }
  return node
}

export function memberView(name: string, overrides: Partial<MemberView> = {}): MemberView {
  return {
    record: {
      peerId: `peer-${name}`, name, incarnation: 1, tcpMultiaddrs: ['/ip4/10.0.0.1/tcp/7400'], udpHost: '10.0.0.1', udpPort: 7400, datagramEpoch: 1, datacenter: 'eu', rack: 'r1', capacity: 1,
      databases: [{ name: 'users', role: 'primary', engine: 'duckdb' }, { name: 'numbers', role: 'replica', engine: 'duckdb' }], softwareVersion: '0.1.0', wireVersion: 1, nameSinceMs: 0,
    },
    name, local: false, state: 'alive', stateSinceWallMs: Date.parse('2026-11-20T08:00:00Z'), suspectedBy: [], status: 'healthy',
    latency: name === 'near' ? null : { currentMs: 2, smoothedMs: 1.23456, meanMs: 2, p99Ms: 9, minMs: 1, maxMs: 9, lossRatio: 0.25, quality: 0.9, samples: 4, consecutiveFailures: 0, lastCheckMs: 0 },
    load: { cpuPercent: 12.345, memoryPercent: 30, inFlight: 2, overloaded: false, drill: false, ageMs: 5 },
    nameConflict: false, denied: false, probationUntilWallMs: null, flapping: false, removedBy: null, path: null, ...overrides,
  }
}
