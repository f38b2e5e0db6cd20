/**
 * The transactions that are open on the node that runs them, and their bounds: how many there are, how long one may be without a statement, and how
 * long it may be open at all. A client that stops in the middle of one holds a connection, and what it has locked keeps others waiting,
 * so that each bound ends in a rollback, of which nothing is kept and which can be begun anew.
 *
 * Idle is counted from the end of the last statement, and stands still while one runs: a long statement has its own deadline. The lifetime never
 * stands still.
 */
import { Deadlines } from '../time/deadlines.ts'
import { parseTransactionOptions, type TransactionOptions } from './options.ts'

export type TransactionEnd = 'committed' | 'rolled-back' | 'idle' | 'lifetime' | 'lost'

export type TransactionEffect =
  | { readonly kind: 'roll-back'; readonly id: string; readonly reason: 'idle' | 'lifetime' }

export type TransactionRefusal = 'full' | 'known'

export interface TransactionCounters {
  readonly begun: number
  readonly refused: number
  readonly committed: number
  readonly rolledBack: number
  /** Rolled back for want of statements, and for being open too long. */
  readonly idle: number
  readonly lifetime: number
  /** Its client or a peer was gone, or its engine. */
  readonly lost: number
}

interface Open {
  readonly endsAtMs: number
  running: number
}

export class TransactionTable {
  readonly options: TransactionOptions
  readonly #open = new Map<string, Open>()
  readonly #deadlines = new Deadlines<string>()
  readonly #counters = { begun: 0, refused: 0, committed: 0, rolledBack: 0, idle: 0, lifetime: 0, lost: 0 }

  /** @throws MeshError ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID */
  constructor(options: Readonly<Partial<TransactionOptions>> = {}) {
    this.options = parseTransactionOptions(options)
  }

  get open(): number {
    return this.#open.size
  }

  get isFull(): boolean {
    return this.#open.size >= this.options.openMax
  }

  get counters(): TransactionCounters {
    return { ...this.#counters }
  }

  /** Takes a place, before the engine is asked; it is given back by `end`. Null: it has one. */
  begin(nowMs: number, id: string): TransactionRefusal | null {
    const refusal = this.#open.has(id) ? 'known' : this.isFull ? 'full' : null
    if (refusal !== null) {
      this.#counters.refused++
      return refusal
    }
    this.#counters.begun++
    // The engine's own begin counts as a statement: it may have to wait for a connection.
    const open = { endsAtMs: nowMs + this.options.lifetimeMs, running: 1 }
    this.#open.set(id, open)
    this.#arm(nowMs, id, open)
    return null
  }

  /** A statement has started, or is waited for. Nothing happens for one that is not open. */
  handleStart(nowMs: number, id: string): void {
    this.#handleRunning(nowMs, id, 1)
  }

  handleFinish(nowMs: number, id: string): void {
    this.#handleRunning(nowMs, id, -1)
  }

  /** It has ended, or cannot begin: its place is free. Only the first end of it counts. */
  end(_nowMs: number, id: string, end: TransactionEnd): void {
    if (!this.#open.delete(id)) return
    this.#deadlines.delete(id)
    this.#counters[end === 'rolled-back' ? 'rolledBack' : end]++
  }

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  /** Its owner rolls it back, and then says `end`. */
  handleTimeout(nowMs: number): TransactionEffect[] {
    const effects: TransactionEffect[] = []
    for (let id = this.#deadlines.takeDue(nowMs); id !== null; id = this.#deadlines.takeDue(nowMs)) {
      const open = this.#open.get(id)
      if (open !== undefined) effects.push({ kind: 'roll-back', id, reason: nowMs >= open.endsAtMs ? 'lifetime' : 'idle' })
    }
    return effects
  }

  #handleRunning(nowMs: number, id: string, change: 1 | -1): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    open.running += change
    this.#arm(nowMs, id, open)
  }

  #arm(nowMs: number, id: string, { endsAtMs, running }: Open): void {
    this.#deadlines.set(id, running > 0 ? endsAtMs : Math.min(endsAtMs, nowMs + this.options.idleMs))
  }
}
