/** Joins the book of names to membership's events, and tells conflicts. */
import type { NameBook, NameEffect } from '../core/membership/names.ts'
import type { MemberEvent, MemberRecord } from '../core/membership/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NameConflictEventView } from '../wire/control.ts'

/** At most one event and line of a name within so long: who takes one name a thousand times must not fill the log. */
const tellIntervalMs = 1_000

export interface NameWatchParts {
  readonly names: NameBook
  readonly clock: Clock
  readonly log: Log
  readonly onEvent: (view: NameConflictEventView) => void
}

export class NameWatch {
  readonly #parts: NameWatchParts
  /** Names told of within the interval: what was told, and the latest that awaits the interval's end. */
  readonly #recent = new Map<string, { readonly told: NameEffect; waiting: NameEffect | null }>()

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
    for (const effect of effects) {
      const recent = this.#recent.get(effect.name)
      if (recent === undefined) this.#tell(effect)
      else recent.waiting = effect
    }
  }

  #tell(effect: NameEffect): void {
    const { clock, log, names, onEvent } = this.#parts
    const { kind, name, keeper } = effect
    this.#recent.set(name, { told: effect, waiting: null })
    clock.setTimer(tellIntervalMs, () => { this.#tellWaiting(name) })
    const others = kind === 'name-conflict' ? effect.others : []
    const reason = kind === 'name-conflict'
      ? `${others.length + 1} members are called ${name}; ${keeper} has borne it longest and keeps it, the others are shown as ${others.map((peerId) => names.shownName(peerId, name)).join(', ')}; give each node a --name of its own`
      : `the name ${name} is borne by ${keeper === null ? 'nobody' : 'one member'} again`
    const event: NameConflictEventView = { type: kind, atWallMs: Math.round(clock.wallMs()), reason, name, keeper, others }
    if (kind === 'name-conflict') log.warn({ event }, `${kind} ${reason}`)
    else log.info({ event }, `${kind} ${reason}`)
    onEvent(event)
  }

  #tellWaiting(name: string): void {
    const recent = this.#recent.get(name)
    this.#recent.delete(name)
    // A conflict that came and went meanwhile is none.
    if (recent === undefined || recent.waiting === null || (recent.told.kind === 'name-conflict-ended' && recent.waiting.kind === 'name-conflict-ended')) return
    this.#tell(recent.waiting)
  }
}
