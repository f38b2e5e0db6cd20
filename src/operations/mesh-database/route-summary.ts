/** How queries go: what the log of recent queries comes to for each database, decision and node that ran them. */
import type { QueryRecord } from '../../wire/operations-views.ts'

export interface RouteSummary {
  readonly database: string
  readonly decision: QueryRecord['decision']
  /** Null where nobody ran them. */
  readonly target: { readonly peerId: string; readonly name: string } | null
  readonly queries: number
  readonly failed: number
  /** 0–1 of the queries on that database. */
  readonly share: number
  readonly meanMs: number
  /** By nearest rank. */
  readonly p99Ms: number
  readonly lastReason: string
  readonly lastWallMs: number
}

export function summariseRoutes(records: readonly QueryRecord[]): RouteSummary[] {
  const groups = new Map<string, QueryRecord[]>()
  const ofDatabase = new Map<string, number>()
  for (const record of records) {
    const key = JSON.stringify([record.database, record.decision, record.executedBy?.peerId ?? null])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [record])
    else group.push(record)
    ofDatabase.set(record.database, (ofDatabase.get(record.database) ?? 0) + 1)
  }
  return [...groups.values()].map((group) => {
    const last = group.at(-1) as QueryRecord
    const durations = group.map(({ durationMs }) => durationMs).sort((a, b) => a - b)
    return {
      database: last.database, decision: last.decision, target: last.executedBy, queries: group.length, failed: group.filter(({ outcome }) => outcome === 'error').length,
      share: group.length / (ofDatabase.get(last.database) ?? group.length),
      meanMs: durations.reduce((sum, durationMs) => sum + durationMs, 0) / durations.length, p99Ms: durations[Math.ceil(durations.length * 0.99) - 1] as number,
      lastReason: last.reason, lastWallMs: last.startedWallMs + last.durationMs,
    }
  })
}
