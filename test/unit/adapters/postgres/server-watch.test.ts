import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ServerWatch, type WatchClient } from '../../../../src/adapters/postgres/server-watch.ts'
import { silentLog } from '../../../integration/duckdb/silent-log.ts'

/** A server that answers as told. */
class FakeServer {
  isUp = true
  row: Array<string | null> = ['t', '12.5']
  connections = 0
  asked: string[] = []
  #listeners: Array<(error?: Error) => void> = []

  readonly createClient = (): WatchClient => ({
    connect: () => {
      this.connections++
      return this.isUp ? Promise.resolve() : Promise.reject(new Error('refused'))
    },
    query: ({ text }) => {
      this.asked.push(text)
      return this.isUp ? Promise.resolve({ rows: [text.includes('pg_is_in_recovery') ? this.row : ['t']] }) : Promise.reject(new Error('gone'))
    },
    end: () => Promise.resolve(),
    on: (_, listener) => this.#listeners.push(listener),
  })

  drop(): void {
    for (const listener of this.#listeners.splice(0)) listener(new Error('reset'))
  }
}

describe('the watch over a server', () => {
  let server: FakeServer
  let changes: string[]
  let watch: ServerWatch
  beforeEach(() => {
    vi.useFakeTimers()
    server = new FakeServer()
    changes = []
    watch = new ServerWatch({ database: 'd', createClient: server.createClient, pollIntervalMs: 1000, log: silentLog, onChange: () => { changes.push(`${watch.state.role} ${watch.state.ready ? 'ready' : 'down'}`) } })
  })
  afterEach(async () => {
    await watch.close()
    vi.useRealTimers()
  })

  it('notices a promotion at the next turn, once', async () => {
    await watch.start()
    expect(watch.state).toEqual({ ready: true, role: 'replica', lagMs: 12.5 })
    server.row = ['f', '0']
    await vi.advanceTimersByTimeAsync(3000)
    expect(watch.state).toEqual({ ready: true, role: 'primary', lagMs: 0 })
    expect(changes).toEqual(['replica ready', 'primary ready'])
    expect(server.connections).toBe(1)
  })

  it('names the version of the data by what is visible, what is replayed, and the connection', async () => {
    await expect(watch.dataVersion()).resolves.toBeNull()
    await watch.start()
    server.row = ['10:20:11', '0/30000A8']
    await expect(watch.dataVersion()).resolves.toBe('1/10:20:11/0/30000A8')
    // The answer of one server is not to be taken for that of the next.
    server.drop()
    await expect(watch.dataVersion()).resolves.toBeNull()
    await vi.advanceTimersByTimeAsync(1000)
    await expect(watch.dataVersion()).resolves.toBe('2/10:20:11/0/30000A8')
    server.isUp = false
    await expect(watch.dataVersion()).resolves.toBeNull()
  })

  it('does not know the lag of a replica that has replayed nothing', async () => {
    server.row = ['t', null]
    await watch.start()
    expect(watch.state.lagMs).toBeNull()
  })

  it('a lost connection is noticed at once; it comes back with a growing delay, bounded', async () => {
    server.row = ['f', '0']
    await watch.start()
    server.isUp = false
    server.drop()
    expect(watch.state).toEqual({ ready: false, role: 'primary', lagMs: null })
    await vi.advanceTimersByTimeAsync(1000)
    // After 100, 100, 200 and 400 ms.
    expect(server.connections).toBe(5)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.connections).toBeGreaterThan(14)
    expect(server.connections).toBeLessThan(20)
    server.isUp = true
    await vi.advanceTimersByTimeAsync(5000)
    expect(changes).toEqual(['primary ready', 'primary down', 'primary ready'])
  })

  it('questions are answered with null while it is down, and none is left when it is closed', async () => {
    server.isUp = false
    await watch.start()
    await expect(watch.query('SELECT 1', [])).resolves.toBeNull()
    await expect(watch.cancel(1)).resolves.toBe(false)
    await watch.close()
    const { connections } = server
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.connections).toBe(connections)
  })

  it('passes cancellations on', async () => {
    await watch.start()
    await expect(watch.cancel(7)).resolves.toBe(true)
    expect(server.asked.at(-1)).toContain('pg_cancel_backend')
  })
})
