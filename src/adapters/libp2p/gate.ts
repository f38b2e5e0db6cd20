/** Who may enter, and what is known of those who did not. */
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { type Knock, strangerReason, type StrangerReason } from './stranger.ts'

/** A stranger who knocks a hundred times a second must not fill the log. */
const warningIntervalMs = 60_000

export type RefusalReason = StrangerReason | 'denied' | 'junk'

const texts: Readonly<Record<RefusalReason, string>> = {
  version: 'from nodes of another wire version',
  cluster: 'from nodes of another cluster (another --cluster label)',
  key: 'without a cluster key that this node holds',
  denied: 'from denied peers',
  junk: 'whose handshake was not finished (a caller that gave up or stood still, or no node at all)',
}

export class Gate {
  isAllowed: (peerId: string) => boolean = () => true
  /** Dials, inbound connections and gossip refused because of the lists. */
  denied = 0
  handshakesFailed = 0
  /** The parts of `handshakesFailed`. */
  readonly refused: Record<RefusalReason, number> = { version: 0, cluster: 0, key: 0, denied: 0, junk: 0 }
  readonly #clock: Clock
  readonly #log: Log
  #warnedAtMs = -Infinity
  #warned: Readonly<Record<RefusalReason, number>> = { ...this.refused }
  #lastKnock: Knock | null = null

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  isDenied(peerId: string): boolean {
    if (this.isAllowed(peerId)) return false
    this.denied++
    return true
  }

  /** What a stranger says of itself; the failure of its handshake follows. Not authenticated. */
  handleKnock(knock: Knock): void {
    this.#lastKnock = knock
  }

  /** Counts each; says so at once, and then at most once a minute, with the sums of what was not said. */
  handleFailedHandshake(error: unknown): void {
    this.handshakesFailed++
    this.refused[reasonOf(error)]++
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#warnedAtMs < warningIntervalMs) return
    const since = Object.fromEntries(Object.entries(this.refused).map(([reason, count]) => [reason, count - this.#warned[reason as RefusalReason]]).filter(([, count]) => count !== 0)) as Partial<Record<RefusalReason, number>>
    const parts = Object.entries(since).map(([reason, count]) => `${count} ${texts[reason as RefusalReason]}`)
    this.#log.warn({ err: error, handshakesFailed: this.handshakesFailed, since, lastKnock: this.#lastKnock }, `inbound connections were refused or failed: ${parts.join('; ')}`)
    this.#warnedAtMs = nowMs
    this.#warned = { ...this.refused }
  }
}

function reasonOf(error: unknown): RefusalReason {
  if (error instanceof Error && error.name === 'ConnectionInterceptedError') return 'denied'
  return strangerReason(error) ?? 'junk'
}
