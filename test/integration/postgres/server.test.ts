/** What only a real server can show: bounded reading, cancellation, deadlines, replicas, promotion, a server that goes and comes back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgres, type PostgresEngine } from '../../../src/adapters/postgres/postgres-engine.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { silentLog } from '../duckdb/silent-log.ts'
import { postgresBin, TestServer } from './server.ts'
import { waitFor } from './wait-for.ts'

const never = new AbortController().signal

describe.skipIf(postgresBin === null)('PostgreSQL, a primary and its replica', () => {
  let primary: TestServer
  let replica: TestServer
  let onPrimary: PostgresEngine
  let onReplica: PostgresEngine
  const open = (server: TestServer, parameters = ''): Promise<PostgresEngine> => openPostgres({ database: 'numbers', url: server.url('postgres', parameters), pollIntervalMs: 50, log: silentLog })
  /** What the pool's connections do at the server. */
  const activity = async (server: TestServer, what: string): Promise<number> => Number(await server.sql(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reedbase-mesh' AND ${what}`))
  const count = async (engine: PostgresEngine): Promise<number> => Number((await collect(await run(engine, 'SELECT count(*) FROM numbers'))).rows[0]?.[0])

  beforeAll(async () => {
    primary = await TestServer.create()
    await primary.sql('CREATE TABLE numbers AS SELECT n::int FROM generate_series(0, 999) n')
    replica = await TestServer.replicaOf(primary)
    onPrimary = await open(primary)
    onReplica = await open(replica)
  })
  afterAll(async () => {
    await Promise.all([onPrimary.close(), onReplica.close()])
    await replica.remove()
    await primary.remove()
  })

  it('says which is which, and how far behind', async () => {
    expect([onPrimary.role, onReplica.role]).toEqual(['primary', 'replica'])
    expect(onPrimary.lagMs()).toBe(0)
    await waitFor('the replica to have caught up', () => onReplica.lagMs() === 0)
    // Until it has replayed one commit a replica knows no time to count from.
    await primary.sql('CREATE TABLE sooner AS SELECT 1')
    await waitFor('it to be replayed', async () => (await replica.sql("SELECT count(*) FROM pg_class WHERE relname = 'sooner'")) === '1')
    await replica.sql('SELECT pg_wal_replay_pause()')
    await primary.sql('CREATE TABLE later AS SELECT 1')
    await waitFor('a lag', () => (onReplica.lagMs() ?? 0) > 0)
    const first = onReplica.lagMs() as number
    await waitFor('a growing lag', () => (onReplica.lagMs() ?? 0) > first)
    await replica.sql('SELECT pg_wal_replay_resume()')
    await waitFor('the replica to have caught up again', () => onReplica.lagMs() === 0)
  })

  it('reads at the replica and refuses to write there, before and behind the classifier', async () => {
    expect(await count(onReplica)).toBe(1000)
    await expect(run(onReplica, 'INSERT INTO numbers VALUES (1)')).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY', details: { started: 'no' } })
  })

  it('a read cannot write: not in a WITH, not by a function, not behind a view', async () => {
    await primary.sql("CREATE SEQUENCE taken; CREATE FUNCTION write_one() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO numbers VALUES (-1) RETURNING n'; CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'; CREATE VIEW hidden AS SELECT write_one()")
    for (const sql of ["SELECT nextval('taken')", 'SELECT write_one()', 'SELECT public.write_one()', 'WITH w AS (DELETE FROM numbers RETURNING n) SELECT * FROM w', 'SELECT * FROM numbers FOR UPDATE', 'SELECT n INTO other FROM numbers', 'EXPLAIN ANALYZE DELETE FROM numbers', 'SELECT pg_advisory_lock(1)', "SELECT set_config('work_mem', '1MB', false)", 'SELECT * FROM pg_terminate_backend(1)']) {
      expect([sql, await onPrimary.classify(sql)]).toEqual([sql, 'write'])
    }
    for (const sql of ['SELECT twice(n) FROM numbers', 'SELECT pg_catalog.lower($1), random(), pg_sleep(0)', 'TABLE numbers', 'VALUES (1)', 'EXPLAIN SELECT 1', 'SHOW work_mem', 'WITH w AS (SELECT 1) SELECT * FROM w']) {
      expect([sql, await onPrimary.classify(sql)]).toEqual([sql, 'read'])
    }
    // The catalogue does not look into views; the transaction does.
    await expect(run(onPrimary, 'SELECT * FROM hidden')).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: '25006' } })
    expect(await primary.sql('SELECT count(*) FROM numbers WHERE n = -1')).toBe('0')
    await collect(await run(onPrimary, 'SELECT write_one()'))
    expect(await primary.sql('DELETE FROM numbers WHERE n = -1 RETURNING n')).toBe('-1')
  })

  it('what one session set is not there for the next', async () => {
    const single = await open(primary, '?connections=1')
    try {
      await expect(run(single, 'SET work_mem = 1')).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: 'Permission' } })
      const { rows: [[before]] } = await collect(await run(single, 'SHOW work_mem')) as unknown as { rows: [[string]] }
      await collect(await run(single, "SELECT set_config('work_mem', '77kB', false), set_config('TimeZone', 'Asia/Tokyo', false), pg_advisory_lock(5)"))
      expect((await collect(await run(single, "SELECT current_setting('work_mem'), current_setting('TimeZone'), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"))).rows).toEqual([[before, 'UTC', 0n]])
    } finally {
      await single.close()
    }
  })

  it('an error that only the commit raises is the write’s, and nothing is written', async () => {
    await primary.sql('CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)')
    for (const sql of ['INSERT INTO child VALUES (1)', 'INSERT INTO child VALUES (1) RETURNING id']) {
      await expect(run(onPrimary, sql).then(collect), sql).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: '23503' } })
    }
    expect(await primary.sql('SELECT count(*) FROM child')).toBe('0')
  })

  it('reads no further ahead than its reader', async () => {
    const before = process.memoryUsage().arrayBuffers
    // 4 GB if it were read whole.
    const result = await run(onPrimary, "SELECT repeat('x', 4000) AS t FROM generate_series(1, 1000000)")
    const iterator = result.batches[Symbol.asyncIterator]()
    let rows = 0
    for (let pulled = 0; pulled < 20; pulled++) {
      const { value } = await iterator.next() as { value: { bytes: Uint8Array; rows: number } }
      expect(value.bytes.length).toBeLessThan(600_000)
      rows += value.rows
    }
    expect(await activity(primary, "wait_event = 'ClientRead' AND query LIKE '%repeat%' AND state <> 'idle'")).toBe(1)
    // Server-side, the portal stands where the reader stands.
    expect(rows).toBeLessThan(3000)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64_000_000)
    await iterator.return?.()
    await waitFor('the transaction to end', async () => await activity(primary, "state <> 'idle'") === 0)
  })

  it('rows that suddenly grow come in batches of their own', async () => {
    const result = await run(onPrimary, "SELECT repeat('x', CASE WHEN i < 1000 THEN 10 ELSE 300000 END) AS t FROM generate_series(1, 1010) i")
    const sizes: number[] = []
    let rows = 0
    for await (const { bytes, rows: more } of result.batches) {
      sizes.push(bytes.length)
      rows += more
    }
    expect(rows).toBe(1010)
    expect(Math.max(...sizes)).toBeLessThan(700_000)
  })

  it('a cancelled query ends at the server', async () => {
    const cancel = new AbortController()
    const running = run(onPrimary, 'SELECT pg_sleep(100)', [], cancel.signal)
    await waitFor('it to run', async () => await activity(primary, "state = 'active' AND query LIKE '%pg_sleep(100)%'") === 1)
    cancel.abort()
    await expect(running).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await waitFor('it to end', async () => await activity(primary, "state = 'active' AND query LIKE '%pg_sleep(100)%'") === 0)
    expect(await count(onPrimary)).toBe(1000)
  })

  it('a cancelled write is undone', async () => {
    const cancel = new AbortController()
    const running = run(onPrimary, 'INSERT INTO numbers SELECT -2 FROM pg_sleep(100)', [], cancel.signal)
    await waitFor('it to run', async () => await activity(primary, "state = 'active' AND query LIKE 'INSERT%pg_sleep(100)%'") === 1)
    cancel.abort()
    await expect(running).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await waitFor('it to end', async () => await activity(primary, "state <> 'idle'") === 0)
    expect(await count(onPrimary)).toBe(1000)
  })

  it('the server stops what has outlived its deadline', async () => {
    for (const sql of ['SELECT pg_sleep(100)', 'INSERT INTO numbers SELECT -3 FROM pg_sleep(100)', 'DO $$ BEGIN PERFORM pg_sleep(100); END $$']) {
      await expect(onPrimary.execute({ sql, parameters: [], signal: never, timeoutMs: 50 }), sql).rejects.toMatchObject({ code: 'ERR_QUERY_TIMEOUT' })
    }
    // The limit is not there for the next one.
    expect((await collect(await run(onPrimary, "SELECT current_setting('statement_timeout')"))).rows).toEqual([['0']])
  })

  it('the pool and its queue are bounded', async () => {
    const small = await open(primary, '?connections=2')
    const cancel = new AbortController()
    const running = Array.from({ length: 10 }, () => run(small, 'SELECT pg_sleep(100)', [], cancel.signal))
    const settled = Promise.allSettled(running)
    await waitFor('the pool to be full', () => small.counts().running === 2 && small.counts().waiting === 8)
    await expect(run(small, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no' } })
    cancel.abort()
    expect((await settled).map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'answered'))).toEqual(Array.from({ length: 10 }, () => 'ERR_QUERY_CANCELLED'))
    await waitFor('the pool to be free', () => small.counts().running === 0)
    await small.close()
    await waitFor('its connections to end', async () => await activity(primary, "query LIKE '%pg_sleep(100)%'") === 0)
  })

  it('a killed server makes it not ready, its queries fail, and it comes back by itself', async () => {
    const changes: boolean[] = []
    const stop = onPrimary.onChange(() => { changes.push(onPrimary.isReady()) })
    const read = run(onPrimary, 'SELECT pg_sleep(100)')
    const write = run(onPrimary, 'INSERT INTO numbers SELECT -4 FROM pg_sleep(100)')
    const outcomes = Promise.allSettled([read, write])
    await waitFor('both to run', async () => await activity(primary, "state = 'active' AND query LIKE '%pg_sleep(100)%'") === 2)
    const half = (await run(onPrimary, "SELECT repeat('x', 1000) FROM generate_series(1, 100000)")).batches[Symbol.asyncIterator]()
    await half.next()
    await primary.stop('immediate')
    await expect((async () => { while ((await half.next()).done !== true); })()).rejects.toMatchObject({ code: 'ERR_QUERY_BROKEN' })
    expect((await outcomes).map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : 'answered'))).toEqual(['ERR_NOT_SERVING', 'ERR_QUERY_AMBIGUOUS'])
    await waitFor('it to be known', () => !onPrimary.isReady())
    expect(onPrimary.lagMs()).toBeNull()
    await expect(run(onPrimary, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', details: { started: 'no' } })
    await primary.start()
    await waitFor('it to be ready again', () => onPrimary.isReady())
    expect(await count(onPrimary)).toBe(1000)
    expect(changes).toEqual([false, true])
    await waitFor('every connection to be back', () => onPrimary.counts().running === 0)
    stop()
  })

  it('a server that is not there yet is waited for', async () => {
    const late = await TestServer.create()
    await late.stop('fast')
    const engine = await open(late)
    expect(engine.isReady()).toBe(false)
    await late.start()
    await waitFor('it to be ready', () => engine.isReady())
    expect((await collect(await run(engine, 'SELECT 1 AS one'))).rows).toEqual([[1]])
    await engine.close()
    await late.remove()
  })

  it('a promoted replica is a primary, takes writes, and says so', async () => {
    await waitFor('the replica to have caught up', () => onReplica.lagMs() === 0)
    const roles: string[] = []
    const stop = onReplica.onChange(() => { roles.push(onReplica.role) })
    await primary.stop('fast')
    await replica.promote()
    await waitFor('the promotion to be noticed', () => onReplica.role === 'primary')
    expect(roles).toEqual(['primary'])
    expect((await collect(await run(onReplica, 'INSERT INTO numbers VALUES (1000)'))).rows).toEqual([[1n]])
    expect(await count(onReplica)).toBe(1001)
    stop()
  })
})
