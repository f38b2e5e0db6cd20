/**
 * Which round trips become rows. Pings are few (one a peer and interval) and each of them counts. Acks of datagrams come about once a second from
 * the whole mesh, but in a mesh of two all from one peer: of them, and apart from them of lost datagrams, one a peer and ten seconds is enough
 * for a history.
 */
import type { LatencySource } from '../latency/latency-window.ts'

const ACK_SPACING_MS = 10_000

export class LatencyThinning {
  readonly #lastAckMs = new Map<string, number>()
  readonly #lastLossMs = new Map<string, number>()

  /** Peers that it remembers. */
  get size(): number {
    return Math.max(this.#lastAckMs.size, this.#lastLossMs.size)
  }

  /** Whether it becomes a row. */
  handleRtt(nowMs: number, peerId: string, source: LatencySource): boolean {
    return source === 'ping' || isDue(this.#lastAckMs, nowMs, peerId)
  }

  /** Whether it becomes a row. */
  handleLost(nowMs: number, peerId: string, source: LatencySource): boolean {
    return source === 'ping' || isDue(this.#lastLossMs, nowMs, peerId)
  }
}

/** The map holds its keys in the order of their times, and so those that no longer matter in front. */
function isDue(lastMs: Map<string, number>, nowMs: number, peerId: string): boolean {
  for (const [oldest, atMs] of lastMs) {
    if (nowMs - atMs < ACK_SPACING_MS) break
    lastMs.delete(oldest)
  }
  if (lastMs.has(peerId)) return false
  lastMs.set(peerId, nowMs)
  return true
}
