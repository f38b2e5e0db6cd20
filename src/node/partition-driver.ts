/**
 * Joins the partition monitor and the quorum watch to membership's events and table, and says for people and programs what they found. Lost
 * quorum becomes this node's policy here: what it refuses, and why.
 */
import type { PartitionEffect, PartitionMonitor, PartitionSizes } from '../core/membership/partition.ts'
import type { Expected, MinorityPolicy, QuorumCount, QuorumEffect, QuorumWatch } from '../core/membership/quorum.ts'
import type { MemberEvent } from '../core/membership/types.ts'
import { MeshError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { PartitionEventView, PartitionStatusView, QuorumEventView, QuorumStatusView } from '../wire/control.ts'
import { MachineTimer } from './machine-timer.ts'
import { wallOf } from './views.ts'

/** Many events of one moment are one census. */
const censusDelayMs = 20
/** What changes the table without an event: tombstones that a sync brought, and those that are forgotten. */
const censusIntervalMs = 5_000

export interface PartitionDriverParts {
  readonly monitor: PartitionMonitor
  readonly quorum: QuorumWatch
  readonly policy: MinorityPolicy
  readonly selfName: string
  /** All members but this node. */
  readonly members: () => readonly Expected[]
  readonly clock: Clock
  readonly log: Log
  readonly onEvent: (view: PartitionEventView | QuorumEventView) => void
  /** Losses belong to a partition now, or no more. */
  readonly onSpreading: (isSpreading: boolean) => void
  /** The policy refuses every query from now on, or no more. */
  readonly onRefusing: (isRefusing: boolean) => void
}

export class PartitionDriver {
  readonly #parts: PartitionDriverParts
  readonly #monitorTimer: MachineTimer
  readonly #quorumTimer: MachineTimer
  #censusTimer: Timer | null = null
  #isCensusSoon = false
  #isStarted = false
  #isSpreading = false
  #stopped = false
  readonly counters = { partitionsSuspected: 0, partitionsHealed: 0, quorumLosses: 0, minorityRefusals: 0 }

  constructor(parts: PartitionDriverParts) {
    this.#parts = parts
    this.#monitorTimer = new MachineTimer(parts.clock, parts.monitor, (nowMs) => { this.#performPartition(parts.monitor.handleTimeout(nowMs)) })
    this.#quorumTimer = new MachineTimer(parts.clock, parts.quorum, (nowMs) => { this.#performQuorum(parts.quorum.handleTimeout(nowMs)) })
  }

  /** Members of an earlier life that may still be there. */
  remember(members: ReadonlyArray<Pick<Expected, 'peerId' | 'name'>>): void {
    this.#parts.quorum.remember(this.#parts.clock.nowMs(), members)
  }

  /** After the attempt to join: from now on quorum is judged, and lost when this node is alone without having to be. */
  start(): void {
    this.#isStarted = true
    this.#parts.quorum.start(this.#parts.clock.nowMs())
    this.#takeCensus()
  }

  stop(): void {
    this.#stopped = true
    this.#monitorTimer.stop()
    this.#quorumTimer.stop()
    this.#censusTimer?.cancel()
  }

  /** The partition that this event is a part of, or null: then it speaks for itself. */
  handleEvent({ type, record: { peerId } }: MemberEvent): string | null {
    const { monitor, clock } = this.#parts
    const nowMs = clock.nowMs()
    this.#performPartition(monitor.handleEvent(nowMs, { type, peerId }))
    if (this.#isStarted && !this.#isCensusSoon) {
      this.#isCensusSoon = true
      this.#armCensus(censusDelayMs)
    }
    const isPart = type === 'member-failed' ? monitor.partitionOf(peerId) !== null : type === 'member-suspected' && monitor.isSpreading(nowMs)
    return isPart && monitor.open !== null ? partitionName(monitor.open.id) : null
  }

  partitionStatus(): PartitionStatusView | null {
    const { monitor, clock } = this.#parts
    const { open } = monitor
    if (open === null) return null
    return { partition: partitionName(open.id), sinceWallMs: wallOf(clock, open.sinceMs), reachable: open.reachable, away: open.away, lost: open.lost }
  }

  quorumStatus(): QuorumStatusView {
    const { quorum, policy } = this.#parts
    return { hasQuorum: quorum.hasQuorum, ...quorum.count, policy }
  }

  /** Why this node must not take such a query now, or null. What may be a write counts as one. */
  refusalOf(access: 'read' | 'write' | 'unknown'): MeshError | null {
    const { quorum, policy, selfName } = this.#parts
    if (quorum.hasQuorum || policy === 'serve' || (policy === 'read-only' && access === 'read')) return null
    this.counters.minorityRefusals++
    const { reachable, known, needed } = quorum.count
    return new MeshError('ERR_QUORUM_LOST', `${selfName} ${describeCount(quorum.count)}; under its minority policy, ${policy}, it takes no ${policy === 'refuse' ? 'query' : 'write'}`, {
      details: { started: 'no', reachable, known, needed, policy },
    })
  }

  #performPartition(effects: readonly PartitionEffect[]): void {
    const { clock, log, onEvent, quorum } = this.#parts
    const atWallMs = Math.round(clock.wallMs())
    for (const effect of effects) {
      const partition = partitionName(effect.id)
      const sizes = { partition, reachable: effect.reachable, lost: effect.lost } as const
      switch (effect.kind) {
        case 'partition-suspected': {
          this.counters.partitionsSuspected++
          const reason = `${effect.lost} of ${effect.reachable + effect.away} members were lost within ${seconds(effect.withinMs)}, ${effect.reachable} ${effect.reachable === 1 ? 'is' : 'are'} here, with this node; this side has ${quorum.hasQuorum ? 'a' : 'no'} quorum`
          const event: PartitionEventView = { type: effect.kind, atWallMs, reason, ...sizes, durationMs: null }
          log.warn({ event, partition }, `${effect.kind} ${reason}`)
          onEvent(event)
          break
        }
        case 'partition-grown':
          log.info({ ...sizes }, `${partition} is larger than was told: ${effect.away} of ${effect.reachable + effect.away} members are lost`)
          break
        case 'partition-healed':
        case 'partition-ended': {
          if (effect.kind === 'partition-healed') this.counters.partitionsHealed++
          const event: PartitionEventView = { type: effect.kind, atWallMs, reason: describeEnd(effect), ...sizes, durationMs: effect.durationMs }
          log.info({ event, partition }, `${effect.kind} ${event.reason}`)
          onEvent(event)
          break
        }
      }
    }
    this.#tellSpreading()
    this.#monitorTimer.rearm()
  }

  #performQuorum(effects: readonly QuorumEffect[]): void {
    const { clock, log, onEvent, onRefusing, policy } = this.#parts
    for (const { kind, reachable, known, needed } of effects) {
      const isLost = kind === 'quorum-lost'
      const reason = `${describeCount({ reachable, known, needed }, 'this node ')}${isLost ? `; policy ${policy}: ${consequences[policy]}` : ''}`
      const event: QuorumEventView = { type: kind, atWallMs: Math.round(clock.wallMs()), reason, reachable, known, needed }
      if (isLost) {
        this.counters.quorumLosses++
        log.warn({ event }, `${kind} ${reason}`)
      } else log.info({ event }, `${kind} ${reason}`)
      if (policy === 'refuse') onRefusing(isLost)
      onEvent(event)
    }
    this.#quorumTimer.rearm()
  }

  #tellSpreading(): void {
    const isSpreading = this.#parts.monitor.isSpreading(this.#parts.clock.nowMs())
    if (isSpreading === this.#isSpreading) return
    this.#isSpreading = isSpreading
    this.#parts.onSpreading(isSpreading)
  }

  #takeCensus(): void {
    if (!this.#isStarted || this.#stopped) return
    const { quorum, clock, members, selfName } = this.#parts
    this.#isCensusSoon = false
    this.#tellSpreading()
    this.#performQuorum(quorum.handleCensus(clock.nowMs(), { selfName, members: members() }))
    this.#armCensus(censusIntervalMs)
  }

  #armCensus(afterMs: number): void {
    this.#censusTimer?.cancel()
    if (!this.#stopped) this.#censusTimer = this.#parts.clock.setTimer(afterMs, () => { this.#takeCensus() })
  }
}

const consequences: Readonly<Record<MinorityPolicy, string>> = {
  'serve': 'it goes on as before, and writes on both sides of a cut would part the copies',
  'read-only': 'writes are refused here',
  'refuse': 'queries are refused here',
}

function describeCount({ reachable, known, needed }: QuorumCount, who = ''): string {
  return `${who}sees ${reachable} of ${known} expected members, itself included, and needs ${needed}`
}

function describeEnd({ kind, durationMs, lost, away }: PartitionSizes & { readonly kind: string; readonly durationMs: number }): string {
  if (kind === 'partition-ended') return `none of the ${lost} lost members is expected back, ${seconds(durationMs)} after they were lost`
  return `after ${seconds(durationMs)}: ${away === 0 ? `none of the ${lost} lost members is` : `${away} of the ${lost} lost members ${away === 1 ? 'is' : 'are'} still`} away`
}

function partitionName(id: number): string {
  return `partition-${id}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
