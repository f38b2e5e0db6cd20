/**
 * What becomes of a member here: suspected, cleared, failed, buried, on its way back, forgotten. Each transition changes the table, arms
 * what it waits for and becomes an event for the owner; who said so and whether it was to be believed is beliefs.ts's part.
 *
 *   alive ──suspect──▶ suspect ──fuse, or the observers──▶ failed ──record──▶ returning (failed, on probation) ──▶ alive
 *     ▲                   │                                   │ restarted, or cut off together with many
 *     └────── record ─────┘                                   └──────────────────────────▶ alive
 *
 * Extension: probation. A member that was failed and then speaks again without having restarted had an ailing path or process, and is likely
 * to fail again; it is watched by its observers, and taken back only after it was well for a while (flap-damping.ts). One that was cut off
 * together with many (a partition) or has restarted is taken back at once.
 */
import type { Deadlines } from '../time/deadlines.ts'
import type { Random } from '../time/random.ts'
import type { MutableCounters } from './counters.ts'
import type { DeadlineName } from './deadline-names.ts'
import type { MembershipFeatures } from './features.ts'
import { type FlapDamping, probationMs } from './flap-damping.ts'
import { isActive, type MemberEntry, type MemberTable } from './member-table.ts'
import type { MembershipOptions } from './options.ts'
import type { ProbeRing } from './probe-ring.ts'
import type { Prober } from './prober.ts'
import { confirmationsWanted, CONFIRMATIONS_MIN, Suspicion, suspicionMinMs } from './suspicion.ts'
import { CONFIRMERS_TOLD_MAX, type Evidence, type MemberEvent, type MemberEventType, type MembershipEffect } from './types.ts'
import type { Watches } from './watches.ts'

/** Members that failed so shortly before a partition was told belong to it. */
export const PARTITION_LOOKBACK_MS = 60_000
/** Shortest probation in periods: its observers must have had time to measure its loss (watches.ts), and nodes that heard late of the failure, and so think it
 * was away for less, must not take it back much earlier than the others. */
export const PROBATION_PERIODS_MIN = 30

export interface LifecycleSurroundings {
  readonly options: MembershipOptions
  readonly features: MembershipFeatures
  readonly random: Random
  readonly table: MemberTable
  readonly ring: ProbeRing
  readonly prober: Prober
  readonly watches: Watches
  readonly flaps: FlapDamping
  readonly deadlines: Deadlines<DeadlineName>
  readonly counters: MutableCounters
  readonly isJudging: () => boolean
  readonly emit: (effect: MembershipEffect) => void
  readonly onChange: () => void
  readonly onForgotten: (peerId: string) => void
}

export interface Accusation {
  readonly accuser: string
  readonly evidence: Evidence
  readonly reason: string
  readonly probeStartedMs: number | null
}

/** A verdict as its event tells it. */
export interface Verdict {
  readonly from: string
  readonly evidence: Evidence
  readonly suspectedBy: string
  readonly confirmedBy: readonly string[]
  readonly probeMs: number | null
  readonly suspicionMs: number | null
}

const evidenceTexts: Readonly<Record<Evidence, string>> = {
  probe: 'it did not answer, nor refute',
  closed: 'its connection closed, and it did not answer',
  refused: 'its port refuses connections',
  silent: 'its host does not answer',
  lossy: 'it loses far more packets than others do',
  table: 'according to the table of another member',
  operator: 'an operator said so',
}

export function evidenceText(evidence: Evidence): string {
  return evidenceTexts[evidence]
}

export class Lifecycle {
  readonly #in: LifecycleSurroundings
  #partitionOpen = false

  constructor(surroundings: LifecycleSurroundings) {
    this.#in = surroundings
  }

