/**
 * What this node says of itself: its signed record, raised to refute or to change something, and its farewell. Suspicions are answered at once;
 * verdicts at a bounded rate (appeals.ts), since a member that was put out loses nothing by waiting.
 */
import type { Deadlines } from '../time/deadlines.ts'
import { Appeals } from './appeals.ts'
import type { MutableCounters } from './counters.ts'
import type { DeadlineName } from './deadline-names.ts'
import type { LocalHealth } from './local-health.ts'
import type { Outbox } from './outbox.ts'
import { INCARNATION_MAX } from './precedence.ts'
import type { MemberRecord, MembershipEffect, SignedLeave, SignedRecord, Update } from './types.ts'

export interface OwnRecordSurroundings {
  readonly record: MemberRecord
  readonly signRecord: (record: MemberRecord) => SignedRecord
  readonly signLeave: (peerId: string, incarnation: number) => SignedLeave
  readonly deadlines: Deadlines<DeadlineName>
  readonly counters: MutableCounters
  readonly health: LocalHealth
  readonly outbox: Outbox
  readonly emit: (effect: MembershipEffect) => void
  /** By gossip and datagram, at once. */
  readonly tellAll: (update: Update) => void
  readonly onChange: () => void
  /** Neither joining, when nobody is to hear of it yet, nor gone. */
  readonly isJudging: () => boolean
  /** Whether verdicts are answered at growing intervals. */
  readonly isPatient: boolean
}

export class OwnRecord {
  readonly #in: OwnRecordSurroundings
  readonly #appeals = new Appeals()
  #appealedIncarnation = 0
  #signed: SignedRecord
  #leave: SignedLeave | null = null
  /** The call under way made us raise our incarnation: what we answer now carries the new record first. */
  isFresh = false

  constructor(surroundings: OwnRecordSurroundings) {
    this.#in = surroundings
    this.#signed = surroundings.signRecord(surroundings.record)
  }

  get signed(): SignedRecord {
    return this.#signed
  }

  get leave(): SignedLeave | null {
    return this.#leave
  }

  get incarnation(): number {
    return this.#signed.record.incarnation
  }

  /** Says the record to everyone. */
  publish(): void {
    this.#spread({ kind: 'record', signed: this.#signed })
  }

  change(patch: Partial<MemberRecord>): void {
    this.#resign({ ...this.#signed.record, ...patch, incarnation: this.incarnation + 1 })
  }

  refute(claimedIncarnation: number): void {
    const incarnation = Math.max(this.incarnation, claimedIncarnation) + 1
    // One answer a call: a message may foresee the next incarnations and accuse each of them.
    if (this.#leave !== null || incarnation > INCARNATION_MAX || this.isFresh) return
    this.#in.counters.selfRefutations++
    this.#in.health.add(1)
    this.isFresh = true
    this.#resign({ ...this.#signed.record, incarnation })
  }

  /** Answers a verdict about this incarnation, now or when the next answer is due. */
  appeal(nowMs: number, claimedIncarnation: number): void {
    const atMs = this.#in.isPatient ? this.#appeals.nextMs(nowMs) : nowMs
    if (atMs > nowMs) {
      this.#appealedIncarnation = claimedIncarnation
      this.#in.deadlines.set('appeal', atMs)
      return
    }
    this.#appeals.note(nowMs)
    this.refute(claimedIncarnation)
  }

  /** The deadline `appeal` has come. */
  handleTimeout(nowMs: number): void {
    if (this.#appealedIncarnation >= this.incarnation) this.appeal(nowMs, this.#appealedIncarnation)
  }

  sayFarewell(): void {
    this.#leave = this.#in.signLeave(this.#signed.record.peerId, this.incarnation)
    this.#in.onChange()
    const update: Update = { kind: 'left', leave: this.#leave }
    this.#in.outbox.enqueue(update)
    this.#in.tellAll(update)
  }

  #resign(record: MemberRecord): void {
    this.#signed = this.#in.signRecord(record)
    this.#in.onChange()
    if (this.#in.isJudging()) this.publish()
  }

  #spread(update: Update): void {
    this.#in.outbox.enqueue(update)
    this.#in.emit({ kind: 'announce', updates: [update] })
  }
}
