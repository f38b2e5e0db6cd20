/**
 * Identical reads in flight share one execution: the first runs it, and whoever asks the same meanwhile reads along (coalescing-run.ts).
 * What the same means is the caller's to say, by the key (core/cache/result-key.ts): who may not see the same data must not have the same.
 *
 * Nobody is given an answer from before a write that it may know of: `handleWrite` closes what runs on the database to newcomers.
 */
import { completeOptions, type OptionRange } from '../core/options/ranges.ts'
import { PRIORITIES } from '../core/admission/query-gate.ts'
import type { Priority } from '../core/routing/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineResult } from '../ports/query-engine.ts'
import { isOfStarter, Reader, SharedRun, type Start } from './coalescing-run.ts'

export interface CoalescingOptions {
  readonly bufferBytesMax: number
  readonly bufferTotalBytesMax: number
  readonly stallMs: number
  readonly readersMax: number
}

export const COALESCING_OPTIONS: Readonly<Record<keyof CoalescingOptions, OptionRange>> = {
  bufferBytesMax: {
    unit: 'count', min: 1, max: 2 ** 32, default: 1 << 20,
    description: 'Bytes of one result held for those who are behind, and for newcomers; one batch more at most. Larger: reads can be shared for longer; more memory.',
  },
  bufferTotalBytesMax: {
    unit: 'count', min: 1, max: 2 ** 40, default: 64 << 20,
    description: 'The same for all results under way together. Larger: as bufferBytesMax, where much runs at once.',
  },
  stallMs: {
    unit: 'ms', min: 0, max: 600_000, default: 10_000,
    description: 'How long in all one execution may wait for slow readers before they are cut off. Larger: fewer are; the others are held up longer.',
  },
  readersMax: {
    unit: 'count', min: 1, max: 100_000, default: 1_024,
    description: 'Readers of one execution; one more starts another. Larger: fewer executions; a batch goes out to more at once.',
  },
}

/** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
export function parseCoalescingOptions(input: Readonly<Partial<CoalescingOptions>> = {}): CoalescingOptions {
  return completeOptions('coalescing', COALESCING_OPTIONS, input)
}

export interface CoalescedRead {
  readonly key: string
  readonly database: string
  readonly priority: Priority
  /** This caller's own; others that share the execution are not affected. */
  readonly signal: AbortSignal
  /** Runs the query under the signal that it is given, which outlives the caller's while others read along. */
  readonly start: Start
}

export interface CoalescedResult extends EngineResult {
  /** Another caller's execution answers. */
  readonly isShared: boolean
}

export interface CoalescingCounters {
  /** Executions that others could join. */
  led: number
  joined: number
  /** Ran on their own after all, having had no batch while the buffer filled. */
  detached: number
  /** Ran on their own because what the first one met was its own affair: its deadline, its place in the queue. */
  retriedAlone: number
  /** Too slow for the others, after some batches. */
  cut: number
}

interface Running {
  readonly run: SharedRun
  readonly database: string
  readonly rank: number
}

export class QueryCoalescer {
  readonly options: CoalescingOptions
  readonly #clock: Clock
  /** Those that can be joined. Others go on without being known here. */
  readonly #joinable = new Map<string, Running>()
  readonly #counters: CoalescingCounters = { led: 0, joined: 0, detached: 0, retriedAlone: 0, cut: 0 }
  #heldBytes = 0

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(clock: Clock, options: Readonly<Partial<CoalescingOptions>> = {}) {
    this.options = parseCoalescingOptions(options)
    this.#clock = clock
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Executions that could be joined now. */
  get size(): number {
    return this.#joinable.size
  }

  get counters(): Readonly<CoalescingCounters> {
    return { ...this.#counters }
  }

  /**
   * @throws MeshError what `start` throws; the reason of the signal; from the batches ERR_QUERY_BROKEN for a reader that fell too far
   * behind the others
   */
  async run({ key, database, priority, signal, start }: CoalescedRead): Promise<CoalescedResult> {
    signal.throwIfAborted()
    const rank = PRIORITIES.indexOf(priority)
    const running = this.#joinable.get(key)
    if (running !== undefined && this.#canJoin(running, rank)) {
      this.#counters.joined++
      return await this.#join(running.run, { signal, start })
    }
    running?.run.close()
    this.#counters.led++
    const run = this.#create({ key, database, rank })
    const reader = new Reader(run, { signal, start })
    const { format, header } = await run.join(reader, start)
    return { format, header, batches: reader, isShared: false }
  }

  /** Whether such a read would share an execution that is under way. */
  isJoinable(key: string, priority: Priority): boolean {
    const running = this.#joinable.get(key)
    return running !== undefined && this.#canJoin(running, PRIORITIES.indexOf(priority))
  }

  /** What waits in the queue for a lower priority would hold up a higher one. */
  #canJoin({ run, rank }: Running, rankOfReader: number): boolean {
    return run.readers < this.options.readersMax && (run.isOpened || rank <= rankOfReader)
  }

  /** A write to the database has ended, well or not, and its caller does not know yet; or its data changed otherwise. */
  handleWrite(database: string): void {
    for (const running of [...this.#joinable.values()]) if (running.database === database) running.run.close()
  }

  #create({ key, database, rank }: { readonly key: string; readonly database: string; readonly rank: number }): SharedRun {
    const { bufferBytesMax, bufferTotalBytesMax, stallMs } = this.options
    const run: SharedRun = new SharedRun({
      clock: this.#clock,
      limits: { stallMs, bytesMax: (heldBytes) => Math.min(bufferBytesMax, bufferTotalBytesMax - this.#heldBytes + heldBytes) },
      events: {
        heldBytesChanged: (change) => { this.#heldBytes += change },
        detached: () => { this.#counters.detached++ },
        retriedAlone: () => { this.#counters.retriedAlone++ },
        cut: () => { this.#counters.cut++ },
        closed: () => { if (this.#joinable.get(key)?.run === run) this.#joinable.delete(key) },
      },
    })
    this.#joinable.set(key, { run, database, rank })
    return run
  }

  async #join(run: SharedRun, { signal, start }: Pick<CoalescedRead, 'signal' | 'start'>): Promise<CoalescedResult> {
    const reader = new Reader(run, { signal, start })
    try {
      const { format, header } = await run.join(reader, start)
      return { format, header, batches: reader, isShared: true }
    } catch (error) {
      if (signal.aborted || !isOfStarter(error)) throw error
      this.#counters.retriedAlone++
      return { ...await start(signal), isShared: false }
    }
  }
}
