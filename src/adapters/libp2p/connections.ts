/**
 * Which connections there are, and what their ends mean. A peer counts as connected from its first connection to its last.
 *
 * Two nodes that dial each other at the same moment end up with two connections. Both ends keep the one that the smaller PeerId dialled,
 * so they agree without a word. Connections opened far apart in time are another case: the older one is then a leftover of a run that
 * has crashed, and the newer one is kept.
 */
import type { Connection } from '@libp2p/interface'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { MeshCounters } from './counters.ts'

export interface ConnectionEvent {
  readonly peerId: string
  /** `refused`: it was dialled, and at none of its addresses does anything listen. */
  readonly kind: 'opened' | 'closed' | 'refused'
  /** For `closed`: one side had said goodbye. False is evidence of a crash or a cut. True for `opened`, false for `refused`. */
  readonly clean: boolean
}

export interface ConnectionAge {
  readonly dialledHere: boolean
  readonly openedMs: number
}

/** Connections opened within this time of each other are taken for simultaneous dials. */
const SIMULTANEOUS_MS = 5_000
/** Lets what has begun on a duplicate end before it is closed. */
const DUPLICATE_GRACE_MS = 500
/** A duplicate that is in use all the time is closed all the same after so many graces. */
const DUPLICATE_GRACES_MAX = 20
/** A goodbye explains the close that follows it, not one much later. */
const GOODBYE_VALID_MS = 10_000
const CLOSE_TIMEOUT_MS = 1_000

/** The place of the connection to keep; both ends come to the same one. */
export function preferredConnection(selfIsSmaller: boolean, connections: readonly ConnectionAge[]): number {
  const newestMs = Math.max(...connections.map((connection) => connection.openedMs))
  let best = -1
  for (const [index, connection] of connections.entries()) {
    if (newestMs - connection.openedMs > SIMULTANEOUS_MS) continue
    const held = connections[best]
    const bySmaller = connection.dialledHere === selfIsSmaller
    const heldBySmaller = held !== undefined && held.dialledHere === selfIsSmaller
    if (held === undefined || (bySmaller && !heldBySmaller) || (bySmaller === heldBySmaller && connection.openedMs >= held.openedMs)) best = index
  }
  return best
}

interface Held extends ConnectionAge {
  readonly connection: Connection
}

interface Peer {
  held: Held[]
  /** When a goodbye was said, by either side; null when none was. */
  goodbyeMs: number | null
  usedMs: number
  duplicateTimer: Timer | null
}

export interface ConnectionTableInit {
  readonly self: string
  readonly clock: Clock
  readonly counters: MeshCounters
  readonly onEvent: (event: ConnectionEvent) => void
  /** A duplicate is gone, and with it whatever services had opened on it. */
  readonly onDuplicateClosed: (survivor: Connection) => void
  /** Streams that belong to the connection itself and do not count as use. */
  readonly isSystemProtocol: (protocol: string) => boolean
  /** Something beside the connection depends on it. */
  readonly isCarrying: (connection: Connection) => boolean
  /** A duplicate that is being replaced for another reason, and is not cut for being one while it is in use. */
  readonly isRetiring: (connection: Connection) => boolean
}

export class ConnectionTable {
  readonly #init: ConnectionTableInit
  readonly #peers = new Map<string, Peer>()

  constructor(init: ConnectionTableInit) {
    this.#init = init
  }

