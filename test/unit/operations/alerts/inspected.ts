/** As much of a node's inspection as alerts look at, with figures that a test sets. */
import type { NodeInspection } from '../../../../src/node/inspection.ts'
import { Observers } from '../../../../src/node/observers.ts'
import { parseNodeOptions } from '../../../../src/node/options.ts'
import type { LoadReading } from '../../../../src/ports/load-probe.ts'
import type { NodeStatusView } from '../../../../src/wire/control.ts'
import type { QueryRecord } from '../../../../src/wire/operations-views.ts'
import { VirtualClock } from '../../../support/query-plane.ts'
import { createRecordingLog } from '../../../support/recording-log.ts'

export interface Peer { readonly name: string; readonly p99Ms: number | null; readonly state?: string }

export function inspected(settings: object = {}) {
  const clock = new VirtualClock()
  const log = createRecordingLog()
  const observers = new Observers(log)
  const figures = {
    peers: [] as Peer[], offsetsMs: [] as number[], hasQuorum: true,
    partition: null as { readonly away: number; readonly reachable: number } | null,
  }
  const status = () => ({ databases: [{ name: 'users' }], quorum: { hasQuorum: figures.hasQuorum, reachable: 2, known: 5, needed: 3 }, partition: figures.partition }) as unknown as NodeStatusView
  const members = () => figures.peers.map(({ name, p99Ms, state = 'alive' }) => ({ name, local: false, denied: false, state, latency: p99Ms === null ? null : { samples: 5, p99Ms } }))
  const inspection = {
    clock, log, status, members, peerId: '12D3KooWself', name: 'self', options: parseNodeOptions(settings, '/'),
    clockOffsets: () => figures.offsetsMs.map((aheadMs, index) => ({ peerId: String(index), aheadMs })),
    observe: (observer: Parameters<Observers['add']>[0]) => observers.add(observer),
  } as unknown as NodeInspection
  const reading = (cpuPercent: number, memoryPercent = 10): void => { observers.handleReading({ cpuPercent, memoryPercent } as LoadReading) }
  const query = (record: Partial<QueryRecord>): void => { observers.handleQuery({ sentBy: null, database: 'users', decision: 'local', decisionUs: 50, ...record } as QueryRecord) }
  return { clock, log, observers, figures, inspection, reading, query }
}
