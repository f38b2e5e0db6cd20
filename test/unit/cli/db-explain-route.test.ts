import { describe, expect, it } from 'vitest'
import { parseControlRequest } from '../../../src/adapters/local/control-request.ts'
import { typed } from '../../../src/core/values/query-value.ts'
import { parametersFromTexts } from '../../../src/wire/control-values.ts'
import { MeshError } from '../../../src/errors.ts'
import type { ControlRequest, ExplainCandidateView, ExplainView } from '../../../src/wire/control.ts'
import { FakeProcess } from './fake-context.ts'

const local: ExplainCandidateView = {
  peerId: 'a', name: 'local1', isLocal: true, place: 'eu-west/r1', role: 'replica', via: null, latencyMs: null, cpuPercent: 85.2, memoryPercent: 40, inFlight: 12, score: null,
  verdict: 'fallback', reason: 'Local CPU 85% exceeds threshold 80%; it runs here if no peer answers',
}
const remote1: ExplainCandidateView = {
  ...local, peerId: 'b', name: 'remote1', isLocal: false, role: 'primary', latencyMs: 45.4, cpuPercent: 21, inFlight: 1, score: 90.81, verdict: 'chosen', reason: 'First by nearest',
}
const remote2: ExplainCandidateView = { ...remote1, peerId: 'c', name: 'remote2', place: '', role: 'replica', via: 'remote1', latencyMs: null, cpuPercent: null, memoryPercent: null, score: null, verdict: 'not-ready', reason: 'Its copy of users_prod is not ready' }
const view: ExplainView = {
  database: 'users_prod', access: 'read', tables: ['users', 'orders'], priority: 'normal', session: null, decision: 'forward', code: null,
  reason: 'Local CPU 85% exceeds threshold 80%', strategy: 'nearest', node: { peerId: 'a', name: 'local1' },
  target: { peerId: 'b', name: 'remote1', latencyMs: 45.4, via: null }, forwardedRatio: 0.75, hotspotRatio: 0, hotspots: [], keptTo: null, shared: null, queue: null, candidates: [local, remote1, remote2], omitted: 0,
}

