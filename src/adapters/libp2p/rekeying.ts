/**
 * What happens to connections that were made with a key which has been removed since. Each is replaced, one dial at a time, by one that is
 * made with a key of the ring; new streams then open on the new one, and the old one is closed as soon as nothing but the connection's own
 * services uses it. What is still there at the deadline is closed in any case, since the key may have been removed for a reason.
 */
import type { Connection } from '@libp2p/interface'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'

export interface RekeyingInit {
  readonly self: string
  readonly clock: Clock
  readonly log: Log
  readonly peers: () => readonly string[]
  readonly connections: (peerId: string) => readonly Connection[]
  /** Made with a key of the ring as it is now. */
  readonly isCurrent: (connection: Connection) => boolean
  readonly isUsed: (connection: Connection) => boolean
  /** Another connection beside those that there are. */
  readonly dial: (peerId: string) => Promise<unknown>
  readonly close: (connection: Connection) => void
  /** Ends all connections to the peer after a goodbye. */
  readonly hangUp: (peerId: string) => void
}

export const REKEY_STEP_MS = 250
/** The larger PeerId leaves the dial to the smaller one for so long, as two dials at once would be one too many. */
export const REKEY_WAIT_MS = 10_000
/** Queries that run on an old connection have so long to end. */
export const REKEY_DEADLINE_MS = 600_000

export class Rekeying {
  readonly #init: RekeyingInit
  /** When a peer may be dialled again. */
  readonly #dialAtMs = new Map<string, number>()
  #deadlineMs = 0
  #timer: Timer | null = null
  #dialling = false
  #stopped = false

  constructor(init: RekeyingInit) {
    this.#init = init
  }

  /** A key has been removed. */
  start(): void {
    this.#deadlineMs = this.#init.clock.nowMs() + REKEY_DEADLINE_MS
    this.#dialAtMs.clear()
    this.#timer?.cancel()
    this.#arm()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #arm(): void {
    if (this.#stopped) return
    this.#timer = this.#init.clock.setTimer(REKEY_STEP_MS, () => { this.#step() })
  }

  #step(): void {
    const { peers, connections, isCurrent } = this.#init
    let left = 0
    for (const peerId of peers()) {
      const all = connections(peerId)
      const stale = all.filter((connection) => !isCurrent(connection))
      if (stale.length === 0) continue
      left++
      this.#renew(peerId, stale, stale.length < all.length)
    }
    if (left > 0) this.#arm()
  }

  #renew(peerId: string, stale: readonly Connection[], isReplaced: boolean): void {
    const { clock, self, isUsed, close, hangUp } = this.#init
    const nowMs = clock.nowMs()
    if (isReplaced) {
      for (const connection of stale) if (nowMs >= this.#deadlineMs || !isUsed(connection)) close(connection)
      return
    }
    if (nowMs >= this.#deadlineMs) {
      hangUp(peerId)
      return
    }
    const dialAtMs = this.#dialAtMs.get(peerId) ?? (self < peerId ? nowMs : nowMs + REKEY_WAIT_MS)
    this.#dialAtMs.set(peerId, dialAtMs)
    if (nowMs >= dialAtMs && !this.#dialling) this.#dial(peerId)
  }

  #dial(peerId: string): void {
    const { clock, log, dial } = this.#init
    this.#dialling = true
    this.#dialAtMs.set(peerId, clock.nowMs() + REKEY_WAIT_MS)
    dial(peerId).catch((error: unknown) => {
      log.debug({ peerId, error: String(error) }, 'a connection made with a removed key could not be replaced yet')
    }).finally(() => { this.#dialling = false }).catch((error: unknown) => { log.error({ peerId, error: String(error) }, 'replacing a connection ended by a fault') })
  }
}