  suspect(nowMs: number, entry: MemberEntry, accusation: Accusation): void {
    const { options, features, table, deadlines, watches } = this.#in
    const members = table.active.size + 1
    const minMs = suspicionMinMs(options, members)
    const suspicion = new Suspicion({
      startedMs: nowMs, probeStartedMs: accusation.probeStartedMs, accuser: accusation.accuser, evidence: accusation.evidence,
      minMs, maxMs: minMs * options.suspicionMaxMultiplier, wanted: features.confirmations ? confirmationsWanted(options, members, features.observers ? CONFIRMATIONS_MIN : 0) : 0,
    })
    entry.suspicion = suspicion
    table.setState(nowMs, entry, 'suspect')
    this.#in.onChange()
    deadlines.set(`suspect:${entry.peerId}`, suspicion.expiresMs)
    this.event(nowMs, 'member-suspected', entry, {
      from: accusation.accuser, reason: accusation.reason, sinceProbeMs: sinceProbe(nowMs, entry), evidence: accusation.evidence, suspectedBy: accusation.accuser,
    })
    if (features.observers && this.#in.isJudging()) watches.start(nowMs, entry, accusation.evidence)
  }

  /** An independent second opinion. True when it is new and still shortens the fuse, so that it is worth passing on. */
  confirm(nowMs: number, entry: MemberEntry, accuser: string): boolean {
    const { suspicion } = entry
    if (suspicion === null || !suspicion.confirm(accuser)) return false
    entry.view = null
    this.#in.counters.suspicionsConfirmed++
    this.#in.deadlines.set(`suspect:${entry.peerId}`, Math.max(nowMs, suspicion.expiresMs))
    return suspicion.confirmations <= suspicion.wanted
  }

  fail(nowMs: number, entry: MemberEntry, verdict: Verdict): void {
    const sinceProbeMs = sinceProbe(nowMs, entry)
    const story = { ...verdict, confirmedBy: verdict.confirmedBy.slice(0, CONFIRMERS_TOLD_MAX) }
    entry.accusers = [verdict.suspectedBy, ...story.confirmedBy]
    if (entry.state !== 'failed') entry.awaySinceMs = entry.suspicion?.startedMs ?? nowMs
    entry.cutOff = this.#partitionOpen
    this.#bury(nowMs, entry, 'failed')
    const waited = verdict.evidence === 'probe' && verdict.suspicionMs !== null ? ` within ${(verdict.suspicionMs / 1000).toFixed(1)} s` : ''
    this.event(nowMs, 'member-failed', entry, { ...story, reason: `${evidenceText(verdict.evidence)}${waited}`, sinceProbeMs })
    if (this.#in.flaps.note(nowMs, entry.peerId) === 'flapping') this.#startFlapping(nowMs, entry)
    else if (entry.flapping) this.#in.deadlines.set(`settle:${entry.peerId}`, this.#in.flaps.settledAtMs(entry.peerId))
  }

  bury(nowMs: number, entry: MemberEntry): void {
    this.#bury(nowMs, entry, 'left')
  }

  /**
   * A failed or left member has spoken. True when it is in again; false when it is on probation first. Its record is in the entry already;
   * `restarted`: it is another start than the one that failed.
   */
  takeBack(nowMs: number, entry: MemberEntry, restarted: boolean): boolean {
    const { features, deadlines, table, ring, random, flaps, watches } = this.#in
    const isTrusted = entry.state === 'left' || !features.probation || !this.#in.isJudging() || entry.cutOff || (restarted && !entry.flapping)
    deadlines.delete(`forget:${entry.peerId}`)
    if (isTrusted) {
      entry.probationUntilMs = null
      deadlines.delete(`probation:${entry.peerId}`)
      table.setState(nowMs, entry, 'alive')
      ring.insert(random, entry)
      return true
    }
    if (entry.probationUntilMs === null) {
      const awayMs = nowMs - entry.awaySinceMs
      const waitMs = Math.max(PROBATION_PERIODS_MIN * this.#in.options.probeIntervalMs, probationMs({ awayMs, penalty: flaps.penalty(nowMs, entry.peerId) }))
      entry.probationUntilMs = nowMs + waitMs
      entry.view = null
      deadlines.set(`probation:${entry.peerId}`, nowMs + waitMs)
      this.event(nowMs, 'member-returning', entry, {
        from: entry.peerId, reason: `answers again after ${(awayMs / 1000).toFixed(1)} s; taken back when it was well for ${(waitMs / 1000).toFixed(1)} s`,
      })
      if (features.observers) watches.start(nowMs, entry, 'probe')
    }
    return false
  }

  endProbation(nowMs: number, peerId: string): void {
    const entry = this.#in.table.get(peerId)
    if (entry === undefined || entry.probationUntilMs === null) return
    entry.probationUntilMs = null
    entry.heardVerdict = null
    this.#in.table.setState(nowMs, entry, 'alive')
    this.#in.ring.insert(this.#in.random, entry)
    this.#in.watches.drop(nowMs, peerId)
    this.#in.onChange()
    this.event(nowMs, 'member-joined', entry, { from: peerId, reason: 'was well through its probation after it was declared failed' })
  }

  settle(nowMs: number, peerId: string): void {
    const entry = this.#in.table.get(peerId)
    if (entry === undefined || !entry.flapping) return
    if (!this.#in.flaps.settle(nowMs, peerId)) {
      this.#in.deadlines.set(`settle:${peerId}`, Math.max(nowMs + 1, this.#in.flaps.settledAtMs(peerId)))
      return
    }
    entry.flapping = false
    entry.view = null
    this.event(nowMs, 'member-settled', entry, { from: peerId, reason: 'has not failed again for long enough' })
  }

  /** Who failed within a partition was cut off, not unstable. */
  setPartition(nowMs: number, isOpen: boolean): void {
    this.#partitionOpen = isOpen
    if (!isOpen) return
    for (const entry of this.#in.table.failed.items) if (nowMs - entry.stateSinceMs <= PARTITION_LOOKBACK_MS) entry.cutOff = true
  }

  /** Half the retention a tombstone is offered in syncs, the other half it is only kept, so that no two nodes renew it in turns. */
  forget(nowMs: number, peerId: string): void {
    const entry = this.#in.table.get(peerId)
    if (entry === undefined || isActive(entry) || entry.probationUntilMs !== null) return
    this.#in.onChange()
    if (entry.silent) {
      this.#in.table.remove(entry)
      this.#in.onForgotten(peerId)
      return
    }
    entry.silent = true
    this.#in.deadlines.set(`forget:${peerId}`, nowMs + this.#in.options.tombstoneRetentionMs / 2)
  }

  makeRoom(nowMs: number): boolean {
    if (this.#in.table.size + 1 < this.#in.options.membersMax) return true
    const oldest = this.#in.table.oldestTombstone()
    if (oldest === null) {
      this.#in.counters.membersRefused++
      return false
    }
    this.#in.counters.tombstonesEvicted++
    this.#in.table.remove(oldest)
    this.#in.watches.drop(nowMs, oldest.peerId)
    this.#in.onForgotten(oldest.peerId)
    for (const name of ['forget', 'probation', 'settle'] as const) this.#in.deadlines.delete(`${name}:${oldest.peerId}`)
    return true
  }

  event(nowMs: number, type: MemberEventType, entry: MemberEntry, about: Partial<MemberEvent> & Pick<MemberEvent, 'from' | 'reason'>): void {
    if (CHANGES_TOPOLOGY.has(type)) this.#in.counters.topologyChanges++
    this.#in.emit({
      kind: 'event',
      event: {
        type, atMs: nowMs, record: entry.signed.record, from: about.from, reason: about.reason, sinceProbeMs: about.sinceProbeMs ?? null,
        evidence: about.evidence ?? null, suspectedBy: about.suspectedBy ?? null, confirmedBy: about.confirmedBy ?? [],
        probeMs: about.probeMs ?? null, suspicionMs: about.suspicionMs ?? null,
      },
    })
  }

  #bury(nowMs: number, entry: MemberEntry, state: 'failed' | 'left'): void {
    const { table, deadlines, prober, watches, options } = this.#in
    entry.suspicion = null
    entry.heardVerdict = null
    if (state === 'left') entry.accusers = []
    entry.silent = false
    entry.probationUntilMs = null
    table.setState(nowMs, entry, state)
    this.#in.onChange()
    deadlines.delete(`suspect:${entry.peerId}`)
    deadlines.delete(`probation:${entry.peerId}`)
    deadlines.delete(`evidence:${entry.peerId}`)
    prober.drop(nowMs, entry)
    watches.drop(nowMs, entry.peerId)
    deadlines.set(`forget:${entry.peerId}`, nowMs + options.tombstoneRetentionMs / 2)
  }

  #startFlapping(nowMs: number, entry: MemberEntry): void {
    entry.flapping = true
    entry.view = null
    this.#in.counters.flapsDamped++
    this.#in.deadlines.set(`settle:${entry.peerId}`, this.#in.flaps.settledAtMs(entry.peerId))
    this.event(nowMs, 'member-flapping', entry, { from: entry.peerId, reason: `comes and goes (penalty ${this.#in.flaps.penalty(nowMs, entry.peerId).toFixed(1)})` })
  }
}

const CHANGES_TOPOLOGY: ReadonlySet<MemberEventType> = new Set(['member-joined', 'member-failed', 'member-left', 'member-returning'])

export function sinceProbe(nowMs: number, entry: MemberEntry): number | null {
  const startedMs = entry.suspicion?.probeStartedMs ?? null
  return startedMs === null ? null : nowMs - startedMs
}
