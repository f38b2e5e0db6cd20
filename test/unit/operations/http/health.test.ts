import { describe, expect, it } from 'vitest'
import { type HealthFacts, membershipHealth, overallHealth, readiness } from '../../../../src/operations/http/health.ts'
import { roleVerdict } from '../../../../src/operations/http/role.ts'
import type { MemberView } from '../../../../src/wire/control.ts'
import type { AlertView, DatabaseView } from '../../../../src/wire/operations-views.ts'
import { memberView } from '../tables/measured-node.ts'
import { fakeApp, fakeNode, healthyStatus, selfPeerId } from './fake-node.ts'

const database = (name: string, copies: ReadonlyArray<readonly [isLocal: boolean, ready: boolean]>): DatabaseView => ({
  name, path: null, copies: copies.map(([isLocal, ready], index) => ({ peerId: isLocal ? selfPeerId : `peer${index}`, node: `node${index}`, isLocal, role: 'replica', engine: 'duckdb', ready })),
})
const own = (name: string, ready: boolean, { role = 'replica', lagMs = null as number | null } = {}): HealthFacts['status']['databases'][number] => ({ name, role, engine: 'duckdb', ready, lagMs })
const facts = (changes: Partial<HealthFacts> = {}, status: Partial<HealthFacts['status']> = {}): HealthFacts => ({
  status: { ...healthyStatus, ...status }, isDraining: false, databases: [database('users', [[true, true]])], alerts: [], tablesProblem: null, members: () => [], ...changes,
})
const minority = (policy: 'serve' | 'read-only' | 'refuse'): HealthFacts['status']['quorum'] => ({ hasQuorum: false, reachable: 1, known: 5, needed: 3, policy })
const alert = (state: AlertView['state']): AlertView => ({ rule: 'cpu', severity: 'critical', subject: 'a-peer', state, value: 95, threshold: 90, unit: '%', summary: 'a-peer is busy', sinceWallMs: 0, firedAtWallMs: null, resolvedAtWallMs: null })

