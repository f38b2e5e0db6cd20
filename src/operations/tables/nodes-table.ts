/** `nodes.csv`: every member as it stands now, replaced whole. */
import { stringify } from 'csv-stringify/sync'
import type { MemberView } from '../../wire/control.ts'
import { NODES_COLUMNS } from './columns.ts'
import type { Cell } from './table-writer.ts'

export function nodesTable(members: readonly MemberView[], wallMs: number): string {
  const timestamp = timestampText(wallMs)
  return stringify([[...NODES_COLUMNS], ...members.map(({ name, record, state, status, latency, load }): Cell[] => [
    name, record.peerId, state, status, roundedMs(latency?.smoothedMs ?? null), percent(load?.cpuPercent), percent(load?.memoryPercent), load?.inFlight ?? null,
    record.databases.map(({ name: database, role }) => `${database}=${role}`).join(' '), timestamp,
  ])])
}

/** ISO 8601 in UTC with milliseconds. */
export function timestampText(wallMs: number): string {
  return new Date(wallMs).toISOString()
}

/** To the microsecond. */
export function roundedMs(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1_000) / 1_000
}

/** To a hundredth. */
export function percent(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : Math.round(value * 100) / 100
}
