/** `rdb db:explain-route` on a mesh of real processes: the decision is the one that the query then meets, and asking for it leaves no trace. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteReport } from '../../../src/query/types.ts'
import type { ExplainView } from '../../../src/wire/control.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'

const sql = 'SELECT count(*) AS primes FROM primes'
let mesh: TestMesh
let one: NodeProcess

beforeAll(async () => {
  mesh = await TestMesh.create()
  const nodes = await mesh.startAll(['db1', 'db2', 'db3'], { args: ['--datacenter', 'eu', '--overload-dwell', '0ms'] })
  one = nodes[0] as NodeProcess
  // So that the load of the machine that runs the tests decides nothing.
  for (const [index, node] of nodes.entries()) await node.rdb(['drill', '--cpu', index === 0 ? '95' : '10', '--memory', '10', '--for', '10m'])
  await until('both peers to be known as quiet', async () => {
    const { candidates } = await one.json<ExplainView>(['db:explain-route', 'numbers', sql])
    return candidates.length === 3 && candidates.slice(1).every(({ verdict, cpuPercent }) => cpuPercent === 10 && (verdict === 'chosen' || verdict === 'fallback'))
  })
})
afterAll(() => mesh.stop())

async function routeOf(args: readonly string[]): Promise<RouteReport> {
  const { code, stderr } = await one.rdb(['db:query', 'numbers', sql, '--explain', ...args])
  expect(code).toBe(0)
  return JSON.parse(stderr.split('\n')[0] ?? '') as RouteReport
}

describe('db:explain-route', () => {
  it('tells where a read goes from an overloaded node, with scores and reasons, and the tables it reads', async () => {
    const view = await one.json<ExplainView>(['db:explain-route', 'numbers', sql, '--route', 'strategy=least-connections'])
    expect(view).toMatchObject({ database: 'numbers', access: 'read', tables: ['primes'], decision: 'forward', code: null, strategy: 'least-connections', node: { name: 'db1' }, reason: 'Local CPU 95% exceeds threshold 80% (fire drill)' })
    expect(view.forwardedRatio).toBeGreaterThan(0)
    const [local, chosen, fallback] = view.candidates
    expect(local).toMatchObject({ name: 'db1', isLocal: true, place: 'eu/default', cpuPercent: 95, verdict: 'fallback' })
    expect([chosen?.verdict, fallback?.verdict, chosen?.name]).toEqual(['chosen', 'fallback', view.target?.name])
    for (const candidate of [chosen, fallback]) expect([candidate?.place, candidate?.cpuPercent, (candidate?.score ?? -1) >= 0, (candidate?.latencyMs ?? -1) > 0]).toEqual(['eu/default', 10, true, true])
    const route = await routeOf(['--route', 'prefer-remote'])
    expect(['db2', 'db3']).toContain(route.executedBy.name)
  })

  it('runs nothing, counts nothing and takes no turn', async () => {
    const countersOf = async (): Promise<unknown> => Object.fromEntries(await Promise.all(mesh.nodes.map(async (node) => {
      const { counters } = await node.status()
      return [node.name, Object.entries(counters).filter(([name]) => name.startsWith('queries'))] as const
    })))
    const hints = ['--route', 'prefer-remote, strategy=round-robin']
    const before = await countersOf()
    const targets = new Set<string | undefined>()
    for (let i = 0; i < 4; i++) targets.add((await one.json<ExplainView>(['db:explain-route', 'numbers', sql, ...hints])).target?.name)
    expect(targets.size).toBe(1)
    expect(JSON.stringify(before)).toMatch(/queriesForwarded/i)
    expect(await countersOf()).toEqual(before)
  })

  it('tells what keeps it here, and what would refuse it', async () => {
    expect(await one.json(['db:explain-route', 'numbers', sql, '--route', 'local-only'])).toMatchObject({ decision: 'local-overloaded', target: { name: 'db1' } })
    const elsewhere = await one.json<ExplainView>(['db:explain-route', 'numbers', sql, '--route', 'zone=us'])
    expect(elsewhere).toMatchObject({ decision: 'refuse', code: 'ERR_NO_HEALTHY_PEER', target: null })
    expect(elsewhere.candidates.slice(1).map(({ verdict, reason }) => [verdict, reason])).toEqual([['other-zone', 'It is not in zone us'], ['other-zone', 'It is not in zone us']])
    expect(await one.json(['db:explain-route', 'nothing', 'SELECT 1'])).toMatchObject({ decision: 'refuse', code: 'ERR_DATABASE_UNKNOWN' })
  })

  it('is a table for people, and shows what is wrong with a statement', async () => {
    const { code, stdout, stderr } = await one.rdb(['db:explain-route', 'numbers', sql])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Query: read, of numbers \(primes\), priority normal\nRouting Decision: Forwarded to db[23] \(\S+ latency\)\nReason: Local CPU 95%/)
    expect(stdout).toMatch(/│ db1 \(local\) +│ eu\/default +│/)
    const wrong = await one.rdb(['db:explain-route', 'numbers', 'SELECT FROM WHERE'])
    expect([wrong.code, wrong.stdout]).toEqual([1, ''])
    expect(wrong.stderr).toContain('ERR_SQL')
    expect((await one.rdb(['db:explain-route', 'numbers', sql, '--route', 'fastest'])).stderr).toContain('"fastest" is no hint (ERR_OPTION_INVALID)')
  })
})