describe('overall health', () => {
  it.each<readonly [string, HealthFacts, 'pass' | 'warn' | 'fail', string]>([
    ['all is well', facts(), 'pass', ''],
    ['a node without a database', facts({ databases: [] }, { databases: [] }), 'pass', ''],
    ['it shuts down', facts({ isDraining: true }), 'fail', 'shutting down'],
    ['it joins', facts({}, { state: 'joining' }), 'fail', 'joining'],
    ['it is suspected', facts({}, { state: 'suspect' }), 'warn', 'suspect'],
    ['a minority that serves', facts({}, { quorum: minority('serve') }), 'warn', '1 of 5 members'],
    ['a minority that only reads', facts({}, { quorum: minority('read-only') }), 'warn', 'read-only'],
    ['a minority that refuses', facts({}, { quorum: minority('refuse') }), 'fail', 'refuses queries'],
    ['a partition', facts({}, { partition: { partition: 'p', sinceWallMs: 0, reachable: 3, away: 2, lost: 2 } }), 'warn', '2 members are out of reach'],
    ['it is overloaded', facts({}, { load: { ...healthyStatus.load, cpuPercent: 91.4, overloaded: true } }), 'warn', 'CPU 91 %'],
    ['its copy is not ready, another is', facts({ databases: [database('users', [[true, false], [false, true]])] }, { databases: [own('users', false)] }), 'warn', 'go to peers'],
    ['no copy is ready', facts({ databases: [database('users', [[true, false], [false, false]])] }, { databases: [own('users', false)] }), 'fail', 'no copy of users'],
    ['no copy of one of two is ready', facts({ databases: [database('users', [[true, false]]), database('shop', [[true, true]])] }, { databases: [own('users', false), own('shop', true)] }), 'warn', 'no copy of users'],
    ['it is slow to hear', facts({}, { localHealth: { score: 4, max: 8 } }), 'warn', '4 of 8'],
    ['it is hardly slow', facts({}, { localHealth: { score: 3, max: 8 } }), 'pass', ''],
    ['its tables cannot be written', facts({ tablesProblem: { code: 'disk-full', message: 'ENOSPC at /path', sinceWallMs: 0 } }), 'warn', 'disk-full'],
    ['an alert fires', facts({ alerts: [alert('firing')] }), 'warn', 'the critical alert cpu is firing'],
    ['an alert is pending, another resolved', facts({ alerts: [alert('pending'), alert('resolved')] }), 'pass', ''],
  ])('%s', (_what, given, status, reason) => {
    const verdict = overallHealth(given)
    expect(verdict.status).toBe(status)
    if (reason === '') expect(verdict.reasons).toEqual([])
    else expect(verdict.reasons).toEqual([expect.objectContaining({ status, reason: expect.stringContaining(reason) as string })])
  })

  it('says what an overload leads to, where that is known', () => {
    const load = { ...healthyStatus.load, cpuPercent: 91.4, memoryPercent: 12, overloaded: true }
    const reasons = (members: readonly MemberView[]): string[] => overallHealth(facts({ members: () => members }, { load })).reasons.map(({ reason }) => reason)
    const self = memberView('near', { local: true })
    expect([reasons([]), reasons([self]), reasons([self, memberView('far')])]).toEqual([
      ['overloaded: CPU 91 %, memory 12 %'], ['overloaded: CPU 91 %, memory 12 %; its queries stay, since no peer can take them'], ['overloaded: CPU 91 %, memory 12 %; a share of its reads goes to peers'],
    ])
  })

  it('names the worst first, and neither peers nor paths', () => {
    const verdict = overallHealth(facts({ isDraining: true, alerts: [alert('firing')], tablesProblem: { code: 'disk-full', message: 'ENOSPC at /path', sinceWallMs: 0 } }))
    expect(verdict.reasons.map(({ status }) => status)).toEqual(['fail', 'warn', 'warn'])
    expect(JSON.stringify(verdict)).not.toMatch(/a-peer|\/path/)
  })
})

describe('readiness', () => {
  it('is asked of one database', () => {
    const given = facts({ databases: [database('users', [[true, false]]), database('shop', [[true, true]]), database('far', [[false, true]])] }, { databases: [own('users', false), own('shop', true)] })
    expect([readiness(given, 'users').status, readiness(given, 'shop').status, readiness(given, 'far').status, readiness(given).status]).toEqual(['fail', 'pass', 'pass', 'warn'])
  })
})

describe('health of the membership', () => {
  it('fails without a quorum, whatever the policy, and does not look at databases', () => {
    expect(membershipHealth(facts({ databases: [] }, { databases: [own('users', false)] }))).toEqual({ status: 'pass', reasons: [] })
    for (const policy of ['serve', 'read-only', 'refuse'] as const) expect(membershipHealth(facts({}, { quorum: minority(policy) }))).toMatchObject({ status: 'fail', reasons: [{ check: 'quorum' }] })
    expect(membershipHealth(facts({}, { partition: { partition: 'p', sinceWallMs: 0, reachable: 3, away: 2, lost: 2 } }))).toMatchObject({ status: 'warn', reasons: [{ check: 'partition' }] })
  })
})

