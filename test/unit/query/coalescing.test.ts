import { describe, expect, it } from 'vitest'
import type { Priority } from '../../../src/core/routing/types.ts'
import { MeshError } from '../../../src/errors.ts'
import type { EngineBatch, EngineResult } from '../../../src/ports/query-engine.ts'
import { QueryCoalescer, type CoalescedResult, type CoalescingOptions } from '../../../src/query/coalescing.ts'
import { turn, VirtualClock } from '../../support/query-plane.ts'

/** An execution that the test drives: it opens, delivers and fails when told. */
class Execution {
  readonly signal: AbortSignal
  pulled = 0
  returned = 0
  #settle: { resolve: (result: EngineResult) => void; reject: (error: unknown) => void } | null = null
  readonly opened: Promise<EngineResult>
  failure: MeshError | null = null
  readonly sizes: readonly number[]
  header = new Uint8Array([1])

  constructor(signal: AbortSignal, sizes: readonly number[]) {
    this.signal = signal
    this.sizes = sizes
    this.opened = new Promise((resolve, reject) => { this.#settle = { resolve, reject } })
  }

  open(): void {
    const next = (): Promise<IteratorResult<EngineBatch>> => {
      if (this.signal.aborted) return Promise.reject(this.signal.reason as Error)
      const size = this.sizes[this.pulled]
      if (size === undefined) return this.failure === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(this.failure)
      this.pulled++
      return Promise.resolve({ done: false, value: { bytes: new Uint8Array(size).fill(this.pulled), rows: 1 } })
    }
    const batches = { [Symbol.asyncIterator]: () => ({ next, return: () => { this.returned++; return Promise.resolve({ done: true as const, value: undefined }) } }) }
    this.#settle?.resolve({ format: 'raw', header: this.header, batches })
  }

  refuse(error: MeshError): void {
    this.#settle?.reject(error)
  }
}

interface Caller {
  readonly controller: AbortController
  result: CoalescedResult | null
  error: unknown
  reader: AsyncIterator<EngineBatch> | null
}

interface Callers {
  1: [Caller]
  2: [Caller, Caller]
  3: [Caller, Caller, Caller]
}

class Scene {
  readonly clock = new VirtualClock()
  readonly coalescer: QueryCoalescer
  readonly executions: Execution[] = []
  sizes: readonly number[]

  constructor(sizes: readonly number[] = [10, 10, 10], options: Partial<CoalescingOptions> = {}) {
    this.sizes = sizes
    this.coalescer = new QueryCoalescer(this.clock, { bufferBytesMax: 1_000, stallMs: 100, ...options })
  }

  async call({ key = 'k', database = 'db', priority = 'normal' as Priority } = {}): Promise<Caller> {
    const caller: Caller = { controller: new AbortController(), result: null, error: null, reader: null }
    this.coalescer.run({
      key, database, priority, signal: caller.controller.signal,
      start: (signal) => {
        const execution = new Execution(signal, this.sizes)
        this.executions.push(execution)
        return execution.opened
      },
    }).then((result) => {
      caller.result = result
      caller.reader = result.batches[Symbol.asyncIterator]()
    }, (error: unknown) => { caller.error = error })
    await turn()
    return caller
  }

  /** Callers of one query, whose execution has opened. */
  async share<Count extends keyof Callers>(callers: Count): Promise<{ callers: Callers[Count]; execution: Execution }> {
    const all: Caller[] = []
    for (let index = 0; index < callers; index++) all.push(await this.call())
    const execution = this.execution(0)
    execution.open()
    await turn()
    return { callers: all as Callers[Count], execution }
  }

  execution(index: number): Execution {
    const execution = this.executions[index]
    if (execution === undefined) throw new Error(`execution ${index} never started`)
    return execution
  }
}

/** What comes of one `next`, without waiting for it. */
function step(caller: Caller): { batch: number | 'end' | null; error: unknown } {
  const outcome: { batch: number | 'end' | null; error: unknown } = { batch: null, error: null }
  const next = caller.reader?.next()
  if (next === undefined) throw new Error('not opened')
  next.then((result) => { outcome.batch = result.done === true ? 'end' : result.value.bytes[0] ?? -1 }, (error: unknown) => { outcome.error = error })
  return outcome
}

async function take(caller: Caller): Promise<number | 'end'> {
  const outcome = step(caller)
  await turn()
  if (outcome.error !== null) throw outcome.error
  if (outcome.batch === null) throw new Error('no batch came')
  return outcome.batch
}

async function takeAll(caller: Caller): Promise<number[]> {
  const all: number[] = []
  for (let batch = await take(caller); batch !== 'end'; batch = await take(caller)) all.push(batch)
  return all
}

const gone = new MeshError('ERR_QUERY_CANCELLED', 'gone')

describe('identical reads in flight', () => {
  it('share one execution, and each has every batch', async () => {
    const scene = new Scene()
    const { callers: [first, second, third], execution } = await scene.share(3)
    expect(scene.executions).toHaveLength(1)
    expect([first, second, third].map(({ result }) => result?.isShared)).toEqual([false, true, true])
    expect(await take(second)).toBe(1)
    expect(await takeAll(first)).toEqual([1, 2, 3])
    expect(await takeAll(second)).toEqual([2, 3])
    expect(await takeAll(third)).toEqual([1, 2, 3])
    expect(execution.pulled).toBe(3)
    expect(scene.coalescer.heldBytes).toBe(0)
    expect(scene.coalescer.counters).toMatchObject({ led: 1, joined: 2, detached: 0, cut: 0 })
  })

  it('are joined while the first batches are still held', async () => {
    const scene = new Scene()
    const { callers: [first] } = await scene.share(1)
    await take(first)
    await take(first)
    const late = await scene.call()
    expect(scene.executions).toHaveLength(1)
    expect(await takeAll(late)).toEqual([1, 2, 3])
  })

  it('are not joined once the first batches are gone, or the execution has ended', async () => {
    const scene = new Scene([600, 600, 600])
    const { callers: [first] } = await scene.share(1)
    await take(first)
    await take(first)
    expect(scene.coalescer.size).toBe(1)
    await take(first)
    expect(scene.coalescer.size).toBe(0)
    await scene.call()
    expect(scene.executions).toHaveLength(2)

    const short = new Scene()
    const { callers: [only] } = await short.share(1)
    await takeAll(only)
    await short.call()
    expect(short.executions).toHaveLength(2)
  })

  it('of other keys are kept apart', async () => {
    const scene = new Scene()
    await scene.call({ key: 'a' })
    await scene.call({ key: 'b' })
    expect(scene.executions).toHaveLength(2)
  })

  it('are not joined across a write to their database', async () => {
    const scene = new Scene()
    await scene.call()
    await scene.call({ key: 'other', database: 'other' })
    scene.coalescer.handleWrite('db')
    await scene.call()
    await scene.call({ key: 'other', database: 'other' })
    expect(scene.executions).toHaveLength(3)
  })

  it('of a higher priority do not wait behind one of a lower that is still queued', async () => {
    const scene = new Scene()
    await scene.call({ priority: 'low' })
    await scene.call({ priority: 'high' })
    expect(scene.executions).toHaveLength(2)
    await scene.call({ priority: 'normal' })
    scene.execution(1).open()
    await turn()
    await scene.call({ priority: 'critical' })
    expect(scene.executions).toHaveLength(2)
  })

  it('leave nothing behind in an execution that nobody can join any more', async () => {
    const scene = new Scene()
    const low = await scene.call({ priority: 'low' })
    await scene.call({ priority: 'high' })
    scene.execution(0).open()
    await turn()
    await take(low)
    expect(scene.coalescer.heldBytes).toBe(0)
    expect(scene.coalescer.size).toBe(1)
  })

  it('start another execution beyond readersMax', async () => {
    const scene = new Scene([10], { readersMax: 2 })
    for (let caller = 0; caller < 3; caller++) await scene.call()
    expect(scene.executions).toHaveLength(2)
  })
})

describe('cancellation', () => {
  it('of the first reader leaves the others their execution', async () => {
    const scene = new Scene()
    const { callers: [first, second], execution } = await scene.share(2)
    await take(first)
    const waiting = step(first)
    first.controller.abort(gone)
    await turn()
    expect(execution.signal.aborted).toBe(false)
    expect(waiting.error).toBe(gone)
    expect(await take(first)).toBe('end')
    expect(await takeAll(second)).toEqual([1, 2, 3])
    expect(execution.signal.aborted).toBe(false)
  })

  it('between two batches is told with the next', async () => {
    const scene = new Scene()
    const { callers: [first] } = await scene.share(2)
    await take(first)
    first.controller.abort(gone)
    await expect(take(first)).rejects.toBe(gone)
    expect(await take(first)).toBe('end')
  })

  it('before the execution has opened ends that caller only', async () => {
    const scene = new Scene()
    const first = await scene.call()
    const second = await scene.call()
    first.controller.abort(gone)
    await turn()
    expect(first.error).toBe(gone)
    scene.execution(0).open()
    await turn()
    expect(await takeAll(second)).toEqual([1, 2, 3])
  })

  it('of the last reader cancels the execution with its reason, and lets nobody join', async () => {
    const scene = new Scene()
    const { callers: [first, second], execution } = await scene.share(2)
    await take(first)
    await second.reader?.return?.()
    expect(execution.signal.aborted).toBe(false)
    first.controller.abort(gone)
    await turn()
    expect(execution.signal.reason).toBe(gone)
    expect(execution.returned).toBe(1)
    expect(scene.coalescer.heldBytes).toBe(0)
    await scene.call()
    expect(scene.executions).toHaveLength(2)
  })

  it('of all before it has opened cancels it, and releases a result that comes all the same', async () => {
    const scene = new Scene()
    const only = await scene.call()
    only.controller.abort(gone)
    await turn()
    const execution = scene.execution(0)
    expect(execution.signal.reason).toBe(gone)
    execution.open()
    await turn()
    expect(execution.returned).toBe(1)
  })

  it('does not touch an execution that has ended', async () => {
    const scene = new Scene()
    const { callers: [only], execution } = await scene.share(1)
    await takeAll(only)
    only.controller.abort(gone)
    await only.reader?.return?.()
    expect(execution.signal.aborted).toBe(false)
    expect(execution.returned).toBe(0)
    expect(await take(only)).toBe('end')
  })
})

describe('failure', () => {
  it('of the query reaches all, after the batches that came before it', async () => {
    const scene = new Scene([10])
    const { callers: [first, second], execution } = await scene.share(2)
    execution.failure = new MeshError('ERR_SQL', 'division by zero')
    expect(await take(first)).toBe(1)
    await expect(take(first)).rejects.toBe(execution.failure)
    expect(await take(second)).toBe(1)
    await expect(take(second)).rejects.toBe(execution.failure)
    expect(await take(second)).toBe('end')
    expect(execution.signal.aborted).toBe(false)
  })

  it('to start for the query itself reaches all', async () => {
    const scene = new Scene()
    const [first, second] = [await scene.call(), await scene.call()]
    const error = new MeshError('ERR_SQL', 'no such table')
    scene.execution(0).refuse(error)
    await turn()
    expect([first.error, second.error]).toEqual([error, error])
    expect(scene.executions).toHaveLength(1)
    expect(scene.coalescer.size).toBe(0)
  })

  it('to start for what concerns the first caller only lets the others run on their own', async () => {
    const scene = new Scene()
    const [first, second] = [await scene.call(), await scene.call()]
    const error = new MeshError('ERR_QUERY_TIMEOUT', 'in the queue')
    scene.execution(0).refuse(error)
    await turn()
    expect(first.error).toBe(error)
    expect(second.error).toBeNull()
    scene.execution(1).open()
    await turn()
    expect(second.result?.isShared).toBe(false)
    expect(await takeAll(second)).toEqual([1, 2, 3])
    expect(scene.coalescer.counters.retriedAlone).toBe(1)
  })
})

describe('the deadline of the first caller', () => {
  it('ends it, and lets those who have had nothing run on their own', async () => {
    const scene = new Scene([])
    const { callers: [first, second, third], execution } = await scene.share(3)
    execution.failure = new MeshError('ERR_QUERY_TIMEOUT', 'statement timeout')
    const waiting = step(second)
    await turn()
    expect(waiting.error).toBeNull()
    await expect(take(first)).rejects.toBe(execution.failure)
    const later = step(third)
    await turn()
    expect(scene.executions).toHaveLength(3)
    scene.execution(1).open()
    scene.execution(2).open()
    await turn()
    expect([waiting.batch, later.batch]).toEqual(['end', 'end'])
    expect(scene.coalescer.counters.retriedAlone).toBe(2)
  })

  it('ends those too who have had batches', async () => {
    const scene = new Scene([10])
    const { callers: [, second], execution } = await scene.share(2)
    execution.failure = new MeshError('ERR_QUERY_TIMEOUT', 'statement timeout')
    expect(await take(second)).toBe(1)
    await expect(take(second)).rejects.toBe(execution.failure)
    expect(scene.executions).toHaveLength(1)
  })
})

describe('slow readers', () => {
  it('that have had nothing are set free when the buffer is full, and run the query themselves', async () => {
    const scene = new Scene([600, 600, 600, 600])
    const { callers: [fast, slow] } = await scene.share(2)
    expect(await takeAll(fast)).toEqual([1, 2, 3, 4])
    expect(scene.coalescer.counters.detached).toBe(1)
    expect(scene.coalescer.heldBytes).toBe(0)
    expect(scene.executions).toHaveLength(1)
    const first = step(slow)
    await turn()
    scene.execution(1).open()
    await turn()
    expect(first.batch).toBe(1)
    expect(scene.execution(1).signal).toBe(slow.controller.signal)
    expect(await takeAll(slow)).toEqual([2, 3, 4])
  })

  it('that are set free close their own execution when they leave', async () => {
    const scene = new Scene([600, 600, 600, 600])
    const { callers: [fast, slow] } = await scene.share(2)
    await takeAll(fast)
    step(slow)
    await turn()
    scene.execution(1).open()
    await turn()
    await slow.reader?.return?.()
    expect(scene.execution(1).returned).toBe(1)
  })

  it('that are set free do not go on with other columns than they were promised', async () => {
    const scene = new Scene([600, 600, 600, 600])
    const { callers: [fast, slow] } = await scene.share(2)
    await takeAll(fast)
    const first = step(slow)
    await turn()
    scene.execution(1).header = new Uint8Array([2])
    scene.execution(1).open()
    await turn()
    expect(first.error).toMatchObject({ code: 'ERR_QUERY_BROKEN', details: { rows: 0 } })
    expect(scene.execution(1).returned).toBe(1)
  })

  it('hold the others up while they may, and no batch more than the buffer holds is pulled', async () => {
    const scene = new Scene([600, 600, 600, 600])
    const { callers: [fast, slow], execution } = await scene.share(2)
    await take(slow)
    await take(fast)
    await take(fast)
    await take(fast)
    const held = step(fast)
    await turn()
    expect(held.batch).toBeNull()
    expect(execution.pulled).toBe(3)
    expect(scene.coalescer.heldBytes).toBe(1_200)
    scene.clock.advance(99)
    expect(await take(slow)).toBe(2)
    await turn()
    expect(held.batch).toBe(4)
    expect(scene.clock.pending).toBe(0)
    expect(await takeAll(slow)).toEqual([3, 4])
  })

  it('are cut off when the time for all waits together is over, and the others go on', async () => {
    const scene = new Scene([600, 600, 600, 600, 600, 600])
    const { callers: [fast, slow] } = await scene.share(2)
    await take(slow)
    for (let batch = 0; batch < 3; batch++) await take(fast)
    const held = step(fast)
    scene.clock.advance(60)
    await take(slow)
    await turn()
    expect(held.batch).toBe(4)
    const again = step(fast)
    scene.clock.advance(39)
    await turn()
    expect(again.batch).toBeNull()
    scene.clock.advance(1)
    await turn()
    expect(again.batch).toBe(5)
    await expect(take(slow)).rejects.toMatchObject({ code: 'ERR_QUERY_BROKEN', details: { batches: 2 } })
    expect(await takeAll(fast)).toEqual([6])
    expect(scene.coalescer.counters.cut).toBe(1)
  })

  it('that leave let the others go on at once', async () => {
    const scene = new Scene([600, 600, 600, 600])
    const { callers: [fast, slow] } = await scene.share(2)
    await take(slow)
    for (let batch = 0; batch < 3; batch++) await take(fast)
    const held = step(fast)
    slow.controller.abort(gone)
    await turn()
    expect(held.batch).toBe(4)
    expect(scene.clock.pending).toBe(0)
  })

  it('find no room where other executions have taken it all', async () => {
    const scene = new Scene([600, 600], { bufferTotalBytesMax: 600 })
    const { callers: [first] } = await scene.share(1)
    await take(first)
    expect(scene.coalescer.size).toBe(1)
    const other = await scene.call({ key: 'other' })
    scene.execution(1).open()
    await turn()
    await take(other)
    expect(scene.coalescer.size).toBe(2)
    await take(other)
    expect(scene.coalescer.size).toBe(1)
  })
})
