/**
 * The virtual clock: what happens to whom, in order of time, and of scheduling where times are equal, so that a run has exactly one order.
 *
 * A binary heap in parallel arrays, not of objects: a large mesh schedules tens of millions of deliveries, and those of one announcement
 * share one payload.
 */
const INITIAL_CAPACITY = 1024

export class EventQueue<T> {
  #atMs = new Float64Array(INITIAL_CAPACITY)
  #order = new Float64Array(INITIAL_CAPACITY)
  #node = new Int32Array(INITIAL_CAPACITY)
  readonly #payload: T[] = []
  #size = 0
  #scheduled = 0
  #nowMs = 0
  #taken = -1

  get nowMs(): number {
    return this.#nowMs
  }

  get size(): number {
    return this.#size
  }

  /** Whom the payload that `next` answered last is for. */
  get node(): number {
    return this.#taken
  }

  push(atMs: number, node: number, payload: T): void {
    if (this.#size === this.#atMs.length) this.#growArrays()
    this.#sift(this.#size++, Math.max(atMs, this.#nowMs), this.#scheduled++, node, payload)
  }

  /** Advances the clock to the next event if it lies no later than `untilMs`; otherwise to `untilMs`, and answers null. */
  next(untilMs: number): T | null {
    const firstMs = this.#atMs[0] as number
    if (this.#size === 0 || firstMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs)
      return null
    }
    this.#nowMs = firstMs
    this.#taken = this.#node[0] as number
    const payload = this.#payload[0] as T
    const last = --this.#size
    const lastPayload = this.#payload.pop() as T
    if (last > 0) this.#sink(this.#atMs[last] as number, this.#order[last] as number, this.#node[last] as number, lastPayload)
    return payload
  }

  #sift(from: number, atMs: number, order: number, node: number, payload: T): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      // What is scheduled later comes later, so equal times never move up.
      if ((this.#atMs[parent] as number) <= atMs) break
      this.#move(parent, index)
      index = parent
    }
    this.#put(index, atMs, order, node, payload)
  }

  #sink(atMs: number, order: number, node: number, payload: T): void {
    const size = this.#size
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      if (child + 1 < size && this.#isBefore(child + 1, this.#atMs[child] as number, this.#order[child] as number)) child++
      if (!this.#isBefore(child, atMs, order)) break
      this.#move(child, index)
      index = child
    }
    this.#put(index, atMs, order, node, payload)
  }

  #isBefore(index: number, atMs: number, order: number): boolean {
    const heldMs = this.#atMs[index] as number
    return heldMs < atMs || (heldMs === atMs && (this.#order[index] as number) < order)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#atMs[from] as number, this.#order[from] as number, this.#node[from] as number, this.#payload[from] as T)
  }

  #put(index: number, atMs: number, order: number, node: number, payload: T): void {
    this.#atMs[index] = atMs
    this.#order[index] = order
    this.#node[index] = node
    this.#payload[index] = payload
  }

  #growArrays(): void {
    const capacity = 2 * this.#atMs.length
    const atMs = new Float64Array(capacity)
    const order = new Float64Array(capacity)
    const node = new Int32Array(capacity)
    atMs.set(this.#atMs)
    order.set(this.#order)
    node.set(this.#node)
    this.#atMs = atMs
    this.#order = order
    this.#node = node
  }
}
