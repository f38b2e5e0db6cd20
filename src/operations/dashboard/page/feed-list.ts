/** A list whose latest entries come first. Entries are made once, and kept where the reader scrolled to. */
import { emptyNote } from './elements.ts'

export interface FeedEntry {
  readonly key: string
  readonly make: () => HTMLElement
  /** For entries whose text changes while they stand. */
  readonly refresh?: (item: HTMLElement) => void
}

export interface EmptyText {
  readonly title: string
  readonly detail: string
}

export class FeedList {
  readonly #region: HTMLElement
  readonly #list = document.createElement('ol')
  #empty: HTMLElement
  readonly #shown = new Map<string, HTMLElement>()

  constructor(region: HTMLElement, empty: EmptyText) {
    this.#region = region
    this.#empty = emptyNote(empty.title, empty.detail)
    this.#list.className = 'feed'
    region.append(this.#empty)
  }

  /** What the list says while nothing is in it. */
  sayWhenEmpty({ title, detail }: EmptyText): void {
    const said = emptyNote(title, detail)
    if (this.#empty.isConnected) this.#empty.replaceWith(said)
    this.#empty = said
  }

  draw(entries: readonly FeedEntry[]): void {
    const kept = new Set(entries.map(({ key }) => key))
    for (const [key, item] of this.#shown) {
      if (kept.has(key)) continue
      item.remove()
      this.#shown.delete(key)
    }
    // From the last to the first, so that each is put before one that stands already.
    let next: HTMLElement | null = null
    for (const { key, make, refresh } of [...entries].reverse()) {
      let item = this.#shown.get(key)
      if (item === undefined) {
        item = make()
        this.#shown.set(key, item)
      } else refresh?.(item)
      if (item.parentNode !== this.#list || item.nextSibling !== next) this.#list.insertBefore(item, next)
      next = item
    }
    const content = entries.length === 0 ? this.#empty : this.#list
    if (this.#region.firstElementChild !== content) this.#region.replaceChildren(content)
  }
}
