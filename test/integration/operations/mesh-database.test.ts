/** The mesh as tables in SQL: two nodes inside this process with real sockets and DuckDB, and the engine alone where time has to pass. */
import { renameSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callControlOnce } from '../../../src/client/control.ts'
import { connect, createNode, type MeshNode, type QueryOptions } from '../../../src/index.ts'
import { FILE_TABLES } from '../../../src/operations/mesh-database/file-tables.ts'
import { LIVE_TABLES } from '../../../src/operations/mesh-database/live-tables.ts'
import { MeshEngine, type MeshSources } from '../../../src/operations/mesh-database/mesh-engine.ts'
import { TABLE_FILES, columnNames } from '../../../src/operations/tables/columns.ts'
import type { EngineResult } from '../../../src/ports/query-engine.ts'
import { createResultDecoder } from '../../../src/wire/results/decoder.ts'
import { collect } from '../../support/collect.ts'
import { runRdb, until } from '../../support/processes.ts'
import { VirtualClock } from '../../support/query-plane.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { memberView } from '../../unit/operations/tables/measured-node.ts'

type Row = Record<string, unknown>

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reedbase-mesh-database-'))
})
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

async function rowsOf(node: Pick<MeshNode, 'query'>, sql: string, options: Partial<QueryOptions> = {}): Promise<Row[]> {
  return await collect((await node.query(sql, { database: 'reedbase', ...options })).rows()) as Row[]
}

async function decode({ format, header, batches }: EngineResult): Promise<Row[]> {
  const decoder = createResultDecoder(format, header)
  const rows: Row[] = []
  for await (const { bytes } of batches) {
    const batch = decoder.decode(bytes)
    for (let row = 0; row < batch.rowCount; row++) rows.push(Object.fromEntries(decoder.columns.map(({ name }, column) => [name, batch.value(row, column)])))
  }
  return rows
}

