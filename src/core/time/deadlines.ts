/**
 * One deadline table instead of timer callbacks (after quinn-proto's timer table): a machine names what it waits for, and
 * asks once, on `handleTimeout`, what has come due. Nothing has to be cancelled when its reason is gone: delete the name.
 *
 * A binary heap with lazy deletion: set, delete and due are O(log n), `nextMs` is O(1) amortised.
 */
export class Deadlines<Name extends string> {
  readonly #atMs = new Map<Name, number>()
  readonly #heap: Array<{ name: Name; atMs: number }> = []

  get size(): number {
    return this.#atMs.size
  }

  atMs(name: Name): number | undefined {
    return this.#atMs.get(name)
  }

  /** Sets or moves a deadline. */
  set(name: Name, atMs: number): void {
    this.#atMs.set(name, atMs)
    this.#push({ name, atMs })
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#atMs.size) this.#rebuild()
  }

  delete(name: Name): void {
    this.#atMs.delete(name)
  }

  clear(): void {
    this.#atMs.clear()
    this.#heap.length = 0
  }

  /** When the earliest comes due, or null. */
  nextMs(): number | null {
    this.#dropStale()
    return this.#heap[0]?.atMs ?? null
  }

  /** Takes the earliest name that is due at `nowMs`, or null; call until null. */
  takeDue(nowMs: number): Name | null {
    this.#dropStale()
    const first = this.#heap[0]
    if (first === undefined || first.atMs > nowMs) return null
    this.#pop()
    this.#atMs.delete(first.name)
    return first.name
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#atMs.get(first.name) === first.atMs) return
      this.#pop()
    }
  }

  #rebuild(): void {
    this.#heap.length = 0
    for (const [name, atMs] of this.#atMs) this.#push({ name, atMs })
  }

  #push(entry: { name: Name; atMs: number }): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent] as { name: Name; atMs: number }
      if (above.atMs <= entry.atMs) break
      heap[index] = above
      index = parent
    }
    heap[index] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as { atMs: number }).atMs < (heap[child] as { atMs: number }).atMs) child++
      const below = heap[child] as { name: Name; atMs: number }
      if (below.atMs >= last.atMs) break
      heap[index] = below
      index = child
    }
    heap[index] = last
  }
}
