/** On a connection whose server falls silent. */
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PostgresTransaction, TransactionStatement } from '../../../../src/adapters/postgres/engine-transaction.ts'
import type { RunClient } from '../../../../src/adapters/postgres/query-run.ts'

class FakeClient extends EventEmitter {
  readonly asked: string[] = []
  isCut = false
  readonly connection = { stream: { destroy: () => { this.isCut = true } } }
  #silentAt: RegExp

  constructor(silentAt: RegExp) {
    super()
    this.#silentAt = silentAt
  }

  query(sql: string): Promise<{ command: string }> {
    this.asked.push(sql.split(/[ ;]/)[0] as string)
    return this.#silentAt.test(sql) ? new Promise(() => undefined) : Promise.resolve({ command: sql.split(' ')[0] as string })
  }
}

function setup(silentAt: RegExp) {
  const client = new FakeClient(silentAt)
  const caller = new AbortController()
  const closing = new AbortController()
  const released: string[] = []
  const lost: string[] = []
  const begun = PostgresTransaction.begin({
    on: { client, backendPid: 7 } as unknown as RunClient, access: 'write', signal: AbortSignal.any([caller.signal, closing.signal]), closing: closing.signal, idleTimeoutMs: 30_000, timeoutMs: 600_000,
    cancel: () => Promise.resolve(true), release: (state) => { released.push(state) }, start: () => Promise.reject(new Error('not asked for')), onLost: ({ code }) => { lost.push(code) },
  })
  begun.catch(() => undefined)
  return { client, caller, closing, released, lost, begun }
}

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

describe('a begin that is not answered', () => {
  it('is given up after 10 s, with the connection, and may be tried elsewhere', async () => {
    const { client, released, begun } = setup(/BEGIN/)
    await vi.advanceTimersByTimeAsync(9_999)
    expect([client.isCut, released]).toEqual([false, []])
    await vi.advanceTimersByTimeAsync(1)
    expect([client.isCut, released, client.listenerCount('end'), vi.getTimerCount()]).toEqual([true, ['broken'], 0, 0])
    await expect(begun).rejects.toMatchObject({ code: 'ERR_NOT_SERVING', details: { started: 'no' } })
  })

  it('is given up at once when its caller is gone or the engine is being closed', async () => {
    for (const which of ['caller', 'closing'] as const) {
      const { [which]: controller, client, released, begun } = setup(/BEGIN/)
      controller.abort()
      await vi.advanceTimersByTimeAsync(0)
      expect([client.isCut, released]).toEqual([true, ['broken']])
      await expect(begun).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    }
  })
})

describe('a commit that is not answered', () => {
  it('is ambiguous after 30 s, and holds its connection no longer', async () => {
    const { client, caller, released, begun } = setup(/COMMIT/)
    const committing = (await begun).commit()
    committing.catch(() => undefined)
    // Whoever waited for it is gone, which changes nothing.
    caller.abort()
    await vi.advanceTimersByTimeAsync(29_999)
    expect([client.isCut, released]).toEqual([false, []])
    await vi.advanceTimersByTimeAsync(1)
    expect([client.isCut, released, client.asked, vi.getTimerCount()]).toEqual([true, ['broken'], ['BEGIN', 'COMMIT'], 0])
    await expect(committing).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
  })

  it('has 5 s left when the engine is being closed', async () => {
    const { client, closing, released, begun } = setup(/COMMIT/)
    const committing = (await begun).commit()
    committing.catch(() => undefined)
    closing.abort()
    await vi.advanceTimersByTimeAsync(4_999)
    expect([client.isCut, released]).toEqual([false, []])
    await vi.advanceTimersByTimeAsync(1)
    expect([client.isCut, released]).toEqual([true, ['broken']])
    await expect(committing).rejects.toMatchObject({ code: 'ERR_QUERY_AMBIGUOUS' })
  })

  it('leaves no bound behind where it is answered', async () => {
    const { client, released, begun } = setup(/nothing/)
    await (await begun).commit()
    expect([client.isCut, released, client.asked, vi.getTimerCount()]).toEqual([false, ['clean'], ['BEGIN', 'COMMIT', 'DISCARD'], 0])
  })
})

describe('a connection that is lost', () => {
  it('is told of between two statements, once, and then nothing is sent', async () => {
    const { client, released, lost, begun } = setup(/nothing/)
    const transaction = await begun
    client.emit('end')
    expect(lost).toEqual(['ERR_TRANSACTION_LOST'])
    await transaction.rollback()
    client.emit('end')
    expect([client.asked, released, lost]).toEqual([['BEGIN'], ['broken'], ['ERR_TRANSACTION_LOST']])
  })

  it('is told by the begin and by the commit themselves', async () => {
    const beginning = setup(/BEGIN/)
    beginning.client.emit('end')
    const committing = setup(/COMMIT/)
    void (await committing.begun).commit().catch(() => undefined)
    committing.client.emit('end')
    expect([beginning.lost, committing.lost]).toEqual([[], []])
  })
})

describe('a statement that the server was told to stop, and does not', () => {
  it('is cut off after 5 s', async () => {
    const client = new FakeClient(/SELECT/)
    client.query = () => new Promise(() => undefined)
    const caller = new AbortController()
    const statement = new TransactionStatement({ client: client as never, signal: caller.signal, lost: new Promise(() => undefined), interrupt: () => Promise.resolve(true), onBroken: () => undefined, onEnded: () => undefined })
    statement.runAlone('SELECT 1', []).catch(() => undefined)
    caller.abort()
    await vi.advanceTimersByTimeAsync(4_999)
    expect(client.isCut).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(client.isCut).toBe(true)
  })
})
