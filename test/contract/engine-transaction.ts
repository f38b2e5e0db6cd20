/** What every engine must do that has transactions of several statements. Each adapter's test calls this with a way to open one. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EngineTransaction, QueryEngine } from '../../src/ports/query-engine.ts'
import type { ResultValue } from '../../src/wire/results/types.ts'
import { collect, run } from './query-engine.ts'

export interface EngineTransactionFixture {
  /** Writable, and empty. */
  readonly engine: QueryEngine
  /** A SELECT from the table `numbers`, with an integer column `n`, that runs for many seconds, and streams before its end. */
  readonly longSql: string
  /** Makes `numbers` with the integers from 0 to 99,999. */
  readonly numbersSql: string
  close(): Promise<void>
}

const never = new AbortController().signal

export function describeEngineTransactions(name: string, open: () => Promise<EngineTransactionFixture>): void {
  describe(`transactions of an engine: ${name}`, () => {
    let fixture: EngineTransactionFixture
    let engine: QueryEngine
    beforeAll(async () => {
      fixture = await open()
      engine = fixture.engine
      await collect(await run(engine, fixture.numbersSql))
      await collect(await run(engine, 'CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER)'))
    })
    beforeEach(async () => {
      await collect(await run(engine, 'DELETE FROM accounts'))
      await collect(await run(engine, 'INSERT INTO accounts VALUES (1, 100), (2, 100)'))
    })
    afterAll(async () => fixture.close())

    const begin = async (access: 'read' | 'write' = 'write', signal: AbortSignal = never): Promise<EngineTransaction> => await (engine.begin as NonNullable<QueryEngine['begin']>)({ access, signal })
    const execute = async (transaction: EngineTransaction, sql: string, parameters: readonly number[] = []): Promise<ResultValue[][]> => (await collect(await transaction.execute({ sql, parameters, signal: never }))).rows
    const amounts = async (): Promise<number[]> => (await collect(await run(engine, 'SELECT amount FROM accounts ORDER BY id'))).rows.map(([amount]) => Number(amount))

    it('keeps all of its statements at the commit, and shows nobody any of them before', async () => {
      const transaction = await begin()
      await execute(transaction, 'UPDATE accounts SET amount = amount - $1 WHERE id = 1', [30])
      await execute(transaction, 'UPDATE accounts SET amount = amount + $1 WHERE id = 2', [30])
      expect((await execute(transaction, 'SELECT amount FROM accounts ORDER BY id')).map(([amount]) => Number(amount))).toEqual([70, 130])
      expect(await amounts()).toEqual([100, 100])
      await transaction.commit()
      expect(await amounts()).toEqual([70, 130])
      await transaction.rollback()
      await expect(execute(transaction, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
      expect(await amounts()).toEqual([70, 130])
    })

    it('keeps nothing of what is rolled back, definitions included', async () => {
      const transaction = await begin()
      await execute(transaction, 'CREATE TABLE passing (n INTEGER)')
      await execute(transaction, 'INSERT INTO passing VALUES (1)')
      expect((await execute(transaction, 'SELECT count(*) FROM passing')).map(([count]) => Number(count))).toEqual([1])
      await execute(transaction, 'DELETE FROM accounts')
      await transaction.rollback()
      await expect(run(engine, 'SELECT * FROM passing')).rejects.toMatchObject({ code: 'ERR_SQL' })
      expect(await amounts()).toEqual([100, 100])
    })

    it('is broken by a statement that fails, whatever fails about it', async () => {
      for (const sql of ['INSERT INTO accounts VALUES (1, 5)', 'SELECT nope FROM accounts', 'SELEC 1', 'COMMIT']) {
        const transaction = await begin()
        await execute(transaction, 'DELETE FROM accounts WHERE id = 2')
        await expect(execute(transaction, sql), sql).rejects.toMatchObject({ code: 'ERR_SQL' })
        await expect(execute(transaction, 'SELECT 1'), sql).rejects.toMatchObject({ code: 'ERR_TRANSACTION_ABORTED' })
        await expect(transaction.commit(), sql).rejects.toMatchObject({ code: 'ERR_TRANSACTION_ABORTED' })
        expect(await amounts(), sql).toEqual([100, 100])
      }
    })

    it('is broken by an error in the middle of a result', async () => {
      const transaction = await begin()
      await execute(transaction, 'DELETE FROM accounts')
      await expect(execute(transaction, "SELECT 1 / (CASE WHEN n = 90000 THEN CAST(CAST(n AS VARCHAR) || 'x' AS INTEGER) ELSE 1 END) AS q FROM numbers")).rejects.toMatchObject({ code: 'ERR_SQL' })
      await expect(transaction.commit()).rejects.toMatchObject({ code: 'ERR_TRANSACTION_ABORTED' })
      expect(await amounts()).toEqual([100, 100])
    })

    it('runs one statement at a time', async () => {
      const transaction = await begin()
      const long = await transaction.execute({ sql: fixture.longSql, parameters: [], signal: never })
      await expect(execute(transaction, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_TRANSACTION_BUSY' })
      await expect(transaction.commit()).rejects.toMatchObject({ code: 'ERR_TRANSACTION_BUSY' })
      await long.batches[Symbol.asyncIterator]().return?.()
      await execute(transaction, 'DELETE FROM accounts WHERE id = 1')
      await transaction.commit()
      expect(await amounts()).toEqual([100])
    })

    it('goes on after a result that was left, before its first batch or between two', async () => {
      const transaction = await begin()
      for (let round = 0; round < 10; round++) {
        const controller = new AbortController()
        const long = await transaction.execute({ sql: fixture.longSql, parameters: [], signal: controller.signal })
        const iterator = long.batches[Symbol.asyncIterator]()
        if (round % 2 === 1) expect((await iterator.next()).done).toBe(false)
        controller.abort()
        await execute(transaction, 'UPDATE accounts SET amount = amount + 1 WHERE id = 1')
      }
      await transaction.commit()
      expect(await amounts()).toEqual([110, 100])
    })

    it('is broken by a statement that is cancelled while it computes', async () => {
      const transaction = await begin()
      await execute(transaction, 'DELETE FROM accounts')
      const controller = new AbortController()
      const running = transaction.execute({ sql: `SELECT count(*) FROM (${fixture.longSql}) AS x WHERE n % 7 = 3`, parameters: [], signal: controller.signal })
      setImmediate(() => { controller.abort() })
      await expect(running).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
      await expect(execute(transaction, 'SELECT 1')).rejects.toMatchObject({ code: 'ERR_TRANSACTION_ABORTED' })
      await transaction.rollback()
      expect(await amounts()).toEqual([100, 100])
    })

    it('is rolled back when its signal aborts, whatever it is at', async () => {
      for (const isComputing of [false, true]) {
        const controller = new AbortController()
        const transaction = await begin('write', controller.signal)
        await execute(transaction, 'DELETE FROM accounts')
        const running = isComputing ? transaction.execute({ sql: `SELECT count(*) FROM (${fixture.longSql}) AS x WHERE n % 7 = 3`, parameters: [], signal: never }) : null
        running?.catch(() => undefined)
        controller.abort()
        await transaction.rollback()
        if (running !== null) await expect(running).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) as string })
        expect(await amounts()).toEqual([100, 100])
        // What it had locked is free again.
        await collect(await run(engine, 'UPDATE accounts SET amount = 100'))
      }
      await expect(begin('write', AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    })

    it('for reading sees one state throughout where the engine has snapshots, and writes nothing', async () => {
      const transaction = await begin('read')
      expect((await execute(transaction, 'SELECT count(*) FROM accounts')).map(([count]) => Number(count))).toEqual([2])
      await expect(execute(transaction, 'DELETE FROM accounts')).rejects.toMatchObject({ code: 'ERR_READ_ONLY' })
      await transaction.rollback()
      const other = await begin('read')
      await execute(other, 'SELECT 1')
      await other.commit()
      expect(await amounts()).toEqual([100, 100])
    })

    it('leaves nothing behind: many after one another, beside queries', async () => {
      for (let round = 0; round < 80; round++) {
        const transaction = await begin()
        await execute(transaction, 'UPDATE accounts SET amount = amount + 1 WHERE id = 1')
        if (round % 2 === 0) await transaction.commit()
        else await transaction.rollback()
      }
      expect(await amounts()).toEqual([140, 100])
    })
  })
}
