import { describe, expect, it } from 'vitest'
import type { EngineBatch } from '../../../src/ports/query-engine.ts'
import { ExplainedBatches, PassedBatches } from '../../../src/query/passed-batches.ts'

/** Gives what the test says, and writes down what it is asked; `return()` beside a waiting `next()` fails that, as the iterator of a stream does. */
class Source implements AsyncIterableIterator<EngineBatch, undefined> {
  readonly log: string[] = []
  #waiting: PromiseWithResolvers<IteratorResult<EngineBatch, undefined>> | null = null

  next(): Promise<IteratorResult<EngineBatch, undefined>> {
    this.log.push('next')
    this.#waiting = Promise.withResolvers()
    return this.#waiting.promise
  }

  return(): Promise<IteratorResult<EngineBatch, undefined>> {
    this.log.push('return')
    this.#waiting?.reject(new Error('left'))
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  gives(rows: number): void {
    this.#waiting?.resolve({ done: false, value: { rows, bytes: new Uint8Array(rows) } })
  }

  ends(): void {
    this.#waiting?.resolve({ done: true, value: undefined })
  }

  fails(): void {
    this.#waiting?.reject(new Error('broken'))
  }
}

class Noted extends PassedBatches {
  readonly #log: string[]

  constructor(source: Source) {
    super(source)
    this.#log = source.log
  }

  protected override handleAsked(): void {
    this.#log.push('asked')
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch | Promise<EngineBatch> {
    this.#log.push(`batch ${batch.rows}`)
    if (batch.rows === 13) return Promise.reject(new Error('no good'))
    return batch.rows > 10 ? Promise.resolve({ ...batch, rows: 10 }) : batch
  }

  protected override handleCompleted(): void {
    this.#log.push('completed')
  }

  protected override handleEnded(): void {
    this.#log.push('ended')
  }
}

function setUp() {
  const source = new Source()
  return { source, log: source.log, batches: new Noted(source) }
}

describe('batches that are passed on', () => {
  it('are seen one by one, and at their end', async () => {
    const { source, log, batches } = setUp()
    for (const [sent, read] of [[7, 7], [12, 10]] as const) {
      const next = batches.next()
      source.gives(sent)
      await expect(next).resolves.toMatchObject({ done: false, value: { rows: read } })
    }
    const last = batches.next()
    source.ends()
    await expect(last).resolves.toEqual({ done: true, value: undefined })
    expect(log).toEqual(['asked', 'next', 'batch 7', 'asked', 'next', 'batch 12', 'asked', 'next', 'completed', 'ended'])
    await expect(batches.next()).resolves.toMatchObject({ done: true })
    await expect(batches.return()).resolves.toMatchObject({ done: true })
    expect(log).toHaveLength(10)
  })

  it('are left behind when nobody has asked for one', async () => {
    const { log, batches } = setUp()
    await batches.return()
    expect(log).toEqual(['return', 'ended'])
    await expect(batches.next()).resolves.toMatchObject({ done: true })
    await batches.return()
    expect(log).toEqual(['return', 'ended'])
  })

  it('are left behind at once while one is awaited', async () => {
    const { log, batches } = setUp()
    const next = batches.next()
    const left = batches.return()
    expect(log).toEqual(['asked', 'next', 'return'])
    await expect(next).rejects.toThrow('left')
    await left
    expect(log).toEqual(['asked', 'next', 'return', 'ended'])
  })

  it.each(['gives', 'ends'] as const)('hand out nothing that comes after that, when the source %s', async (how) => {
    const { source, log, batches } = setUp()
    const next = batches.next()
    source.return = () => Promise.resolve({ done: true, value: undefined })
    await batches.return()
    source[how](7)
    await expect(next).resolves.toEqual({ done: true, value: undefined })
    expect(log).toEqual(['asked', 'next', 'ended'])
  })

  it('end with an error of theirs, once', async () => {
    const { source, log, batches } = setUp()
    const next = batches.next()
    source.fails()
    await expect(next).rejects.toThrow('broken')
    await expect(batches.next()).resolves.toMatchObject({ done: true })
    await batches.return()
    expect(log).toEqual(['asked', 'next', 'ended'])
  })

  it('are left behind when one of them is no good', async () => {
    const { source, log, batches } = setUp()
    const next = batches.next()
    source.gives(13)
    await expect(next).rejects.toThrow('no good')
    expect(log).toEqual(['asked', 'next', 'batch 13', 'return', 'ended'])
    await expect(batches.next()).resolves.toMatchObject({ done: true })
  })

  it('say more in their errors', async () => {
    const source = new Source()
    const next = new ExplainedBatches(source, (error) => new Error('explained', { cause: error })).next()
    source.fails()
    await expect(next).rejects.toMatchObject({ message: 'explained', cause: { message: 'broken' } })
  })
})
