/** Who may enter, and what is known of those who did not. */
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'

/** A stranger who knocks a hundred times a second must not fill the log. */
const warningIntervalMs = 60_000

export class Gate {
  isAllowed: (peerId: string) => boolean = () => true
  denied = 0
  handshakesFailed = 0
  readonly #clock: Clock
  readonly #log: Log
  #warnedAtMs = -Infinity
  #warnedCount = 0

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  isDenied(peerId: string): boolean {
    if (this.isAllowed(peerId)) return false
    this.denied++
    return true
  }

  /** Counts each; says so at once, and then at most once a minute. */
  handleFailedHandshake(error: unknown): void {
    this.handshakesFailed++
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#warnedAtMs < warningIntervalMs) return
    this.#log.warn({ err: error, handshakesFailed: this.handshakesFailed, since: this.handshakesFailed - this.#warnedCount }, 'inbound connections failed their handshake: another cluster key, or no node at all')
    this.#warnedAtMs = nowMs
    this.#warnedCount = this.handshakesFailed
  }
}