describe('db:explain-route', () => {
  it('sends its parameters, each with its type', async () => {
    const process = new FakeProcess({ control: () => view })
    expect((await process.run('db:explain-route', 'users_prod', 'SELECT ?, ?, ?', '--param', '42', '-p', 'text', '-p', '1.20::DECIMAL(4,2)')).code).toBe(0)
    const { parameters = [] } = process.requests[0] as Extract<ControlRequest, { method: 'explain' }>
    expect(parametersFromTexts(parameters)).toEqual([42, 'text', typed('DECIMAL(4,2)', '1.20')])
    expect(parseControlRequest(JSON.stringify(process.requests[0]))).toEqual(process.requests[0])
  })

  it('refuses what is no parameter', () => {
    expect(() => parametersFromTexts(['////'])).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: 'parameter 1 of a query to explain is no value' }))
    const request = { method: 'explain', database: 'db', sql: 'SELECT 1' }
    for (const parameters of [1, [1], 'x']) expect(() => parseControlRequest(JSON.stringify({ ...request, parameters }))).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('tells the decision, then every candidate with its figures and reason', async () => {
    const process = new FakeProcess({ control: () => view })
    expect(await process.run('db:explain-route', 'users_prod', 'SELECT 1')).toEqual({
      code: 0, stderr: '',
      stdout: [
        'Query: read, of users_prod (users, orders), priority normal',
        'Routing Decision: Forwarded to remote1 (45ms latency)',
        'Reason: Local CPU 85% exceeds threshold 80%',
        'Shared load: 75% of such reads go to peers, the others stay',
        'Strategy: nearest',
        '┌───────────────────┬────────────┬─────────┬─────┬────────┬───────────┬───────┬───────────┬──────────────────────────────────────────────────────────────────────┐',
        '│ Node              │ Place      │ Latency │ CPU │ Memory │ In flight │ Score │ Verdict   │ Why                                                                  │',
        '├───────────────────┼────────────┼─────────┼─────┼────────┼───────────┼───────┼───────────┼──────────────────────────────────────────────────────────────────────┤',
        '│ local1 (local)    │ eu-west/r1 │       – │ 85% │    40% │        12 │     – │ fallback  │ Local CPU 85% exceeds threshold 80%; it runs here if no peer answers │',
        '│ remote1 (primary) │ eu-west/r1 │    45ms │ 21% │    40% │         1 │  90.8 │ chosen    │ First by nearest                                                     │',
        '│ remote2           │ –          │       – │   – │      – │         1 │     – │ not ready │ Its copy of users_prod is not ready; by way of remote1               │',
        '└───────────────────┴────────────┴─────────┴─────┴────────┴───────────┴───────┴───────────┴──────────────────────────────────────────────────────────────────────┘\n',
      ].join('\n'),
    })
    expect(process.requests).toEqual([{ method: 'explain', database: 'users_prod', sql: 'SELECT 1', hints: '', priority: 'normal' }])
    expect(process.queries).toEqual([])
  })

  it.each([[200, /│ Verdict +│ Why +│/], [80, /│ Node +│ Place +│ Latency │ CPU │ Memory │ Score │ Verdict +│\n/], [42, /│ Node +│ Verdict +│\n/]])('keeps its table to %d columns, with the reasons below where they have no room', async (columns, head) => {
    const { stdout } = await new FakeProcess({ control: () => view, terminal: true, columns }).run('db:explain-route', 'users_prod', 'SELECT 1')
    expect(stdout).toMatch(head)
    expect(stdout.split('\n').filter((line) => /^[│┌├└]/.test(line) && line.length > columns)).toEqual([])
    expect(stdout.includes('\nremote2: Its copy of users_prod is not ready; by way of remote1\n')).toBe(columns < 200)
  })

  it.each<[string, Partial<ExplainView>, string]>([
    ['stays', { decision: 'local', target: { peerId: 'a', name: 'local1', latencyMs: null, via: null } }, 'Local (local1)'],
    ['stays although overloaded', { decision: 'local-overloaded' }, 'Local (local1), although overloaded'],
    ['is refused', { decision: 'refuse', code: 'ERR_NO_PRIMARY', target: null }, 'Refused with ERR_NO_PRIMARY'],
    ['goes by a relay', { target: { peerId: 'c', name: 'remote2', latencyMs: 80, via: 'remote1' } }, 'Forwarded to remote2 (80ms latency), by way of remote1'],
    ['goes where nothing was measured', { target: { peerId: 'c', name: 'remote2', latencyMs: null, via: null } }, 'Forwarded to remote2'],
  ])('says that it %s', async (_what, changes, text) => {
    const { code, stdout } = await new FakeProcess({ control: () => ({ ...view, ...changes }) }).run('db:explain-route', 'users_prod', 'SELECT 1')
    expect([code, stdout.split('\n')[1]]).toEqual([0, `Routing Decision: ${text}`])
  })

  it('names the session, a hotspot, and what is left out', async () => {
    const { stdout } = await new FakeProcess({ control: () => ({ ...view, access: 'unknown', tables: [], priority: 'low', session: 'cart-7', forwardedRatio: null, hotspotRatio: 0.5, omitted: 1_234 }) }).run('db:explain-route', 'users_prod', 'SELECT 1')
    expect(stdout).toMatch(/^Query: read or write, which only a node that serves it can tell, of users_prod, priority low, session cart-7\n/)
    expect(stdout).toContain('\nHotspot: 50% of such reads go to other copies\nStrategy: nearest\n')
    expect(stdout).not.toContain('Shared load')
    expect(stdout).toMatch(/\n1,234 more are not shown\.\n$/)
  })

  it.each<[string, Partial<ExplainView>, string]>([
    ['a node that is hot', { hotspots: [{ scope: 'node', table: null, ratePerSecond: 2_000 }] }, 'Hot: this node with 2,000 queries/s'],
    ['a table that is', { hotspots: [{ scope: 'table', table: 'orders', ratePerSecond: 1_234.6 }] }, 'Hot: orders with 1,235 queries/s'],
    ['a database whose tables are unknown', { hotspots: [{ scope: 'table', table: null, ratePerSecond: 1_000 }] }, 'Hot: users_prod with 1,000 queries/s'],
    ['where it wrote', { keptTo: { why: 'written', peerId: 'b', name: 'remote1', forMs: 3_000 } }, 'Kept to: remote1, where its session wrote, for another 3s'],
    ['where its session is', { keptTo: { why: 'session', peerId: 'b', name: 'remote1', forMs: null } }, 'Kept to: remote1, where its session is'],
    ['where its tables are warm', { keptTo: { why: 'tables', peerId: 'b', name: 'remote1', forMs: null } }, 'Kept to: remote1, which has its tables warm, if it leaves this node'],
    ['a held result', { shared: 'held' }, 'Shared: a result that is held here answers it'],
    ['a run under way', { shared: 'under-way' }, 'Shared: the same read is under way here, and answers both'],
    ['a free place', { queue: { running: 1_000, limit: 1_020.7, position: 0, waiting: 0, waitingMax: 12_288, refusal: null } }, 'Queue: 1,000 of 1,020 places are taken, so it starts at once'],
    ['a place in line', { queue: { running: 20, limit: 20, position: 8, waiting: 5, waitingMax: 12_288, refusal: null } }, 'Queue: 20 of 20 places are taken; it would be number 8 in line (5 of at most 12,288 of priority normal wait)'],
    ['a line that is full', { queue: { running: 20, limit: 20, position: 8, waiting: 7, waitingMax: 7, refusal: 'class-full' } }, 'Queue: 20 of 20 places are taken, and it would be turned away: 7 of at most 7 of priority normal wait'],
    ['lines that are full', { queue: { running: 20, limit: 20, position: 8, waiting: 0, waitingMax: 7, refusal: 'queue-full' } }, 'Queue: 20 of 20 places are taken, and it would be turned away: the lines are full'],
  ])('shows %s', async (_what, changes, line) => {
    const { stdout } = await new FakeProcess({ control: () => ({ ...view, ...changes }) }).run('db:explain-route', 'users_prod', 'SELECT 1')
    expect(stdout.split('\n')).toContain(line)
  })

  it('asks with the hints, the session and the priority that a query would have', async () => {
    const process = new FakeProcess({ control: () => view, stdin: 'SELECT 2' })
    const { code, stdout } = await process.run('db:explain-route', 'users_prod', '--route', 'zone=eu-west, strategy=adaptive', '--session', 'cart-7', '--priority', 'high', '--json')
    expect([code, JSON.parse(stdout)]).toEqual([0, view])
    expect(process.requests).toEqual([{ method: 'explain', database: 'users_prod', sql: 'SELECT 2', hints: 'zone=eu-west, strategy=adaptive, session=cart-7', priority: 'high' }])
  })

  it('shows where a statement does not parse', async () => {
    const control = (): never => { throw new MeshError('ERR_SQL', 'syntax error at "FORM"', { details: { position: 9 } }) }
    const { code, stdout, stderr } = await new FakeProcess({ control }).run('db:explain-route', 'users_prod', 'SELECT 1 FORM users')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/SELECT 1 FORM users\n +\^[\s\S]*syntax error at "FORM"/)
  })

  it('shows where a hint stands that nobody reads', async () => {
    const control = (): never => { throw new MeshError('ERR_OPTION_INVALID', 'a hint stands in the middle of the statement', { details: { position: 9 } }) }
    const { stderr } = await new FakeProcess({ control }).run('db:explain-route', 'users_prod', 'SELECT 1 /*+ rdb: local-only */')
    expect(stderr).toMatch(/line 1: SELECT 1 \/\*\+ rdb: local-only \*\/\n {17}\^/)
  })

  it('refuses a statement that no question can hold', async () => {
    const process = new FakeProcess({ control: () => view, stdin: `SELECT '${'é'.repeat(600_000)}'` })
    const { code, stderr } = await process.run('db:explain-route', 'users_prod')
    expect([code, process.requests]).toEqual([1, []])
    expect(stderr).toContain('ERR_QUERY_TOO_LARGE')
  })

  it('refuses what is no priority', async () => {
    const { code, stderr } = await new FakeProcess({ control: () => view }).run('db:explain-route', 'users_prod', 'SELECT 1', '--priority', 'urgent')
    expect(code).toBe(2)
    expect(stderr).toContain('urgent')
  })
})
