/**
 * What goes into the next packet: the probe or report that it is sent for, what its reader must hear first, then as much queued news as
 * fits, the least-sent first.
 */
import type { Coordinate } from '../coordinates/types.ts'
import type { MutableCounters } from './counters.ts'
import {
  BroadcastQueue, COORDINATE_BYTES, LOAD_BYTES, PACKET_OVERHEAD_BYTES, PING_REQUEST_BYTES, PROBE_BYTES, REPORT_BYTES, retransmitLimit, updateBytes, updateSubject,
} from './dissemination.ts'
import type { LoadDigest, MembershipEffect, Probe, Report, Update } from './types.ts'

export interface OutboxSurroundings {
  readonly retransmitMultiplier: number
  /** What one datagram carries beside header and seal. */
  readonly packetBudgetBytes: number
  readonly counters: MutableCounters
  /** Active members without this node. */
  readonly activeCount: () => number
  readonly urgentFor: (to: string) => readonly Update[]
  readonly emit: (effect: MembershipEffect) => void
}

export class Outbox {
  readonly queue = new BroadcastQueue()
  load: LoadDigest | null = null
  coordinate: Coordinate | null = null
  readonly #in: OutboxSurroundings

  constructor(surroundings: OutboxSurroundings) {
    this.#in = surroundings
  }

  enqueue(update: Update): void {
    const room = this.#in.packetBudgetBytes - PACKET_OVERHEAD_BYTES - PING_REQUEST_BYTES - LOAD_BYTES - COORDINATE_BYTES
    if (updateBytes(update) > room) this.#in.counters.updatesOversized++
    else this.queue.push(update)
  }

  /** News by itself to members of the caller's choice, beside what is queued. */
  tell(to: readonly string[], update: Update): void {
    if (updateBytes(update) > this.#in.packetBudgetBytes - PACKET_OVERHEAD_BYTES) return
    this.#in.counters.updatesSent += to.length
    for (const peerId of to) this.#in.emit({ kind: 'send', to: peerId, packet: { probe: null, updates: [update], load: null, reports: [], coordinate: null } })
  }

  send(to: string, probe: Probe | null, reports: readonly Report[] = []): void {
    const limit = retransmitLimit(this.#in.retransmitMultiplier, this.#in.activeCount() + 1)
    const coordinate = probe?.kind === 'ack' ? this.coordinate : null
    let room = this.#in.packetBudgetBytes - PACKET_OVERHEAD_BYTES - reports.length * REPORT_BYTES
    if (probe !== null) room -= probe.kind === 'ping-request' ? PING_REQUEST_BYTES : PROBE_BYTES
    if (this.load !== null) room -= LOAD_BYTES
    if (coordinate !== null) room -= COORDINATE_BYTES
    const updates: Update[] = []
    for (const update of this.#in.urgentFor(to)) {
      const bytes = updateBytes(update)
      if (bytes > room) continue
      room -= bytes
      updates.push(update)
    }
    if (this.queue.size > 0) {
      const urgentSubjects = updates.map(updateSubject)
      for (const update of this.queue.take(room, limit, urgentSubjects)) updates.push(update)
      for (const subject of urgentSubjects) this.queue.markSent(subject, limit)
    }
    this.#in.counters.updatesSent += updates.length
    this.#in.emit({ kind: 'send', to, packet: { probe, updates, load: this.load, reports, coordinate } })
  }
}
