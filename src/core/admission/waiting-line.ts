/** First in, first out, and whoever leaves early is unlinked in O(1): a doubly linked list through its own entries. */
import type { Priority } from '../routing/types.ts'

export class WaitingQuery {
  readonly id: string
  readonly priority: Priority
  /** 0 is critical. */
  readonly rank: number
  readonly arrivedMs: number
  /** Order of arrival over all lines. */
  readonly sequence: number
  before: WaitingQuery | null = null
  behind: WaitingQuery | null = null

  constructor(init: { readonly id: string; readonly priority: Priority; readonly rank: number; readonly arrivedMs: number; readonly sequence: number }) {
    this.id = init.id
    this.priority = init.priority
    this.rank = init.rank
    this.arrivedMs = init.arrivedMs
    this.sequence = init.sequence
  }
}

export class WaitingLine {
  #oldest: WaitingQuery | null = null
  #youngest: WaitingQuery | null = null
  #length = 0

  get length(): number {
    return this.#length
  }

  get oldest(): WaitingQuery | null {
    return this.#oldest
  }

  get youngest(): WaitingQuery | null {
    return this.#youngest
  }

  append(query: WaitingQuery): void {
    query.before = this.#youngest
    if (this.#youngest === null) this.#oldest = query
    else this.#youngest.behind = query
    this.#youngest = query
    this.#length++
  }

  /** `query` must be in this line. */
  remove(query: WaitingQuery): void {
    if (query.before === null) this.#oldest = query.behind
    else query.before.behind = query.behind
    if (query.behind === null) this.#youngest = query.before
    else query.behind.before = query.before
    query.before = null
    query.behind = null
    this.#length--
  }
}
