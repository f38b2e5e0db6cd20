import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import duckdb from '@duckdb/node-bindings'
import { ConnectionPool } from '../../../src/adapters/duckdb/connection-pool.ts'
import { openDatabase } from '../../../src/adapters/duckdb/raw-database.ts'
import { temporaryFolder } from './fixtures.ts'

describe('connection pool', () => {
  let root: Awaited<ReturnType<typeof temporaryFolder>>
  let database: duckdb.Database
  beforeEach(async () => {
    root = await temporaryFolder()
    database = await openDatabase(join(root.path, 'p.duckdb'), { threads: 1 })
  })
  afterEach(async () => {
    duckdb.close_sync(database)
    await root.remove()
  })
  const never = new AbortController().signal

  it('says with a refusal that nothing was started', async () => {
    const pool = new ConnectionPool(database, { connectionsMax: 1, waitingMax: 1 })
    const held = await pool.acquire(never)
    const waiting = pool.acquire(never)
    await expect(pool.acquire(never)).rejects.toMatchObject({ code: 'ERR_OVERLOADED', details: { started: 'no' } })
    const closing = pool.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', details: { started: 'no' } })
    pool.release(held, 'clean')
    await closing
    await expect(pool.acquire(never)).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', details: { started: 'no' } })
  })

  it('serves who waits although somebody leaves while a connection is made for him', async () => {
    const pool = new ConnectionPool(database, { connectionsMax: 1, waitingMax: 2 })
    const held = await pool.acquire(never)
    const leaving = new AbortController()
    const first = pool.acquire(leaving.signal)
    const second = pool.acquire(never)
    pool.release(held, 'dirty')
    leaving.abort()
    pool.release(await first, 'clean')
    pool.release(await second, 'clean')
    expect(pool.busy).toBe(0)
    await pool.close()
  })
})