describe('the database reedbase', () => {
  const nodes: MeshNode[] = []
  let near: MeshNode
  let far: MeshNode

  /** Whatever else the machine is at. */
  const pretend = async ({ name }: MeshNode, cpuPercent: number): Promise<void> => {
    await callControlOnce({ dataDir: join(folder, name) }, { method: 'drill-start', cpuPercent, memoryPercent: 5, forMs: 3_600_000 })
  }

  beforeAll(async () => {
    await mkdir(join(folder, 'numbers'))
    await writeFile(join(folder, 'numbers/primes.csv'), 'n,prime\n1,2\n2,3\n3,5\n')
    const start = async (name: string, settings: object = {}): Promise<MeshNode> => {
      const node = await createNode({ name, dataDir: join(folder, name), listen: '127.0.0.1:0', overloadDwell: '0ms', membership: { preset: 'local' }, tables: { metricsInterval: '1s' }, databases: { numbers: join(folder, 'numbers') }, ...settings })
      nodes.push(node)
      await pretend(node, 5)
      return node
    }
    near = await start('near', { minorityPolicy: 'refuse', quorumMin: 2 })
    // Alone it is in a minority, which refuses all that is not about the mesh.
    await until('the quorum to be lost', () => !near.status().quorum.hasQuorum)
    await expect(near.query('SELECT 1', { database: 'numbers' })).rejects.toMatchObject({ code: 'ERR_QUORUM_LOST' })
    expect(await rowsOf(near, 'SELECT name, state FROM nodes')).toEqual([{ name: 'near', state: 'alive' }])
    far = await start('far', { seeds: [near.tcpMultiaddrs[0] ?? ''] })
    await until('both to be measured', () => near.members.list().some(({ local, state, latency }) => !local && state === 'alive' && latency !== null))
    await until('the quorum to be back', () => near.status().quorum.hasQuorum)
  })
  afterAll(async () => { await Promise.all(nodes.map((node) => node.stop('the test is over'))) })

  it('has every table, and each column as it is described', async () => {
    expect((await rowsOf(near, 'SHOW TABLES')).map(({ name }) => name)).toEqual([...LIVE_TABLES, ...FILE_TABLES].map(({ name }) => name).sort())
    for (const { name, columns } of [...LIVE_TABLES, ...FILE_TABLES]) {
      const described = await rowsOf(near, `DESCRIBE main.${name}`)
      const expected = columns.map((column) => [column.name, column.type === 'TIMESTAMPTZ' ? 'TIMESTAMP WITH TIME ZONE' : column.type])
      expect(described.map((column) => [column['column_name'], column['column_type']]), name).toEqual(expected)
    }
  })

  it('shows the mesh, joined and aggregated as one likes', async () => {
    const rows = await rowsOf(near, `SELECT n.name, n.is_local, m.state, n.latency_ms > 0 AS is_measured, list_contains(n.databases, 'numbers') AS serves, d.role, m.state_since <= now() AS is_past
      FROM nodes n JOIN members m USING (peer_id) JOIN databases d USING (peer_id) ORDER BY n.name`)
    expect(rows).toEqual([
      { name: 'far', is_local: false, state: 'alive', is_measured: true, serves: true, role: 'replica', is_past: true },
      { name: 'near', is_local: true, state: 'alive', is_measured: null, serves: true, role: 'replica', is_past: true },
    ])
    expect(await rowsOf(near, 'SELECT count(*)::INT AS nodes, min(name) AS first FROM nodes WHERE status = \'healthy\' OR true')).toEqual([{ nodes: 2, first: 'far' }])
    expect(await rowsOf(far, "SELECT count(*) > 0 AS joined FROM events WHERE type = 'member-joined' AND node = 'near'")).toEqual([{ joined: true }])
  })

  it('shows how queries went', async () => {
    await rowsOf(near, 'SELECT * FROM primes', { database: 'numbers' })
    await rowsOf(near, 'SELECT n FROM primes', { database: 'numbers', route: { preferRemote: true } })
    await rowsOf(near, 'SELECT nothing FROM primes', { database: 'numbers' }).catch(() => [])
    const queries = await rowsOf(near, "SELECT sql, decision, executed_by, row_count::INT AS row_count, outcome, code FROM queries WHERE database = 'numbers' AND sql LIKE '%primes' ORDER BY id")
    expect(queries).toEqual([
      { sql: 'SELECT * FROM primes', decision: 'local', executed_by: 'near', row_count: 3, outcome: 'ok', code: null },
      { sql: 'SELECT n FROM primes', decision: 'forward', executed_by: 'far', row_count: 3, outcome: 'ok', code: null },
      { sql: 'SELECT nothing FROM primes', decision: 'local', executed_by: null, row_count: 0, outcome: 'error', code: 'ERR_SQL' },
    ])
    expect(await rowsOf(near, "SELECT target, queries::INT AS queries, last_reason <> '' AS has_reason FROM routes WHERE database = 'numbers' AND decision = 'forward'")).toEqual([{ target: 'far', queries: 1, has_reason: true }])
  })

  it('has what was measured up to the query, in the files and not there yet', async () => {
    await until('samples of everything', async () => {
      const [counts] = await rowsOf(near, "SELECT (SELECT count(*) FROM latency WHERE resolution = 'raw')::INT AS latency, (SELECT count(*) FROM load)::INT AS load, (SELECT count(DISTINCT metric) FROM metrics)::INT AS metrics")
      return Number(counts?.['latency']) > 0 && Number(counts?.['load']) > 1 && Number(counts?.['metrics']) > 10
    })
    const [latency] = await rowsOf(near, "SELECT name, round(l.latency_ms, 3) > 0 AS is_positive, l.status, day = CAST(l.timestamp AT TIME ZONE 'UTC' AS DATE) AS is_of_its_day FROM latency l JOIN nodes USING (peer_id) WHERE resolution = 'raw' AND l.status <> 'lost' LIMIT 1")
    expect(latency).toEqual({ name: 'far', is_positive: true, status: expect.stringMatching(/^(healthy|degraded)$/) as string, is_of_its_day: true })
    expect((await readFile(join(folder, 'near/latency.csv'), 'utf8')).split('\n', 1)).toEqual(['peer_id,latency_ms,timestamp,status'])
  })

  it('counts as no query that was routed', async () => {
    const before = near.status().counters['queriesLocal']
    await rowsOf(near, 'SELECT 1 FROM nodes')
    expect(near.status().counters['queriesLocal']).toBe(before)
  })

  it('is told to nobody, and asked of nobody else', async () => {
    expect(far.members.list().flatMap(({ record }) => record.databases.map(({ name }) => name))).toEqual(['numbers', 'numbers'])
    expect(near.status().databases.map(({ name }) => name)).toEqual(['numbers'])
    expect(await rowsOf(near, 'SELECT DISTINCT name FROM databases')).toEqual([{ name: 'numbers' }])
    const result = await near.query('SELECT 1', { database: 'reedbase', route: { preferRemote: true } })
    expect(result.route).toMatchObject({ decision: 'local', executedBy: { name: 'near' } })
    await collect(result)
  })

  it('answers on a node that is overloaded, to a client beside it and to rdb', async () => {
    const dataDir = join(folder, 'near')
    await pretend(near, 99)
    const client = await connect({ dataDir })
    expect(await rowsOf(client, 'SELECT name, is_overloaded FROM nodes WHERE is_local')).toEqual([{ name: 'near', is_overloaded: true }])
    // No warning: it belongs nowhere else.
    const result = await client.query('SELECT 1', { database: 'reedbase' })
    expect(result.route?.decision).toBe('local')
    await collect(result)
    await client.close()
    await pretend(near, 5)
    const { code, stdout, stderr } = await runRdb(['db:query', 'reedbase', 'SELECT name FROM members ORDER BY name', '--format', 'csv', '--data-dir', dataDir])
    expect([code, stderr, stdout]).toEqual([0, expect.anything(), 'name\nfar\nnear\n'])
  })

  it.each([
    ['SELECT * FROM nope', 'ERR_SQL', /nodes, members, events, queries, routes, databases, alerts, latency, load, metrics/],
    ['SELECT nope FROM nodes', 'ERR_SQL', /DESCRIBE/],
    ['SELEC', 'ERR_SQL', /./],
    ['DELETE FROM nodes', 'ERR_READ_ONLY', /commands of rdb/],
    ['CREATE TABLE t AS SELECT 1', 'ERR_READ_ONLY', /commands of rdb/],
    ["SELECT * FROM read_csv('nodes.csv')", 'ERR_SQL', /its database/],
    ['COPY nodes TO \'stolen.csv\'', 'ERR_SQL', /its database/],
    ['SET threads = 64', 'ERR_SQL', /./],
  ])('refuses %s', async (sql, code, nextStep) => {
    await expect(near.query(sql, { database: 'reedbase' })).rejects.toMatchObject({ code, nextStep: expect.stringMatching(nextStep) as string })
  })

  it('does not read other files of the data folder', async () => {
    await writeFile(join(folder, 'near/secret.csv'), 'secret\n1\n')
    await expect(near.query(`SELECT * FROM '${join(folder, 'near/secret.csv')}'`, { database: 'reedbase' })).rejects.toMatchObject({ code: 'ERR_SQL', message: expect.stringMatching(/Permission/) as string })
  })

  it('has no transactions', async () => {
    await expect(near.transaction('reedbase', async (transaction) => { await transaction.query('SELECT 1') })).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) as string })
  })
})

