/**
 * Many members lost at once are one thing that happened, not many: the network was cut, or a rack lost its power. Nobody inside can tell
 * which, so both are reported as a suspected partition, with what is known: how many are here, how many were lost.
 *
 * The monitor only counts. It hears who joined, failed and left, and keeps the members that were lost **lately** (within a window that
 * covers the spread of detection). When they are many compared with those that were here, a partition is open and they are its lost side.
 * It is told once its size has settled, for a cut is not found in one instant, and told once: whoever is lost later, while losses keep
 * coming, is added to it. A member that fails long after that is an ordinary failure.
 *
 * It heals when (nearly) all of its lost members are back and stay for a dwell, so that a link that comes and goes is one partition that
 * lasts. It ends unhealed when they have left, were removed, or are not remembered any more.
 *
 *   closed ──many lost within the window──▶ open ──nearly all back, for the dwell──▶ healed
 *                                            │ └──none back, all removed or forgotten──▶ ended
 *                                            └──settled──▶ suspected (told)
 *
 * Extension: SWIM and Lifeguard know single failures only.
 */
import { Deadlines } from '../time/deadlines.ts'
import type { MemberEventType } from './types.ts'

export interface PartitionOptions {
  /** Losses so close together belong together. Larger: slow detectors are covered; unrelated crashes are more often taken for a cut. */
  readonly windowMs: number
  /** Without a further loss for so long, the size is told; at the latest after five times as long. Larger: the size told is nearer to the final one; it is told later. */
  readonly settleMs: number
  /** So long (nearly) all must be back. Larger: a flapping link makes fewer partitions; the heal is told later. */
  readonly dwellMs: number
  /** After so long without the rest, the partition is given up: membership forgets its members too. */
  readonly forgetMs: number
}

/** Fewer are single failures. */
export const PARTITION_LOSSES_MIN = 2
/** Of those that were here at the window's start, this node included. */
export const PARTITION_LOSS_RATIO_MIN = 0.2
/** So many of the lost may stay away when the rest is back: some of them may really have crashed. */
export const PARTITION_STAY_AWAY_RATIO_MAX = 0.1
const settlesMax = 5

export interface PartitionSizes {
  /** This node and the members here. */
  readonly reachable: number
  /** Lost, and not back. */
  readonly away: number
  /** The most that were lost at one time. */
  readonly lost: number
}

export interface OpenPartition extends PartitionSizes {
  /** Counts up from 1 in each life of the node. */
  readonly id: number
  /** When the first of its members was lost. */
  readonly sinceMs: number
  readonly isTold: boolean
}

export type PartitionEffect =
  /** Once for each partition, when its size has settled. `withinMs`: from the first loss to the last so far. */
  | { readonly kind: 'partition-suspected'; readonly id: number; readonly withinMs: number } & PartitionSizes
  /** More were lost after it was told. */
  | { readonly kind: 'partition-grown'; readonly id: number } & PartitionSizes
  /** `durationMs`: from the first loss until nearly all were back. */
  | { readonly kind: 'partition-healed'; readonly id: number; readonly durationMs: number } & PartitionSizes
  /** Those that were lost have left, were removed or are forgotten. */
  | { readonly kind: 'partition-ended'; readonly id: number; readonly durationMs: number } & PartitionSizes

interface Partition {
  readonly id: number
  readonly sinceMs: number
  readonly away: Set<string>
  lastLossMs: number
  lost: number
  returned: number
  isTold: boolean
  /** Since when few enough are away; null while more are. */
  reunitedMs: number | null
}

export class PartitionMonitor {
  readonly #options: PartitionOptions
  readonly #here = new Set<string>()
  /** Lost within the window and part of no partition, with the time of the loss, oldest first. */
  readonly #recent = new Map<string, number>()
  readonly #deadlines = new Deadlines<'settle' | 'dwell' | 'forget'>()
  #partition: Partition | null = null
  #nextId = 1

  constructor(options: PartitionOptions) {
    this.#options = options
  }

