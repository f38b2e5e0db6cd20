/**
 * Fan-out of events to any number of subscribers, each with a queue of its own and a bound: whoever reads too slowly is told so by an
 * error rather than given a stream with holes, and never holds the publisher back.
 */
import { MeshError } from '../errors.ts'

const queuedEventsMax = 4096

interface Subscriber<T> {
  readonly queue: T[]
  wake: (() => void) | null
  overflowed: boolean
}

export class EventStream<T> {
  readonly #subscribers = new Set<Subscriber<T>>()
  readonly #onPublish: (event: T) => void
  #ended = false

  /** `onPublish` sees every event, before the subscribers. */
  constructor(onPublish: (event: T) => void = () => undefined) {
    this.#onPublish = onPublish
  }

  publish(event: T): void {
    this.#onPublish(event)
    for (const subscriber of this.#subscribers) {
      if (subscriber.queue.length < queuedEventsMax) subscriber.queue.push(event)
      else {
        // Forgotten here, so that a subscription nobody reads costs nothing more; its reader still finds the mark.
        subscriber.overflowed = true
        this.#subscribers.delete(subscriber)
      }
      subscriber.wake?.()
    }
  }

  /** Ends every iteration after what is queued. */
  end(): void {
    this.#ended = true
    for (const subscriber of this.#subscribers) subscriber.wake?.()
  }

  /**
   * Events from now on, after those in `first`. Leaving the loop unsubscribes.
   * @throws MeshError ERR_EVENTS_LOST after 4,096 unread events
   */
  subscribe(first: readonly T[] = [], signal?: AbortSignal): AsyncIterableIterator<T> {
    const subscriber: Subscriber<T> = { queue: [...first], wake: null, overflowed: false }
    this.#subscribers.add(subscriber)
    return this.#iterate(subscriber, signal)
  }

  async *#iterate(subscriber: Subscriber<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void, void> {
    const wakeUp = (): void => subscriber.wake?.()
    signal?.addEventListener('abort', wakeUp)
    try {
      for (;;) {
        const event = subscriber.queue.shift()
        if (signal?.aborted === true) return
        if (event !== undefined) yield event
        else if (subscriber.overflowed) throw new MeshError('ERR_EVENTS_LOST', `more than ${queuedEventsMax} events waited for this reader`)
        else if (this.#ended) return
        else {
          await new Promise<void>((resolve) => { subscriber.wake = resolve })
          subscriber.wake = null
        }
      }
    } finally {
      signal?.removeEventListener('abort', wakeUp)
      this.#subscribers.delete(subscriber)
    }
  }
}
