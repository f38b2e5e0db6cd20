/**
 * gossipsub opens one outbound stream a peer when the peer is announced, and never again while it stays connected: a stream that a slow
 * reader had reset, or that was reset while it was being opened (gossipsub then holds on to the dead one), leaves the peer out of gossip
 * without anyone noticing. So each kept member is looked at, and what is missing is brought back: first by announcing the peer again,
 * and, if that has not helped, by a new connection.
 */
import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../ports/clock.ts'
import { GOSSIP_PROTOCOL_PREFIX } from './gossip.ts'

/** Between the first two attempts; doubles with each, for a member that never gossips must not be reconnected for ever. */
const REPAIR_BASE_MS = 30_000
const REPAIR_MAX_MS = 3_600_000

export interface GossipRepairInit {
  readonly clock: Clock
  readonly connections: (peerId: string) => readonly Connection[]
  readonly announce: (peerId: string) => void
  readonly reconnect: (peerId: string) => void
}

export class GossipRepair {
  readonly #init: GossipRepairInit
  readonly #repairs = new Map<string, { attempts: number; nextMs: number }>()

  constructor(init: GossipRepairInit) {
    this.#init = init
  }

  /** Looks at connected members; call it every few seconds. Forgets everyone who is no member. */
  look(connected: readonly string[], isMember: (peerId: string) => boolean): void {
    for (const peerId of this.#repairs.keys()) if (!isMember(peerId)) this.#repairs.delete(peerId)
    for (const peerId of connected) if (isMember(peerId)) this.#lookAt(peerId)
  }

  #lookAt(peerId: string): void {
    const nowMs = this.#init.clock.nowMs()
    if (this.#init.connections(peerId).some(hasGossipStream)) {
      this.#repairs.delete(peerId)
      return
    }
    const repair = this.#repairs.get(peerId) ?? { attempts: 0, nextMs: nowMs }
    if (nowMs < repair.nextMs) return
    this.#repairs.set(peerId, { attempts: repair.attempts + 1, nextMs: nowMs + Math.min(REPAIR_MAX_MS, REPAIR_BASE_MS * 2 ** Math.min(30, repair.attempts)) })
    if (repair.attempts === 0) this.#init.announce(peerId)
    else this.#init.reconnect(peerId)
  }
}

function hasGossipStream(connection: Connection): boolean {
  return connection.streams.some((stream) => stream.direction === 'outbound' && stream.status === 'open' && stream.protocol.startsWith(GOSSIP_PROTOCOL_PREFIX))
}
