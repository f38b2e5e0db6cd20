/** Kept results and commits that do not come through the mesh: by an application at the server itself, and by replication. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgres, type PostgresEngine } from '../../../src/adapters/postgres/postgres-engine.ts'
import { ResultCache } from '../../../src/core/cache/result-cache.ts'
import { SharedReads } from '../../../src/node/shared-reads.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { VirtualClock } from '../../support/query-plane.ts'
import { silentLog } from '../duckdb/silent-log.ts'
import { postgresBin, TestServer } from './server.ts'
import { waitFor } from './wait-for.ts'

const sql = 'SELECT count(*) FROM numbers'

describe.skipIf(postgresBin === null)('kept results of a PostgreSQL server', () => {
  let primary: TestServer
  let replica: TestServer
  const engines: PostgresEngine[] = []
  // Never looks by itself in the time of a test: a change is to be seen because a read comes.
  const open = async (server: TestServer): Promise<PostgresEngine> => {
    const engine = await openPostgres({ database: 'numbers', url: server.url(), pollIntervalMs: 3_600_000, log: silentLog })
    engines.push(engine)
    return engine
  }
  function readsOf(engine: PostgresEngine) {
    // A clock that stands: nothing is dropped for its age.
    const shared = new SharedReads({ cache: new ResultCache({ bytesMax: 1 << 20 }), coalescer: null, engines: new Map([['numbers', engine]]), clock: new VirtualClock() })
    return async (): Promise<string> => {
      const answer = await shared.execute({ database: 'numbers', sql, parameters: [], priority: 'normal', signal: new AbortController().signal, start: () => run(engine, sql) })
      return `${answer.answeredBy} ${(await collect(answer)).rows.join()}`
    }
  }

  beforeAll(async () => {
    primary = await TestServer.create()
    await primary.sql('CREATE TABLE numbers AS SELECT n::int FROM generate_series(1, 10) n')
    replica = await TestServer.replicaOf(primary)
  })
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()))
    await replica.remove()
    await primary.remove()
  })

  it('are not given out after a commit of somebody else, and are while there is none', async () => {
    const read = readsOf(await open(primary))
    expect([await read(), await read(), await read()]).toEqual(['engine 10', 'cache 10', 'cache 10'])
    for (let count = 11; count < 20; count++) {
      await primary.sql('INSERT INTO numbers VALUES (0)')
      expect([await read(), await read()]).toEqual([`engine ${count}`, `cache ${count}`])
    }
    await primary.sql('DELETE FROM numbers WHERE n = 0')
    // Who only reads, and who gives up, changes nothing that a read sees.
    expect([await read(), await read()]).toEqual(['engine 10', 'cache 10'])
    await primary.sql('BEGIN; SELECT count(*) FROM numbers; COMMIT')
    expect(await read()).toBe('cache 10')
  })

  it('that were read while a commit was in the WAL, though not visible yet, are not taken for those of after it', async () => {
    const read = readsOf(await open(primary))
    await primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await primary.sql('SELECT pg_reload_conf()')
    await waitFor('the setting', async () => (await primary.sql('SHOW synchronous_standby_names')) === 'nobody')
    const committing = primary.sql('INSERT INTO numbers VALUES (-1)')
    await waitFor('the commit to wait for its standby', async () => (await primary.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")) === '1')
    expect([await read(), await read()]).toEqual(['engine 10', 'cache 10'])
    await primary.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    await committing
    expect([await read(), await read()]).toEqual(['engine 11', 'cache 11'])
    await primary.sql('ALTER SYSTEM RESET synchronous_standby_names')
    await primary.sql('SELECT pg_reload_conf()')
    await waitFor('the setting', async () => (await primary.sql('SHOW synchronous_standby_names')) === '')
    await primary.sql('DELETE FROM numbers WHERE n < 0')
  })

  it('at a replica last until it has replayed the commit, and no longer', async () => {
    const read = readsOf(await open(replica))
    const count = (): Promise<string> => replica.sql(sql)
    await waitFor('the replica to have caught up', async () => (await count()) === '10')
    await read()
    await replica.sql('SELECT pg_wal_replay_pause()')
    await waitFor('the pause', async () => (await replica.sql('SELECT pg_get_wal_replay_pause_state()')) === 'paused')
    await primary.sql('INSERT INTO numbers VALUES (0)')
    expect(['cache 10', 'engine 10']).toContain(await read())
    expect(await read()).toBe('cache 10')
    await replica.sql('SELECT pg_wal_replay_resume()')
    await waitFor('the commit', async () => (await count()) === '11')
    expect([await read(), await read()]).toEqual(['engine 11', expect.stringMatching(/ 11$/)])
  })

  it('are not used while the version cannot be told', async () => {
    const engine = await open(primary)
    const read = readsOf({ ...engine, execute: engine.execute.bind(engine), dataVersion: () => Promise.resolve(null) } as unknown as PostgresEngine)
    expect([await read(), await read()]).toEqual(['engine 11', 'engine 11'])
  })
})
