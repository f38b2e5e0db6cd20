import { describe, expect, it } from 'vitest'
import { standingOf } from '../../../../src/operations/dashboard/page/dashboard-state.ts'
import { formatClock, formatMs, formatPlace, formatRate, formatShare, formatSpan, formatValue, oneLine, shortPeerId } from '../../../../src/operations/dashboard/page/format.ts'
import { orderedMembers } from '../../../../src/operations/dashboard/page/node-order.ts'
import { problemOf } from '../../../../src/operations/dashboard/page/problem.ts'
import { parseExact, readResult, ROWS_SHOWN_MAX } from '../../../../src/operations/dashboard/page/query-result.ts'
import { retryDelayMs } from '../../../../src/operations/dashboard/page/retry-delay.ts'
import { alertCount, eventTitle, meshSentence, noAlerts, overviewOf, quorumPill, routePhrase, weightOf } from '../../../../src/operations/dashboard/page/summaries.ts'
import type { EventView } from '../../../../src/wire/event-views.ts'
import { SimulatedMesh } from '../../../support/simulated-mesh.ts'

describe('figures as text', () => {
  it('have three digits and a unit', () => {
    expect([0.309, 7, 12.44, 208.07, 999.9, 1250, 75_000, null, Number.NaN].map(formatMs)).toEqual(['0.31 ms', '7.00 ms', '12.4 ms', '208 ms', '1000 ms', '1.25 s', '1 min', '–', '–'])
    expect([0, 0.2, 12.34, 250.7].map(formatRate)).toEqual(['0', '0.20', '12.3', '251'])
    expect([900, 59_400, 60_000, 7_500_000, 360_000_000].map(formatSpan)).toEqual(['1 s', '59 s', '1 min', '2 h 5 min', '4 d 4 h'])
    expect([0, 0.001, 0.005, 0.12].map(formatShare)).toEqual(['0 %', '< 1 %', '1 %', '12 %'])
    expect(formatClock(new Date(2026, 1, 3, 4, 5, 6).getTime())).toBe('04:05:06')
  })

  it('name places, peers and values', () => {
    expect(['lyon/r2', 'lyon/default', 'default/default', '/'].map(formatPlace)).toEqual(['lyon/r2', 'lyon', '–', '–'])
    expect([shortPeerId('12D3KooWABCDEFGHIJ'), shortPeerId('short')]).toEqual(['…CDEFGHIJ', 'short'])
    expect([null, 'text', 1.5, true, { a: [1] }].map(formatValue)).toEqual(['NULL', 'text', '1.5', 'true', '{"a":[1]}'])
    expect(oneLine(' SELECT *\n  FROM t ')).toBe('SELECT * FROM t')
  })
})

describe('sentences', () => {
  const mesh = new SimulatedMesh({ nodes: 3, seed: 7 })

  it('tell the mesh', () => {
    expect(meshSentence(mesh.state(0))).toMatch(/^3 nodes: 1 degraded, 1 healthy, 1 failed|^3 nodes: 1 healthy, 1 degraded, 1 failed/)
    expect(overviewOf(mesh.state(0))).toMatchObject({ up: 2, known: 3, attention: 2, medianMs: mesh.members[1]?.latencyMs, farthestMs: mesh.members[1]?.latencyMs })
    expect(meshSentence(new SimulatedMesh({ nodes: 1 }).state(0))).toBe('1 node: 1 healthy. No round trip is measured yet.')
  })

  it('tell events, also of a kind that this page does not know', () => {
    expect(eventTitle(mesh.event(0, 'oslo-3', 'member-failed', ''))).toBe('oslo-3 failed')
    const later = { type: 'clock-skewed', atWallMs: 0, reason: '' } as unknown as EventView
    expect([eventTitle(later), weightOf(later)]).toEqual(['clock-skewed', 'plain'])
  })

  it('tell where a query went', () => {
    const executedBy = { peerId: 'x', name: 'oslo-3' }
    const route = { decision: 'forward', executedBy, latencyMs: 31.2, sentBy: null, failedAttempts: [] } as const
    expect(routePhrase(route)).toBe('to oslo-3 (31.2 ms away)')
    expect(routePhrase({ ...route, decision: 'local', sentBy: 'lyon-1' })).toBe('from lyon-1, here')
  })

  it('never say of a query that it went nowhere, where the node does not know that', () => {
    const route = { decision: 'forward', executedBy: null, latencyMs: null, sentBy: null, failedAttempts: [] } as const
    expect(routePhrase(route)).toBe('to a peer')
    expect(routePhrase({ ...route, failedAttempts: ['oslo-3', 'ohio-4'].map((name) => ({ peerId: name, name, code: 'ERR_QUERY_BROKEN', message: '' })) })).toBe('to oslo-3, then to ohio-4')
    expect(routePhrase({ ...route, decision: 'local' })).toBe('here')
    expect(routePhrase({ ...route, decision: 'failed' })).toBe('before a decision')
  })

  it('give no all-clear for a time of which nothing is known', () => {
    const live = mesh.state(Date.UTC(2026, 1, 3, 4, 5, 6))
    const now = standingOf({ connection: { phase: 'live' }, live })
    const old = standingOf({ connection: { phase: 'waiting', attempt: 1, retryAtMs: 0, problem: '' }, live })
    const clock = formatClock(live.atWallMs)
    expect([now.kind, old.kind, standingOf({ connection: { phase: 'live' }, live: null }).kind]).toEqual(['now', 'old', 'unknown'])
    expect([now, old].map((standing) => quorumPill(live, standing))).toEqual([{ text: 'Quorum', weight: 'good' }, { text: `Quorum at ${clock}`, weight: 'plain' }])
    expect(quorumPill({ ...live, hasQuorum: false }, now)).toEqual({ text: 'No quorum', weight: 'bad' })
    expect([now, old, { kind: 'unknown' } as const].map((standing) => noAlerts(standing).title)).toEqual(['No alerts', 'Not known', 'Not known yet'])
    expect([now, old].map((standing) => alertCount(standing, []))).toEqual(['', `as of ${clock}`])
  })
})

