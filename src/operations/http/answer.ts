/** A response on its way out: at most so many rows, and its first batch in hand before anything is said, so that what fails early has a status. */
import { ClientQueryResult } from '../../client/query-result.ts'
import { MeshError } from '../../errors.ts'
import type { EngineBatch } from '../../ports/query-engine.ts'
import { PassedBatches } from '../../query/passed-batches.ts'
import type { QueryResponse } from '../../query/types.ts'

export interface AnswerOptions {
  readonly rowsMax: number
  /** Since the request came. */
  readonly elapsedMs: () => number
}

export interface AnswerStats {
  readonly rows: number
  /** Where the engine ran it. */
  readonly engineMs: number
  /** From the request's arrival to the last row. */
  readonly totalMs: number
}

export interface Answer {
  readonly result: ClientQueryResult
  /** Null unless it came to its end. */
  stats(): AnswerStats | null
}

/** @throws MeshError ERR_ROWS_MAX, and whatever the query fails with before its second batch */
export async function openAnswer(response: QueryResponse, { rowsMax, elapsedMs }: AnswerOptions): Promise<Answer> {
  const batches = new BoundedBatches(response.batches, rowsMax)
  await batches.peek()
  const result = new ClientQueryResult({ ...response, trailer: () => response.trailer(), batches })
  return {
    result,
    stats: () => {
      const trailer = result.trailer()
      return trailer === null ? null : { rows: trailer.rows, engineMs: trailer.engineMs, totalMs: elapsedMs() }
    },
  }
}

class BoundedBatches extends PassedBatches {
  readonly #rowsMax: number
  #rows = 0
  #held: IteratorResult<EngineBatch, undefined> | null = null

  constructor(batches: QueryResponse['batches'], rowsMax: number) {
    super(batches)
    this.#rowsMax = rowsMax
  }

  protected override handleBatch(batch: EngineBatch): EngineBatch {
    this.#rows += batch.rows
    if (this.#rows > this.#rowsMax) throw new MeshError('ERR_ROWS_MAX', `the result has more than ${this.#rowsMax} rows`, { details: { rowsMax: this.#rowsMax } })
    return batch
  }

  /** Has the first one ready. */
  async peek(): Promise<void> {
    this.#held = await super.next()
  }

  override async next(): Promise<IteratorResult<EngineBatch, undefined>> {
    const next = this.#held ?? await super.next()
    this.#held = null
    return next
  }
}
