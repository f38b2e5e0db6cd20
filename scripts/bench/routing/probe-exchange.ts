/**
 * Prequal's probes: with each query that leaves a node with the strategy probe-pool it asks a few peers for their queries in flight and
 * their present service time, as FeedbackBook says. A book of its own beside that of PeerExperience, fed with the same events.
 */
import { FeedbackBook } from '../../../src/core/routing/feedback.ts'
import type { PeerFeedback, PeerView } from '../../../src/core/routing/types.ts'
import type { Random } from '../../../src/core/time/random.ts'
import type { AttemptOutcome } from '../../../src/node/forwarding.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface ProbeExchangeParts {
  readonly time: VirtualTime
  readonly random: Random
  readonly ask: (peerId: string, answered: (figures: { readonly inFlight: number; readonly latencyMs: number }) => void) => void
}

export class ProbeExchange {
  readonly #parts: ProbeExchangeParts
  readonly #book: FeedbackBook
  sent = 0

  constructor(parts: ProbeExchangeParts) {
    this.#parts = parts
    this.#book = new FeedbackBook({}, parts.random)
  }

  handleAppeared(peerId: string): void {
    this.#book.handleAppeared(this.#parts.time.nowMs(), peerId)
  }

  handleDispatch(peerId: string): void {
    this.#book.handleDispatch(this.#parts.time.nowMs(), peerId)
  }

  handleOutcome(peerId: string, { outcome, firstRowMs }: { readonly outcome: AttemptOutcome; readonly firstRowMs: number }): void {
    this.#book.handleOutcome(this.#parts.time.nowMs(), peerId, { outcome, durationMs: firstRowMs })
  }

  /** A query looks for a peer among these. */
  handleQuery(candidates: readonly PeerView[]): void {
    const { time, ask } = this.#parts
    for (const { peerId } of this.#book.requestProbes(time.nowMs(), candidates)) {
      this.sent++
      ask(peerId, (figures) => { this.#book.handleProbe(time.nowMs(), peerId, figures) })
    }
  }

  probeOf(peerId: string): PeerFeedback['probe'] {
    return this.#book.feedback(this.#parts.time.nowMs(), peerId)?.probe ?? null
  }
}
