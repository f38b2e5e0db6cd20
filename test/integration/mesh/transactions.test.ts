/** Transactions over real processes: a primary with a DuckDB file, and a node without a copy, where the clients are. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../../src/client/connect.ts'
import { createRandom } from '../../../src/core/time/random.ts'
import { MeshError } from '../../../src/errors.ts'
import type { Client, Transaction } from '../../../src/client/types.ts'
import { collect } from '../../support/collect.ts'
import { type NodeProcess, TestMesh, until } from '../../support/processes.ts'
import { prepareFile } from '../duckdb/fixtures.ts'

const library = fileURLToPath(new URL('../../../dist/index.js', import.meta.url))
/** Of a node of its own: between the steps of other tests a busy machine may take longer. */
const idleMs = 500

let mesh: TestMesh
let primary: NodeProcess
let entry: NodeProcess
let impatient: NodeProcess
let client: Client
let atPrimary: Client
beforeAll(async () => {
  mesh = await TestMesh.create()
  const path = join(mesh.folder, 'bank.duckdb')
  await prepareFile(path, ['CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER)', 'INSERT INTO accounts VALUES (1, 100), (2, 100)', 'CREATE TABLE numbers AS SELECT range AS n FROM range(400000)'])
  primary = await mesh.start('primary', { databaseArgs: ['--db', `bank=${path},role=primary`], args: ['--transactions-max', '4'] })
  const { tcpMultiaddrs } = await primary.ready()
  entry = await mesh.start('entry', { seeds: tcpMultiaddrs.slice(0, 1), databaseArgs: [] })
  const hastyPath = join(mesh.folder, 'hasty.duckdb')
  await prepareFile(hastyPath, ['CREATE TABLE kept (n INTEGER)'])
  impatient = await mesh.start('impatient', { seeds: tcpMultiaddrs.slice(0, 1), databaseArgs: ['--db', `hasty=${hastyPath},role=primary`], args: ['--transaction-idle', `${idleMs}ms`] })
  await Promise.all([entry.ready(), impatient.ready()])
  await mesh.untilAllSee([primary, entry, impatient])
  // So that the load of the machine that runs the tests decides nothing.
  for (const node of [primary, entry, impatient]) await node.drill(5, 5)
  client = await connect({ dataDir: entry.dataDir })
  atPrimary = await connect({ dataDir: primary.dataDir })
})
const programs: ChildProcess[] = []
afterAll(async () => {
  for (const program of programs) program.kill('SIGKILL')
  await client.close()
  await atPrimary.close()
  await mesh.stop()
})

const rowsOf = async (asked: Pick<Transaction, 'query'>, sql: string, parameters: readonly number[] = []): Promise<unknown[]> => await collect((await asked.query(sql, { parameters })).rows())
/** As somebody else sees them, at the primary itself. */
async function amounts(): Promise<unknown[]> {
  const rows = await collect((await atPrimary.query('SELECT amount FROM accounts ORDER BY id', { database: 'bank' })).rows())
  return rows.map(({ amount }) => amount)
}
const counters = async (node: NodeProcess): Promise<Readonly<Record<string, number>>> => (await node.status()).counters
const reset = async (): Promise<void> => { await collect((await atPrimary.query('UPDATE accounts SET amount = 100', { database: 'bank' })).rows()) }

