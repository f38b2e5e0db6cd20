/**
 * Keeps connections to the chosen members. libp2p's own keep-alive gives up after five retries, so the waiting is done here: exponential
 * backoff with jitter, for ever, at most one dial to a peer at a time and a bounded number of dials at once.
 */
import type { Random } from '../../core/time/random.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { choosePeers } from './choose-peers.ts'

export interface PeerAddresses {
  readonly peerId: string
  readonly multiaddrs: readonly string[]
}

export interface RedialInit {
  readonly self: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly connectionsMax: number
  readonly baseMs: number
  readonly maxMs: number
  readonly isConnected: (peerId: string) => boolean
  /** Rejects when it fails. */
  readonly dial: (peer: PeerAddresses) => Promise<unknown>
}

interface Target {
  peer: PeerAddresses
  failures: number
  timer: Timer | null
  dialling: boolean
}

const PARALLEL_DIALS_MAX = 16

/**
 * A newcomer that everybody dials at once is kept busy with handshakes, and so is everybody: the news of it then waits for its own
 * consequences. Where there are many, first dials are spread over this much a member, at most over two seconds; who has something to send
 * to a member connects at once.
 */
const FIRST_DIAL_SPREAD_MS_PER_MEMBER = 25
const FIRST_DIAL_SPREAD_MS_MAX = 2_000
const MEMBERS_DIALLED_AT_ONCE_MAX = 8

export class Redial {
  readonly #init: RedialInit
  readonly #targets = new Map<string, Target>()
  #known = new Map<string, PeerAddresses>()
  #dialling = 0
  #stopped = false

  constructor(init: RedialInit) {
    this.#init = init
  }

  /** Addresses of any member, chosen or not. */
  addresses(peerId: string): PeerAddresses | null {
    return this.#known.get(peerId) ?? null
  }

  /** A member whose connection is kept whether or not it is used. */
  isKept(peerId: string): boolean {
    return this.#targets.has(peerId)
  }

  setMembers(members: readonly PeerAddresses[]): void {
    if (this.#stopped) return
    this.#known = new Map(members.filter((member) => member.peerId !== this.#init.self).map((member) => [member.peerId, member]))
    const chosen = new Set(choosePeers(this.#init.self, [...this.#known.keys()], this.#init.connectionsMax))
    for (const [peerId, target] of this.#targets) {
      if (chosen.has(peerId)) continue
      target.timer?.cancel()
      this.#targets.delete(peerId)
    }
    for (const peerId of chosen) {
      const peer = this.#known.get(peerId)
      if (peer === undefined) continue
      const target = this.#targets.get(peerId)
      if (target === undefined) this.#add(peer)
      else this.#update(target, peer)
    }
  }

  handleOpened(peerId: string): void {
    const target = this.#targets.get(peerId)
    if (target === undefined) return
    target.failures = 0
    target.timer?.cancel()
    target.timer = null
  }

  handleClosed(peerId: string): void {
    const target = this.#targets.get(peerId)
    if (target !== undefined) this.#schedule(target, this.#firstDelayMs(peerId) + this.#init.baseMs * this.#init.random())
  }

  stop(): void {
    this.#stopped = true
    for (const target of this.#targets.values()) target.timer?.cancel()
    this.#targets.clear()
  }

  #add(peer: PeerAddresses): void {
    const target: Target = { peer, failures: 0, timer: null, dialling: false }
    this.#targets.set(peer.peerId, target)
    if (!this.#init.isConnected(peer.peerId)) this.#schedule(target, this.#firstDelayMs(peer.peerId) + this.#spreadMs())
  }

  #spreadMs(): number {
    if (this.#known.size <= MEMBERS_DIALLED_AT_ONCE_MAX) return 0
    return this.#init.random() * Math.min(FIRST_DIAL_SPREAD_MS_MAX, FIRST_DIAL_SPREAD_MS_PER_MEMBER * this.#known.size)
  }

  #update(target: Target, peer: PeerAddresses): void {
    const moved = peer.multiaddrs.join() !== target.peer.multiaddrs.join()
    target.peer = peer
    if (!moved || target.dialling || this.#init.isConnected(peer.peerId)) return
    // A restarted member tells where it is now: what was learnt by failing elsewhere is void.
    target.failures = 0
    this.#schedule(target, this.#firstDelayMs(peer.peerId))
  }

  /** The smaller PeerId dials at once and the other waits, so that two members seldom dial each other at the same moment. */
  #firstDelayMs(peerId: string): number {
    return this.#init.self < peerId ? 0 : this.#init.baseMs * (0.5 + this.#init.random())
  }

  #schedule(target: Target, delayMs: number): void {
    if (this.#stopped) return
    target.timer?.cancel()
    target.timer = this.#init.clock.setTimer(delayMs, () => {
      target.timer = null
      this.#dial(target)
    })
  }

  #dial(target: Target): void {
    const { peerId } = target.peer
    if (this.#stopped || target.dialling || this.#targets.get(peerId) !== target || this.#init.isConnected(peerId)) return
    if (this.#dialling >= PARALLEL_DIALS_MAX) {
      this.#schedule(target, this.#init.baseMs * (0.5 + this.#init.random()))
      return
    }
    target.dialling = true
    this.#dialling += 1
    this.#init.dial(target.peer).then(() => null, (error: unknown) => error).then((error) => {
      this.#dialling -= 1
      target.dialling = false
      if (this.#stopped || this.#targets.get(peerId) !== target || this.#init.isConnected(peerId)) return
      target.failures += 1
      const delayMs = backoffMs(target.failures, this.#init)
      if (error !== null) this.#init.log.debug({ peerId, failures: target.failures, delayMs: Math.round(delayMs), error: error instanceof Error ? error.message : String(error) }, 'Dial failed; waiting before the next.')
      this.#schedule(target, delayMs)
    }).catch((error: unknown) => {
      this.#init.log.error({ peerId, error: String(error) }, 'The redial loop of a peer ended by a fault.')
    })
  }
}

/** base × 2^(failures−1), at most `maxMs`, of which 50–100 % by chance: spread enough that a restarted node is not stormed. */
export function backoffMs(failures: number, options: { readonly baseMs: number; readonly maxMs: number; readonly random: Random }): number {
  const ceilingMs = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return ceilingMs * (0.5 + options.random() / 2)
}
