/** Joins the load machine to the probe (one reading a second) and to gossip. */
import type { LoadMonitor, LoadEffect } from '../core/load/load-monitor.ts'
import type { LoadSnapshot, LoadThresholds } from '../core/load/types.ts'
import type { LoadDigest } from '../core/membership/types.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { LoadProbe, LoadReading } from '../ports/load-probe.ts'
import type { Log } from '../ports/log.ts'
import { MachineTimer } from './machine-timer.ts'

const readingIntervalMs = 1_000

export interface LoadDriverParts {
  readonly monitor: LoadMonitor
  readonly probe: LoadProbe
  readonly clock: Clock
  readonly log: Log
  readonly publish: (snapshot: LoadSnapshot) => void
  /** What rides on datagrams from now on. */
  readonly onDigest: (digest: LoadDigest) => void
  /** How long a query takes that comes now, by database. Absent: nobody knows. */
  readonly serviceTimesMs?: () => Readonly<Record<string, number>>
  /** What becomes of its queries, of a database or of all, for the log. Absent, null: nothing to say. */
  readonly overloadConsequence?: (database: string | null) => string | null
  /** Once a second. */
  readonly onReading: (reading: LoadReading) => void
}

export class LoadDriver {
  readonly #parts: LoadDriverParts
  readonly #timer: MachineTimer
  #readingTimer: Timer | null = null
  #stopped = false
  #lastReadingWallMs: number | null = null
  readonly counters = { readings: 0, readingFailures: 0 }

  constructor(parts: LoadDriverParts) {
    this.#parts = parts
    this.#timer = new MachineTimer(parts.clock, parts.monitor, (nowMs) => this.#perform(parts.monitor.handleTimeout(nowMs)))
  }

  /** Unix ms of the last good reading. */
  get lastReadingWallMs(): number | null {
    return this.#lastReadingWallMs
  }

  /** Resolves after the first reading, so that a node never joins with a load that it made up. */
  async start(): Promise<void> {
    await this.#read()
    this.#armReading()
  }

  startDrill(drill: { readonly cpuPercent: number | null; readonly memoryPercent: number | null; readonly forMs: number }): void {
    this.#perform(this.#parts.monitor.startDrill(this.#parts.clock.nowMs(), drill))
  }

  endDrill(): void {
    this.#perform(this.#parts.monitor.endDrill(this.#parts.clock.nowMs()))
  }

  /** @throws MeshError ERR_OPTION_INVALID */
  setThresholds(database: string, thresholds: Readonly<Partial<LoadThresholds>> | null): void {
    this.#perform(this.#parts.monitor.setThresholds(this.#parts.clock.nowMs(), { database, thresholds }))
  }

  setInFlight(inFlight: number): void {
    this.#parts.monitor.setInFlight(inFlight)
  }

  stop(): void {
    this.#stopped = true
    this.#timer.stop()
    this.#readingTimer?.cancel()
    this.#parts.probe.close()
  }

  async #read(): Promise<void> {
    try {
      const reading = await this.#parts.probe.read()
      if (this.#stopped) return
      this.counters.readings++
      this.#lastReadingWallMs = this.#parts.clock.wallMs()
      this.#parts.onReading(reading)
      const { monitor, clock, serviceTimesMs } = this.#parts
      const nowMs = clock.nowMs()
      const effects = monitor.handleReading(nowMs, reading)
      const news = serviceTimesMs === undefined ? [] : monitor.handleServiceTimes(nowMs, serviceTimesMs())
      // One snapshot tells all of it.
      this.#perform(effects.some(({ kind }) => kind === 'publish') ? effects : [...effects, ...news])
    } catch (error) {
      this.counters.readingFailures++
      // The last good reading stays; the log says it once a minute, not once a second.
      if (this.counters.readingFailures % 60 === 1) this.#parts.log.warn({ err: error }, 'the load of this host could not be read')
    }
  }

  #armReading(): void {
    if (this.#stopped) return
    this.#readingTimer = this.#parts.clock.setTimer(readingIntervalMs, () => void this.#read().then(() => this.#armReading()))
  }

  #perform(effects: readonly LoadEffect[]): void {
    const { monitor, clock, log } = this.#parts
    for (const effect of effects) {
      switch (effect.kind) {
        case 'publish':
          this.#parts.publish(monitor.snapshot(clock.nowMs(), clock.wallMs()))
          break
        case 'overload-entered':
          log.warn({ reason: effect.reason, database: effect.database }, [`overloaded${forDatabase(effect.database)}: ${effect.reason}`, this.#parts.overloadConsequence?.(effect.database)].filter((text) => typeof text === 'string').join('; '))
          break
        case 'overload-left':
          log.info({ reason: effect.reason, database: effect.database }, `no longer overloaded${forDatabase(effect.database)}: ${effect.reason}`)
          break
      }
    }
    this.#parts.onDigest(monitor.digest())
    this.#timer.rearm()
  }
}

function forDatabase(database: string | null): string {
  return database === null ? '' : ` for queries on ${database}`
}