describe('the role of a copy', () => {
  const primary = own('users', true, { role: 'primary', lagMs: 0 })
  const replica = own('users', true, { lagMs: 800 })
  const { quorum } = healthyStatus
  const ask = (databases: HealthFacts['status']['databases'], question: Partial<Parameters<typeof roleVerdict>[2]>, { isDraining = false, policy }: { isDraining?: boolean; policy?: 'serve' | 'read-only' | 'refuse' } = {}): boolean => (
    roleVerdict({ databases, quorum: policy === undefined ? quorum : minority(policy) }, isDraining, { role: 'primary', database: null, lagMsMax: null, ...question }).isFit)

  it('is the primary, or is not', () => {
    expect([ask([primary], {}), ask([replica], {}), ask([primary], { role: 'replica' }), ask([replica], { role: 'replica' })]).toEqual([true, false, false, true])
  })

  it('is that of all databases unless one is named', () => {
    const two = [primary, { ...replica, name: 'shop' }]
    expect([ask(two, {}), ask(two, { database: 'users' }), ask(two, { database: 'shop' }), ask(two, { database: 'shop', role: 'replica' }), ask(two, { database: 'nothing' }), ask([], {})]).toEqual([false, true, false, true, false, false])
  })

  it('is not enough for a copy that is not ready, or a node that goes', () => {
    expect([ask([{ ...primary, ready: false }], {}), ask([{ ...replica, ready: false }], { role: 'replica' }), ask([primary], {}, { isDraining: true })]).toEqual([false, false, false])
  })

  it('in a minority goes by the policy', () => {
    expect((['serve', 'read-only', 'refuse'] as const).map((policy) => [ask([primary], {}, { policy }), ask([replica], { role: 'replica' }, { policy })])).toEqual([[true, true], [false, true], [false, false]])
  })

  it('of a replica may have a bound of lag, which one that does not know its own exceeds', () => {
    const lagged = (lagMs: number | null, lagMsMax: number): boolean => ask([own('users', true, { lagMs })], { role: 'replica', lagMsMax })
    expect([lagged(800, 800), lagged(801, 800), lagged(null, 800), lagged(0, 0)]).toEqual([true, false, false, true])
  })
})

describe('over HTTP', () => {
  it('the status is the verdict, for each method that load balancers use', async () => {
    const node = fakeNode()
    const { app, close } = await fakeApp(node)
    const statuses = async (url: string): Promise<number[]> => await Promise.all((['GET', 'HEAD', 'OPTIONS'] as const).map(async (method) => (await app.inject({ method, url })).statusCode))
    for (const url of ['/health/check', '/primary', '/primary/users', '/primary?database=users']) expect([url, await statuses(url)]).toEqual([url, [200, 200, 200]])
    for (const url of ['/replica', '/replica?lag=5s', '/replica/users?lag=500ms', '/primary/nothing']) expect([url, await statuses(url)]).toEqual([url, [503, 503, 503]])
    expect((await app.inject({ method: 'HEAD', url: '/health/check' })).body).toBe('')
    for (const url of ['/health', '/health/live', '/health/ready', '/health/membership']) expect([url, (await app.inject({ url })).statusCode]).toEqual([url, 200])
    expect((await app.inject({ url: '/health/ready?database=users' })).statusCode).toBe(200)
    expect((await app.inject({ url: '/health/ready?database=nothing' })).json()).toMatchObject({ status: 404, code: 'ERR_DATABASE_UNKNOWN' })
    node.isDraining = true
    for (const url of ['/health', '/health/ready', '/health/membership', '/primary', '/health/check']) {
      const response = await app.inject({ url })
      expect([url, response.statusCode, response.headers['retry-after'], response.json<{ status: string }>().status]).toEqual([url, 503, '1', 'fail'])
    }
    expect((await app.inject({ url: '/health/live' })).statusCode).toBe(200)
    await close()
  })

  it('a warning is none to be taken out for', async () => {
    const node = fakeNode()
    const { app, close } = await fakeApp(node, { alerts: { list: () => [alert('firing')], changes: () => (async function* () { /* none */ })() } })
    node.status = { ...healthyStatus, load: { ...healthyStatus.load, overloaded: true } }
    const response = await app.inject({ url: '/health' })
    expect([response.statusCode, response.json()]).toEqual([200, expect.objectContaining({ status: 'warn', name: 'near', reasons: [expect.objectContaining({ check: 'load' }), expect.objectContaining({ check: 'alerts' })] })])
    expect((await app.inject({ url: '/health/metrics' })).json()).toMatchObject({ load: { overloaded: true }, alerts: { warning: 0, critical: 1 } })
    await close()
  })
})
