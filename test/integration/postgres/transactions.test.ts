/** What transactions of several statements meet at a real server, beyond the contract. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openPostgres, type PostgresEngine } from '../../../src/adapters/postgres/postgres-engine.ts'
import type { EngineTransaction } from '../../../src/ports/query-engine.ts'
import { collect, run } from '../../contract/query-engine.ts'
import { silentLog } from '../duckdb/silent-log.ts'
import { postgresBin, TestServer } from './server.ts'
import { waitFor } from './wait-for.ts'

const never = new AbortController().signal

describe.skipIf(postgresBin === null)('transactions of a PostgreSQL server', () => {
  let server: TestServer
  let engine: PostgresEngine
  beforeAll(async () => {
    server = await TestServer.create()
    await server.sql('CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER); CREATE TABLE notes (account INTEGER REFERENCES accounts DEFERRABLE INITIALLY DEFERRED)')
    await server.sql("CREATE TABLE naps (seconds INTEGER); CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(NEW.seconds); RETURN NULL; END'; CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON naps DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nap()")
    engine = await openPostgres({ database: 'bank', url: server.url('postgres', '?connections=4'), log: silentLog })
  })
  beforeEach(async () => { await server.sql('DELETE FROM notes; DELETE FROM accounts; INSERT INTO accounts VALUES (1, 100), (2, 100)') })
  afterAll(async () => {
    await engine.close()
    await server.remove()
  })

  const begin = (signal: AbortSignal = never): Promise<EngineTransaction> => (engine.begin as NonNullable<PostgresEngine['begin']>)({ access: 'write', signal, idleTimeoutMs: 30_000, timeoutMs: 600_000 })
  const execute = async (transaction: EngineTransaction, sql: string): Promise<unknown[][]> => (await collect(await transaction.execute({ sql, parameters: [], signal: never }))).rows
  const amounts = (): Promise<string> => server.sql("SELECT string_agg(amount::text, ',' ORDER BY id) FROM accounts")
  /** Backends that wait for a lock. */
  const waiting = async (): Promise<number> => Number(await server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

  it('one of two that wait for each other is told to run again, and the other goes on', async () => {
    const [one, two] = [await begin(), await begin()]
    await execute(one, 'UPDATE accounts SET amount = 1 WHERE id = 1')
    await execute(two, 'UPDATE accounts SET amount = 2 WHERE id = 2')
    const outcomes = await Promise.allSettled([execute(one, 'UPDATE accounts SET amount = 1 WHERE id = 2'), execute(two, 'UPDATE accounts SET amount = 2 WHERE id = 1')])
    const victim = outcomes[0].status === 'rejected' ? one : two
    expect(outcomes.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'ERR_TRANSACTION_CONFLICT', details: { kind: '40P01' } } }])
    await expect(victim.commit()).rejects.toMatchObject({ code: 'ERR_TRANSACTION_ABORTED' })
    await (victim === one ? two : one).commit()
    expect(await amounts()).toBe(victim === one ? '2,2' : '1,1')
  })

  it('a conflict of serializable ones is found at the latest at the commit', async () => {
    await server.sql("ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'")
    const serializable = await openPostgres({ database: 'bank', url: server.url('postgres', '?connections=4'), log: silentLog })
    try {
      const beginThere = (): Promise<EngineTransaction> => (serializable.begin as NonNullable<PostgresEngine['begin']>)({ access: 'write', signal: never })
      const [one, two] = [await beginThere(), await beginThere()]
      for (const transaction of [one, two]) await execute(transaction, 'SELECT sum(amount) FROM accounts')
      await execute(one, 'UPDATE accounts SET amount = 0 WHERE id = 1')
      await execute(two, 'UPDATE accounts SET amount = 0 WHERE id = 2')
      await one.commit()
      await expect(two.commit()).rejects.toMatchObject({ code: 'ERR_TRANSACTION_CONFLICT', details: { kind: '40001' } })
      expect(await amounts()).toBe('0,100')
    } finally {
      await serializable.close()
      await server.sql('ALTER DATABASE postgres RESET default_transaction_isolation')
    }
  })

  it('a constraint that fails at the commit undoes all of it, and is the user’s error', async () => {
    const transaction = await begin()
    await execute(transaction, 'UPDATE accounts SET amount = 0')
    await execute(transaction, 'INSERT INTO notes VALUES (77)')
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'ERR_SQL', details: { kind: '23503' } })
    expect(await amounts()).toBe('100,100')
  })

  it('what the server ends is lost, in a statement and between two, and in a commit ambiguous', async () => {
    const backend = async (transaction: EngineTransaction): Promise<unknown> => (await execute(transaction, 'SELECT pg_backend_pid()'))[0]?.[0]
    const between = await begin()
    await execute(between, 'DELETE FROM accounts')
    await server.sql(`SELECT pg_terminate_backend(${String(await backend(between))})`)
    await expect(waitFor('it to be lost', async () => await execute(between, 'SELECT 1').then(() => false, (error: unknown) => { throw error }))).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
    await expect(between.commit()).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
    const within = await begin()
    const pid = await backend(within)
    const sleeping = execute(within, 'SELECT pg_sleep(60)')
    sleeping.catch(() => undefined)
    await waitFor('it to sleep', async () => (await server.sql("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")) === '1')
    await server.sql(`SELECT pg_terminate_backend(${String(pid)})`)
    await expect(sleeping).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
    await within.rollback()
    const committing = await begin()
    await execute(committing, 'DELETE FROM accounts')
    await execute(committing, 'INSERT INTO naps VALUES (60)')
    const committed = committing.commit()
    committed.catch(() => undefined)
    await waitFor('it to be at its commit', async () => (await server.sql("SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'")) === '1')
    await server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'")
    await expect(committed).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
    await waitFor('the engine to be ready', () => engine.isReady())
    expect(await amounts()).toBe('100,100')
    expect(engine.counts()).toMatchObject({ running: 0 })
  })

  it('what the server ends between two statements is told of at once', async () => {
    const lost = Promise.withResolvers<unknown>()
    const transaction = await (engine.begin as NonNullable<PostgresEngine['begin']>)({ access: 'write', signal: never, onLost: lost.resolve })
    const pid = (await execute(transaction, 'SELECT pg_backend_pid()'))[0]?.[0]
    await server.sql(`SELECT pg_terminate_backend(${String(pid)})`)
    expect(await lost.promise).toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
    await transaction.rollback()
    expect(engine.counts()).toMatchObject({ running: 0 })
  })

  it('the server has bounds of its own for one that the node forgets', async () => {
    const transaction = await begin()
    const shown = async (name: string): Promise<unknown> => (await execute(transaction, `SELECT setting FROM pg_settings WHERE name = '${name}'`))[0]?.[0]
    expect([await shown('idle_in_transaction_session_timeout'), await shown('statement_timeout')]).toEqual(['60000', '600000'])
    await transaction.rollback()
    const { rows } = await collect(await run(engine, "SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"))
    expect(rows).toEqual([['0']])
  })

  it('at most half of the connections are for them, and a rollback frees what others wait for', async () => {
    const open = [await begin(), await begin()]
    await expect(begin()).rejects.toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no', reason: 'transactions' } })
    await execute(open[0] as EngineTransaction, 'UPDATE accounts SET amount = 0 WHERE id = 1')
    const single = run(engine, 'UPDATE accounts SET amount = 7 WHERE id = 1').then(collect)
    await waitFor('the single statement to wait for the lock', async () => (await waiting()) === 1)
    await Promise.all(open.map((transaction) => transaction.rollback()))
    await single
    expect(await amounts()).toBe('7,100')
    await (await begin()).rollback()
  })

  it('settings and temporary tables of one are not there for the next', async () => {
    const transaction = await begin()
    await execute(transaction, "SELECT set_config('mesh.secret', 'x', false)")
    await transaction.commit()
    for (let round = 0; round < 4; round++) {
      const { rows } = await collect(await run(engine, "SELECT coalesce(current_setting('mesh.secret', true), '') AS secret"))
      expect(rows).toEqual([['']])
    }
  })
})
