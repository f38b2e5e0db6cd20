/** Joins the hotspot machine to events and chance: what is asked for too often here goes to other copies in part. */
import { type HotspotEffect, type HotspotOptions, Hotspots, type HotspotSubject } from '../core/load/hotspots.ts'
import type { Random } from '../core/time/random.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { RoutingEventView } from '../wire/control.ts'
import { MachineTimer } from './machine-timer.ts'

export interface HotspotDriverParts {
  /** What is missing comes from the defaults. */
  readonly options?: Readonly<Partial<HotspotOptions>>
  /** Healthy copies of a database beside the one here. */
  readonly otherCopies: (database: string) => number
  readonly onEvent: (event: RoutingEventView) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface Hotspot {
  readonly scope: 'node' | 'table'
  /** Null also for the queries of a database whose tables are unknown. */
  readonly table: string | null
  readonly ratePerSecond: number
}

export class HotspotDriver {
  readonly #parts: HotspotDriverParts
  readonly #hotspots: Hotspots
  readonly #timer: MachineTimer
  #detected = 0
  #moved = 0

  constructor(parts: HotspotDriverParts) {
    this.#parts = parts
    this.#hotspots = new Hotspots(parts.options)
    this.#timer = new MachineTimer(parts.clock, this.#hotspots, (nowMs) => { this.#tell(this.#hotspots.handleTimeout(nowMs)) })
  }

  get counters(): { readonly detected: number; readonly moved: number; readonly hot: number } {
    return { detected: this.#detected, moved: this.#moved, hot: this.#hotspots.hotspots().length }
  }

  /** A query has arrived at its entry node. True: it had better run at another copy. */
  handleQuery(database: string, tables: readonly string[]): boolean {
    const { clock, random } = this.#parts
    this.#tell(this.#hotspots.handleQuery(clock.nowMs(), { database, tables: [...tables] }))
    const share = this.shareToMove(database, tables)
    const isMoved = share > 0 && random() < share
    if (isMoved) this.#moved++
    return isMoved
  }

  /** 0–1: of such queries, the part that had better run at another copy. Looking counts nothing. */
  shareToMove(database: string, tables: readonly string[]): number {
    const hot = (tables.length === 0 ? [null] : tables).filter((table) => this.#hotspots.isHot(database, table))
    if (hot.length === 0) return 0
    const copies = this.#parts.otherCopies(database)
    return Math.max(...hot.map((table) => this.#hotspots.shareToMove(database, table, copies)))
  }

  /** What is hot of what such a query asks for, this node as a whole first. Looking counts nothing. */
  hotOf(database: string, tables: readonly string[]): Hotspot[] {
    const asked: ReadonlyArray<string | null> = tables.length === 0 ? [null] : tables
    return this.#hotspots.hotspots().flatMap(({ subject, ratePerSecond }): Hotspot[] => {
      if (subject.scope === 'node') return [{ scope: 'node', table: null, ratePerSecond }]
      return subject.database === database && asked.includes(subject.table) ? [{ scope: 'table', table: subject.table, ratePerSecond }] : []
    })
  }

  stop(): void {
    this.#timer.stop()
  }

  #tell(effects: readonly HotspotEffect[]): void {
    const { clock, log, onEvent } = this.#parts
    const window = `the last ${Number((this.#hotspots.options.windowMs / 1_000).toFixed(1))} s`
    for (const { kind, subject, ratePerSecond } of effects) {
      const rate = `${Math.round(ratePerSecond)} queries/s over ${window}`
      const reason = kind === 'hotspot-detected' ? `${nameOf(subject)} is asked for too often here: ${rate}${this.#isRelieved(subject) ? '; reads of it go to other copies in part' : ''}` : `${nameOf(subject)} is no hotspot any more: ${rate}`
      const event: RoutingEventView = {
        type: kind, atWallMs: clock.wallMs(), reason, peerId: null,
        database: subject.scope === 'table' ? subject.database : null, table: subject.scope === 'table' ? subject.table : null,
      }
      if (kind === 'hotspot-detected') {
        this.#detected++
        log.warn({ event }, `${kind} ${reason}`)
      } else log.info({ event }, `${kind} ${reason}`)
      onEvent(event)
    }
    this.#timer.rearm()
  }

  /** What is hot is moved by table or database; a node that is hot as a whole is only told of. */
  #isRelieved(subject: HotspotSubject): boolean {
    return subject.scope === 'table' && this.#parts.otherCopies(subject.database) > 0
  }
}

function nameOf(subject: HotspotSubject): string {
  if (subject.scope === 'node') return 'this node'
  return subject.table === null ? subject.database : `${subject.database}.${subject.table}`
}
