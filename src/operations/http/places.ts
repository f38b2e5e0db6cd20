/** How many queries and event streams run over HTTP at once: as many of the one as of the other, so that open dashboards starve no query. */
import { MeshError } from '../../errors.ts'
import type { HttpObserver } from './http-observer.ts'

export type PlaceKind = 'query' | 'event-stream'

export class Places {
  readonly #max: number
  readonly #observer: Pick<HttpObserver, 'handleActive'>
  readonly #taken: Record<PlaceKind, number> = { 'query': 0, 'event-stream': 0 }

  constructor(max: number, observer: Pick<HttpObserver, 'handleActive'>) {
    this.#max = max
    this.#observer = observer
    this.#change('query', 0)
    this.#change('event-stream', 0)
  }

  get taken(): number {
    return this.#taken['query'] + this.#taken['event-stream']
  }

  /**
   * Answers how to give it back, which counts once.
   * @throws MeshError ERR_OVERLOADED
   */
  take(kind: PlaceKind): () => void {
    if (this.#taken[kind] >= this.#max) throw new MeshError('ERR_OVERLOADED', `${this.#max} ${kind === 'query' ? 'queries' : 'event streams'} run over HTTP already`, { nextStep: 'Try again shortly, or raise http.requestsMax.', details: { started: 'no' } })
    this.#change(kind, 1)
    let isHeld = true
    return () => {
      if (isHeld) this.#change(kind, -1)
      isHeld = false
    }
  }

  #change(kind: PlaceKind, by: number): void {
    this.#taken[kind] += by
    this.#observer.handleActive(kind, this.#taken[kind])
  }
}
