/** The last so many items, in the order in which they came. */
export class Ring<T> {
  readonly #size: number
  readonly #items: T[] = []
  /** Where the next one goes, once it is full. */
  #next = 0

  /** @param size at least 1 */
  constructor(size: number) {
    this.#size = size
  }

  get length(): number {
    return this.#items.length
  }

  push(item: T): void {
    if (this.#items.length < this.#size) this.#items.push(item)
    else {
      this.#items[this.#next] = item
      this.#next = (this.#next + 1) % this.#size
    }
  }

  /** The oldest first. */
  list(): T[] {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)]
  }
}
