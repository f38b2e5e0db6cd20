import { describe, expect, it } from 'vitest'
import { EventStream } from '../../../src/node/event-stream.ts'

async function take<T>(events: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  while (taken.length < count) {
    const next = await events.next()
    if (next.done === true) break
    taken.push(next.value)
  }
  return taken
}

describe('EventStream', () => {
  it('gives every subscriber every event in order, those in hand first', async () => {
    const stream = new EventStream<number>()
    const one = stream.subscribe([10])
    const two = stream.subscribe()
    for (const event of [1, 2, 3]) stream.publish(event)
    expect(await take(one, 4)).toEqual([10, 1, 2, 3])
    expect(await take(two, 3)).toEqual([1, 2, 3])
  })

  it('wakes a reader that waits', async () => {
    const stream = new EventStream<string>()
    const reading = take(stream.subscribe(), 1)
    await Promise.resolve()
    stream.publish('late')
    expect(await reading).toEqual(['late'])
  })

  it('ends after what is queued', async () => {
    const stream = new EventStream<number>()
    const events = stream.subscribe()
    stream.publish(1)
    stream.end()
    expect(await take(events, 5)).toEqual([1])
  })

  it('ends a waiting reader when its signal aborts', async () => {
    const stream = new EventStream<number>()
    const controller = new AbortController()
    const reading = take(stream.subscribe([], controller.signal), 1)
    await Promise.resolve()
    controller.abort()
    expect(await reading).toEqual([])
  })

  it('tells a reader that is too slow instead of leaving holes, and spares the others', async () => {
    const stream = new EventStream<number>()
    const slow = stream.subscribe()
    for (let i = 0; i < 4097; i++) stream.publish(i)
    const fresh = stream.subscribe()
    stream.publish(9)
    const seen: number[] = []
    await expect((async () => { for await (const event of slow) seen.push(event) })()).rejects.toMatchObject({ code: 'ERR_EVENTS_LOST' })
    expect(seen.length).toBe(4096)
    expect(await take(fresh, 1)).toEqual([9])
  })
})
