/**
 * News rides on packets that are sent anyway (SWIM §4.1). Each update is sent λ·⌈log10(N+1)⌉ times by each member that hears it,
 * the least-sent first, which makes it reach everyone with high probability and then fall silent.
 *
 * One update a member: a newer one replaces the older, so the queue never exceeds the number of members. Updates are kept in buckets
 * by times sent, so taking a packet's worth costs the size of the packet, not of the queue.
 */
import type { Update } from './types.ts'

/** Upper bounds of encoded sizes, protobuf tags and lengths included. The codec's test holds them to the truth. */
export const RECORD_OVERHEAD_BYTES = 24
export const LEAVE_OVERHEAD_BYTES = 96
/** Two keys, an incarnation, tags. */
export const CLAIM_BYTES = 96
/** What a verdict tells beyond that, without the confirmers: another key, two durations. */
export const STORY_BYTES = 52
/** A key with its tag. */
export const KEY_BYTES = 36
export const REPORT_BYTES = 56
export const COORDINATE_BYTES = 56
export const PACKET_OVERHEAD_BYTES = 16
export const PROBE_BYTES = 24
export const PING_REQUEST_BYTES = 96
export const LOAD_BYTES = 48

/** Updates that did not fit which are looked at before a packet is called full. */
const MISFITS_MAX = 16

export function updateBytes(update: Update): number {
  switch (update.kind) {
    case 'record': return update.signed.envelope.length + RECORD_OVERHEAD_BYTES
    case 'left': return update.leave.envelope.length + LEAVE_OVERHEAD_BYTES
    case 'failed': return CLAIM_BYTES + STORY_BYTES + update.confirmedBy.length * KEY_BYTES
    case 'suspect':
    case 'removed': return CLAIM_BYTES
  }
}

export function updateSubject(update: Update): string {
  switch (update.kind) {
    case 'record': return update.signed.record.peerId
    case 'left': return update.leave.peerId
    case 'suspect':
    case 'failed':
    case 'removed': return update.peerId
  }
}

/** λ·⌈log10(N+1)⌉, N with this node (memberlist's `retransmitLimit`). */
export function retransmitLimit(multiplier: number, members: number): number {
  return Math.ceil(multiplier * Math.ceil(Math.log10(members + 1)))
}

interface Broadcast {
  readonly subject: string
  readonly update: Update
  readonly bytes: number
  transmits: number
}

export class BroadcastQueue {
  readonly #bySubject = new Map<string, Broadcast>()
  /** Index: times sent. Sets keep insertion order, so equals go oldest first. */
  readonly #buckets: Array<Set<Broadcast>> = []

  get size(): number {
    return this.#bySubject.size
  }

  has(subject: string): boolean {
    return this.#bySubject.has(subject)
  }

  /** Replaces what was queued about the same member. */
  push(update: Update): void {
    const subject = updateSubject(update)
    this.delete(subject)
    const broadcast: Broadcast = { subject, update, bytes: updateBytes(update), transmits: 0 }
    this.#bySubject.set(subject, broadcast)
    this.#bucket(0).add(broadcast)
  }

  delete(subject: string): void {
    const held = this.#bySubject.get(subject)
    if (held === undefined) return
    this.#bySubject.delete(subject)
    this.#buckets[held.transmits]?.delete(held)
  }

  clear(): void {
    this.#bySubject.clear()
    this.#buckets.length = 0
  }

  /** Takes a packet's worth, fewest transmits first, and counts each as sent once. Members that the packet speaks of already are skipped. */
  take(budgetBytes: number, limit: number, skipSubjects: readonly string[] = []): Update[] {
    if (this.#bySubject.size === 0) return []
    const taken: Broadcast[] = []
    let left = budgetBytes
    let misfits = 0
    for (const bucket of this.#buckets) {
      for (const broadcast of bucket) {
        if (broadcast.bytes > left) {
          if (++misfits >= MISFITS_MAX) break
          continue
        }
        if (skipSubjects.length > 0 && skipSubjects.includes(broadcast.subject)) continue
        taken.push(broadcast)
        left -= broadcast.bytes
      }
      if (misfits >= MISFITS_MAX) break
    }
    for (const broadcast of taken) this.#countTransmit(broadcast, limit)
    return taken.map((broadcast) => broadcast.update)
  }

  /** Counts one transmission of what was put into a packet ahead of its turn, if news about that member is queued. */
  markSent(subject: string, limit: number): void {
    const held = this.#bySubject.get(subject)
    if (held !== undefined) this.#countTransmit(held, limit)
  }

  #countTransmit(broadcast: Broadcast, limit: number): void {
    this.#buckets[broadcast.transmits]?.delete(broadcast)
    broadcast.transmits++
    if (broadcast.transmits >= limit) this.#bySubject.delete(broadcast.subject)
    else this.#bucket(broadcast.transmits).add(broadcast)
  }

  #bucket(transmits: number): Set<Broadcast> {
    while (this.#buckets.length <= transmits) this.#buckets.push(new Set())
    return this.#buckets[transmits] as Set<Broadcast>
  }
}