describe('a transaction that enters at a node without a copy', () => {
  it('runs at the primary; others see all of it after the commit, and nothing before', async () => {
    await client.transaction('bank', async (transaction) => {
      expect(transaction.route).toMatchObject({ decision: 'forward', executedBy: { name: 'primary' } })
      await rowsOf(transaction, 'UPDATE accounts SET amount = amount - ? WHERE id = 1', [30])
      await rowsOf(transaction, 'UPDATE accounts SET amount = amount + ? WHERE id = 2', [30])
      expect(await rowsOf(transaction, 'SELECT amount FROM accounts ORDER BY id')).toEqual([{ amount: 70 }, { amount: 130 }])
      expect(await amounts()).toEqual([100, 100])
    })
    expect(await amounts()).toEqual([70, 130])
    await reset()
  })

  it('is rolled back when its function throws', async () => {
    await expect(client.transaction('bank', async (transaction) => {
      await rowsOf(transaction, 'DELETE FROM accounts')
      throw new Error('changed my mind')
    })).rejects.toThrow('changed my mind')
    expect(await amounts()).toEqual([100, 100])
  })

  it('carries large results over streams of their own, also left half-read, one at a time', async () => {
    await client.transaction('bank', async (transaction) => {
      const large = await transaction.query('SELECT n, n * 2 AS m FROM numbers')
      await expect(transaction.query('SELECT 1')).rejects.toMatchObject({ code: 'ERR_TRANSACTION_BUSY' })
      let rows = 0
      for await (const batch of large) rows += batch.rowCount
      expect(rows).toBe(400_000)
      const left = (await transaction.query('SELECT n, n * 2 AS m FROM numbers')).rows()[Symbol.asyncIterator]()
      expect((await left.next()).done).toBe(false)
      await left.return?.()
      await rowsOf(transaction, 'UPDATE accounts SET amount = amount + 1')
    })
    expect(await amounts()).toEqual([101, 101])
    await reset()
  })

  it('that collides is told to run again, and then does', async () => {
    const collide = async (): Promise<void> => await client.transaction('bank', async (transaction) => {
      await rowsOf(transaction, 'UPDATE accounts SET amount = amount + 1 WHERE id = 1')
    })
    await client.transaction('bank', async (transaction) => {
      await rowsOf(transaction, 'UPDATE accounts SET amount = amount + 10 WHERE id = 1')
      await expect(collide()).rejects.toMatchObject({ code: 'ERR_TRANSACTION_CONFLICT' })
    })
    await collide()
    expect(await amounts()).toEqual([111, 100])
    await reset()
  })

  it('is run by the command line, all of it or nothing', async () => {
    const move = await entry.rdb(['db:query', 'bank', '--transaction', 'UPDATE accounts SET amount = amount - 5 WHERE id = 1', 'UPDATE accounts SET amount = amount + 5 WHERE id = 2', 'SELECT sum(amount)::INTEGER AS total FROM accounts', '--verbose'])
    expect(move).toMatchObject({ code: 0, stdout: '{"Count":1}\n{"Count":1}\n{"total":200}\n', stderr: expect.stringMatching(/orwarded to primary[^]*Committed 3 statements/) as string })
    const failing = await entry.rdb(['db:query', 'bank', '--transaction', 'DELETE FROM accounts', 'INSERT INTO acounts VALUES (1)'])
    expect(failing).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing is kept either') as string })
    expect(await amounts()).toEqual([95, 105])
    expect(await entry.rdb(['db:query', 'bank', '--transaction', '--read-only', 'DELETE FROM accounts'])).toMatchObject({ code: 1, stderr: expect.stringContaining('ERR_READ_ONLY') as string })
    await reset()
  })
})

describe('many at once', () => {
  it('neither make money nor lose it, whether they collide, change their mind or find no place', async () => {
    const random = createRandom(7)
    const counted = { moved: 0, left: 0, again: 0 }
    const move = async (): Promise<void> => {
      const amount = Math.floor(20 * random())
      const changesMind = random() < 0.3
      const [from, to] = random() < 0.5 ? [1, 2] : [2, 1]
      await client.transaction('bank', async (transaction) => {
        await rowsOf(transaction, 'UPDATE accounts SET amount = amount - ? WHERE id = ?', [amount, from])
        if (changesMind) throw new RangeError('changed my mind')
        await rowsOf(transaction, 'UPDATE accounts SET amount = amount + ? WHERE id = ?', [amount, to])
      })
    }
    const worker = async (): Promise<void> => {
      for (let moves = 0; moves < 8;) {
        try {
          await move()
          counted.moved++
          moves++
        } catch (error) {
          if (error instanceof RangeError) counted.left++
          else if (error instanceof MeshError && ['ERR_TRANSACTION_CONFLICT', 'ERR_OVERLOADED'].includes(error.code)) counted.again++
          else throw error
          await new Promise((resolve) => { setTimeout(resolve, 20 * random()) })
        }
        const [total] = await collect((await atPrimary.query('SELECT sum(amount)::INTEGER AS total FROM accounts', { database: 'bank' })).rows())
        expect(total).toEqual({ total: 200 })
      }
    }
    await Promise.all(Array.from({ length: 6 }, worker))
    expect(counted.moved).toBe(48)
    expect([counted.left > 0, counted.again > 0]).toEqual([true, true])
    expect((await counters(primary))['transactionsOpen']).toBe(0)
    await reset()
  })
})