  get peers(): string[] {
    return [...this.#peers.keys()]
  }

  has(peerId: string): boolean {
    return this.best(peerId) !== null
  }

  /** The connection on which to open streams, or null. */
  best(peerId: string): Connection | null {
    return this.#preferred(peerId, this.#peers.get(peerId)?.held.filter(({ connection }) => connection.status === 'open') ?? [])?.connection ?? null
  }

  all(peerId: string): Connection[] {
    return this.#peers.get(peerId)?.held.map(({ connection }) => connection) ?? []
  }

  handleOpened(connection: Connection): void {
    if (connection.status !== 'open') return
    const { clock, counters, onEvent } = this.#init
    const peerId = connection.remotePeer.toString()
    const nowMs = clock.nowMs()
    counters.connections += 1
    counters.connectionsOpened += 1
    let peer = this.#peers.get(peerId)
    if (peer === undefined) {
      peer = { held: [], goodbyeMs: null, usedMs: nowMs, duplicateTimer: null }
      this.#peers.set(peerId, peer)
    }
    peer.held.push({ connection, dialledHere: connection.direction === 'outbound', openedMs: nowMs })
    if (peer.held.length === 1) onEvent({ peerId, kind: 'opened', clean: true })
    else this.#watchDuplicates(peerId, peer, 0)
  }

  handleClosed(connection: Connection): void {
    const { clock, counters, onEvent, onDuplicateClosed } = this.#init
    const peerId = connection.remotePeer.toString()
    const peer = this.#peers.get(peerId)
    const index = peer?.held.findIndex((held) => held.connection === connection) ?? -1
    if (peer === undefined || index < 0) return
    peer.held.splice(index, 1)
    counters.connections -= 1
    counters.connectionsClosed += 1
    if (peer.held.length > 0) {
      const survivor = this.best(peerId)
      if (survivor !== null) onDuplicateClosed(survivor)
      return
    }
    peer.duplicateTimer?.cancel()
    this.#peers.delete(peerId)
    const clean = peer.goodbyeMs !== null && clock.nowMs() - peer.goodbyeMs <= GOODBYE_VALID_MS
    if (!clean) counters.connectionsBroken += 1
    onEvent({ peerId, kind: 'closed', clean })
  }

  /** Either side has said that the close to come is meant. */
  handleGoodbye(peerId: string): void {
    const peer = this.#peers.get(peerId)
    if (peer !== undefined) peer.goodbyeMs = this.#init.clock.nowMs()
  }

  /** Peers on whose connections nothing but system streams has been open for `idleMs`. Looks at every connection, so call it seldom. */
  idlePeers(idleMs: number): string[] {
    const nowMs = this.#init.clock.nowMs()
    const idle: string[] = []
    for (const [peerId, peer] of this.#peers) {
      if (peer.held.some(({ connection }) => this.isUsed(connection))) peer.usedMs = nowMs
      else if (nowMs - peer.usedMs >= idleMs) idle.push(peerId)
    }
    return idle
  }

  async close(peerId: string): Promise<void> {
    await Promise.all(this.all(peerId).map(closeConnection))
  }

  closeOne(connection: Connection): void {
    void closeConnection(connection)
  }

  stop(): void {
    for (const peer of this.#peers.values()) peer.duplicateTimer?.cancel()
  }

  isUsed(connection: Connection): boolean {
    return this.#init.isCarrying(connection) || connection.streams.some((stream) => stream.protocol !== '' && !this.#init.isSystemProtocol(stream.protocol))
  }

  /** One that is being replaced is none to keep as long as there is another. */
  #preferred(peerId: string, open: readonly Held[]): Held | null {
    const staying = open.filter(({ connection }) => !this.#init.isRetiring(connection))
    const candidates = staying.length > 0 ? staying : open
    return candidates.length === 0 ? null : candidates[preferredConnection(this.#init.self < peerId, candidates)] ?? null
  }

  #watchDuplicates(peerId: string, peer: Peer, graces: number): void {
    peer.duplicateTimer?.cancel()
    peer.duplicateTimer = this.#init.clock.setTimer(DUPLICATE_GRACE_MS, () => {
      peer.duplicateTimer = null
      const open = peer.held.filter(({ connection }) => connection.status === 'open')
      if (open.length < 2) return
      const keep = this.#preferred(peerId, open)
      let left = 0
      for (const held of open) {
        if (held === keep) continue
        if (this.isUsed(held.connection) && (graces < DUPLICATE_GRACES_MAX || this.#init.isRetiring(held.connection))) left += 1
        else void closeConnection(held.connection)
      }
      if (left > 0) this.#watchDuplicates(peerId, peer, graces + 1)
    })
  }
}

async function closeConnection(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) })
  } catch (reason) {
    connection.abort(reason instanceof Error ? reason : new Error('The connection could not be closed in time.'))
  }
}
