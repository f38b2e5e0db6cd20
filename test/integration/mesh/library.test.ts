/** `createNode()`: nodes inside this process, with real sockets, engines and strategies of their own. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { callControlOnce } from '../../../src/client/control.ts'
import { connect, createNode, createRowsResult, createScoringStrategy, MeshError, type EngineFactory, type MeshNode, type NodeAdditions, type NodeSettings, type QueryEngine, type RoutingStrategy } from '../../../src/index.ts'
import { collect } from '../../support/collect.ts'
import { until } from '../../support/processes.ts'

let folder: string
const nodes: MeshNode[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-library-'))
  await mkdir(join(folder, 'numbers'))
  await writeFile(join(folder, 'numbers/primes.csv'), 'n,prime\n1,2\n2,3\n3,5\n')
})
afterEach(async () => { await Promise.all(nodes.splice(0).map((node) => node.stop('the test is over'))) })
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

async function start(name: string, settings: NodeSettings = {}, additions: NodeAdditions = {}): Promise<MeshNode> {
  const node = await createNode({ name, dataDir: join(folder, name), listen: '127.0.0.1:0', overloadDwell: '0ms', latencyThreshold: '60s', ...settings }, additions)
  nodes.push(node)
  return node
}

interface FakeEngine extends QueryEngine {
  closes: number
}

function engineOf(database: string, changes: Partial<QueryEngine> = {}): FakeEngine {
  const engine: FakeEngine = {
    database, kind: 'echo', role: 'primary', closes: 0, isReady: () => true,
    classify: (sql) => (sql.startsWith('?') ? Promise.reject(new MeshError('ERR_SQL', 'no question')) : Promise.resolve(sql.startsWith('!') ? 'write' : 'read')),
    execute: ({ sql, parameters }) => Promise.resolve(createRowsResult([{ name: 'sql', type: 'text' }, { name: 'given', type: 'bigint' }], [[sql, parameters.length]])),
    close: () => {
      engine.closes++
      return Promise.resolve()
    },
    ...changes,
  }
  return engine
}

const rowsOf = async (node: Pick<MeshNode, 'query'>, sql: string, options: Parameters<MeshNode['query']>[1]): Promise<unknown[]> => await collect((await node.query(sql, options)).rows())

describe('a node in a program', () => {
  it('answers the program and, beside it, its clients', async () => {
    const node = await start('one', { databases: { numbers: join(folder, 'numbers') } })
    const options = { database: 'numbers', parameters: [1] }
    expect(await rowsOf(node, 'SELECT prime FROM primes WHERE n > ? ORDER BY n', options)).toEqual([{ prime: 3n }, { prime: 5n }])
    const client = await connect({ dataDir: join(folder, 'one') })
    expect(await rowsOf(client, 'SELECT prime FROM primes WHERE n > ? ORDER BY n', options)).toEqual([{ prime: 3n }, { prime: 5n }])
    await client.close()
    expect(node.status().counters).toMatchObject({ queriesLocal: 2 })
    await expect(node.explain('SELECT 1', { database: 'numbers' })).resolves.toMatchObject({ decision: 'local', access: 'read', target: { name: 'one' } })
    await expect(node.explain('SELECT 1', { database: '' })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  it('serves databases that are called as files and folders of its own', async () => {
    const names = ['keyring', 'metrics', 'history']
    const node = await start('namesake', { databases: Object.fromEntries(names.map((name) => [name, join(folder, 'numbers')])), membership: { preset: 'local' } })
    for (const database of names) expect(await rowsOf(node, 'SELECT count(*) AS n FROM primes', { database })).toEqual([{ n: 3n }])
    // At the next start it would be taken for a damaged keyring.
    expect(await readdir(join(folder, 'namesake'))).not.toContain('keyring')
  })

  it('runs transactions of the program, and lets what is open end when it stops', async () => {
    const node = await start('one', { drain: '5s', databases: { numbers: join(folder, 'numbers'), echo: { engine: engineOf('echo') } } })
    await expect(node.transaction('echo', () => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_TRANSACTION_UNSUPPORTED' })
    await expect(node.transaction('numbers', () => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_READ_ONLY' })
    let stopping = Promise.resolve()
    const primes = await node.transaction('numbers', async (transaction) => {
      expect(transaction.route).toMatchObject({ decision: 'local', executedBy: { name: 'one' } })
      const before = await collect((await transaction.query('SELECT count(*) AS n FROM primes')).rows())
      stopping = node.stop('in the middle')
      await expect(node.transaction('numbers', () => Promise.resolve(), { readOnly: true })).rejects.toMatchObject({ code: 'ERR_NODE_STOPPED' })
      return [...before, ...await collect((await transaction.query('SELECT prime FROM primes WHERE n = ?', { parameters: [2] })).rows())]
    }, { readOnly: true })
    expect(primes).toEqual([{ n: 3n }, { prime: 3n }])
    await stopping
  })

  it('tells the program of its mesh, and is gone when it has stopped', async () => {
    const one = await start('one', { drain: '5s' })
    const events = one.members.events()
    const two = await start('two', { seeds: one.tcpMultiaddrs.slice(0, 1) })
    expect((await events.next()).value).toMatchObject({ type: 'member-joined', name: 'two' })
    await two.stop('leaving')
    await two.done
    for await (const event of events) if (event.type === 'member-left') break
    expect(one.members.list().map(({ name, state }) => [name, state])).toEqual([['one', 'alive'], ['two', 'left']])
    await expect(two.query('SELECT 1', { database: 'numbers' })).rejects.toMatchObject({ code: 'ERR_NODE_STOPPED' })
    await expect(connect({ dataDir: join(folder, 'two') })).rejects.toMatchObject({ code: 'ERR_NO_NODE' })
  })

  it('judges each database by its own thresholds, and steers by the options that it is given', async () => {
    const node = await start('one', {
      databases: { signups: { engine: engineOf('signups'), cpuThreshold: 50 }, users: { engine: engineOf('users') } }, hotspotRate: 10,
      routing: { hotspots: { window: '300ms' }, twoHop: { recomputeInterval: '100ms' } },
    })
    await callControlOnce({ dataDir: join(folder, 'one') }, { method: 'drill-start', cpuPercent: 60, memoryPercent: 10, forMs: 600_000 })
    const decisionOf = async (database: string): Promise<unknown> => (await node.explain('x', { database })).decision
    expect([await decisionOf('signups'), await decisionOf('users')]).toEqual(['local-overloaded', 'local'])
    // Four in 300 ms are more than ten in a second; over a whole minute they would be next to nothing.
    const views = await until('a hotspot', async () => {
      await Promise.all(Array.from({ length: 8 }, () => rowsOf(node, 'x', { database: 'users' })))
      const { hotspots } = await node.explain('x', { database: 'users' })
      return hotspots.length === 0 ? null : hotspots
    })
    expect(views).toMatchObject([{ scope: 'node' }, { scope: 'table', table: null }])
    await until('several looks at routes', () => (node.status().counters['twoHopLooks'] ?? 0) > 2)
  })

  it.each<[string, object, NodeAdditions, string, RegExp]>([
    ['an unknown option', { pingIntervall: '1s' }, {}, 'ERR_OPTION_UNKNOWN', /pingIntervall is not an option.*pingInterval/],
    ['values out of their range, all at once', { pingInterval: '1ms', capacity: -1 }, {}, 'ERR_OPTION_INVALID', /capacity.*pingInterval/s],
    ['an unknown strategy', { strategy: 'greenest' }, {}, 'ERR_OPTION_INVALID', /strategy is "greenest"/],
    ['a strategy that is none', {}, { strategies: { odd: () => ({}) as RoutingStrategy } }, 'ERR_OPTION_INVALID', /the strategy odd has no score\(\)/],
    ['a strategy that no hint can name', {}, { strategies: { 'a, b': () => createScoringStrategy('x', () => 0) } }, 'ERR_OPTION_INVALID', /cannot be called "a, b"/],
    ['an unknown strategy of a database', { databases: { a: { engine: engineOf('a'), strategy: 'greenest' } } }, {}, 'ERR_OPTION_INVALID', /"greenest" is no routing strategy/],
    ['an engine that nobody gave', { databases: { a: { engine: 'echo' } } }, { engines: { other: () => Promise.resolve(engineOf('a')) } }, 'ERR_OPTION_INVALID', /no engine is called "echo"/],
    ['an engine of another database', { databases: { a: { engine: engineOf('b') } } }, {}, 'ERR_OPTION_INVALID', /the engine of a serves "b"/],
    ['an engine without its methods', { databases: { a: { engine: { database: 'a', kind: 'x', role: 'primary' } } } }, {}, 'ERR_OPTION_INVALID', /has no isReady, classify, execute, close/],
    ['an engine of an odd kind', { databases: { a: { engine: engineOf('a', { kind: 'My Engine' }) } } }, {}, 'ERR_OPTION_INVALID', /of the kind "My Engine"/],
    ['an engine of an odd role', { databases: { a: { engine: engineOf('a', { role: 'both' as 'primary' }) } } }, {}, 'ERR_OPTION_INVALID', /the role "both"/],
    ['a database with an odd name', { databases: { 'a b': { engine: engineOf('a b') } } }, {}, 'ERR_OPTION_INVALID', /cannot be called "a b"/],
    ['a setting that such a database does not have', { databases: { a: { engine: engineOf('a'), threads: 2 } } }, {}, 'ERR_OPTION_UNKNOWN', /threads of the database a/],
    ['a threshold out of its range', { databases: { a: { engine: engineOf('a'), cpuThreshold: 0 } } }, {}, 'ERR_OPTION_INVALID', /databases.a.cpuThreshold is 0; it takes a percentage from 1 to 100/],
    ['thresholds by which overload could never end', { databases: { a: { engine: engineOf('a'), cpuThreshold: 4 } } }, {}, 'ERR_OPTION_INVALID', /must be below both thresholds/],
    ['databases that are no mapping', { databases: ['a'] }, {}, 'ERR_OPTION_INVALID', /databases must be a mapping/],
  ])('refuses %s', async (_what, settings, additions, code, message) => {
    await expect(start('wrong', settings, additions)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  })
})

describe('an engine of the program', () => {
  it('is asked from every node, and closed with its own', async () => {
    const echo = engineOf('echo')
    const one = await start('one', { databases: { echo: { engine: echo } } })
    const two = await start('two', { seeds: one.tcpMultiaddrs.slice(0, 1) })
    expect(await rowsOf(two, '!write', { database: 'echo', parameters: [1, 2] })).toEqual([{ sql: '!write', given: 2n }])
    await expect(two.query('?', { database: 'echo' })).rejects.toMatchObject({ code: 'ERR_SQL', message: 'no question' })
    expect(two.members.list().find(({ name }) => name === 'one')?.record.databases).toEqual([{ name: 'echo', role: 'primary', engine: 'echo' }])
    expect(echo.closes).toBe(0)
    await one.stop('the engine is to be closed')
    expect(echo.closes).toBe(1)
  })

  it('is asked in its own dialect by a node without a copy', async () => {
    const one = await start('one', { databases: { ducks: { engine: engineOf('ducks') }, server: { engine: engineOf('server', { kind: 'postgres' }) } } })
    const two = await start('two', { seeds: one.tcpMultiaddrs.slice(0, 1) })
    const accessOf = async (sql: string, database: string): Promise<string> => (await two.explain(sql, { database })).access
    expect(await Promise.all(['ducks', 'server', 'unheard-of'].map((database) => accessOf('FROM t', database)))).toEqual(['read', 'unknown', 'unknown'])
    expect(await accessOf('SELECT * FROM t ORDER BY a USING <', 'server')).toBe('read')
    expect(await accessOf('SELECT * FROM t FOR UPDATE', 'server')).toBe('unknown')
  })

  it('is made by name, with its settings, once for each database', async () => {
    const made: unknown[] = []
    const engines: Record<string, EngineFactory> = { echo: ({ database, settings }) => {
      made.push([database, settings])
      return Promise.resolve(engineOf(database))
    } }
    const node = await start('one', { databases: { a: { engine: 'echo', settings: { deep: [1] } }, b: { engine: 'echo', strategy: 'round-robin' }, numbers: join(folder, 'numbers') } }, { engines })
    expect(made).toEqual([['a', { deep: [1] }], ['b', undefined]])
    expect(await rowsOf(node, 'x', { database: 'b' })).toEqual([{ sql: 'x', given: 0n }])
    expect(await rowsOf(node, 'SELECT count(*) AS n FROM primes', { database: 'numbers' })).toEqual([{ n: 3n }])
  })

  it('is closed when the node does not start, wherever that fails', async () => {
    const [first, second, third] = [engineOf('a'), engineOf('b'), engineOf('c')]
    await expect(start('wrong', { databases: { a: { engine: first } }, capacity: -1 })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    const failing: EngineFactory = () => Promise.reject(new MeshError('ERR_DATABASE_PATH', 'the engine does not open'))
    await expect(start('wrong', { databases: { b: { engine: second }, bad: { engine: 'failing' }, c: { engine: third } } }, { engines: { failing } })).rejects.toMatchObject({ code: 'ERR_DATABASE_PATH' })
    const misnamed = engineOf('other')
    await expect(start('wrong', { databases: { d: { engine: 'misnamed' } } }, { engines: { misnamed: () => Promise.resolve(misnamed) } })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    expect([first.closes, second.closes, third.closes, misnamed.closes]).toEqual([1, 1, 1, 1])
  })
})

describe('a strategy of the program', () => {
  const byName = (order: readonly string[]): RoutingStrategy => createScoringStrategy('any', ({ name }) => order.indexOf(name))
  async function threeNodes(settings: NodeSettings, additions: NodeAdditions): Promise<MeshNode> {
    const b = await start('b', { databases: { numbers: join(folder, 'numbers') } })
    const seeds = b.tcpMultiaddrs.slice(0, 1)
    await start('c', { seeds, databases: { numbers: join(folder, 'numbers') } })
    const entry = await start('entry', { seeds, ...settings }, additions)
    // So that the load of the machine that runs the tests decides nothing.
    for (const name of ['b', 'c']) await callControlOnce({ dataDir: join(folder, name) }, { method: 'drill-start', cpuPercent: 10, memoryPercent: 10, forMs: 600_000 })
    await until('both copies to be well and measured', () => entry.members.list().filter(({ local, status, load, latency }) => !local && status === 'healthy' && load?.drill === true && latency !== null).length === 2)
    return entry
  }

  it('that is built in weighs as the options of routing say', async () => {
    const entry = await threeNodes({ strategy: 'adaptive', datacenter: 'elsewhere', routing: { adaptive: { loadWeight: 0, latencyWeight: 0, resourceWeight: 0.25, localityWeight: 0.75 }, gate: { limitInitial: 7, limitMin: 3 } } }, {})
    // 10 % of CPU at a weight of 0.25, and another datacenter at one of 0.75.
    await expect(entry.explain('SELECT 1', { database: 'numbers' })).resolves.toMatchObject({ strategy: 'adaptive', candidates: [{ isLocal: true }, { score: 0.775 }, { score: 0.775 }] })
    expect(entry.status().counters).toMatchObject({ queueLimit: 7 })
  })

  it('chooses by option and by hint, and is explained under its name', async () => {
    const entry = await threeNodes({ strategy: 'forwards' }, { strategies: { forwards: () => byName(['b', 'c']), backwards: () => byName(['c', 'b']) } })
    await expect(entry.explain('SELECT 1', { database: 'numbers' })).resolves.toMatchObject({ strategy: 'forwards', target: { name: 'b' }, candidates: [{ isLocal: true }, { name: 'b', score: 0 }, { name: 'c', score: 1 }] })
    await expect(entry.explain('SELECT 1', { database: 'numbers', route: { strategy: 'backwards' } })).resolves.toMatchObject({ strategy: 'backwards', target: { name: 'c' } })
    const result = await entry.query('SELECT 1 AS one', { database: 'numbers', route: { strategy: 'backwards' } })
    expect([await collect(result.rows()), result.route?.strategy]).toEqual([[{ one: 1 }], 'backwards'])
  })

  it('that ranks nobody is named as the fault', async () => {
    const odd: RoutingStrategy = { name: 'odd', score: (candidates) => candidates.map(() => 0), rank: () => ({ order: [7, 8], scores: [] }) }
    const entry = await threeNodes({}, { strategies: { nearest: () => odd } })
    await expect(entry.query('SELECT 1', { database: 'numbers' })).rejects.toMatchObject({ code: 'ERR_INTERNAL', message: expect.stringMatching(/^the strategy nearest ranked \[7, 8\] of \d candidates for \d places$/) as string })
  })
})