describe('bounds of the node that has it', () => {
  it('roll back whoever sends nothing', async () => {
    await expect(client.transaction('hasty', async (transaction) => {
      await rowsOf(transaction, 'INSERT INTO kept VALUES (1)')
      await until('the rollback', async () => (await counters(impatient))['transactionsIdle'] === 1)
      await until('the client to hear of it', async () => await rowsOf(transaction, 'SELECT 1').then(() => false, () => true))
      await rowsOf(transaction, 'SELECT 1')
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining(`no statement for ${idleMs} ms`) as string })
    expect(await collect((await client.query('SELECT * FROM kept', { database: 'hasty' })).rows())).toEqual([])
  })

  it('refuse one too many at once', async () => {
    const open = (inner: () => Promise<void>): Promise<void> => client.transaction('bank', inner)
    await open(() => open(() => open(() => open(async () => { await expect(open(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_OVERLOADED' }) }))))
    await open(() => Promise.resolve())
  })
})

/** Begins, deletes everything, says so, and waits. */
const waitingProgram = `
import { connect } from ${JSON.stringify(library)}
const client = await connect({ dataDir: process.argv[1] })
await client.transaction('bank', async (transaction) => {
  for await (const _ of (await transaction.query('DELETE FROM accounts')).rows());
  process.stdout.write('open')
  await new Promise((resolve) => { setTimeout(resolve, 600000) })
})`

describe('a side that is gone', () => {
  it('as the client, killed: rolled back at once', async () => {
    const lostBefore = (await counters(primary))['transactionsLost'] ?? 0
    const program = spawn(process.execPath, ['--input-type=module', '-e', waitingProgram, entry.dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
    programs.push(program)
    await new Promise((resolve) => { program.stdout.once('data', resolve) })
    expect((await counters(primary))['transactionsOpen']).toBe(1)
    expect(await amounts()).toEqual([100, 100])
    program.kill('SIGKILL')
    await until('the rollback', async () => (await counters(primary))['transactionsOpen'] === 0)
    // Not by its idle time: that would be counted elsewhere.
    expect((await counters(primary))['transactionsLost']).toBe(lostBefore + 1)
    expect((await counters(entry))['transactionsPinned']).toBe(0)
    await reset()
  })

  it('as the node where it came in, killed: rolled back at once', async () => {
    const other = await mesh.start('other', { seeds: primary.runtime?.tcpMultiaddrs.slice(0, 1) ?? [], databaseArgs: [] })
    await other.ready()
    await mesh.untilAllSee([primary, entry, impatient, other])
    const lostBefore = (await counters(primary))['transactionsLost'] ?? 0
    const beside = await connect({ dataDir: other.dataDir })
    await expect(beside.transaction('bank', async (transaction) => {
      await rowsOf(transaction, 'DELETE FROM accounts')
      other.child.kill('SIGKILL')
      await until('the rollback', async () => (await counters(primary))['transactionsOpen'] === 0)
      await rowsOf(transaction, 'SELECT 1')
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
    await beside.close()
    expect((await counters(primary))['transactionsLost']).toBe(lostBefore + 1)
    expect(await amounts()).toEqual([100, 100])
  })

  it('as the node where it came in, denied from now on: rolled back at once', async () => {
    const unwanted = await mesh.start('unwanted', { seeds: primary.runtime?.tcpMultiaddrs.slice(0, 1) ?? [], databaseArgs: [] })
    const { peerId } = await unwanted.ready()
    await mesh.untilAllSee([primary, entry, impatient, unwanted])
    const beside = await connect({ dataDir: unwanted.dataDir })
    await expect(beside.transaction('bank', async (transaction) => {
      await rowsOf(transaction, 'DELETE FROM accounts')
      expect((await primary.rdb(['peers:deny', peerId])).code).toBe(0)
      await until('the rollback', async () => (await counters(primary))['transactionsOpen'] === 0)
      await rowsOf(transaction, 'SELECT 1')
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST' })
    await beside.close()
    expect(await amounts()).toEqual([100, 100])
  })

  it('as the primary, killed in between: lost, and nothing was kept', async () => {
    await expect(client.transaction('bank', async (transaction) => {
      await rowsOf(transaction, 'DELETE FROM accounts')
      primary.child.kill('SIGKILL')
      await primary.exited
      await rowsOf(transaction, 'SELECT 1')
    })).rejects.toMatchObject({ code: 'ERR_TRANSACTION_LOST', message: expect.stringContaining('primary had the transaction') as string })
    expect((await counters(entry))['transactionsPinned']).toBe(0)
    await expect(client.transaction('bank', () => Promise.resolve(), { timeoutMs: 20_000 })).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(NO_HEALTHY_PEER|NO_PRIMARY)$/) as string })
  })
})