describe('the engine of reedbase', () => {
  const signal = new AbortController().signal

  async function engineOf(dataDir: string, changes: Partial<MeshSources> = {}): Promise<{ engine: MeshEngine; clock: VirtualClock; rows: (sql: string) => Promise<Row[]> }> {
    await mkdir(join(dataDir, 'history'), { recursive: true })
    const clock = new VirtualClock()
    const engine = new MeshEngine(createRecordingLog())
    engine.bind({
      clock, dataDir, alerts: null, flush: () => Promise.resolve(),
      inspection: { clock, members: () => [memberView('near', { local: true })], databases: () => [], recentEvents: () => [], recentQueries: () => [] }, ...changes,
    })
    return { engine, clock, rows: async (sql) => await decode(await engine.execute({ sql, parameters: [], signal })) }
  }

  it('opens with the first query and closes a minute after the last has ended', async () => {
    const { engine, clock, rows } = await engineOf(join(folder, 'idle'))
    expect(engine.isOpen).toBe(false)
    expect(await rows('SELECT name FROM nodes')).toEqual([{ name: 'near' }])
    clock.advance(59_000)
    const { batches } = await engine.execute({ sql: 'SELECT * FROM range(100000)', parameters: [], signal })
    clock.advance(120_000)
    expect(engine.isOpen).toBe(true)
    await batches[Symbol.asyncIterator]().return?.()
    clock.advance(59_999)
    expect(engine.isOpen).toBe(true)
    clock.advance(1)
    expect(engine.isOpen).toBe(false)
    expect(await rows('SELECT name FROM nodes')).toEqual([{ name: 'near' }])
    await engine.close()
    expect(engine.isReady()).toBe(false)
    await expect(rows('SELECT 1')).rejects.toMatchObject({ code: 'ERR_NOT_SERVING' })
  })

  it('reads the history beside the day under way, and files that come while it is open', async () => {
    const dataDir = join(folder, 'history-of-days')
    const { engine, rows } = await engineOf(dataDir)
    const count = 'SELECT resolution, strftime(day, \'%Y-%m-%d\') AS day, count(*)::INT AS rows, sum(latency_ms) AS sum, sum(lost)::INT AS lost FROM latency GROUP BY ALL ORDER BY ALL'
    expect(await rows(count)).toEqual([])
    await writeFile(join(dataDir, 'latency.csv'), 'peer_id,latency_ms,timestamp,status\na,1.5,2026-11-20T10:00:00.000Z,healthy\na,,2026-11-20T10:00:01.000Z,lost\n')
    await writeFile(join(dataDir, 'history/latency-2026-11-19.csv'), 'peer_id,latency_ms,timestamp,status\na,4,2026-11-19T10:00:00.000Z,healthy\ntorn')
    await writeFile(join(dataDir, 'history/latency-1m-2026-11-19.csv'), `${columnNames(TABLE_FILES.latency.aggregates).join(',')}\na,2026-11-19T10:00:00.000Z,3,1,1,2,3,2,3\nb,2026-11-19T10:00:00.000Z,0,2,,,,,\n`)
    expect(await rows(count)).toEqual([
      { resolution: '1m', day: '2026-11-19', rows: 2, sum: 2, lost: 3 },
      { resolution: 'raw', day: '2026-11-19', rows: 1, sum: 4, lost: null },
      { resolution: 'raw', day: '2026-11-20', rows: 2, sum: 1.5, lost: null },
    ])
    await rm(join(dataDir, 'history/latency-2026-11-19.csv'))
    expect(await rows("SELECT count(*)::INT AS rows FROM latency WHERE resolution = 'raw'")).toEqual([{ rows: 2 }])
    await engine.close()
  })

  it('opens only the files of the days that a query asks for', async () => {
    const dataDir = join(folder, 'pruned')
    const { engine, rows } = await engineOf(dataDir)
    for (const day of ['18', '19']) await writeFile(join(dataDir, `history/load-2026-11-${day}.csv`), `cpu_percent,memory_percent,timestamp\n${day},0,2026-11-${day}T10:00:00.000Z\n`)
    const plan = JSON.stringify(await rows("EXPLAIN SELECT sum(cpu_percent) FROM load WHERE day = DATE '2026-11-19'"))
    expect(plan.match(/Function: READ_CSV/g)).toHaveLength(1)
    expect(await rows("SELECT sum(cpu_percent)::INT AS sum FROM load WHERE day = DATE '2026-11-19'")).toEqual([{ sum: 19 }])
    await engine.close()
  })

  it('asks for what is on its way into the files, once a query reads them', async () => {
    let flushes = 0
    const { engine, rows } = await engineOf(join(folder, 'flushed'), { flush: () => { flushes++; return Promise.resolve() } })
    await rows('SELECT * FROM nodes')
    expect(flushes).toBe(0)
    await rows('SELECT * FROM nodes JOIN (SELECT peer_id FROM latency) USING (peer_id)')
    expect(flushes).toBe(1)
    await engine.close()
  })

  it('looks again where a file moved into the history after it was found', async () => {
    const dataDir = join(folder, 'moved')
    let scans = 0
    const { engine, clock, rows } = await engineOf(dataDir)
    const members = (): ReturnType<MeshSources['inspection']['members']> => {
      // Read before the files are, since the engine begins with what the condition needs.
      if (scans++ === 0) renameSync(join(dataDir, 'load.csv'), join(dataDir, 'history/load-2026-11-20.csv'))
      return [memberView('near')]
    }
    engine.bind({ clock, dataDir, alerts: null, flush: () => Promise.resolve(), inspection: { clock, members, databases: () => [], recentEvents: () => [], recentQueries: () => [] } })
    await writeFile(join(dataDir, 'load.csv'), 'cpu_percent,memory_percent,timestamp\n1,2,2026-11-20T10:00:00.000Z\n')
    expect(await rows('SELECT l.cpu_percent FROM load l WHERE l.cpu_percent >= (SELECT count(*) FROM nodes)')).toEqual([{ cpu_percent: 1 }])
    expect(scans).toBe(2)
    await engine.close()
  })

  it('does not wait for a disk that hangs', async () => {
    const dataDir = join(folder, 'hanging')
    let asked = 0
    const { engine, clock, rows } = await engineOf(dataDir, { flush: async () => { asked++; await new Promise(() => undefined) } })
    await writeFile(join(dataDir, 'load.csv'), 'cpu_percent,memory_percent,timestamp\n1,2,2026-11-20T10:00:00.000Z\n')
    const answer = rows('SELECT cpu_percent FROM load')
    await until('the write to be asked for', () => asked > 0)
    clock.advance(2_000)
    expect(await answer).toEqual([{ cpu_percent: 1 }])
    await engine.close()
  })

  it('closes after a query whose reader went away without a word', async () => {
    const { engine, clock } = await engineOf(join(folder, 'left'))
    const controller = new AbortController()
    await engine.execute({ sql: 'SELECT * FROM range(1000000)', parameters: [], signal: controller.signal })
    controller.abort()
    clock.advance(60_000)
    expect(engine.isOpen).toBe(false)
    await engine.close()
  })

  it('gives a table\'s own error to its reader, and goes on', async () => {
    let isBroken = true
    const { engine, rows } = await engineOf(join(folder, 'broken'), { alerts: { list: () => { if (isBroken) throw new Error('no alerts today'); return [] } } })
    await expect(rows('SELECT * FROM alerts')).rejects.toMatchObject({ code: 'ERR_SQL', message: expect.stringContaining('no alerts today') as string })
    isBroken = false
    expect(await rows('SELECT * FROM alerts')).toEqual([])
    await engine.close()
  })

  it('reads tables of several thousand rows whole, by many readers at once, some of whom leave', async () => {
    const members = Array.from({ length: 3_000 }, (_, index) => memberView(`node-${index}`))
    const { engine, clock, rows } = await engineOf(join(folder, 'many'))
    engine.bind({ clock, dataDir: join(folder, 'many'), alerts: null, flush: () => Promise.resolve(), inspection: { clock, members: () => members, databases: () => [], recentEvents: () => [], recentQueries: () => [] } })
    const whole = Array.from({ length: 4 }, () => rows('SELECT count(*)::INT AS count, sum(n.in_flight)::INT AS sum FROM nodes n JOIN members m USING (peer_id)'))
    const leaving = Array.from({ length: 4 }, async (_, index) => {
      const controller = new AbortController()
      const run = engine.execute({ sql: 'SELECT count(*) FROM nodes a, nodes b, nodes c', parameters: [], signal: controller.signal })
      setTimeout(() => { controller.abort() }, index * 5)
      return await run.then(() => 'answered', (error: unknown) => (error as { code: string }).code)
    })
    expect(await Promise.all(whole)).toEqual(whole.map(() => [{ count: 3_000, sum: 6_000 }]))
    expect(new Set(await Promise.all(leaving))).toEqual(new Set(['ERR_QUERY_CANCELLED']))
    await engine.close()
  })
})
