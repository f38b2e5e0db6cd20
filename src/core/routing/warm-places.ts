/**
 * Which peers have lately answered reads of which tables for this node, so that strategy adaptive can go where the data is: in memory there, or in the
 * engine's cache. Unlike the affinity of tables (affinity.ts), which names one place and keeps to it, this says how much of a query's data each has.
 *
 * Known are the queries that went from here, and nothing else; what a peer has read for others is news that would cost more to tell than it is worth.
 */
import { affinityKeyOf, affinityKeyLengthMax } from './affinity.ts'

const warmMs = 600_000
const tablesMax = 1_000
const peersMax = 16

export class WarmPlaces {
  /** By table: when each peer read it last, the latest last. The table unused for longest first. */
  readonly #readAtMs = new Map<string, Map<string, number>>()

  get tables(): number {
    return this.#readAtMs.size
  }

  /** 0–1 for each peer that has any: the share of `tables` that it read lately. Null where nobody is known to have any. */
  warmth(nowMs: number, database: string, tables: readonly string[]): ReadonlyMap<string, number> | null {
    let warmth: Map<string, number> | null = null
    for (const table of tables) {
      for (const [peerId, atMs] of this.#readAtMs.get(affinityKeyOf(database, table)) ?? []) {
        if (nowMs - atMs > warmMs) continue
        warmth ??= new Map()
        warmth.set(peerId, (warmth.get(peerId) ?? 0) + 1 / tables.length)
      }
    }
    return warmth
  }

  /** A read of these tables was answered by that peer. */
  handleRead(nowMs: number, database: string, tables: readonly string[], peerId: string): void {
    for (const table of tables) {
      const key = affinityKeyOf(database, table)
      if (key.length > affinityKeyLengthMax) continue
      const peers = this.#readAtMs.get(key) ?? new Map<string, number>()
      this.#readAtMs.delete(key)
      this.#readAtMs.set(key, peers)
      peers.delete(peerId)
      peers.set(peerId, nowMs)
      if (peers.size > peersMax) dropFirst(peers)
      if (this.#readAtMs.size > tablesMax) dropFirst(this.#readAtMs)
    }
  }

  /** It failed or left: when it is back, it is cold. O(tables). */
  handlePeerDown(_nowMs: number, peerId: string): void {
    for (const peers of this.#readAtMs.values()) peers.delete(peerId)
  }
}

function dropFirst(map: Map<string, unknown>): void {
  const first = map.keys().next()
  if (first.done !== true) map.delete(first.value)
}