describe('the order of nodes', () => {
  const { members } = new SimulatedMesh({ nodes: 12, seed: 7 })
  const names = (...given: Parameters<typeof orderedMembers>): string[] => orderedMembers(...given).map(({ name }) => name)

  it('has this node first, then names with their numbers by size', () => {
    const shown = names(members, null, 'lyon')
    expect(shown[0]).toBe('lyon-1')
    expect(shown.map((name) => Number(name.split('-')[1]))).toEqual([...shown.map((name) => Number(name.split('-')[1]))].sort((one, other) => one - other))
  })

  it('knows 2 from 10', () => {
    const [one, other] = members
    if (one === undefined || other === undefined) throw new Error('the mesh is too small')
    expect(names([{ ...one, isLocal: false, name: 'n-10' }, { ...other, name: 'n-2' }], null, '')).toEqual(['n-2', 'n-10'])
  })

  it('puts what is not known last, up and down', () => {
    const up = orderedMembers(members, { column: 'cpuPercent', isDescending: false }, '')
    const down = orderedMembers(members, { column: 'cpuPercent', isDescending: true }, '')
    expect([up.at(-1)?.cpuPercent, down.at(-1)?.cpuPercent]).toEqual([null, null])
    expect(up[0]?.cpuPercent).toBeLessThan(down[0]?.cpuPercent ?? 0)
    expect(orderedMembers(members, { column: 'condition', isDescending: false }, '')[0]?.state).toBe('failed')
  })

  it('keeps those that have every word of the filter', () => {
    expect(names(members, null, 'FAILED')).toEqual([members.at(-1)?.name])
    expect(names(members, null, 'overloaded degraded')).toEqual([members[6]?.name])
    expect(names(members, null, 'overloaded failed')).toEqual([])
  })
})

describe('answers of the node', () => {
  it('are read without losing a digit', () => {
    expect(parseExact('{"rows":[[9007199254740993,1.5,7]]}')).toEqual({ rows: [['9007199254740993', 1.5, 7]] })
  })

  it('are cut where the page shows no more, and counted', () => {
    const { rows, rowCount, route, engineMs, problem } = readResult({ columns: [{ name: 'n', type: 'INTEGER' }], rows: Array.from({ length: 500 }, (_, n) => [n]), route: { decision: 'forward', executedBy: { peerId: 'x', name: 'oslo' }, latencyMs: 3, reason: 'why' }, stats: { engineMs: 2 } })
    expect([rows.length, rowCount, engineMs, problem]).toEqual([ROWS_SHOWN_MAX, 500, 2, null])
    expect(route).toEqual({ decision: 'forward', node: 'oslo', latencyMs: 3, reason: 'why' })
  })

  it('that broke off keep their rows and say why', () => {
    expect(readResult({ columns: [], rows: [[1]], stats: null, error: { code: 'ERR_QUERY_BROKEN', detail: 'the connection broke', nextStep: 'Send it again.' } })).toMatchObject({ rowCount: 1, problem: { code: 'ERR_QUERY_BROKEN', message: 'the connection broke' } })
    expect(readResult(null)).toMatchObject({ columns: [], rowCount: 0, route: null })
  })

  it('that are refused are told in the words of the node, or by their status', () => {
    expect(problemOf(400, { code: 'ERR_SQL', title: 'the engine refused', detail: 'no such table', nextStep: 'Correct it.' })).toEqual({ code: 'ERR_SQL', message: 'no such table', nextStep: 'Correct it.' })
    expect(problemOf(502, '<html>')).toEqual({ code: '', message: 'The node answered with status 502.', nextStep: '' })
  })
})

describe('the wait before the next attempt', () => {
  it('doubles up to 20 s, less up to a third', () => {
    expect([1, 2, 3, 6, 7, 50].map((attempt) => retryDelayMs(attempt, 0))).toEqual([500, 1000, 2000, 16_000, 20_000, 20_000])
    expect(retryDelayMs(1, 1)).toBe(333)
  })
})
