import { describe, expect, it } from 'vitest'
import { LIVE_TABLES } from '../../../../src/operations/mesh-database/live-tables.ts'
import type { LiveSources, LiveValue } from '../../../../src/operations/mesh-database/live-table.ts'
import type { AlertView } from '../../../../src/wire/operations-views.ts'
import type { EventView } from '../../../../src/wire/control.ts'
import { VirtualClock } from '../../../support/query-plane.ts'
import { memberView } from '../tables/measured-node.ts'
import { queryRecord } from './query-record.ts'

const clock = new VirtualClock()
clock.advance(10_000)

function rowsOf(name: string, { alerts = null, ...inspection }: Partial<LiveSources['inspection']> & { readonly alerts?: LiveSources['alerts'] }): Array<Record<string, LiveValue>> {
  const table = LIVE_TABLES.find((one) => one.name === name)
  const sources: LiveSources = { alerts, inspection: { clock, members: () => [], databases: () => [], recentEvents: () => [], recentQueries: () => [], ...inspection } }
  return (table?.rows(sources) ?? []).map((row) => Object.fromEntries(row.map((value, index) => [table?.columns[index]?.name ?? '', value])))
}

describe('tables of the running node', () => {
  it('nodes: what is measured of each', () => {
    const far = memberView('far', { status: 'degraded' })
    const [near, measured] = rowsOf('nodes', { members: () => [memberView('near', { local: true, load: null }), { ...far, latency: far.latency === null ? null : { ...far.latency, lastCheckMs: 9_000 } }] })
    expect(near).toMatchObject({ name: 'near', is_local: true, latency_ms: null, cpu_percent: null, in_flight: null, is_overloaded: null, last_check: null, databases: ['users', 'numbers'] })
    expect(measured).toMatchObject({ name: 'far', peer_id: 'peer-far', is_local: false, status: 'degraded', latency_ms: 1.235, latency_p99_ms: 9, loss_ratio: 0.25, cpu_percent: 12.35, in_flight: 2, datacenter: 'eu', last_check: 9_000 })
  })

  it('members: what membership knows', () => {
    expect(rowsOf('members', { members: () => [memberView('far', { state: 'suspect', suspectedBy: ['near'], path: 'direct', removedBy: 'near' })] })[0]).toMatchObject({
      name: 'far', state: 'suspect', suspected_by: ['near'], udp: '10.0.0.1:7400', tcp_multiaddrs: ['/ip4/10.0.0.1/tcp/7400'], path: 'direct', removed_by: 'near', incarnation: 1,
    })
  })

  it('events: of members, of peers and of the mesh', () => {
    const { record, name } = memberView('far')
    const events: EventView[] = [
      { type: 'member-left', atWallMs: 5, record, name, from: name, reason: 'it left', sinceProbeMs: null, evidence: null, suspectedBy: null, confirmedBy: [], probeMs: null, suspicionMs: null },
      { type: 'peer-ejected', atWallMs: 6, reason: 'too many errors', peerId: 'peer-far', database: null, table: null },
      { type: 'quorum-lost', atWallMs: 7, reason: 'alone', reachable: 1, known: 3, needed: 2 },
    ]
    const rows = rowsOf('events', { recentEvents: () => events })
    expect(rows.map(({ occurred_at: at, type, node, peer_id: peerId, description }) => [at, type, node, peerId, description])).toEqual([
      [5, 'member-left', 'far', 'peer-far', 'far: it left'], [6, 'peer-ejected', null, 'peer-far', 'too many errors'], [7, 'quorum-lost', null, null, 'alone'],
    ])
    expect(JSON.parse(rows[2]?.['details'] as string)).toEqual(events[2])
  })

  it('queries, and what they come to as routes', () => {
    const recentQueries = (): ReturnType<typeof queryRecord>[] => [queryRecord(), queryRecord({ id: 2, executedBy: null, decision: 'refused', outcome: 'error', code: 'ERR_OVERLOADED', failedAttempts: [{ peerId: 'peer-far', name: 'far', code: 'ERR_PEER_UNREACHABLE', message: 'gone' }] })]
    expect(rowsOf('queries', { recentQueries })[1]).toMatchObject({ id: 2, executed_by: null, decision: 'refused', code: 'ERR_OVERLOADED', failed_attempts: ['far: ERR_PEER_UNREACHABLE'], row_count: 1 })
    expect(rowsOf('routes', { recentQueries }).map(({ decision, target, share }) => [decision, target, share])).toEqual([['local', 'near', 0.5], ['refused', null, 0.5]])
  })

  it('databases: a row for each copy, with the path of its own alone', () => {
    const copy = { peerId: 'peer-near', node: 'near', isLocal: true, role: 'primary', engine: 'duckdb', ready: true }
    const databases = (): ReturnType<LiveSources['inspection']['databases']> => [{ name: 'users', path: '/data/users', copies: [copy, { ...copy, peerId: 'peer-far', node: 'far', isLocal: false }] }]
    expect(rowsOf('databases', { databases }).map(({ name, node, path }) => [name, node, path])).toEqual([['users', 'near', '/data/users'], ['users', 'far', null]])
  })

  it('alerts: those of their source, and none without one', () => {
    const alert: AlertView = { rule: 'cpu', severity: 'critical', subject: '', state: 'firing', value: 95, threshold: 90, unit: 'percent', summary: 'busy', sinceWallMs: 1, firedAtWallMs: 2, resolvedAtWallMs: null }
    expect(rowsOf('alerts', { alerts: { list: () => [alert] } })).toMatchObject([{ rule: 'cpu', value: 95, since: 1, fired_at: 2, resolved_at: null }])
    expect(rowsOf('alerts', {})).toEqual([])
  })
})
