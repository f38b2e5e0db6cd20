import type { QueryRecord } from '../../../../src/wire/operations-views.ts'

export function queryRecord(overrides: Partial<QueryRecord> = {}): QueryRecord {
  return {
    id: 1, startedWallMs: 0, durationMs: 1, firstAnswerMs: 1, database: 'users', sql: 'SELECT 1', access: 'read', priority: 'normal', sentBy: null, decision: 'local',
    executedBy: { peerId: 'peer-near', name: 'near' }, latencyMs: null, reason: 'why', strategy: 'nearest', failedAttempts: [], decisionUs: 3, rows: 1, engineMs: 0.5, outcome: 'ok', code: null, traceId: null,
    ...overrides,
  }
}
