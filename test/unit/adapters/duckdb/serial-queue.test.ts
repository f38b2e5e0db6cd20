import { describe, expect, it } from 'vitest'
import { SerialQueue } from '../../../../src/adapters/duckdb/serial-queue.ts'

describe('serial queue', () => {
  it('runs one call at a time, in order, also after one that fails', async () => {
    const queue = new SerialQueue({ waitingMax: 10, waitingWeightMax: 0 })
    const log: string[] = []
    const call = (name: string, fails = false) => queue.run(async () => {
      log.push(`${name} begins`)
      await Promise.resolve()
      log.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    })
    const outcomes = await Promise.allSettled([call('a'), call('b', true), call('c')])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    await expect(call('d')).resolves.toBe('d')
  })

  it('lets a waiter leave at once, and refuses beyond its bound but for later steps of what is in', async () => {
    const queue = new SerialQueue({ waitingMax: 2, waitingWeightMax: 0 })
    const gate = Promise.withResolvers<void>()
    const running = queue.run(() => gate.promise)
    const leaving = new AbortController()
    const ran: string[] = []
    const left = queue.run(() => Promise.resolve(ran.push('left')), { signal: leaving.signal })
    const stays = queue.run(() => Promise.resolve(ran.push('stays')))
    await expect(queue.run(() => Promise.resolve(ran.push('refused')))).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
    const step = queue.run(() => Promise.resolve(ran.push('step')), { isLaterStep: true })
    leaving.abort()
    await expect(left).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    expect(queue.waiting).toBe(2)
    await expect(queue.run(() => Promise.resolve(), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    gate.resolve()
    await Promise.all([running, stays, step])
    expect(ran).toEqual(['stays', 'step'])
  })

  it('bounds what weighs by weight, and lets the rest in beside it', async () => {
    const queue = new SerialQueue({ waitingMax: 10, waitingWeightMax: 100 })
    const gate = Promise.withResolvers<void>()
    const running = queue.run(() => gate.promise, { weight: 90 })
    const leaving = new AbortController()
    const heavy = queue.run(() => Promise.resolve('heavy'), { weight: 60, signal: leaving.signal })
    await expect(queue.run(() => Promise.resolve(), { weight: 60 })).rejects.toMatchObject({ code: 'ERR_OVERLOADED' })
    const light = queue.run(() => Promise.resolve('light'))
    leaving.abort()
    await expect(heavy).rejects.toMatchObject({ code: 'ERR_QUERY_CANCELLED' })
    const second = queue.run(() => Promise.resolve('second'), { weight: 100 })
    gate.resolve()
    await running
    await expect(Promise.all([light, second])).resolves.toEqual(['light', 'second'])
    await expect(queue.run(() => Promise.resolve('third'), { weight: 100 })).resolves.toBe('third')
  })
})
