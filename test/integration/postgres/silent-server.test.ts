/** A server that takes connections and then answers no more, as one whose host has lost its disk. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClientPool } from '../../../src/adapters/postgres/client-pool.ts'
import { parseConnectionTarget } from '../../../src/adapters/postgres/connection-target.ts'
import { PostgresTransaction } from '../../../src/adapters/postgres/engine-transaction.ts'
import { silentLog } from '../duckdb/silent-log.ts'
import { waitFor } from './wait-for.ts'

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
const READY = message('Z', Buffer.from('I'))
const GREETING = Buffer.concat([message('R', Buffer.alloc(4)), READY])
const column = Buffer.concat([Buffer.from([0, 1]), Buffer.from('pid\0'), Buffer.alloc(6), Buffer.from([0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0])])
const PID = Buffer.concat([message('T', column), message('D', Buffer.from([0, 1, 0, 0, 0, 1, 0x37])), message('C', Buffer.from('SELECT 1\0')), READY])

describe('a PostgreSQL server that is silent', () => {
  let server: Server
  let pool: ClientPool
  let asked: string[]
  let sockets: Set<Socket>
  let answers: boolean
  beforeEach(async () => {
    asked = []
    sockets = new Set()
    answers = true
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => { sockets.delete(socket) })
      let isGreeted = false
      socket.on('data', (data) => {
        if (!isGreeted) {
          isGreeted = true
          socket.write(GREETING)
          return
        }
        asked.push(data.subarray(5, -1).toString())
        if (answers) socket.write(PID)
      })
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    pool = new ClientPool(parseConnectionTarget('d', `postgres://mesh@127.0.0.1:${(server.address() as AddressInfo).port}/d?connections=1`), silentLog)
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => { server.close(resolve) })
  })

  it('keeps nobody who leaves before a connection has told its number, and no pool open', async () => {
    answers = false
    const caller = new AbortController()
    const acquiring = pool.acquire(caller.signal)
    acquiring.catch(() => undefined)
    await waitFor('it to be asked', () => asked.length === 1)
    expect(pool.running).toBe(1)
    caller.abort()
    await waitFor('the connection to be cut', () => sockets.size === 0)
    await expect(acquiring).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await pool.close()
    expect(pool.running).toBe(0)
  })

  it('keeps no transaction that is to begin, and no pool open', async () => {
    const caller = new AbortController()
    const on = await pool.acquire(caller.signal)
    answers = false
    const begun = PostgresTransaction.begin({
      on, access: 'write', signal: caller.signal, closing: caller.signal, idleTimeoutMs: null, timeoutMs: null,
      cancel: () => Promise.resolve(true), release: (state) => { pool.release(on, state) }, start: () => Promise.reject(new Error('not asked for')),
    })
    begun.catch(() => undefined)
    await waitFor('it to be asked', () => asked.includes('BEGIN READ WRITE'))
    const closed = pool.close()
    caller.abort()
    await waitFor('the connection to be cut', () => sockets.size === 0)
    await expect(begun).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    await closed
  })
})
