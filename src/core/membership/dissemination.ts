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
  /** Replaced or sent often enough; what a bucket still holds of it is passed over. */
  isDone: boolean
}

export class BroadcastQueue {
  readonly #bySubject = new Map<string, Broadcast>()
  /**
   * Index: times sent. The newest stand last and go first (as memberlist has it): a refutation must not wait behind the hundreds of records
   * that a mesh which has just started still passes around.
   */
  readonly #buckets: Broadcast[][] = []

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
    const broadcast: Broadcast = { subject, update, bytes: updateBytes(update), transmits: 0, isDone: false }
    this.#bySubject.set(subject, broadcast)
    this.#put(broadcast)
  }

  delete(subject: string): void {
    const held = this.#bySubject.get(subject)
    if (held === undefined) return
    this.#bySubject.delete(subject)
    held.isDone = true
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
    for (let transmits = 0; transmits < this.#buckets.length && misfits < MISFITS_MAX; transmits++) {
      const bucket = this.#buckets[transmits] as Broadcast[]
      for (let index = bucket.length - 1; index >= 0 && misfits < MISFITS_MAX; index--) {
        const broadcast = bucket[index] as Broadcast
        if (broadcast.isDone || broadcast.transmits !== transmits) {
          bucket.splice(index, 1)
        } else if (broadcast.bytes > left) {
          misfits++
        } else if (!skipSubjects.includes(broadcast.subject)) {
          taken.push(broadcast)
          left -= broadcast.bytes
        }
      }
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
    broadcast.transmits++
    if (broadcast.transmits < limit) this.#put(broadcast)
    else this.delete(broadcast.subject)
  }

  #put(broadcast: Broadcast): void {
    while (this.#buckets.length <= broadcast.transmits) this.#buckets.push([])
    const bucket = this.#buckets[broadcast.transmits] as Broadcast[]
    bucket.push(broadcast)
    // What is replaced over and over without being sent must not pile up.
    if (bucket.length > 64 && bucket.length > 2 * this.#bySubject.size) {
      this.#buckets[broadcast.transmits] = bucket.filter((held) => !held.isDone && held.transmits === broadcast.transmits)
    }
  }
}
