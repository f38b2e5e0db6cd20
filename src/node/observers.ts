/** Who looks on while a node works: metrics, tables and alerts, none of which it waits for or depends on. */
import type { LatencySource } from '../core/latency/latency-window.ts'
import type { LoadReading } from '../ports/load-probe.ts'
import type { Log } from '../ports/log.ts'
import type { EventView } from '../wire/control.ts'
import type { QueryRecord } from '../wire/operations-views.ts'

/** Called as it happens, so each call is to be short. */
export interface NodeObserver {
  handleRtt?(peerId: string, rttMs: number, source: LatencySource): void
  /** A ping or datagram that was not answered in time. */
  handleLost?(peerId: string, source: LatencySource): void
  /** Once a second. */
  handleReading?(reading: LoadReading): void
  handleEvent?(event: EventView): void
  /** When it has ended. */
  handleQuery?(query: QueryRecord): void
}

export class Observers {
  readonly #observers = new Set<NodeObserver>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** Answers how to stop it. */
  add(observer: NodeObserver): () => void {
    this.#observers.add(observer)
    return () => { this.#observers.delete(observer) }
  }

  readonly handleRtt = (peerId: string, rttMs: number, source: LatencySource): void => { this.#tell((observer) => observer.handleRtt?.(peerId, rttMs, source)) }
  readonly handleLost = (peerId: string, source: LatencySource): void => { this.#tell((observer) => observer.handleLost?.(peerId, source)) }
  readonly handleReading = (reading: LoadReading): void => { this.#tell((observer) => observer.handleReading?.(reading)) }
  readonly handleEvent = (event: EventView): void => { this.#tell((observer) => observer.handleEvent?.(event)) }
  readonly handleQuery = (query: QueryRecord): void => { this.#tell((observer) => observer.handleQuery?.(query)) }

  #tell(tell: (observer: NodeObserver) => void): void {
    for (const observer of this.#observers) {
      try {
        tell(observer)
      } catch (error) {
        // What looks on must not be what breaks a query.
        this.#log.error({ err: error }, 'an observer of this node failed')
      }
    }
  }
}
