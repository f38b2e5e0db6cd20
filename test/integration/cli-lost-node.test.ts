/** What commands say when the node beside them dies under them, or holds its folder and hangs. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { MeshError } from '../../src/errors.ts'
import { type NodeProcess, startRdb, TestMesh, until } from '../support/processes.ts'

let mesh: TestMesh
let node: NodeProcess
let pid: number

beforeAll(async () => { mesh = await TestMesh.create() })
afterAll(() => mesh.stop())

const start = async (name: string): Promise<void> => {
  node = await mesh.start(name)
  pid = (await node.ready()).pid
}

describe('a node that dies while it runs a query', () => {
  beforeEach(async ({ task }) => { await start(`dies-${task.id.replaceAll(/\W/g, '')}`) })

  it('is told as such before the first row', async () => {
    const command = startRdb(['db:query', 'numbers', 'SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3', '--data-dir', node.dataDir])
    await until('the query to run', async () => (await node.status()).load.inFlight === 1)
    process.kill(pid, 'SIGKILL')
    expect(await command.ended).toEqual({
      code: 3, stdout: '',
      stderr: `error: the node at ${node.dataDir} ended while the query ran (ERR_NO_NODE)\nnext: Start it again with rdb start; a statement that writes may have taken effect, so look before sending it again.\n`,
    })
  })

  it('is told with the rows delivered after the first ones', async () => {
    const command = startRdb(['db:query', 'numbers', 'SELECT i FROM range(100000000000) t(i)', '--data-dir', node.dataDir])
    await until('a row', () => command.stdoutSoFar() !== '')
    process.kill(pid, 'SIGKILL')
    const { code, stderr } = await command.ended
    expect(stderr).toMatch(/^error: the node at \S+ ended while the query ran, after \d+ rows \(ERR_QUERY_BROKEN\)\nnext: Start it again with rdb start, discard the rows received and send the query again\.\n$/)
    expect(code).toBe(3)
  })

  it('is ERR_NO_NODE to a program, of which later queries say that nobody is there', async () => {
    const client = await connect({ dataDir: node.dataDir })
    try {
      const lost = client.query('SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3', { database: 'numbers' }).catch((error: unknown) => error)
      await until('the query to run', async () => (await node.status()).load.inFlight === 1)
      process.kill(pid, 'SIGKILL')
      expect(await lost).toMatchObject({ code: 'ERR_NO_NODE', message: `the node at ${node.dataDir} ended while the query ran`, details: { started: 'unknown' } })
      await expect(client.query('SELECT 1', { database: 'numbers' })).rejects.toMatchObject({ code: 'ERR_NO_NODE' })
    } finally {
      await client.close()
    }
  })
})

describe('a node that hangs', () => {
  beforeAll(async () => {
    await start('hangs')
    process.kill(pid, 'SIGSTOP')
  })
  afterAll(() => { process.kill(pid, 'SIGCONT') })

  it('takes no more than the timeout of a query, which names the process', async () => {
    const { code, stdout, stderr } = await node.rdb(['db:query', 'numbers', 'SELECT 1', '--timeout', '500ms'])
    expect({ code, stdout, stderr }).toEqual({
      code: 4, stdout: '',
      stderr: `error: process ${pid} holds the data folder ${node.dataDir} and does not respond within 500 ms (ERR_QUERY_TIMEOUT)\nnext: See what it is doing with ps -o stat,etime,args -p ${pid}: if it is stopped (T), kill -CONT ${pid} wakes it.\n`,
    })
  })

  it('is named by other commands, which do not propose to start one', async () => {
    const { code, stderr } = await node.rdb(['members'])
    expect(stderr).toBe(`error: process ${pid} holds the data folder ${node.dataDir} and does not respond (ERR_NO_NODE)\nnext: See what it is doing with ps -o stat,etime,args -p ${pid}: if it is stopped (T), kill -CONT ${pid} wakes it.\n`)
    expect(code).toBe(3)
  })

  it('can be given up on by a program', async () => {
    const controller = new AbortController()
    const connecting = connect({ dataDir: node.dataDir, timeoutMs: 60_000, signal: controller.signal }).catch((error: unknown) => error)
    controller.abort(new Error('the program has other plans'))
    expect(await connecting).toSatisfy((error) => error instanceof MeshError && error.code === 'ERR_QUERY_CANCELLED')
  })
})