  /** For health and status. */
  get open(): OpenPartition | null {
    const partition = this.#partition
    return partition === null ? null : { id: partition.id, sinceMs: partition.sinceMs, isTold: partition.isTold, ...this.#sizes(partition) }
  }

  /** The open partition that this member was lost in and is not back from. */
  partitionOf(peerId: string): number | null {
    return this.#partition?.away.has(peerId) === true ? this.#partition.id : null
  }

  /** Whether a loss at this moment would belong to the open partition. */
  isSpreading(nowMs: number): boolean {
    return this.#partition !== null && nowMs - this.#partition.lastLossMs <= this.#options.windowMs
  }

  /** One of membership's events. O(1), amortised. */
  handleEvent(nowMs: number, { type, peerId }: { readonly type: MemberEventType; readonly peerId: string }): PartitionEffect[] {
    switch (type) {
      case 'member-joined': return this.#handleHere(nowMs, peerId)
      case 'member-failed': return this.#handleLost(nowMs, peerId)
      case 'member-left': return this.#handleGone(nowMs, peerId)
      case 'member-updated':
      case 'member-suspected':
      case 'member-refuted':
      // It is back when it is taken back.
      case 'member-returning':
      case 'member-flapping':
      case 'member-settled':
      case 'path-degraded':
      case 'path-restored': return []
    }
  }

  nextDeadlineMs(): number | null {
    return this.#deadlines.nextMs()
  }

  handleTimeout(nowMs: number): PartitionEffect[] {
    const effects: PartitionEffect[] = []
    for (let due = this.#deadlines.takeDue(nowMs); due !== null; due = this.#deadlines.takeDue(nowMs)) {
      if (this.#partition === null) continue
      if (due === 'settle') effects.push(...this.#tell(this.#partition))
      else effects.push(...this.#close(nowMs, this.#partition, due === 'forget' ? 'partition-ended' : 'partition-healed'))
    }
    return effects
  }

  #handleLost(nowMs: number, peerId: string): PartitionEffect[] {
    // Whom this node never saw here was not lost now.
    if (!this.#here.delete(peerId)) return []
    for (const [recent, atMs] of this.#recent) {
      if (nowMs - atMs <= this.#options.windowMs) break
      this.#recent.delete(recent)
    }
    if (this.#partition !== null && this.isSpreading(nowMs)) return this.#grow(nowMs, this.#partition, [peerId])
    this.#recent.set(peerId, nowMs)
    const before = 1 + this.#here.size + this.#recent.size
    if (this.#recent.size < Math.max(PARTITION_LOSSES_MIN, PARTITION_LOSS_RATIO_MIN * before)) return []
    const lost = [...this.#recent.keys()]
    const sinceMs = Math.min(...this.#recent.values())
    this.#recent.clear()
    this.#partition ??= this.#open(nowMs, sinceMs)
    return this.#grow(nowMs, this.#partition, lost)
  }

  #handleHere(nowMs: number, peerId: string): PartitionEffect[] {
    this.#here.add(peerId)
    this.#recent.delete(peerId)
    const partition = this.#partition
    if (partition === null || !partition.away.delete(peerId)) return []
    partition.returned++
    return this.#weigh(nowMs, partition)
  }

  #handleGone(nowMs: number, peerId: string): PartitionEffect[] {
    this.#here.delete(peerId)
    this.#recent.delete(peerId)
    const partition = this.#partition
    return partition !== null && partition.away.delete(peerId) ? this.#weigh(nowMs, partition) : []
  }

  #open(nowMs: number, sinceMs: number): Partition {
    this.#deadlines.set('forget', nowMs + this.#options.forgetMs)
    return { id: this.#nextId++, sinceMs, away: new Set(), lastLossMs: nowMs, lost: 0, returned: 0, isTold: false, reunitedMs: null }
  }

  #grow(nowMs: number, partition: Partition, peerIds: readonly string[]): PartitionEffect[] {
    for (const peerId of peerIds) partition.away.add(peerId)
    const isLarger = partition.away.size > partition.lost
    partition.lost = Math.max(partition.lost, partition.away.size)
    partition.lastLossMs = nowMs
    if (!this.#isReunited(partition)) {
      partition.reunitedMs = null
      this.#deadlines.delete('dwell')
    }
    if (partition.isTold) return isLarger ? [{ kind: 'partition-grown', id: partition.id, ...this.#sizes(partition) }] : []
    const latestMs = partition.sinceMs + settlesMax * this.#options.settleMs
    this.#deadlines.set('settle', Math.max(nowMs, Math.min(nowMs + this.#options.settleMs, latestMs)))
    return []
  }

  /** Somebody is back, or will not come back. */
  #weigh(nowMs: number, partition: Partition): PartitionEffect[] {
    if (!this.#isReunited(partition)) return []
    if (partition.returned === 0) return partition.away.size === 0 ? this.#close(nowMs, partition, 'partition-ended') : []
    partition.reunitedMs ??= nowMs
    if (this.#deadlines.atMs('dwell') === undefined) this.#deadlines.set('dwell', nowMs + this.#options.dwellMs)
    return []
  }

  #isReunited(partition: Partition): boolean {
    return partition.away.size <= Math.floor(PARTITION_STAY_AWAY_RATIO_MAX * partition.lost)
  }

  #tell(partition: Partition): PartitionEffect[] {
    if (partition.isTold) return []
    partition.isTold = true
    return [{ kind: 'partition-suspected', id: partition.id, withinMs: partition.lastLossMs - partition.sinceMs, ...this.#sizes(partition) }]
  }

  #close(nowMs: number, partition: Partition, kind: 'partition-healed' | 'partition-ended'): PartitionEffect[] {
    const told = this.#tell(partition)
    const end: PartitionEffect = { kind, id: partition.id, durationMs: (partition.reunitedMs ?? nowMs) - partition.sinceMs, ...this.#sizes(partition) }
    this.#partition = null
    this.#deadlines.clear()
    return [...told, end]
  }

  #sizes({ away, lost }: Partition): PartitionSizes {
    return { reachable: 1 + this.#here.size, away: away.size, lost }
  }
}
