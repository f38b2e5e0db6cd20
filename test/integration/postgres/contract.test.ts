import { openPostgres } from '../../../src/adapters/postgres/postgres-engine.ts'
import { describeEngineTransactions } from '../../contract/engine-transaction.ts'
import { describeQueryEngine } from '../../contract/query-engine.ts'
import { silentLog } from '../duckdb/silent-log.ts'
import { afterAll, beforeAll, describe } from 'vitest'
import { waitFor } from './wait-for.ts'
import { postgresBin, TestServer } from './server.ts'

describe.skipIf(postgresBin === null)('PostgreSQL', () => {
  let primary: TestServer
  let replica: TestServer
  beforeAll(async () => {
    primary = await TestServer.create()
    replica = await TestServer.replicaOf(primary)
  })
  afterAll(async () => {
    await replica.remove()
    await primary.remove()
  })

  describeQueryEngine('a replica and its primary', async () => {
    await primary.sql('CREATE TABLE numbers AS SELECT n::int FROM generate_series(0, 99999) n')
    const engine = await openPostgres({ database: 'numbers', url: replica.url(), log: silentLog })
    const writable = await openPostgres({ database: 'numbers', url: primary.url(), log: silentLog })
    await waitFor('the replica to have the table', async () => (await replica.sql("SELECT count(*) FROM pg_class WHERE relname = 'numbers'")) === '1')
    return { engine, writable, longSql: 'SELECT a.n + b.n AS n FROM numbers a, numbers b', close: async () => { await Promise.all([engine.close(), writable.close()]) } }
  })

  describeEngineTransactions('its primary', async () => {
    await primary.sql('CREATE DATABASE transactions')
    const engine = await openPostgres({ database: 'numbers', url: primary.url('transactions'), log: silentLog })
    return { engine, longSql: 'SELECT a.n + b.n AS n FROM numbers a, numbers b', numbersSql: 'CREATE TABLE numbers AS SELECT n::int FROM generate_series(0, 99999) n', close: () => engine.close() }
  })
})
