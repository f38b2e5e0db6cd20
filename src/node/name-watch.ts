/** Joins the book of names to membership's events, and tells conflicts. */
import type { NameBook, NameEffect } from '../core/membership/names.ts'
import type { MemberEvent, MemberRecord } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NameConflictEventView } from '../wire/control.ts'

export interface NameWatchParts {
  readonly names: NameBook
  readonly clock: Clock
  readonly log: Log
  readonly onEvent: (view: NameConflictEventView) => void
}

export class NameWatch {
  readonly #parts: NameWatchParts

  constructor(parts: NameWatchParts) {
    this.#parts = parts
  }

  handleSelf(record: MemberRecord): void {
    this.#claim(record, true)
  }

  handleEvent({ type, record }: MemberEvent): void {
    switch (type) {
      case 'member-joined':
      case 'member-updated':
      case 'member-refuted':
        this.#claim(record, true)
        break
      case 'member-failed':
      case 'member-returning':
        this.#claim(record, false)
        break
      case 'member-left':
        this.forget(record.peerId)
        break
      case 'member-suspected':
      case 'member-flapping':
      case 'member-settled':
      case 'path-degraded':
      case 'path-restored':
        break
    }
  }

  forget(peerId: string): void {
    this.#perform(this.#parts.names.forget(this.#parts.clock.nowMs(), peerId))
  }

  #claim({ peerId, name, nameSinceMs }: MemberRecord, isLiving: boolean): void {
    this.#perform(this.#parts.names.handleClaim(this.#parts.clock.nowMs(), { peerId, name, heldSinceMs: nameSinceMs, isLiving }))
  }

  #perform(effects: readonly NameEffect[]): void {
    const { clock, log, names, onEvent } = this.#parts
    for (const effect of effects) {
      const { kind, name, keeper } = effect
      const others = kind === 'name-conflict' ? effect.others : []
      const reason = kind === 'name-conflict'
        ? `${others.length + 1} members are called ${name}; ${keeper} has borne it longest and keeps it, the others are shown as ${others.map((peerId) => names.shownName(peerId, name)).join(', ')}; give each node a --name of its own`
        : `the name ${name} is borne by ${keeper === null ? 'nobody' : 'one member'} again`
      const event: NameConflictEventView = { type: kind, atWallMs: Math.round(clock.wallMs()), reason, name, keeper, others }
      if (kind === 'name-conflict') log.warn({ event }, `${kind} ${reason}`)
      else log.info({ event }, `${kind} ${reason}`)
      onEvent(event)
    }
  }
}
