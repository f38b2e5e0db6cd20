/**
 * Reads that need no run of their own: the same one was answered a moment ago (result cache), or is under way (coalescing). Both are off unless the
 * node's options say otherwise, and neither is for statements that may answer differently each time.
 *
 * Sessions have no view of the data of their own here, so whoever may ask may share; what runs inside of a transaction has, and does not
 * come here. Writes through this node end what was before them, as do changes by others where the engine names the version of its data.
 */
import type { CachedResult, Recording, ResultCache } from '../core/cache/result-cache.ts'
import { resultKey } from '../core/cache/result-key.ts'
import { mayBeVolatile } from '../core/cache/volatile-sql.ts'
import type { Priority } from '../core/routing/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { EngineBatch, EngineResult, QueryValue, ResultFormat } from '../ports/query-engine.ts'
import type { QueryCoalescer } from '../query/coalescing.ts'
import { PassedBatches } from '../query/passed-batches.ts'
import { DataVersions, type DataVersionsParts } from './data-versions.ts'
import { MachineTimer } from './machine-timer.ts'

export interface SharedReadsParts {
  readonly cache: ResultCache
  /** Null: off. */
  readonly coalescer: QueryCoalescer | null
  /** Those that name versions of their data are asked for them. */
  readonly engines?: DataVersionsParts['engines']
  readonly clock: Clock
}

export interface SharedRead {
  readonly database: string
  readonly sql: string
  readonly parameters: readonly QueryValue[]
  readonly priority: Priority
  readonly signal: AbortSignal
  /** Runs it, under the signal that it is given. */
  readonly start: (signal: AbortSignal) => Promise<EngineResult>
}

export type AnsweredBy = 'engine' | 'another-run' | 'cache'

export class SharedReads {
  readonly #parts: SharedReadsParts
  readonly #timer: MachineTimer
  readonly #versions: DataVersions

  constructor(parts: SharedReadsParts) {
    this.#parts = parts
    this.#versions = new DataVersions({ engines: parts.engines ?? new Map(), clock: parts.clock, onVersion: (database, version) => { this.#handleVersion(database, version) } })
    // What is too old is let go when it is, and not when somebody asks again.
    this.#timer = new MachineTimer(parts.clock, parts.cache, (nowMs) => { parts.cache.handleTimeout(nowMs) })
  }

  get counters(): Readonly<Record<string, number>> {
    const { cache, coalescer } = this.#parts
    return { ...cache.counters, cachedResults: cache.size, cachedBytes: cache.bytes, ...this.#versions.counters, ...coalescer?.counters }
  }

  /** @throws MeshError what `start` throws; the reason of the signal; from the batches ERR_QUERY_BROKEN for a reader that fell too far behind those it shared with */
  async execute(read: SharedRead): Promise<EngineResult & { readonly answeredBy: AnsweredBy }> {
    const { cache, coalescer, clock } = this.#parts
    const { database, priority, signal, start } = read
    const key = this.#keyOf(read)
    if (key === null) return { ...await start(signal), answeredBy: 'engine' }
    // First: whoever comes after a commit must not be given what was before it. An engine that cannot tell answers itself.
    if (this.#versions.isNamed(database) && await this.#versions.current(database, signal) === null) return { ...await start(signal), answeredBy: 'engine' }
    const held = cache.lookup(clock.nowMs(), key)
    if (held !== null) return { ...replayed(held), answeredBy: 'cache' }
    const run = async (runSignal: AbortSignal): Promise<EngineResult> => {
      const generation = cache.generation(database)
      const result = await start(runSignal)
      const recording = cache.record({ key, database, generation, format: result.format, header: result.header })
      return recording === null ? result : { ...result, batches: new RecordedBatches(result.batches, { recording, cache, clock, stored: () => { this.#timer.rearm() } }) }
    }
    if (coalescer === null) return { ...await run(signal), answeredBy: 'engine' }
    const { isShared, ...result } = await coalescer.run({ key, database, priority, signal, start: run })
    return { ...result, answeredBy: isShared ? 'another-run' : 'engine' }
  }

  /**
   * What such a read would share now; null: nothing. Nothing is counted, used or asked: where the engine names versions, what is held may turn
   * out to be of an earlier one.
   */
  look(read: Pick<SharedRead, 'database' | 'sql' | 'parameters' | 'priority'>): 'held' | 'under-way' | null {
    const { cache, coalescer, clock } = this.#parts
    const key = this.#keyOf(read)
    if (key === null) return null
    if (cache.isHeld(clock.nowMs(), key)) return 'held'
    return coalescer?.isJoinable(key, read.priority) === true ? 'under-way' : null
  }

  /** Null for what is never shared. */
  #keyOf({ database, sql, parameters }: Pick<SharedRead, 'database' | 'sql' | 'parameters'>): string | null {
    const { cache, coalescer } = this.#parts
    return (cache.isOn || coalescer !== null) && !mayBeVolatile(sql) ? resultKey({ database, sql, parameters, scope: '' }) : null
  }

  /**
   * A write: what was read before it is told to nobody from then on. An aborted one may still be done, so each of its ends counts: of
   * the engine's work, which its caller no longer waits for, and of its batches.
   */
  async executeWrite(database: string, start: () => Promise<EngineResult>): Promise<EngineResult> {
    try {
      const result = await start()
      return { ...result, batches: new WrittenBatches(result.batches, () => { this.handleWrite(database) }) }
    } finally {
      this.handleWrite(database)
    }
  }

  /** Of what the engine holds: another one was written by somebody else, or the server is another. */
  #handleVersion(database: string, version: string): void {
    if (!this.#parts.cache.handleVersion(this.#parts.clock.nowMs(), database, version)) return
    this.#parts.coalescer?.handleWrite(database)
    this.#timer.rearm()
  }

  stop(): void {
    this.#timer.stop()
  }

  /** A write has ended, well or not, here or where it was forwarded to. */
  handleWrite(database: string): void {
    this.#parts.cache.handleWrite(this.#parts.clock.nowMs(), database)
    this.#parts.coalescer?.handleWrite(database)
    this.#timer.rearm()
  }
}

function replayed({ format, header, batches }: CachedResult): EngineResult {
  return { format: format as ResultFormat, header, batches: each(batches) }
}

async function* each(batches: readonly EngineBatch[]): AsyncGenerator<EngineBatch, void, void> {
  yield* batches
}

interface RecordingParts {
  readonly cache: ResultCache
  readonly recording: Recording
  readonly clock: Clock
  readonly stored: () => void
}

/** What passes is kept until the end, and stored only then. */
class RecordedBatches extends PassedBatches {
  readonly #parts: RecordingParts

  constructor(batches: AsyncIterable<EngineBatch>, parts: RecordingParts) {
    super(batches)
    this.#parts = parts
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch {
    this.#parts.cache.add(this.#parts.recording, batch)
    return batch
  }

  protected override handleCompleted(): void {
    const { cache, clock, recording, stored } = this.#parts
    cache.store(clock.nowMs(), recording)
    stored()
  }

  protected override handleEnded(): void {
    this.#parts.cache.abandon(this.#parts.recording)
  }
}

class WrittenBatches extends PassedBatches {
  readonly #ended: () => void

  constructor(batches: AsyncIterable<EngineBatch>, ended: () => void) {
    super(batches)
    this.#ended = ended
  }

  protected override handleEnded(): void {
    this.#ended()
  }
}
