/**
 * What happens at this node, numbered, for any number of readers: events of the mesh, queries as they end, alerts. The last thousand are kept,
 * so that a reader whose connection broke goes on where it was. A number is of this process: after a restart nobody goes on.
 */
import { Ring } from '../../core/time/ring.ts'
import type { NodeInspection } from '../../node/inspection.ts'
import type { AlertsSource } from '../types.ts'

export const FEED_KEPT = 1_000
/** Of queries; the others of that second are counted in one item. */
export const FEED_QUERIES_PER_SECOND = 100

export type FeedKind = 'mesh' | 'query' | 'alert' | 'skipped'

export interface FeedItem {
  readonly sequence: number
  readonly id: string
  readonly kind: FeedKind
  readonly data: unknown
}

export interface Resumption {
  readonly items: readonly FeedItem[]
  /** Some that came after the reader's last one are not kept any more. */
  readonly isBroken: boolean
}

export class EventFeed {
  readonly #epoch: string
  readonly #kept = new Ring<FeedItem>(FEED_KEPT)
  readonly #readers = new Set<(item: FeedItem) => void>()
  readonly #nowMs: () => number
  #sequence = 0
  #second = -1
  #queries = 0

  constructor(inspection: Pick<NodeInspection, 'clock' | 'startedWallMs' | 'observe'>) {
    this.#epoch = Math.round(inspection.startedWallMs).toString(36)
    this.#nowMs = () => inspection.clock.nowMs()
    inspection.observe({
      handleEvent: (event) => { this.#add('mesh', event) },
      handleQuery: (query) => {
        this.#countQuery()
        if (this.#queries <= FEED_QUERIES_PER_SECOND) this.#add('query', query)
      },
    })
  }

  /** Until the signal aborts. @throws MeshError as `changes` does */
  async followAlerts(alerts: AlertsSource, signal: AbortSignal): Promise<void> {
    for await (const alert of alerts.changes(signal)) this.#add('alert', alert)
  }

  /** Answers how to stop. */
  subscribe(reader: (item: FeedItem) => void): () => void {
    this.#readers.add(reader)
    return () => { this.#readers.delete(reader) }
  }

  /** Since the item of that id. */
  since(lastId: string): Resumption {
    const [epoch, number] = lastId.split('-')
    const sequence = epoch === this.#epoch && /^\d{1,15}$/.test(number ?? '') ? Number(number) : -1
    const kept = this.#kept.list()
    const items = kept.filter((item) => item.sequence > sequence)
    return sequence < 0 || sequence > this.#sequence ? { items: [], isBroken: true } : { items, isBroken: sequence < this.#sequence && items[0]?.sequence !== sequence + 1 }
  }

  /** The oldest first. */
  last(count: number): readonly FeedItem[] {
    return count === 0 ? [] : this.#kept.list().slice(-count)
  }

  #countQuery(): void {
    const second = Math.floor(this.#nowMs() / 1_000)
    if (second !== this.#second) {
      const skipped = this.#queries - FEED_QUERIES_PER_SECOND
      if (skipped > 0) this.#add('skipped', { queries: skipped })
      this.#second = second
      this.#queries = 0
    }
    this.#queries++
  }

  #add(kind: FeedKind, data: unknown): void {
    this.#sequence++
    const item: FeedItem = { sequence: this.#sequence, id: `${this.#epoch}-${this.#sequence}`, kind, data }
    this.#kept.push(item)
    for (const reader of this.#readers) reader(item)
  }
}
