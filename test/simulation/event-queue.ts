/** The virtual clock: events in order of time, and of scheduling where times are equal, so that a run has exactly one order. */
interface Scheduled<T> {
  readonly atMs: number
  readonly order: number
  readonly event: T
}

export class EventQueue<T> {
  readonly #heap: Array<Scheduled<T>> = []
  #order = 0
  #nowMs = 0

  get nowMs(): number {
    return this.#nowMs
  }

  get size(): number {
    return this.#heap.length
  }

  push(atMs: number, event: T): void {
    const scheduled = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, event }
    let index = this.#heap.length
    this.#heap.push(scheduled)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = this.#heap[parent] as Scheduled<T>
      if (isBefore(above, scheduled)) break
      this.#heap[index] = above
      index = parent
    }
    this.#heap[index] = scheduled
  }

  /** Advances the clock to the next event if it lies no later than `untilMs`; otherwise to `untilMs`, and answers null. */
  next(untilMs: number): T | null {
    const first = this.#heap[0]
    if (first === undefined || first.atMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs)
      return null
    }
    this.#nowMs = first.atMs
    const last = this.#heap.pop() as Scheduled<T>
    if (this.#heap.length > 0) this.#sink(last)
    return first.event
  }

  #sink(item: Scheduled<T>): void {
    const heap = this.#heap
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Scheduled<T>, heap[child] as Scheduled<T>)) child++
      const below = heap[child] as Scheduled<T>
      if (isBefore(item, below)) break
      heap[index] = below
      index = child
    }
    heap[index] = item
  }
}

function isBefore(a: Scheduled<unknown>, b: Scheduled<unknown>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
