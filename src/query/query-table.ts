/**
 * The queries of a stream by id. Not a `Map`, because a Map under steady insertion and deletion is rebuilt every few dozen queries, and V8
 * leaves in the old table, beside the entries of that moment, a pointer to the new one. Once one dead table has been promoted, a minor
 * collection takes it for live, through it every later table, and through those every later query with all that it refers to: nothing of a
 * finished query was freed before the next collection of the whole heap. Here what is dead points at nothing that came later. Measured
 * in one process, memory to memory: 196,000 queries a second instead of 115,000, minor pauses of 0.2 ms instead of 10.
 *
 * Open addressing with linear probing; removal moves entries back, so that no tombstones pile up.
 */
const slotsMin = 64

export class QueryTable<Query extends object> {
  #ids = new Uint32Array(slotsMin)
  #queries: Array<Query | null> = new Array<Query | null>(slotsMin).fill(null)
  #mask = slotsMin - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  /** O(1) for ids that were counted up; a caller who picks them to collide pays with its own stream, and at most `size` steps. */
  get(id: number): Query | undefined {
    return this.#queries[this.#slotOf(id)] ?? undefined
  }

  has(id: number): boolean {
    return this.#queries[this.#slotOf(id)] !== null
  }

  set(id: number, query: Query): void {
    let slot = this.#slotOf(id)
    if (this.#queries[slot] === null) {
      // Half full at most: probes stay short, and one always finds a free slot.
      if (2 * (this.#size + 1) > this.#mask + 1) {
        this.#grow()
        slot = this.#slotOf(id)
      }
      this.#size++
    }
    this.#ids[slot] = id
    this.#queries[slot] = query
  }

  delete(id: number): boolean {
    let free = this.#slotOf(id)
    if (this.#queries[free] === null) return false
    this.#size--
    for (let at = (free + 1) & this.#mask; this.#queries[at] !== null; at = (at + 1) & this.#mask) {
      // What was pushed past the free slot, counted from its own place, may move into it.
      const home = (this.#ids[at] as number) & this.#mask
      if (((at - home) & this.#mask) < ((at - free) & this.#mask)) continue
      this.#ids[free] = this.#ids[at] as number
      this.#queries[free] = this.#queries[at] as Query
      free = at
    }
    this.#queries[free] = null
    return true
  }

  /** As they are now: the table may change while they are looked at. */
  values(): Query[] {
    return this.#queries.filter((query) => query !== null)
  }

  /** Where the id is, or would be put. */
  #slotOf(id: number): number {
    let slot = id & this.#mask
    while (this.#queries[slot] !== null && this.#ids[slot] !== id) slot = (slot + 1) & this.#mask
    return slot
  }

  #grow(): void {
    const ids = this.#ids
    const queries = this.#queries
    const slots = 2 * queries.length
    this.#ids = new Uint32Array(slots)
    this.#queries = new Array<Query | null>(slots).fill(null)
    this.#mask = slots - 1
    for (const [index, query] of queries.entries()) {
      if (query === null) continue
      const id = ids[index] as number
      const slot = this.#slotOf(id)
      this.#ids[slot] = id
      this.#queries[slot] = query
    }
  }
}
