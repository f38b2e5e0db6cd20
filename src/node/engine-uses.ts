/** Who is at an engine: it is closed only when nobody is, or when they have had their time. Two additions a query. */
import { MeshError } from '../errors.ts'

export type EngineUse = 'queries' | 'transactions'

interface Uses {
  queries: number
  transactions: number
  waiting: Array<() => void>
  /** Their time is over: the engine closes, whoever is there. */
  isCutOff: boolean
}

export class EngineUses {
  /** Of every database that was ever asked for here and served: as many as were registered. */
  readonly #uses = new Map<string, Uses>()

  openTransactions(database: string): number {
    return this.#uses.get(database)?.transactions ?? 0
  }

  /** Queries and transactions together. */
  running(database: string): number {
    const uses = this.#uses.get(database)
    return uses === undefined ? 0 : uses.queries + uses.transactions
  }

  handleStart(database: string, use: EngineUse): void {
    let uses = this.#uses.get(database)
    if (uses === undefined) this.#uses.set(database, uses = { queries: 0, transactions: 0, waiting: [], isCutOff: false })
    uses[use]++
  }

  /** Once for each start. */
  handleEnd(database: string, use: EngineUse): void {
    const uses = this.#uses.get(database)
    if (uses === undefined) return
    uses[use]--
    if (uses.queries + uses.transactions === 0) uses.isCutOff = false
    if (uses.waiting.length === 0 || uses.queries + uses.transactions > 0) return
    for (const resolve of uses.waiting) resolve()
    uses.waiting = []
  }

  /** The engine is about to be closed. Answers how many are still there. */
  cutOff(database: string): number {
    const uses = this.#uses.get(database)
    if (uses === undefined || uses.queries + uses.transactions === 0) return 0
    uses.isCutOff = true
    return uses.queries + uses.transactions
  }

  /** What the engine throws at those who are cut off reads as if they had cancelled it themselves. */
  explain(database: string, error: unknown): unknown {
    if (this.#uses.get(database)?.isCutOff !== true || !(error instanceof MeshError) || error.code !== 'ERR_QUERY_CANCELLED') return error
    return new MeshError('ERR_DRAINING', `${database} is served here no more, and the query had no more time`, { nextStep: 'Send it again: it goes to another node that serves the database, if there is one.', cause: error })
  }

  /** Resolves when nobody is there, which may be now. */
  async untilIdle(database: string): Promise<void> {
    const uses = this.#uses.get(database)
    if (uses === undefined || uses.queries + uses.transactions === 0) return
    await new Promise<void>((resolve) => { uses.waiting.push(resolve) })
  }
}
