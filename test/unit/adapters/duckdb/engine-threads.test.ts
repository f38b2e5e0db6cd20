import { describe, expect, it } from 'vitest'
import { EngineThreads, threadsForQueries } from '../../../../src/adapters/duckdb/engine-threads.ts'

describe('engine threads', () => {
  it('leaves one thread of the pool to the rest of the process', () => {
    expect(threadsForQueries(undefined)).toBe(3)
    expect(threadsForQueries('16')).toBe(15)
    expect(threadsForQueries('1')).toBe(1)
    expect(threadsForQueries('nonsense')).toBe(3)
  })

  it('runs as many as it has, the rest in order, and lets a waiter leave', async () => {
    const threads = new EngineThreads(2)
    const never = new AbortController().signal
    const started: number[] = []
    const finish: Array<() => void> = []
    const call = (id: number, signal = never): Promise<number> => threads.run(signal, () => {
      started.push(id)
      return new Promise((resolve) => finish.push(() => resolve(id)))
    })
    const leaving = new AbortController()
    const calls = [call(1), call(2), call(3), call(4, leaving.signal), call(5)]
    await Promise.resolve()
    expect(started).toEqual([1, 2])
    expect(threads.waiting).toBe(3)
    leaving.abort()
    await expect(calls[3]).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    finish.shift()?.()
    await calls[0]
    finish.shift()?.()
    await calls[1]
    await new Promise((resolve) => setImmediate(resolve))
    expect(started).toEqual([1, 2, 3, 5])
    for (const end of finish) end()
    await Promise.all([calls[2], calls[4]])
    await expect(threads.run(AbortSignal.abort(), () => Promise.reject(new Error('ran')))).rejects.toThrow('ran')
  })
})
