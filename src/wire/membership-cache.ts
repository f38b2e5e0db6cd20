/**
 * A cache bounded by entries and by weight that forgets the least recently used first. A `Map` keeps insertion order, so that
 * "recently used" is "put in again".
 */
export class BoundedCache<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly weight: number }>()
  readonly #entriesMax: number
  readonly #weightMax: number
  #weight = 0

  constructor(bounds: { readonly entriesMax: number; readonly weightMax: number }) {
    this.#entriesMax = bounds.entriesMax
    this.#weightMax = bounds.weightMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: Value, weight: number): void {
    const before = this.#entries.get(key)
    if (before !== undefined) {
      this.#weight -= before.weight
      this.#entries.delete(key)
    }
    this.#entries.set(key, { value, weight })
    this.#weight += weight
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#entriesMax && this.#weight <= this.#weightMax) break
      this.#entries.delete(oldest)
      this.#weight -= entry.weight
    }
  }
}
